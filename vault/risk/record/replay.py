"""The tool replayed over a history: what every indicator and the composite would have said, hour by hour.

Pure. Each moment rests on what was known then; thresholds are those of the live screen. Refuses to fill:
hours without enough input say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.risk.indicators.composite import Fragility, compose
from vault.risk.indicators.regime import LEVELS, Regime, find_regime
from vault.risk.indicators.registry import ENTRY, INDICATORS
from vault.risk.indicators.stage import EVIDENT, find_stage
from vault.risk.record.days import EVENT_DROP, Day, days_of
from vault.risk.record.tally import Signal, Tally, tally
from vault.series import DAY, HOUR, FloatArray, IntArray, MarketHistory

COMPOSITE: Final = "composite"


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A replay over hourly moments `at` (n,): days with a price, the composite, and every signal's record."""

    at: IntArray
    days: tuple[Day, ...]
    found: Fragility | None
    regime: Regime | None
    tallies: tuple[Tally, ...]


def replay(
    history: MarketHistory,
    asset: str,
    *,
    drop: float = EVENT_DROP,
    since: int | None = None,
    until: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Replay:
    """Replay `asset` over every day of `since` to `until` (Unix ms) that has a price.

    The composite comes first, once for each regime, then every indicator at half of its worst. Raises
    `MarketDataError` (``market.bad_drop``).
    """
    days = tuple(
        day
        for day in days_of(history, asset, drop)
        if (since is None or day.start >= since) and (until is None or day.start < until)
    )
    if not days:
        return Replay(np.zeros(0, dtype=np.int64), (), None, None, ())
    # Two days earlier: a fall on the first day is asked about from before it.
    at = np.arange(days[0].start - 2 * DAY, days[-1].start + DAY, HOUR, dtype=np.int64)
    tracks = []
    for number, (name, measure) in enumerate(INDICATORS.items()):
        progress(f"{name} over {len(days)} days ({number + 1} of {len(INDICATORS)})")
        tracks.append(measure(history, at, asset))
    found = compose(at, tuple(tracks))
    regime = find_regime(found, find_stage(history, at, asset, tuple(tracks)))
    signals = [*_composite(found, regime), *(Signal.above(t.name, at, t.score, EVIDENT) for t in tracks)]
    return Replay(at, days, found, regime, tuple(tally(signal, days, drop) for signal in signals))


def _composite(found: Fragility, regime: Regime) -> list[Signal]:
    """A signal for each regime: what the screen would have called it, that or worse."""
    level: FloatArray = np.where(regime.known, found.fragility, np.nan)
    usable = np.isfinite(level)
    return [
        Signal(
            name=name,
            level_name=COMPOSITE,
            at=found.at,
            level=level,
            alarm_at=ENTRY[name],
            alarm=usable & (regime.level >= place),
        )
        for place, name in enumerate(LEVELS)
        if name in ENTRY
    ]
