"""The ten indicators, what each weighs, and where regimes begin and end.

Every number here follows from what it means, with the reason beside it; none was fitted to a day of the past.
"""

from __future__ import annotations

from typing import Final

from vault.risk.indicators import (
    cross_asset,
    depth,
    etf,
    funding,
    liquidation_clusters,
    open_interest,
    realised_liquidations,
    stablecoins,
    time_of_day,
    venue,
)
from vault.risk.indicators.base import About, Measure, Track
from vault.series import IntArray, MarketHistory

INDICATORS: Final[dict[str, Measure]] = {
    "open_interest": open_interest.measure,
    "funding": funding.measure,
    "liquidation_clusters": liquidation_clusters.measure,
    "realised_liquidations": realised_liquidations.measure,
    "etf": etf.measure,
    "cross_asset": cross_asset.measure,
    "depth": depth.measure,
    "stablecoins": stablecoins.measure,
    "venue": venue.measure,
    "time_of_day": time_of_day.measure,
}
NAMES: Final = tuple(INDICATORS)
ABOUT: Final[dict[str, About]] = {
    one.name: one
    for one in (
        open_interest.ABOUT,
        funding.ABOUT,
        liquidation_clusters.ABOUT,
        realised_liquidations.ABOUT,
        etf.ABOUT,
        cross_asset.ABOUT,
        depth.ABOUT,
        stablecoins.ABOUT,
        venue.ABOUT,
        time_of_day.ABOUT,
    )
}

# They add up to one. Depth carries most: what fails in a cascade is immediacy, and the book is where that is
# seen. What would have to be sold comes next (clusters, open interest). Funding says the same less directly;
# liquidations and other markets say that selling has begun. The rest make a fall worse but start none.
WEIGHTS: Final[dict[str, float]] = {
    "open_interest": 0.15,
    "funding": 0.10,
    "liquidation_clusters": 0.15,
    "realised_liquidations": 0.10,
    "etf": 0.05,
    "cross_asset": 0.10,
    "depth": 0.20,
    "stablecoins": 0.05,
    "venue": 0.05,
    "time_of_day": 0.05,
}

# Where a regime begins, as headline fragility. Elevated: a quarter of the weight at its worst (doubt about
# less than half of it, counted half, does not come so far). Stressed: all that says "crowded" at its worst
# (0.40 of the weight) and something besides, or depth, liquidations and other markets at theirs. Cascade:
# crowding is spent while a cascade runs, so that 0.60 is left: two thirds of that, and evidence that the
# later steps are under way.
ENTRY: Final[dict[str, float]] = {"elevated": 0.25, "stressed": 0.45, "cascade": 0.40}
# Where it ends, as the most that fragility could be: a twentieth lower, which is what the lightest indicator
# can move, so that no single one of those makes a regime flap.
EXIT: Final[dict[str, float]] = {"elevated": 0.20, "stressed": 0.40, "cascade": 0.35}
# The regime is unknown unless more than this of the configured weight is present: half blind is blind.
LEAST_COVERAGE: Final = 0.5
# ... and unless so many speak: a composite of one indicator is that indicator.
LEAST_PRESENT: Final = 2

# Named by the post as a constraint, and measured by nobody in public.
NOT_COVERED: Final[tuple[tuple[str, str], ...]] = (
    (
        "balance sheet capacity",
        "who can take the other side, and how much: no public measure; depth shows it only once it is gone",
    ),
)


def measure_all(history: MarketHistory, at: IntArray, asset: str) -> tuple[Track, ...]:
    """The tracks of all ten at moments (rising Unix ms), in order; those without history are there too."""
    return tuple(measure(history, at, asset) for measure in INDICATORS.values())
