"""What every part of the cascade model refuses: not a number, an infinity, a value out of its range.

A model fed with NaN answers NaN, or worse, calm; here it is a typed error that names the input.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from vault.errors import MarketDataError
from vault.series import FloatArray

BAD_INPUT = "bad_input"
HINT = "Leave out what is not known; do not put zero or NaN in its place."


def refused(name: str, expected: str, found: object) -> MarketDataError:
    """The error of an input that cannot be used."""
    return MarketDataError(BAD_INPUT, f"{name}: expected {expected}, found {found}", hint=HINT)


def number(
    name: str, value: float, *, least: float = 0.0, most: float = math.inf, above: bool = False
) -> float:
    """`value` as a finite float within `least`..`most`; `above`: `least` itself is refused too."""
    found = float(value)
    if not math.isfinite(found) or found < least or found > most or (above and found == least):
        most_told = "" if most == math.inf else f" and at most {most:g}"
        raise refused(name, f"a number {'above' if above else 'of at least'} {least:g}{most_told}", value)
    return found


def array(
    name: str, values: npt.ArrayLike, *, least: float = 0.0, above: bool = False, length: int | None = None
) -> FloatArray:
    """`values` as a read-only row of finite floats of at least `least`; raises MarketDataError."""
    found = np.array(values, dtype=np.float64)
    if found.ndim != 1:
        raise refused(name, "a row of numbers", f"{found.ndim} dimensions")
    if length is not None and found.size != length:
        raise refused(name, f"{length} numbers", str(found.size))
    if not np.isfinite(found).all():
        raise refused(name, "finite numbers", f"{int((~np.isfinite(found)).sum())} that are not")
    if found.size and (found.min() < least or (above and found.min() == least)):
        raise refused(name, f"numbers {'above' if above else 'of at least'} {least:g}", f"{found.min():g}")
    found.setflags(write=False)
    return found
