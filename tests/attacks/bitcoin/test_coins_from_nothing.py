"""A server cannot make coins of ours: money from nothing and spends that nobody signed stay outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.bitcoin_keys import account_of
from tests.support.paper_chain import ANYONE, PaperChain, foreign_coin, paying, reward
from vault.address import network_of
from vault.bitcoin.backends.base import HistoryEntry
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.transaction import MAX_MONEY, OutPoint, Transaction, TxIn
from vault.bitcoin.wallet.coins import vanished
from vault.bitcoin.wallet.watch import WatchWallet
from vault.errors import ChainError

REGTEST = network_of("regtest")
FOREIGN = b"\x00\x14" + b"\x55" * 20
BITCOIN = 100_000_000


class Victim:
    """A wallet with a coin of 0.1 BTC, before a chain that a test makes lie."""

    def __init__(self, directory: Path, kind: Kind = "p2wpkh") -> None:
        self.account = account_of(b"victim", kind)
        self.chain = PaperChain(account=self.account)
        self.wallet = self.open(directory)
        self.coin = OutPoint(self.chain.add(paying(1, (self.script(0), BITCOIN // 10))), 0)
        self.chain.mine()
        self.wallet.sync()

    def open(self, directory: Path) -> WatchWallet:
        return WatchWallet("cold", self.account.descriptor, REGTEST, directory, self.chain, role="cold")

    def script(self, index: int, *, change: bool = False) -> bytes:
        return self.account.descriptor.script_pubkey(change, index)

    def own(self, value: int, *points: OutPoint) -> Transaction:
        """A spend to ourselves, as it would be signed."""
        return self.chain.signed(
            paying(9, (self.script(0, change=True), value), spends=points or [self.coin])
        )

    def refuses(self, transaction: Transaction, *, mined: bool = True) -> str:
        """The sync is refused and nothing changes; without the lie it goes on. Returns the refusal."""
        before, honest = self.wallet.ledger.path.read_bytes(), len(self.chain.blocks)
        txid = self.chain.add_as_it_is(transaction)
        if mined:
            self.chain.mine()
        with pytest.raises(ChainError) as refused:
            self.wallet.sync()
        assert refused.value.code == "chain.bad_answer"
        assert txid in refused.value.message
        assert self.wallet.ledger.path.read_bytes() == before
        del self.chain.blocks[honest:]
        if txid in self.chain.mempool:
            self.chain.evict(txid)
        assert self.wallet.sync().new == ()
        assert [coin.amount.units for coin in self.wallet.coins()] == [BITCOIN // 10]
        return refused.value.message


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return Victim(tmp_path)


@pytest.mark.parametrize("mined", [True, False])
@pytest.mark.parametrize("value", [1_000 * BITCOIN, BITCOIN // 10 + 1])
def test_a_signed_spend_that_pays_more_than_it_spends_is_refused(
    victim: Victim, value: int, mined: bool
) -> None:
    assert "to pay at most the 10000000 satoshi" in victim.refuses(victim.own(value), mined=mined)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spend_of_ours_that_nobody_signed_is_refused(tmp_path: Path, kind: Kind) -> None:
    victim = Victim(tmp_path, kind)
    honest = victim.own(9_990_000)
    (opened,) = honest.inputs
    forged = (
        TxIn(victim.coin, b"", opened.sequence),
        replace(opened, witness=(b"\x01" * 64,)),
        replace(opened, script_sig=b"", witness=(*opened.witness[:-1], b"")),
        replace(opened, sequence=opened.sequence - 1),  # signed, but not this
    )
    for each in forged:
        victim.refuses(replace(honest, inputs=(each,)))
    assert victim.chain.add_as_it_is(honest) in victim.wallet.sync().new


def test_a_spend_of_what_there_is_not_is_refused(victim: Victim) -> None:
    nowhere = OutPoint(victim.coin.txid, 7)
    victim.refuses(paying(9, (victim.script(1), 50_000), spends=[nowhere]))
    victim.refuses(paying(9, (victim.script(1), 50_000), spends=[nowhere, victim.coin]))
    victim.refuses(paying(9, (victim.script(1), 15_000_000), spends=[victim.coin, victim.coin]))


@pytest.mark.parametrize("value", [MAX_MONEY + 1, 2**63, 2**64 - 1])
def test_more_bitcoin_than_there_ever_are_are_refused_whoever_pays_them(victim: Victim, value: int) -> None:
    victim.refuses(paying(9, (victim.script(1), value)))
    victim.refuses(paying(9, (victim.script(1), 50_000), (FOREIGN, value)))
    victim.refuses(paying(9, (victim.script(1), MAX_MONEY), (FOREIGN, 1)))


def test_a_spend_is_judged_when_the_last_coin_it_spends_becomes_known(victim: Victim) -> None:
    """Served in two parts: first a payment by a stranger, then the proof that the stranger was us."""
    parent = paying(5, (victim.script(25), BITCOIN))
    child = paying(6, (victim.script(3), 900 * BITCOIN), spends=[OutPoint(parent.txid, 0)])
    victim.chain.add_as_it_is(child)
    victim.wallet.sync()
    (coin,) = (coin for coin in victim.wallet.coins() if coin.index == 3)
    assert not coin.own
    victim.chain.add_as_it_is(parent)
    with victim.wallet.ledger.exclusive() as writer:
        writer.hand_out(10, 1)
    with pytest.raises(ChainError) as refused:
        victim.wallet.sync()
    assert refused.value.code == "chain.bad_answer"
    assert child.txid in refused.value.message
    # An honest server has never heard of the child: it is gone, and keeps nothing from coming in.
    victim.chain.mempool.remove(child.txid)
    victim.wallet.sync()
    assert [each.txid for each in vanished(victim.wallet.ledger.state())] == [child.txid]
    assert {coin.index for coin in victim.wallet.coins()} == {0, 25}
    victim.chain.mempool.append(child.txid)
    with pytest.raises(ChainError) as refused:
        victim.wallet.sync()
    assert child.txid in refused.value.message


def test_an_honest_spend_lives_through_reorganisations_and_children(victim: Victim, tmp_path: Path) -> None:
    spend = victim.own(9_990_000)
    victim.chain.mine(spend)
    victim.wallet.sync()
    child = victim.own(9_980_000, OutPoint(spend.txid, 0))
    victim.chain.add(child)
    victim.wallet.sync()
    victim.chain.reorg(1)
    assert victim.wallet.sync().changed == (spend.txid,)
    victim.chain.evict(child.txid)
    assert victim.wallet.sync().vanished == (child.txid,)
    victim.chain.add(child)
    victim.chain.mine()
    assert set(victim.wallet.sync().changed) == {spend.txid, child.txid}
    balance = [(c.amount.units, c.own, c.confirmations) for c in victim.wallet.coins() if not c.spent_by]
    assert balance == [(9_980_000, True, 1)]
    anew = victim.open(tmp_path / "anew")
    anew.sync()
    assert anew.coins() == victim.wallet.coins()


def test_what_strangers_spend_is_left_to_the_chain(victim: Victim) -> None:
    theirs = paying(5, (victim.script(1), 50_000), (ANYONE, 700))
    victim.chain.mine(theirs, reward(2, victim.script(2), 5_000_000))
    mixed = paying(6, (victim.script(4), 800_000), spends=[victim.coin, foreign_coin(4)])
    victim.chain.mine(mixed, paying(7, (victim.script(5), 600), spends=[OutPoint(theirs.txid, 1)]))
    assert len(victim.wallet.sync().new) == 4
    assert not any(coin.own for coin in victim.wallet.coins())


def test_nothing_enters_the_ledger_that_the_backend_cannot_prove_and_nothing_is_proven_twice(
    victim: Victim,
) -> None:
    class Unproven:
        def __getattr__(self, name: str) -> Any:
            return getattr(victim.chain, name)

        def prove(self, entries: Sequence[HistoryEntry]) -> None:
            raise ChainError("bad_answer", f"expected proofs of {len(entries)}, found none")

    victim.chain.add(paying(5, (victim.script(1), 50_000)))
    victim.chain.mine()
    before = victim.wallet.ledger.path.read_bytes()
    honest, victim.wallet.backend = victim.wallet.backend, Unproven()  # type: ignore[assignment]
    with pytest.raises(ChainError):
        victim.wallet.sync()
    assert victim.wallet.ledger.path.read_bytes() == before
    victim.wallet.backend, victim.chain.calls = honest, {}
    victim.wallet.sync()
    victim.wallet.sync()
    assert victim.chain.calls["prove"] == 1
