"""The cascade model of one asset out of its market history: each input with its source and age, or named.

Pure. Refuses to put a number where none is known: without a price, open interest or depth there is no curve.
What nobody publishes is an assumption and stands at the top, with its reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.errors import MarketDataError
from vault.risk.cascade.depth import KAPPA_AS_QUOTED, Depth, density_of_quoted
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import JUDGED_MIX, EntryHistory, Ladder, Side, build_ladder
from vault.risk.cascade.phi import Calibration, PhiEstimate, calibrate, estimate_phi
from vault.risk.exposure.book import JUDGED_STRESS
from vault.risk.indicators.base import witness_of
from vault.risk.indicators.hours import HourlySource, hourly
from vault.series import DAY, HOUR, FloatArray, IntArray, Kind, MarketHistory, Series, SeriesKey

# Leverage is kept for days: mean age of what is open, and how far back entries are looked for (0.1 % left).
TAU_HOURS: Final = 7 * 24
ENTRY_HOURS: Final = 7 * TAU_HOURS
# Maintenance margin of the smallest brackets at large venues.
MAINTENANCE: Final = 0.005
# An hour that is not over hides what it did: a price of the hour before is the newest there can be.
PRICE_AGE: Final = 2 * HOUR
OPEN_INTEREST_AGE: Final = DAY
# A book of an hour ago is another book.
DEPTH_AGE: Final = HOUR
# Less than this share of the hours of the last tau: too many entries are missing.
SEEN: Final = 0.95
# Windows that phi is estimated from, and how fast an old one is forgotten: it fell from 0.68 to 0.17 between
# October 2025 and January 2026.
PHI_DAYS: Final = 30
PHI_HALF_LIFE_HOURS: Final = 7 * 24
# Fewer days than this estimate nothing: two quiet ones would say that nobody is ever liquidated.
PHI_WINDOWS: Final = 7
# A generation is what liquidation engines and the makers' answer to them take: seconds to minutes.
GENERATION_SECONDS: Final = 60.0
# Days of candles that volume and volatility are taken from, for the deep bids.
IMPACT_DAYS: Final = 30
SIDES: Final[tuple[Side, Side]] = ("long", "short")
_LIQUIDATIONS: Final[dict[Side, Kind]] = {"long": "long_liquidations", "short": "short_liquidations"}


@dataclass(frozen=True, slots=True)
class Input:
    """A number the model was given; `age` in ms. `value` None: not known, and `problem` says why."""

    name: str
    value: float | None
    unit: str
    age: int | None
    source: str
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LiveSide:
    """One side: its curve (None where an input is missing), phi, and how expectations did so far."""

    side: Side
    curve: CascadeCurve | None
    phi: PhiEstimate
    calibration: Calibration | None


@dataclass(frozen=True, slots=True, eq=False)
class LiveModel:
    """The model of one asset at a moment."""

    asset: str
    at: int
    price: float | None
    inputs: tuple[Input, ...]
    long: LiveSide
    short: LiveSide
    assumptions: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Inputs that are not known, and why."""
        return tuple(f"{item.name}: {item.problem}" for item in self.inputs if item.value is None)

    def of(self, side: Side) -> LiveSide:
        """The side that falls (long) or rises (short) liquidate."""
        return self.long if side == "long" else self.short


def live_model(history: MarketHistory, at: int, asset: str) -> LiveModel:
    """Build the model from what was known at `at` (Unix ms). Never raises for what is missing."""
    source = _entries_source(history, at, asset)
    price = _price(source, at)
    interest = _total(history.series("open_interest", asset), at, OPEN_INTEREST_AGE, price, "open interest")
    quoted = _total(history.series("depth_1pct", asset), at, DEPTH_AGE, price, "bids within 1 %")
    deep = _deep_bids(source, at)
    depth = None if quoted.value is None or deep.value is None else _depth(quoted.value, deep.value)
    sides = {}
    for side in SIDES:
        phi, calibration = _phi(history, at, asset, side, source)
        ladder = _ladder(source, at, side, interest.value, phi.value)
        curve = None if ladder is None or depth is None else CascadeCurve.of(ladder, depth)
        sides[side] = LiveSide(side, curve, phi, calibration)
    return LiveModel(
        asset=asset,
        at=at,
        price=price.value,
        inputs=(price, interest, quoted, deep, _phi_input(sides["long"].phi)),
        long=sides["long"],
        short=sides["short"],
        assumptions=_assumptions(sides["long"].phi),
    )


def _assumptions(phi: PhiEstimate) -> tuple[str, ...]:
    mix = ", ".join(
        f"{share:.0%} at {leverage:g}x"
        for leverage, share in zip(JUDGED_MIX.leverages, JUDGED_MIX.shares, strict=True)
    )
    found = [
        f"leverage of new positions: {mix}; nobody publishes it",
        f"positions are kept {TAU_HOURS // 24} days on average; maintenance margin {MAINTENANCE:.1%}",
        f"the book holds {KAPPA_AS_QUOTED:g} times what it quotes within 1 % per unit of log move",
        f"makers step back by a factor e each {JUDGED_STRESS.xi:.0%}, {JUDGED_STRESS.w_min:.0%} never leave",
        "deep bids follow the square-root law of impact with a prefactor of 1",
        f"a generation of liquidations takes {GENERATION_SECONDS:g} s",
        "rises meet a book as deep as falls do",
    ]
    if phi.value is None:
        found.append(
            "all of the open interest is unhedged (phi 1, an upper bound): there is no estimate of it"
        )
    return tuple(found)


def _entries_source(history: MarketHistory, at: int, asset: str) -> HourlySource | None:
    """The source of hours with the most of them lately, if it is current; last prices before marks."""
    found, _ = hourly(history, "price", asset)
    fresh = [one for one in found if _age(one.closes, at) <= PRICE_AGE]
    if not fresh:
        return None
    return max(fresh, key=lambda one: (_seen_hours(one, at, TAU_HOURS), one.source))


def _seen_hours(source: HourlySource, at: int, number: int) -> int:
    hours = source.hours(at // HOUR - number, number)
    return int(np.sum(np.isfinite(hours.close) & np.isfinite(hours.volume)))


def _age(series: Series, at: int) -> int:
    place = int(np.searchsorted(series.times, at, side="right")) - 1
    return at - int(series.times[place]) if place >= 0 else 2**62


def _price(source: HourlySource | None, at: int) -> Input:
    if source is None:
        return Input(
            "price", None, "USD", None, "", f"no hourly candles that are {PRICE_AGE // HOUR} h old or newer"
        )
    value, age = source.closes.as_of(np.array([at], dtype=np.int64), PRICE_AGE)
    if not math.isfinite(value[0]):
        return Input("price", None, "USD", int(age[0]), source.source, "its newest candle cannot be used")
    return Input("price", float(value[0]), "USD", int(age[0]), source.source)


def _total(
    pairs: tuple[tuple[SeriesKey, Series], ...], at: int, max_age: int, price: Input, name: str
) -> Input:
    """The newest values of every source of base units, added up, in USD. A silent source is named."""
    if not pairs or price.value is None:
        return Input(name, None, "USD", None, "", "no price" if pairs else "no source of it")
    values, ages, silent = _newest(pairs, at, max_age)
    if not values:
        return Input(name, None, "USD", None, "", "; ".join(silent))
    total = sum(values.values()) * price.value
    return Input(name, total, "USD", max(ages), ", ".join(sorted(values)), "; ".join(silent))


def _newest(
    pairs: tuple[tuple[SeriesKey, Series], ...], at: int, max_age: int
) -> tuple[dict[str, float], list[int], list[str]]:
    """Value by source, the ages of those values, and why others have none."""
    values: dict[str, float] = {}
    ages: list[int] = []
    silent: list[str] = []
    for key, series in pairs:
        value, age = series.as_of(np.array([at], dtype=np.int64), max_age)
        if math.isfinite(value[0]):
            # One source at several steps: the newest of them.
            values[key.source] = float(value[0])
            ages.append(int(age[0]))
        elif age[0] < 0:
            silent.append(f"{key}: nothing yet")
        else:
            silent.append(f"{key}: unusable or {int(age[0]) // HOUR} h old")
    return values, ages, silent


def _deep_bids(source: HourlySource | None, at: int) -> Input:
    """K = V / sigma^2: the square-root law u = sigma * sqrt(N / V), daily volume (USD) and volatility.

    Source: Tóth et al. 2011, Phys. Rev. X 1, 021006, with a prefactor of 1.
    """
    name, unit = "deep bids", "USD per squared log move"
    if source is None:
        return Input(name, None, unit, None, "", "no price")
    number = IMPACT_DAYS * 24
    hours = source.hours(at // HOUR - number, number)
    traded = hours.volume * hours.close
    variance = daily_variance(source, at, IMPACT_DAYS)
    if variance is None or np.sum(np.isfinite(traded)) < SEEN * number:
        return Input(name, None, unit, None, source.source, f"less than {IMPACT_DAYS} days of candles")
    volume = float(np.nanmean(traded)) * 24
    if variance <= 0 or volume <= 0:
        return Input(name, None, unit, None, source.source, "no volume or no movement")
    return Input(name, volume / variance, unit, _age(source.closes, at), source.source)


def daily_variance(source: HourlySource, at: int, days: int) -> float | None:
    """Mean square of the log returns over 24 hours that ended in the last `days`; None where hours lack.

    Of whole days and not of hours: what hours do often comes back by the evening, or trends.
    """
    hours = source.hours(at // HOUR - days * 24, days * 24)
    with np.errstate(invalid="ignore"):
        returns = np.log(hours.close[24:] / hours.close[:-24])
    known = returns[np.isfinite(returns)]
    if known.size < SEEN * returns.size:
        return None
    return float(np.mean(known**2))


def _depth(quoted: float, deep_bids: float) -> Depth:
    return Depth(
        delta=density_of_quoted(quoted, KAPPA_AS_QUOTED),
        xi=JUDGED_STRESS.xi,
        w_min=JUDGED_STRESS.w_min,
        deep_bids=deep_bids,
    )


def _ladder(
    source: HourlySource | None, at: int, side: Side, open_interest: float | None, phi: float | None
) -> Ladder | None:
    """The ladder as it stood at `at`; None when an input or the entries of the last tau are not there."""
    if source is None or open_interest is None or _seen_hours(source, at, TAU_HOURS) < SEEN * TAU_HOURS:
        return None
    hours = source.hours(at // HOUR - ENTRY_HOURS, ENTRY_HOURS)
    known = np.isfinite(hours.close) & np.isfinite(hours.volume)
    try:
        entries = EntryHistory(
            closes=hours.close[known],
            lows=hours.low[known],
            highs=hours.high[known],
            volumes=(hours.volume * hours.close)[known],
            ages=np.arange(ENTRY_HOURS - 1, -1, -1, dtype=np.float64)[known],
        )
        return build_ladder(
            entries,
            JUDGED_MIX,
            side=side,
            price=float(entries.closes[-1]),
            open_interest=open_interest,
            maintenance=MAINTENANCE,
            tau_hours=TAU_HOURS,
            phi=1.0 if phi is None else phi,
        )
    except MarketDataError:
        return None  # nobody is left on it, or its candles contradict each other


def _phi(
    history: MarketHistory, at: int, asset: str, side: Side, source: HourlySource | None
) -> tuple[PhiEstimate, Calibration | None]:
    """phi from each of the last days: what was liquidated over what the ladder of the day before held."""
    pairs = history.series(_LIQUIDATIONS[side], asset)
    # What is liquidated at one venue says nothing of positions at another.
    tell = {witness_of(key.source) for key, _ in pairs}
    interest = tuple(
        pair for pair in history.series("open_interest", asset) if witness_of(pair[0].source) in tell
    )
    if source is None or not pairs or not interest:
        lacking = "price" if source is None else "realised liquidations" if not pairs else "open interest"
        return PhiEstimate(None, None, None, 0, f"no source of {lacking}"), None
    ends = (at // HOUR - 24 * np.arange(PHI_DAYS - 1, -1, -1, dtype=np.int64)) * HOUR
    realised = _realised(pairs, ends)
    held = np.array([_expected(source, int(end), side, interest) for end in ends.tolist()])
    told = np.isfinite(realised) & np.isfinite(held)
    ages = (at - ends[told]) / HOUR
    if np.sum(told & (held > 0)) < PHI_WINDOWS:
        seen = int(np.sum(told & (held > 0)))
        why = f"{seen} days with liquidations and open interest of the same venue, {PHI_WINDOWS} needed"
        return PhiEstimate(None, None, None, seen, why), None
    found = estimate_phi(realised[told], held[told], ages, half_life_hours=PHI_HALF_LIFE_HOURS)
    judged = calibrate(realised[told], held[told], ends[told] / HOUR, half_life_hours=PHI_HALF_LIFE_HOURS)
    return found, judged


def _realised(pairs: tuple[tuple[SeriesKey, Series], ...], ends: IntArray) -> FloatArray:
    """USD liquidated in the day before each end, over all sources; NaN where a source was silent."""
    total = np.zeros(ends.shape)
    for key, series in pairs:
        step = key.step or HOUR
        for place, end in enumerate(ends.tolist()):
            part = series.between(end - DAY, end).values
            whole = part.size >= SEEN * DAY / step and bool(np.all(np.isfinite(part)))
            total[place] += float(np.sum(part)) if whole else np.nan
    return total


def _expected(
    source: HourlySource, end: int, side: Side, interest: tuple[tuple[SeriesKey, Series], ...]
) -> float:
    """G of the move that the day before `end` made, by the ladder that stood at its beginning (phi = 1)."""
    start = end - DAY
    hours = source.hours(start // HOUR, 24)
    before = source.hours(start // HOUR - 1, 1).close[0]
    extreme = np.min(hours.low) if side == "long" else np.max(hours.high)
    values, _, _ = _newest(interest, start, OPEN_INTEREST_AGE)
    if not (math.isfinite(before) and math.isfinite(extreme) and values):
        return math.nan
    ladder = _ladder(source, start, side, sum(values.values()) * float(before), 1.0)
    if ladder is None:
        return math.nan
    move = math.log(before / extreme) if side == "long" else math.log(extreme / before)
    return float(ladder.at(np.array([max(0.0, move)]))[0])


def _phi_input(phi: PhiEstimate) -> Input:
    age = None if phi.age_hours is None else int(phi.age_hours * HOUR)
    return Input(
        "phi", phi.value, "share", age, "realised liquidations", "" if phi.value is not None else phi.reason
    )
