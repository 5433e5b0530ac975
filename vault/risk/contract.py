"""One position as prices move together: its profit and its maintenance margin, as exact lines of the move.

Linear contracts are settled in a stable asset, inverse ones in their own coin. Refuses to value a position in
anything but USD at the given price of its settlement asset. Formulas: Binance "Leverage and Margin of USD-M
Futures" and "COIN-M Futures" (brackets with cum), Deribit "Linear Perpetual" (a rate that rises with size).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from vault.risk.exact import ONE, ZERO, exact

if TYPE_CHECKING:
    from vault.model import Bracket, Position


@dataclass(frozen=True, slots=True)
class Line:
    """USD as a function of the common move s of all prices: constant + slope * s + hyper / (1 + s)."""

    constant: Decimal
    slope: Decimal = ZERO
    hyper: Decimal = ZERO

    def at(self, move: Decimal) -> Decimal:
        """The value at a move above -1."""
        straight = self.constant + self.slope * move
        return straight + self.hyper / (ONE + move) if self.hyper else straight

    def __add__(self, other: Line) -> Line:
        return Line(self.constant + other.constant, self.slope + other.slope, self.hyper + other.hyper)

    def __sub__(self, other: Line) -> Line:
        return self + other * -ONE

    def __mul__(self, factor: Decimal) -> Line:
        return Line(self.constant * factor, self.slope * factor, self.hyper * factor)

    def first_root(self, start: Decimal, end: Decimal) -> Decimal | None:
        """The zero nearest to `start` within [start, end] or [end, start]; None when there is none.

        With hyper <= 0 the line is concave: above zero at `start` it has at most one.
        """
        if not self.hyper:
            roots = [-self.constant / self.slope] if self.slope else []
        else:
            # (constant + slope*s)(1 + s) + hyper = 0
            a, b, c = self.slope, self.constant + self.slope, self.constant + self.hyper
            roots = _quadratic(a, b, c)
        low, high = min(start, end), max(start, end)
        inside = [root for root in roots if low <= root <= high]
        return min(inside, key=lambda root: abs(root - start)) if inside else None


def _quadratic(a: Decimal, b: Decimal, c: Decimal) -> list[Decimal]:
    if not a:
        return [-c / b] if b else []
    inside = b * b - 4 * a * c
    if inside < 0:
        return []
    root = inside.sqrt()
    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]


def side_of(position: Position) -> Decimal:
    """1 for a long, -1 for a short."""
    return ONE if position.side == "long" else -ONE


@exact
def base_size(position: Position) -> Decimal:
    """Size in base units at the present mark."""
    return position.size / position.mark_price if position.inverse else position.size


@exact
def notional(position: Position, mark_price: Decimal) -> Decimal:
    """What brackets are looked up by: quote units for linear contracts, settle coins for inverse."""
    return position.size / mark_price if position.inverse else position.size * mark_price


@exact
def bracket_at(brackets: tuple[Bracket, ...], amount: Decimal) -> Bracket:
    """The bracket of an absolute notional (floor < notional <= cap); beyond the last cap, the last."""
    for bracket in brackets:
        if bracket.cap is None or amount <= bracket.cap:
            return bracket
    return brackets[-1]


@exact
def bracket_margin(brackets: tuple[Bracket, ...], amount: Decimal) -> Decimal:
    """Maintenance margin by brackets alone: notional * rate - cum, never below zero, in notional's units."""
    bracket = bracket_at(brackets, amount)
    return max(ZERO, amount * bracket.rate - bracket.cum)


@exact
def position_margin(position: Position, mark_price: Decimal) -> Decimal:
    """Maintenance margin at a mark price, in the settlement asset."""
    amount = notional(position, mark_price)
    bracket = bracket_at(position.brackets, amount)
    size = amount if position.inverse else position.size
    return max(ZERO, amount * (bracket.rate + position.rate_per_unit * size) - bracket.cum)


@exact
def unrealised_pnl(position: Position, mark_price: Decimal) -> Decimal:
    """In the settlement asset. Linear: size * (mark - entry); inverse: size * (1/entry - 1/mark); a short's
    is the reverse."""
    if position.inverse:
        return side_of(position) * position.size * (ONE / position.entry_price - ONE / mark_price)
    return side_of(position) * position.size * (mark_price - position.entry_price)


@exact
def profit_line(position: Position, settle_price: Decimal) -> Line:
    """Unrealised profit in USD. An inverse contract's settlement coin moves with its mark, so that its
    profit in dollars is a straight line too."""
    side, size = side_of(position), position.size
    if position.inverse:
        slope = side * size * settle_price / position.entry_price
        return Line(slope - side * size * settle_price / position.mark_price, slope)
    slope = side * size * position.mark_price * settle_price
    return Line(slope - side * size * position.entry_price * settle_price, slope)


@exact
def margin_line(position: Position, settle_price: Decimal, near: Decimal) -> Line:
    """Maintenance margin in USD, valid on the piece around the move `near` (> -1)."""
    mark = position.mark_price * (ONE + near)
    if position_margin(position, mark) <= 0:
        return Line(ZERO)
    bracket = bracket_at(position.brackets, notional(position, mark))
    if position.inverse:
        coins = position.size / position.mark_price
        return Line(
            (coins * bracket.rate - bracket.cum) * settle_price,
            -bracket.cum * settle_price,
            position.rate_per_unit * coins * coins * settle_price,
        )
    slope = (
        position.size
        * position.mark_price
        * (bracket.rate + position.rate_per_unit * position.size)
        * settle_price
    )
    return Line(slope - bracket.cum * settle_price, slope)


@exact
def margin_bends(position: Position) -> set[Decimal]:
    """Moves at which the position's maintenance margin changes its line: another bracket, or zero."""
    amount = notional(position, position.mark_price)
    if not amount:
        return set()
    size = amount if position.inverse else position.size
    levels = {bracket.floor for bracket in position.brackets}
    for bracket in position.brackets:
        rate = bracket.rate + position.rate_per_unit * size
        if rate and bracket.cum:
            levels.add(bracket.cum / rate)
    if position.inverse:
        return {amount / level - ONE for level in levels if level > 0}
    return {level / amount - ONE for level in levels}
