"""Single events as sums of whole hours. Pure.

Refuses an hour that was not seen from its beginning to its end: a part of an hour would look like a calm one.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from vault.markets.feeds.venue.questions import Row, Window
from vault.series import HOUR


def hourly(rows: Iterable[Row], covered: Window, width: int) -> tuple[Row, ...]:
    """One row for each whole hour of `covered`, dated at its end; zero where nothing happened."""
    first, last = -(-covered.start // HOUR), covered.end // HOUR
    sums = {hour: [Decimal(0)] * width for hour in range(first, last)}
    for moment, values in rows:
        held = sums.get(moment // HOUR)
        if held is None:
            continue
        for place, value in enumerate(values):
            if value is not None:
                held[place] += value
    return tuple(((hour + 1) * HOUR, tuple(values)) for hour, values in sums.items())
