"""What the sources publish: daily values of ETF flows, metals, equities, VIX, the dollar index, stablecoins.

Made, not recorded: two years that end today, the same at every start; a scenario puts its own days over them.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

DAYS = 730
CENT = Decimal("0.01")
WEEKEND = 5  # Saturday and Sunday are 5 and 6

Form = Literal["level", "flow"]
Rows = dict[datetime.date, Decimal]


@dataclass(frozen=True, slots=True)
class Kind:
    """One source: where its values move, and whether it is published at weekends.

    A level starts at `start` and moves by about `step` of itself a day; a flow is within `step` of `start`.
    """

    name: str
    unit: str
    start: str
    step: str
    form: Form = "level"
    weekends: bool = False


KINDS = (
    Kind("etf-flows", "USD", "60000000", "250000000", form="flow"),
    Kind("gold", "USD per ounce", "2600", "0.008"),
    Kind("silver", "USD per ounce", "30", "0.015"),
    Kind("equities", "points", "5600", "0.009"),
    Kind("vix", "points", "17", "0.05"),
    Kind("dollar-index", "points", "102", "0.004"),
    Kind("stablecoins", "USD", "250000000000", "0.0008", weekends=True),
)
NAMES = tuple(kind.name for kind in KINDS)


def published(today: datetime.date) -> dict[str, Rows]:
    """All sources with the days up to yesterday: today's values come out tomorrow."""
    return {kind.name: _days(kind, today) for kind in KINDS}


def _days(kind: Kind, today: datetime.date) -> Rows:
    chance = random.Random(f"feed {kind.name}")  # noqa: S311  the same values at every start are wanted
    found: Rows = {}
    level, step = Decimal(kind.start), Decimal(kind.step)
    for back in range(DAYS, 0, -1):
        day = today - datetime.timedelta(days=back)
        move = Decimal(chance.randint(-1000, 1000)).scaleb(-3) * step
        if not kind.weekends and day.weekday() >= WEEKEND:
            continue
        if kind.form == "flow":
            found[day] = (level + move).quantize(CENT)
        else:
            level += level * move
            found[day] = level.quantize(CENT)
    return found


def laid_over(usual: Rows, days: Mapping[datetime.date, Decimal], form: Form) -> Rows:
    """The usual days with a scenario's in their place; a level is scaled so that it runs into them."""
    if not days:
        return dict(usual)
    first = min(days)
    before = {day: value for day, value in usual.items() if day < first}
    if form == "level" and before:
        factor = days[first] / before[max(before)]
        before = {day: (value * factor).quantize(CENT) for day, value in before.items()}
    return before | dict(days)


def form_of(name: str) -> Form:
    """Raises ValueError for a source that there is not."""
    for kind in KINDS:
        if kind.name == name:
            return kind.form
    raise ValueError(f"expected one of {', '.join(NAMES)}, found {name!r}")
