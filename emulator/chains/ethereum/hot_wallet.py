"""The venue's side of the emulated chain: deposit addresses, a hot key that pays, sight of confirmations.

One port an asset; ports of one seed on one chain share the hot key, whose nonces come from the chain. It
works on the chain in the same process and refuses with ValueError and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from eth_keys.datatypes import PrivateKey

from emulator.chains.ethereum.blocks import MinedTransaction
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import calldata, token_balance
from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.evm import TRANSFER_TOPIC
from emulator.chains.ethereum.hexes import checksummed, hashed, parse_address
from emulator.venues.engine.chain_port import Deposit


class EthereumPort:
    """ETH, or with `token` its address: a venue's ChainPort for one asset; amounts in base units.

    With `inbox`, the address of a contract that keeps everybody's deposits, that is the only deposit address,
    and a deposit's tag is its sender in lower case.
    """

    def __init__(
        self, chain: EthereumChain, seed: bytes, *, token: str | None = None, inbox: str | None = None
    ) -> None:
        self._chain = chain
        self._seed = seed
        self._token = token
        self._purse = _key(seed, "purse")
        self._label = "ETH" if token is None else token.lower()
        self._inbox = inbox
        self._addresses: dict[bytes, str] = {}
        if inbox is not None:
            self._addresses[parse_address(inbox)] = inbox

    @property
    def funding_address(self) -> str:
        """The hot key's account: the venue's own stock of every asset, and the ETH that pays for gas."""
        return str(self._purse.public_key.to_checksum_address())

    def new_deposit_address(self) -> str:
        """A fresh address: the n-th call gives the same one for the same seed and asset. Or the inbox."""
        if self._inbox is not None:
            return self._inbox
        with self._chain.lock:
            key = _key(self._seed, f"{self._label}/deposit/{len(self._addresses)}")
            address = bytes(key.public_key.to_canonical_address())
            self._addresses[address] = checksummed(address)
            return self._addresses[address]

    def balance(self) -> int:
        """What can be paid out."""
        if self._token is None:
            return self._chain.balance(self.funding_address)
        return token_balance(self._chain, self._token, self.funding_address)

    def pay(self, address: str, amount: int, tag: str = "", /) -> str:
        """Send from the hot key and return the txid; it is in a block when one is made.

        Raises ValueError with the reason: bad address, a tag, too little, a payment that would be reverted,
        or what the mempool refused.
        """
        if tag:
            raise ValueError(f"expected no tag on this chain, found {tag!r}")
        try:
            to = parse_address(address)
            with self._chain.lock:
                if self.balance() - self._waiting() < amount:
                    raise ValueError(f"expected {amount} in the hot wallet, found {self.balance()}")
                value, data = amount, b""
                if self._token is not None:
                    value, data = 0, calldata("transfer(address,uint256)", address, amount)
                    to = parse_address(self._token)
                self._chain.call(checksummed(to), data, sender=self.funding_address, value=value)
                return self._chain.pay(self._purse, to, value=value, data=data)
        except RpcRefusal as error:
            raise ValueError(f"cannot pay {amount} to {address}: {error.message}") from error

    def _waiting(self) -> int:
        """What payments of ours in the mempool will take of this asset."""
        mine = self._chain.mempool.from_sender(bytes(self._purse.public_key.to_canonical_address()))
        if self._token is None:
            return sum(tx.execution.value for tx in mine)
        token = parse_address(self._token)
        sent = (tx.execution.data[36:68] for tx in mine if tx.execution.to == token)
        return sum(int.from_bytes(amount, "big") for amount in sent)

    def deposits(self) -> list[Deposit]:
        """Every payment to a deposit address that the chain holds now, oldest first, waiting ones last.

        One that was reorganised out and replaced is gone. `vout` tells several payments of one transaction
        apart: the place among its logs or its moves of ETH, which stays the same in another block.
        """
        with self._chain.lock:
            found: list[Deposit] = []
            for block in self._chain.full_blocks():
                depth = self._chain.height - block.number + 1
                for mined in block.transactions:
                    found += self._payments(mined, depth)
            if self._token is None:
                for tx in self._chain.mempool.pending:
                    if tx.execution.to in self._addresses and tx.execution.value:
                        address = self._addresses[tx.execution.to]
                        tag = "0x" + tx.sender.hex() if self._inbox is not None else ""
                        found.append(Deposit(tx.txid, 0, address, tx.execution.value, 0, tag))
            return found

    def confirmations(self, txid: str) -> int | None:
        """None when unknown, 0 in the mempool, else the depth."""
        return self._chain.confirmations(txid)

    def _payments(self, mined: MinedTransaction, depth: int) -> Iterator[Deposit]:
        """Transfer logs of the token; or moves of ETH, those inside of contracts too."""
        token = None if self._token is None else parse_address(self._token)
        logs = mined.moves if token is None else mined.logs
        for offset, log in enumerate(logs):
            if token is not None and (log.address != token or log.topics[:1] != (TRANSFER_TOPIC,)):
                continue
            if len(log.topics) != 3:
                continue
            to, amount = log.topics[2].to_bytes(32, "big")[12:], int.from_bytes(log.data, "big")
            if to in self._addresses and amount:
                sender = "0x" + log.topics[1].to_bytes(32, "big")[12:].hex()
                tag = sender if self._inbox is not None else ""
                yield Deposit(mined.tx.txid, offset, self._addresses[to], amount, depth, tag)


def _key(seed: bytes, path: str) -> PrivateKey:
    return PrivateKey(hashed(seed + b"/" + path.encode()))
