"""What leaves for Kraken: the raw HTTP bodies of withdrawals and moves against the plan, digit by digit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.support.kraken_world import (
    ACCOUNT,
    COLD,
    COLD_KEY,
    OTHER,
    UNCONFIRMED,
    KrakenWorld,
    fill,
    kraken_world,
)
from tests.support.warm_server import WarmServer
from vault.errors import VaultError
from vault.money import BTC, XRP, Amount
from vault.venues import client as venue_client

# An amount as it may be planned, and how it must be written.
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
def world(
    keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[KrakenWorld]:
    from quick_keyring import QuickCryptFileKeyring

    fill(QuickCryptFileKeyring(), "only for tests")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(venue_client, "_start", warm.worker)
    with kraken_world() as made:
        yield made


@pytest.mark.parametrize("fee", ["0", "0.00002"])
def test_nasty_amounts_leave_as_they_were_planned(world: KrakenWorld, fee: str) -> None:
    world.control.network("BTC", withdraw_fee=fee)
    planned = Amount.parse(fee, BTC)
    amounts = [pair for pair in NASTY if Amount.parse(pair[0], BTC) > planned]
    for number, (amount, literal) in enumerate(amounts):
        request = world.request(amount, client_id=f"intent{number}", fee=planned)
        world.client.withdraw(ACCOUNT, request)
        row = world.sent("/Withdraw")[-1]
        assert row["query"] == ""
        body = dict(parse_qsl(row["body"], strict_parsing=True))
        assert body.pop("nonce").isdigit()
        assert body == {
            "asset": "XBT",
            "key": COLD_KEY,
            "amount": literal,
            "address": COLD,
            "max_fee": fee,
        }
        assert f"&amount={literal}&" in row["body"]
        assert Amount.parse(body["amount"], BTC) == request.amount
    assert [row["gross"] for row in world.withdrawals()] == [literal for _, literal in amounts]
    assert [row["fee"] for row in world.withdrawals()] == [fee] * len(amounts)


def test_nasty_amounts_of_every_hop_too(world: KrakenWorld) -> None:
    hops = (
        (("flex", "cash"), "/transfer"),
        (("cash", "spot"), "/withdrawal"),
        (("spot", "cash"), "/WalletTransfer"),
    )
    for amount, literal in (NASTY[0], NASTY[1], NASTY[7]):
        for hop, path in hops:
            world.client.transfer_internal(ACCOUNT, world.transfer(amount, hop))
            row = world.sent(path)[-1]
            told = row["query"] or row["body"]
            assert dict(parse_qsl(told))["amount"] == literal
            assert f"amount={literal}" in told


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": "BTC"}, "venue.unknown_network"),
        ({"network": "Lightning"}, "venue.unknown_network"),
        ({"network": ""}, "venue.unknown_network"),
        ({"address": "not-an-address"}, None),
        ({"address": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"}, None),
        ({"address": COLD + "&amount=99"}, None),
        ({"address": UNCONFIRMED}, "venue.no_withdrawal_key"),
        ({"tag": "123"}, None),
        ({"client_id": ""}, "venue.bad_client_id"),
        ({"client_id": "a&amount=99"}, "venue.bad_client_id"),
        ({"amount": Amount(BTC, 0)}, None),
        ({"amount": Amount.parse("0.00002", BTC)}, "venue.below_minimum"),
        ({"amount": Amount.parse("3000", BTC)}, "venue.above_maximum"),
        ({"asset": "XRP", "network": "Ripple", "amount": Amount.parse("25", XRP), "address": "r1"}, None),
    ],
)
def test_what_the_venue_might_have_taken_is_refused_before_the_send(
    world: KrakenWorld, changes: dict[str, Any], code: str | None
) -> None:
    with pytest.raises(VaultError) as caught:
        world.client.withdraw(ACCOUNT, world.request(**changes))
    assert code is None or caught.value.code == code
    assert world.sent("/Withdraw") == []


def test_a_name_that_was_given_to_another_address_withdraws_nothing(world: KrakenWorld) -> None:
    entries = [{"coin": "BTC", "network": "Bitcoin", "address": OTHER, "name": COLD_KEY}]
    world.control.call("whitelist", account="main", on=True, entries=entries)
    with pytest.raises(VaultError) as caught:
        world.client.withdraw(ACCOUNT, world.request())
    assert caught.value.code == "venue.no_withdrawal_key"
    assert world.withdrawals() == []
