"""What leaves for OKX: the raw HTTP bodies of withdrawals and transfers against the plan, digit by digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.okx_world import ACCOUNT, COLD, NETWORK, SEND, OkxWorld, fill, okx_world, soon
from tests.support.warm_server import WarmServer
from vault.errors import VaultError
from vault.money import BTC, XRP, Amount
from vault.venues import client as venue_client

RIPPLE = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
FEE = Amount.parse("0.00002", BTC)
# What the address is to receive, and how it must be written.
NASTY = (
    ("0.00000001", "0.00000001"),
    ("0.00001", "0.00001"),
    ("12.3456789", "12.3456789"),
    ("12.34567890", "12.3456789"),
    ("0.1", "0.1"),
    ("10", "10"),
    ("20.00000003", "20.00000003"),
    ("0.29999999", "0.29999999"),
)


@pytest.fixture
def world(keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OkxWorld]:
    from quick_keyring import QuickCryptFileKeyring

    fill(QuickCryptFileKeyring(), "only for tests")
    monkeypatch.setattr(venue_client, "_start", warm.worker)
    with okx_world() as made:
        yield made


def bodies(world: OkxWorld, path: str) -> list[str]:
    rows = world.control.requests(method="POST", path=path)
    assert all(row["query"] == "" for row in rows)
    return [row["body"] for row in rows]


@pytest.mark.parametrize("fee", ["0", "0.00002"])
def test_nasty_amounts_leave_as_they_were_planned(world: OkxWorld, fee: str) -> None:
    world.control.network("BTC", withdraw_fee=fee)
    planned = Amount.parse(fee, BTC)
    for number, (net, literal) in enumerate(NASTY):
        request = world.request(Amount.parse(net, BTC) + planned, client_id=f"intent{number}", fee=planned)
        world.client.withdraw(ACCOUNT, request)
        text = bodies(world, "asset/withdrawal")[-1]
        assert json.loads(text) == {
            "ccy": "BTC",
            "amt": literal,
            "dest": "4",
            "toAddr": COLD,
            "chain": NETWORK,
            "clientId": f"intent{number}",
        }
        assert f'"amt":"{literal}"' in text
        assert Amount.parse(json.loads(text)["amt"], BTC) + planned == request.amount
    assert [row["amount"] for row in world.withdrawals()] == [literal for _, literal in NASTY]
    assert [row["fee"] for row in world.withdrawals()] == [fee] * len(NASTY)


def test_nasty_amounts_of_transfers_too(world: OkxWorld) -> None:
    for amount, literal in NASTY[:2]:
        world.client.transfer_internal(ACCOUNT, world.transfer(amount))
        text = bodies(world, "asset/transfer")[-1]
        body = json.loads(text)
        assert len(body.pop("clientId")) == 32
        assert body == {"type": "0", "ccy": "BTC", "amt": literal, "from": "18", "to": "6"}
        assert f'"amt":"{literal}"' in text


def test_a_tag_stands_behind_the_address(world: OkxWorld) -> None:
    request = world.request(
        Amount.parse("25.5", XRP), asset="XRP", network="XRP-Ripple", address=RIPPLE, tag="12345"
    )
    world.client.withdraw(ACCOUNT, request)
    body = json.loads(bodies(world, "asset/withdrawal")[-1])
    assert (body["toAddr"], body["chain"], body["amt"]) == (f"{RIPPLE}:12345", "XRP-Ripple", "25.4")


def test_a_client_id_that_okx_would_refuse_is_sent_in_its_own_form_the_same_each_time(
    world: OkxWorld,
) -> None:
    request = world.request(client_id="intent-0001")
    world.client.withdraw(ACCOUNT, request)
    theirs = json.loads(bodies(world, "asset/withdrawal")[-1])["clientId"]
    assert theirs.isalnum()
    assert len(theirs) == 32
    found = world.client.search_withdrawal(ACCOUNT, request, soon(-60))
    assert found.found is not None


def test_the_request_is_signed_by_the_withdraw_key_only(world: OkxWorld) -> None:
    world.client.withdraw(ACCOUNT, world.request())
    (row,) = world.control.requests(method="POST")
    assert row["api_key"] == SEND["key"]
    assert all(secret not in json.dumps(row) for secret in (SEND["secret"], SEND["password"]))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": "BTC"}, "venue.unknown_network"),
        ({"network": "BTC-ERC20"}, "venue.unknown_network"),
        ({"network": ""}, "venue.unknown_network"),
        ({"address": "not-an-address"}, None),
        ({"address": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"}, None),
        ({"address": COLD + ":1"}, None),
        ({"tag": "123"}, None),
        ({"client_id": ""}, "venue.bad_client_id"),
        ({"client_id": 'a","amt":"99'}, "venue.bad_client_id"),
        ({"amount": Amount(BTC, 0)}, None),
        ({"amount": FEE}, "venue.below_fee"),
        ({"amount": Amount.parse("3000", BTC)}, "venue.above_maximum"),
        ({"asset": "XRP", "network": "XRP-Ripple", "amount": Amount.parse("25", XRP), "address": "r1"}, None),
    ],
)
def test_what_the_venue_might_have_taken_is_refused_before_the_send(
    world: OkxWorld, changes: dict[str, Any], code: str | None
) -> None:
    request = world.request(**changes)
    with pytest.raises(VaultError) as caught:
        world.client.withdraw(ACCOUNT, request)
    assert code is None or caught.value.code == code
    assert world.control.requests(method="POST") == []
