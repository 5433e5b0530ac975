"""Binance public market data of one contract: a `MarketReading` out of raw answers.

Pure but for the injected `Fetch`, so it neither knows nor imports how a venue is reached. Refuses to
fill gaps: each number that could not be had is None and named in `missing`, with the reason. Sources:
Binance "Mark Price", "Get Funding Rate History", "Get Funding Rate Info", "Open Interest", "Open Interest
Statistics", "24hr Ticker Price Change Statistics", "Order Book".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

from vault.clock import from_milliseconds
from vault.errors import MoneyError, VaultError, VenueError
from vault.model import MarketReading
from vault.money import CONTEXT, venue_decimal


class Answer(Protocol):
    """Whatever carries the raw text of an answer."""

    @property
    def text(self) -> str: ...


Fetch = Callable[[str, tuple[tuple[str, str], ...]], Answer]
"""(endpoint, parameters) -> the answer; raises `VaultError`."""

T = TypeVar("T")

FUNDING_POINTS: Final = 270  # 90 days of eight-hour intervals
DEPTH_LEVELS: Final = 1000  # the most that the futures book gives
HISTORY_DAYS: Final = 30  # what the open interest statistics keep
CANDLES: Final = 1000  # one page of hourly candles: 41 days
HOUR_MS: Final = 3_600_000
DAY_HOURS: Final = 24
TEN_BASIS_POINTS: Final = Decimal("0.001")
ONE_PERCENT: Final = Decimal("0.01")
DEFAULT_INTERVAL_HOURS: Final = 8  # "Get Funding Rate Info" lists only contracts that were adjusted


@dataclass(frozen=True, slots=True)
class Depth:
    """A book's best prices and the quantity bid down to 10 basis points and 1 % below the mid.

    None where the answer's last level lies above that price: the book goes on, we do not see it.
    """

    spread: Decimal
    bid_10bp: Decimal | None
    bid_1pct: Decimal | None


@dataclass(frozen=True, slots=True)
class _Premium:
    mark: Decimal
    index: Decimal
    funding: Decimal
    at: datetime


def read_market(fetch: Fetch, venue: str, symbol: str, at: datetime) -> MarketReading:
    """Read one contract; never raises for a source that fails. `at` dates a reading without a mark price.

    `depth_history` stays empty (the venue keeps none); the caller fills it from its own record.
    """
    reader = _Reader(fetch, symbol)
    premium = reader.take("mark_price", reader.premium)
    depth = reader.take("depth", reader.depth)
    if depth is not None and depth.bid_10bp is None:
        reader.missing.append("depth_bid_10bp: the venue's book answer ends above it")
    if depth is not None and depth.bid_1pct is None:
        reader.missing.append("depth_bid_1pct: the venue's book answer ends above it")
    spot_volume = reader.take("spot_volume_24h", lambda: reader.volume("publicGetTicker24hr"))
    perp_volume = reader.take("perp_volume_24h", lambda: reader.volume("fapiPublicGetTicker24hr"))
    return MarketReading(
        venue=venue,
        symbol=symbol,
        mark_price=premium.mark if premium else None,
        index_price=premium.index if premium else None,
        funding_rate=premium.funding if premium else None,
        funding_interval_hours=reader.take("funding_interval_hours", reader.funding_interval),
        funding_history=reader.take("funding_history", reader.funding_history) or (),
        open_interest=reader.take("open_interest", reader.open_interest),
        spot_volume_24h=spot_volume,
        perp_volume_24h=perp_volume,
        depth_bid_10bp=depth.bid_10bp if depth else None,
        depth_bid_1pct=depth.bid_1pct if depth else None,
        spread=depth.spread if depth else None,
        depth_history=(),
        oi_spot_history=reader.take("oi_spot_history", reader.open_interest_over_spot) or (),
        observed_at=premium.at if premium else at,
        missing=tuple(reader.missing),
    )


class _Reader:
    """Asks one endpoint after the other and notes what could not be had."""

    def __init__(self, fetch: Fetch, symbol: str) -> None:
        self._fetch = fetch
        self._symbol = symbol
        self.missing: list[str] = []

    def take(self, name: str, read: Callable[[], T]) -> T | None:
        """What `read` gives; None, noted under `name`, when the source failed or was incomplete."""
        try:
            return read()
        except VaultError as error:
            self.missing.append(f"{name}: {error.code}")
        return None

    def _get(self, endpoint: str, *parameters: tuple[str, str]) -> Any:
        return parse_answer(self._fetch(endpoint, (("symbol", self._symbol), *parameters)).text, endpoint)

    def premium(self) -> _Premium:
        answer = self._get("fapiPublicGetPremiumIndex")
        return _Premium(
            _decimal(answer, "markPrice"),
            _decimal(answer, "indexPrice"),
            _decimal(answer, "lastFundingRate"),
            from_milliseconds(_milliseconds(answer, "time")),
        )

    def funding_history(self) -> tuple[Decimal, ...]:
        answer = self._get("fapiPublicGetFundingRate", ("limit", str(FUNDING_POINTS)))
        points = sorted(
            (_milliseconds(row, "fundingTime"), _decimal(row, "fundingRate")) for row in _list(answer)
        )
        if not points:
            raise VenueError("incomplete_answer", "expected past funding rates, found none")
        return tuple(rate for _, rate in points)

    def funding_interval(self) -> int:
        for row in _list(self._get("fapiPublicGetFundingInfo")):
            if _text(row, "symbol") == self._symbol:
                return int(_decimal(row, "fundingIntervalHours"))
        return DEFAULT_INTERVAL_HOURS

    def open_interest(self) -> Decimal:
        return _decimal(self._get("fapiPublicGetOpenInterest"), "openInterest")

    def volume(self, endpoint: str) -> Decimal:
        return _decimal(self._get(endpoint), "volume")

    def depth(self) -> Depth:
        answer = self._get("fapiPublicGetDepth", ("limit", str(DEPTH_LEVELS)))
        return depth_of(_levels(answer, "bids"), _levels(answer, "asks"))

    def open_interest_over_spot(self) -> tuple[Decimal, ...]:
        """Daily open interest over the spot volume of the 24 hours before, oldest first."""
        interest = self._get("fapiDataGetOpenInterestHist", ("period", "1d"), ("limit", str(HISTORY_DAYS)))
        candles = self._get("publicGetKlines", ("interval", "1h"), ("limit", str(CANDLES)))
        points = {
            _milliseconds(row, "timestamp"): _decimal(row, "sumOpenInterest") for row in _list(interest)
        }
        hours = {}
        for candle in _list(candles):
            if not isinstance(candle, list) or len(candle) < 6 or type(candle[0]) is not int:
                raise VenueError("bad_answer", "expected candles of at least six fields")
            hours[candle[0]] = _number(candle[5], "candle volume")
        ratios = over_trailing_day(points, hours)
        if not ratios:
            raise VenueError(
                "incomplete_answer", "expected open interest with 24 hours of spot volume before it"
            )
        return ratios


def over_trailing_day(points: dict[int, Decimal], hourly_volume: dict[int, Decimal]) -> tuple[Decimal, ...]:
    """Each point over the sum of the 24 whole hours that ended at or before it.

    A point whose day is not complete, or in which nothing was traded, is left out.
    """
    ratios = []
    for moment in sorted(points):
        end = moment - moment % HOUR_MS
        day = [hourly_volume.get(end - hour * HOUR_MS) for hour in range(1, DAY_HOURS + 1)]
        volume = sum((part for part in day if part is not None), Decimal(0))
        if None not in day and volume > 0:
            ratios.append(CONTEXT.divide(points[moment], volume))
    return tuple(ratios)


def depth_of(bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]]) -> Depth:
    """Depth of a book given as (price, quantity) levels, best first. Raises `VenueError`."""
    if not bids or not asks or bids[0][0] >= asks[0][0] or bids[-1][0] <= 0:
        raise VenueError("bad_answer", "expected a book with bids below asks")
    mid = CONTEXT.divide(bids[0][0] + asks[0][0], Decimal(2))

    def down_to(share: Decimal) -> Decimal | None:
        limit = CONTEXT.multiply(mid, 1 - share)
        if bids[-1][0] > limit:
            return None
        return sum((quantity for price, quantity in bids if price >= limit), Decimal(0))

    return Depth(asks[0][0] - bids[0][0], down_to(TEN_BASIS_POINTS), down_to(ONE_PERCENT))


def parse_answer(text: str, what: str) -> Any:
    """JSON with exact numbers. Raises ``venue.bad_answer``."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, ArithmeticError):
        raise VenueError("bad_answer", f"{what}: expected JSON") from None


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _list(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise VenueError("bad_answer", f"expected a list, found {type(answer).__name__}")
    return answer


def _field(answer: Any, name: str) -> Any:
    if not isinstance(answer, dict) or answer.get(name) in (None, ""):
        raise VenueError("incomplete_answer", f"expected the field {name!r}, the venue did not send it")
    return answer[name]


def _text(answer: Any, name: str) -> str:
    return str(_field(answer, name))


def _number(value: Any, what: str) -> Decimal:
    try:
        return venue_decimal(value, what=what)
    except MoneyError as error:
        raise VenueError("bad_answer", error.message) from None


def _decimal(answer: Any, name: str) -> Decimal:
    return _number(_field(answer, name), name)


def _milliseconds(answer: Any, name: str) -> int:
    value = _field(answer, name)
    if type(value) is not int or not 0 < value < 10**13:
        raise VenueError("bad_answer", f"{name}: expected Unix milliseconds")
    return value


def _levels(answer: Any, side: str) -> list[tuple[Decimal, Decimal]]:
    levels = []
    for level in _list(_field(answer, side)):
        if not isinstance(level, list) or len(level) < 2:
            raise VenueError("bad_answer", f"{side}: expected [price, quantity] pairs")
        levels.append((_number(level[0], side), _number(level[1], side)))
    return levels
