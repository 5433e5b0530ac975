"""Hand-made Deribit answers whose numbers agree with each other, and the account that is read from them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from vault.model import MarginAccount
from vault.venues.common.reading import ReadingContext
from vault.venues.deribit.margin import AccountAnswers, margin_account

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
MICROSECONDS = 1_788_264_000_000_000  # NOW
CONTEXT = ReadingContext("main", "57101", NOW + timedelta(seconds=1), NOW + timedelta(seconds=2), 0)
BTC_PRICE = Decimal(100_000)


def envelope(result: Any, at: int = MICROSECONDS) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": result, "usIn": at, "usOut": at + 200, "usDiff": 200, "testnet": True}


def summary(currency: str, model: str = "segregated_sm", **fields: Any) -> dict[str, Any]:
    names = (
        "balance", "equity", "margin_balance", "initial_margin", "maintenance_margin", "available_funds",
        "available_withdrawal_funds", "session_upl", "session_rpl", "futures_session_upl",
        "futures_session_rpl", "options_value", "fee_balance",
    )  # fmt: skip
    return {"currency": currency, "margin_model": model, **dict.fromkeys(names, Decimal(0)), **fields}


def instrument(symbol: str, base: str, settle: str) -> dict[str, Any]:
    inverse = base == settle
    return envelope(
        {
            "instrument_name": symbol,
            "kind": "future",
            "instrument_type": "reversed" if inverse else "linear",
            "base_currency": base,
            "quote_currency": "USD" if inverse else settle,
            "counter_currency": "USD" if inverse else settle,
            "settlement_currency": settle,
            "max_leverage": 50,
        }
    )


INSTRUMENTS = {
    "BTC-PERPETUAL": instrument("BTC-PERPETUAL", "BTC", "BTC"),
    "ETH-PERPETUAL": instrument("ETH-PERPETUAL", "ETH", "ETH"),
    "BTC_USDC-PERPETUAL": instrument("BTC_USDC-PERPETUAL", "BTC", "USDC"),
    "SOL_USDC-PERPETUAL": instrument("SOL_USDC-PERPETUAL", "SOL", "USDC"),
    "ADA_USDC-PERPETUAL": instrument("ADA_USDC-PERPETUAL", "ADA", "USDC"),
}

# 50,000 USD long from 80,000, marked at 100,000: 0.5 BTC, of which 0.125 BTC are profit.
INVERSE = {
    "instrument_name": "BTC-PERPETUAL", "kind": "future", "direction": "buy", "size": Decimal(50_000),
    "size_currency": Decimal("0.5"), "average_price": Decimal(80_000), "mark_price": BTC_PRICE,
    "index_price": BTC_PRICE, "settlement_price": Decimal(0), "initial_margin": Decimal("0.0100125"),
    "maintenance_margin": Decimal("0.0050125"), "open_orders_margin": Decimal("0.001"), "leverage": 50,
    "floating_profit_loss": Decimal("0.125"), "total_profit_loss": Decimal("0.125"),
    "estimated_liquidation_price": Decimal("22446.63"),
}  # fmt: skip
# 25 BTC short from 101,000.
LINEAR = {
    "instrument_name": "BTC_USDC-PERPETUAL", "kind": "future", "direction": "sell",
    "size": Decimal(-2_500_000), "size_currency": Decimal(-25), "average_price": Decimal(101_000),
    "mark_price": BTC_PRICE, "index_price": BTC_PRICE, "settlement_price": Decimal(0),
    "initial_margin": Decimal(53_125), "maintenance_margin": Decimal(28_125),
    "open_orders_margin": Decimal(0), "leverage": 50, "floating_profit_loss": Decimal(25_000),
    "total_profit_loss": Decimal(25_000), "estimated_liquidation_price": None,
}  # fmt: skip

BTC_SUMMARY = summary(
    "BTC",
    balance=Decimal("1.5"),
    equity=Decimal("1.625"),
    margin_balance=Decimal("1.625"),
    initial_margin=Decimal("0.0110125"),
    maintenance_margin=Decimal("0.0050125"),
    available_withdrawal_funds=Decimal("1.5"),
    session_upl=Decimal("0.125"),
    futures_session_upl=Decimal("0.125"),
)
USDC_SUMMARY = summary(
    "USDC",
    balance=Decimal(200_000),
    equity=Decimal(225_000),
    margin_balance=Decimal(225_000),
    initial_margin=Decimal(53_125),
    maintenance_margin=Decimal(28_125),
    available_withdrawal_funds=Decimal("171875"),
    session_upl=Decimal(25_000),
    futures_session_upl=Decimal(25_000),
)
CURRENCIES = envelope(
    [
        {
            "currency": name, "network_currency": chain, "withdrawal_fee": fee, "min_withdrawal_fee": least,
            "min_confirmations": 1, "withdrawal_priorities": [], "in_cross_collateral_pool": name != "XRP",
        }
        for name, chain, fee, least in (
            ("BTC", "BTC", Decimal("0.00001229"), Decimal("0.00001")),
            ("ETH", "ETH", Decimal("0.001"), Decimal("0.001")),
            ("USDC", "ETH", Decimal("5.0"), Decimal("5.0")),
            ("XRP", "XRP", Decimal("0.0001"), Decimal("0.0001")),
        )
    ]
)  # fmt: skip


def index(price: str, at: int = MICROSECONDS) -> dict[str, Any]:
    return envelope({"index_price": Decimal(price), "estimated_delivery_price": Decimal(price)}, at)


INDEXES = {"BTC": index("100000"), "USDC": index("1"), "ETH": index("4000")}


def answers(lines: list[dict[str, Any]], held: list[dict[str, Any]], **changes: Any) -> AccountAnswers:
    named = [INSTRUMENTS[line["instrument_name"]] for line in held if line["instrument_name"] in INSTRUMENTS]
    given: dict[str, Any] = {
        "summaries": envelope({"id": 57101, "summaries": lines}),
        "positions": envelope(held),
        "instruments": tuple(named),
        "indexes": INDEXES,
        "currencies": CURRENCIES,
    }
    return AccountAnswers(**copy.deepcopy({**given, **changes}))


def segregated(**changes: Any) -> AccountAnswers:
    """A BTC and a USDC margin account, each with one position."""
    return answers([BTC_SUMMARY, USDC_SUMMARY, summary("ETH")], [INVERSE, LINEAR], **changes)


def cross(**changes: Any) -> AccountAnswers:
    """The same under cross collateral: 162,500 + 225,000 USD, and the margins of both in USD."""
    totals = {
        "total_equity_usd": Decimal("387500"),
        "total_margin_balance_usd": Decimal("387500"),
        "total_initial_margin_usd": Decimal("54226.25"),
        "total_maintenance_margin_usd": Decimal("28626.25"),
    }
    lines = []
    for line, price in ((BTC_SUMMARY, BTC_PRICE), (USDC_SUMMARY, Decimal(1))):
        whole = {
            "margin_balance": totals["total_margin_balance_usd"] / price,
            "initial_margin": totals["total_initial_margin_usd"] / price,
            "maintenance_margin": totals["total_maintenance_margin_usd"] / price,
        }
        lines.append({**line, **whole, **totals, "margin_model": "cross_sm"})
    held = []
    for position in (INVERSE, LINEAR):
        line = dict(position)
        del line["estimated_liquidation_price"]
        held.append(line)
    return answers([*lines, summary("ETH", "cross_sm", **totals)], held, **changes)


def read(given: AccountAnswers, currency: str = "") -> MarginAccount:
    return margin_account(given, CONTEXT, currency)
