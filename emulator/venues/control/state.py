"""The venue's exact state as JSON, for scenarios and tests to compare with what a client believes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from emulator.venues.engine.accounts import Account, Income, Liquidation, Transfer
from emulator.venues.engine.deposits import DepositRecord
from emulator.venues.engine.exact import ZERO, plain
from emulator.venues.engine.margin import MarginReport
from emulator.venues.engine.positions import Position
from emulator.venues.engine.venue import Venue
from emulator.venues.engine.withdrawals import Withdrawal
from emulator.venues.serving.requests_log import LoggedRequest
from emulator.venues.serving.wire import Json


def venue_state(venue: Venue) -> dict[str, Json]:
    desk = venue.withdrawals
    return {
        "ticks": venue.ticks,
        "now_ms": venue.clock.now_ms(),
        "paid_out": {coin: plain(amount) for coin, amount in desk.paid_out.items()},
        "withdrawal_fees": {coin: plain(amount) for coin, amount in desk.fees.items()},
        "withdrawal_count": len(desk.records),
        "pump_errors": list(venue.pump_errors),
    }


def account_state(venue: Venue, account: Account) -> Json:
    """Wallets, margin by group, and every record that explains them."""
    margins = {name: _margin(report) for name, report in venue.reports(account).items()}
    return {
        "name": account.name,
        "uid": account.uid,
        "mode": account.mode,
        "held_until_ms": account.held_until_ms,
        "wallets": {name: _amounts(wallet) for name, wallet in account.wallets.items()},
        "withdrawing": _amounts(account.withdrawing),
        "margin": next(iter(margins.values())),
        "margins": margins,
        "positions": [_position(position) for position in account.open_positions()],
        "incomes": [_income(row) for row in account.incomes],
        "transfers": [_transfer(row) for row in account.transfers],
        "liquidations": [_liquidation(row) for row in account.liquidations],
        "withdrawals": [_withdrawal(row) for row in venue.withdrawals.records if row.uid == account.uid],
        "deposits": [_deposit(row) for row in venue.deposits.of(account.uid)],
        "deposit_addresses": {
            f"{coin}:{network}": place.address for (coin, network), place in account.deposit_addresses.items()
        },
    }


def _amounts(amounts: Mapping[str, Decimal]) -> Json:
    return {asset: plain(amount) for asset, amount in amounts.items()}


def _position(position: Position) -> Json:
    own = position.isolated_margin
    return {
        "symbol": position.symbol,
        "quantity": plain(position.quantity),
        "entry_price": plain(position.entry_price),
        "leverage": position.leverage,
        "settle": position.settle,
        "inverse": position.inverse,
        "isolated_margin": None if own is None else plain(own),
        "side": position.side,
    }


def _income(row: Income) -> Json:
    return {
        "kind": row.kind,
        "asset": row.asset,
        "amount": plain(row.amount),
        "wallet": row.wallet,
        "symbol": row.symbol,
        "info": row.info,
        "time_ms": row.time_ms,
    }


def _transfer(row: Transfer) -> Json:
    return {
        "tran_id": row.tran_id,
        "kind": row.kind,
        "source": row.source,
        "target": row.target,
        "asset": row.asset,
        "amount": plain(row.amount),
        "client_id": row.client_id,
    }


def _liquidation(row: Liquidation) -> Json:
    return {
        "symbol": row.symbol,
        "side": row.side,
        "quantity": plain(row.quantity),
        "price": plain(row.price),
        "realised": plain(row.realised),
        "fee": plain(row.fee),
        "margin_balance": plain(row.margin_balance),
        "maintenance_margin": plain(row.maintenance_margin),
        "time_ms": row.time_ms,
    }


def _margin(report: MarginReport) -> Json:
    return {
        "currency": report.currency,
        "equity": plain(report.equity),
        "margin_balance": plain(report.margin_balance),
        "wallet_balance": plain(report.wallet_balance),
        "unrealised": plain(report.unrealised),
        "initial_margin": plain(report.initial_margin),
        "maintenance_margin": plain(report.maintenance_margin),
        "available": plain(report.available),
        "max_withdraw": {line.asset: plain(line.max_withdraw) for line in report.assets},
        "liquidation_prices": {
            line.position.key: None if line.liquidation_price is None else plain(line.liquidation_price)
            for line in report.positions
        },
    }


def _withdrawal(row: Withdrawal) -> Json:
    return {
        "id": row.id,
        "client_id": row.client_id,
        "coin": row.coin,
        "network": row.network,
        "address": row.address,
        "tag": row.tag,
        "gross": plain(row.gross),
        "fee": plain(row.fee),
        "amount": plain(row.amount),
        "status": row.status,
        "tx_id": row.tx_id,
        "info": row.info,
        "apply_ms": row.apply_ms,
        "complete_ms": row.complete_ms,
        "confirmations": row.confirmations,
    }


def _deposit(row: DepositRecord) -> Json:
    return {
        "id": row.id,
        "coin": row.coin,
        "network": row.network,
        "address": row.address,
        "tag": row.tag,
        "tx_id": row.tx_id,
        "vout": row.vout,
        "amount": plain(row.amount),
        "status": row.status,
        "confirmations": row.confirmations,
        "credited": row.credited_ms is not None,
    }


def market_state(venue: Venue) -> Json:
    return {
        name: {
            "mark": plain(market.mark),
            "last": plain(market.last),
            "index": plain(market.index),
            "funding_rate": plain(market.funding_rate),
            "open_interest": plain(market.open_interest),
            "spot_volume": plain(market.spot_volume),
            "perp_volume": plain(market.perp_volume),
            "drawdown": plain(market.drawdown()),
            "depth_one_percent_now": plain(
                sum((level.quantity for level in market.order_book(100).bids), ZERO)
            ),
        }
        for name, market in venue.market.symbols.items()
    }


def liquidation_rows(venue: Venue) -> Json:
    """Forced orders anywhere in the market, oldest first."""
    return [
        {
            "time_ms": row.time_ms,
            "symbol": row.symbol,
            "side": row.side,
            "price": plain(row.price),
            "quantity": plain(row.quantity),
        }
        for row in venue.market.liquidations
    ]


def request_row(row: LoggedRequest) -> Json:
    return {
        "method": row.method,
        "path": row.path,
        "query": row.query,
        "body": row.body,
        "api_key": row.api_key,
        "status": row.status,
        "code": row.code,
        "fault": row.fault,
    }
