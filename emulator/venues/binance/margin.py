"""Binance's margin: USDⓈ-M (also portfolio) over all assets at their haircut, COIN-M for each coin by itself.

Refuses unknown symbols and assets; it never guesses a price. Formulas: Binance "How to Calculate Liquidation
Price of USDⓈ-M Futures Contracts", the same of COIN-M, and "Multi-Assets Mode"; asset rates as in
`GET /fapi/v1/assetIndex`.
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

PORTFOLIO_CLOSES_AT = Decimal("1.05")  # uniMMR at which a portfolio margin account is liquidated


@exact
def margin_rate(index: Decimal, haircut: Decimal, net: Decimal) -> Decimal:
    """USD of margin per unit: the bid rate for a credit, the ask rate for a debt."""
    return index * (ONE - haircut) if net >= ZERO else index * (ONE + haircut)


@exact
def liquidation_price(
    collateral: Decimal,
    other_maintenance: Decimal,
    other_unrealised: Decimal,
    position: Position,
    bracket: Bracket,
) -> Decimal | None:
    """(WB - TMM + UPNL + cum - side*q*EP) / (q*MMR - side*q), or for an inverse contract
    q*(MMR + side) / (WB - TMM + UPNL + cum + side*q/EP); None when no positive price liquidates.

    `collateral` is the wallet balance in the settlement asset. Other assets are held at their present value
    and the present bracket is kept: this is what the venue shows, and it flatters an account that holds BTC.
    """
    size = abs(position.quantity) * position.contract_size
    side = position.direction
    if size == ZERO:
        return None
    backing = collateral - other_maintenance + other_unrealised + bracket.cum
    if position.inverse:
        below = backing + side * size / position.entry_price
        price = size * (bracket.rate + side) / below if below != ZERO else ZERO
    else:
        price = (backing - side * size * position.entry_price) / (size * bracket.rate - side * size)
    return price if price > ZERO else None


def margined(position: Position, prices: Prices, brackets: Mapping[str, BracketTable]) -> PositionMargin:
    """One position by itself; its liquidation price only when it is isolated."""
    mark = prices.marks[position.symbol]
    value = notional(position, mark)
    table = brackets[position.symbol]
    own = position.isolated_margin
    bracket = table.at(value)
    return PositionMargin(
        position=position,
        mark_price=mark,
        notional=value,
        unrealised=unrealised_pnl(position, mark),
        initial_margin=abs(value) / position.leverage,
        maintenance_margin=table.maintenance_margin(value),
        liquidation_price=None if own is None else liquidation_price(own, ZERO, ZERO, position, bracket),
        bracket=bracket,
    )


@dataclass(frozen=True, slots=True)
class _Totals:
    equity: Decimal
    wallet: Decimal
    unrealised: Decimal
    initial: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True)
class UsdMargin:
    """Margin in USD. Multi-asset mode counts every asset; single-asset mode only the settlement asset."""

    brackets: Mapping[str, BracketTable]
    assets: Mapping[str, CollateralRule]
    multi_asset: bool = True
    liquidate_at: Decimal = ONE

    @exact
    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for an asset or symbol without a rule or a price."""
        lines = [margined(position, prices, self.brackets) for position in positions]
        everything = set(balances) | {line.position.settle for line in lines}
        counted = everything if self.multi_asset else {line.position.settle for line in lines} or {"USDT"}
        cross = {a: balances.get(a, ZERO) - isolated_in(lines, a) for a in everything}
        nets = {a: cross[a] + by_settle(lines, a)[0] for a in everything}
        rates = {a: margin_rate(prices.indexes[a], self.assets[a].haircut, net) for a, net in nets.items()}
        totals = _totals(cross, lines, counted, rates, prices)
        balance = totals.wallet + totals.unrealised
        available = max(ZERO, balance - max(totals.initial, totals.maintenance))
        return MarginReport(
            assets=tuple(
                _asset_line(
                    a,
                    balances.get(a, ZERO),
                    cross[a],
                    lines,
                    rates[a],
                    available=available,
                    counted=a in counted,
                )
                for a in sorted(everything)
            ),
            positions=tuple(_with_liquidation(line, lines, totals, rates, prices) for line in lines),
            equity=totals.equity,
            wallet_balance=totals.wallet,
            unrealised=totals.unrealised,
            margin_balance=balance,
            initial_margin=totals.initial,
            maintenance_margin=totals.maintenance,
            available=available,
            liquidate_at=self.liquidate_at,
        )


@dataclass(frozen=True, slots=True)
class CoinMargin:
    """One coin's margin in that coin: no haircut, no other asset helps."""

    coin: str
    brackets: Mapping[str, BracketTable]

    @exact
    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for a symbol without brackets or a mark."""
        lines = [margined(position, prices, self.brackets) for position in positions]
        balance = balances.get(self.coin, ZERO)
        cross = balance - isolated_in(lines, self.coin)
        pnl, needed, kept = by_settle(lines, self.coin)
        totals = _Totals(cross + pnl, cross, pnl, needed, kept)
        available = max(ZERO, cross + pnl - max(needed, kept))
        own = Prices(prices.marks, {self.coin: ONE})
        rates = {self.coin: ONE}
        return MarginReport(
            assets=(_asset_line(self.coin, balance, cross, lines, ONE, available=available, counted=True),),
            positions=tuple(_with_liquidation(line, lines, totals, rates, own) for line in lines),
            equity=cross + pnl,
            wallet_balance=cross,
            unrealised=pnl,
            margin_balance=cross + pnl,
            initial_margin=needed,
            maintenance_margin=kept,
            available=available,
            currency=self.coin,
        )


def _totals(
    cross: Mapping[str, Decimal],
    lines: Sequence[PositionMargin],
    counted: set[str],
    rates: Mapping[str, Decimal],
    prices: Prices,
) -> _Totals:
    equity = wallet = unrealised = initial = maintenance = ZERO
    for asset in rates:
        pnl, needed, kept = by_settle(lines, asset)
        index = prices.indexes[asset]
        equity += (cross[asset] + pnl) * index
        if asset in counted:
            wallet += cross[asset] * rates[asset]
            unrealised += pnl * rates[asset]
            initial += needed * index
            maintenance += kept * index
    return _Totals(equity, wallet, unrealised, initial, maintenance)


def _with_liquidation(
    line: PositionMargin,
    lines: Sequence[PositionMargin],
    totals: _Totals,
    rates: Mapping[str, Decimal],
    prices: Prices,
) -> PositionMargin:
    if line.isolated or line.bracket is None:
        return line
    settle = line.position.settle
    others = [o for o in lines if o is not line and o.position.settle == settle and not o.isolated]
    price = liquidation_price(
        totals.wallet / rates[settle],
        totals.maintenance / prices.indexes[settle] - line.maintenance_margin,
        sum((other.unrealised for other in others), ZERO),
        line.position,
        line.bracket,
    )
    return replace(line, liquidation_price=price)


def _asset_line(
    asset: str,
    balance: Decimal,
    cross: Decimal,
    lines: Sequence[PositionMargin],
    rate: Decimal,
    *,
    available: Decimal,
    counted: bool,
) -> AssetMargin:
    pnl, needed, kept = by_settle(lines, asset)
    free = available / rate if counted else cross
    # Compared before dividing, so that an account without positions can take out its last satoshi.
    covered = not counted or available >= cross * rate
    withdrawable = cross if covered else down(free)
    return AssetMargin(
        asset=asset,
        balance=balance,
        unrealised=pnl,
        initial_margin=needed,
        maintenance_margin=kept,
        rate=rate,
        available=free,
        max_withdraw=max(ZERO, withdrawable),
        facts={"cross_balance": cross},
    )
