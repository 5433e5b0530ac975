"""Each fault on the wire while a withdrawal is sent: at most one is recorded, and the error is honest."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vault.errors import OutcomeUnknownError, VenueError
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer

ACCOUNT = "binance-main"
APPLY = "withdraw/apply"
LONG = "30"  # seconds a held request waits, unless the server is stopped


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.mark.parametrize(
    ("fault", "recorded"),
    [
        ("hang", 1),
        ("504_after_recording", 1),
        ("504_before_recording", 0),
        ("drop_connection_after", 1),
        ("drop_connection_before", 0),
        ("http_500", 0),
        ("broken_json", 1),
    ],
)
def test_a_fault_after_the_send_is_unknown_and_sent_exactly_once(
    world: Any, fault: str, recorded: int
) -> None:
    world.control.fault(fault, APPLY, count=5, seconds=LONG)
    with pytest.raises(OutcomeUnknownError) as caught:
        world.client.withdraw(ACCOUNT, world.request())
    assert caught.value.code == "unknown.no_answer"
    assert len(world.control.requests(method="POST", path=APPLY)) == 1
    assert len(world.withdrawals()) == recorded
    world.control.clear_faults()
    search = world.client.search_withdrawal(ACCOUNT, world.request(), now() - timedelta(minutes=5))
    assert (search.found is not None) == bool(recorded)
    # Found or not, nothing is proven absent while the request could still be accepted or be hidden.
    assert not search.proves_absence(world.soon())


def test_a_held_request_that_is_recorded_later_is_unknown_and_then_found(world: Any) -> None:
    world.control.fault("hang_before", APPLY, seconds=LONG)
    with pytest.raises(OutcomeUnknownError):
        world.client.withdraw(ACCOUNT, world.request())
    assert world.withdrawals() == []
    world.control.clear_faults()  # the venue goes on with what it held
    for _ in range(50):
        if world.withdrawals():
            break
    found = world.client.find_withdrawal(ACCOUNT, world.request(), now() - timedelta(minutes=5))
    assert found is not None
    assert found.gross == Amount.parse("0.25", BTC)
    assert len(world.control.requests(method="POST", path=APPLY)) == 1


def test_a_venue_that_cannot_be_reached_leaves_nothing_unknown(world: Any) -> None:
    world.server.stop()
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, world.request())
    assert caught.value.code == "venue.unreachable"


@pytest.mark.parametrize(
    "fault", ["504_before_recording", "drop_connection_before", "broken_json", "http_500"]
)
def test_a_fault_in_the_checks_before_the_send_sends_nothing(world: Any, fault: str) -> None:
    world.control.fault(fault, "capital/config/getall", count=5)
    with pytest.raises(VenueError):
        world.client.withdraw(ACCOUNT, world.request())
    assert world.control.requests(method="POST", path=APPLY) == []


def test_a_refusal_by_the_venue_is_definite(world: Any) -> None:
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, world.request("100.00000001"))
    assert caught.value.code == "venue.refused"
    assert caught.value.details["venue_code"] == "-4026"
    assert world.withdrawals() == []


def test_a_whitelist_refusal_is_definite(world: Any) -> None:
    world.control.call("whitelist", account="trading", on=True, entries=[])
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, world.request())
    assert caught.value.details["venue_code"] == "-4035"
    assert world.withdrawals() == []


def test_a_clock_beyond_the_bound_is_refused_before_anything_is_sent(world: Any) -> None:
    world.control.clock(announced_skew_ms=4000)
    for call in (
        lambda: world.client.withdraw(ACCOUNT, world.request()),
        lambda: world.client.read_account(ACCOUNT),
        lambda: world.client.read_clock(ACCOUNT),
    ):
        with pytest.raises(VenueError) as caught:
            call()
        assert caught.value.code == "venue.clock_skew"
    assert world.control.requests(method="POST") == []


def test_a_timestamp_that_the_venue_refuses_is_not_retried(world: Any) -> None:
    world.control.clock(offset_ms=-60_000, announced_skew_ms=60_000)
    with pytest.raises(VenueError) as caught:
        world.client.find_withdrawal(ACCOUNT, world.request(), now() - timedelta(minutes=5))
    assert caught.value.code == "venue.refused"
    assert caught.value.details["venue_code"] == "-1021"
    assert len(world.control.requests(path="/api/v3/account")) == 1


def test_stale_numbers_show_their_age(world: Any) -> None:
    world.control.freeze()
    world.control.clock(offset_ms=900)
    stale = world.client.read_account(ACCOUNT)
    world.control.thaw()
    fresh = world.client.read_account(ACCOUNT)
    assert stale.received_at - stale.observed_at > timedelta(0)
    assert stale.observed_at < fresh.observed_at
    first = world.client.read_account(ACCOUNT).observed_at
    world.control.freeze()
    frozen = [world.client.read_account(ACCOUNT).observed_at for _ in range(2)]
    assert first <= frozen[0] == frozen[1]


def test_a_request_past_its_deadline_is_not_sent(world: Any) -> None:
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, world.request(not_after=world.soon(-1)))
    assert caught.value.code == "venue.too_late"
    assert world.control.requests() == []


def test_a_deadline_that_passes_during_the_checks_stops_the_send(world: Any) -> None:
    world.client.read_clock(ACCOUNT)
    world.control.fault("hang", "capital/config/getall", seconds="0.9")
    request = world.request(not_after=world.soon(0) + timedelta(milliseconds=700))
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, request)
    assert caught.value.code == "venue.too_late"
    assert world.control.requests(method="POST") == []


@pytest.mark.parametrize(
    ("fault", "recorded"),
    [("hang", 1), ("504_after_recording", 1), ("drop_connection_after", 1), ("drop_connection_before", 0)],
)
def test_an_internal_transfer_is_sent_once_too(world: Any, fault: str, recorded: int) -> None:
    transfer = InternalTransfer("futures", "spot", Amount.parse("0.5", BTC), world.soon())
    world.control.fault(fault, "asset/transfer", count=5, method="POST", seconds=LONG)
    with pytest.raises(OutcomeUnknownError):
        world.client.transfer_internal(ACCOUNT, transfer)
    assert len(world.control.requests(method="POST", path="asset/transfer")) == 1
    world.control.clear_faults()
    search = world.client.find_internal_transfer(ACCOUNT, transfer, now() - timedelta(minutes=5))
    assert len(search.found) == recorded
    assert all(receipt.state == "confirmed" for receipt in search.found)


def test_a_worker_killed_during_a_send_is_unknown_and_nothing_is_sent_again(world: Any) -> None:
    world.client.read_clock(ACCOUNT)
    first = world.client.worker_pid
    world.control.fault("hang", APPLY, seconds=LONG)
    failures: list[BaseException] = []

    def send() -> None:
        try:
            world.client.withdraw(ACCOUNT, world.request())
        except OutcomeUnknownError as error:
            failures.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    while not world.control.requests(method="POST", path=APPLY):
        pass
    os.kill(first, signal.SIGKILL)
    thread.join(20)
    assert [getattr(error, "code", "") for error in failures] == ["unknown.no_answer"]
    world.control.clear_faults()
    # The next call has a new worker, which knows nothing of the old request.
    assert world.client.find_withdrawal(ACCOUNT, world.request(), now() - timedelta(minutes=5)) is not None
    assert world.client.worker_pid != first
    assert len(world.control.requests(method="POST", path=APPLY)) == 1


def test_history_that_lags_proves_nothing_until_it_has_caught_up(world: Any) -> None:
    world.control.withdrawals(history_lag_ticks=1)
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    since = now() - timedelta(minutes=5)
    hidden = world.client.search_withdrawal(ACCOUNT, request, since)
    assert hidden.found is None
    assert not hidden.proves_absence(request.not_after)
    lag = timedelta(seconds=60, milliseconds=5000)
    assert hidden.covers_until == hidden.answered_at - lag
    world.control.tick()
    assert world.client.find_withdrawal(ACCOUNT, request, since) is not None


def test_absence_is_proven_once_the_window_has_closed(world: Any) -> None:
    search = world.client.search_withdrawal(
        ACCOUNT, world.request(client_id="never-sent"), now() - timedelta(hours=1)
    )
    assert search.proves_absence(search.covers_until - timedelta(milliseconds=1))
    assert not search.proves_absence(search.covers_until)
