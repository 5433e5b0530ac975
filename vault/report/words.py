"""How numbers of the risk reports are read: short, with units, unknown said as such. Pure.

Refuses to show nothing as zero or as blank: None is always `NO_DATA`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

NO_DATA: Final = "no data"

_SCALES: Final = tuple(
    (Decimal(10) ** power, f" {name}") for power, name in ((12, "tn"), (9, "bn"), (6, "M"), (3, "k"))
)
_AGES: Final = ((172_800, 86_400, "d"), (7_200, 3_600, "h"), (120, 60, "min"), (0, 1, "s"))


def score(value: Decimal | None) -> str:
    """A number from 0 to 1 with two digits."""
    return NO_DATA if value is None else f"{value:.2f}"


def percent(value: Decimal | None, digits: int = 1) -> str:
    """A share in per cent, with a true minus sign."""
    return NO_DATA if value is None else _minus(f"{value * 100:.{digits}f} %")


def usd(value: Decimal | None) -> str:
    """Dollars for reading: three digits and the scale, without the word."""
    if value is None:
        return NO_DATA
    for scale, name in _SCALES:
        # What would round up to 1,000 of a scale belongs to the next one.
        if abs(value) >= scale * Decimal("0.9995"):
            part = value / scale
            digits = 2 if abs(part) < 10 else 1 if abs(part) < 100 else 0
            return _minus(f"{part:,.{digits}f}{name}")
    return _minus(f"{value:.0f}")


def price(value: Decimal | None) -> str:
    """A price: whole from 1,000 up, else with as many digits as say something."""
    if value is None:
        return NO_DATA
    digits = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 else 5
    return f"{value:,.{digits}f}"


def number(value: Decimal | None, unit: str = "") -> str:
    """Any quantity with its unit, about four digits."""
    if value is None:
        return NO_DATA
    if abs(value) >= 100_000:
        shown = usd(value)
    elif 0 < abs(value) < Decimal("0.001"):
        shown = _minus(f"{value:.1e}")
    else:
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
        shown = _minus(f"{value:,.{digits}f}")
        if digits == 4 and "." in shown:
            shown = shown.rstrip("0").rstrip(".") or "0"
    return f"{shown} {unit}".rstrip()


def statistic(value: Decimal | None, kind: str) -> str:
    """A number against its own history: ``z 2.10``, ``above 97 %``, ``ratio 1.31``."""
    if value is None:
        return NO_DATA
    if kind == "percentile":
        return f"above {percent(value, 0)}"
    shown = _minus(f"{value:.2f}")
    return f"{kind} {shown}".strip()


def age(seconds: int | Decimal | None) -> str:
    """A time that has passed or will pass, in its largest fitting unit."""
    if seconds is None:
        return NO_DATA
    if seconds < 0:
        return "from the future"
    for least, unit, name in _AGES:
        if seconds >= least:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds} s"


def step(seconds: int) -> str:
    """The interval of a history, in the largest unit that divides it."""
    for _, unit, name in _AGES:
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def instant(moment: datetime | None) -> str:
    """Minute and zone."""
    return NO_DATA if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def day(moment: datetime | None) -> str:
    """The date alone."""
    return NO_DATA if moment is None else f"{moment:%Y-%m-%d}"


def title(name: str) -> str:
    """The name of a signal or step as words."""
    return name.replace("_", " ").replace("10%", "10 %")


def _minus(text: str) -> str:
    if text.startswith("-") and not text.strip("-0., %tbnMk"):
        return text[1:]  # what rounds to zero has no sign
    return text.replace("-", "−")
