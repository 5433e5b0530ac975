"""What leaves for Deribit: the raw query of a withdrawal against the plan, digit by digit, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.support.deribit_world import (
    ACCOUNT,
    COLD,
    ETHER,
    FEE,
    SEND_KEY,
    DeribitWorld,
    deribit_world,
    soon,
    use_worker,
)
from tests.support.warm_server import WarmServer
from vault.clock import SystemClock
from vault.errors import VaultError, VenueError
from vault.money import BTC, USDC, Amount
from vault.secrets import Secret
from vault.venues.common.amounts import exact_text
from vault.venues.deribit.account import Deribit
from vault.venues.line.connection import Connection

NASTY = ("0.00000001", "0.00001", "12.3456789", "0.1", "10", "20.00000003", "0.29999999", "100")


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


@pytest.fixture
def connection(world: DeribitWorld) -> Connection:
    keys = {part: Secret(text) for part, text in SEND_KEY.items()}
    return Connection(world.settings, keys, SystemClock(), Deribit.endpoints())


ASKED = {"currency": "BTC", "address": COLD, "amount": "0.1"}


def test_a_get_that_withdraws_is_no_read(world: DeribitWorld, connection: Connection) -> None:
    with pytest.raises(VenueError) as caught:
        connection.get("privateGetWithdraw", ASKED)
    assert caught.value.code == "venue.no_permit"
    assert world.sends() == []


def test_a_get_that_withdraws_leaves_with_a_permit_only(world: DeribitWorld, connection: Connection) -> None:
    connection.get("publicGetGetTime")  # a read before it leaves no leave behind
    with pytest.raises(VenueError) as caught:
        connection._exchange.privateGetWithdraw(ASKED)
    assert caught.value.code == "venue.no_permit"
    assert world.sends() == []


def test_nasty_amounts_leave_as_they_were_planned(world: DeribitWorld) -> None:
    for number, net in enumerate(NASTY):
        request = world.request(net, client_id=f"intent-{number:04}")
        world.client.withdraw(ACCOUNT, request)
        row = world.sends()[-1]
        assert (row["method"], row["body"]) == ("GET", "")
        assert dict(parse_qsl(row["query"], strict_parsing=True)) == {
            "currency": "BTC",
            "address": COLD,
            "amount": net,
            "nonce": f"intent-{number:04}",
        }
        assert f"&amount={net}&" in row["query"]
        assert world.withdrawals()[-1]["gross"] == exact_text(Amount.parse(net, BTC) + FEE)
    assert len(world.sends()) == len(NASTY)
    assert [record["amount"] for record in world.withdrawals()] == list(NASTY)


def test_a_token_leaves_on_its_own_chain(world: DeribitWorld) -> None:
    fee = Amount.parse("5", USDC)
    request = world.request(
        asset="USDC",
        network="USDC",
        address=ETHER,
        amount=Amount.parse("1234.567891", USDC) + fee,
        fee=fee,
    )
    world.client.withdraw(ACCOUNT, request)
    assert "amount=1234.567891&" in world.sends()[-1]["query"]
    found = search(world, request).found
    assert (found.amount, found.fee) == (Amount.parse("1234.567891", USDC), fee)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": "ETH"}, "venue.unknown_network"),
        ({"asset": "DOGE"}, "venue.unknown_network"),
        ({"address": "not-an-address"}, "address.not_base58"),
        ({"tag": "7"}, "address.unexpected_tag"),
        ({"amount": FEE}, "venue.below_fee"),
        ({"fee": None}, "venue.fee_not_planned"),
        ({"fee": FEE + FEE}, "venue.fee_changed"),
        ({"not_after": soon(-1)}, "venue.too_late"),
    ],
)
def test_what_the_plan_does_not_say_is_not_sent(
    world: DeribitWorld, changes: dict[str, Any], code: str
) -> None:
    assert code_of(world.client.withdraw, ACCOUNT, world.request(**changes)) == code
    assert world.sends() == []


def test_a_fee_that_rose_since_the_plan_stops_the_send(world: DeribitWorld) -> None:
    world.control.network("BTC", withdraw_fee="0.00005")
    assert code_of(world.client.withdraw, ACCOUNT, world.request()) == "venue.fee_changed"
    assert world.sends() == []


@pytest.mark.parametrize(
    ("prepare", "venue_code"),
    [
        (lambda world: world.allow(), "11090"),
        (lambda world: world.control.network("BTC", withdraw_enabled=False), "13025"),
        (lambda world: world.control.hold("main", 2 * 10**12), "10019"),
        (lambda world: world.control.mark("BTC-PERPETUAL", "260"), "10009"),
    ],
)
def test_a_refusal_of_the_venue_is_definite(world: DeribitWorld, prepare: Any, venue_code: str) -> None:
    prepare(world)
    with pytest.raises(VenueError) as caught:
        world.client.withdraw(ACCOUNT, world.request("150"))
    assert caught.value.details["venue_code"] == venue_code
    assert world.withdrawals() == []
    assert len(world.sends()) == 1
