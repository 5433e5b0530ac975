"""A bump that is cut short at each of its journal entries, before or after it is written: one wins.

The process ends at a write of the store, as a kill would end it; a new one reconciles, goes on as a person
would, and finds exactly one transaction counted and one winner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from vault.bitcoin.backends.base import TxStatus
from vault.errors import ChainError, VaultError
from vault.money import BTC, Amount
from vault.store import records
from vault.treasury import execute, reconcile
from vault.treasury.plan import Plan

COIN: Final = f"{'cd' * 32}:0"
A, B = "a1" * 32, "b2" * 32
DEPTH: Final = 3


class KilledError(BaseException):
    """The process is gone."""


class Chain:
    """A mempool of one, and blocks on top of what is in it."""

    def __init__(self) -> None:
        self.alive, self.depth, self.sent = "", 0, list[str]()

    def broadcast(self, raw: bytes) -> str:
        if self.depth and raw.hex() != self.alive:
            raise ChainError("refused", "inputs missing or spent")
        self.alive = raw.hex()
        self.sent.append(self.alive)
        return self.alive

    def transaction_status(self, txid: str) -> TxStatus:
        if txid != self.alive:
            return TxStatus(False, False, None, 0)
        return TxStatus(True, self.depth > 0, 100 if self.depth else None, self.depth)

    def final_status(self, txid: str) -> TxStatus:
        return self.transaction_status(txid)

    def outspend(self, txid: str, vout: int) -> str | None:
        return self.alive or None

    def test_accept(self, raw: bytes) -> None:
        """There is no node to ask."""

    def tip_height(self) -> int:
        return 100 + self.depth


class Knife:
    """Ends the process at the write of that number: before it, or when it is on disk."""

    def __init__(self, store: Any, at: int, after: bool) -> None:
        self.passed, self._at, self._after = 0, at, after
        self._store, self._write = store, store.write
        store.write = self.write

    @contextmanager
    def write(self) -> Iterator[Any]:
        self.passed += 1
        mine = self.passed == self._at
        if mine and not self._after:
            raise KilledError
        with self._write() as writer:
            yield writer
        if mine:
            raise KilledError

    def sheathe(self) -> None:
        self._store.write = self._write


def signed(bench: Any, txid: str, **facts: Any) -> Plan:
    plan: Plan = bench.plan(
        bench.transfer(kind="bitcoin_spend", source="cold", venue_account="", coins=(COIN,), **facts)
    )
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=txid, raw=txid)
    return plan


def life(bench: Any, chain: Chain, plans: tuple[Plan, Plan]) -> None:
    """Both are sent, blocks come, and both are looked at on the way."""
    for plan in plans:
        execute.send(bench.desk, plan)
        reconcile.reconcile(bench.desk)
    chain.depth = DEPTH
    reconcile.reconcile(bench.desk)


def recover(bench: Any, chain: Chain, plans: tuple[Plan, Plan]) -> None:
    """What a person does after a crash: reconcile, go on with what is not settled, reconcile again."""
    reconcile.reconcile(bench.desk)
    one_counts(bench, plans)
    for plan in plans:
        try:
            execute.send(bench.desk, plan, resume=bench.state(plan) == "sending")
        except VaultError:
            reconcile.reconcile(bench.desk)
        one_counts(bench, plans)
    chain.depth = DEPTH
    reconcile.reconcile(bench.desk)
    reconcile.reconcile(bench.desk)


def one_counts(bench: Any, plans: tuple[Plan, Plan]) -> None:
    states = [bench.step(plan, 1, "spend").state for plan in plans]
    assert sum(state in {"accepted", "sent", "done"} for state in states) <= 1, states


def staged(bench: Any) -> tuple[Chain, tuple[Plan, Plan]]:
    chain = Chain()
    bench.desk.backend = lambda: chain
    first = signed(bench, A, action="evacuate")
    second = signed(bench, B, action="bump", replaces=A, fee=Amount(BTC, 3_000))
    return chain, (first, second)


def test_every_write_of_a_bump_may_be_the_last(
    open_bench: Callable[[Path], AbstractContextManager[Any]],
    permitted: object,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    killed = number = 0
    for after in (False, True):
        number = 0
        while True:
            number += 1
            with open_bench(tmp_path / f"{number}{after}") as bench:
                chain, plans = staged(bench)
                knife = Knife(bench.desk.store, number, after)
                try:
                    life(bench, chain, plans)
                    cut = False
                except KilledError:
                    cut = True
                knife.sheathe()
                recover(bench, chain, plans)
                states = [bench.step(plan, 1, "spend").state for plan in plans]
                winner = states.index("done")
                assert sorted(states) == ["done", "replaced"], (number, after, states)
                assert chain.alive == (A, B)[winner]
                loser = bench.step(plans[1 - winner], 1, "spend")
                assert loser.facts["replaced_by"] == chain.alive
                assert {bench.state(plan) for plan in plans} == {"done", "replaced"}
                assert all(
                    found.state in records.TERMINAL
                    for found in (bench.step(plan, 1, "spend") for plan in plans)
                )
            if not cut:
                break
            killed += 1
    record_property("count", f"a bump cut short {killed} times: before and after each of its writes")
    assert killed >= 10


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "require_live", lambda *arguments: None)
