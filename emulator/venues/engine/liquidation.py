"""Forced closing of what a margin report says has failed: each position at its mark, a fee, then the debt.

A cross debt is settled by exchanging other assets of the group into the settlement asset at their margin
rate; what is still owed, and what an isolated position lost beyond its own margin, is taken by the insurance
fund. No partial reduction and no auto-deleveraging.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.engine.accounts import Account, Income, IncomeKind, Liquidation
from emulator.venues.engine.exact import ZERO, down, exact, nearest, up
from emulator.venues.engine.margin import MarginGroup, MarginReport, PositionMargin
from emulator.venues.engine.market import Market, MarketLiquidation, SymbolMarket


@dataclass(frozen=True, slots=True)
class Liquidator:
    """Closes the failed positions of one account's margin group."""

    account: Account
    group: MarginGroup
    report: MarginReport
    market: Market
    wallet_of: Callable[[SymbolMarket], str]
    new_id: Callable[[], int]
    now_ms: int

    @exact
    def run(self) -> list[Liquidation]:
        """The records, which are also kept on the account."""
        failed = self.report.failed
        done = [self._close(line) for line in failed]
        places = {
            (self.wallet_of(self.market.symbols[line.position.symbol]), line.position.settle)
            for line in failed
            if not line.isolated
        }
        for wallet, settle in sorted(places):
            self._cover_debt(wallet, settle)
        return done

    def _close(self, line: PositionMargin) -> Liquidation:
        position, account, now = line.position, self.account, self.now_ms
        contract = self.market.symbols[position.symbol]
        wallet = self.wallet_of(contract)
        realised = nearest(line.unrealised)
        fee = up(abs(line.notional) * contract.liquidation_fee)
        side = "SELL" if position.quantity > ZERO else "BUY"
        own = position.isolated_margin
        record = Liquidation(
            order_id=self.new_id(),
            time_ms=now,
            symbol=position.symbol,
            side=side,
            quantity=abs(position.quantity),
            price=line.mark_price,
            realised=realised,
            fee=fee,
            margin_balance=self.report.margin_balance if own is None else own + line.unrealised,
            maintenance_margin=self.report.maintenance_margin if own is None else line.maintenance_margin,
            wallet=wallet,
        )
        self._book(IncomeKind.REALISED, position.settle, realised, wallet, symbol=position.symbol)
        self._book(IncomeKind.LIQUIDATION_FEE, position.settle, -fee, wallet, symbol=position.symbol)
        if own is not None and own + realised - fee < ZERO:
            owed = up(fee - realised - own)
            self._book(IncomeKind.BANKRUPTCY, position.settle, owed, wallet, symbol=position.symbol)
        del account.positions[position.key]
        account.updated_ms[f"position:{position.key}"] = now
        account.liquidations.append(record)
        self.market.liquidations.append(
            MarketLiquidation(now, position.symbol, side, line.mark_price, abs(position.quantity))
        )
        return record

    def _cover_debt(self, wallet: str, settle: str) -> None:
        rates = {line.asset: line.rate for line in self.report.assets}
        for name in (wallet, *(other for other in self.group.wallets if other != wallet)):
            for asset in sorted(self.account.wallet(name)):
                if self._owed(wallet, settle) <= ZERO:
                    return
                held = self.account.held(name, asset)
                if held > ZERO and rates.get(asset, ZERO) > ZERO and (name, asset) != (wallet, settle):
                    self._exchange(name, asset, wallet, settle, rates[asset] / rates[settle])
        owed = self._owed(wallet, settle)
        if owed > ZERO:
            self._book(IncomeKind.BANKRUPTCY, settle, owed, wallet)

    def _owed(self, wallet: str, settle: str) -> Decimal:
        return -self.account.held(wallet, settle)

    def _exchange(self, name: str, asset: str, wallet: str, settle: str, price: Decimal) -> None:
        owed = self._owed(wallet, settle)
        sold = min(self.account.held(name, asset), up(owed / price))
        bought = min(owed, down(sold * price))
        self._book(IncomeKind.EXCHANGE, asset, -sold, name, info=settle)
        self._book(IncomeKind.EXCHANGE, settle, bought, wallet, info=asset)

    def _book(
        self, kind: IncomeKind, asset: str, amount: Decimal, wallet: str, *, symbol: str = "", info: str = ""
    ) -> None:
        self.account.book(Income(self.new_id(), self.now_ms, kind, asset, amount, wallet, symbol, info))
