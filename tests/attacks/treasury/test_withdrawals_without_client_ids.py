"""Where a venue knows no ids of ours a withdrawal is never sent again while it may have happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.venue_desk import address
from vault.bitcoin.backends.base import ReceivedOutput
from vault.canonical import canonical_json
from vault.errors import ChainError, DeniedError, OutcomeUnknownError, VenueError
from vault.money import BTC, Amount
from vault.store import records
from vault.treasury import absence, closing, execute, preconditions, reconcile
from vault.treasury.plan import Move, Payment
from vault.venues.base import WithdrawalSearch, WithdrawalStatus

LATER = "2026-01-31T05:00:05.000Z"
DEEP = 3  # confirmations of the bench's chain
GROSS, NET = 100_000, 99_000
COLD = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER = address("somebody else")


def btc(units: int) -> Amount:
    return Amount(BTC, units)


pytestmark = pytest.mark.usefixtures("permitted")


@pytest.fixture
def kraken(bench: Any) -> Any:
    """The bench at a venue without client ids; `outputs` is what the destination received."""
    account = bench.desk.treasury.venue("trading")
    account.exchange = "kraken"
    bench.outputs, bench.asked = [], []

    def outputs(address: str) -> tuple[ReceivedOutput, ...]:
        bench.asked.append(address)
        return tuple(bench.outputs)

    bench.chain.address_outputs = outputs
    search = bench.venue.search_withdrawal

    def by_details(venue: str, request: Any, since: Any) -> WithdrawalSearch:
        return replace(search(venue, request, since), matched_by="details")

    bench.venue.search_withdrawal = by_details
    return bench


def output(units: int, confirmations: int = 0, txid: str = "cd" * 32) -> ReceivedOutput:
    return ReceivedOutput(txid, 0, Amount(BTC, units), confirmations)


def lost(bench: Any) -> Any:
    """Both hops done, the withdrawal sent, and no answer."""
    moves = (Move("flex", "cash"), Move("cash", "spot"))
    plan = bench.plan(bench.transfer(moves=moves))
    execute_hops(bench, plan)
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    assert bench.states(plan) == ["done", "done", "unknown"]
    return plan


def execute_hops(bench: Any, plan: Any) -> None:
    from vault.treasury.steps import ensure_intents

    ensure_intents(bench.desk.store, plan)
    for step in (each for each in _steps(bench, plan) if each.kind == "to_spot"):
        for state in ("submitting", "done"):
            with bench.desk.store.write() as writer:
                found = records.find_intent(writer.connection, step.client_id)
                records.move_intent(writer, found, state, not_after=LATER)


def _steps(bench: Any, plan: Any) -> list[records.IntentRow]:
    with bench.desk.store.read() as connection:
        return records.intents(connection, plan.plan_id)


def pass_time(bench: Any, blocks: int) -> None:
    bench.clock.advance(120)
    bench.chain.tip += blocks


def note(bench: Any) -> str:
    return next(each.note for each in reconcile.reconcile(bench.desk) if each.kind == "withdraw")


def test_history_alone_does_not_prove_absence_before_the_chain_had_its_time(kraken: Any) -> None:
    plan = lost(kraken)
    for blocks in range(DEEP):
        pass_time(kraken, 0 if blocks == 0 else 1)
        reconcile.reconcile(kraken.desk)
        assert kraken.states(plan)[-1] == "unknown", blocks
        with pytest.raises(OutcomeUnknownError):
            execute.send(kraken.desk, plan, resume=True)
    pass_time(kraken, 1)
    reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unsent"
    assert kraken.asked
    execute.send(kraken.desk, plan, resume=True)
    assert kraken.states(plan)[-1] == "accepted"


def test_nothing_is_sent_again_by_itself(kraken: Any) -> None:
    plan = lost(kraken)
    pass_time(kraken, DEEP)
    for _ in range(3):
        reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unsent"


@pytest.mark.parametrize("units", [GROSS, NET])
@pytest.mark.parametrize("confirmations", [0, 1, DEEP])
def test_an_output_that_may_be_it_keeps_it_unknown(kraken: Any, units: int, confirmations: int) -> None:
    plan = lost(kraken)
    kraken.outputs = [output(units, confirmations)]
    pass_time(kraken, DEEP)
    assert note(kraken).startswith("books.payment_found")
    assert kraken.states(plan)[-1] == "unknown"


def test_an_output_that_shows_only_after_absence_was_proven_still_stops_a_second_sending(
    kraken: Any,
) -> None:
    plan = lost(kraken)
    pass_time(kraken, DEEP)
    reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unsent"
    kraken.outputs = [output(NET)]
    with pytest.raises(OutcomeUnknownError) as caught:
        execute.send(kraken.desk, plan, resume=True)
    assert (caught.value.code, kraken.states(plan)[-1]) == ("unknown.unsettled", "unsent")


def test_a_chain_that_does_not_answer_proves_nothing(kraken: Any) -> None:
    plan = lost(kraken)
    pass_time(kraken, DEEP)

    def silent(address: str) -> Any:
        raise ChainError("no_answer", "no answer in time")

    kraken.chain.address_outputs = silent
    assert note(kraken).startswith("chain.no_answer")
    assert kraken.states(plan)[-1] == "unknown"


@pytest.mark.parametrize(
    "seen",
    [
        output(NET + 1),  # another amount
        output(NET, 10),  # in a block before the first attempt
    ],
)
def test_what_cannot_be_it_does_not_stand_in_the_way(kraken: Any, seen: ReceivedOutput) -> None:
    plan = lost(kraken)
    kraken.outputs = [seen]
    pass_time(kraken, DEEP)
    reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unsent"


def test_an_output_of_another_withdrawal_of_ours_is_claimed_once(kraken: Any) -> None:
    other = kraken.plan(kraken.transfer(1), state="done")
    kraken.walk(other, 1, "withdraw", "submitting", "accepted", "done", reference="cd" * 32)
    plan = lost(kraken)
    pass_time(kraken, DEEP)
    kraken.outputs = [output(NET), replace(output(NET), vout=1)]
    assert note(kraken).startswith("books.payment_found")
    kraken.outputs = [output(NET)]
    reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unsent"


def test_a_withdrawal_is_not_even_sent_when_the_chain_cannot_say_its_height(kraken: Any) -> None:
    """Its absence could never be proven."""
    plan = kraken.plan(kraken.transfer(moves=()))

    def silent() -> int:
        raise ChainError("unreachable", "no connection")

    kraken.chain.tip_height = silent
    with pytest.raises(ChainError):
        execute.send(kraken.desk, plan)
    assert kraken.states(plan) == ["planned"]


@pytest.mark.parametrize("before", ["submitting", "unknown"])
def test_two_records_that_both_fit_stay_unknown_and_are_a_persons_to_close(kraken: Any, before: str) -> None:
    plan = lost(kraken)
    if before == "submitting":
        with kraken.desk.store.write() as writer:
            step = _steps(kraken, plan)[-1]
            records.move_intent(writer, step, "unsent")
            step = records.find_intent(writer.connection, step.client_id)
            records.move_intent(writer, step, "submitting")

    def two(*arguments: Any) -> Any:
        raise VenueError("ambiguous_withdrawal", "expected at most one, the venue lists 2: A, B")

    kraken.venue.search_withdrawal = two
    pass_time(kraken, 9)
    assert note(kraken).startswith("venue.ambiguous_withdrawal")
    assert kraken.states(plan)[-1] == "unknown"
    assert "venue.ambiguous_withdrawal" in closing.CONTRADICTIONS
    with pytest.raises(OutcomeUnknownError):
        execute.send(kraken.desk, plan, resume=True)


def test_a_venue_with_client_ids_is_believed_without_the_chain(bench: Any) -> None:
    plan = bench.plan(bench.transfer(moves=()))
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    bench.clock.advance(timedelta(hours=1).total_seconds())
    reconcile.reconcile(bench.desk)
    assert bench.states(plan) == ["unsent"]


TWO_HOPS = (Move("flex", "cash"), Move("cash", "spot"))


def test_two_hops_are_made_once_each_and_in_their_order(bench: Any) -> None:
    plan = bench.plan(bench.transfer(moves=TWO_HOPS))
    execute.send(bench.desk, plan)
    made = [Move(move.source, move.destination) for move in bench.venue.moves]
    assert made == list(TWO_HOPS)
    assert bench.states(plan) == ["done", "done", "accepted"]


def test_the_second_hop_waits_for_an_answer_about_the_first(bench: Any) -> None:
    plan = bench.plan(bench.transfer(moves=TWO_HOPS))
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    assert bench.states(plan) == ["unknown", "planned", "planned"]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan, resume=True)
    assert bench.venue.moves == []


def test_a_receipt_of_one_hop_never_settles_the_other(bench: Any) -> None:
    """Both move the same amount: only their wallets tell them apart."""
    plan = bench.plan(bench.transfer(moves=TWO_HOPS))
    bench.venue.lost = True
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    reconcile.reconcile(bench.desk)
    assert bench.states(plan) == ["done", "planned", "planned"]


# -- what only looks like proof ------------------------------------------------------------------------


def test_a_batch_that_paid_another_withdrawal_of_ours_may_have_paid_this_one_as_well(kraken: Any) -> None:
    """Venues batch: the transaction is claimed by the other one, its output to this address is not."""
    elsewhere = kraken.transfer(payments=(Payment("cold-2", OTHER, btc(55_000)),))
    other = kraken.plan(elsewhere, state="done")
    kraken.walk(other, 1, "withdraw", "submitting", "accepted", "done", reference="cd" * 32)
    plan = lost(kraken)
    pass_time(kraken, DEEP)
    kraken.outputs = [output(NET)]
    assert note(kraken).startswith("books.payment_found")
    assert kraken.states(plan)[-1] == "unknown"


def test_a_reorganisation_does_not_move_a_payment_to_before_the_first_attempt(kraken: Any) -> None:
    """The block that was the tip at the attempt was replaced by one that has the payment."""
    plan = lost(kraken)
    pass_time(kraken, DEEP)
    kraken.outputs = [output(NET, DEEP + 1)]  # in the block of the height of the first attempt
    assert note(kraken).startswith("books.payment_found")
    assert kraken.states(plan)[-1] == "unknown"


def test_a_server_that_catches_up_is_not_taken_for_new_blocks(kraken: Any) -> None:
    plan = kraken.plan(kraken.transfer(moves=()))
    kraken.walk(plan, 1, "withdraw")
    kraken.chain.tip -= 50
    step = replace(kraken.step(plan, 1, "withdraw"), body=_with(kraken.step(plan, 1, "withdraw"), 1_000))
    told = absence.facts_of_attempt(kraken.desk, plan.transfer(1), step)
    assert told == {"first_tip": "950", "last_tip": "1000"}


def _with(step: records.IntentRow, tip: int) -> str:
    return canonical_json({**step.facts, "tip_when_made": tip})


def record(bench: Any, plan: Any, venue_id: str, state: str = "processing", **changes: Any) -> None:
    """A record of the venue that fits the plan's withdrawal in every detail."""
    step = bench.step(plan, 1, "withdraw")
    facts = {
        "state": state, "venue_id": venue_id, "client_id": step.client_id, "txid": None, "asset": "BTC",
        "amount": btc(NET), "fee": btc(GROSS - NET), "address": COLD, "network": "BTC",
        "applied_at": bench.venue.now(), "raw_status": "x",
    }  # fmt: skip
    bench.venue.withdrawals[step.client_id] = WithdrawalStatus(**{**facts, **changes})


def test_a_record_of_an_earlier_plan_never_settles_a_later_one(kraken: Any) -> None:
    """Same account, same address, same amount: the first is on the chain, the second was lost."""
    first = kraken.plan(kraken.transfer(moves=()), state="done")
    kraken.walk(first, 1, "withdraw", "submitting", "accepted", venue_id="R1")
    kraken.walk(first, 1, "withdraw", "done", reference="cd" * 32)
    kraken.clock.advance(1)
    plan = lost(kraken)
    record(kraken, plan, "R1")
    pass_time(kraken, 0)
    reconcile.reconcile(kraken.desk)
    assert (kraken.states(plan)[-1], kraken.step(plan, 1, "withdraw").reference) == ("unknown", "")


@pytest.mark.parametrize("state", ["cancelled", "refused", "processing", "completed"])
def test_a_record_of_before_the_first_attempt_is_somebody_elses(kraken: Any, state: str) -> None:
    """Somebody withdrew the same by hand, minutes before."""
    plan = lost(kraken)
    before = kraken.venue.now() - timedelta(minutes=2)
    record(kraken, plan, "R0", state, applied_at=before)
    pass_time(kraken, 0)
    reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unknown"


def test_a_refusal_of_an_earlier_attempt_does_not_end_a_later_one(kraken: Any) -> None:
    """Else another plan would be made while the later attempt is still on its way."""
    plan = lost(kraken)
    earlier = kraken.venue.now()
    pass_time(kraken, DEEP)
    reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unsent"
    kraken.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(kraken.desk, plan, resume=True)
    record(kraken, plan, "R1", "refused", applied_at=earlier)
    pass_time(kraken, 0)
    reconcile.reconcile(kraken.desk)
    assert kraken.states(plan)[-1] == "unknown"


@pytest.mark.parametrize(
    "changes",
    [
        {"address": OTHER},
        {"amount": btc(NET - 1)},
        {"network": "BSC"},
        {"tag": "77"},
        {"asset": "BTT"},
    ],
)
def test_what_a_venue_recorded_otherwise_under_our_id_is_never_ours(
    bench: Any, changes: dict[str, Any]
) -> None:
    plan = bench.plan(bench.transfer(moves=()))
    execute.send(bench.desk, plan)
    record(bench, plan, "w1", **changes)
    assert note(bench).startswith("books.withdrawal_differs")
    assert bench.states(plan) == ["accepted"]


def test_an_address_in_capitals_is_the_same_address(bench: Any) -> None:
    plan = bench.plan(bench.transfer(moves=()))
    execute.send(bench.desk, plan)
    record(bench, plan, "w1", address=COLD.upper())
    assert note(bench) == ""


@pytest.mark.parametrize("state", ["frozen", "failed", "cancelled"])
def test_what_was_never_answered_is_waited_for_whatever_became_of_its_plan(kraken: Any, state: str) -> None:
    plan = lost(kraken)
    with kraken.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"sending"}), state, "somebody")
    kraken.clock.advance(60)
    later = kraken.plan(kraken.transfer(moves=()))
    with pytest.raises(DeniedError) as caught:
        preconditions.check_no_rival(kraken.desk, later, later.body.transfers[0])
    assert caught.value.code == "denied.in_flight"


def test_a_hop_that_the_venue_made_twice_is_said_and_the_sweep_goes_on_once(bench: Any) -> None:
    plan = bench.plan(bench.transfer())
    bench.venue.lost = True
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    bench.venue.moves.append(replace(bench.venue.moves[0], venue_id="again"))
    said = [each.note for each in reconcile.reconcile(bench.desk) if each.kind == "to_spot"]
    assert len(said) == 1 and said[0].startswith("books.moved_twice") and "again" in said[0]
    assert bench.states(plan) == ["done", "planned"]
