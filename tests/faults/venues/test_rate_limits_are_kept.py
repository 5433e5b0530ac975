"""A venue that says "too many requests" or bans: nothing goes to it until then, and no other venue waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VenueError
from vault.venues.client import VenueClient

ACCOUNT = "binance-main"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def codes(client: VenueClient, times: int) -> list[str]:
    found = []
    for _ in range(times):
        with pytest.raises(VenueError) as caught:
            client.read_account(ACCOUNT)
        found.append(caught.value.code)
    return found


@pytest.mark.parametrize(("kind", "status"), [("too_many_requests", 429), ("banned", 418)])
def test_after_the_venue_s_no_not_one_request_goes_to_it(world: Any, kind: str, status: int) -> None:
    world.control.fault(kind, "/", seconds="300")
    with pytest.raises(VenueError) as caught:
        world.client.read_account(ACCOUNT)
    assert f"no request goes to it until {caught.value.details['retry_at']} (HTTP {status})" in str(
        caught.value
    )
    asked = len(world.control.requests())
    assert codes(world.client, 3) == ["venue.rate_limited"] * 3
    assert len(world.control.requests()) == asked


def test_the_ban_holds_for_every_account_and_every_process_of_this_user(world: Any) -> None:
    world.control.fault("banned", "/", seconds="300")
    codes(world.client, 1)
    asked = len(world.control.requests())
    second = VenueSettings(**{**world.settings.model_dump(), "name": "binance-second"})
    with VenueClient(world.treasury, second) as other, pytest.raises(VenueError) as caught:
        other.read_account("binance-second")
    assert caught.value.code == "venue.rate_limited"
    assert world.client.worker_pid != other.worker_pid
    assert len(world.control.requests()) == asked


def test_a_withdrawal_during_a_ban_is_not_sent_and_is_known_not_to_be(world: Any) -> None:
    world.control.fault("banned", "/", seconds="300")
    codes(world.client, 1)
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, world.request())
    assert caught.value.code == "venue.rate_limited"
    assert world.withdrawals() == []


def test_a_withdrawal_that_is_answered_with_429_is_refused_and_not_unknown(world: Any) -> None:
    world.control.fault("too_many_requests", "withdraw/apply", seconds="300")
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, world.request())
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert (caught.value.code, caught.value.details["passing"]) == ("venue.refused", "yes")
    assert world.withdrawals() == []
    assert codes(world.client, 1) == ["venue.rate_limited"]


def test_when_the_time_has_come_the_venue_is_asked_again(world: Any) -> None:
    world.control.fault("too_many_requests", "/", seconds="1")
    found = codes(world.client, 1)
    while True:  # a second, by the venue's own word
        try:
            account = world.client.read_account(ACCOUNT)
        except VenueError as error:
            found.append(error.code)
        else:
            break
    assert account.name == ACCOUNT
    assert set(found[1:]) <= {"venue.rate_limited"}


def test_another_exchange_is_not_held_up(world: Any) -> None:
    """Its server is another host, whatever the address of both is."""
    from emulator.venues.serving.server import VenueServer

    world.control.fault("banned", "/", seconds="300")
    codes(world.client, 1)
    with VenueServer("binance") as server, world.open(url=server.url) as client:
        assert client.read_clock(ACCOUNT).round_trip_ms >= 0
