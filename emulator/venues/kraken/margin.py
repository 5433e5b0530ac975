"""Kraken's multi-collateral margin: dollar values after haircuts against levels that count marginally.

Levels of a linear contract are in USD at the mark, of an inverse one in contracts; initial margin is twice
the maintenance margin, of an isolated position its notional by its leverage. No netting of a perpetual with
a dated contract. Source: Kraken "Margining & Liquidations: Multi-Collateral", "Margin Schedule".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.collateral import CollateralRule
from emulator.venues.engine.exact import ZERO, down, exact
from emulator.venues.engine.margin import (
    AssetMargin,
    MarginGroup,
    MarginReport,
    PositionMargin,
    Prices,
    by_settle,
    isolated_in,
)
from emulator.venues.engine.market import Market
from emulator.venues.engine.positions import Position, notional, unrealised_pnl

FLEX, CASH, SPOT_WALLET = "flex", "cash", "spot"
INITIAL_TIMES = 2  # of the maintenance margin


@dataclass(frozen=True, slots=True)
class FlexMargin:
    """The one margin group of an account."""

    market: Market
    rules: Mapping[str, CollateralRule]

    @exact
    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for an asset or a symbol without a rule or a price."""
        lines = tuple(self._position(position, prices) for position in positions)
        names = sorted({*balances, *(position.settle for position in positions)})
        index = prices.indexes
        own = {name: balances.get(name, ZERO) - isolated_in(lines, name) for name in names}
        profit = {name: by_settle(lines, name)[0] for name in names}
        counted = {name: self.rules[name].counted(own[name] + profit[name]) * index[name] for name in names}
        held = {name: self.rules[name].counted(own[name]) * index[name] for name in names}
        equity = sum(counted.values(), ZERO)
        cross = [line for line in lines if not line.isolated]
        initial = sum((line.initial_margin * index[line.position.settle] for line in cross), ZERO)
        kept = sum((line.maintenance_margin * index[line.position.settle] for line in cross), ZERO)
        free = max(ZERO, equity - initial)
        worth = sum((balances.get(name, ZERO) * index[name] for name in names), ZERO)
        unrealised = sum((line.unrealised * index[line.position.settle] for line in lines), ZERO)
        return MarginReport(
            assets=tuple(
                self._asset(
                    name, balances.get(name, ZERO), own[name], lines, index[name], free, bound=bool(cross)
                )
                for name in names
            ),
            positions=lines,
            equity=worth + unrealised,
            wallet_balance=worth,
            unrealised=unrealised,
            margin_balance=equity,
            initial_margin=initial,
            maintenance_margin=kept,
            available=free,
            facts={"collateral_value": sum(held.values(), ZERO)},
        )

    def _position(self, position: Position, prices: Prices) -> PositionMargin:
        mark, levels = prices.marks[position.symbol], self.market.symbols[position.symbol].brackets
        worth = notional(position, mark)
        usd = position.quantity * position.contract_size if position.inverse else worth
        kept = levels.maintenance_margin(usd) / (mark if position.inverse else 1)
        own = position.isolated_margin is not None
        return PositionMargin(
            position=position,
            mark_price=mark,
            notional=worth,
            unrealised=unrealised_pnl(position, mark),
            initial_margin=abs(worth) / position.leverage if own else kept * INITIAL_TIMES,
            maintenance_margin=kept,
            bracket=levels.at(usd),
        )

    def _asset(  # noqa: PLR0917  one line of the report, each figure named
        self,
        name: str,
        balance: Decimal,
        own: Decimal,
        lines: Sequence[PositionMargin],
        price: Decimal,
        free: Decimal,
        *,
        bound: bool,
    ) -> AssetMargin:
        profit, initial, kept = by_settle(lines, name)
        rate = (self.rules[name].counted(Decimal(1))) * price
        most = max(ZERO, own + min(ZERO, profit))
        if bound and rate > ZERO:
            most = min(most, free / rate)
        return AssetMargin(
            asset=name,
            balance=balance,
            unrealised=profit,
            initial_margin=initial,
            maintenance_margin=kept,
            rate=rate,
            available=down(most),
            max_withdraw=down(most),
            facts={"value": balance * price, "collateral": self.rules[name].counted(own) * price},
        )


def margin_groups(
    account: Account, market: Market, rules: Mapping[str, CollateralRule]
) -> tuple[MarginGroup, ...]:
    return (MarginGroup(FLEX, (FLEX,), FlexMargin(market, rules)),)
