"""Binance COIN-M through the real worker: read exactly, and moved to the spot wallet and back, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer

ACCOUNT = "binance-main"


def test_coin_margin_is_read_and_moved(world: Any) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    out = InternalTransfer("spot", "coin_futures", Amount.parse("2", BTC), soon)
    back = InternalTransfer("coin_futures", "spot", Amount.parse("0.5", BTC), soon)
    with world.open(product="coinm", contracts=("BTCUSD_PERP",)) as client:
        client.transfer_internal(ACCOUNT, out)
        client.transfer_internal(ACCOUNT, back)
        account = client.read_account(ACCOUNT)
        (collateral,) = account.collateral
        assert (collateral.asset, collateral.balance, collateral.ratio) == ("BTC", Decimal("1.5"), 1)
        assert account.equity == account.balance == Decimal("1.5") * collateral.price
        assert (account.mode, account.positions) == ("coinm", ())
        found = client.find_internal_transfer(ACCOUNT, back, soon - timedelta(minutes=5)).found
        assert [(move.source, move.destination, move.state) for move in found] == [
            ("coin_futures", "spot", "confirmed")
        ]
        with pytest.raises(VenueError) as caught:
            client.transfer_internal(ACCOUNT, InternalTransfer("futures", "spot", out.amount, soon))
    assert caught.value.code == "venue.unknown_transfer"
    assert len(world.control.requests(method="POST", path="/sapi/v1/asset/transfer")) == 2


def test_an_account_held_by_a_custodian_is_read_and_sends_nothing(world: Any) -> None:
    with world.open(custody="off_exchange", custodian="Custodian One") as client:
        assert client.read_account(ACCOUNT).custody == "off_exchange"
        with pytest.raises(VenueError) as caught:
            client.withdraw(ACCOUNT, world.request())
    assert caught.value.code == "venue.off_exchange"
    assert world.withdrawals() == []


def test_what_the_venue_does_not_say_of_holds_is_none(world: Any) -> None:
    hold = world.client.holds(ACCOUNT)
    assert (hold.held, hold.until) == (None, None)
