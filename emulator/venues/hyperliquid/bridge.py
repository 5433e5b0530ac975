"""The bridge on an emulated Arbitrum: sees who paid it, and pays withdrawals out of what it holds.

A `ChainPort` for USDC. A deposit's tag is its sender; the tag of a payment says for which account and nonce
it is, which the bridge's event repeats. Refuses what the contract refuses: a second payment of one nonce.
"""

from __future__ import annotations

from emulator.chains.ethereum.artefacts import load
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import ARBITRUM_USDC, calldata, token_balance
from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.evm import TRANSFER_TOPIC
from emulator.chains.ethereum.hexes import checksummed, parse_address
from emulator.venues.engine.chain_port import Deposit
from emulator.venues.hyperliquid.profile import BRIDGE

FINALIZER_SLOT = 0


def place_bridge(chain: EthereumChain) -> None:
    """The contract at the bridge's address, worked by the chain's own account; it holds nothing yet."""
    chain.set_code(BRIDGE, load("HyperliquidBridge").runtime)
    chain.set_storage(BRIDGE, FINALIZER_SLOT, int(chain.owner, 16))


class BridgePort:
    """Works on the chain in the same process, whose tokens and bridge are in place."""

    def __init__(self, chain: EthereumChain) -> None:
        self._chain = chain

    @property
    def funding_address(self) -> str:
        """Where its stock is: the bridge itself."""
        return checksummed(parse_address(BRIDGE))

    def new_deposit_address(self) -> str:
        """The same for everybody."""
        return BRIDGE

    def balance(self) -> int:
        """What can be paid out."""
        return token_balance(self._chain, ARBITRUM_USDC, BRIDGE)

    def pay(self, address: str, amount: int, tag: str = "", /) -> str:
        """Have the bridge pay, and return the txid. Raises ValueError with the reason."""
        user, _, nonce = tag.partition(":")
        signature = "finalizeWithdrawal(address,address,uint64,uint64)"
        try:
            parse_address(address)
            return self._chain.send(BRIDGE, calldata(signature, user, address.lower(), amount, int(nonce)))
        except RpcRefusal as error:
            raise ValueError(f"cannot pay {amount} to {address}: {error.message}") from error

    def deposits(self) -> list[Deposit]:
        """Every transfer of USDC to the bridge that the chain holds now, oldest first."""
        token, bridge = parse_address(ARBITRUM_USDC), int(BRIDGE, 16)
        found: list[Deposit] = []
        with self._chain.lock:
            for block in self._chain.full_blocks():
                depth = self._chain.height - block.number + 1
                for mined in block.transactions:
                    for offset, log in enumerate(mined.logs):
                        to_bridge = log.topics[:1] == (TRANSFER_TOPIC,) and log.topics[2:] == (bridge,)
                        if log.address != token or not to_bridge:
                            continue
                        sender = "0x" + log.topics[1].to_bytes(32, "big")[12:].hex()
                        amount = int.from_bytes(log.data, "big")
                        place = mined.first_log + offset
                        found.append(Deposit(mined.tx.txid, place, BRIDGE, amount, depth, sender))
        return found

    def confirmations(self, txid: str) -> int | None:
        """None when unknown, 0 in the mempool, else the depth."""
        return self._chain.confirmations(txid)
