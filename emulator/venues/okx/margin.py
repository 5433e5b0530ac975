"""OKX margin: every currency after its discount tiers against one requirement, or each currency for itself.

Multi-currency margin: adjusted equity = sum of discounted equity, requirement in USD. Futures mode: a
currency margins its own contracts, undiscounted. Sources: OKX "Multi-currency margin mode: cross margin
trading", "Futures mode: cross margin trading".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.engine.accounts import Account
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

MULTI_CURRENCY, FUTURES, SPOT = "multi_currency", "futures", "spot"
TRADING = "trading"


@dataclass(frozen=True, slots=True)
class OkxMargin:
    """One margin group; without `rules` every currency counts in full."""

    market: Market
    rules: Mapping[str, CollateralRule] | None

    @exact
    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for an asset or a symbol without a rule or a price."""
        plain = [self._position(position, prices) for position in positions]
        names = sorted({*balances, *(position.settle for position in positions)})
        crosses = {name: self._cross(name, balances.get(name, ZERO), plain) for name in names}
        counted = {name: self._counted(name, crosses[name]) * prices.indexes[name] for name in names}
        adjusted = sum(counted.values(), ZERO)
        cross = [line for line in plain if not line.isolated]
        initial = sum((line.initial_margin * prices.indexes[line.position.settle] for line in cross), ZERO)
        kept = sum((line.maintenance_margin * prices.indexes[line.position.settle] for line in cross), ZERO)
        free = max(ZERO, adjusted - initial)
        assets = tuple(
            self._asset(
                name,
                balances.get(name, ZERO),
                plain,
                prices,
                counted=counted[name],
                free=free if cross else None,
            )
            for name in names
        )
        worth = {name: balances.get(name, ZERO) * prices.indexes[name] for name in names}
        profit = sum((line.unrealised * prices.indexes[line.position.settle] for line in plain), ZERO)
        return MarginReport(
            assets=assets,
            positions=tuple(self._with_liquidation(line, adjusted - kept, prices) for line in plain),
            equity=sum(worth.values(), ZERO) + profit,
            wallet_balance=sum(worth.values(), ZERO),
            unrealised=profit,
            margin_balance=adjusted,
            initial_margin=initial,
            maintenance_margin=kept,
            available=free,
        )

    def _position(self, position: Position, prices: Prices) -> PositionMargin:
        mark = prices.marks[position.symbol]
        tier = self.market.symbols[position.symbol].brackets.at(position.quantity)
        worth = notional(position, mark)
        return PositionMargin(
            position=position,
            mark_price=mark,
            notional=worth,
            unrealised=unrealised_pnl(position, mark),
            initial_margin=abs(worth) / position.leverage,
            maintenance_margin=abs(worth) * tier.rate,
            bracket=tier,
        )

    @staticmethod
    def _cross(asset: str, balance: Decimal, lines: Sequence[PositionMargin]) -> Decimal:
        """Equity of a currency without what isolated positions hold."""
        return balance - isolated_in(lines, asset) + by_settle(lines, asset)[0]

    def _counted(self, asset: str, equity: Decimal) -> Decimal:
        return equity if self.rules is None else self.rules[asset].counted(equity)

    def _asset(
        self,
        name: str,
        balance: Decimal,
        lines: Sequence[PositionMargin],
        prices: Prices,
        *,
        counted: Decimal,
        free: Decimal | None,
    ) -> AssetMargin:
        profit, initial, kept = by_settle(lines, name)
        own = balance - isolated_in(lines, name)
        rate = self._counted(name, ONE) * prices.indexes[name]
        most = max(ZERO, own + min(ZERO, profit))
        if free is not None:
            most = min(most, free / rate) if rate > ZERO else most
        return AssetMargin(
            asset=name,
            balance=balance,
            unrealised=profit,
            initial_margin=initial,
            maintenance_margin=kept,
            rate=rate,
            available=down(most),
            max_withdraw=down(most),
            facts={"discounted_usd": counted},
        )

    def _with_liquidation(self, line: PositionMargin, cushion_usd: Decimal, prices: Prices) -> PositionMargin:
        own = line.position.isolated_margin
        if own is None:
            # All else standing still: what the account has beyond its requirement is this position's own.
            cushion = cushion_usd / prices.indexes[line.position.settle]
            own = cushion + line.maintenance_margin - line.unrealised
        price = _liquidation(line, own)
        return PositionMargin(
            position=line.position,
            mark_price=line.mark_price,
            notional=line.notional,
            unrealised=line.unrealised,
            initial_margin=line.initial_margin,
            maintenance_margin=line.maintenance_margin,
            liquidation_price=price if price is not None and price > ZERO else None,
            bracket=line.bracket,
        )


@exact
def _liquidation(line: PositionMargin, own: Decimal) -> Decimal | None:
    """The mark at which own margin plus profit is the maintenance margin, in the present tier."""
    position, rate = line.position, ZERO if line.bracket is None else line.bracket.rate
    size, side = position.quantity * position.contract_size, position.direction
    if position.inverse:
        below = own + size / position.entry_price
        above = size * (ONE + side * rate)
        return above / below if below else None
    slope = size - abs(size) * rate
    return (size * position.entry_price - own) / slope if slope else None


def margin_groups(
    account: Account, market: Market, rules: Mapping[str, CollateralRule]
) -> tuple[MarginGroup, ...]:
    """One group, or in futures mode one for each currency."""
    if account.mode != FUTURES:
        shared = OkxMargin(market, rules if account.mode == MULTI_CURRENCY else None)
        return (MarginGroup(TRADING, (TRADING,), shared),)
    settles = {position.settle for position in account.open_positions()}
    names = sorted({*account.wallet(TRADING), *settles}) or ["USDT"]
    alone = OkxMargin(market, None)
    return tuple(MarginGroup(name, (TRADING,), alone, frozenset({name})) for name in names)
