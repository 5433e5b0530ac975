"""The market of one contract as it is now: a `MarketReading` for the snapshot, of any exchange.

Pure but for the injected `Fetch`. Refuses to fill gaps: each number that could not be had is None and named
in `missing`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from vault.clock import from_milliseconds
from vault.errors import VaultError, VenueError
from vault.markets.feeds.base import Fetch
from vault.markets.feeds.book import Depth
from vault.markets.feeds.venue.markets import market_of
from vault.markets.feeds.venue.questions import Asker, Contract, Market, Presence
from vault.model import MarketReading

T = TypeVar("T")


def read_market(fetch: Fetch, exchange: str, venue: str, symbol: str, at: datetime) -> MarketReading:
    """Read one contract; never raises for a source that fails. `at` dates a reading without a mark price."""
    reader = _Reader(Asker(fetch), exchange, symbol)
    depth = reader.depth()
    mark, moment = reader.mark()
    interval = reader.value("funding_interval_hours")
    return MarketReading(
        venue=venue,
        symbol=symbol,
        mark_price=mark,
        index_price=reader.value("index_price"),
        funding_rate=reader.value("funding_rate"),
        funding_interval_hours=None if interval is None else int(interval),
        open_interest=reader.open_interest(mark),
        spot_volume_24h=reader.value("spot_volume_24h"),
        perp_volume_24h=reader.value("perp_volume_24h"),
        depth_bid_10bp=depth[0],
        depth_bid_1pct=depth[1],
        spread=depth[2],
        observed_at=at if moment is None else from_milliseconds(moment),
        missing=tuple(reader.missing),
    )


class _Reader:
    """Asks one question after the other and notes what could not be had."""

    def __init__(self, ask: Asker, exchange: str, symbol: str) -> None:
        self._ask, self._exchange, self._symbol = ask, exchange, symbol
        self._known: tuple[Market, Contract] | None = None
        self.missing: list[str] = []

    def _take(self, name: str, read: Callable[[Market, Contract], T]) -> T | None:
        """What `read` gives; None, noted under `name`, when the source failed or was incomplete."""
        try:
            if self._known is None:
                market = market_of(self._exchange, self._symbol)
                self._known = market, market.contract(self._ask, self._symbol)
            return read(*self._known)
        except VaultError as error:
            self.missing.append(f"{name}: {error.code}")
        return None

    def value(self, name: Presence) -> Decimal | None:
        return self._take(name, lambda market, contract: now_of(self._ask, market, contract, name)[0])

    def mark(self) -> tuple[Decimal | None, int | None]:
        found = self._take(
            "mark_price", lambda market, contract: now_of(self._ask, market, contract, "mark_price")
        )
        return (None, None) if found is None else found

    def open_interest(self, mark: Decimal | None) -> Decimal | None:
        return self._take(
            "open_interest", lambda market, contract: interest_now(self._ask, market, contract, mark)[0]
        )

    def depth(self) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        """Within 10 basis points, within 1 %, spread."""
        found = self._take("depth", lambda market, contract: book_now(self._ask, market, contract))
        if found is None:
            return None, None, None
        for name, seen in (("10bp", found.bid_10bp), ("1pct", found.bid_1pct)):
            if seen is None:
                self.missing.append(f"depth_bid_{name}: the venue's book answer ends above it")
        return found.bid_10bp, found.bid_1pct, found.spread


def now_of(ask: Asker, market: Market, contract: Contract, name: Presence) -> tuple[Decimal, int | None]:
    """A present number, and its moment where the venue says it. Raises `VaultError`."""
    value = market.present.get(name)
    if value is None or (value.needs_spot and not contract.spot):
        raise VenueError("not_offered", f"{market.exchange} does not tell {name}")
    answer = ask(value.endpoint, value.parameters(contract))
    return value.read(answer, contract), None if value.at is None else value.at(answer)


def interest_now(
    ask: Asker, market: Market, contract: Contract, mark: Decimal | None
) -> tuple[Decimal, int | None]:
    """Open interest in base units. Raises `VaultError`."""
    sent, moment = now_of(ask, market, contract, "open_interest")
    if contract.inverse and mark is None:
        raise VenueError("incomplete_answer", "expected a mark price to turn dollars into coins")
    return contract.in_base(sent, mark or Decimal(1)), moment


def book_now(ask: Asker, market: Market, contract: Contract) -> Depth:
    """The depth of the present book. Raises `VaultError`."""
    return market.book.read(ask(market.book.endpoint, market.book.parameters(contract)), contract)
