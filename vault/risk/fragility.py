"""Three fragility indicators and their composite: how bad a shock would be, never that one comes.

Funding, open interest against spot volume, and depth against its own past. A reading that is absent,
stale, from the future or without a history has no score and is named; it is never read as calm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.model import Indicator
from vault.risk.exact import ONE, ZERO, clamp01, exact, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault.model import MarketReading

# Weights of the composite; they add up to one. Depth carries most because what fails in a cascade is
# immediacy, and the book is where that is seen; the other two say how much would have to be sold.
WEIGHTS: Final[dict[str, Decimal]] = {
    "depth": Decimal("0.4"),
    "funding": Decimal("0.3"),
    "open_interest": Decimal("0.3"),
}

# Fewer earlier readings than this are no history. Low on purpose: it makes a median, and a book that
# halves shows against a median of five; tails of a distribution are not estimated from it.
MIN_HISTORY: Final = 5

# Funding, annualised: 0.01 % every 8 hours is what a balanced market pays (10.95 % a year).
FUNDING_CALM: Final = Decimal("0.12")
FUNDING_CROWDED: Final = Decimal("0.60")
# ... and its z-score against its own history: one deviation is noise, four is a crowd.
FUNDING_Z_CALM: Final = ONE
FUNDING_Z_CROWDED: Final = Decimal(4)
# Funding sits at its default for days, so the measured deviation can be next to nothing and any move
# would look enormous. Annualised deviations below this are read as this.
FUNDING_MIN_DEVIATION: Final = Decimal("0.05")

# Open interest over spot volume, as a multiple of its own median: at the median calm, at twice it as
# much would have to be sold as spot trades in two usual days.
OI_CALM: Final = ONE
OI_CROWDED: Final = Decimal(2)

# Bids within 1 % as a share of their own median: all there is calm, three tenths left is a thin book.
DEPTH_CALM: Final = ONE
DEPTH_THIN: Final = Decimal("0.3")

HOURS_PER_YEAR: Final = 24 * 365
# A reading may be this far ahead of our clock before it is refused as coming from the future.
MAX_AHEAD: Final = timedelta(seconds=30)
# Digits of scores and of the composite.
SCORE_DIGITS: Final = 6
COMPOSITE_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """One indicator of one contract: raw value and score, or why there is none."""

    value: Decimal | None
    score: Decimal | None
    detail: str


@dataclass(frozen=True, slots=True)
class Composite:
    """The weighted mean over indicators with a score, and what the rest could make of it."""

    fragility: Decimal | None
    fragility_upper: Decimal
    coverage: Decimal


def ramp(value: Decimal, calm: Decimal, worst: Decimal) -> Decimal:
    """0 at `calm` and beyond, 1 at `worst` and beyond, a straight line between; monotone in `value`."""
    return rounded(clamp01((value - calm) / (worst - calm)), SCORE_DIGITS)


def _median(values: tuple[Decimal, ...]) -> Decimal:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _absent(what: str, value: Decimal | None = None) -> Reading:
    return Reading(value, None, what)


@exact
def funding(reading: MarketReading) -> Reading:
    """Funding rate per year (by the venue's own interval), scored by level and by z against its past.

    annual = rate * 8760 / interval hours; z = (annual - mean) / max(deviation, 0.05) over the history;
    score = the greater of ramp(annual, 12 % .. 60 %) and ramp(z, 1 .. 4). One-sided: longs that pay
    are what a fall liquidates. It was positive for 125 days before 10 October 2025: a sign alone says
    nothing, so neither part looks at it.
    """
    rate, hours = reading.funding_rate, reading.funding_interval_hours
    if rate is None or hours is None or hours <= 0:
        return _absent("no funding rate or no interval")
    factor = Decimal(HOURS_PER_YEAR) / hours
    annual = rate * factor
    past = tuple(item * factor for item in reading.funding_history)
    if len(past) < MIN_HISTORY:
        return _absent(f"history of {len(past)}, {MIN_HISTORY} needed", rounded(annual, SCORE_DIGITS))
    mean = sum(past, ZERO) / len(past)
    deviation = (sum(((item - mean) ** 2 for item in past), ZERO) / len(past)).sqrt()
    z = (annual - mean) / max(deviation, FUNDING_MIN_DEVIATION)
    score = max(ramp(annual, FUNDING_CALM, FUNDING_CROWDED), ramp(z, FUNDING_Z_CALM, FUNDING_Z_CROWDED))
    detail = f"{rounded(annual * 100, 2):f} % a year, z {rounded(z, 2):f} over {len(past)} intervals"
    return Reading(rounded(annual, SCORE_DIGITS), score, detail)


@exact
def open_interest(reading: MarketReading) -> Reading:
    """Open interest over 24 h spot volume, both in coins, against its own median.

    In coins because open interest in dollars falls with the price. score = ramp(ratio / median, 1 .. 2).
    """
    interest, volume = reading.open_interest, reading.spot_volume_24h
    if interest is None or volume is None or volume <= 0 or interest < 0:
        return _absent("no open interest or no spot volume")
    ratio = interest / volume
    shown = rounded(ratio, SCORE_DIGITS)
    past = reading.oi_spot_history
    if len(past) < MIN_HISTORY or (median := _median(past)) <= 0:
        return _absent(f"history of {len(past)}, {MIN_HISTORY} needed", shown)
    multiple = ratio / median
    detail = f"{rounded(ratio, 2):f} days of spot volume, {rounded(multiple, 2):f} times its median"
    return Reading(shown, ramp(multiple, OI_CALM, OI_CROWDED), detail)


@exact
def depth(reading: MarketReading) -> Reading:
    """Bids within 1 % of the mid against their own median: score = ramp(share, 1 .. 0.3).

    Quoted depth alone cannot size a cascade; that it leaves is what warns.
    """
    bids = reading.depth_bid_1pct
    if bids is None or bids < 0:
        return _absent("no order book")
    shown = rounded(bids, SCORE_DIGITS)
    past = reading.depth_history
    if len(past) < MIN_HISTORY or (median := _median(past)) <= 0:
        return _absent(f"history of {len(past)}, {MIN_HISTORY} needed", shown)
    share = bids / median
    detail = f"{rounded(bids, 2):f} within 1 %, {rounded(share * 100, 1):f} % of its median"
    return Reading(shown, ramp(share, DEPTH_CALM, DEPTH_THIN), detail)


INDICATORS: Final[tuple[tuple[str, str, Callable[[MarketReading], Reading]], ...]] = (
    ("funding", "per year", funding),
    ("open_interest", "OI / spot 24 h", open_interest),
    ("depth", "base units", depth),
)


def _finite(reading: MarketReading) -> bool:
    numbers = (
        reading.funding_rate,
        reading.open_interest,
        reading.spot_volume_24h,
        reading.depth_bid_1pct,
        *reading.funding_history,
        *reading.depth_history,
        *reading.oi_spot_history,
    )
    return all(n is None or (n.is_finite() and abs(n) <= Decimal(10) ** 18) for n in numbers)


def _refusal(reading: MarketReading, at: datetime, max_age: timedelta) -> str | None:
    age = at - reading.observed_at
    if age > max_age:
        return f"stale: {int(age.total_seconds())} s old, {int(max_age.total_seconds())} s allowed"
    if -age > MAX_AHEAD:
        return f"from the future by {int(-age.total_seconds())} s"
    return None if _finite(reading) else "a number out of range"


def indicators(
    markets: tuple[MarketReading, ...], at: datetime, max_age: timedelta
) -> tuple[tuple[Indicator, ...], tuple[str, ...]]:
    """Every indicator, worst contract first, and the names of what had no score.

    An indicator's score is that of its worst contract: taking a contract away can only lower it.
    """
    found: list[Indicator] = []
    missing: list[str] = []
    for name, unit, measure in INDICATORS:
        scored: list[tuple[Decimal, Reading, MarketReading]] = []
        absent: list[tuple[str, Reading, MarketReading]] = []
        for reading in markets:
            contract = f"{reading.venue}:{reading.symbol}"
            refused = _refusal(reading, at, max_age)
            result = _absent(refused) if refused else measure(reading)
            if result.score is None:
                absent.append((contract, result, reading))
                missing.append(f"indicator.{name}: {contract}: {result.detail}")
            else:
                scored.append((result.score, result, reading))
        if not markets:
            missing.append(f"indicator.{name}: no market was read")
        found.append(_indicator(name, unit, scored, absent))
    return tuple(found), tuple(missing)


def _indicator(
    name: str,
    unit: str,
    scored: list[tuple[Decimal, Reading, MarketReading]],
    absent: list[tuple[str, Reading, MarketReading]],
) -> Indicator:
    if scored:
        score, result, reading = max(scored, key=lambda item: item[0])
        source = f"{reading.venue}:{reading.symbol}"
        seen = min(item[2].observed_at for item in scored)
        return Indicator(name, result.value, unit, score, seen, source, result.detail)
    if absent:
        source, result, reading = absent[0]
        return Indicator(name, result.value, unit, None, reading.observed_at, source, result.detail)
    return Indicator(name, None, unit, None, None, "", "no market was read")


@exact
def composite(found: tuple[Indicator, ...], partly_missing: frozenset[str] = frozenset()) -> Composite:
    """Weighted mean of the scores present, monotone in each; `fragility_upper` takes 1 for what is not.

    With S = sum of weight * score over the present ones and C their weight: fragility = S / C,
    fragility_upper = S + (1 - C), and S itself (fragility * coverage) is the least it can be. An
    indicator in `partly_missing` (a contract without a score) counts 1 in the upper value too.
    """
    scored = {item.name: item.score for item in found if item.score is not None}
    covered = sum((WEIGHTS[name] for name in scored), ZERO)
    least = sum((WEIGHTS[name] * score for name, score in scored.items()), ZERO)
    most = sum(
        (
            weight * (ONE if name in partly_missing else scored.get(name, ONE))
            for name, weight in WEIGHTS.items()
        ),
        ZERO,
    )
    fragility = rounded(least / covered, COMPOSITE_DIGITS) if covered else None
    return Composite(fragility, rounded(most, COMPOSITE_DIGITS), rounded(covered, COMPOSITE_DIGITS))
