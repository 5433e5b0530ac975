"""Answers of the exchanges that are only read, made by hand: whole accounts that agree with themselves.

Each `Case` knows how its answers are read, which of their fields nobody reads, and which numbers of the
account are a field's own text.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vault.model import MarginAccount
from vault.venues.common.reading import ReadingContext
from vault.venues.hyperliquid import margin as hyperliquid_margin
from vault.venues.read_only import (
    bitget_margin,
    coinbase,
    dydx,
    gate_margin,
    kucoin_margin,
)

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
CONTEXT = ReadingContext("account", "42", NOW, NOW, 0)
ADDRESS = "dydx1" + "q" * 38

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Case:
    """`exact`: places whose text is a number of the account, by its attribute. `unread`: fields by their
    name, or by their object's name and theirs."""

    name: str
    answers: dict[str, Any]
    read: Callable[[dict[str, Any]], MarginAccount]
    exact: dict[Path, str]
    unread: frozenset[str] = field(default_factory=frozenset)
    usable: bool = True

    def fresh(self) -> dict[str, Any]:
        return deepcopy(self.answers)

    def account(self) -> MarginAccount:
        return self.read(self.fresh())


def bitget(data: Any) -> dict[str, Any]:
    return {"code": "00000", "msg": "success", "requestTime": MS, "data": data}


def kucoin(data: Any) -> dict[str, Any]:
    return {"code": "200000", "data": data}


BITGET_CLASSIC = Case(
    "bitget classic",
    {
        "account": bitget(
            [
                {
                    "marginCoin": "USDT", "locked": "0", "available": "2000", "maxTransferOut": "1900.5",
                    "accountEquity": "12000", "usdtEquity": "12000", "crossedRiskRate": "0.0255",
                    "unrealizedPL": "2000", "assetMode": "single",
                }
            ]
        ),
        "positions": bitget(
            [
                {
                    "marginCoin": "USDT", "symbol": "BTCUSDT", "holdSide": "long", "marginSize": "5000",
                    "total": "1", "leverage": "10", "openPriceAvg": "50000", "marginMode": "crossed",
                    "unrealizedPL": "1000", "liquidationPrice": "0", "keepMarginRate": "0.004",
                    "markPrice": "51000",
                },
                {
                    "marginCoin": "USDT", "symbol": "ETHUSDT", "holdSide": "short", "marginSize": "3000",
                    "total": "10", "leverage": "10", "openPriceAvg": "3000", "marginMode": "isolated",
                    "unrealizedPL": "1000", "liquidationPrice": "3280.5", "keepMarginRate": "0.005",
                    "markPrice": "2900",
                },
            ]
        ),
        "tiers": {
            "BTCUSDT": bitget(
                [
                    {"symbol": "BTCUSDT", "level": "1", "endUnit": "150000", "keepMarginRate": "0.004"},
                    {"symbol": "BTCUSDT", "level": "2", "endUnit": "900000", "keepMarginRate": "0.005"},
                ]
            ),
            "ETHUSDT": bitget([{"symbol": "ETHUSDT", "endUnit": "900000", "keepMarginRate": "0.005"}]),
        },
        "prices": [
            bitget([{"symbol": "BTCUSDT", "markPrice": "51001", "ts": str(MS - 500)}]),
            bitget([{"symbol": "ETHUSDT", "markPrice": "2900.5", "ts": str(MS - 400)}]),
        ],
    },
    lambda a: bitget_margin.classic_account(
        bitget_margin.Answers(
            a["account"], {"USDT-FUTURES": a["positions"]}, a["tiers"], tuple(a["prices"])
        ),
        CONTEXT,
    ),
    {
        ("account", "data", 0, "accountEquity"): "equity",
        ("account", "data", 0, "maxTransferOut"): "available_to_withdraw",
        ("account", "data", 0, "locked"): "open_order_margin",
    },
    # Of these either another field says the same, or an absence is what the plain kind of account has.
    frozenset({"msg", "requestTime", "ts", "level", "available", "usdtEquity", "symbol"}),
)  # fmt: skip

BITGET_UNIFIED = Case(
    "bitget unified",
    {
        "account": bitget(
            {
                "accountEquity": "62000", "usdtEquity": "62000", "unrealisedPnl": "1000",
                "effEquity": "59450", "mmr": "204", "imr": "5100", "mgnRatio": "0.0034",
                "assets": [
                    {"coin": "USDT", "equity": "11000", "usdValue": "11000", "balance": "10000", "debt": "0"},
                    {"coin": "BTC", "equity": "1", "usdValue": "51000", "balance": "1", "debt": "0"},
                ],
            }
        ),
        "positions": bitget(
            {
                "list": [
                    {
                        "category": "USDT-FUTURES", "symbol": "BTCUSDT", "marginCoin": "USDT",
                        "posSide": "long", "marginMode": "crossed", "positionBalance": "5000", "total": "1",
                        "leverage": "10", "avgPrice": "50000", "unrealisedPnl": "1000",
                        "liquidationPrice": "0", "mmr": "0.004", "markPrice": "51000",
                    }
                ]
            }
        ),
        "tiers": {
            "BTCUSDT": bitget(
                [
                    {"tier": "1", "maxTierValue": "150000", "mmr": "0.004"},
                    {"tier": "2", "maxTierValue": "900000", "mmr": "0.005"},
                ]
            )
        },
        "prices": [bitget([{"symbol": "BTCUSDT", "markPrice": "51001", "ts": str(MS - 500)}])],
        "limits": [
            bitget({"coin": "USDT", "maxTransfer": "2000", "borrowMaxTransfer": "9000"}),
            bitget({"coin": "BTC", "maxTransfer": "0.5", "borrowMaxTransfer": "1"}),
        ],
        "discounts": bitget(
            [
                {"coin": "USDT", "list": [{"tierStartValue": "0", "discountRate": "1"}]},
                {
                    "coin": "BTC",
                    "list": [
                        {"tierStartValue": "0", "discountRate": "0.95"},
                        {"tierStartValue": "102000", "discountRate": "0.9"},
                    ],
                },
            ]
        ),
    },
    lambda a: bitget_margin.unified_account(
        bitget_margin.Answers(
            a["account"],
            {"USDT-FUTURES": a["positions"]},
            a["tiers"],
            tuple(a["prices"]),
            a["discounts"],
            tuple(a["limits"]),
        ),
        CONTEXT,
    ),
    {
        ("account", "data", "effEquity"): "equity",
        ("account", "data", "mmr"): "maintenance_margin",
        ("account", "data", "imr"): "initial_margin",
    },
    frozenset({"msg", "requestTime", "ts", "tier", "usdtEquity", "category", "borrowMaxTransfer"}),
)  # fmt: skip


def gate_contract(name: str, kind: str, unit: str, mark: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "quanto_multiplier": unit, "mark_price": mark, "index_price": mark}


def gate_position(**changes: Any) -> dict[str, Any]:
    return {
        "contract": "BTC_USDT", "size": "10000", "value": "51000", "leverage": "0",
        "cross_leverage_limit": "10", "mode": "single", "entry_price": "50000", "mark_price": "51000",
        "maintenance_rate": "0.004", "unrealised_pnl": "1000", "margin": "0", "liq_price": "0",
        "initial_margin": "5100", "maintenance_margin": "204", "adl_ranking": "4",
        "pos_margin_mode": "cross", **changes,
    }  # fmt: skip


GATE_UNIFIED = Case(
    "gate unified",
    {
        "account": {
            "user_id": 42, "locked": False, "total": "62000",
            "balances": {
                "USDT": {"available": "5000", "borrowed": "0", "equity": "11000"},
                "BTC": {"available": "1", "borrowed": "0", "equity": "1"},
            },
            "total_initial_margin": "5100", "total_margin_balance": "59450",
            "total_maintenance_margin": "204", "total_maintenance_margin_rate": "291.42",
            "unified_account_total_equity": "62000", "total_available_margin": "54350",
        },
        "positions": [gate_position()],
        "contracts": [gate_contract("BTC_USDT", "direct", "0.0001", "51000")],
        "tiers": {
            "BTC_USDT": [
                {"tier": 1, "risk_limit": "500000", "maintenance_rate": "0.004", "deduction": "0"},
                {"tier": 2, "risk_limit": "900000", "maintenance_rate": "0.005", "deduction": "500"},
            ]
        },
        "limits": [{"currency": "USDT", "amount": "10000"}, {"currency": "BTC", "amount": "1"}],
        "discounts": [
            {
                "currency": "BTC",
                "discount_tiers": [
                    {"tier": "1", "discount": "0.95", "lower_limit": "0", "upper_limit": "2"},
                    {"tier": "2", "discount": "0.9", "lower_limit": "2", "upper_limit": "+"},
                ],
            },
            {
                "currency": "USDT",
                "discount_tiers": [{"tier": "1", "discount": "1", "lower_limit": "0", "upper_limit": "+"}],
            },
        ],
    },
    lambda a: gate_margin.unified_account(
        gate_margin.Answers(
            a["account"], {"usdt": a["positions"]}, {"usdt": a["contracts"]}, a["tiers"], a["limits"]
        ),
        "multi_currency",
        a["discounts"],
        CONTEXT,
    ),
    {
        ("account", "total_margin_balance"): "equity",
        ("account", "total_maintenance_margin"): "maintenance_margin",
        ("account", "total_initial_margin"): "initial_margin",
    },
    frozenset({"user_id", "locked", "total", "available", "mode", "tier", "margin", "pos_margin_mode",
               "maintenance_rate", "leverage"}),
)  # fmt: skip

GATE_CLASSIC = Case(
    "gate classic inverse",
    {
        "account": {
            "total": "2", "unrealised_pnl": "0.02", "position_margin": "0.1", "order_margin": "0",
            "available": "1.9", "bonus": "0", "currency": "BTC", "maintenance_margin": "0.005",
        },
        "positions": [
            gate_position(
                contract="BTC_USD", size=51000, value="1", unrealised_pnl="0.02", maintenance_margin="0.005",
                maintenance_rate="0.005", initial_margin="0.1", leverage="10", pos_margin_mode="isolated",
                margin="0.1",
            )
        ],
        "contracts": [gate_contract("BTC_USD", "inverse", "0", "51000")],
        "tiers": {
            "BTC_USD": [{"tier": 1, "risk_limit": "30", "maintenance_rate": "0.005", "deduction": "0"}]
        },
    },
    lambda a: gate_margin.classic_account(
        gate_margin.Answers(a["account"], {"btc": a["positions"]}, {"btc": a["contracts"]}, a["tiers"]),
        CONTEXT,
    ),
    {},
    frozenset({"mode", "quanto_multiplier", "tier", "cross_leverage_limit", "maintenance_rate", "deduction",
               "pos_margin_mode"}),
)  # fmt: skip


def kucoin_contract(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "XBTUSDTM", "baseCurrency": "XBT", "quoteCurrency": "USDT", "settleCurrency": "USDT",
        "isInverse": False, "multiplier": 0.001, "markPrice": 51000, "indexPrice": 51000, **changes,
    }  # fmt: skip


KUCOIN_CLASSIC = Case(
    "kucoin classic",
    {
        "account": kucoin(
            {
                "accountEquity": "12000", "unrealisedPNL": 2000, "marginBalance": "10000",
                "positionMargin": "8000", "orderMargin": "0", "availableMargin": "2000", "currency": "USDT",
                "riskRatio": "0.029", "maxWithdrawAmount": "1900.5",
            }
        ),
        "positions": kucoin(
            [
                {
                    "symbol": "XBTUSDTM", "crossMode": True, "maintMarginReq": "0.004",
                    "delevPercentage": "0.81", "currentTimestamp": MS - 200, "currentQty": 1000,
                    "markPrice": "51000", "markValue": "51000", "posInit": "5000",
                    "posMaint": "204", "unrealisedPnl": "1000", "avgEntryPrice": "50000",
                    "liquidationPrice": "0", "settleCurrency": "USDT", "marginMode": "CROSS", "leverage": 10,
                },
                {
                    "symbol": "ETHUSDTM", "crossMode": False, "maintMarginReq": "0.005",
                    "delevPercentage": "0", "currentTimestamp": MS - 300, "currentQty": -1000,
                    "markPrice": "2900", "markValue": "-29000", "posInit": "3000", "posMargin": "3000",
                    "posMaint": "145", "unrealisedPnl": "1000", "avgEntryPrice": "3000",
                    "liquidationPrice": "3280.5", "settleCurrency": "USDT", "marginMode": "ISOLATED",
                    "leverage": 10,
                },
            ]
        ),
        "contracts": kucoin(
            [
                kucoin_contract(multiplier="0.001"),
                kucoin_contract(
                    symbol="ETHUSDTM", baseCurrency="ETH", multiplier="0.01", markPrice="2900.5",
                    indexPrice="2900",
                ),
            ]
        ),
        "tiers": {
            "ETHUSDTM": kucoin(
                [{"symbol": "ETHUSDTM", "level": 1, "maxRiskLimit": 300000, "maintainMargin": "0.005"}]
            )
        },
    },
    lambda a: kucoin_margin.classic_account(
        kucoin_margin.Answers(a["account"], a["positions"], a["contracts"], a["tiers"]), CONTEXT
    ),
    {
        ("account", "data", "accountEquity"): "equity",
        ("account", "data", "marginBalance"): "balance",
        ("account", "data", "maxWithdrawAmount"): "available_to_withdraw",
        ("account", "data", "orderMargin"): "open_order_margin",
    },
    frozenset({"unrealisedPNL", "unrealisedPnl", "availableMargin", "level", "indexPrice", "quoteCurrency",
               "crossMode", "marginMode", "settleCurrency", "maintMarginReq"}),
)  # fmt: skip

KUCOIN_UNIFIED = Case(
    "kucoin unified",
    {
        "account": kucoin(
            {
                "equity": "62000", "liability": "0", "availableMargin": "50000", "adjustedEquity": "59450",
                "im": "5100", "mm": "204", "riskRatio": "0.0034",
            }
        ),
        "positions": kucoin(
            [
                {
                    "symbol": "XBTUSDTM", "marginMode": "CROSS", "size": "1000", "entryPrice": "50000",
                    "positionValue": "51000", "markPrice": "51000", "leverage": "10",
                    "unrealizedPnL": "1000", "initialMargin": "5100", "mmr": "0.004",
                    "maintenanceMargin": "204",
                }
            ]
        ),
        "contracts": kucoin([kucoin_contract(multiplier="0.001")]),
        "balances": kucoin(
            {
                "accountType": "UNIFIED",
                "ts": MS - 100,
                "accounts": [
                    {
                        "currencies": [
                            {"currency": "USDT", "equity": "11000", "balance": "10000", "liability": "0"},
                            {"currency": "BTC", "equity": "1", "balance": "1", "liability": "0"},
                        ]
                    }
                ],
            }
        ),
        "discounts": kucoin(
            [
                {"currency": "USDT", "cdrConfigs": [{"tier": 1, "cdr": "1"}]},
                {"currency": "BTC", "cdrConfigs": [{"tier": 1, "cdr": "0.95"}]},
            ]
        ),
    },
    lambda a: kucoin_margin.unified_account(
        kucoin_margin.Answers(a["account"], a["positions"], a["contracts"], {}),
        a["balances"],
        a["discounts"],
        CONTEXT,
    ),
    {
        ("account", "data", "adjustedEquity"): "equity",
        ("account", "data", "mm"): "maintenance_margin",
        ("account", "data", "im"): "initial_margin",
    },
    frozenset({"currencies/equity", "data/liability", "availableMargin", "accountType", "tier",
               "quoteCurrency", "settleCurrency"}),
)  # fmt: skip

HYPERLIQUID_MARKET = [
    {
        "universe": [
            {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
            {"name": "ETH", "szDecimals": 4, "maxLeverage": 25, "marginTableId": 25},
        ],
        "marginTables": [
            [
                56,
                {
                    "description": "tiered 40x",
                    "marginTiers": [
                        {"lowerBound": "0.0", "maxLeverage": 40},
                        {"lowerBound": "150000000.0", "maxLeverage": 20},
                    ],
                },
            ]
        ],
        "collateralToken": 0,
    },
    [{"markPx": "51001.0", "oraclePx": "51000.0"}, {"markPx": "2900.0", "oraclePx": "2900.0"}],
]
HYPERLIQUID_STATE = {
    "marginSummary": {"accountValue": "12000.0"},
    "crossMarginSummary": {"accountValue": "8000.0", "totalMarginUsed": "5100.0"},
    "crossMaintenanceMarginUsed": "637.5",
    "withdrawable": "2900.0",
    "assetPositions": [
        {
            "type": "oneWay",
            "position": {
                "coin": "BTC", "szi": "1.0", "leverage": {"type": "cross", "value": 10},
                "entryPx": "50000.0", "positionValue": "51000.0", "unrealizedPnl": "1000.0",
                "liquidationPx": None, "marginUsed": "5100.0", "maxLeverage": 40,
            },
        },
        {
            "type": "oneWay",
            "position": {
                "coin": "ETH", "szi": "-10.0",
                "leverage": {"type": "isolated", "value": 10, "rawUsd": "33000.0"}, "entryPx": "3000.0",
                "positionValue": "29000.0", "unrealizedPnl": "1000.0", "liquidationPx": "3235.29",
                "marginUsed": "4000.0", "maxLeverage": 25,
            },
        },
    ],
    "time": MS - 700,
}  # fmt: skip
_HYPERLIQUID_UNREAD = frozenset(
    {"szDecimals", "description", "oraclePx", "type", "rawUsd", "maxLeverage", "marginTableId", "markPx"}
)

HYPERLIQUID_STANDARD = Case(
    "hyperliquid standard",
    {"state": HYPERLIQUID_STATE, "market": HYPERLIQUID_MARKET},
    lambda a: hyperliquid_margin.standard_account(
        hyperliquid_margin.Dex("", a["state"], a["market"]), CONTEXT
    ),
    {
        ("state", "crossMarginSummary", "accountValue"): "equity",
        ("state", "crossMarginSummary", "totalMarginUsed"): "initial_margin",
        ("state", "crossMaintenanceMarginUsed"): "maintenance_margin",
        ("state", "withdrawable"): "available_to_withdraw",
    },
    _HYPERLIQUID_UNREAD,
)

HYPERLIQUID_UNIFIED = Case(
    "hyperliquid unified",
    {
        "state": HYPERLIQUID_STATE,
        "market": HYPERLIQUID_MARKET,
        "spot": {
            "balances": [
                {"coin": "USDC", "token": 0, "total": "12000.0", "hold": "9100.0", "entryNtl": "0.0"},
            ]
        },
    },
    lambda a: hyperliquid_margin.unified_account(
        (hyperliquid_margin.Dex("", a["state"], a["market"]),), a["spot"], (), CONTEXT
    ),
    {},
    # In this mode a single exchange's own sums mean nothing.
    _HYPERLIQUID_UNREAD | {"withdrawable", "entryNtl", "marginSummary"},
)


def dydx_position(market: str, side: str, size: str, entry: str) -> dict[str, Any]:
    return {
        "market": market, "status": "OPEN", "side": side, "size": size, "entryPrice": entry,
        "unrealizedPnl": "1000", "subaccountNumber": 0,
    }  # fmt: skip


DYDX = Case(
    "dydx",
    {
        "subaccounts": {
            "subaccounts": [
                {
                    "address": ADDRESS, "subaccountNumber": 0, "equity": "12000", "freeCollateral": "9000.5",
                    "openPerpetualPositions": {
                        "BTC-USD": dydx_position("BTC-USD", "LONG", "1", "50000"),
                        "ETH-USD": dydx_position("ETH-USD", "SHORT", "-10", "3000"),
                    },
                    "assetPositions": {"USDC": {"size": "10000", "symbol": "USDC", "side": "SHORT"}},
                    "marginEnabled": True,
                }
            ],
            "totalTradingRewards": "0",
        },
        "markets": {
            "markets": {
                "BTC-USD": {
                    "ticker": "BTC-USD", "oraclePrice": "51000", "maintenanceMarginFraction": "0.012",
                    "initialMarginFraction": "0.02",
                },
                "ETH-USD": {
                    "ticker": "ETH-USD", "oraclePrice": "2900", "maintenanceMarginFraction": "0.03",
                    "initialMarginFraction": "0.05",
                },
            }
        },
        "height": {"height": "45293477", "time": "2026-01-31T04:59:59.250Z"},
    },
    lambda a: dydx.subaccount(
        dydx.Answers(ADDRESS, 0, a["subaccounts"], a["markets"], a["height"]), CONTEXT
    ),
    {
        ("subaccounts", "subaccounts", 0, "equity"): "equity",
        ("subaccounts", "subaccounts", 0, "freeCollateral"): "available_to_withdraw",
    },
    frozenset({"status", "unrealizedPnl", "totalTradingRewards", "initialMarginFraction", "marginEnabled",
               "symbol", "BTC-USD/subaccountNumber", "ETH-USD/subaccountNumber", "height/height"}),
)  # fmt: skip


def usd(value: str) -> dict[str, str]:
    return {"value": value, "currency": "USD"}


COINBASE = Case(
    "coinbase",
    {
        "summary": {
            "balance_summary": {
                "futures_buying_power": usd("5900"), "total_usd_balance": usd("10000"),
                "cfm_usd_balance": usd("4000"), "total_open_orders_hold_amount": usd("0"),
                "unrealized_pnl": usd("1000"), "initial_margin": usd("5100"),
                "available_margin": usd("11000"), "liquidation_threshold": usd("2550"),
                "intraday_margin_window_measure": {
                    "initial_margin": "2550", "maintenance_margin": "2500", "total_hold": "0"
                },
                "overnight_margin_window_measure": {
                    "initial_margin": "5610", "maintenance_margin": "5100", "total_hold": "0"
                },
            }
        },
        "positions": {
            "positions": [
                {
                    "product_id": "BIT-27FEB26-CDE", "side": "LONG", "number_of_contracts": "100",
                    "current_price": "51000", "avg_entry_price": "50000", "unrealized_pnl": "1000",
                }
            ]
        },
        "products": {
            "BIT-27FEB26-CDE": {
                "product_id": "BIT-27FEB26-CDE",
                "future_product_details": {"contract_size": "0.01", "contract_root_unit": "BTC"},
            }
        },
    },
    lambda a: coinbase.futures_account(
        coinbase.Answers(a["summary"], a["positions"], a["products"]), CONTEXT
    ),
    {
        ("summary", "balance_summary", "available_margin", "value"): "equity",
        ("summary", "balance_summary", "total_open_orders_hold_amount", "value"): "open_order_margin",
    },
    frozenset({"futures_buying_power", "total_usd_balance", "cfm_usd_balance", "liquidation_threshold",
               "total_hold", "balance_summary/initial_margin", "positions/unrealized_pnl"}),
    usable=False,
)  # fmt: skip

CASES = (
    BITGET_CLASSIC, BITGET_UNIFIED, GATE_UNIFIED, GATE_CLASSIC, KUCOIN_CLASSIC, KUCOIN_UNIFIED,
    HYPERLIQUID_STANDARD, HYPERLIQUID_UNIFIED, DYDX, COINBASE,
)  # fmt: skip
