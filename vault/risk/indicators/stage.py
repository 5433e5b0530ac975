"""Which of the six steps of a cascade have evidence now, each with what the evidence is.

Evidence, not a place on a path: steps can show without those before them. Where a step's inputs are missing
it says "no data", never "no".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.risk.indicators.base import Track, said
from vault.risk.indicators.hours import HourlySource, hourly
from vault.risk.indicators.windows import HOURLY_AGE, oldest_allowed
from vault.series import DAY, HOUR, BoolArray, FloatArray, IntArray, MarketHistory

# A score of one half or more is evidence: half way from usual to the worst.
EVIDENT: Final = 0.5
# A fall of this from the highest price of 24 hours ends positions opened there with leverage 20: with
# m = 0.5 % the level is e (1 - 1/20) / (1 - 0.005), 4.5 % below.
FALL: Final = 0.045
# A tenth of all open interest (coins) gone within a day: an ordinary day moves it by a few per cent.
FLUSHED: Final = 0.10

STEPS: Final = (
    "crowding",
    "catalyst or thinning",
    "collateral levels break",
    "forced selling",
    "market makers step back",
    "flush",
)
# Of these at least one must be seen before a regime is called a cascade.
UNDER_WAY: Final = slice(2, 6)

_CROWDING: Final = ("open_interest", "funding", "liquidation_clusters")
_CATALYST: Final = ("etf", "cross_asset", "stablecoins", "venue", "depth", "time_of_day")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step at moments (n,): `state` is 1 where there is evidence, 0 where there is none, -1 no data.

    `possible` is where there is evidence or could be, because something that was once there is missing.
    `evidence` and `missing` say the last moment in words.
    """

    name: str
    state: IntArray
    possible: BoolArray
    evidence: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The six steps at moments (n,)."""

    steps: tuple[Step, ...]

    @property
    def under_way(self) -> BoolArray:
        """Where one of the steps 3 to 6 has evidence."""
        found: BoolArray = np.any(np.stack([step.state == 1 for step in self.steps[UNDER_WAY]]), axis=0)
        return found

    @property
    def may_be_under_way(self) -> BoolArray:
        """The same, counting what is missing as evidence."""
        found: BoolArray = np.any(np.stack([step.possible for step in self.steps[UNDER_WAY]]), axis=0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Sign:
    """What bears on a step: seen (1), not seen (0) or no data (NaN); whether it could be; in words."""

    name: str
    seen: FloatArray
    possible: BoolArray
    words: str


def find_stage(history: MarketHistory, at: IntArray, asset: str, tracks: tuple[Track, ...]) -> Stage:
    """The six steps at moments, from the tracks of all indicators, the price and the open interest."""
    by_name = {track.name: track for track in tracks}
    broken, flush = _fall(history, at, asset), _flush(history, at, asset)
    selling = _scores(by_name, ("realised_liquidations",))
    signs = (
        _scores(by_name, _CROWDING),
        _scores(by_name, _CATALYST),
        [broken],
        selling,
        [_stepping_back(one, [broken, *selling]) for one in _scores(by_name, ("depth",))],
        [flush],
    )
    return Stage(tuple(_step(name, found, at) for name, found in zip(STEPS, signs, strict=True)))


def _scores(by_name: Mapping[str, Track], names: tuple[str, ...]) -> list[_Sign]:
    return [_score(by_name[name]) for name in names if name in by_name]


def _score(track: Track) -> _Sign:
    with np.errstate(invalid="ignore"):
        possible = track.started & (track.upper >= EVIDENT)
    return _Sign(
        track.name.replace("_", " "),
        _seen(track.score, EVIDENT),
        possible,
        f"{said(track.score[-1])}: {track.detail}",
    )


def _seen(amount: FloatArray, evident: float) -> FloatArray:
    return np.where(np.isnan(amount), np.nan, (amount >= evident).astype(np.float64))


def _stepping_back(depth: _Sign, selling: list[_Sign]) -> _Sign:
    """A thin book alone is thinning; thin in a fall or under forced sales, market makers step back."""
    falling = np.fmax.reduce(np.stack([one.seen for one in selling]))
    possible = np.any(np.stack([one.possible for one in selling]), axis=0)
    return _Sign(depth.name, np.minimum(depth.seen, falling), depth.possible & possible, depth.words)


def _step(name: str, signs: list[_Sign], at: IntArray) -> Step:
    if not signs:
        none = np.full(at.shape, -1, dtype=np.int64)
        return Step(name, none, none == 0, (), ("nothing measures it",))
    seen = np.fmax.reduce(np.stack([one.seen for one in signs]))
    return Step(
        name=name,
        state=np.where(np.isnan(seen), -1, seen).astype(np.int64),
        possible=np.any(np.stack([one.possible for one in signs]), axis=0),
        evidence=tuple(f"{one.name}: {one.words}" for one in signs if one.seen[-1] == 1),
        missing=tuple(f"{one.name}: no data" for one in signs if np.isnan(one.seen[-1])),
    )


def _sign(name: str, rows: list[FloatArray], starts: list[int], at: IntArray, evident: float) -> _Sign:
    """The most of any source; a source that has started and says nothing could be evident."""
    if not rows:
        return _Sign(name, np.full(at.shape, np.nan), np.zeros(at.shape, dtype=np.bool_), "")
    table = np.stack(rows)
    most = np.fmax.reduce(table)
    started = at[None, :] >= np.array(starts, dtype=np.int64)[:, None]
    possible = np.any(started & np.where(np.isnan(table), True, table >= evident), axis=0)
    return _Sign(name, _seen(most, evident), possible, f"{said(most[-1] * 100, 1)} %")


def _start(times: IntArray) -> int:
    return int(times[0]) if times.size else int(np.iinfo(np.int64).max)


def _fall(history: MarketHistory, at: IntArray, asset: str) -> _Sign:
    """How far the newest close is below the highest price of 24 hours, the most of any source (share)."""
    sources = hourly(history, "price", asset)[0]
    rows = [_fall_of(one, at) for one in sources]
    starts = [_start(one.closes.times) for one in sources]
    return _sign("below the highest price of 24 h", rows, starts, at, FALL)


def _fall_of(candles: HourlySource, at: IntArray) -> FloatArray:
    first, last = int(at[0]) // HOUR - 24, int(at[-1]) // HOUR
    top = np.fmax.reduce(
        np.lib.stride_tricks.sliding_window_view(candles.hours(first, last - first).high, 24), axis=1
    )
    price, _ = candles.closes.as_of(at, HOURLY_AGE)
    with np.errstate(all="ignore"):
        fall = 1 - price / top[at // HOUR - 24 - first]
    return np.where(np.isfinite(fall), np.maximum(fall, 0.0), np.nan)


def _flush(history: MarketHistory, at: IntArray, asset: str) -> _Sign:
    """Open interest lost within 24 hours, in coins, the most of any venue (share)."""
    rows, starts = [], []
    for key, series in history.series("open_interest", asset):
        max_age = oldest_allowed(key)
        now, _ = series.as_of(at, max_age)
        before, _ = series.as_of(at - DAY, max_age)
        with np.errstate(all="ignore"):
            lost = np.where(before > 0, 1 - now / before, np.nan)
        rows.append(np.where(np.isfinite(lost), lost, np.nan))
        starts.append(_start(series.times + DAY))
    return _sign("open interest lost in 24 h, in coins", rows, starts, at, FLUSHED)
