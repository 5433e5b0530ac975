"""A chain without sockets, and a purse whose coins tests may misspend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.index import Coin
from emulator.chains.policy import PolicyRules
from emulator.chains.signing import Key, OwnedCoin, sign
from emulator.chains.transaction import MAX_BIP125_SEQUENCE, OutPoint, Transaction, TxIn, TxOut

START_BLOCKS = 104  # four matured coinbases


class Purse:
    """A key with coins, and signed transactions of any shape from them."""

    def __init__(self, chain: BitcoinChain, label: str = "tests") -> None:
        self.chain = chain
        self.key = Key(b"tests", label)

    def coin(self, amount_sat: int = 100_000) -> OwnedCoin:
        """A confirmed coin of this amount."""
        txid = self.chain.fund(self.key.address, amount_sat)
        known = self.chain.transaction(txid)
        assert known is not None
        vouts = [vout for vout, out in enumerate(known.tx.outputs) if out.script_pubkey == self.key.script]
        return self.output(known.tx, vouts[0])

    def output(self, tx: Transaction, vout: int = 0) -> OwnedCoin:
        """An output of a transaction, confirmed or not, as a coin to spend."""
        return OwnedCoin(Coin(OutPoint(tx.txid, vout), tx.outputs[vout], 0, is_coinbase=False), self.key)

    def pay_self(self, amount_sat: int) -> TxOut:
        return TxOut(amount_sat, self.key.script)

    def spend(
        self,
        coins: Sequence[OwnedCoin],
        outputs: Sequence[TxOut],
        *,
        sequence: int = MAX_BIP125_SEQUENCE,
        locktime: int = 0,
        version: int = 2,
    ) -> Transaction:
        """Signed; fee is what the outputs leave."""
        inputs = tuple(TxIn(owned.coin.outpoint, b"", sequence) for owned in coins)
        return sign(Transaction(version, inputs, tuple(outputs), locktime), coins)

    def simple(self, fee_sat: int = 1_000, coin: OwnedCoin | None = None, **options: int) -> Transaction:
        """One input, one output back to the purse."""
        owned = coin or self.coin()
        return self.spend([owned], [self.pay_self(owned.coin.output.amount_sat - fee_sat)], **options)


@pytest.fixture
def chain() -> Iterator[BitcoinChain]:
    with BitcoinChain(start_blocks=START_BLOCKS) as made:
        yield made


@pytest.fixture
def purse(chain: BitcoinChain) -> Purse:
    return Purse(chain)


@pytest.fixture
def full_rbf_chain() -> Iterator[BitcoinChain]:
    with BitcoinChain(
        start_blocks=START_BLOCKS, rules=PolicyRules(full_rbf=True, max_replacements=2)
    ) as made:
        yield made
