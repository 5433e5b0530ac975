"""What the venue recorded otherwise than asked has left: it is accepted, and disputed until it is closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from vault.errors import BooksError, OutcomeUnknownError, VenueError
from vault.store import journal
from vault.treasury import books, closing, execute, observe, reconcile
from vault.treasury.follow import follow_plan
from vault.treasury.steps import disputed
from vault.venues import matching
from vault.venues.base import WithdrawalSearch, WithdrawalStatus, WithdrawRequest

GROSS, NET, FEE = 100_000, 99_000, 1_000
COLD = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

pytestmark = pytest.mark.usefixtures("permitted")


def btc(units: int) -> Any:
    from vault.money import BTC, Amount

    return Amount(BTC, units)


@dataclass
class ByDetails:
    """A venue's history without ids of ours, matched as the real one is; `named` is what it keeps of ours."""

    bench: Any
    listed: list[WithdrawalStatus] = field(default_factory=list)
    named: str = ""

    def search(self, venue: str, request: WithdrawRequest, since: Any) -> WithdrawalSearch:
        now = self.bench.venue.now()
        found = matching.only_one(tuple(self.listed), replace(request, client_id=""), since, now)
        for status in self.listed:
            if status.client_id == request.client_id and status != found:
                raise VenueError("ambiguous_withdrawal", "our id on other details")
        return WithdrawalSearch(found, now, now - timedelta(seconds=65), "details")


@pytest.fixture(params=["kraken", "deribit"])
def venue(bench: Any, request: pytest.FixtureRequest) -> ByDetails:
    """The one takes its fee out of the amount, the other adds it; the second keeps our id as its nonce."""
    bench.desk.treasury.venue("trading").exchange = request.param
    bench.chain.address_outputs = lambda address: ()
    found = ByDetails(bench)
    bench.venue.search_withdrawal = found.search
    return found


def lost(bench: Any) -> Any:
    plan = bench.plan(bench.transfer(moves=()))
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    assert bench.states(plan) == ["unknown"]
    return plan


def record(bench: Any, plan: Any, venue_id: str, amount: int, **changes: Any) -> WithdrawalStatus:
    facts = {
        "state": "processing", "venue_id": venue_id, "client_id": "", "txid": None, "asset": "BTC",
        "amount": btc(amount), "fee": btc(FEE), "address": COLD, "network": "BTC",
        "applied_at": bench.venue.now(), "raw_status": "x",
    }  # fmt: skip
    return WithdrawalStatus(**{**facts, **changes})


def other_way(venue: ByDetails, plan: Any, venue_id: str = "w1") -> WithdrawalStatus:
    """The record of a venue that took its fee the other way round than it says it does."""
    bench = venue.bench
    kraken = bench.desk.treasury.venue("trading").exchange == "kraken"
    ours = "" if kraken else bench.step(plan, 1, "withdraw").client_id
    return record(bench, plan, venue_id, GROSS if kraken else NET - FEE, client_id=ours)


def note(bench: Any) -> str:
    return next(each.note for each in reconcile.reconcile(bench.desk) if each.kind == "withdraw")


def test_another_amount_under_our_id_is_accepted_and_disputed(bench: Any) -> None:
    plan = lost(bench)
    step = bench.step(plan, 1, "withdraw")
    bench.venue.withdrawals[step.client_id] = record(bench, plan, "w1", GROSS, client_id=step.client_id)
    assert note(bench).startswith("books.withdrawal_differs")
    step = bench.step(plan, 1, "withdraw")
    assert (step.state, step.reference) == ("accepted", "w1")
    assert disputed(step).startswith("books.withdrawal_differs: expected 0.00100000 BTC")


def test_a_fee_taken_the_other_way_round_is_known_for_ours(bench: Any, venue: ByDetails) -> None:
    plan = lost(bench)
    venue.listed = [other_way(venue, plan)]
    assert note(bench).startswith("books.withdrawal_differs")
    step = bench.step(plan, 1, "withdraw")
    assert (step.state, step.reference) == ("accepted", "w1")


def test_a_held_withdrawal_of_another_amount_never_counts_as_absent(bench: Any, venue: ByDetails) -> None:
    """Nothing of it is on the chain for hours: it must not be sent a second time."""
    plan = lost(bench)
    venue.listed = [other_way(venue, plan)]
    bench.clock.advance(3_600)
    bench.chain.tip += 20
    venue.listed = [replace(each, applied_at=each.applied_at) for each in venue.listed]
    reconcile.reconcile(bench.desk)
    assert bench.states(plan) == ["accepted"]


def test_two_records_that_fit_stay_unknown(bench: Any, venue: ByDetails) -> None:
    plan = lost(bench)
    venue.listed = [record(bench, plan, "w1", NET), record(bench, plan, "w2", NET)]
    assert note(bench).startswith("venue.ambiguous_withdrawal")
    assert bench.states(plan) == ["unknown"]


def test_two_records_with_the_fee_the_other_way_stay_unknown(bench: Any, venue: ByDetails) -> None:
    plan = lost(bench)
    venue.listed = [other_way(venue, plan, "w1"), other_way(venue, plan, "w2")]
    assert note(bench).startswith("venue.ambiguous_withdrawal")
    assert bench.states(plan) == ["unknown"]


def test_our_id_on_quite_other_details_stays_unknown(bench: Any, venue: ByDetails) -> None:
    plan = lost(bench)
    ours = bench.step(plan, 1, "withdraw").client_id
    venue.listed = [record(bench, plan, "w1", 5_000, client_id=ours)]
    assert note(bench).startswith("venue.ambiguous_withdrawal")
    assert bench.states(plan) == ["unknown"]


def test_a_strangers_record_of_before_is_not_taken_for_ours(bench: Any, venue: ByDetails) -> None:
    before = bench.venue.now() - timedelta(minutes=2)
    plan = lost(bench)
    venue.listed = [replace(other_way(venue, plan), client_id="", applied_at=before)]
    reconcile.reconcile(bench.desk)
    assert bench.states(plan) == ["unknown"]


def test_a_disputed_step_is_followed_no_further_and_nothing_goes_on(bench: Any, venue: ByDetails) -> None:
    plan = lost(bench)
    venue.listed = [replace(other_way(venue, plan), state="completed", txid="cd" * 32)]
    bench.chain.depth["cd" * 32] = 9
    for _ in range(3):
        assert note(bench).startswith("books.withdrawal_differs")
    assert bench.states(plan) == ["accepted"]
    with pytest.raises(OutcomeUnknownError) as caught:
        execute.send(bench.desk, plan, resume=True)
    assert caught.value.code == "unknown.disputed"
    assert [step.state for step in follow_plan(bench.desk, plan, 1)] == ["accepted"]


def test_a_dispute_is_journaled_once_however_often_it_is_asked(bench: Any, venue: ByDetails) -> None:
    plan = lost(bench)
    venue.listed = [other_way(venue, plan)]
    reconcile.reconcile(bench.desk)
    with bench.desk.store.read() as connection:
        first = journal.head(connection).seq
    reconcile.reconcile(bench.desk)
    with bench.desk.store.read() as connection:
        assert journal.head(connection).seq == first


def test_a_dispute_ends_when_the_venue_says_what_was_planned(bench: Any) -> None:
    """A damaged answer is no contradiction for ever."""
    plan = lost(bench)
    step = bench.step(plan, 1, "withdraw")
    as_planned = record(bench, plan, "w1", NET, client_id=step.client_id)
    bench.venue.withdrawals[step.client_id] = replace(as_planned, amount=btc(NET - 3))
    assert note(bench).startswith("books.withdrawal_differs")
    bench.venue.withdrawals[step.client_id] = as_planned
    assert note(bench) == ""
    step = bench.step(plan, 1, "withdraw")
    assert (step.state, disputed(step)) == ("accepted", "")


def test_a_venue_that_does_not_answer_ends_no_dispute(
    bench: Any, venue: ByDetails, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = lost(bench)
    venue.listed = [other_way(venue, plan)]
    reconcile.reconcile(bench.desk)

    def silent(*_: Any) -> Any:
        raise VenueError("unreachable", "no answer")

    monkeypatch.setattr(bench.venue, "search_withdrawal", silent)
    assert note(bench).startswith("venue.unreachable")
    assert disputed(bench.step(plan, 1, "withdraw"))


def test_only_a_person_closes_it(bench: Any, venue: ByDetails, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lost(bench)
    venue.listed = [other_way(venue, plan)]
    monkeypatch.setattr(observe, "take_snapshot", lambda desk: None)
    monkeypatch.setattr(books, "explain", lambda *_: ())
    with pytest.raises(BooksError):
        closing.close_step(bench.desk, plan, "1.1", "")
    closing.close_step(bench.desk, plan, "1.1", "the venue took its fee from the amount")
    assert (bench.states(plan), bench.state(plan)) == (["closed_by_person"], "failed")
    assert disputed(bench.step(plan, 1, "withdraw")) == ""


def test_a_refused_record_of_another_amount_ends_the_step_and_is_told(bench: Any, venue: ByDetails) -> None:
    plan = lost(bench)
    venue.listed = [replace(other_way(venue, plan), state="refused")]
    assert note(bench).startswith("books.withdrawal_differs")
    assert bench.states(plan) == ["refused"]
