"""Hand-made answers of a Bybit unified account whose numbers agree with each other."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from vault.venues.bybit.margin import AccountAnswers
from vault.venues.bybit.positions import PositionPage
from vault.venues.common.reading import ReadingContext

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
TIME = 1788264000000  # NOW in milliseconds
CONTEXT = ReadingContext("main", "533285", NOW, NOW + timedelta(seconds=1), 0)


def envelope(result: Any, time: int = TIME) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": time}


def coin(asset: str, **fields: Any) -> dict[str, Any]:
    return {
        "coin": asset,
        "equity": "0",
        "usdValue": "0",
        "walletBalance": "0",
        "spotBorrow": "0",
        "borrowAmount": "0",
        "locked": "0",
        "unrealisedPnl": "0",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "totalPositionMM": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
        "availableToWithdraw": "",
        **fields,
    }


# 1 BTC (95 % counts) at 20,100 and 5,000 USDT; long 1 BTCUSDT from 20,000 at 50x, mark 20,100.
WALLET = envelope(
    {
        "list": [
            {
                "accountType": "UNIFIED",
                "totalEquity": "25200",
                "totalWalletBalance": "24095",
                "totalMarginBalance": "24195",
                "totalAvailableBalance": "23772.2",
                "totalInitialMargin": "422.8",
                "totalMaintenanceMargin": "111.3",
                "accountIMRate": "0.0175",
                "accountMMRate": "0.0046",
                "totalPerpUPL": "100",
                "coin": [
                    coin("BTC", equity="1", walletBalance="1", usdValue="20100"),
                    coin(
                        "USDT",
                        equity="5100",
                        walletBalance="5000",
                        usdValue="5100",
                        unrealisedPnl="100",
                        totalOrderIM="10",
                        totalPositionIM="412.8",
                        totalPositionMM="111.3",
                        locked="3",
                    ),
                ],
            }
        ]
    }
)
INFO = envelope({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 6, "updatedTime": "1"})
POSITION = {
    "symbol": "BTCUSDT",
    "positionIdx": 0,
    "side": "Buy",
    "size": "1",
    "avgPrice": "20000",
    "markPrice": "20100",
    "positionValue": "20100",
    "leverage": "50",
    "liqPrice": "15300.5",
    "positionIM": "412.8",
    "positionMM": "111.3",
    "adlRankIndicator": 2,
    "positionStatus": "Normal",
    "positionBalance": "",
    "updatedTime": "1788260000000",
}
POSITIONS = envelope({"category": "linear", "list": [POSITION], "nextPageCursor": ""})
RISK_LIMIT = envelope(
    {
        "category": "linear",
        "list": [
            {
                "id": 1,
                "symbol": "BTCUSDT",
                "riskLimitValue": "2000000",
                "maintenanceMargin": "0.005",
                "initialMargin": "0.01",
                "isLowestRisk": 1,
                "maxLeverage": "100.00",
                "mmDeduction": "",
            },
            {
                "id": 2,
                "symbol": "BTCUSDT",
                "riskLimitValue": "4000000",
                "maintenanceMargin": "0.01",
                "initialMargin": "0.015",
                "isLowestRisk": 0,
                "maxLeverage": "66.67",
                "mmDeduction": "10000",
            },
        ],
    }
)
TICKER = envelope(
    {"category": "linear", "list": [{"symbol": "BTCUSDT", "markPrice": "20100", "indexPrice": "20100"}]}
)
TIERS = envelope(
    {
        "list": [
            {
                "currency": "BTC",
                "collateralRatioList": [
                    {"minQty": "0", "maxQty": "10", "collateralRatio": "0.95"},
                    {"minQty": "10", "maxQty": "", "collateralRatio": "0.9"},
                ],
            },
            {
                "currency": "USDT",
                "collateralRatioList": [{"minQty": "0", "maxQty": "", "collateralRatio": "1"}],
            },
        ]
    }
)
TRANSFERABLE = envelope(
    {"availableWithdrawal": "1", "availableWithdrawalMap": {"BTC": "1", "USDT": "4677.2"}}
)


def answers() -> AccountAnswers:
    """A fresh copy: tests cut fields out of it."""
    return AccountAnswers(
        wallet=copy.deepcopy(WALLET),
        info=copy.deepcopy(INFO),
        positions=(
            PositionPage("linear", "USDT", copy.deepcopy(POSITIONS)),
            PositionPage("linear", "USDC", envelope({"category": "linear", "list": []})),
            PositionPage("inverse", "", envelope({"category": "inverse", "list": []})),
        ),
        risk_limits=(copy.deepcopy(RISK_LIMIT),),
        tickers=(("linear", copy.deepcopy(TICKER)),),
        collateral_tiers=copy.deepcopy(TIERS),
        transferable=(copy.deepcopy(TRANSFERABLE),),
    )


def with_positions(*lines: dict[str, Any], category: Any = "linear", settle: str = "USDT") -> AccountAnswers:
    page = PositionPage(category, settle, envelope({"category": category, "list": list(lines)}))
    return replace(answers(), positions=(page,))
