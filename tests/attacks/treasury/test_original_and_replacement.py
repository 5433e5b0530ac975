"""An original, its bump and its cancellation, in whatever order the world takes them: one counts, one wins.

The chain of this test mines, reorganises, forgets and takes what anybody broadcasts; the treasury sends,
resumes and reconciles in between. Books and limits must follow the chain after every look at it.
"""

from __future__ import annotations

import contextlib
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from vault.bitcoin.backends.base import TxStatus
from vault.clock import to_iso
from vault.errors import ChainError, VaultError
from vault.money import BTC, Amount
from vault.store import records
from vault.treasury import authority, execute, history, lineage, movements, preconditions, reconcile
from vault.treasury.plan import Plan, Transfer

COIN = ("cd" * 32, 0)
TXID = {"original": "a1" * 32, "bump": "b2" * 32, "cancel": "c3" * 32}
FEE = {"original": 1_000, "bump": 2_500, "cancel": 4_000}
DEPTH = 3


class World:
    """One coin, three transactions that spend it: at most one of them is in the mempool or in a block."""

    def __init__(self) -> None:
        self.height = 100
        self.waiting: str | None = None
        self.mined: tuple[str, int] | None = None
        self.known: set[str] = set()

    @property
    def alive(self) -> str | None:
        return self.mined[0] if self.mined else self.waiting

    def broadcast(self, raw: bytes) -> str:
        txid = raw.hex()
        if self.mined is not None and self.mined[0] != txid:
            raise ChainError("refused", "inputs missing or spent")
        self.known.add(txid)
        if self.mined is None:
            self.waiting = txid
        return txid

    def mine(self) -> None:
        self.height += 1
        if self.waiting is not None and self.mined is None:
            self.mined, self.waiting = (self.waiting, self.height), None

    def reorganise(self, blocks: int) -> None:
        if self.mined is not None and self.mined[1] > self.height - blocks:
            self.waiting, self.mined = self.mined[0], None

    def transaction_status(self, txid: str) -> TxStatus:
        if self.mined is not None and self.mined[0] == txid:
            return TxStatus(True, True, self.mined[1], self.height - self.mined[1] + 1)
        return TxStatus(txid == self.waiting, False, None, 0)

    def final_status(self, txid: str) -> TxStatus:
        return self.transaction_status(txid)

    def outspend(self, txid: str, vout: int) -> str | None:
        return self.alive if (txid, vout) == COIN else None

    def test_accept(self, raw: bytes) -> None:
        """There is no node to ask."""

    def tip_height(self) -> int:
        return self.height


def spend(bench: Any, name: str) -> Transfer:
    facts: dict[str, Any] = {
        "kind": "bitcoin_spend",
        "source": "cold",
        "venue_account": "hedge",
        "action": "top_up" if name == "original" else name,
        "coins": (f"{COIN[0]}:{COIN[1]}",),
        "fee": Amount(BTC, FEE[name]),
        "replaces": {"original": "", "bump": TXID["original"], "cancel": TXID["bump"]}[name],
    }
    if name == "cancel":
        returned = Amount(BTC, 500_000)
        facts |= {"kind": "bitcoin_upkeep", "venue_account": "", "payments": (), "returned": returned}
    return bench.transfer(**facts)  # type: ignore[no-any-return]


def signed(bench: Any, name: str) -> Plan:
    plan: Plan = bench.plan(spend(bench, name))
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=TXID[name], raw=TXID[name])
    return plan


class Life(RuleBasedStateMachine):
    """What may happen to them, and what must hold after each step."""

    open_bench: Any = None

    @initialize()
    def begin(self) -> None:
        self.stack = contextlib.ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        opened: AbstractContextManager[Any] = type(self).open_bench(Path(folder))
        self.bench = self.stack.enter_context(opened)
        self.world = World()
        self.bench.desk.backend = lambda: self.world
        self.bench.desk.venues.find_deposit = lambda *arguments: None
        self.plans = {name: signed(self.bench, name) for name in TXID}

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(name=st.sampled_from(sorted(TXID)))
    def send(self, name: str) -> None:
        """A person sends it, or sends it again."""
        begun = self.bench.state(self.plans[name]) == "sending"
        with contextlib.suppress(VaultError):
            execute.send(self.bench.desk, self.plans[name], resume=begun)

    @rule(name=st.sampled_from(sorted(TXID)))
    def somebody_broadcasts(self, name: str) -> None:
        """Whoever has the bytes may send them again; they had to be sent once to be had."""
        if TXID[name] in self.world.known:
            with contextlib.suppress(ChainError):
                self.world.broadcast(bytes.fromhex(TXID[name]))

    @rule(blocks=st.integers(1, 4))
    def blocks_are_found(self, blocks: int) -> None:
        for _ in range(blocks):
            self.world.mine()

    @rule(blocks=st.integers(1, 6))
    def blocks_are_taken_back(self, blocks: int) -> None:
        self.world.reorganise(blocks)

    @precondition(lambda self: self.world.waiting is not None)
    @rule()
    def the_mempool_forgets(self) -> None:
        self.world.waiting = None

    @rule()
    def look(self) -> None:
        self.settle()
        self.books_are_the_chains()
        self.limits_count_once()

    def settle(self) -> None:
        """Reconcile until nothing changes: what a winner takes back may need a second look."""
        self.bench.clock.advance(600)
        for _ in range(3):
            reconcile.reconcile(self.bench.desk)

    def state(self, name: str) -> str:
        return str(self.bench.step(self.plans[name], 1, "spend").state)

    @invariant()
    def never_two_count(self) -> None:
        if not hasattr(self, "plans"):
            return
        counted = [name for name in TXID if self.state(name) in {"accepted", "sent", "done"}]
        assert len(counted) <= 1, counted

    @invariant()
    def one_winner_and_the_others_say_which(self) -> None:
        if not hasattr(self, "plans"):
            return
        won = [name for name in TXID if self.state(name) == "done"]
        assert len(won) <= 1
        for name in TXID:
            step = self.bench.step(self.plans[name], 1, "spend")
            if step.state == "replaced":
                assert won == [n for n in TXID if TXID[n] == step.facts["replaced_by"]]
                assert set(self.bench.states(self.plans[name])) == {"replaced"}
            elif won and name not in won:
                assert step.state not in records.OPEN_STATES, (name, step.state)

    def books_are_the_chains(self) -> None:
        left = 0
        for plan in self.plans.values():
            transfer = plan.body.transfers[0]
            steps = {"spend": self.bench.step(plan, 1, "spend")}
            homes = ["outside"] * len(transfer.payments)
            left -= sum(
                change.units
                for place, change in movements.effects(transfer, steps, homes)
                if place == "wallet:cold"
            )
        alive = next((name for name in TXID if TXID[name] == self.world.alive), None)
        expected = 0 if alive is None else FEE[alive] + (99_000 if alive != "cancel" else 0)
        assert left == expected, (alive, {name: self.state(name) for name in TXID})

    def limits_count_once(self) -> None:
        with self.bench.desk.store.read() as connection:
            counted = history.outflows(connection, self.bench.clock.now())
        whole = sum(each.amount.units for each in counted)
        assert whole <= 99_000 + max(FEE.values())
        alive = next((name for name in TXID if TXID[name] == self.world.alive), None)
        if alive is not None:
            assert whole >= FEE[alive] + (99_000 if alive != "cancel" else 0)
            assert sum(each.fee.units for each in counted) >= FEE[alive]

    @rule()
    def it_comes_to_an_end(self) -> None:
        """Deep enough, whatever is alive has won."""
        for _ in range(DEPTH + 1):
            self.world.mine()
        self.settle()
        for name, txid in TXID.items():
            if txid == self.world.alive:
                assert self.state(name) == "done"
        self.books_are_the_chains()


def test_one_counts_and_one_wins_in_whatever_order(open_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "require_approvals", lambda *arguments: ())
    monkeypatch.setattr(preconditions, "check_transfer", lambda *arguments, **options: None)
    monkeypatch.setattr(preconditions, "check_meanwhile", lambda *arguments: None)
    monkeypatch.setattr(execute, "require_live", lambda *arguments: None)
    Life.open_bench = staticmethod(open_bench)
    run_state_machine_as_test(Life, settings=settings(max_examples=25, stateful_step_count=14, deadline=None))


# -- one at a time -----------------------------------------------------------------------------------


@pytest.fixture
def line(bench: Any, permitted: object) -> Any:
    """The three of them signed, on a chain of their own."""
    world = World()
    bench.desk.backend = lambda: world
    bench.desk.venues.find_deposit = lambda *arguments: None
    return SimpleNamespace(bench=bench, world=world, plans={name: signed(bench, name) for name in TXID})


def states(line: Any, name: str) -> list[str]:
    return line.bench.states(line.plans[name])  # type: ignore[no-any-return]


def test_the_loser_is_replaced_by_the_winner_and_its_credit_never_runs(line: Any) -> None:
    for name in ("original", "bump"):
        execute.send(line.bench.desk, line.plans[name])
    assert (states(line, "original")[0], states(line, "bump")[0]) == ("displaced", "accepted")
    for _ in range(DEPTH):
        line.world.mine()
    reconcile.reconcile(line.bench.desk)
    assert states(line, "original") == ["replaced"] * 3
    assert states(line, "bump") == ["done", "planned", "planned"]
    assert line.bench.step(line.plans["original"], 1, "spend").facts["replaced_by"] == TXID["bump"]
    assert line.bench.state(line.plans["original"]) == "replaced"
    assert line.bench.state(line.plans["bump"]) == "sending", "its credit is waited for"


def test_an_original_that_confirms_after_all_wins_over_its_bump(line: Any) -> None:
    for name in ("original", "bump"):
        execute.send(line.bench.desk, line.plans[name])
    line.world.waiting = TXID["original"]
    for _ in range(DEPTH):
        line.world.mine()
    reconcile.reconcile(line.bench.desk)
    assert states(line, "original")[0] == "done"
    assert states(line, "bump") == ["replaced"] * 3


def test_a_foreign_spend_of_the_same_coin_is_a_conflict_and_replaces_nothing(line: Any) -> None:
    execute.send(line.bench.desk, line.plans["original"])
    line.world.waiting, line.world.mined = None, ("ee" * 32, line.world.height)
    (found,) = [each for each in reconcile.reconcile(line.bench.desk) if each.kind == "spend"]
    assert found.note.startswith("books.conflicted: ")
    assert states(line, "original")[0] == "accepted"


def test_a_replacement_that_was_given_up_and_is_sent_all_the_same_is_followed_again(line: Any) -> None:
    execute.send(line.bench.desk, line.plans["original"])
    execute.cancel(line.bench.desk, line.plans["bump"], "not needed")
    line.world.waiting = TXID["bump"]
    notes = [each.note for each in reconcile.reconcile(line.bench.desk)]
    assert any(note.startswith("books.cancelled_but_sent: ") for note in notes)
    assert (states(line, "original")[0], states(line, "bump")) == (
        "displaced",
        ["accepted", "planned", "planned"],
    )
    for _ in range(DEPTH):
        line.world.mine()
    reconcile.reconcile(line.bench.desk)
    assert (states(line, "original")[0], states(line, "bump")[0]) == ("replaced", "done")
    assert line.bench.state(line.plans["bump"]) == "sending", "its credit is waited for"


def test_a_deep_reorganisation_reopens_winner_and_loser(line: Any) -> None:
    for name in ("original", "bump"):
        execute.send(line.bench.desk, line.plans[name])
    for _ in range(DEPTH):
        line.world.mine()
    reconcile.reconcile(line.bench.desk)
    line.world.reorganise(DEPTH)
    line.world.waiting = TXID["original"]
    found = reconcile.reconcile(line.bench.desk)
    assert [each.note.split(":")[0] for each in found if each.note] == ["books.reorganised"]
    assert line.bench.state(line.plans["original"]) == "sending"
    assert (states(line, "original")[0], states(line, "bump")[0]) == ("accepted", "displaced")
    for _ in range(DEPTH):
        line.world.mine()
    reconcile.reconcile(line.bench.desk)
    assert states(line, "original")[0] == "done"
    assert states(line, "bump") == ["replaced"] * 3


def test_a_reorganisation_before_the_depth_goes_back_to_accepted_and_is_journaled(line: Any) -> None:
    execute.send(line.bench.desk, line.plans["original"])
    line.world.mine()
    reconcile.reconcile(line.bench.desk)
    assert states(line, "original")[0] == "sent"
    line.world.reorganise(1)
    reconcile.reconcile(line.bench.desk)
    step = line.bench.step(line.plans["original"], 1, "spend")
    assert step.state == "accepted"


def test_a_displaced_step_cannot_be_given_up_while_its_bytes_may_confirm(line: Any) -> None:
    for name in ("original", "bump"):
        execute.send(line.bench.desk, line.plans[name])
    with pytest.raises(VaultError) as caught:
        execute.cancel(line.bench.desk, line.plans["original"], "why not")
    assert caught.value.code == "denied.in_flight"


def test_a_child_dies_with_its_parent(line: Any) -> None:
    """A child that paid for the original is displaced with it, and replaced when the bump wins."""
    child = line.bench.transfer(
        kind="bitcoin_upkeep",
        action="speed_up",
        source="cold",
        venue_account="",
        payments=(),
        coins=(f"{TXID['original']}:1",),
    )
    plan = line.bench.plan(child)
    line.bench.walk(plan, 1, "spend", "signing")
    line.bench.walk(plan, 1, "spend", "signed", txid="dd" * 32, raw="dd" * 32)
    execute.send(line.bench.desk, line.plans["original"])
    at = to_iso(line.bench.clock.now())
    line.bench.walk(plan, 1, "spend", "submitting", submitted_at=at)
    line.bench.walk(plan, 1, "spend", "accepted", reference="dd" * 32)
    with line.bench.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), "sending", "test")
    execute.send(line.bench.desk, line.plans["bump"])
    assert line.bench.states(plan) == ["displaced"]
    line.bench.clock.advance(600)
    reconcile.reconcile(line.bench.desk)
    assert line.bench.states(plan) == ["displaced"], (
        "its parent's bump is in the mempool: nothing to send again"
    )
    for _ in range(DEPTH):
        line.world.mine()
    reconcile.reconcile(line.bench.desk)
    assert (line.bench.states(plan), line.bench.state(plan)) == (["replaced"], "replaced")


def test_the_lineage_knows_who_loses_to_whom(line: Any) -> None:
    with line.bench.desk.store.read() as connection:
        family = lineage.Lineage(connection)
        winner = family.find(TXID["bump"])
        assert winner is not None
        lost = {row.facts["txid"] for row in family.losers(winner)}
        replaced = [row.facts["txid"] for row in family.replaced(TXID["cancel"])]
    assert lost == {TXID["original"], TXID["cancel"]}
    assert replaced == [TXID["cancel"], TXID["bump"], TXID["original"]]


def test_what_was_signed_and_given_up_is_named_when_somebody_sends_it(line: Any) -> None:
    """It was never handed over by us; its bytes were valid all the same."""
    for name in ("cancel", "bump"):
        execute.cancel(line.bench.desk, line.plans[name], "not needed")
    execute.cancel(line.bench.desk, line.plans["original"], "not needed")
    line.world.waiting = TXID["original"]
    found = [each for each in reconcile.reconcile(line.bench.desk) if each.note]
    assert [each.note.split(":")[0] for each in found] == ["books.cancelled_but_sent"]
    assert (found[0].before, found[0].state) == ("cancelled", "accepted")


def test_an_original_is_not_given_up_while_a_bump_that_pays_in_its_place_is_open(line: Any) -> None:
    """Else the payment would count under the bump's limit, and the one of payments would be empty again."""
    bench = line.bench
    execute.send(bench.desk, line.plans["original"])
    line.world.waiting = None
    bench.clock.advance(600)
    reconcile.reconcile(bench.desk)
    execute.send(bench.desk, line.plans["bump"])
    assert (states(line, "original")[0], states(line, "bump")[0]) == ("unsent", "accepted")
    with pytest.raises(VaultError) as caught:
        execute.cancel(bench.desk, line.plans["original"], "evicted, bumped")
    assert caught.value.code == "denied.in_flight"
    with bench.desk.store.read() as connection:
        counted = history.outflows(connection, bench.clock.now())
    assert {each.action: each.amount.units for each in counted} == {
        "top_up": 100_000,
        "bump": FEE["bump"] - FEE["original"],
        "cancel": FEE["cancel"] - FEE["bump"],
    }


def test_a_bump_whose_original_counts_no_more_counts_under_the_originals_action(line: Any) -> None:
    bench = line.bench
    with bench.desk.store.write() as writer:
        step = records.intents(writer.connection, line.plans["original"].plan_id)[0]
        records.move_intent(writer, step, "cancelled")
        original, states = line.plans["original"].plan_id, frozenset({"approved"})
        records.set_plan_state(writer, original, states, "cancelled", "as an older version let")
    execute.send(bench.desk, line.plans["bump"])
    with bench.desk.store.read() as connection:
        counted = history.outflows(connection, bench.clock.now())
    assert {each.action: each.amount.units for each in counted} == {
        "top_up": 99_000 + FEE["bump"],
        "cancel": FEE["cancel"] - FEE["bump"],
    }
