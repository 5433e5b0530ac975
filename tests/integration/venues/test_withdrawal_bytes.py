"""What leaves the process: the raw HTTP body of a withdrawal against the request, digit by digit."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from vault.errors import VaultError
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer

ACCOUNT = "binance-main"
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


def sent(world: Any, path: str) -> list[dict[str, str]]:
    rows = world.control.requests(method="POST", path=path)
    assert all(row["query"] == "" for row in rows)
    return [dict(parse_qsl(row["body"], strict_parsing=True, keep_blank_values=True)) for row in rows]


def test_nasty_amounts_leave_as_they_were_planned(world: Any) -> None:
    world.control.network("BTC", withdraw_min="0.00000001", withdraw_fee="0")
    for number, (amount, literal) in enumerate(NASTY):
        request = world.request(amount, client_id=f"intent-{number}")
        world.client.withdraw(ACCOUNT, request)
        body = sent(world, "withdraw/apply")[-1]
        assert body.pop("timestamp").isdigit()
        assert len(body.pop("signature")) == 64
        assert body == {
            "coin": "BTC",
            "network": "BTC",
            "address": request.address,
            "amount": literal,
            "withdrawOrderId": f"intent-{number}",
            "walletType": "0",
            "recvWindow": "5000",
        }
        assert f"amount={literal}&" in world.control.requests(path="withdraw/apply")[-1]["body"]
        assert Amount.parse(body["amount"], BTC) == request.amount
    assert len(sent(world, "withdraw/apply")) == len(NASTY)
    assert [row["gross"] for row in world.withdrawals()] == [literal for _, literal in NASTY]


def test_nasty_amounts_of_internal_transfers_too(world: Any) -> None:
    for amount, literal in NASTY[:3]:
        transfer = InternalTransfer("spot", "futures", Amount.parse(amount, BTC), world.soon())
        world.client.transfer_internal(ACCOUNT, transfer)
        body = sent(world, "asset/transfer")[-1]
        assert (body["type"], body["asset"], body["amount"]) == ("MAIN_UMFUTURE", "BTC", literal)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": "BSC"}, "venue.unknown_network"),
        ({"network": ""}, "venue.unknown_network"),
        ({"asset": "USDT"}, "venue.unknown_network"),
        ({"address": "not-an-address"}, "address.not_base58"),
        ({"address": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"}, "address.wrong_network"),
        ({"address": "bcrt1qufedamx7wg8lcaea0f4grtdthsmxejakyt577e"}, "address.bad_checksum"),
        ({"bitcoin_network": "mainnet"}, "address.wrong_network"),
        ({"bitcoin_network": "moonnet"}, "address.unknown_network"),
        ({"tag": "123"}, "address.unexpected_tag"),
        ({"client_id": ""}, "venue.bad_client_id"),
        ({"client_id": "a&amount=99"}, "venue.bad_client_id"),
        ({"client_id": "x" * 65}, "venue.bad_client_id"),
        ({"amount": Amount(BTC, 0)}, "venue.below_minimum"),
        ({"amount": Amount(BTC, 11_999)}, "venue.below_minimum"),
        ({"amount": Amount.parse("3000", BTC)}, "venue.above_maximum"),
    ],
)
def test_what_the_venue_would_have_taken_is_refused_before_the_send(
    world: Any, changes: dict[str, Any], code: str
) -> None:
    request = world.request(**changes)
    with pytest.raises(VaultError) as caught:
        world.client.withdraw(ACCOUNT, request)
    assert caught.value.code == code
    assert world.control.requests(method="POST") == []


def test_a_fee_that_changed_since_the_plan_is_seen_in_the_last_moment(world: Any) -> None:
    before = world.client.network_info(ACCOUNT, "BTC", "BTC").fee
    planned = world.request(fee=before)
    for fee in ("0.001", "0.00000001"):  # with a lower one more would arrive than the plan says
        world.control.network("BTC", withdraw_fee=fee)
        with pytest.raises(VaultError) as caught:
            world.client.withdraw(ACCOUNT, planned)
        assert caught.value.code == "venue.fee_changed"
        assert world.control.requests(method="POST") == []
    world.control.network("BTC", withdraw_fee=before.number)
    world.client.withdraw(ACCOUNT, planned)
    assert len(world.withdrawals()) == 1


def test_a_negative_amount_does_not_even_reach_the_worker_s_venue(world: Any) -> None:
    request = world.request(amount=Amount(BTC, -5))
    with pytest.raises(VaultError) as caught:
        world.client.withdraw(ACCOUNT, request)
    assert caught.value.code == "money.negative"
    assert world.control.requests(method="POST") == []


@pytest.mark.parametrize(
    ("network", "code"),
    [
        ({"withdraw_enabled": False}, "venue.suspended"),
        ({"withdraw_step": "0.1"}, "venue.not_a_multiple"),
        ({"withdraw_min": "0.25000001"}, "venue.below_minimum"),
        ({"withdraw_fee": "0.25"}, "venue.below_fee"),
    ],
)
def test_the_network_s_present_rules_are_kept(world: Any, network: dict[str, Any], code: str) -> None:
    world.control.network("BTC", **network)
    with pytest.raises(VaultError) as caught:
        world.client.withdraw(ACCOUNT, world.request("0.25"))
    assert caught.value.code == code
    assert world.control.requests(method="POST") == []
