"""The venue's exact state as JSON, for scenarios and tests to compare with what a client believes."""

from __future__ import annotations

from emulator.venues.accounts import Account
from emulator.venues.deposits import DepositRecord
from emulator.venues.exact import ZERO, plain
from emulator.venues.margin import MarginReport
from emulator.venues.requests_log import LoggedRequest
from emulator.venues.venue import Venue
from emulator.venues.wire import Json
from emulator.venues.withdrawals import Withdrawal


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
    """Wallets, margin, and every record that explains them."""
    return {
        "name": account.name,
        "uid": account.uid,
        "spot": {asset: plain(amount) for asset, amount in account.spot.items()},
        "futures": {asset: plain(amount) for asset, amount in account.futures.items()},
        "withdrawing": {asset: plain(amount) for asset, amount in account.withdrawing.items()},
        "margin": _margin(venue.report(account)),
        "positions": [
            {
                "symbol": position.symbol,
                "quantity": plain(position.quantity),
                "entry_price": plain(position.entry_price),
                "leverage": position.leverage,
            }
            for position in account.open_positions()
        ],
        "incomes": [
            {
                "kind": row.kind,
                "asset": row.asset,
                "amount": plain(row.amount),
                "symbol": row.symbol,
                "info": row.info,
                "time_ms": row.time_ms,
            }
            for row in account.incomes
        ],
        "transfers": [
            {"tran_id": row.tran_id, "kind": row.kind, "asset": row.asset, "amount": plain(row.amount)}
            for row in account.transfers
        ],
        "liquidations": [
            {
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
            for row in account.liquidations
        ],
        "withdrawals": [_withdrawal(row) for row in venue.withdrawals.records if row.uid == account.uid],
        "deposits": [_deposit(row) for row in venue.deposits.of(account.uid)],
        "deposit_addresses": {
            f"{coin}:{network}": address for (coin, network), address in account.deposit_addresses.items()
        },
    }


def _margin(report: MarginReport) -> Json:
    return {
        "equity": plain(report.equity),
        "margin_balance": plain(report.margin_balance),
        "wallet_balance": plain(report.wallet_balance),
        "unrealised": plain(report.unrealised),
        "initial_margin": plain(report.initial_margin),
        "maintenance_margin": plain(report.maintenance_margin),
        "available": plain(report.available),
        "max_withdraw": {line.asset: plain(line.max_withdraw) for line in report.assets},
        "liquidation_prices": {
            line.position.symbol: None if line.liquidation_price is None else plain(line.liquidation_price)
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
        "gross": plain(row.gross),
        "fee": plain(row.fee),
        "amount": plain(row.amount),
        "status": int(row.status),
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
        "tx_id": row.tx_id,
        "vout": row.vout,
        "amount": plain(row.amount),
        "status": int(row.status),
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
