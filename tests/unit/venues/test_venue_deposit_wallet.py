"""Which moves remain after a deposit follows from the wallet that the venue credits."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from vault.config import VenueSettings
from vault.errors import VenueError
from vault.treasury.plan import Move
from vault.treasury.venue_requests import after_credit
from vault.venues import routes
from vault.venues.base import DepositAddress
from vault.venues.traits import TRAITS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MOVING = [exchange for exchange, traits in TRAITS.items() if traits.ships == "full"]


class Desk:
    """One account; the venue says that its deposits are credited to `wallet`."""

    def __init__(self, exchange: str, wallet: str) -> None:
        self.wallet = wallet
        self.asked = 0
        settings = VenueSettings(name="a", exchange=exchange, account_uid="1")
        self.treasury = SimpleNamespace(venue=lambda name: settings)
        self.venues = self

    def deposit_address(self, venue: str, asset: str, network: str) -> DepositAddress:
        self.asked += 1
        return DepositAddress(asset, network, "address", "", "1", NOW, self.wallet)


def moves(desk: Any) -> tuple[Move, ...]:
    return after_credit(desk, "a", "BTC", "BTC-Bitcoin")


def test_a_top_up_that_okx_credits_to_trading_is_moved_no_further() -> None:
    assert moves(Desk("okx", "trading")) == ()


def test_a_top_up_that_okx_credits_to_funding_is_moved_to_trading() -> None:
    assert moves(Desk("okx", "funding")) == (Move("funding", "trading"),)


def test_where_margin_has_no_other_wallet_nobody_is_asked() -> None:
    desk = Desk("deribit", "")
    assert (moves(desk), desk.asked) == ((), 0)


@pytest.mark.parametrize("exchange", MOVING)
def test_from_every_wallet_of_an_account_the_rest_of_the_way_leads_to_margin(exchange: str) -> None:
    stops = routes.wallets(exchange)
    for wallet in stops:
        way = routes.inward(exchange, credited=wallet)
        assert [wallet, *(hop.destination for hop in way)] == list(stops[stops.index(wallet) :: -1])
    assert routes.inward(exchange, credited=stops[-1]) == routes.inward(exchange)


@pytest.mark.parametrize("exchange", MOVING)
def test_a_wallet_that_is_none_of_the_account_s_leads_nowhere(exchange: str) -> None:
    with pytest.raises(VenueError) as caught:
        routes.inward(exchange, credited="savings")
    assert caught.value.code == "venue.unknown_wallet"
