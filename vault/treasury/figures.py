"""Statistics as exact decimals: the one place where a float of the risk model becomes a number to show.

What is not finite becomes None: it is shown as unknown, never as zero.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.clock import from_milliseconds

if TYPE_CHECKING:
    from vault.series import Recorded
    from vault.treasury.views import SourceView

SHARE_DIGITS: Final = 4
Z_DIGITS: Final = 2
# Numbers of any size keep this many significant digits: more than any feed deserves.
SIGNIFICANT: Final = 6


def figure(value: float, digits: int) -> Decimal | None:
    """`value` rounded half to even at `digits` digits after the point; None when it is not finite."""
    return _unsigned_zero(Decimal(f"{value:.{digits}f}")) if math.isfinite(value) else None


def share(value: float) -> Decimal | None:
    """A share or score at four digits."""
    return figure(value, SHARE_DIGITS)


def significant(value: float) -> Decimal | None:
    """Any number at six significant digits, without an exponent."""
    if not math.isfinite(value):
        return None
    if value == 0:
        return Decimal(0)
    digits = SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))
    return _unsigned_zero(Decimal(f"{round(value, digits):.{max(0, digits)}f}"))


def _unsigned_zero(value: Decimal) -> Decimal:
    """Floats have a zero below zero; nobody wants to read it."""
    return value if value else abs(value)


def instant(milliseconds: int) -> datetime:
    """Unix milliseconds as an instant."""
    return from_milliseconds(int(milliseconds))


def seconds_of(milliseconds: int) -> int | None:
    """An age in whole seconds; None for the -1 of an age that is not known."""
    return int(milliseconds) // 1000 if milliseconds >= 0 else None


def source_view(item: Recorded, now: int) -> SourceView:
    """A history as a source: how much there is of it, how old its newest point is, what is wrong in it."""
    from vault.series import Candles
    from vault.treasury.views import SourceView

    data = item.data
    times = data.opens + data.step if isinstance(data, Candles) else data.times
    return SourceView(
        key=str(item.key),
        origin=item.provenance.origin,
        age_seconds=seconds_of(max(0, now - int(times[-1]))) if times.size else None,
        licence=item.provenance.licence,
        points=int(times.size),
        first=instant(times[0]) if times.size else None,
        last=instant(times[-1]) if times.size else None,
        problem="; ".join(f"{fault.kind}: {fault.detail}" for fault in item.faults),
    )
