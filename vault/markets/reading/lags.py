"""From when a value could be known: the end of its interval, and then what its publisher takes.

Where a source leaves open which end of an interval a stamp means, it is the beginning: later is safe, earlier
would look ahead.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.kinds import Kind
from vault.markets.reading.times import Resolution
from vault.series import DAY, HOUR, IntArray

# A moment's state rather than what happened in an interval: known when it was read. Funding is one too, its
# stamp is the settlement, and the rate is fixed by then.
MOMENTARY: Final[frozenset[Kind]] = frozenset({
    "funding", "open_interest", "depth_10bp", "depth_1pct", "spread", "supply", "peg", "venue_open",
    "transfer_seconds", "adl_rank", "clock_skew", "network_fee",
})  # fmt: skip
# Issuers tell a day's flows after the American close, the tables are complete the next morning, before
# New York opens again (14:30 UTC in winter).
ETF_LAG: Final = 12 * HOUR
# Prices of metals, equities, VIX and dollar index are settled by 22:00 UTC: known at the end of the UTC day.
_LAGS: Final[dict[Kind, int]] = {"etf_flow": ETF_LAG}
# The Federal Reserve's broad dollar index (H.10) is released on Mondays, for the days of the week before.
BROAD_DOLLAR_LAG: Final = 7 * DAY
_LAGS_OF: Final[dict[tuple[Kind, str], int]] = {("close", "USD-BROAD"): BROAD_DOLLAR_LAG}


def lag_of(kind: Kind, name: str = "") -> int:
    """What a publisher of that kind (and asset) takes after the end of the interval, in ms."""
    return max(_LAGS.get(kind, 0), _LAGS_OF.get((kind, name), 0))


def known_at(
    kind: Kind,
    stamps: IntArray,
    step: int,
    resolution: Resolution,
    *,
    closing: bool = False,
    lag: int | None = None,
    name: str = "",
) -> IntArray:
    """Moments from which values stamped so could be known. `closing`: a stamp is the end of its interval."""
    after = lag_of(kind, name) if lag is None else lag
    if resolution == "month":
        return end_of_month(stamps) + after
    if closing:
        return stamps + after
    if resolution == "day":
        return stamps + max(DAY, step if kind not in MOMENTARY else 0) + after
    return stamps + (0 if kind in MOMENTARY else step) + after


def end_of_month(stamps: IntArray) -> IntArray:
    """The first moment of the month after."""
    months = stamps.astype("datetime64[ms]").astype("datetime64[M]") + np.timedelta64(1, "M")
    found: IntArray = months.astype("datetime64[ms]").astype(np.int64)
    return found
