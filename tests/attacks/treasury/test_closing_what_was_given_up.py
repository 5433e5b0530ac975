"""A step whose coins went to a transaction that was given up is closed by a person once that one is final."""

from __future__ import annotations

from typing import Any

import pytest

from vault.errors import BooksError
from vault.store import records
from vault.treasury import books, closing, history, observe, reconcile

OURS, GIVEN_UP = "ab" * 32, "cd" * 32
pytestmark = pytest.mark.usefixtures("permitted")


@pytest.fixture
def overtaken(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A plan that is being sent, and reconciliation that finds its coins taken by what was given up."""
    plan = bench.plan(bench.top_up(coins=("ee" * 32 + ":0",)))
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=OURS, raw="00")
    bench.walk(plan, 1, "spend", "submitting", "accepted", submitted_at="2026-01-31T05:00:00.000Z")
    with bench.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), "sending", "send")

    def settle(_desk: Any, plan: Any) -> list[reconcile.Settlement]:
        step = bench.step(plan, 1, "spend")
        note = f"books.cancelled_but_sent: an input of {OURS} was spent by {GIVEN_UP}"
        facts = (step.plan_id, step.client_id, step.transfer, step.step, step.kind, step.state, step.state)
        return [reconcile.Settlement(*facts, OURS, note)]

    monkeypatch.setattr(reconcile, "settle_plan", settle)
    bench.chain.spent["ee" * 32, 0] = GIVEN_UP
    monkeypatch.setattr(observe, "take_snapshot", lambda _desk: None)
    monkeypatch.setattr(books, "explain", lambda *_: ())
    return plan


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_it_is_not_closed_while_the_other_one_may_still_lose(bench: Any, overtaken: Any, depth: int) -> None:
    bench.chain.depth[GIVEN_UP] = depth
    with pytest.raises(BooksError) as caught:
        closing.close_step(bench.desk, overtaken, "1.1", "seen")
    assert (caught.value.code, bench.states(overtaken)[0]) == ("books.not_final", "accepted")


def test_it_is_closed_once_the_other_one_is_final_and_still_counts(bench: Any, overtaken: Any) -> None:
    bench.chain.depth[GIVEN_UP] = 3
    closing.close_step(bench.desk, overtaken, "1.1", "an old copy was sent")
    assert bench.states(overtaken) == ["closed_by_person", "cancelled", "cancelled"]
    assert bench.state(overtaken) == "failed"
    with bench.desk.store.read() as connection:
        now = bench.clock.now()
        assert history.in_flight(connection, now) == frozenset()
        assert [each.amount for each in history.outflows(connection, now)] == [overtaken.transfer(1).gross]
