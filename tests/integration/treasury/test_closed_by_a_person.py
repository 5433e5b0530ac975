"""What neither the chain nor the venue will ever settle is closed by a person, once, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from tests.faults.treasury import line, stage
from tests.faults.treasury.bench import Case
from vault.bitcoin.spend import ExpectedSpend, FeeLimits
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.errors import BooksError, StoreError
from vault.money import BTC, Amount
from vault.store import journal
from vault.treasury import books, history, reconcile
from vault.treasury.closing import close_step
from vault.treasury.spending import device_request
from vault.venues.base import DepositStatus, SpotBalance

Make = Callable[..., Case]
THIEF = b"\x00\x14" + b"\x66" * 20
STOLEN = stage.COIN_SAT // 2


def taken(case: Case) -> bytes:
    """Half of a coin of the staging wallet to somebody else, signed with the wallet's own key."""
    amount = Amount(BTC, STOLEN)
    built = case.desk.wallet("staging").build_spend(((THIEF, amount),), Decimal(30))
    expected = ExpectedSpend(case.desk.descriptor("staging"), ((THIEF, amount),), stage.NETWORK)
    limits = FeeLimits(Amount(BTC, 100_000), Decimal(100), Decimal("0.5"))
    verified = verify_psbt(built.psbt, expected, limits)
    with case.desk.device("staging") as session:
        answer = session.sign_transaction(device_request(verified), case.desk.network)
    return verify_signed(verified, answer.signatures).raw


def conflicted(make: Make) -> Case:
    """An evacuation whose coin somebody else spent while it was in the mempool."""
    case = make("evacuation").ready()
    raw = taken(case)
    case.send()
    case.scene.chain.evict(line.intents(case.desk, case.plan)[0].facts["txid"])
    case.scene.chain.submit(raw)
    case.scene.chain.mine(1)
    assert any(each.note.startswith("books.conflicted") for each in reconcile.reconcile(case.desk))
    return case


def test_a_conflict_is_closed_with_a_reason_and_the_books_name_it(make: Make) -> None:
    case = conflicted(make)
    assert not books.close_books(case.desk).balanced
    found = close_step(case.desk, case.plan, "1.1", "the key was stolen; reported on Monday")
    assert (case.states, case.state) == (("closed_by_person",), "failed")
    after = books.close_books(case.desk)
    assert after.balanced, after
    assert after.explanations == (found,)
    assert found.finding.startswith("books.conflicted: ")
    explained = {each.place: each.amount.units for each in found.places}
    assert explained["wallet:staging"] < -STOLEN + 1
    with case.desk.store.read() as connection:
        kinds = [row.kind for row in journal.rows(connection)]
    assert kinds.count("explanation") == 1
    case.desk.store.verify()
    assert not any(each.note for each in reconcile.reconcile(case.desk))


def test_it_is_closed_once(make: Make) -> None:
    case = conflicted(make)
    close_step(case.desk, case.plan, "1.1", "seen")
    with pytest.raises(BooksError) as caught:
        close_step(case.desk, case.plan, "1.1", "seen again")
    assert caught.value.code == "books.not_contradicted"
    assert len(books.close_books(case.desk).explanations) == 1


@pytest.mark.parametrize(("step", "reason"), [("1.1", ""), ("1.1", "  "), ("1.1", "a\nb"), ("2.1", "x")])
def test_no_reason_and_no_step_close_nothing(make: Make, step: str, reason: str) -> None:
    case = conflicted(make)
    with pytest.raises((BooksError, StoreError)):
        close_step(case.desk, case.plan, step, reason)
    assert case.states != ("closed_by_person",)


def test_what_can_still_be_settled_cannot_be_closed(make: Make) -> None:
    case = make("evacuation").ready()
    case.send()
    with pytest.raises(BooksError) as caught:
        close_step(case.desk, case.plan, "1.1", "it takes so long")
    assert caught.value.code == "books.not_contradicted"
    assert case.states == ("accepted",)
    case.complete()


def test_a_later_loss_is_not_covered_by_an_earlier_closing(make: Make) -> None:
    """The explanation is a number, not a licence: what is missing afterwards shows."""
    case = conflicted(make)
    close_step(case.desk, case.plan, "1.1", "seen")
    found = books.close_books(case.desk)
    (staging,) = [each for each in found.lines if each.place == "wallet:staging"]
    worse = replace(staging, observed=staging.observed - Amount(BTC, 1), difference=Amount(BTC, -1))
    lines = tuple(worse if each is staging else each for each in found.lines)
    assert not replace(found, lines=lines).balanced


# -- a credit that is not what was sent ----------------------------------------------------------------


def credited_otherwise(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    *,
    less: int,
    state: Literal["credited", "refused"] = "credited",
) -> Case:
    """A confirmed top-up of which the venue keeps `less` satoshi for itself, in its own words too."""
    case = make("top-up").ready()
    case.send()
    case.scene.chain.mine(1)
    case.scene.exchange.tick()
    venues = case.desk.venues
    ask, spot = venues.find_deposit, venues.spot_balance

    def deposit(*arguments: Any) -> DepositStatus | None:
        found = ask(*arguments)
        return found and replace(found, amount=found.amount - Amount(BTC, less), state=state)

    def balance(name: str, asset: str) -> SpotBalance:
        found = spot(name, asset)
        return replace(found, free=found.free - Amount(BTC, less)) if asset == "BTC" else found

    monkeypatch.setattr(venues, "find_deposit", deposit)
    monkeypatch.setattr(venues, "spot_balance", balance)
    for _ in range(line.PATIENCE):
        if any(each.note.startswith("books.credit_differs") for each in reconcile.reconcile(case.desk)):
            break
        case.scene.chain.mine(1)
        case.scene.exchange.tick()
    assert case.states == ("done", "planned", "planned")
    return case


def busy(case: Case) -> frozenset[str]:
    with case.desk.store.read() as connection:
        return history.in_flight(connection, case.clock.now())


def test_a_credit_of_another_amount_is_closed_at_what_the_venue_credited(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = credited_otherwise(make, monkeypatch, less=10_000)
    transfer = case.plan.transfer(1)
    assert busy(case) >= {transfer.source, transfer.venue_account}
    with case.desk.store.read() as connection:
        before = history.outflows(connection, case.clock.now())
    found = close_step(case.desk, case.plan, "1.2", "the venue takes a fee for deposits")
    assert (case.states, case.state) == (("done", "closed_by_person", "cancelled"), "failed")
    assert busy(case) == frozenset()
    after = books.close_books(case.desk)
    assert after.balanced, after
    assert found.places == (), "the books hold what was credited, and nothing is left to explain"
    assert (after.in_transit.units, after.outside.units) == (0, 10_000)
    (step,) = [each for each in line.intents(case.desk, case.plan) if each.kind == "credit"]
    assert step.facts["credited"] == (transfer.amount - Amount(BTC, 10_000)).number
    with case.desk.store.read() as connection:
        (counted,) = history.outflows(connection, case.clock.now())
    assert (counted.amount, counted.fee) == (before[0].amount, before[0].fee)
    assert not any(each.note for each in reconcile.reconcile(case.desk))


def test_a_deposit_that_the_venue_refused_is_closed_at_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    amount = make("top-up").plan.transfer(1).amount.units
    case = credited_otherwise(make, monkeypatch, less=amount, state="refused")
    close_step(case.desk, case.plan, "1.2", "refused; the venue's support knows")
    after = books.close_books(case.desk)
    assert after.balanced, after
    assert after.outside == case.plan.transfer(1).amount


def test_a_credit_that_is_only_awaited_cannot_be_closed(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    with pytest.raises(BooksError) as caught:
        close_step(case.desk, case.plan, "1.2", "it takes so long")
    assert caught.value.code == "books.not_contradicted"
    case.complete()
