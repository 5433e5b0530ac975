"""Deribit margin: rates that rise with the size of a position, for each currency alone or for all together.

margin = notional * (start + per_unit * size in base units). Segregated (``segregated_sm``) every currency
margins its own contracts; with cross collateral (``cross_sm``) the currencies of the pool answer for all.
Sources: Deribit "Linear Perpetual", "Margin types and usage", changes of 11 January 2022.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
)
from emulator.venues.engine.market import Market
from emulator.venues.engine.positions import Position, notional, unrealised_pnl

SEGREGATED, CROSS = "segregated_sm", "cross_sm"
WALLET = "margin"
POOL = frozenset({"BTC", "ETH", "USDC", "USDT", "SOL"})


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares, not percent."""

    initial: Decimal
    maintenance: Decimal
    per_unit: Decimal


RATES: Mapping[str, Rates] = {
    "BTC-PERPETUAL": Rates(Decimal("0.02"), Decimal("0.01"), Decimal("0.00005")),
    "ETH-PERPETUAL": Rates(Decimal("0.02"), Decimal("0.01"), Decimal("0.000004")),
    "BTC_USDC-PERPETUAL": Rates(Decimal("0.02"), Decimal("0.01"), Decimal("0.00005")),
    "SOL_USDC-PERPETUAL": Rates(Decimal("0.04"), Decimal("0.02"), Decimal("0.000005")),
}


@exact
def base_size(position: Position, mark: Decimal) -> Decimal:
    """Unsigned, in base units."""
    size = abs(position.quantity * position.contract_size)
    return size / mark if position.inverse else size


@exact
def margined(position: Position, mark: Decimal) -> PositionMargin:
    """One position by its contract's rates; raises KeyError for a contract without."""
    rates, size = RATES[position.symbol], base_size(position, mark)
    worth = notional(position, mark)
    rising = rates.per_unit * size
    return PositionMargin(
        position=position,
        mark_price=mark,
        notional=worth,
        unrealised=unrealised_pnl(position, mark),
        initial_margin=abs(worth) * (rates.initial + rising),
        maintenance_margin=abs(worth) * (rates.maintenance + rising),
    )


@dataclass(frozen=True, slots=True)
class DeribitMargin:
    """One margin account, reported in USD. Without `pooled` each currency counts only for itself."""

    pooled: bool

    @exact
    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for a symbol without rates or an asset without a price."""
        lines = [margined(position, prices.marks[position.symbol]) for position in positions]
        names = sorted({*balances, *(position.settle for position in positions)})
        counted = [name for name in names if not self.pooled or name in POOL]
        in_usd = {name: prices.indexes[name] for name in names}
        sums = {name: by_settle(lines, name) for name in names}
        margin_balance = sum(
            ((balances.get(name, ZERO) + sums[name][0]) * in_usd[name] for name in counted), ZERO
        )
        initial = sum((sums[name][1] * in_usd[name] for name in names), ZERO)
        kept = sum((sums[name][2] * in_usd[name] for name in names), ZERO)
        free = max(ZERO, margin_balance - initial)
        wallet = sum((balances.get(name, ZERO) * in_usd[name] for name in names), ZERO)
        profit = sum((sums[name][0] * in_usd[name] for name in names), ZERO)
        return MarginReport(
            assets=tuple(
                self._asset(name, balances.get(name, ZERO), sums[name], in_usd[name], free) for name in names
            ),
            positions=tuple(
                replace(line, liquidation_price=_liquidation(line, (margin_balance - kept), in_usd))
                for line in lines
            ),
            equity=wallet + profit,
            wallet_balance=wallet,
            unrealised=profit,
            margin_balance=margin_balance,
            initial_margin=initial,
            maintenance_margin=kept,
            available=free,
        )

    def _asset(
        self,
        name: str,
        balance: Decimal,
        sums: tuple[Decimal, Decimal, Decimal],
        price: Decimal,
        free_usd: Decimal,
    ) -> AssetMargin:
        """Profits that are not settled cannot be withdrawn, losses count at once."""
        profit, initial, kept = sums
        own = max(ZERO, balance + min(ZERO, profit))
        outside = self.pooled and name not in POOL
        most = own if outside else min(own, free_usd / price)
        return AssetMargin(
            asset=name,
            balance=balance,
            unrealised=profit,
            initial_margin=initial,
            maintenance_margin=kept,
            rate=ZERO if outside else price,
            available=down(most),
            max_withdraw=down(most),
        )


@exact
def _liquidation(line: PositionMargin, cushion_usd: Decimal, in_usd: Mapping[str, Decimal]) -> Decimal | None:
    """The mark at which the margin balance is the maintenance margin, all else standing still.

    The rate is that of the present size.
    """
    position = line.position
    size, side = position.quantity * position.contract_size, position.direction
    rate = line.maintenance_margin / abs(line.notional)
    own = cushion_usd / in_usd[position.settle] + line.maintenance_margin - line.unrealised
    if position.inverse:
        below = own + size / position.entry_price
        price = size * (1 + side * rate) / below if below else None
    else:
        slope = size - abs(size) * rate
        price = (size * position.entry_price - own) / slope if slope else None
    return price if price is not None and price > ZERO else None


def margin_groups(
    account: Account, market: Market, rules: Mapping[str, CollateralRule]
) -> tuple[MarginGroup, ...]:
    """One group for all, or one for each currency that holds or settles anything."""
    if account.mode == CROSS:
        return (MarginGroup("cross", (WALLET,), DeribitMargin(pooled=True)),)
    settles = {position.settle for position in account.open_positions()}
    names = sorted({*account.wallet(WALLET), *settles}) or ["BTC"]
    alone = DeribitMargin(pooled=False)
    return tuple(MarginGroup(name, (WALLET,), alone, frozenset({name})) for name in names)
