"""Forced closing of an account whose margin failed: all positions at their marks, a fee, then the debt.

A debt is settled by exchanging other assets into the settlement asset at their margin rate; what is still
owed is taken by the insurance fund. No partial reduction and no auto-deleveraging.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from emulator.venues.accounts import Account, Income, Liquidation
from emulator.venues.exact import ZERO, down, exact, nearest, up
from emulator.venues.margin import MarginReport, PositionMargin
from emulator.venues.market import Market, MarketLiquidation


@exact
def liquidate(
    account: Account, report: MarginReport, market: Market, new_id: Callable[[], int], now_ms: int
) -> list[Liquidation]:
    """Close everything the report margins; returns the records, which are also kept on the account."""
    done = [_close(account, line, report, market, new_id=new_id, now_ms=now_ms) for line in report.positions]
    for settle in sorted({line.position.settle for line in report.positions}):
        _cover_debt(account, report, settle, new_id, now_ms)
    return done


def _close(
    account: Account,
    line: PositionMargin,
    report: MarginReport,
    market: Market,
    *,
    new_id: Callable[[], int],
    now_ms: int,
) -> Liquidation:
    position = line.position
    symbol = market.symbols[position.symbol]
    realised = nearest(line.unrealised)
    fee = up(abs(line.notional) * symbol.liquidation_fee)
    side = "SELL" if position.quantity > ZERO else "BUY"
    record = Liquidation(
        order_id=new_id(),
        time_ms=now_ms,
        symbol=position.symbol,
        side=side,
        quantity=abs(position.quantity),
        price=line.mark_price,
        realised=realised,
        fee=fee,
        margin_balance=report.margin_balance,
        maintenance_margin=report.maintenance_margin,
    )
    account.book(Income(new_id(), now_ms, "REALIZED_PNL", position.settle, realised, position.symbol))
    account.book(Income(new_id(), now_ms, "INSURANCE_CLEAR", position.settle, -fee, position.symbol, "fee"))
    del account.positions[position.symbol]
    account.updated_ms[f"position:{position.symbol}"] = now_ms
    account.liquidations.append(record)
    market.liquidations.append(
        MarketLiquidation(now_ms, position.symbol, side, line.mark_price, abs(position.quantity))
    )
    return record


def _cover_debt(
    account: Account, report: MarginReport, settle: str, new_id: Callable[[], int], now_ms: int
) -> None:
    rates = {line.asset: line.rate for line in report.assets}
    for asset in sorted(account.futures):
        owed = -account.futures.get(settle, ZERO)
        if owed <= ZERO:
            return
        if asset == settle or account.futures[asset] <= ZERO or not account.multi_asset:
            continue
        price = rates[asset] / rates[settle]
        _exchange(account, asset, settle, owed, price, new_id=new_id, now_ms=now_ms)
    owed = -account.futures.get(settle, ZERO)
    if owed > ZERO:
        account.book(Income(new_id(), now_ms, "INSURANCE_CLEAR", settle, owed, info="bankruptcy"))


def _exchange(
    account: Account,
    asset: str,
    settle: str,
    owed: Decimal,
    price: Decimal,
    *,
    new_id: Callable[[], int],
    now_ms: int,
) -> None:
    sold = min(account.futures[asset], up(owed / price))
    bought = min(owed, down(sold * price))
    account.book(Income(new_id(), now_ms, "AUTO_EXCHANGE", asset, -sold, info=settle))
    account.book(Income(new_id(), now_ms, "AUTO_EXCHANGE", settle, bought, info=asset))
