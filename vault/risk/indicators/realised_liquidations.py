"""Liquidations that happened: longs closed by force within the last hour, against a usual day's worst hour.

An hour of which a report is missing has no sum: it would read as calmer than it was.
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
    witness_of,
)
from vault.risk.indicators.windows import Past, lacking, oldest_allowed, sum_of_last
from vault.series import HOUR, FloatArray, IntArray, MarketHistory, Recorded, Series

WINDOW: Final = 90
# Multiples of the worst hour of a usual day (the median of daily peaks), on a scale of tens because the
# sums have a heavy tail: such an hour comes daily; ten of them at once are a cascade.
CALM: Final = 1.0
CASCADE: Final = 10.0
# Share of a day's hours that must be there for its peak.
DAY_SEEN: Final = 0.9

ABOUT: Final = About(
    name="realised_liquidations",
    title="Realised liquidations",
    definition="Dollars of long positions that were closed by force within the last hour.",
    formula="score = ramp(log10(sum of 1 h / median of the daily peaks of such sums), 0 .. 1)",
    window="90 days, the worst hour of each",
    calm="no more than the worst hour of a usual day",
    worst="ten times that",
    source=f"{POST}, fourth step: forced selling; notes on public liquidation streams",
    pitfalls=(
        "an underestimate: one large venue pushes only the last order per symbol and second; a venue is "
        "therefore compared with itself only",
        "the share of longs is told and not scored: forced buying makes no fall worse",
        "says that a cascade runs, not that one comes",
    ),
    thresholds=(
        ("multiple, calm", f"{CALM:g}", "the worst hour of a usual day comes every day"),
        ("multiple, worst", f"{CASCADE:g}", "ten such hours at once"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of realised liquidations: `value` in USD, `statistic` a multiple."""
    shorts = {key.source: (key.step, series) for key, series in history.series("short_liquidations", asset)}
    sources, unused = [], []
    for item in history.of("long_liquidations", asset):
        if not isinstance(item.data, Series):
            continue
        step = item.key.step
        if not 0 < step <= HOUR or HOUR % step:
            unused.append(f"{item.key}: {step} ms a step, an hour or a part of one needed")
        else:
            other = shorts.get(item.key.source)
            sources.append(_source(item, item.data, other[1] if other and other[0] == step else None))
    return gather(ABOUT, "USD in 1 h", "ratio", at, sources, unused=tuple(unused))


def _source(item: Recorded, longs: Series, shorts: Series | None) -> Source:
    step, max_age = item.key.step, oldest_allowed(item.key, HOUR)
    number = HOUR // step

    def sums(at: IntArray) -> tuple[FloatArray, IntArray]:
        return sum_of_last(longs, at, number, step, max_age)

    def peak(midnights: IntArray) -> FloatArray:
        ends = midnights[:, None] - np.arange(24)[::-1] * HOUR
        day = sums(ends.ravel())[0].reshape(ends.shape)
        seen = np.sum(np.isfinite(day), axis=1) >= DAY_SEEN * 24
        return np.where(seen, np.max(np.where(np.isfinite(day), day, -np.inf), axis=1), np.nan)

    def read(at: IntArray) -> Reading:
        value, age = sums(at)
        past = Past(peak, at, WINDOW)
        usual = past.median()
        multiple = past.enough(np.where((usual > 0) & (value >= 0), value / usual, np.nan))
        score = ramp(np.log10(np.maximum(multiple, CALM)), np.log10(CALM), np.log10(CASCADE))
        why = lacking(longs, int(at[-1]), max_age)
        if not why:
            hole = not np.isfinite(value[-1])
            why = "a report is missing" if hole else f"{past.count[-1]} of {WINDOW} days of history"
        return Reading(
            value=value,
            statistic=multiple,
            score=score,
            age=age,
            coverage=past.coverage,
            detail=f"{said(value[-1], 0, ' USD', 'an unknown sum')} in 1 h, "
            f"{said(multiple[-1], 2, ' times', 'not set against')} a usual day's worst hour; "
            f"{_share(value, at)}",
            why=why,
        )

    def _share(value: FloatArray, at: IntArray) -> str:
        if shorts is None:
            return "shorts not known"
        both = value[-1] + sum_of_last(shorts, at[-1:], number, step, max_age)[0][0]
        return f"longs {said(100 * value[-1] / both, 0)} %" if both > 0 else "share of longs not known"

    return Source(item.key.source, (longs,), read, faults_of(item), witness=witness_of(item.key.source))
