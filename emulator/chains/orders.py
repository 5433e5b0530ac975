"""What a chain's control is told, field by field. Refuses what is unknown and what is not of its kind."""

from __future__ import annotations

Order = dict[str, object]


class ControlError(ValueError):
    """An order that is not understood."""


def only(order: Order, *keys: str) -> None:
    """Nothing else is in it."""
    unknown = sorted(set(order) - set(keys))
    if unknown:
        raise ControlError(f"{unknown[0]}: unknown, expected {', '.join(keys)}")


def integer(order: Order, key: str, default: int, *, most: int) -> int:
    """A number from 0 to `most`."""
    value = order.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ControlError(f"{key}: expected an integer from 0 to {most}, found {value!r}")
    return value
