"""The hot wallet of an emulated venue: hands out deposit addresses, sees deposits, pays withdrawals.

Works on the chain in the same process; refuses with ValueError and the reason. Its keys come from a seed,
so a venue restarted on the same chain finds its coins again.
"""

from __future__ import annotations

from emulator.chains.chain import BitcoinChain
from emulator.chains.errors import ChainError
from emulator.chains.index import Coin
from emulator.chains.script import script_of
from emulator.chains.signing import Key, OwnedCoin, build_payment
from emulator.chains.transaction import OutPoint, TxOut
from emulator.venues.engine.chain_port import Deposit

WITHDRAWAL_FEE_RATE = 5  # sat/vB the venue pays; what it charges is the venue's own affair


class HotWallet:
    def __init__(self, chain: BitcoinChain, seed: bytes) -> None:
        self._chain = chain
        self._seed = seed
        self._purse = Key(seed, "purse")
        self._deposit_keys: list[Key] = []

    @property
    def funding_address(self) -> str:
        """Where the venue's own stock is kept; coins here are no deposits."""
        return self._purse.address

    def new_deposit_address(self) -> str:
        """A fresh p2wpkh address: the n-th call gives the same one for the same seed."""
        with self._chain.lock:
            self._deposit_keys.append(Key(self._seed, f"deposit/{len(self._deposit_keys)}"))
            return self._deposit_keys[-1].address

    def balance(self) -> int:
        """Confirmed satoshi that can be paid out."""
        with self._chain.lock:
            return sum(owned.coin.output.amount_sat for owned in self._coins())

    def pay(self, address: str, amount_sat: int, tag: str = "", /) -> str:
        """Pay from confirmed coins and own unconfirmed change; returns the txid.

        Raises ValueError with the reason: bad address, a tag, not enough coins, or what the mempool refused.
        """
        if tag:
            raise ValueError(f"expected no tag on this chain, found {tag!r}")
        script = script_of(address)
        with self._chain.lock:
            outputs = [TxOut(amount_sat, script)]
            try:
                tx = build_payment(self._coins(), outputs, self._purse.script, WITHDRAWAL_FEE_RATE)
                return self._chain.submit(tx.raw)
            except ChainError as error:
                raise ValueError(f"cannot pay {amount_sat} sat to {address}: {error}") from error

    def deposits(self) -> list[Deposit]:
        """Every deposit that the chain or the mempool holds now, oldest first, waiting ones last.

        Spent ones stay; one that was reorganised out and replaced is gone.
        """
        with self._chain.lock:
            found: list[Deposit] = []
            for key in self._deposit_keys:
                confirmed = self._chain.index.history(key.scripthash)
                waiting = reversed(self._chain.mempool.history(key.scripthash))
                for txid in [*confirmed, *waiting]:
                    found += self._outputs_to(key, txid)
            return sorted(found, key=lambda deposit: -deposit.confirmations)

    def confirmations(self, txid: str) -> int | None:
        """None when unknown, 0 in the mempool, else the depth."""
        return self._chain.confirmations(txid)

    def _outputs_to(self, key: Key, txid: str) -> list[Deposit]:
        known = self._chain.transaction(txid)
        depth = self._chain.confirmations(txid)
        if known is None or depth is None:
            return []
        return [
            Deposit(txid, vout, key.address, output.amount_sat, depth)
            for vout, output in enumerate(known.tx.outputs)
            if output.script_pubkey == key.script
        ]

    def _coins(self) -> list[OwnedCoin]:
        found = [
            OwnedCoin(coin, key)
            for key in [self._purse, *self._deposit_keys]
            for coin in self._chain.coins(key.scripthash, spendable=True)
        ]
        return found + self._unconfirmed_change()

    def _unconfirmed_change(self) -> list[OwnedCoin]:
        found: list[OwnedCoin] = []
        for txid in self._chain.mempool.history(self._purse.scripthash):
            entry = self._chain.mempool.entries[txid]
            ours = {self._purse.script, *(key.script for key in self._deposit_keys)}
            if not all(output.script_pubkey in ours for output in entry.spent):
                continue  # somebody else's payment may still be replaced
            for vout, output in enumerate(entry.tx.outputs):
                outpoint = OutPoint(txid, vout)
                if output.script_pubkey == self._purse.script and self._chain.spender(outpoint) is None:
                    coin = Coin(outpoint, output, self._chain.height + 1, is_coinbase=False)
                    found.append(OwnedCoin(coin, self._purse))
        return found
