"""Maintenance margin brackets: notional bands with a rate, and the `cum` that makes the margin continuous.

MM = |notional| * rate - cum, with cum_n = floor_n * (rate_n - rate_(n-1)) + cum_(n-1).
The notional is in the settlement asset. Source: Binance "Leverage and Margin of USDⓈ-M Futures".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.engine.exact import ZERO, exact


@dataclass(frozen=True, slots=True)
class Bracket:
    """One band: it applies to floor < |notional| <= cap."""

    level: int
    max_leverage: int
    floor: Decimal
    cap: Decimal
    rate: Decimal
    cum: Decimal


@dataclass(frozen=True, slots=True)
class BracketTable:
    """The bands of one contract, lowest first."""

    symbol: str
    brackets: tuple[Bracket, ...]

    def at(self, notional: Decimal) -> Bracket:
        """The band of an absolute or signed notional; beyond the last cap the last band applies."""
        size = abs(notional)
        for bracket in self.brackets:
            if size <= bracket.cap:
                return bracket
        return self.brackets[-1]

    @exact
    def maintenance_margin(self, notional: Decimal) -> Decimal:
        """MM = |notional| * rate - cum, in the notional's currency."""
        bracket = self.at(notional)
        return abs(notional) * bracket.rate - bracket.cum


@exact
def table(symbol: str, rows: Sequence[tuple[int, str, str]]) -> BracketTable:
    """Build a table from (max leverage, cap, maintenance rate) rows; floors and cum follow from them."""
    brackets: list[Bracket] = []
    floor, rate_before, cum = ZERO, ZERO, ZERO
    for level, (leverage, cap_text, rate_text) in enumerate(rows, start=1):
        cap, rate = Decimal(cap_text), Decimal(rate_text)
        if cap <= floor or rate <= rate_before:
            raise ValueError(f"expected rising caps and rates in {symbol}, found {cap_text} {rate_text}")
        if brackets:
            cum += floor * (rate - rate_before)
        brackets.append(Bracket(level, leverage, floor, cap, rate, cum))
        floor, rate_before = cap, rate
    return BracketTable(symbol, tuple(brackets))
