"""What is over and older than every window is not read again, and what is not over always is."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from vault.clock import to_iso
from vault.policy.document import MAX_WINDOW_HOURS
from vault.store import records
from vault.treasury import history
from vault.treasury import plan as plans

DAY = 86_400
LATER = "2026-01-31T05:00:05.000Z"


def top_up(bench: Any, number: int, *states: str, plan_state: str) -> Any:
    """A top-up of its own coin that went as far as `states`."""
    plan = bench.plan(bench.top_up(coins=(f"{number:064x}:0",)))
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=f"{number + 1000:064x}", raw="00")
    if states:
        at = to_iso(bench.clock.now())
        bench.walk(plan, 1, "spend", "submitting", not_after=LATER, submitted_at=at)
        bench.walk(plan, 1, "spend", *states)
    if "done" in states:
        bench.walk(plan, 1, "credit", "done")
        bench.walk(plan, 1, "to_margin", "submitting", "done", not_after=LATER)
    with bench.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), plan_state, "test")
    return plan


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the plans that are parsed."""
    found: list[str] = []
    parse = plans.parse_plan

    def counting(text: str, *, what: str = "plan", older: bool = False) -> plans.Plan:
        plan = parse(text, what=what, older=older)
        found.append(plan.plan_id)
        return plan

    monkeypatch.setattr(history, "parse_plan", counting)
    history._parsed.cache_clear()
    return found


def test_only_what_may_count_is_parsed_and_that_once(bench: Any, parsed: list[str]) -> None:
    for number in range(6):
        top_up(bench, number, "accepted", "done", plan_state="done")
        top_up(bench, 10 + number, plan_state="cancelled")
        bench.clock.advance(DAY)
    stuck = top_up(bench, 20, "unknown", plan_state="frozen")
    evicted = top_up(bench, 21, "unknown", "unsent", plan_state="failed")
    bench.clock.advance(60 * DAY)
    young = top_up(bench, 22, "accepted", "done", plan_state="done")
    now = bench.clock.now()
    wanted = sorted(each.plan_id for each in (stuck, evicted, young))
    with bench.desk.store.read() as connection:
        for _ in range(3):
            counted = history.outflows(connection, now, since=now - timedelta(days=7))
        history.in_flight(connection, now)
        whole = history.outflows(connection, now)
    assert sorted(parsed[:3]) == wanted
    assert len(parsed) == len(set(parsed)), "none of them twice"
    since = now - timedelta(days=7)
    assert counted == tuple(each for each in whole if each.at >= since or each.state != "done")


def test_an_old_original_still_tells_as_what_its_young_bump_counts(bench: Any) -> None:
    original = top_up(bench, 1, "accepted", plan_state="sending")
    step = bench.step(original, 1, "spend")
    bench.clock.advance(60 * DAY)
    bumped = bench.plan(bench.top_up(action="bump", coins=step.facts["coins"], replaces=step.facts["txid"]))
    with bench.desk.store.write() as writer:
        records.move_intent(writer, step, "replaced", replaced_by="none of ours")
        states = frozenset({"sending"})
        records.set_plan_state(writer, original.plan_id, states, "replaced", "test")
    now = bench.clock.now()
    with bench.desk.store.read() as connection:
        (found,) = history.outflows(connection, now, since=now - timedelta(days=1))
        share = history.present_share(connection, bumped.body.transfers[0], now, without=bumped.plan_id)
    assert (found.action, found.amount.units) == ("top_up", 100_000)
    assert (share.action, share.amount.units) == ("top_up", 100_000)


def test_the_window_covers_the_longest_limit_and_the_longest_wait(bench: Any) -> None:
    now = bench.clock.now()

    def policy(fees: int, *limits: int) -> Any:
        windows = tuple(SimpleNamespace(window_hours=hours) for hours in limits)
        return SimpleNamespace(fees=SimpleNamespace(window_hours=fees), limit=windows, gas=())

    assert history.window_start(policy(24), now) == now - history.LONGEST_WAIT
    longest = timedelta(hours=MAX_WINDOW_HOURS)
    assert history.window_start(policy(24, 1, MAX_WINDOW_HOURS), now) <= now - longest
    assert history.window_start(policy(1_000, 24), now) == now - timedelta(hours=1_000)
