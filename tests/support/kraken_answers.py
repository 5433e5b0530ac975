"""Hand-made Kraken answers in the documented shapes, with numbers that add up."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from vault.venues.common.reading import ReadingContext
from vault.venues.kraken.margin import AccountAnswers

TIME = "2026-03-01T12:00:00.250Z"
NOW = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
CONTEXT = ReadingContext("desk", "AA00/f00", NOW, NOW, 3)

LINEAR = [
    {"numNonContractUnits": "0E-20", "initialMargin": "0.02", "maintenanceMargin": "0.01"},
    {"numNonContractUnits": "500000.00000000", "initialMargin": "0.04", "maintenanceMargin": "0.02"},
    {"numNonContractUnits": "2000000.00000000", "initialMargin": "0.1", "maintenanceMargin": "0.05"},
]
INVERSE = [
    {"contracts": 0, "initialMargin": "0.02", "maintenanceMargin": "0.01"},
    {"contracts": 500000, "initialMargin": "0.04", "maintenanceMargin": "0.02"},
]
RETAIL = [{"contracts": 0, "initialMargin": "0.5", "maintenanceMargin": "0.25"}]


def spot(result: Any) -> dict[str, Any]:
    return {"error": [], "result": result}


def futures(**parts: Any) -> dict[str, Any]:
    return {"result": "success", **parts, "serverTime": TIME}


def currency(quantity: str, value: str, collateral: str, available: str | None = None) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "value": value,
        "collateral": collateral,
        "available": quantity if available is None else available,
    }


def flex(**changes: Any) -> dict[str, Any]:
    """2.5 BTC at 60,000 and 3 % haircut, 20,000 USD, long 10 BTC from 59,000: 10,000 of profit."""
    return {
        "type": "multiCollateralMarginAccount",
        "currencies": {
            "XBT": currency("2.5", "150000", "145500", "2.4"),
            "USD": currency("20000", "20000", "20000"),
        },
        "initialMargin": "14000",
        "initialMarginWithOrders": "15000.5",
        "maintenanceMargin": "7000",
        "balanceValue": "170000",
        "portfolioValue": "180000.25",
        "collateralValue": "165500",
        "pnl": "10000",
        "unrealizedFunding": "0.25",
        "totalUnrealized": "10000.25",
        "totalUnrealizedAsMargin": "10000.25",
        "availableMargin": "160499.75",
        "marginEquity": "175500.25",
        **changes,
    }


def single(im: str = "0", mm: str = "0", **balances: str) -> dict[str, Any]:
    return {
        "type": "marginAccount",
        "currency": "xbt",
        "balances": {"xbt": "0", **balances},
        "auxiliary": {"usd": "0", "pv": "0", "pnl": "0", "af": "0", "funding": "0"},
        "marginRequirements": {"im": im, "mm": mm, "lt": "0", "tt": "0"},
        "triggerEstimates": {"im": "0", "mm": "0", "lt": "0", "tt": "0"},
    }


def accounts(flex_wallet: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    cash = {"type": "cashAccount", "balances": {"xbt": "0.5"}}
    return futures(accounts={"cash": cash, "flex": flex_wallet or flex(), **others})


def position(
    symbol: str = "PF_XBTUSD", size: str = "10", price: str = "59000", **more: Any
) -> dict[str, Any]:
    return {
        "side": "long",
        "symbol": symbol,
        "price": price,
        "fillTime": "2026-02-20T10:00:00.000Z",
        "size": size,
        "unrealizedFunding": "0.25",
        **more,
    }


def instrument(symbol: str = "PF_XBTUSD", **more: Any) -> dict[str, Any]:
    inverse = symbol.startswith(("PI", "FI"))
    levels = INVERSE if inverse else LINEAR
    return {
        "symbol": symbol,
        "type": "futures_inverse" if inverse else "flexible_futures",
        "contractSize": "1",
        "tradeable": True,
        "marginLevels": levels,
        "retailMarginLevels": RETAIL if inverse else levels,
        **more,
    }


def ticker(symbol: str = "PF_XBTUSD", mark: str = "60000", **more: Any) -> dict[str, Any]:
    told = {"symbol": symbol, "markPrice": mark, "lastTime": "2026-03-01T11:59:00.123456Z", **more}
    return futures(ticker=told)


def account_answers(**changes: Any) -> AccountAnswers:
    given: dict[str, Any] = {
        "accounts": accounts(),
        "positions": futures(openPositions=[position()]),
        "instruments": futures(instruments=[instrument(), {"symbol": "in_xbtusd", "type": "spot index"}]),
        "tickers": {"PF_XBTUSD": ticker()},
        "spot_positions": spot([]),
    }
    return AccountAnswers(**deepcopy({**given, **changes}))


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every field of every object in an answer."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*at, name)
            yield from paths(inner, (*at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*at, index))


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """The answer without one field."""
    cut = deepcopy(value)
    inner = cut
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return cut


# Spot


def ways() -> dict[str, Any]:
    return spot(
        [
            {"asset": "XXBT", "method": "Bitcoin", "network": "Bitcoin", "minimum": "0.0004"},
            {"asset": "XXBT", "method": "Bitcoin Lightning", "network": "Lightning", "minimum": "0.00001"},
            {"asset": "XXRP", "method": "Ripple XRP", "network": "Ripple", "minimum": "2"},
        ]
    )


def registered(address: str, **more: Any) -> dict[str, Any]:
    return {
        "address": address, "asset": "XBT", "method": "Bitcoin", "key": "cold one", "verified": True, **more
    }  # fmt: skip


def withdrawal(address: str, **more: Any) -> dict[str, Any]:
    return {
        "method": "Bitcoin",
        "aclass": "currency",
        "asset": "XXBT",
        "refid": "FTQcuak-V6Za8qrWnhzTx67yYHz8Tg",
        "txid": None,
        "info": address,
        "amount": "0.24998000",
        "fee": "0.00002000",
        "time": 1772366400,
        "status": "Pending",
        "key": "cold one",
        **more,
    }
