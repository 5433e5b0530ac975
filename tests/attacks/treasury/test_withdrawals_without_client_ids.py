"""Where a venue knows no ids of ours a withdrawal is never sent again while it may have happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from vault.bitcoin.backends.base import ReceivedOutput
from vault.errors import ChainError, OutcomeUnknownError, VenueError
from vault.money import BTC, Amount
from vault.store import records
from vault.treasury import closing, execute, reconcile
from vault.treasury.plan import Move
from vault.venues.base import WithdrawalSearch

LATER = "2026-01-31T05:00:05.000Z"
DEEP = 3  # confirmations of the bench's chain
GROSS, NET = 100_000, 99_000

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
