"""The emulated Hyperliquid's margin: half the initial one at the highest leverage, and a tenth stays."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.positions import Position
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.dispatch import Dispatcher
from emulator.venues.serving.exchange import load
from emulator.venues.serving.messages import Incoming
from vault.clock import from_milliseconds
from vault.venues.common.reading import ReadingContext
from vault.venues.hyperliquid import margin

USER = "0x" + "ab" * 20
NOW = 1_795_000_000_000


@pytest.fixture
def venue() -> Venue:
    made = Venue(load("hyperliquid").profile)
    made.clock.fixed_ms = NOW
    made.create_account("main", keys=(ApiKey(USER, ""),), wallets={"perp": {"USDC": Decimal("100000")}})
    return made


def hold(venue: Venue, coin: str, size: str, entry: str, leverage: int, *, isolated: str = "") -> None:
    own = Decimal(isolated) if isolated else None
    position = Position(coin, Decimal(size), Decimal(entry), leverage, isolated_margin=own)
    venue.set_position(venue.account("main"), position)


def told(venue: Venue, kind: str, **fields: Any) -> Any:
    body = json.dumps({"type": kind, "user": USER, **fields})
    asked = Incoming("POST", "/info", "", body, None, "127.0.0.1")
    return json.loads(Dispatcher(load("hyperliquid"), venue).answer(asked).text, parse_float=Decimal)


def test_a_cross_account_by_hand(venue: Venue) -> None:
    hold(venue, "BTC", "0.5", "98000", 10)  # worth 50,000 at 100,000: profit 1,000
    hold(venue, "SOL", "-100", "205", 5)  # worth 20,000 at 200: profit 500
    state = told(venue, "clearinghouseState")
    assert state["crossMarginSummary"] == {
        "accountValue": "101500.0",
        "totalNtlPos": "70000.0",
        "totalRawUsd": "71500.0",
        "totalMarginUsed": "9000.0",
    }
    # 50,000 / 80 and 20,000 / 40.
    assert state["crossMaintenanceMarginUsed"] == "1125.0"
    # The initial margin of 9,000 is more than a tenth of 70,000.
    assert state["withdrawable"] == "92500.0"
    assert venue.max_withdraw(venue.account("main"), "perp", "USDC") == Decimal("92500")


def test_a_tenth_of_the_notional_stays_where_the_initial_margin_is_less(venue: Venue) -> None:
    hold(venue, "BTC", "8", "100000", 40)  # 800,000: initial 20,000, a tenth is 80,000
    assert told(venue, "clearinghouseState")["withdrawable"] == "20000.0"


def test_tiers_are_as_the_venue_tells_them(venue: Venue) -> None:
    hold(venue, "BTC", "2000", "100000", 20)  # 200 million: 150 at 1/80, 50 at 1/40
    assert told(venue, "clearinghouseState")["crossMaintenanceMarginUsed"] == "3125000.0"
    universe, tables = (told(venue, "meta")[name] for name in ("universe", "marginTables"))
    (btc,) = [line for line in universe if line["name"] == "BTC"]
    assert dict(map(tuple, tables))[btc["marginTableId"]]["marginTiers"] == [
        {"lowerBound": "0.0", "maxLeverage": 40},
        {"lowerBound": "150000000.0", "maxLeverage": 20},
    ]


def test_an_isolated_position_answers_for_itself(venue: Venue) -> None:
    hold(venue, "ETH", "10", "4100", 10, isolated="5000")  # worth 40,000, loses 1,000
    state = told(venue, "clearinghouseState")
    assert state["marginSummary"]["accountValue"] == "99000.0"
    assert state["crossMarginSummary"]["accountValue"] == "95000.0"
    (line,) = state["assetPositions"]
    assert line["position"]["marginUsed"] == "4000.0"
    assert line["position"]["leverage"]["type"] == "isolated"
    assert state["withdrawable"] == "95000.0"


def test_at_the_told_liquidation_price_the_account_is_closed_and_not_before(venue: Venue) -> None:
    hold(venue, "BTC", "5", "100000", 10)
    price = Decimal(told(venue, "clearinghouseState")["assetPositions"][0]["position"]["liquidationPx"])
    venue.set_price("BTC", price + 1)
    assert venue.account("main").open_positions()
    venue.set_price("BTC", price - 1)
    assert not venue.account("main").open_positions()
    assert venue.account("main").held("perp", "USDC") >= ZERO


def test_our_reading_of_it_is_the_engines_own_report(venue: Venue) -> None:
    hold(venue, "BTC", "0.5", "98000", 10)
    hold(venue, "ETH", "-10", "4100", 10, isolated="5000")
    when = from_milliseconds(NOW)
    dex = margin.Dex("", told(venue, "clearinghouseState"), told(venue, "metaAndAssetCtxs"))
    account = margin.standard_account(dex, ReadingContext("a", USER, when, when, 0))
    report = venue.report(venue.account("main"))
    assert (account.equity, account.initial_margin, account.maintenance_margin) == (
        report.margin_balance,
        report.initial_margin,
        report.maintenance_margin,
    )
    assert account.balance == 100_000
    tables = {name: each.brackets for name, each in venue.market.symbols.items()}
    for position in account.positions:
        rates = [(band.floor, band.rate, band.cum) for band in position.brackets]
        theirs = [(band.floor, band.rate, band.cum) for band in tables[position.symbol].brackets]
        assert rates == theirs
    assert account.flags == ()
