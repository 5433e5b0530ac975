"""Bybit's unified margin: every coin after its tiers, profit at par, close fees in the margins. Exact, pure.

Refuses unknown symbols and coins; it never guesses a price. Sources: Bybit help centre "Initial Margin",
"Maintenance Margin", "Liquidation Price (USDT Contract)", "Bankruptcy Price (Inverse Contract)", "Glossary:
Unified Trading Account".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from emulator.venues.engine.brackets import Bracket, BracketTable
from emulator.venues.engine.collateral import CollateralRule
from emulator.venues.engine.exact import ONE, ZERO, down, exact
from emulator.venues.engine.margin import (
    AssetMargin,
    MarginReport,
    PositionMargin,
    Prices,
    by_settle,
    isolated_in,
)
from emulator.venues.engine.positions import Position, notional, unrealised_pnl

REGULAR, ISOLATED, PORTFOLIO = "REGULAR_MARGIN", "ISOLATED_MARGIN", "PORTFOLIO_MARGIN"
TAKER_FEE = Decimal("0.00055")


@exact
def inverse_bankruptcy(
    size: Decimal, entry: Decimal, available: Decimal, direction: Decimal, taker: Decimal = ZERO
) -> Decimal:
    """Price of an inverse contract at which what backs it is gone: (1 +- fee) * Q / (Q/EP +- AB).

    `size` in USD, `available` in coins, `direction` 1 for a long and -1 for a short.
    """
    return size * (ONE + direction * taker) / (size / entry + direction * available)


@exact
def bankruptcy(position: Position) -> Decimal | None:
    """Where a position has lost its initial margin; None for a short that no price ruins."""
    size = abs(position.quantity) * position.contract_size
    side, entry, leverage = position.direction, position.entry_price, Decimal(position.leverage)
    if position.inverse:
        backing = size / (entry * leverage)
        if side < ZERO and leverage == ONE:
            return None
        return inverse_bankruptcy(size, entry, backing, side)
    return entry * (ONE - side / leverage)


@exact
def close_fee(position: Position) -> Decimal:
    """The taker's fee on the position's value at the bankruptcy price."""
    price = bankruptcy(position)
    return ZERO if not price else abs(notional(position, price)) * TAKER_FEE


@exact
def isolated_liquidation_price(position: Position, bracket: Bracket, margin: Decimal) -> Decimal | None:
    """EP -+ (margin - MM) / size; inverse: size / (size/EP +- (margin - MM)); MM at the entry price."""
    size = abs(position.quantity) * position.contract_size
    side, entry = position.direction, position.entry_price
    room = margin - (abs(notional(position, entry)) * bracket.rate - bracket.cum)
    if position.inverse:
        below = size / entry + side * room
        return size / below if below > ZERO else None
    price = entry - side * room / size
    return price if price > ZERO else None


@exact
def cross_liquidation_price(line: PositionMargin, room: Decimal, bracket: Bracket) -> Decimal | None:
    """Where this position alone would use up `room`, in its settle coin, all other prices held still."""
    position = line.position
    size, side = abs(position.quantity) * position.contract_size, position.direction
    if position.inverse:
        inverted = ONE / line.mark_price + room / (size * (side + bracket.rate))
        return ONE / inverted if inverted > ZERO else None
    price = line.mark_price - room / (size * (side - bracket.rate))
    return price if price > ZERO else None


@dataclass(frozen=True, slots=True)
class UnifiedMargin:
    """One unified account in USD, in one of the three modes."""

    mode: str
    brackets: Mapping[str, BracketTable]
    rules: Mapping[str, CollateralRule]

    @exact
    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for a coin or symbol without a rule or a price."""
        lines = [self._line(position, prices) for position in positions]
        coins = sorted(set(balances) | {line.position.settle for line in lines})
        cross = {coin: balances.get(coin, ZERO) - isolated_in(lines, coin) for coin in coins}
        index = {coin: prices.indexes[coin] for coin in coins}
        wallet = sum((self.rules[c].counted(cross[c]) * index[c] for c in coins), ZERO)
        sums = {coin: by_settle(lines, coin) for coin in coins}
        unrealised, initial, maintenance = (
            sum((sums[coin][part] * index[coin] for coin in coins), ZERO) for part in range(3)
        )
        balance = wallet + unrealised
        everything = sum((line.unrealised * index[line.position.settle] for line in lines), ZERO)
        equity = sum((balances.get(c, ZERO) * index[c] for c in coins), ZERO) + everything
        available = max(ZERO, balance - initial)
        return MarginReport(
            assets=tuple(
                self._coin(coin, balances.get(coin, ZERO), lines, index[coin], available) for coin in coins
            ),
            positions=tuple(self._with_liquidation(line, balance - maintenance, index) for line in lines),
            equity=equity,
            wallet_balance=wallet,
            unrealised=unrealised,
            margin_balance=balance,
            initial_margin=initial,
            maintenance_margin=maintenance,
            available=available,
        )

    def _line(self, position: Position, prices: Prices) -> PositionMargin:
        """One position by itself; isolated ones are reckoned at their entry price."""
        mark, table = prices.marks[position.symbol], self.brackets[position.symbol]
        value, entered = notional(position, mark), notional(position, position.entry_price)
        fee = close_fee(position)
        if self.mode == ISOLATED:
            needed = abs(entered) / position.leverage
            own = needed if position.isolated_margin is None else position.isolated_margin
            position = position.with_margin(own)
            kept, bracket = table.maintenance_margin(entered), table.at(entered)
        else:
            position = replace(position, isolated_margin=None)
            needed = abs(value) / position.leverage + fee
            kept, bracket = table.maintenance_margin(value) + fee, table.at(value)
        return PositionMargin(
            position=position,
            mark_price=mark,
            notional=value,
            unrealised=unrealised_pnl(position, mark),
            initial_margin=needed,
            maintenance_margin=kept,
            bracket=bracket,
        )

    def _with_liquidation(
        self, line: PositionMargin, room: Decimal, index: Mapping[str, Decimal]
    ) -> PositionMargin:
        own, bracket = line.position.isolated_margin, line.bracket
        if bracket is None or self.mode == PORTFOLIO:
            return line
        if own is not None:
            price = isolated_liquidation_price(line.position, bracket, own)
        else:
            price = cross_liquidation_price(line, room / index[line.position.settle], bracket)
        return replace(line, liquidation_price=price)

    def _coin(
        self,
        coin: str,
        balance: Decimal,
        lines: Sequence[PositionMargin],
        index: Decimal,
        available: Decimal,
    ) -> AssetMargin:
        rule, cross = self.rules[coin], balance - isolated_in(lines, coin)
        unrealised, initial, maintenance = by_settle(lines, coin)
        counted = rule.counted(cross)
        free = cross if self.mode == ISOLATED else removable(rule, cross, available / index)
        mine = [line for line in lines if line.position.settle == coin]
        return AssetMargin(
            asset=coin,
            balance=balance,
            unrealised=unrealised,
            initial_margin=initial,
            maintenance_margin=maintenance,
            rate=index * (counted / cross if cross else rule.tiers[0].ratio),
            available=max(ZERO, free),
            max_withdraw=max(ZERO, down(free)),
            facts={  # of all positions, isolated ones too
                "unrealised": sum((line.unrealised for line in mine), ZERO),
                "initial": sum((line.initial_margin for line in mine), ZERO),
                "maintenance": sum((line.maintenance_margin for line in mine), ZERO),
            },
        )


@exact
def removable(rule: CollateralRule, balance: Decimal, worth: Decimal) -> Decimal:
    """The most of a balance that can go without what counts falling by more than `worth` (in the coin).

    The last units go first: they count at the ratio of the highest tier they reach.
    """
    if balance <= ZERO:
        return ZERO
    floors = [ZERO, *(tier.up_to for tier in rule.tiers if tier.up_to is not None)]
    taken, left, top = ZERO, worth, balance
    for floor, tier in reversed(list(zip(floors, rule.tiers, strict=False))):
        part = top - floor
        if part <= ZERO:
            continue
        if part * tier.ratio > left:
            return taken + left / tier.ratio
        taken, left, top = taken + part, left - part * tier.ratio, floor
    return taken
