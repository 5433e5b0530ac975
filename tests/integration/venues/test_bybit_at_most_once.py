"""Faults on the wire to Bybit: never two withdrawals for one intent; each is found or honestly unknown."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bybit_world import (
    ACCOUNT,
    COLD,
    CREATE,
    MOVE,
    MOVES,
    RECORDS,
    BybitWorld,
    bybit_world,
    regtest_address,
    soon,
)
from tests.support.warm_server import WarmServer
from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.money import BTC, Amount

TREASURY = "test-treasury"


@pytest.fixture
def bybit(
    keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BybitWorld]:
    from quick_keyring import QuickCryptFileKeyring

    backend = QuickCryptFileKeyring()
    backend.keyring_key = os.environ["KEYRING_CRYPTFILE_PASSWORD"]
    with bybit_world(TREASURY, backend, warm, monkeypatch) as world:
        yield world


AFTER_THE_SEND = [
    ("hang", 1),
    ("504_after_recording", 1),
    ("504_before_recording", 0),
    ("drop_connection_after", 1),
    ("drop_connection_before", 0),
    ("http_500", 0),
    ("http_500_after_recording", 1),
    ("maintenance", 0),
    ("broken_json", 1),
]


@pytest.mark.parametrize(("fault", "recorded"), AFTER_THE_SEND)
def test_a_fault_after_the_send_is_unknown_and_sent_exactly_once(
    bybit: BybitWorld, fault: str, recorded: int
) -> None:
    bybit.control.fault(fault, CREATE, count=5, seconds="30")
    request = bybit.request()
    with pytest.raises(OutcomeUnknownError) as caught:
        bybit.client.withdraw(ACCOUNT, request)
    assert caught.value.code == "unknown.no_answer"
    assert len(bybit.sent(CREATE)) == 1
    assert len(bybit.recorded()) == recorded
    bybit.control.clear_faults()
    search = bybit.search(request)
    assert (search.found is not None, search.matched_by) == (bool(recorded), "details")
    assert not search.proves_absence(request.not_after)
    if search.found is not None:
        assert (search.found.gross, search.found.fee.number) == (request.amount, "0.00013900")
        assert search.found.client_id == request.client_id


@pytest.mark.parametrize(
    "fault", ["504_after_recording", "drop_connection_after", "http_500_after_recording"]
)
def test_sending_the_same_intent_again_is_still_one_withdrawal(bybit: BybitWorld, fault: str) -> None:
    """What a person may do with --resume: the request id makes the venue answer with the first one."""
    bybit.control.fault(fault, CREATE)
    request = bybit.request()
    with pytest.raises(OutcomeUnknownError):
        bybit.client.withdraw(ACCOUNT, request)
    receipt = bybit.client.withdraw(ACCOUNT, request)
    (record,) = bybit.recorded()
    found = bybit.search(request).found
    assert found is not None
    assert receipt.venue_id == record["id"] == found.venue_id


@pytest.mark.parametrize(
    "fault", ["504_before_recording", "drop_connection_before", "broken_json", "maintenance"]
)
def test_a_search_that_fails_is_an_error_and_never_an_absence(bybit: BybitWorld, fault: str) -> None:
    request = bybit.request()
    bybit.client.withdraw(ACCOUNT, request)
    bybit.control.fault(fault, RECORDS, count=5)
    with pytest.raises(VenueError):
        bybit.search(request)
    bybit.control.clear_faults()
    assert bybit.search(request).found is not None


@pytest.mark.parametrize(
    "field", ["rows", "amount", "withdrawFee", "toAddress", "chain", "tag", "status", "createTime", "coin"]
)
def test_a_history_with_a_part_left_out_is_refused(bybit: BybitWorld, field: str) -> None:
    request = bybit.request()
    bybit.client.withdraw(ACCOUNT, request)
    bybit.control.fault("partial_answer", RECORDS, field=field, lasting=True)
    with pytest.raises(VenueError) as caught:
        bybit.search(request)
    assert caught.value.code == "venue.incomplete_answer"
    assert caught.value.details["missing"].endswith(field)


def test_an_entry_listed_twice_is_one_withdrawal(bybit: BybitWorld) -> None:
    request = bybit.request()
    receipt = bybit.client.withdraw(ACCOUNT, request)
    bybit.control.fault("duplicate_entries", RECORDS, lasting=True)
    found = bybit.search(request).found
    assert found is not None
    assert found.venue_id == receipt.venue_id


def test_two_entries_that_fit_are_for_a_person(bybit: BybitWorld) -> None:
    bybit.at_once()
    first = bybit.request(client_id="intent1")
    bybit.client.withdraw(ACCOUNT, first)
    bybit.client.withdraw(ACCOUNT, bybit.request(client_id="intent2"))
    with pytest.raises(VenueError) as caught:
        bybit.search(first)
    assert caught.value.code == "venue.ambiguous_withdrawal"


def test_entries_of_others_are_not_ours(bybit: BybitWorld) -> None:
    bybit.at_once()
    ours = bybit.request("0.25")
    bybit.client.withdraw(ACCOUNT, bybit.request("0.26", client_id="other1"))
    bybit.client.withdraw(
        ACCOUNT, bybit.request("0.25", client_id="other2", address=regtest_address("other"))
    )
    assert bybit.search(ours).found is None
    bybit.client.withdraw(ACCOUNT, ours)
    found = bybit.search(ours).found
    assert found is not None
    assert (found.address, found.gross) == (COLD, ours.amount)


def test_a_history_that_lags_proves_nothing_until_it_has_caught_up(bybit: BybitWorld) -> None:
    request = bybit.request()
    bybit.server.venue.withdrawals.settings.history_lag_ticks = 2
    bybit.client.withdraw(ACCOUNT, request)
    search = bybit.search(request)
    assert search.found is None
    assert not search.proves_absence(request.not_after)
    bybit.control.tick(2)
    assert bybit.search(request).found is not None


def test_a_withdrawal_goes_through_its_states_to_a_transaction(bybit: BybitWorld) -> None:
    request = bybit.request()
    bybit.client.withdraw(ACCOUNT, request)
    states = []
    for depth in (0, 0, 0, 1, 1):
        bybit.chain.confirm(depth)
        found = bybit.search(request).found
        assert found is not None
        states.append(found.state)
        bybit.control.tick()
    assert states[0] == "processing"
    assert "sent" in states
    assert states[-1] == "completed"
    assert bybit.chain.paid == [(COLD, Amount.parse("0.249861", BTC).units)]


def test_a_second_withdrawal_within_ten_seconds_is_refused_as_passing(bybit: BybitWorld) -> None:
    bybit.client.withdraw(ACCOUNT, bybit.request(client_id="intent1"))
    with pytest.raises(VenueError) as caught:
        bybit.client.withdraw(ACCOUNT, bybit.request("0.3", client_id="intent2"))
    assert (caught.value.details["venue_code"], caught.value.details["passing"]) == ("10006", "yes")
    assert len(bybit.recorded()) == 1


@pytest.mark.parametrize(("fault", "recorded"), AFTER_THE_SEND[1:])
def test_a_transfer_that_is_unknown_is_found_or_not_there(
    bybit: BybitWorld, fault: str, recorded: int
) -> None:
    bybit.control.fault(fault, MOVE, count=5)
    transfer = bybit.transfer()
    with pytest.raises(OutcomeUnknownError):
        bybit.client.transfer_internal(ACCOUNT, transfer)
    bybit.control.clear_faults()
    bybit.control.fault("duplicate_entries", MOVES)
    search = bybit.client.find_internal_transfer(ACCOUNT, transfer, soon(-300))
    assert len(search.found) == recorded
    assert len(bybit.sent(MOVE)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_many_intents_under_random_faults_end_as_one_or_none_each(bybit: BybitWorld, seed: int) -> None:
    chance = random.Random(seed)
    bybit.at_once()
    kinds = [kind for kind, _ in AFTER_THE_SEND if kind != "hang"]
    requests = [bybit.request(f"0.{100 + number}", client_id=f"intent{seed}x{number}") for number in range(6)]
    for request in requests:
        if chance.random() < 0.7:
            bybit.control.fault(chance.choice(kinds), CREATE)
        for _ in range(chance.choice((1, 1, 2))):
            try:
                bybit.client.withdraw(ACCOUNT, request)
            except VaultError as error:
                assert isinstance(error, OutcomeUnknownError)
        bybit.control.clear_faults()
    recorded = bybit.recorded()
    grosses = [row["gross"] for row in recorded]
    assert len(grosses) == len(set(grosses))
    for request in requests:
        found = bybit.search(request).found
        there = [row for row in recorded if Amount.parse(row["gross"], BTC) == request.amount]
        assert (found is not None) == bool(there)
        if found is not None:
            assert found.venue_id == there[0]["id"]
