"""Binance COIN-M and portfolio margin out of raw answers; the recorded ones equal their strings."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vault.errors import VenueError
from vault.model import MarginAccount, VenueRatio
from vault.venues.binance import coin_margin, portfolio_margin
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import parse

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
MS = 1769835600000  # NOW
CONTEXT = ReadingContext("main", "1", NOW, NOW, 0)


def exact(value: Any) -> Any:
    return parse(json.dumps(value), what="test")


def coin(asset: str, **changes: str) -> dict[str, str]:
    line = {
        "asset": asset, "walletBalance": "2.00000000", "unrealizedProfit": "0.50000000",
        "marginBalance": "2.50000000", "maintMargin": "0.01000000", "initialMargin": "0.10000000",
        "positionInitialMargin": "0.10000000", "openOrderInitialMargin": "0.00100000",
        "maxWithdrawAmount": "1.90000000",
    }  # fmt: skip
    return {**line, **changes}


EMPTY = {"walletBalance": "0", "unrealizedProfit": "0", "marginBalance": "0", "maintMargin": "0",
         "initialMargin": "0", "openOrderInitialMargin": "0", "maxWithdrawAmount": "0"}  # fmt: skip
COIN: dict[str, Any] = {
    "account": {"assets": [coin("BTC"), coin("ETH", **EMPTY), coin("SOL", maintMargin="0")],
                "positions": [{"symbol": "BTCUSD_PERP", "positionAmt": "-150", "maintMargin": "0.00119",
                               "initialMargin": "0.06"}]},
    "position_risk": [
        {
            "symbol": "BTCUSD_PERP", "positionAmt": "-150", "entryPrice": "60000.0", "markPrice": "50000.5",
            "liquidationPrice": "91000.1", "leverage": "5", "marginType": "cross", "isolatedMargin": "0",
            "notionalValue": "-0.29999700", "updateTime": MS - 9000,
        },
        {"symbol": "ETHUSD_PERP", "positionAmt": "0"},
    ],
    "brackets": [
        {"symbol": "BTCUSD_PERP", "brackets": [
            {"qtyFloor": 5, "qtyCap": 10, "maintMarginRatio": 0.005, "cum": 0.005},
            {"qtylFloor": 0, "qtyCap": 5, "maintMarginRatio": 0.004, "cum": 0},
        ]},
    ],
    "premium_index": [
        [{"symbol": "BTCUSD_PERP", "pair": "BTCUSD", "markPrice": "50000.5", "indexPrice": "50000",
          "time": MS - 1000}],
        [{"symbol": "SOLUSD_PERP", "pair": "SOLUSD", "markPrice": "100", "indexPrice": "100.5",
          "time": MS - 2000}],
    ],
    "exchange_info": {"symbols": [{"symbol": "BTCUSD_PERP", "contractSize": 100, "marginAsset": "BTC"}]},
}  # fmt: skip


def coin_account(change: Any = None) -> MarginAccount:
    answers = copy.deepcopy(COIN)
    if change is not None:
        change(answers)
    given = exact(answers)
    return coin_margin.margin_account(
        coin_margin.CoinAnswers(**{**given, "premium_index": tuple(given["premium_index"])}), CONTEXT
    )


def test_coin_margin_is_counted_in_the_coin_that_settles_the_positions() -> None:
    account = coin_account()
    assert (account.equity, account.balance, account.maintenance_margin) == (125_000, 100_000, 500)
    assert (account.initial_margin, account.open_order_margin) == (5_000, 50)
    assert account.available_to_withdraw == 95_000
    assert set(account.derived) >= {"equity", "maintenance_margin", "balance"}
    assert [(c.asset, c.balance, c.price, c.ratio) for c in account.collateral] == [
        ("BTC", 2, 50_000, 1),
        ("SOL", 2, Decimal("100.5"), 0),
    ]
    assert account.observed_at == NOW - timedelta(seconds=2)
    assert (account.mode, account.flags) == ("coinm", ())


def test_an_inverse_position_has_its_size_in_dollars_and_its_margins_in_the_coin() -> None:
    (position,) = coin_account().positions
    assert (position.side, position.size, position.settle, position.inverse) == ("short", 15_000, "BTC", True)
    assert (position.notional, position.leverage) == (Decimal("0.29999700"), 5)
    assert (position.venue_maintenance_margin, position.initial_margin) == (
        Decimal("0.00119"),
        Decimal("0.06"),
    )
    assert position.venue_liquidation_price == Decimal("91000.1")
    assert [(b.floor, b.cap, b.rate) for b in position.brackets] == [
        (0, 5, Decimal("0.004")),
        (5, 10, Decimal("0.005")),
    ]
    # Profit of a short: size * (1/mark - 1/entry) in the coin; nothing of it is rounded here.
    assert position.entry_price == 60_000


def test_positions_in_two_coins_are_two_margins_and_refused() -> None:
    def two(answers: dict[str, Any]) -> None:
        line = answers["position_risk"][0]
        answers["position_risk"].append({**line, "symbol": "ETHUSD_PERP"})
        answers["exchange_info"]["symbols"].append(
            {"symbol": "ETHUSD_PERP", "contractSize": 10, "marginAsset": "ETH"}
        )

    with pytest.raises(VenueError) as caught:
        coin_account(two)
    assert caught.value.code == "venue.separate_margins"


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda a: a["exchange_info"].update(symbols=[]), "exchangeInfo.symbols.BTCUSD_PERP"),
        (lambda a: a["premium_index"].pop(0), "premiumIndex.BTCUSD"),
        (lambda a: a["account"]["assets"][0].update(marginBalance=""), "account.assets[0].marginBalance"),
        (lambda a: a["position_risk"][0].pop("entryPrice"), "positionRisk[0].entryPrice"),
    ],
)
def test_a_coin_account_without_a_number_it_needs_is_refused(change: Any, missing: str) -> None:
    with pytest.raises(VenueError) as caught:
        coin_account(change)
    assert (caught.value.code, caught.value.details["missing"]) == ("venue.incomplete_answer", missing)


def test_a_coin_that_is_idle_and_has_no_price_is_named() -> None:
    assert "collateral:SOL" in coin_account(lambda a: a["premium_index"].pop(1)).missing


PORTFOLIO: dict[str, Any] = {
    "account": {
        "uniMMR": "5167.92171923", "accountEquity": "122607.35137903", "actualEquity": "73.47428058",
        "accountInitialMargin": "23.72469206", "accountMaintMargin": "23.72469205",
        "accountStatus": "NORMAL", "virtualMaxWithdrawAmount": "1627523.32459208", "updateTime": MS - 60_000,
    },
    "balances": [
        {"asset": "USDT", "totalWalletBalance": "136.03451668", "crossMarginBorrowed": "0.00011146",
         "crossMarginInterest": "0.00007902"},
        {"asset": "ADA", "totalWalletBalance": "10.0325", "crossMarginBorrowed": "0.0",
         "crossMarginInterest": "0.0"},
        {"asset": "LTC", "totalWalletBalance": "0.0", "crossMarginBorrowed": "0.0",
         "crossMarginInterest": "0.0"},
    ],
    "um_account": {"positions": [{"symbol": "BTCUSDT", "positionAmt": "0.010", "maintMargin": "1.8",
                                  "initialMargin": "45"}]},
    "cm_account": {"positions": []},
    "um_positions": [
        {"symbol": "BTCUSDT", "positionAmt": "0.010", "entryPrice": "44000.5", "markPrice": "45000",
         "notional": "450", "leverage": "10", "liquidationPrice": "0", "updateTime": MS},
    ],
    "cm_positions": [],
    "um_brackets": [{"symbol": "BTCUSDT", "brackets": [
        {"notionalFloor": 0, "notionalCap": 50000, "maintMarginRatio": 0.004, "cum": 0}]}],
    "cm_brackets": [],
    "collateral_rates": [{"asset": "USDT", "collateralRate": "0.9999"}],
    "index_prices": [{"asset": "USDT", "assetIndexPrice": "1.0002", "time": MS},
                     {"asset": "ADA", "assetIndexPrice": "0.5", "time": MS}],
    "coin_info": {"symbols": []},
    "premium_index": ({"symbol": "BTCUSDT", "markPrice": "45001", "time": MS - 1500},),
}  # fmt: skip


def portfolio_account(change: Any = None) -> MarginAccount:
    answers = copy.deepcopy(PORTFOLIO)
    if change is not None:
        change(answers)
    return portfolio_margin.margin_account(portfolio_margin.PortfolioAnswers(**exact(answers)), CONTEXT)


def test_portfolio_margin_says_its_own_equity_and_its_ratio_with_the_direction() -> None:
    account = portfolio_account()
    assert account.equity == Decimal("122607.35137903")
    assert account.maintenance_margin == Decimal("23.72469205")
    assert account.available_to_withdraw == Decimal("1627523.32459208")
    assert account.ratio == VenueRatio("uniMMR", Decimal("5167.92171923"), "down")
    (usdt,) = account.collateral
    assert (usdt.balance, usdt.borrowed) == (Decimal("136.03432620"), Decimal("0.00019048"))
    assert "collateral:ADA" in account.missing
    (position,) = account.positions
    assert (position.leverage, position.isolated, position.venue_liquidation_price) == (10, False, None)
    assert (position.venue_maintenance_margin, position.initial_margin) == (Decimal("1.8"), 45)
    absent = portfolio_account(lambda a: a["um_account"].update(positions=[]))
    assert "maintenance_margin:BTCUSDT" in absent.missing


@pytest.mark.parametrize(
    "field", ["uniMMR", "accountEquity", "accountInitialMargin", "accountMaintMargin", "accountStatus"]
)
def test_a_portfolio_without_a_number_it_cannot_be_judged_without_is_refused(field: str) -> None:
    with pytest.raises(VenueError) as caught:
        portfolio_account(lambda a: a["account"].pop(field))
    assert caught.value.details["missing"] == f"papiAccount.{field}"


def test_a_portfolio_the_venue_does_not_call_normal_is_flagged() -> None:
    account = portfolio_account(lambda a: a["account"].update(accountStatus="MARGIN_CALL"))
    assert account.flags == ("account_status: the venue says MARGIN_CALL",)


def test_a_real_portfolio_balance_reads_as_its_strings(shared_dir: Path) -> None:
    path = shared_dir / "fixtures" / "ccxt" / "response" / "binance.json"
    if not path.is_file():
        pytest.skip(f"no recorded answers at {path}")
    recorded = json.loads(path.read_text())["methods"]["fetchBalance"][1]["httpResponse"]
    assets = [line["asset"] for line in recorded]
    missing: list[str] = []
    collateral = portfolio_margin.portfolio_collateral(
        exact(recorded),
        [{"asset": asset, "collateralRate": "1"} for asset in assets],
        [{"asset": asset, "assetIndexPrice": "1"} for asset in assets],
        missing,
    )
    owed = {
        line["asset"]: Decimal(line["crossMarginBorrowed"]) + Decimal(line["crossMarginInterest"])
        for line in recorded
    }
    held = {line["asset"]: Decimal(line["totalWalletBalance"]) for line in recorded}
    assert {c.asset: c.balance for c in collateral} == {
        asset: held[asset] - owed[asset] for asset in assets if held[asset] or owed[asset]
    }
    assert {c.asset: c.borrowed for c in collateral} == {c.asset: owed[c.asset] for c in collateral}
