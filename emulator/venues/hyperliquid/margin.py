"""Hyperliquid margin: one cross account in USDC, isolated positions that answer for themselves.

Initial margin is the notional over the chosen leverage, maintenance half of that at the highest leverage of
the notional's tier. What may leave must keep the initial margin and a tenth of the notional. Sources:
Hyperliquid "Margining", "Margin tiers".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.brackets import BracketTable, table
from emulator.venues.engine.collateral import CollateralRule
from emulator.venues.engine.exact import ONE, ZERO, down, exact
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

COIN, PERP, SPOT = "USDC", "perp", "spot"
MICRO = Decimal("0.000001")
KEPT_OF_NOTIONAL = Decimal("0.1")
MOST = str(10**15)
# Coin -> (highest leverage, from which notional on) tiers, lowest first.
TIERS: Mapping[str, tuple[tuple[int, str], ...]] = {
    "BTC": ((40, "0"), (20, "150000000")),
    "ETH": ((25, "0"),),
    "SOL": ((20, "0"), (10, "70000000")),
    "HYPE": ((10, "0"),),
}


def brackets(coin: str) -> BracketTable:
    """The tiers as maintenance rates."""
    tiers = TIERS[coin]
    caps = [*(floor for _, floor in tiers[1:]), MOST]
    rates = (str(ONE / (2 * leverage)) for leverage, _ in tiers)
    rows = [(leverage, cap, rate) for (leverage, _), cap, rate in zip(tiers, caps, rates, strict=True)]
    return table(coin, rows)


@dataclass(frozen=True, slots=True)
class HyperliquidMargin:
    """`tables` are the brackets of every contract."""

    tables: Mapping[str, BracketTable]

    @exact
    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for a symbol without tiers or a price."""
        lines = [self._line(position, prices.marks[position.symbol]) for position in positions]
        balance, apart = balances.get(COIN, ZERO), isolated_in(lines, COIN)
        profit, initial, kept = by_settle(lines, COIN)
        whole_profit = sum((line.unrealised for line in lines), ZERO)
        cross = balance - apart + profit
        worth = sum((abs(line.notional) for line in lines if not line.isolated), ZERO)
        free = max(ZERO, cross - max(initial, worth * KEPT_OF_NOTIONAL))
        leaves = down(min(max(ZERO, balance - apart), free), MICRO)
        asset = AssetMargin(
            asset=COIN,
            balance=balance,
            unrealised=whole_profit,
            initial_margin=initial,
            maintenance_margin=kept,
            rate=ONE,
            available=leaves,
            max_withdraw=leaves,
        )
        return MarginReport(
            assets=(asset,),
            positions=tuple(
                replace(line, liquidation_price=_liquidation(line, cross - kept)) for line in lines
            ),
            equity=balance + whole_profit,
            wallet_balance=balance,
            unrealised=whole_profit,
            margin_balance=cross,
            initial_margin=initial,
            maintenance_margin=kept,
            available=leaves,
        )

    def _line(self, position: Position, mark: Decimal) -> PositionMargin:
        worth = notional(position, mark)
        bands = self.tables[position.symbol]
        return PositionMargin(
            position=position,
            mark_price=mark,
            notional=worth,
            unrealised=unrealised_pnl(position, mark),
            initial_margin=abs(worth) / position.leverage,
            maintenance_margin=bands.maintenance_margin(worth),
            bracket=bands.at(worth),
        )


@exact
def _liquidation(line: PositionMargin, cushion: Decimal) -> Decimal | None:
    """The mark at which what backs the position is its maintenance margin, at its present rate."""
    position = line.position
    size, rate = position.quantity, line.maintenance_margin / abs(line.notional)
    own = position.isolated_margin
    spare = cushion if own is None else own + line.unrealised - line.maintenance_margin
    slope = size - abs(size) * rate
    price = line.mark_price - spare / slope if slope else None
    return price if price is not None and price > ZERO else None


def margin_groups(
    account: Account, market: Market, rules: Mapping[str, CollateralRule]
) -> tuple[MarginGroup, ...]:
    """Perpetuals in USDC."""
    tables = {name: contract.brackets for name, contract in market.symbols.items()}
    return (MarginGroup("perp", (PERP,), HyperliquidMargin(tables), frozenset({COIN})),)
