"""Exact decimal numbers: parsing what comes in, printing what goes out, and the one wide arithmetic context.

Refuses floats, exponents beyond reason, NaN and infinities. Nothing here rounds unless its name says so.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Context, Decimal, InvalidOperation, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

ZERO = Decimal(0)
ONE = Decimal(1)
SATOSHI = Decimal("0.00000001")
# Wide enough that quantity x price x rate of any market here is exact; only divisions round.
WIDE = Context(prec=60)
MAX_TEXT = 40  # a number longer than this is not an amount


class InexactNumberError(ValueError):
    """A text is not a plain decimal number."""


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` in the wide context, so that its products and sums are exact."""

    @wraps(function)
    def wide(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(WIDE):
            return function(*args, **kwargs)

    return wide


def number(value: object) -> Decimal:
    """A Decimal from a string, an int or a Decimal; raises InexactNumberError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise InexactNumberError(f"expected a decimal string or an integer, found {type(value).__name__}")
    text = str(value)
    if len(text) > MAX_TEXT:
        raise InexactNumberError(f"expected at most {MAX_TEXT} characters, found {len(text)}")
    try:
        parsed = Decimal(text)
    except InvalidOperation as error:
        raise InexactNumberError(f"expected a decimal number, found {text!r}") from error
    if not parsed.is_finite() or abs(parsed.adjusted()) > MAX_TEXT:
        raise InexactNumberError(f"expected a finite number, found {text!r}")
    return parsed


def down(value: Decimal, step: Decimal = SATOSHI) -> Decimal:
    """`value` quantised towards zero to a multiple of a power-of-ten `step`."""
    return value.quantize(step, rounding=ROUND_DOWN, context=WIDE)


def up(value: Decimal, step: Decimal = SATOSHI) -> Decimal:
    """`value` quantised away from zero."""
    return value.quantize(step, rounding=ROUND_UP, context=WIDE)


def nearest(value: Decimal, step: Decimal = SATOSHI) -> Decimal:
    """`value` quantised half up; what a venue does to a profit before it is booked."""
    return value.quantize(step, rounding=ROUND_HALF_UP, context=WIDE)


def fixed(value: Decimal, places: int = 8) -> str:
    """`value` with exactly `places` decimals."""
    return format(nearest(value, ONE.scaleb(-places)) + ZERO, "f")


def plain(value: Decimal) -> str:
    """`value` without exponent and without trailing zeros."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def to_base_units(value: Decimal, decimals: int = 8) -> int:
    """Base units (satoshi, wei) of an amount; raises InexactNumberError when finer than one of them."""
    with localcontext(WIDE):
        units = value.scaleb(decimals)
        whole = int(units)
        if units != whole:
            raise InexactNumberError(f"expected at most {decimals} decimals, found {plain(value)}")
    return whole


def from_base_units(units: int, decimals: int = 8) -> Decimal:
    """An amount of `units` base units."""
    return Decimal(units).scaleb(-decimals, context=WIDE)
