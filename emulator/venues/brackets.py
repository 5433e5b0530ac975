"""Maintenance margin brackets: notional bands with a rate, and the `cum` that makes the margin continuous.

MM = |notional| * rate - cum, with cum_n = floor_n * (rate_n - rate_(n-1)) + cum_(n-1).
Sources: Binance "Leverage and Margin of USDⓈ-M Futures"; `GET /fapi/v1/leverageBracket`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.exact import ZERO, exact


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


# `GET /fapi/v1/leverageBracket`, BTCUSDT, as answered by the venue in 2023.
BTCUSDT = table(
    "BTCUSDT",
    [
        (125, "50000", "0.004"),
        (100, "250000", "0.005"),
        (50, "3000000", "0.01"),
        (20, "20000000", "0.025"),
        (10, "40000000", "0.05"),
        (5, "100000000", "0.1"),
        (4, "120000000", "0.125"),
        (3, "200000000", "0.15"),
        (2, "300000000", "0.25"),
        (1, "500000000", "0.5"),
    ],
)

# Announcement "Updates to Leverage and Margin Tiers of Binance Futures Contracts (2021-03-18)".
BTCUSDT_2021 = table(
    "BTCUSDT",
    [
        (125, "50000", "0.004"),
        (100, "250000", "0.005"),
        (50, "1000000", "0.01"),
        (20, "10000000", "0.025"),
        (10, "20000000", "0.05"),
        (5, "50000000", "0.1"),
        (4, "100000000", "0.125"),
        (3, "200000000", "0.15"),
        (2, "300000000", "0.25"),
        (1, "500000000", "0.5"),
    ],
)

# The 2021 table whose 10 % band carries the cum of 135,365 in Binance's worked liquidation example.
ETHUSDT = table(
    "ETHUSDT",
    [
        (100, "10000", "0.005"),
        (75, "100000", "0.0065"),
        (50, "500000", "0.01"),
        (25, "1000000", "0.02"),
        (10, "2000000", "0.05"),
        (5, "5000000", "0.1"),
        (4, "10000000", "0.125"),
        (3, "20000000", "0.15"),
        (2, "40000000", "0.25"),
        (1, "80000000", "0.5"),
    ],
)
