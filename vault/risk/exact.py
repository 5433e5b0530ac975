"""Decimal arithmetic for the whole room: every public function computes in `vault.money.CONTEXT`.

Refuses to let the thread's own context (28 digits, silent infinities) decide about margin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final, ParamSpec, TypeVar

from vault.money import CONTEXT

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)

P = ParamSpec("P")
R = TypeVar("R")


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` with 60 digits and with traps for invalid operations, division by zero, overflow."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(CONTEXT):
            return function(*args, **kwargs)

    return inside


def rounded(value: Decimal, digits: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """`value` with at most `digits` digits after the point, trailing zeros removed; never an exponent."""
    cut = value.quantize(Decimal(1).scaleb(-digits), rounding=rounding, context=CONTEXT)
    return trimmed(cut)


def trimmed(value: Decimal) -> Decimal:
    """The same number without trailing zeros after the point and without an exponent."""
    if value == value.to_integral_value():
        return value.quantize(ONE, context=CONTEXT)
    return value.normalize(CONTEXT)


def clamp01(value: Decimal) -> Decimal:
    """`value` held within 0..1."""
    return min(ONE, max(ZERO, value))
