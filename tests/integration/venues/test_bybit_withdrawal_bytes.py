"""What leaves for Bybit: the raw HTTP bodies of withdrawals and transfers, digit by digit."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bybit_world import (
    ACCOUNT,
    COLD,
    CREATE,
    MOVE,
    RIPPLE_ADDRESS,
    BybitWorld,
    bybit_world,
)
from tests.support.warm_server import WarmServer
from vault.errors import VaultError
from vault.money import BTC, Amount

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


def only_strings_and_integers(text: str) -> dict[str, Any]:
    """The body's fields; a float in it would have lost digits before it left."""

    def refuse(number: str) -> Any:
        raise AssertionError(f"a float left: {number}")

    return dict(json.loads(text, parse_float=refuse))


def test_nasty_amounts_leave_as_they_were_planned(bybit: BybitWorld) -> None:
    bybit.control.network("BTC", withdraw_min="0.00000001", withdraw_fee="0")
    bybit.at_once()
    for number, (amount, literal) in enumerate(NASTY):
        request = bybit.request(amount, client_id=f"intent{number}")
        bybit.client.withdraw(ACCOUNT, request)
        row = bybit.sent(CREATE)[-1]
        assert row["query"] == ""
        assert f'"amount": "{literal}"' in row["body"] or f'"amount":"{literal}"' in row["body"]
        body = only_strings_and_integers(row["body"])
        assert type(body.pop("timestamp")) is int
        assert body == {
            "coin": "BTC",
            "chain": "BTC",
            "address": COLD,
            "amount": literal,
            "forceChain": 1,
            "accountType": "FUND",
            "feeType": 1,
            "requestId": f"intent{number}",
        }
        assert Amount.parse(body["amount"], BTC) == request.amount
    assert len(bybit.sent(CREATE)) == len(NASTY)
    assert [row["gross"] for row in bybit.recorded()] == [literal for _, literal in NASTY]


def test_nasty_amounts_of_transfers_too(bybit: BybitWorld) -> None:
    seen = set()
    for amount, literal in (*NASTY[:2], ("0.12345678", "0.12345678")):
        bybit.client.transfer_internal(ACCOUNT, bybit.transfer(amount))
        body = only_strings_and_integers(bybit.sent(MOVE)[-1]["body"])
        seen.add(uuid.UUID(body.pop("transferId")))
        assert body == {
            "coin": "BTC",
            "amount": literal,
            "fromAccountType": "UNIFIED",
            "toAccountType": "FUND",
        }
    assert len(seen) == 3


def test_an_id_the_venue_would_refuse_leaves_as_the_same_hash_each_time(bybit: BybitWorld) -> None:
    bybit.at_once()
    for _ in range(2):
        bybit.client.withdraw(ACCOUNT, bybit.request("0.5", client_id="intent-with-a-dash_0001"))
    first, second = (only_strings_and_integers(row["body"])["requestId"] for row in bybit.sent(CREATE))
    assert first == second
    assert first.isalnum()
    assert len(first) <= 32
    assert len(bybit.recorded()) == 1  # the venue takes the second for the first


def test_a_tag_leaves_with_its_amount_and_the_coin_is_found_by_it(bybit: BybitWorld) -> None:
    bybit.at_once()
    ours, other = bybit.ripple_request(tag="7"), bybit.ripple_request(tag="70", client_id="other")
    bybit.client.withdraw(ACCOUNT, other)
    assert bybit.search(ours).found is None
    bybit.client.withdraw(ACCOUNT, ours)
    body = only_strings_and_integers(bybit.sent(CREATE)[-1]["body"])
    assert (body["coin"], body["chain"], body["address"]) == ("XRP", "XRP", RIPPLE_ADDRESS)
    assert (body["tag"], body["amount"]) == ("7", "25.5")
    bybit.control.tick(2)
    assert (RIPPLE_ADDRESS, 25_300_000, "7") in bybit.ripple.paid
    found = bybit.search(ours).found
    assert found is not None
    assert (found.tag, found.gross) == ("7", ours.amount)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tag": ""}, "address.missing_tag"),
        ({"tag": "seven"}, "address.bad_tag"),
        ({"address": RIPPLE_ADDRESS[:-1] + "i"}, "address.bad_checksum"),
        ({"address": COLD}, "address.not_base58"),
    ],
)
def test_a_tagged_coin_without_its_tag_or_address_never_leaves(
    bybit: BybitWorld, changes: dict[str, Any], code: str
) -> None:
    request = bybit.ripple_request(**changes)
    with pytest.raises(VaultError) as caught:
        bybit.client.withdraw(ACCOUNT, request)
    assert caught.value.code == code
    assert bybit.sent(CREATE) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": "TRX"}, "venue.unknown_network"),
        ({"network": ""}, "venue.unknown_network"),
        ({"address": "not-an-address"}, "address.not_base58"),
        ({"address": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"}, "address.wrong_network"),
        ({"bitcoin_network": "mainnet"}, "address.wrong_network"),
        ({"tag": "123"}, "address.unexpected_tag"),
        ({"client_id": ""}, "venue.bad_client_id"),
        ({"amount": Amount(BTC, 0)}, "venue.below_minimum"),
        ({"amount": Amount(BTC, 26_999)}, "venue.below_minimum"),
        ({"amount": Amount.parse("501", BTC)}, "venue.above_maximum"),
    ],
)
def test_what_the_venue_would_have_taken_is_refused_before_the_send(
    bybit: BybitWorld, changes: dict[str, Any], code: str
) -> None:
    request = bybit.request(**changes)
    with pytest.raises(VaultError) as caught:
        bybit.client.withdraw(ACCOUNT, request)
    assert caught.value.code == code
    assert bybit.sent(CREATE) == []


def test_a_fee_that_changed_since_the_plan_is_seen_in_the_last_moment(bybit: BybitWorld) -> None:
    bybit.at_once()
    before = bybit.client.network_info(ACCOUNT, "BTC", "BTC").fee
    planned = bybit.request(fee=before)
    for fee in ("0.001", "0.00000001"):  # with a lower one more would arrive than the plan says
        bybit.control.network("BTC", withdraw_fee=fee)
        with pytest.raises(VaultError) as caught:
            bybit.client.withdraw(ACCOUNT, planned)
        assert caught.value.code == "venue.fee_changed"
        assert bybit.sent(CREATE) == []
    bybit.control.network("BTC", withdraw_fee=before.number)
    bybit.client.withdraw(ACCOUNT, planned)
    assert len(bybit.recorded()) == 1


@pytest.mark.parametrize(
    ("network", "code"),
    [
        ({"withdraw_enabled": False}, "venue.suspended"),
        ({"withdraw_step": "0.1"}, "venue.not_a_multiple"),
        ({"withdraw_min": "0.25000001"}, "venue.below_minimum"),
        ({"withdraw_fee": "0.25"}, "venue.below_fee"),
    ],
)
def test_the_network_s_present_rules_are_kept(bybit: BybitWorld, network: dict[str, Any], code: str) -> None:
    bybit.control.network("BTC", **network)
    with pytest.raises(VaultError) as caught:
        bybit.client.withdraw(ACCOUNT, bybit.request("0.25"))
    assert caught.value.code == code
    assert bybit.sent(CREATE) == []
