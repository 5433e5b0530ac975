"""What left this machine, or may have, counts whatever became of its plan, and is followed once it shows."""

from __future__ import annotations

from typing import Any

import pytest

from vault.bitcoin.backends.base import TxStatus
from vault.clock import to_iso
from vault.errors import ChainError, DeniedError
from vault.store import records
from vault.treasury import execute, follow, history, inspection, preconditions, reconcile

TXID = "ab" * 32
OTHER = "ef" * 32
COIN = "cd" * 32
LATER = "2026-01-31T05:00:05.000Z"
PATIENCE = 600
MONTH = 30 * 86_400

pytestmark = pytest.mark.usefixtures("permitted")


def signed(bench: Any, **changes: Any) -> Any:
    plan = bench.plan(bench.top_up(**changes))
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=TXID, raw="00")
    return plan


def submitted(bench: Any, *states: str, plan_state: str = "sending", **changes: Any) -> Any:
    """Handed to a server, whose answer made it `states`."""
    plan = signed(bench, **changes)
    now = to_iso(bench.clock.now())
    bench.walk(plan, 1, "spend", "submitting", not_after=LATER, submitted_at=now, first_submitted_at=now)
    bench.walk(plan, 1, "spend", *states)
    with bench.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), plan_state, "test")
    return plan


def counted(bench: Any) -> list[tuple[str, int, str]]:
    with bench.desk.store.read() as connection:
        found = history.outflows(connection, bench.clock.now(), since=bench.clock.now())
    return [(each.action, each.amount.units, each.state) for each in found]


def busy(bench: Any) -> frozenset[str]:
    with bench.desk.store.read() as connection:
        return history.in_flight(connection, bench.clock.now())


ALL_OF_IT = [("top_up", 100_000, "pending")]
BOTH = frozenset({"cold", "hedge"})


@pytest.mark.parametrize("state", ["submitting", "unknown"])
def test_a_server_that_does_not_know_it_yet_does_not_make_it_unsent(bench: Any, state: str) -> None:
    plan = submitted(bench, *([] if state == "submitting" else [state]))
    reconcile.reconcile(bench.desk)
    assert bench.states(plan)[0] == state
    with pytest.raises(DeniedError):
        execute.cancel(bench.desk, plan, "too soon")
    bench.clock.advance(PATIENCE)
    reconcile.reconcile(bench.desk)
    assert bench.states(plan)[0] == "unsent"


@pytest.mark.parametrize("ended", ["cancelled", "frozen", "failed"])
def test_what_left_counts_whatever_became_of_its_plan(bench: Any, ended: str) -> None:
    plan = submitted(bench, "unknown", "unsent")
    if ended == "cancelled":
        execute.cancel(bench.desk, plan, "by hand")
    else:
        with bench.desk.store.write() as writer:
            records.set_plan_state(writer, plan.plan_id, frozenset({"sending"}), ended, "test")
    bench.clock.advance(MONTH)
    assert counted(bench) == ALL_OF_IT, "as long as it can confirm it is not over"
    assert busy(bench) == {"cold", "hedge"}
    with pytest.raises(DeniedError) as caught:
        preconditions.check_no_rival(bench.desk, bench.plan(bench.top_up(coins=())), bench.top_up())
    assert caught.value.code == "denied.in_flight"


def test_until_a_final_transaction_of_ours_has_spent_its_coins(bench: Any) -> None:
    plan = submitted(bench, "unknown", "unsent", coins=(f"{COIN}:0",))
    execute.cancel(bench.desk, plan, "by hand")
    rival = bench.plan(bench.top_up(coins=(f"{COIN}:0", f"{COIN}:1"), source="other", venue_account="main"))
    bench.walk(rival, 1, "spend", "signing")
    bench.walk(rival, 1, "spend", "signed", txid=OTHER, raw="01")
    bench.walk(rival, 1, "spend", "submitting", not_after=LATER, submitted_at=to_iso(bench.clock.now()))
    assert "cold" in busy(bench)
    bench.walk(rival, 1, "spend", "sent", "done", reference=OTHER)
    assert "cold" not in busy(bench)


def test_or_until_a_final_one_of_somebody_else_has(bench: Any) -> None:
    plan = submitted(bench, "unknown", "unsent", coins=(f"{COIN}:0", f"{COIN}:1"))
    execute.cancel(bench.desk, plan, "by hand")
    bench.chain.spent[COIN, 1] = OTHER
    bench.chain.depth[OTHER] = 2
    reconcile.reconcile(bench.desk)
    assert (counted(bench), busy(bench)) == (ALL_OF_IT, BOTH)
    bench.chain.depth[OTHER] = 3
    reconcile.reconcile(bench.desk)
    assert (counted(bench), busy(bench)) == ([], frozenset())


def test_what_never_left_is_free_again(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = signed(bench)

    def unreachable(raw: bytes) -> str:
        raise ChainError("unreachable", "nothing was sent")

    monkeypatch.setattr(bench.chain, "test_accept", lambda raw: None, raising=False)
    monkeypatch.setattr(bench.chain, "broadcast", unreachable, raising=False)
    with pytest.raises(ChainError):
        execute.send(bench.desk, plan)
    assert bench.states(plan)[0] == "unsent"
    execute.cancel(bench.desk, plan, "no network")
    assert (counted(bench), busy(bench)) == ([], frozenset())


def test_what_left_once_is_not_forgotten_when_the_next_attempt_does_not_leave(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = submitted(bench, "unknown", "unsent")
    bench.clock.advance(60)

    def unreachable(raw: bytes) -> str:
        raise ChainError("unreachable", "nothing was sent")

    monkeypatch.setattr(bench.chain, "test_accept", lambda raw: None, raising=False)
    monkeypatch.setattr(bench.chain, "broadcast", unreachable, raising=False)
    with pytest.raises(ChainError):
        execute.send(bench.desk, plan, resume=True)
    execute.cancel(bench.desk, plan, "no network")
    assert counted(bench) == ALL_OF_IT


@pytest.mark.parametrize("left", [True, False], ids=["sent", "signed only"])
def test_what_was_given_up_and_shows_all_the_same_is_followed_to_its_end(
    bench: Any, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    plan = submitted(bench, "unknown", "unsent") if left else signed(bench)
    execute.cancel(bench.desk, plan, "by hand")
    assert reconcile.reconcile(bench.desk) == []
    bench.clock.advance(MONTH)
    bench.chain.depth[TXID] = 1
    (found,) = reconcile.reconcile(bench.desk)
    assert found.note.startswith("books.cancelled_but_sent")
    assert (found.before, found.state) == ("cancelled", "sent")
    assert (bench.states(plan), bench.state(plan)) == (["sent", "planned", "planned"], "sending")
    assert (counted(bench), busy(bench)) == (ALL_OF_IT, BOTH)
    bench.chain.depth[TXID] = 3
    monkeypatch.setattr(bench.venue, "find_deposit", lambda *a: None, raising=False)
    assert all(not each.note for each in reconcile.reconcile(bench.desk))
    assert bench.states(plan) == ["done", "planned", "planned"], "its credit is waited for"


@pytest.mark.parametrize("state", ["signing", "signed"])
@pytest.mark.parametrize("later", [0, 7 * 86_400], ids=["in time", "after the plan's time"])
def test_what_a_cosigner_sent_is_found_begun_and_counted(bench: Any, state: str, later: int) -> None:
    plan = bench.plan(bench.top_up())
    bench.walk(plan, 1, "spend", "signing", txid=TXID, asked_at=to_iso(bench.clock.now()), raw="00")
    if state == "signed":
        bench.walk(plan, 1, "spend", "signed", txid=TXID, raw="00")
    bench.clock.advance(later)
    bench.chain.depth[TXID] = 1
    (found,) = reconcile.reconcile(bench.desk)
    assert found.note.startswith("books.sent_outside")
    assert (bench.states(plan)[0], bench.state(plan)) == ("sent", "sending")
    assert (counted(bench), busy(bench)) == (ALL_OF_IT, BOTH)


def test_a_frozen_plan_whose_transaction_shows_stays_frozen_and_is_counted(bench: Any) -> None:
    plan = signed(bench)
    with bench.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), "frozen", "test")
    bench.chain.depth[TXID] = 0
    reconcile.reconcile(bench.desk)
    assert (bench.states(plan)[0], bench.state(plan)) == ("accepted", "frozen")
    assert (counted(bench), busy(bench)) == (ALL_OF_IT, BOTH)


def test_a_chain_that_does_not_answer_ends_nothing_and_is_told(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = signed(bench)

    def silent(txid: str) -> TxStatus:
        raise ChainError("unreachable", "nobody there")

    monkeypatch.setattr(bench.chain, "transaction_status", silent)
    (found,) = reconcile.reconcile(bench.desk)
    assert (found.note, bench.states(plan)[0]) == ("chain.unreachable: nobody there", "signed")


def test_one_question_for_each_stray_and_none_once_its_coin_is_spent_for_good(bench: Any) -> None:
    asked: list[str] = []
    status = bench.chain.transaction_status

    def counting(txid: str) -> TxStatus:
        asked.append(txid)
        return status(txid)  # type: ignore[no-any-return]

    bench.chain.transaction_status = counting
    plan = signed(bench, coins=(f"{COIN}:0",))
    execute.cancel(bench.desk, plan, "by hand")
    reconcile.reconcile(bench.desk)
    assert asked == [TXID]
    rival = bench.plan(bench.top_up(coins=(f"{COIN}:0", f"{COIN}:1")))
    bench.walk(rival, 1, "spend", "signing")
    bench.walk(rival, 1, "spend", "signed", txid=OTHER, raw="01")
    bench.walk(rival, 1, "spend", "submitting", "sent", "done", not_after=LATER, reference=OTHER)
    asked.clear()
    reconcile.reconcile(bench.desk)
    assert asked == []


def test_that_somebody_else_sent_it_is_still_said_after_waiting_for_it(bench: Any) -> None:
    signed(bench)
    bench.chain.depth[TXID] = 1
    (found,) = follow.reconcile_until(bench.desk, 2)
    assert (found.before, found.state, found.note.split(":")[0]) == ("signed", "sent", "books.sent_outside")


def test_a_lost_transaction_says_when_it_is_held_to_be_lost(bench: Any) -> None:
    plan = submitted(bench, "unknown")
    step = bench.step(plan, 1, "spend")
    seen = inspection.outlook(bench.desk, step.client_id)
    assert seen.settles_from == bench.clock.now() + reconcile.PATIENCE


# -- what may end a book -----------------------------------------------------------------------------


def test_a_silent_witness_keeps_a_spend_from_being_final(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.venue, "find_deposit", lambda *a: None, raising=False)
    plan = submitted(bench, "accepted")
    bench.chain.depth[TXID] = 3

    def silent(txid: str) -> TxStatus:
        raise ChainError("witness_silent", "only one backend answers")

    with monkeypatch.context() as patch:
        patch.setattr(bench.chain, "final_status", silent)
        (found,) = reconcile.reconcile(bench.desk)
        assert (found.state, found.note.split(":")[0]) == ("sent", "chain.witness_silent")
    reconcile.reconcile(bench.desk)
    assert bench.states(plan)[0] == "done"


def test_a_block_from_before_the_plan_ends_nothing(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench.desk.store.write() as writer:
        snapshot = records.save_document(writer, "snapshot", {"wallets": [{"tip_height": bench.chain.tip}]})
    monkeypatch.setattr(bench, "plan", lambda *transfers: _resting_on(bench, snapshot, *transfers))
    plan = submitted(bench, "accepted")
    lie = TxStatus(True, True, 1, 1_000, "00" * 32)
    with monkeypatch.context() as patch:
        patch.setattr(bench.chain, "transaction_status", lambda txid: lie)
        (found,) = reconcile.reconcile(bench.desk)
        assert (found.state, found.note.split(":")[0]) == ("sent", "chain.bad_answer")
    bench.walk(plan, 1, "spend", "done", height="1", reference=TXID)
    with bench.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"sending"}), "done", "believed once")
    reconcile.reconcile(bench.desk)
    assert (bench.states(plan)[0], bench.state(plan)) == ("sent", "sending"), "the height alone says so"


def _resting_on(bench: Any, snapshot: str, *transfers: Any) -> Any:
    from dataclasses import replace

    from vault.canonical import canonical_json
    from vault.codec import encode
    from vault.treasury.plan import Plan

    found = type(bench).plan(bench, *transfers)
    plan = Plan.of(replace(found.body, snapshot_digest=snapshot))
    row = records.PlanRow(
        plan.plan_id,
        plan.digest,
        to_iso(plan.body.created_at),
        to_iso(plan.body.expires_at),
        "approved",
        canonical_json(encode(plan.body)),
    )
    with bench.desk.store.write() as writer:
        records.save_plan(writer, row)
    return plan
