"""Histories of one asset's price beside each other: notes on those whose clocks do not agree.

Only names what it finds: which of two clocks is wrong nobody can tell from prices alone.
"""

from __future__ import annotations

from itertools import combinations

from vault.markets.reading.sheet import Found
from vault.series import Candles, Series
from vault.series_clocks import hours_apart


def clocks(found: tuple[Found, ...]) -> tuple[Found, ...]:
    """The same histories, with a note on each two prices that agree only when one's hours are moved."""
    notes: dict[int, list[str]] = {}
    prices = [(at, each) for at, each in enumerate(found) if each.key.kind in {"price", "mark", "close"}]
    for (one, first), (two, second) in combinations(prices, 2):
        if first.key == second.key or (first.key.name, first.key.step) != (second.key.name, second.key.step):
            continue
        if hours := hours_apart(_closes(first), _closes(second), first.key.step):
            for at, other, ahead in ((one, second, hours), (two, first, -hours)):
                text = (
                    f"agrees with {other.key} only if its own times are {ahead:+d} h off: one clock is no UTC"
                )
                notes.setdefault(at, []).append(text)
    return tuple(each.noted(*notes.get(at, [])) for at, each in enumerate(found))


def _closes(found: Found) -> Series:
    return found.data.closes() if isinstance(found.data, Candles) else found.data
