"""Faults at an emulated Deribit: its withdrawal is a GET, and still at most one for an intent."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deribit_world import (
    ACCOUNT,
    COLD,
    HISTORY,
    SEND,
    DeribitWorld,
    deribit_world,
    soon,
    use_worker,
)
from tests.support.warm_server import WarmServer
from vault.errors import OutcomeUnknownError, VaultError
from vault.money import BTC, Amount

RECORDED = ["504_after_recording", "drop_connection_after", "http_500_after_recording", "broken_json"]
SEED = 20_260_901
NOT_RECORDED = ["504_before_recording", "drop_connection_before", "http_500", "maintenance"]


@pytest.fixture
def worker(keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    use_worker(warm, monkeypatch)


@pytest.fixture
def world(worker: None) -> Iterator[DeribitWorld]:
    with deribit_world() as made:
        yield made


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(VaultError) as caught:
        call(*arguments)
    return caught.value.code


def search(world: DeribitWorld, request: Any) -> Any:
    return world.client.search_withdrawal(ACCOUNT, request, soon(-60))


@pytest.mark.parametrize("kind", RECORDED)
def test_a_withdrawal_whose_answer_is_lost_is_unknown_and_found(world: DeribitWorld, kind: str) -> None:
    request = world.request()
    world.control.fault(kind, SEND, count=5)
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert len(world.sends()) == len(world.withdrawals()) == 1
    found = search(world, request).found
    assert found is not None
    assert (found.client_id, found.gross) == (request.client_id, request.amount)


@pytest.mark.parametrize("kind", NOT_RECORDED)
def test_a_withdrawal_that_was_lost_on_the_way_is_unknown_until_absence_is_proof(
    world: DeribitWorld, kind: str
) -> None:
    request = world.request()
    world.control.fault(kind, SEND, count=5)
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert world.withdrawals() == []
    assert len(world.sends()) == 1
    early = search(world, request)
    assert (early.found, early.matched_by) == (None, "details")
    assert not early.proves_absence(request.not_after)
    # A minute of history lag and another in which the request may still be accepted.
    assert not early.proves_absence(soon(-115))
    assert early.proves_absence(soon(-125))


def test_a_hanging_answer_is_waited_for_once_and_not_asked_again(world: DeribitWorld) -> None:
    request = world.request()
    world.control.fault("hang", SEND, seconds="5")
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert len(world.sends()) == 1
    assert search(world, request).found is not None


def test_a_receipt_that_lacks_its_id_or_is_another_s_leaves_it_unknown(world: DeribitWorld) -> None:
    for number, fault in enumerate(
        (
            {"kind": "partial_answer", "field": "id"},
            {"kind": "partial_answer", "field": "result"},
            {"kind": "changed_precision", "field": "amount", "digits": 1},
        )
    ):
        request = world.request(client_id=f"intent-{number:04}")
        world.control.fault(path=SEND, **fault)
        assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
        assert search(world, request).found is not None
    assert len(world.sends()) == len(world.withdrawals()) == 3


def test_the_same_intent_again_is_the_same_withdrawal(world: DeribitWorld) -> None:
    first = world.client.withdraw(ACCOUNT, world.request())
    again = world.client.withdraw(ACCOUNT, world.request())
    assert first.venue_id == again.venue_id
    assert len(world.withdrawals()) == 1


def test_two_intents_with_the_same_details_are_told_apart(world: DeribitWorld) -> None:
    receipts = [
        world.client.withdraw(ACCOUNT, world.request(client_id=each)).venue_id
        for each in ("intent-0001", "intent-0002")
    ]
    found = [
        search(world, world.request(client_id=each)).found.venue_id for each in ("intent-0001", "intent-0002")
    ]
    assert receipts == found
    assert len(set(found)) == 2


def test_where_the_venue_keeps_no_ids_two_that_fit_are_for_a_person(world: DeribitWorld) -> None:
    for each in ("intent-0001", "intent-0002"):
        world.client.withdraw(ACCOUNT, world.request(client_id=each))
    world.control.fault("partial_answer", HISTORY, field="nonce")
    assert code_of(search, world, world.request()) == "venue.ambiguous_withdrawal"


def test_without_ids_the_details_find_the_one(world: DeribitWorld) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    world.client.withdraw(ACCOUNT, world.request("0.26", client_id="intent-0002"))
    world.control.fault("partial_answer", HISTORY, field="nonce")
    search_ = search(world, request)
    assert search_.matched_by == "details"
    assert search_.found.amount == Amount.parse("0.25", BTC)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "partial_answer"}, "venue.history_incomplete"),
        ({"kind": "partial_answer", "field": "state"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "data"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "count"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "result"}, "venue.incomplete_answer"),
        ({"kind": "broken_json"}, "venue.bad_answer"),
        ({"kind": "maintenance"}, "venue.refused"),
        ({"kind": "504_after_recording"}, "venue.bad_answer"),
        ({"kind": "drop_connection_after"}, "venue.dropped"),
    ],
)
def test_a_search_that_cannot_be_read_says_nothing(
    world: DeribitWorld, fault: dict[str, str], code: str
) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    world.control.fault(path=HISTORY, **fault)
    assert code_of(search, world, request) == code
    assert search(world, request).found is not None


def test_doubled_entries_are_one_withdrawal(world: DeribitWorld) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    plain = search(world, request).found
    for kind in ("duplicate_entries", "unknown_field"):
        world.control.fault(kind, HISTORY)
        assert search(world, request).found == plain


def test_a_history_that_lags_hides_but_proves_no_absence(world: DeribitWorld) -> None:
    request = world.request()
    world.control.withdrawals(history_lag_ticks=2)
    world.client.withdraw(ACCOUNT, request)
    hidden = search(world, request)
    assert hidden.found is None
    assert not hidden.proves_absence(request.not_after)
    world.control.tick(2)
    assert search(world, request).found is not None


def test_random_faults_never_make_two_withdrawals_of_one_intent(world: DeribitWorld) -> None:
    """An intent is sent again only where history shows nothing, under its own id; in the end all is found."""
    chance = random.Random(SEED)
    for number in range(12):
        request = world.request(f"0.{number + 1:02}", client_id=f"intent-{number:04}")
        for _ in range(4):
            world.control.fault(chance.choice([*RECORDED, *NOT_RECORDED]), SEND)
            if chance.random() < 0.5:
                world.control.fault("partial_answer", HISTORY, field=chance.choice(["nonce", "count", "id"]))
            with contextlib.suppress(VaultError):
                world.client.withdraw(ACCOUNT, request)
            with contextlib.suppress(VaultError):
                if search(world, request).found is not None:
                    break
            world.control.clear_faults()
        world.control.clear_faults()
        if search(world, request).found is None:
            world.client.withdraw(ACCOUNT, request)
    ids = [record["client_id"] for record in world.withdrawals()]
    assert sorted(ids) == [f"intent-{number:04}" for number in range(12)]


def test_a_withdrawal_goes_through_its_states(world: DeribitWorld) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    states = [search(world, request).found.state]
    for _ in range(3):
        world.control.tick()
        states.append(search(world, request).found.state)
    assert states == ["processing", "processing", "sent", "completed"]
    assert world.bitcoin.paid == [(COLD, 25_000_000)]


def test_a_request_too_old_for_the_venue_is_refused_and_not_sent_again(world: DeribitWorld) -> None:
    world.control.clock(offset_ms=90_000, announced_skew_ms=-90_000)
    with pytest.raises(VaultError) as caught:
        world.client.withdraw(ACCOUNT, world.request())
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert world.withdrawals() == []
