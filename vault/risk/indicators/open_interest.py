"""Open interest against spot volume: leverage that spot trade does not follow.

In coins only: open interest in dollars falls with the price and would call a fall calm.
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
from vault.risk.indicators.windows import (
    Past,
    lacking,
    mean_within,
    oldest_allowed,
    sum_of_last,
)
from vault.series import DAY, FloatArray, IntArray, MarketHistory, Series, SeriesKey

# Its own past: a quarter holds several builds and flushes of leverage, and still forgets. The median is of
# the same time of the week, because spot trades about half as much at weekends: that is no crowd, and time of
# day and weekend have an indicator of their own.
WEEKS: Final = 13
# Venues keep thirty days of open interest.
LEAST_WEEKS: Final = 4
DAYS: Final = 90
# Multiple of the median: at the median calm; at twice it, as much would have to be sold as spot trades in
# two usual days.
CALM: Final = 1.0
CROWDED: Final = 2.0
# Open interest that grows faster than spot trade over a week: a tenth is ordinary; 40 % a week doubles within
# two, which is where the multiple is at its worst.
WEEK: Final = 7 * DAY
GROWTH_CALM: Final = 0.1
GROWTH_CROWDED: Final = 0.4
# Share of a week's points of volume that must be there for its growth.
WEEK_SEEN: Final = 0.9

ABOUT: Final = About(
    name="open_interest",
    title="Open interest against spot volume",
    definition="How many days of spot trade it would take to close every open contract, against what is "
    "usual; "
    "and whether contracts grow without spot trade behind them.",
    formula="ratio = OI / spot volume of 24 h, in coins; score = the greater of ramp(ratio / its median, 1 "
    ".. 2) "
    "and ramp(min(dOI, dOI - dV), 10 % .. 40 %), d = change over 7 days, V = spot volume of 7 days",
    window="13 weeks (91 days), the same time of each; the percentile told is of 90 days, a sample a day",
    calm="ratio at its median and contracts growing by less than 10 % a week",
    worst="twice the median, or 40 % a week more than spot volume",
    source=f"{POST}, first warning: rising OI without spot follow-through is a leverage smell",
    pitfalls=(
        "open interest in dollars falls with the price: coins only",
        "spot trades about half as much at weekends: a time of the week is compared with the same one only",
        "some venues misreport; a venue is compared with itself only",
        "a day's volume with a missing hour is no volume: the ratio is absent until the hole has passed",
    ),
    thresholds=(
        ("multiple, calm", f"{CALM:g}", "at the median"),
        ("multiple, worst", f"{CROWDED:g}", "as much to sell as spot trades in two usual days"),
        ("growth, calm", f"{GROWTH_CALM:g}", "a tenth a week is ordinary"),
        ("growth, worst", f"{GROWTH_CROWDED:g}", "doubles within two weeks, where the multiple is worst"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of open interest: `value` in days of spot volume, `statistic` a multiple of its median."""
    items = {item.key: item for kind in ("open_interest", "spot_volume") for item in history.of(kind, asset)}
    volumes, unused = [], []
    for key, series in history.series("spot_volume", asset):
        if 0 < key.step <= DAY and DAY % key.step == 0:
            volumes.append((key, series))
        else:
            unused.append(f"{key}: volume of {key.step} ms a step, a day or a part of one needed")
    sources = []
    for key, interest in history.series("open_interest", asset):
        own = [pair for pair in volumes if pair[0].source == key.source] or volumes
        if not own:
            unused.append(f"{key}: no spot volume to set it against")
        sources += [
            _source(key, interest, spot, volume, faults_of(items[key], items[spot])) for spot, volume in own
        ]
    return gather(ABOUT, "days of spot volume", "ratio", at, sources, unused=tuple(unused))


def _source(
    key: SeriesKey, interest: Series, spot: SeriesKey, volume: Series, faults: tuple[str, ...]
) -> Source:
    label = key.source if key.source == spot.source else f"{key.source} over spot of {spot.source}"
    number, max_age = DAY // spot.step, oldest_allowed(key)

    def volume_of_day(at: IntArray) -> tuple[FloatArray, IntArray]:
        return sum_of_last(volume, at, number, spot.step, oldest_allowed(spot))

    def ratio(at: IntArray) -> FloatArray:
        contracts, _ = interest.as_of(at, max_age)
        traded, _ = volume_of_day(at)
        return np.where((traded > 0) & (contracts >= 0), contracts / traded, np.nan)

    def change(at: IntArray) -> tuple[FloatArray, FloatArray]:
        now, _ = interest.as_of(at, max_age)
        before, _ = interest.as_of(at - WEEK, max(max_age, DAY))
        traded, count = mean_within(volume, at, WEEK)
        earlier, fewer = mean_within(volume, at - WEEK, WEEK)
        whole = np.minimum(count, fewer) >= WEEK_SEEN * (WEEK // spot.step)
        grown = np.where(before > 0, now / before - 1, np.nan)
        spot_grown = np.where(whole & (earlier > 0), traded / earlier - 1, np.nan)
        return grown, spot_grown

    def usual(at: IntArray) -> tuple[FloatArray, IntArray]:
        """Median of the ratio at the same time of the week before, and of how many weeks."""
        before = at[:, None] - WEEK * np.arange(1, WEEKS + 1)
        ordered = np.sort(ratio(before.ravel()).reshape(before.shape), axis=1)
        count = np.sum(np.isfinite(ordered), axis=1)
        rows = np.arange(at.size)
        low, high = (
            ordered[rows, np.maximum(count - 1, 0) // 2],
            ordered[rows, np.minimum(count // 2, WEEKS - 1)],
        )
        return np.where(count >= LEAST_WEEKS, (low + high) / 2, np.nan), count

    def read(at: IntArray) -> Reading:
        value = ratio(at)
        median, count = usual(at)
        multiple = np.where(median > 0, value / median, np.nan)
        grown, spot_grown = change(at)
        # NaN of either part is NaN of both: half a reading could only be lower.
        score = np.maximum(
            ramp(multiple, CALM, CROWDED),
            ramp(np.minimum(grown, grown - spot_grown), GROWTH_CALM, GROWTH_CROWDED),
        )
        _, age = interest.as_of(at, max_age)
        _, spot_age = volume_of_day(at)
        now = int(at[-1])
        percentile = float(Past(ratio, at[-1:], DAYS).percentile(value[-1:])[0])
        why = lacking(interest, now, max_age) or lacking(volume, now, oldest_allowed(spot))
        if not why and not np.isfinite(value[-1]):
            why = "spot volume of 24 h has a hole"
        if not why and not np.isfinite(multiple[-1]):
            why = f"{count[-1]} of {WEEKS} weeks of history"
        return Reading(
            value=value,
            statistic=multiple,
            score=score,
            age=np.where((age >= 0) & (spot_age >= 0), np.maximum(age, spot_age), -1),
            coverage=count / WEEKS,
            detail=f"{said(value[-1], 2, ' days of spot volume', 'days of spot volume not known')}, "
            f"{said(multiple[-1], 2, ' times its median', 'its median not known')}, "
            f"percentile of {DAYS} days: {said(percentile * 100, 0)}; "
            f"change in 7 days: OI {said(grown[-1] * 100, 1, ' %')}, "
            f"spot volume {said(spot_grown[-1] * 100, 1, ' %')}",
            why=why or "no change over 7 days known",
        )

    return Source(label, (interest, volume), read, faults, witness=witness_of(label))
