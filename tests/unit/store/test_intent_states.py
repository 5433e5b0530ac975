"""Intents move only along the allowed transitions, by compare-and-swap, and never out of an end state."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy.exc import IntegrityError

from vault.canonical import canonical_json
from vault.clock import ManualClock, to_iso
from vault.errors import PlanError, StoreError
from vault.store import journal, records
from vault.store.database import Store
from vault.store.records import TERMINAL, TRANSITIONS, IntentRow, PlanRow

STATES = sorted(TRANSITIONS)


def plan_row(plan_id: str = "a" * 16) -> PlanRow:
    return PlanRow(
        plan_id, plan_id * 4, "2026-01-31T05:00:00.000Z", "2026-01-31T05:30:00.000Z", "proposed", "{}"
    )


def intent_row(client_id: str, step: int = 1, plan_id: str = "a" * 16) -> IntentRow:
    body = canonical_json({"amount": "1"})
    return IntentRow(
        client_id, plan_id, 1, step, "withdraw", "planned", None, "2026-01-31T05:00:00.000Z", "", body
    )


class Memory:
    """A store in a folder of its own with one plan."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock(datetime(2026, 1, 31, 5, tzinfo=UTC))
        path = Path(self.folder.name) / "vault.db"
        self.store = Store.open(f"sqlite:///{path}", "ours", self.clock, create=True)
        with self.store.write() as writer:
            records.save_plan(writer, plan_row())

    def close(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def force(self, client_id: str, state: str) -> IntentRow:
        """An intent in any state, put there past the rules."""
        from sqlalchemy import update

        from vault.store import schema

        with self.store.write() as writer:
            writer.connection.execute(
                update(schema.intent).where(schema.intent.c.client_id == client_id).values(state=state)
            )
            return records.find_intent(writer.connection, client_id)


@pytest.fixture
def memory() -> Iterator[Memory]:
    made = Memory()
    with made.store.write() as writer:
        records.save_intent(writer, intent_row("v1"))
    yield made
    made.close()


@pytest.mark.parametrize(("before", "after"), list(itertools.product(STATES, STATES)))
def test_exactly_the_listed_transitions_are_allowed(before: str, after: str, memory: Memory) -> None:
    row = memory.force("v1", before)
    if after in TRANSITIONS[before]:
        with memory.store.write() as writer:
            assert records.move_intent(writer, row, after).state == after
        return
    with pytest.raises(StoreError) as caught, memory.store.write() as writer:
        records.move_intent(writer, row, after)
    assert caught.value.code == "store.bad_transition"
    with memory.store.read() as connection:
        assert records.find_intent(connection, "v1").state == before


def test_end_states_have_no_way_out() -> None:
    assert {state for state, after in TRANSITIONS.items() if not after} == TERMINAL


def test_nothing_that_may_have_left_becomes_planned_or_signed_again() -> None:
    """Only a proven absence (unsent) leads back to a send."""
    begun = {"submitting", "unknown", "accepted", "sent"}
    for state in begun:
        assert not TRANSITIONS[state] & {"planned", "signing", "signed", "submitting"}
    leads_to_send = {state for state, after in TRANSITIONS.items() if "submitting" in after}
    assert leads_to_send == {"planned", "signed", "unsent"}


def test_every_state_reaches_an_end() -> None:
    reached = set(TERMINAL)
    while more := {state for state, after in TRANSITIONS.items() if after & reached} - reached:
        reached |= more
    assert reached == set(TRANSITIONS)


def test_of_two_that_move_the_same_row_one_is_refused(memory: Memory) -> None:
    with memory.store.read() as connection:
        row = records.find_intent(connection, "v1")
    with memory.store.write() as writer:
        records.move_intent(writer, row, "submitting")
    with pytest.raises(StoreError) as caught, memory.store.write() as writer:
        records.move_intent(writer, row, "cancelled")
    assert caught.value.code == "store.moved_meanwhile"


def test_a_row_that_came_back_to_the_same_state_is_not_the_same_row(memory: Memory) -> None:
    """signing to signing: the state alone would not tell, the instant does."""
    row = memory.force("v1", "signing")
    memory.clock.advance(1)
    with memory.store.write() as writer:
        records.move_intent(writer, row, "signing")
    with pytest.raises(StoreError) as caught, memory.store.write() as writer:
        records.move_intent(writer, row, "signed")
    assert caught.value.code == "store.moved_meanwhile"


def test_client_ids_and_places_in_a_plan_are_unique(memory: Memory) -> None:
    for row in (intent_row("v1", step=2), intent_row("v2", step=1)):
        with pytest.raises(IntegrityError), memory.store.write() as writer:
            records.save_intent(writer, row)


def test_a_plan_is_recorded_once_and_approved_once_by_each(memory: Memory) -> None:
    with pytest.raises(PlanError) as exists, memory.store.write() as writer:
        records.save_plan(writer, plan_row())
    assert exists.value.code == "plan.exists"
    with memory.store.write() as writer:
        records.save_approval(writer, "a" * 16, "treasurer", {})
    with pytest.raises(PlanError) as twice, memory.store.write() as writer:
        records.save_approval(writer, "a" * 16, "treasurer", {"other": "text"})
    assert twice.value.code == "plan.approved_twice"


def test_a_plan_leaves_a_state_only_from_where_it_is_expected(memory: Memory) -> None:
    with pytest.raises(PlanError) as caught, memory.store.write() as writer:
        records.set_plan_state(writer, "a" * 16, frozenset({"approved"}), "sending", "send")
    assert caught.value.code == "plan.wrong_state"


class Life(RuleBasedStateMachine):
    """Intents moved at random, by hands that hold old rows as well: a model says what must come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.model: dict[str, str] = {}
        self.held: list[IntentRow] = []
        self.ended: dict[str, str] = {}

    @initialize()
    def begin(self) -> None:
        with self.memory.store.write() as writer:
            for step in (1, 2, 3):
                records.save_intent(writer, intent_row(f"v{step}", step))
                self.model[f"v{step}"] = "planned"
            self.held = records.intents(writer.connection, "a" * 16)

    @rule(pick=st.integers(0, 1_000), state=st.sampled_from(STATES), seconds=st.integers(1, 5))
    def move(self, pick: int, state: str, seconds: int) -> None:
        self.memory.clock.advance(seconds)
        row = self.held[pick % len(self.held)]
        with self.memory.store.read() as connection:
            now = records.find_intent(connection, row.client_id)
        allowed = state in TRANSITIONS[row.state] and row == now
        try:
            with self.memory.store.write() as writer:
                moved = records.move_intent(writer, row, state)
        except StoreError as error:
            assert not allowed, error.message
            assert error.code in {"store.bad_transition", "store.moved_meanwhile"}
        else:
            assert allowed
            assert moved.updated_at == to_iso(self.memory.clock.now())
            self.model[row.client_id] = state
            self.held.append(moved)
            if state in TERMINAL:
                self.ended[row.client_id] = state

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        with self.memory.store.read() as connection:
            found = {row.client_id: row.state for row in records.intents(connection)}
        assert found == self.model
        for client_id, state in self.ended.items():
            assert found[client_id] == state

    def teardown(self) -> None:
        head = self.memory.store.verify()
        with self.memory.store.read() as connection:
            assert journal.head(connection) == head
        self.memory.close()


TestLife = Life.TestCase
if settings.default is not None and settings.default.max_examples <= 100:  # not in the soak
    TestLife.settings = settings(max_examples=12, stateful_step_count=25)
