"""Public questions through the real worker: what an exchange was loaded with comes out in coins."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.venue_history import EXCHANGES, HOUR_MS, HOURS, PRICE, Past, load_past
from vault.clock import SystemClock
from vault.config import VenueSettings
from vault.markets.feeds.base import VenueSource
from vault.markets.feeds.collect import Collected, collect
from vault.markets.feeds.venue.present import read_market
from vault.series import HOUR, Candles, Kind, Recorded, Series, SeriesKey
from vault.venues.client import VenueClient

KINDS: dict[str, set[Kind]] = {
    "binance": {"open_interest", "funding", "price", "mark", "perp_volume", "spot_volume"},
    "bybit": {"open_interest", "funding", "price", "mark", "perp_volume", "spot_volume"},
    "okx": {
        "open_interest", "funding", "price", "mark", "perp_volume", "spot_volume",
        "long_liquidations", "short_liquidations",
    },
    "deribit": {
        "open_interest", "funding", "price", "perp_volume", "long_liquidations", "short_liquidations",
    },
    "kraken": {
        "open_interest", "funding", "price", "mark", "perp_volume", "spot_volume",
        "long_liquidations", "short_liquidations",
    },
}  # fmt: skip
NOW_KINDS: set[Kind] = {"spread", "venue_open", "peg"}


@dataclass
class Line:
    """An emulated exchange, reached through the worker."""

    exchange: str
    past: Past
    control: VenueControl
    client: VenueClient

    @property
    def source(self) -> VenueSource:
        ask = functools.partial(self.client.public, self.exchange)
        return VenueSource(self.exchange, (self.past.symbol,), ask)

    def collect(self, known: dict[SeriesKey, int] | None = None) -> Collected:
        return collect([self.source], [], known or {}, SystemClock(), days=3)


CONTRACTS = [(exchange, False) for exchange in EXCHANGES] + [
    ("binance", True),
    ("bybit", True),
    ("okx", True),
    ("deribit", True),
    ("kraken", True),
]


@pytest.fixture(scope="module")
def lines() -> Iterator[dict[tuple[str, bool], Line]]:
    """Every exchange with both kinds of contract loaded, behind one worker."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(VenueServer(name)) for name in EXCHANGES}
        client = stack.enter_context(
            VenueClient("feeds", *(_settings(name, server.url) for name, server in servers.items()))
        )
        found = {}
        for name, inverse in CONTRACTS:
            control = VenueControl(servers[name].url)
            found[name, inverse] = Line(name, load_past(control, name, inverse=inverse), control, client)
        yield found


def _settings(exchange: str, url: str) -> VenueSettings:
    return VenueSettings.model_validate(
        {"name": exchange, "exchange": exchange, "account_uid": "none", "url": url}
    )


@pytest.fixture(params=CONTRACTS, ids=[f"{name}{'-inverse' * inverse}" for name, inverse in CONTRACTS])
def line(request: pytest.FixtureRequest, lines: dict[tuple[str, bool], Line]) -> Line:
    return lines[request.param]


def values_of(item: Recorded) -> Series:
    """A history that is no candles."""
    assert isinstance(item.data, Series)
    return item.data


def candles_of(item: Recorded) -> Candles:
    assert isinstance(item.data, Candles)
    return item.data


def by_kind(found: Collected) -> dict[Kind, Recorded]:
    """One of each kind; the price is the contract's, not that of the spot market."""
    spot = SeriesKey("price", "BTC", found.recorded[0].key.source.partition("/")[0], HOUR_MS)
    return {item.key.kind: item for item in found.recorded if item.key != spot}


def test_everything_that_is_public_comes_in_coins_and_the_rest_is_named(line: Line) -> None:
    found = line.collect()
    told, past = by_kind(found), line.past
    assert KINDS[line.exchange] | NOW_KINDS <= set(told), found.failures
    assert not [each for each in found.failures if each.reason == "incomplete"]
    assert values_of(told["open_interest"]).values == pytest.approx(9000)
    price = candles_of(told["price"])
    assert len(price) == HOURS
    assert price.volume == pytest.approx(200)
    assert (price.high[0], price.low[0]) == (PRICE + 500, PRICE - 500)
    assert values_of(told["perp_volume"]).times[-1] == past.now
    if "mark" in told:
        assert np.isnan(candles_of(told["mark"]).volume).all()
    funding = told["funding"]
    assert values_of(funding).values == pytest.approx(0.0001)
    assert funding.key.step == HOUR_MS * (1 if line.exchange in {"deribit", "kraken"} else 8)
    main = past.inverse == (line.exchange == "deribit")
    assert funding.key.source == (line.exchange if main else f"{line.exchange}/{past.symbol}")
    assert told["price"].key.source == (f"{line.exchange}-perp" if main else funding.key.source)
    assert all(item.provenance.origin.startswith(line.exchange) for item in found.recorded)
    assert not [fault for item in found.recorded for fault in item.faults if item.key.kind != "funding"]


def test_forced_trades_are_summed_by_whole_hours_in_dollars(line: Line) -> None:
    found = line.collect()
    told = by_kind(found)
    if line.exchange in {"binance", "bybit"}:
        named = {each.key: each.reason for each in found.failures}
        assert named[f"long_liquidations:BTC:{told['mark'].key.source}"] == "not_offered"
        return
    kinds: tuple[tuple[Kind, int], ...] = (("long_liquidations", 2), ("short_liquidations", 1))
    for kind, coins in kinds:
        series = values_of(told[kind])
        assert series.values[series.times == line.past.now - HOUR_MS] == pytest.approx(coins * PRICE)
        assert series.values.sum() == pytest.approx(coins * PRICE)
        assert series.times[-1] == line.past.now


def test_a_second_time_only_what_is_new_is_asked(line: Line) -> None:
    first = line.collect()
    before = len(line.control.requests())
    known = {item.key: int(_last(item)) for item in first.recorded}
    again = by_kind(line.collect(known))
    assert len(again["price"].data) <= 3
    assert len(line.control.requests()) - before <= before + 1


def test_what_a_wrong_clock_kept_from_the_future_is_asked_again(line: Line) -> None:
    first = line.collect()
    ahead = 20 * HOUR
    known = {item.key: int(_last(item)) + ahead for item in first.recorded}
    again = by_kind(line.collect(known))
    assert len(again["price"].data) == len(by_kind(first)["price"].data)


def _last(item: Recorded) -> int:
    return int(
        item.data.opens[-1] + item.data.step if isinstance(item.data, Candles) else item.data.times[-1]
    )


def test_the_present_reading_is_of_the_same_answers(line: Line) -> None:
    ask = functools.partial(line.client.public, line.exchange)
    reading = read_market(ask, line.exchange, "line", line.past.symbol, SystemClock().now())
    assert reading.mark_price == PRICE
    assert reading.index_price == PRICE
    assert float(reading.open_interest or 0) == pytest.approx(9000)
    assert reading.funding_rate is not None
    assert reading.funding_interval_hours in {1, 8}
    assert reading.perp_volume_24h is not None
    assert reading.spread is not None
    named = {entry.partition(":")[0] for entry in reading.missing}
    assert ("spot_volume_24h" in named) == (line.exchange == "deribit")


def test_a_thinner_book_is_seen_and_held_positions_raise_open_interest(line: Line) -> None:
    deep = by_kind(line.collect())
    line.control.market(
        line.past.symbol, depth_scale="0.5", open_interest=str(line.past.contracts(Decimal(10_000)))
    )
    thin = by_kind(line.collect())
    if "depth_10bp" in deep:
        before, after = values_of(deep["depth_10bp"]).values[-1], values_of(thin["depth_10bp"]).values[-1]
        assert after == pytest.approx(before / 2, rel=0.01)
    assert values_of(thin["open_interest"]).values[-1] == pytest.approx(10000)
