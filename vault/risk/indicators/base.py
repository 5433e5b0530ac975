"""What every fragility indicator gives, for one moment or for years of them in the same call.

Pure and vectorised: an indicator looks only at what was known at each moment. It refuses to make a score out
of a feed that is absent, stale or without enough history: the score is NaN there and the reason is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from vault.errors import MarketDataError
from vault.series import DAY, HOUR, BoolArray, FloatArray, IntArray, MarketHistory, Recorded, Series

Statistic = Literal["z", "percentile", "ratio", ""]

# Where the five warnings, five constraints, six steps and four rules come from.
POST: Final = '"The Brutal Truth Behind $2.6 Billion in Crypto Liquidations"'
# What the headline takes at least for an indicator that says nothing: half way, neither calm nor alarm.
DOUBT: Final = 0.5
# A source without a score for so long no longer counts: longer than an outage that one would leave alone, and
# a file that ended years ago does not speak for today. It is still named; an indicator that somebody set up
# goes on counting as missing (see `composite`).
RETIRED: Final = 30 * DAY
# Where the first moment has no score, its last known one is looked for so far back, and when inputs were last
# heard; later moments take what the moments before them had.
LOOK_BACK: Final = (
    *(HOUR // 4, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR),
    *(days * DAY for days in (1, 2, 3, 5, 7, 10, 14, 21, 30)),
)


@dataclass(frozen=True, slots=True)
class About:
    """What an indicator is, for a person: `thresholds` are (name, number, reason)."""

    name: str
    title: str
    definition: str
    formula: str
    window: str
    calm: str
    worst: str
    source: str
    pitfalls: tuple[str, ...]
    thresholds: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One source of an indicator at moments (n,): see `Track`.

    `upper` (n,) is what the score could be for all that is known, where that is more than the score (a market
    that is shut). `detail` says the last moment in words; `why`, why the last moment has no score.
    """

    value: FloatArray
    statistic: FloatArray
    score: FloatArray
    age: IntArray
    coverage: FloatArray
    detail: str
    why: str = ""
    upper: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One source: the inputs it rests on, and its reading at any moments; `unit` where it has its own.

    `witness` is whose word it is, where others can say the same of the same thing: a venue. Sources of
    different things (gold, the dollar) are no witnesses of each other and have none.
    """

    label: str
    inputs: tuple[Series, ...]
    read: Callable[[IntArray], Reading]
    faults: tuple[str, ...] = ()
    unit: str = ""
    witness: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One indicator at moments `at` (n,). All arrays (n,); NaN where there is nothing.

    `score` is 0 (calm) to 1, one-sided: more of it is worse; the highest of the sources that have one.
    `evidence` is what a rule may act on: where several venues speak, what at least two of them say.
    `held` is what the headline counts: the score, but what a source said last stands until it speaks again,
    and at least `DOUBT` where no source speaks. `upper` is what the score could be: 1 where any source is
    missing. Both are NaN where the indicator does not count: before each input of a source had a first value
    (`started`), and once no source has had a score for `RETIRED`.
    `statistic` sets `value` against the indicator's own history; `coverage` is the share of that history's
    window that was seen; `age` in ms is that of the oldest input the value rests on, -1 where there is none.
    `source`, `unit`, `detail` and `absent` (what is missing and why) are of the last moment. `faults` were
    found in what the sources sent, and put right or left out.
    """

    name: str
    unit: str
    value: FloatArray
    statistic: FloatArray
    statistic_kind: Statistic
    score: FloatArray
    evidence: FloatArray
    held: FloatArray
    upper: FloatArray
    started: BoolArray
    age: IntArray
    coverage: FloatArray
    source: str
    detail: str
    absent: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        arrays = (
            *(self.value, self.statistic, self.score, self.evidence),
            *(self.held, self.upper, self.started, self.age),
        )
        if len({item.shape for item in (*arrays, self.coverage)}) != 1 or self.value.ndim != 1:
            raise MarketDataError("bad_series", f"{self.name}: expected arrays of one length")
        shares = (self.score, self.evidence, self.held, self.upper)
        with np.errstate(invalid="ignore"):
            if any(bool(np.any((share < 0) | (share > 1))) for share in shares):
                raise MarketDataError("bad_series", f"{self.name}: expected scores from 0 to 1")

    @property
    def configured(self) -> bool:
        """Whether any source of it has spoken by the last moment."""
        return bool(self.started[-1])


Measure: TypeAlias = Callable[[MarketHistory, IntArray, str], Track]
"""(history, moments rising in Unix ms, asset such as "BTC") -> its track. Never looks ahead of a moment."""


def gather(
    about: About,
    unit: str,
    kind: Statistic,
    at: IntArray,
    sources: list[Source],
    *,
    unused: tuple[str, ...] = (),
) -> Track:
    """The track of the highest score at each moment over several sources of the same indicator.

    A source without a score neither raises nor lowers the `score` of the others; its last known one stands in
    `held` for `RETIRED`, so that a dead source lowers no headline. `unused` names what cannot be used.
    """
    if not at.size or bool(np.any(at[1:] <= at[:-1])):
        raise MarketDataError("bad_series", f"{about.name}: expected at least one moment, strictly rising")
    if not sources:
        return _nothing(about.name, unit, kind, at, (*unused, "no history of it"))
    readings = [_read(source, at) for source in sources]
    scores, silent, started, counts, held, upper = _merged(sources, readings, at)
    ranked = np.where(np.isnan(scores), np.where(started, -1.0, -2.0), scores)
    chosen = np.argmax(ranked, axis=0)[None, :]

    def pick(rows: list[FloatArray]) -> FloatArray:
        found = np.take_along_axis(np.stack(rows), chosen, axis=0)[0]
        return np.where(np.isfinite(found), found, np.nan)

    ages = np.stack([one.age for one in readings])
    best = int(chosen[0, -1])
    lost = np.isnan(scores[:, -1]).tolist()
    told = [
        f"{source.label}: {reading.why or 'nothing yet'}"
        for source, reading, gone in zip(sources, readings, lost, strict=True)
        if gone
    ]
    return Track(
        name=about.name,
        unit=sources[best].unit or unit,
        value=pick([one.value for one in readings]),
        statistic=pick([one.statistic for one in readings]),
        statistic_kind=kind,
        score=np.fmax.reduce(scores, axis=0),
        evidence=_evidence(sources, scores, silent),
        held=held,
        upper=upper,
        started=counts,
        age=np.take_along_axis(ages, chosen, axis=0)[0],
        coverage=pick([one.coverage for one in readings]),
        source=sources[best].label,
        detail=readings[best].detail or readings[best].why,
        absent=(*told, *unused),
        faults=tuple(dict.fromkeys(fault for source in sources for fault in source.faults)),
    )


def _merged(
    sources: list[Source], readings: list[Reading], at: IntArray
) -> tuple[FloatArray, BoolArray, BoolArray, BoolArray, FloatArray, FloatArray]:
    """Scores of each source, where it has fallen silent, and starts (sources, n); where any counts, what the
    headline counts, what could be (n,).
    """
    starts = np.array([_start(source) for source in sources], dtype=np.int64)
    started = at[None, :] >= starts[:, None]
    scores = np.where(started, np.stack([one.score for one in readings]), np.nan)
    missing = started & np.isnan(scores)
    earlier = [
        _earlier(source, start, at) if lost else (np.nan, start)
        for source, start, lost in zip(sources, starts.tolist(), missing[:, 0].tolist(), strict=True)
    ]
    last, since = _last_known(scores, at, earlier)
    heard, unusable = _heard(sources, at)
    missing &= at[None, :] - np.maximum(since, heard) <= RETIRED
    silent = missing & np.isfinite(last)
    # What a source says now and cannot be used is no calm, whatever it never said before.
    last = np.where(unusable, np.fmax(last, DOUBT), last)
    live = np.any(np.isfinite(scores), axis=0)
    counts = live | np.any(missing, axis=0)
    score = np.fmax.reduce(scores, axis=0)
    kept = np.fmax.reduce(np.where(missing, last, np.nan), axis=0)
    uppers = np.stack([one.score if one.upper is None else one.upper for one in readings])
    widened = np.fmax.reduce(np.where(np.isnan(scores), np.nan, uppers), axis=0)
    upper = np.where(live & ~np.any(missing, axis=0), np.fmax(widened, score), 1.0)
    held = _held(np.fmax(score, kept), live, counts)
    return scores, silent, started, counts, held, np.where(counts, upper, np.nan)


def _evidence(sources: list[Source], scores: FloatArray, silent: BoolArray) -> FloatArray:
    """The highest score that is not one venue's word alone; of a single venue, its own.

    A venue that spoke and has fallen silent says 0 here, so that silencing one cannot make another's word do.
    """
    rows: dict[str, FloatArray] = {}
    alone = np.full(scores.shape[1], np.nan)
    for source, score, gone in zip(sources, scores, silent, strict=True):
        if source.witness:
            said_now = np.where(gone, 0.0, score)
            rows[source.witness] = np.fmax(rows.get(source.witness, said_now), said_now)
        else:
            alone = np.fmax(alone, score)
    if not rows:
        return alone
    ordered = np.sort(np.stack([np.where(np.isnan(row), -1.0, row) for row in rows.values()]), axis=0)
    said_by = np.sum(ordered >= 0, axis=0)
    second = ordered[-2] if len(rows) > 1 else ordered[-1]
    backed = np.where(said_by >= 2, second, ordered[-1])
    found: FloatArray = np.fmax(alone, np.where(said_by > 0, backed, np.nan))
    return found


def witness_of(source: str) -> str:
    """The venue that a source of history speaks for: binance of binance/BTCUSDT and of binance-perp."""
    return source.partition(" ")[0].partition("/")[0].partition("-")[0]


def _nothing(name: str, unit: str, kind: Statistic, at: IntArray, absent: tuple[str, ...]) -> Track:
    empty = np.full(at.shape, np.nan)
    return Track(
        name=name,
        unit=unit,
        value=empty,
        statistic=empty,
        statistic_kind=kind,
        score=empty,
        evidence=empty,
        held=empty,
        upper=empty,
        started=np.zeros(at.shape, dtype=np.bool_),
        age=np.full(at.shape, -1, dtype=np.int64),
        coverage=np.zeros(at.shape),
        source="",
        detail=absent[-1],
        absent=absent,
    )


def _read(source: Source, at: IntArray) -> Reading:
    """A reading; what divides by zero or overflows makes no number there, and `ramp` no score of it."""
    with np.errstate(all="ignore"):
        return source.read(at)


def _start(source: Source) -> int:
    """From when each input had a first value; the end of time where one has none."""
    firsts = [int(one.times[0]) if len(one) else np.iinfo(np.int64).max for one in source.inputs]
    return max(firsts)


def _earlier(source: Source, start: int, at: IntArray) -> tuple[float, int]:
    """The last score before the first moment and its time; NaN and the start where none is found."""
    first = int(at[0])
    heard = [first - back for back in LOOK_BACK]
    for one in source.inputs:
        known = one.times[: int(np.searchsorted(one.times, first, side="right"))]
        usable = np.flatnonzero(np.isfinite(one.values[: known.size][-64:]))
        heard += [int(time) for time in known[-64:][usable[-2:]]]
    times = np.unique(np.array([time for time in heard if start <= time < first], dtype=np.int64))
    if not times.size:
        return np.nan, start
    scores = _read(source, times).score
    found = np.flatnonzero(np.isfinite(scores))
    return (float(scores[found[-1]]), int(times[found[-1]])) if found.size else (np.nan, start)


def _heard(sources: list[Source], at: IntArray) -> tuple[IntArray, BoolArray]:
    """Per source and moment: when it was last unusable, and whether any of its inputs is so now."""
    heard = np.full((len(sources), at.size), np.iinfo(np.int64).min // 2, dtype=np.int64)
    unusable = np.zeros(heard.shape, dtype=np.bool_)
    for row, source in enumerate(sources):
        for one in source.inputs:
            if not len(one):
                continue
            place = np.searchsorted(one.times, at, side="right") - 1
            newest = np.maximum(place, 0)
            bad = (place >= 0) & ~np.isfinite(one.values[newest])
            unusable[row] |= bad
            heard[row] = np.maximum(heard[row], np.where(bad, one.times[newest], heard[row]))
    return heard, unusable


def _last_known(
    scores: FloatArray, at: IntArray, earlier: list[tuple[float, int]]
) -> tuple[FloatArray, IntArray]:
    """Per source and moment the newest score up to it, and when that was; `earlier` before the first."""
    place = np.where(np.isfinite(scores), np.arange(1, at.size + 1)[None, :], 0)
    place = np.maximum.accumulate(place, axis=1)
    values = np.concatenate([np.array([[value] for value, _ in earlier]), scores], axis=1)
    times = np.concatenate(
        [np.array([[time] for _, time in earlier], dtype=np.int64), np.tile(at, (len(earlier), 1))], axis=1
    )
    return np.take_along_axis(values, place, axis=1), np.take_along_axis(times, place, axis=1)


def _held(known: FloatArray, live: BoolArray, started: BoolArray) -> FloatArray:
    """`known` (scores and what missing sources said last) while any source is live, then what that was."""
    place = np.maximum.accumulate(np.where(live, np.arange(live.size), -1))
    before = np.where(place >= 0, known[np.maximum(place, 0)], np.fmax(known[0], 0.0))
    silent = np.fmax(np.fmax(before, known), DOUBT)
    return np.where(started, np.where(live, known, silent), np.nan)


def faults_of(*items: Recorded) -> tuple[str, ...]:
    """What was wrong in histories, in words."""
    return tuple(f"{item.key}: {fault.kind}: {fault.detail}" for item in items for fault in item.faults)


def ramp(value: FloatArray, calm: float, worst: float) -> FloatArray:
    """0 at `calm` and beyond, 1 at `worst` (another number) and beyond, straight between.

    NaN for what is not finite: a number that overflowed is neither calm nor the worst.
    """
    found = np.clip((value - calm) / (worst - calm), 0.0, 1.0)
    return np.where(np.isfinite(value), found, np.nan)


def said(value: float, digits: int = 2, unit: str = "", otherwise: str = "not known") -> str:
    """A number and its unit in words, so that a sentence reads well without it too: `otherwise` for NaN."""
    return f"{value:.{digits}f}{unit}" if np.isfinite(value) else otherwise


def span(milliseconds: float) -> str:
    """A length of time in words: minutes, hours or days."""
    if milliseconds < 2 * HOUR:
        return f"{milliseconds / 60_000:.0f} min"
    return f"{milliseconds / HOUR:.0f} h" if milliseconds < 3 * DAY else f"{milliseconds / DAY:.0f} days"
