"""The market of one contract as it is now: a `MarketReading` for the snapshot, of any exchange.

Pure but for the injected `Fetch`. Refuses to fill gaps: each number that could not be had is None and named
in `missing`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from vault.clock import from_milliseconds, to_milliseconds
from vault.errors import VaultError, VenueError
from vault.markets.feeds.base import Fetch
from vault.markets.feeds.book import Depth
from vault.markets.feeds.venue.markets import market_of
from vault.markets.feeds.venue.paging import read_pages
from vault.markets.feeds.venue.questions import Asker, Contract, Market, Presence, Question, Row, Window
from vault.model import MarketReading
from vault.money import CONTEXT
from vault.series import DAY, HOUR, Kind

T = TypeVar("T")

FUNDING_HISTORY: Final = 90 * DAY
RATIO_HISTORY: Final = 30 * DAY
DAY_HOURS: Final = 24


def read_market(fetch: Fetch, exchange: str, venue: str, symbol: str, at: datetime) -> MarketReading:
    """Read one contract; never raises for a source that fails. `at` dates a reading without a mark price.

    `depth_history` stays empty (venues keep none); the caller fills it from its own record.
    """
    reader = _Reader(Asker(fetch), exchange, symbol, to_milliseconds(at))
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
        funding_history=reader.funding_history(),
        open_interest=reader.open_interest(mark),
        spot_volume_24h=reader.value("spot_volume_24h"),
        perp_volume_24h=reader.value("perp_volume_24h"),
        depth_bid_10bp=depth[0],
        depth_bid_1pct=depth[1],
        spread=depth[2],
        depth_history=(),
        oi_spot_history=reader.interest_over_spot(),
        observed_at=at if moment is None else from_milliseconds(moment),
        missing=tuple(reader.missing),
    )


class _Reader:
    """Asks one question after the other and notes what could not be had."""

    def __init__(self, ask: Asker, exchange: str, symbol: str, now: int) -> None:
        self._ask, self._exchange, self._symbol, self._now = ask, exchange, symbol, now
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

    def funding_history(self) -> tuple[Decimal, ...]:
        """Past rates, oldest first."""

        def read(market: Market, contract: Contract) -> tuple[Decimal, ...]:
            rows = self._rows(_question(market, "funding"), contract, FUNDING_HISTORY)
            if not rows:
                raise VenueError("incomplete_answer", "expected past funding rates, found none")
            return tuple(rate for rate in rows.values() if rate is not None)

        return self._take("funding_history", read) or ()

    def interest_over_spot(self) -> tuple[Decimal, ...]:
        """Daily open interest over the spot volume of the 24 hours before, oldest first."""

        def read(market: Market, contract: Contract) -> tuple[Decimal, ...]:
            interest = self._rows(_question(market, "open_interest"), contract, RATIO_HISTORY)
            volumes = self._rows(_question(market, "spot_volume"), contract, RATIO_HISTORY + DAY, place=4)
            daily: dict[int, Decimal] = {}
            for moment, coins in interest.items():
                if coins is not None:
                    daily[moment // DAY] = coins
            latest = {moment // DAY: moment for moment in interest}
            points = {latest[day]: coins for day, coins in daily.items()}
            ratios = over_trailing_day(points, {t: v for t, v in volumes.items() if v is not None})
            if not ratios:
                raise VenueError(
                    "incomplete_answer", "expected open interest with 24 hours of spot volume before it"
                )
            return ratios

        return self._take("oi_spot_history", read) or ()

    def _rows(
        self, question: Question, contract: Contract, span: int, place: int = 0
    ) -> dict[int, Decimal | None]:
        """One value of each row by its moment, oldest first."""
        if question.keeps:
            span = min(span, question.keeps)
        pages = read_pages(self._ask, question, contract, Window(self._now - span, self._now))
        if pages.failure is not None and not pages.rows:
            raise pages.failure
        found: dict[int, Decimal | None] = {}
        for moment, values in sorted(pages.rows, key=_moment):
            found[moment] = values[place]
        return found


def _moment(row: Row) -> int:
    return row[0]


def _question(market: Market, kind: Kind) -> Question:
    for question in market.history:
        if kind in question.yields:
            return question
    raise VenueError("not_offered", market.absent.get(kind, f"{market.exchange} tells no history of {kind}"))


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


def over_trailing_day(points: dict[int, Decimal], hourly_volume: dict[int, Decimal]) -> tuple[Decimal, ...]:
    """Each point over the sum of the 24 whole hours that ended at or before it.

    A point whose day is not complete, or in which nothing was traded, is left out.
    """
    ratios = []
    for moment in sorted(points):
        end = moment - moment % HOUR
        day = [hourly_volume.get(end - hour * HOUR) for hour in range(1, DAY_HOURS + 1)]
        volume = sum((part for part in day if part is not None), Decimal(0))
        if None not in day and volume > 0:
            ratios.append(CONTEXT.divide(points[moment], volume))
    return tuple(ratios)
