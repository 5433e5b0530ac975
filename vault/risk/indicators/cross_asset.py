"""Cross-asset volatility: gold, silver, equities, the dollar index and VIX, as the desks that hold them do.

Their markets are shut at weekends, when cascades ran: the last value is held, said, and may be anything for
all that is known. Refuses series that are not daily.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.risk.indicators.base import (
    POST,
    About,
    Reading,
    Source,
    Track,
    faults_of,
    gather,
    ramp,
    said,
    span,
)
from vault.risk.indicators.windows import (
    MIN_COVERAGE,
    MIN_POINTS,
    at_moments,
    business_age,
    late_weekday,
    trailing,
)
from vault.series import DAY, HOUR, FloatArray, IntArray, Kind, MarketHistory, Recorded, Series

# A trading year, a week of trading, and a quarter for the usual size of a day's move.
YEAR: Final = 252
WEEK: Final = 5
QUARTER: Final = 60
# Coins fall with the asset: they are no other markets, whatever a file calls them.
COINS: Final = frozenset({
    "AAVE", "ADA", "ARB", "ATOM", "AVAX", "BCH", "BNB", "BTC", "DOGE", "DOT", "ETC", "ETH", "FIL", "HYPE",
    "LINK", "LTC", "NEAR", "OP", "PEPE", "SHIB", "SOL", "SUI", "TON", "TRX", "UNI", "XLM", "XMR", "XRP",
})  # fmt: skip
_OF_COINS: Final[tuple[Kind, ...]] = ("price", "mark", "funding", "open_interest", "supply", "peg")
# The usual size of a day's move is known from half of them.
MOVE_COVERAGE: Final = 0.5
# Several markets are watched and the worst of them counts, so each must be rare alone: one day in twenty.
CALM: Final = 0.95
WORST: Final = 1.0
# A day's move in usual ones: with fat tails three come about once in a hundred days in each market; six are
# disorder.
MOVE_CALM: Final = 3.0
MOVE_WORST: Final = 6.0
# Names whose level is a volatility already, in points.
LEVELS: Final = frozenset({"VIX", "VVIX", "VXN", "GVZ", "OVX", "MOVE"})
# The spacing of daily closes over a long weekend; more is a hole, or no daily series.
LONGEST: Final = 5 * DAY
# A close is a day old when the next one comes; after that the market is shut (or the feed late).
SHUT_AFTER: Final = DAY + 2 * HOUR
# Calendar days that hold a year of closes and the quarter before it.
REACH: Final = 480 * DAY

ABOUT: Final = About(
    name="cross_asset",
    title="Cross-asset volatility",
    definition="Disorder in gold, silver, equities, the dollar index and VIX: the worst of them.",
    formula="score = the greater of ramp(percentile of 5-day realised volatility, 95 % .. 100 %) and "
    "ramp(|r| / deviation of the 60 days before, 3 .. 6); for VIX its level's percentile and its change",
    window="252 closes; 60 for the size of a day's move",
    calm="volatility below 95 % of the year's and no move above three usual ones, everywhere",
    worst="the highest of the year, or a move of six usual ones, anywhere",
    source=f"{POST}, fifth warning: when metals and equities are disorderly, crypto liquidity "
    "often degrades too; realised volatility: root of the mean of squared log returns times 252",
    pitfalls=(
        "markets are shut at weekends: the value is held and counts as unknown in the upper bound",
        "a move either way counts: a rise by six usual moves is disorder too",
        "the percentile says rare, not how far: the move in deviations says that",
    ),
    thresholds=(
        ("percentile, calm", f"{CALM:g}", "the worst of several counts, so each must be rare alone"),
        ("percentile, worst", f"{WORST:g}", "the highest of the year"),
        ("move, calm", f"{MOVE_CALM:g}", "once in a hundred days"),
        ("move, worst", f"{MOVE_WORST:g}", "disorder"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of cross-asset volatility: `value` a share a year (VIX: points), `statistic` a percentile."""
    sources: list[Source] = []
    unused: list[str] = []
    for item in history.of("close"):
        if not isinstance(item.data, Series) or item.key.name == asset:
            continue
        if item.key.name in COINS or any(history.of(kind, item.key.name) for kind in _OF_COINS):
            unused.append(f"{item.key}: a coin is no other market")
            continue
        if item.key.step > LONGEST:
            unused.append(f"{item.key}: closes {span(item.key.step)} apart, daily ones needed")
        else:
            sources.append(_source(item, item.data))
    return gather(ABOUT, "per year", "percentile", at, sources, unused=tuple(unused))


def _source(item: Recorded, closes: Series) -> Source:
    level = item.key.name.upper() in LEVELS

    def read(at: IntArray) -> Reading:
        part = closes.between(int(at[0]) - REACH, int(at[-1]))
        value, percentile, move, coverage = _disorder(part, level)
        score = np.maximum(ramp(percentile, CALM, WORST), ramp(move, MOVE_CALM, MOVE_WORST))
        columns, age = at_moments(part, at, value, percentile, move, score, coverage)
        value, percentile, move, score, coverage = columns
        shut = age > SHUT_AFTER
        why = late_weekday(part, int(at[-1]))
        if not why:
            why = f"{said(coverage[-1] * YEAR, 0)} of {YEAR} closes of history, or a hole in the last five"
        worth = (value[-1], 2, " points") if level else (value[-1] * 100, 1, " % a year")
        return Reading(
            value=value,
            statistic=percentile,
            score=score,
            age=age,
            coverage=np.where(np.isfinite(coverage), coverage, 0.0),
            detail=f"{item.key.name} {said(*worth)}, percentile of a year: {said(percentile[-1] * 100, 0)}; "
            f"last move {said(move[-1], 1, ' usual ones')}" + ("; market shut, held" if shut[-1] else ""),
            why=why,
            upper=np.where(shut, 1.0, score),
        )

    unit = "points" if level else ""
    return Source(f"{item.key.name} ({item.key.source})", (closes,), read, faults_of(item), unit)


def _disorder(closes: Series, level: bool) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Value, percentile, last move in deviations, and coverage of the year, at each close."""
    if not len(closes):
        empty = np.empty(0)
        return empty, empty, empty, empty
    logs = np.log(np.where(closes.values > 0, closes.values, np.nan))
    returns = np.diff(logs, prepend=np.nan)
    before = np.concatenate([closes.times[:1], closes.times[:-1]])
    # A move over days that are missing is so many days' move: it grows with their root.
    returns /= np.sqrt(np.maximum(1.0, np.round(business_age(before, closes.times) / DAY)))
    returns[closes.times - before > LONGEST] = np.nan
    value = closes.values if level else np.sqrt(np.mean(trailing(returns, WEEK) ** 2, axis=1) * YEAR)
    past = trailing(value, YEAR)
    count = np.sum(np.isfinite(past), axis=1)
    coverage = count / YEAR
    below, same = np.sum(past < value[:, None], axis=1), np.sum(past == value[:, None], axis=1)
    enough = (count >= MIN_POINTS) & (coverage >= MIN_COVERAGE) & np.isfinite(value)
    # Itself is among them: the highest of the year is at 1, in a constant year all are at one half.
    share = np.where(same > 1, below + (same - 1) / 2, below) / np.maximum(count - 1, 1)
    earlier = trailing(np.concatenate([[np.nan], returns])[:-1], QUARTER)
    seen = np.isfinite(earlier)
    number = np.sum(seen, axis=1)
    usual = np.sqrt(np.sum(np.where(seen, earlier, 0.0) ** 2, axis=1) / np.maximum(number, 1))
    # Of closes that never moved any move is the first: the percentile says that.
    move = np.where(usual > 0, np.abs(returns) / usual, 0.0)
    move = np.where(number >= QUARTER * MOVE_COVERAGE, move, np.nan)
    return value, np.where(enough, share, np.nan), move, coverage
