"""The Binance margin account out of raw answers: nothing guessed, absences named, contradictions flagged."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.binance.margin import AccountAnswers, margin_account
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import parse

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
MS = 1769835600000  # NOW

# Shapes as in the venue's documentation; 3 BTC long at a mark of 80,000 in the third bracket.
ANSWERS: dict[str, Any] = {
    "account": {
        "totalInitialMargin": "24000.00000000",
        "totalMaintMargin": "1100.00000000",
        "totalMarginBalance": "213000.00000000",
        "maxWithdrawAmount": "189000.00000000",
        "totalWalletBalance": "210000.00000000",
        "totalOpenOrderInitialMargin": "12.50000000",
        "assets": [
            {
                "asset": "BTC",
                "walletBalance": "2.50000000",
                "unrealizedProfit": "0.00000000",
                "maxWithdrawAmount": "2.48684210",
            },
            {
                "asset": "USDT",
                "walletBalance": "20000.00000000",
                "unrealizedProfit": "3000.00000000",
                "maxWithdrawAmount": "20000.00000000",
            },
        ],
        "positions": [{"symbol": "BTCUSDT", "positionAmt": "3.000"}],
    },
    "position_risk": [
        {
            "symbol": "BTCUSDT",
            "positionAmt": "3.000",
            "entryPrice": "79000.0",
            "markPrice": "80000.00000000",
            "liquidationPrice": "9028.47571189",
            "marginAsset": "USDT",
            "isolatedMargin": "0",
            "isolatedWallet": "0",
            "maintMargin": "1100.00000000",
            "notional": "240000.00000000",
            "initialMargin": "24000.00000000",
            "adl": "2",
            "updateTime": MS - 5000,
        }
    ],
    "symbol_config": [{"symbol": "BTCUSDT", "leverage": 10, "marginType": "CROSSED"}],
    "brackets": [
        {
            "symbol": "BTCUSDT",
            "brackets": [
                {"notionalFloor": 50000, "notionalCap": 600000, "maintMarginRatio": 0.005, "cum": 100.0},
                {"notionalFloor": 0, "notionalCap": 50000, "maintMarginRatio": 0.003, "cum": 0.0},
            ],
        }
    ],
    "multi_assets": {"multiAssetsMargin": True},
    "asset_index": [
        {"symbol": "BTCUSD", "index": "80000.00000000", "bidBuffer": "0.05000000"},
        {"symbol": "USDTUSD", "index": "1.00000000", "bidBuffer": "0.00000000"},
    ],
    "premium_index": [{"symbol": "BTCUSDT", "markPrice": "80000.00000000", "time": MS - 1000}],
}


def read(change: Any = None) -> MarginAccount:
    answers = copy.deepcopy(ANSWERS)
    if change is not None:
        change(answers)
    exact = parse(json.dumps(answers), what="test")
    context = ReadingContext("main", "1", NOW, NOW + timedelta(milliseconds=300), -7)
    return margin_account(
        AccountAnswers(**{**exact, "premium_index": tuple(exact["premium_index"])}), context
    )


def test_reads_every_number_exactly() -> None:
    account = read()
    assert (account.equity, account.initial_margin, account.maintenance_margin) == (213000, 24000, 1100)
    assert [(c.asset, c.balance, c.price, c.ratio) for c in account.collateral] == [
        ("BTC", Decimal("2.5"), 80000, Decimal("0.95")),
        ("USDT", 20000, 1, 1),
    ]
    assert [bracket.rate for bracket in account.positions[0].brackets] == [Decimal("0.003"), Decimal("0.005")]
    assert (account.missing, account.flags) == ((), ())


def test_a_position_says_all_that_the_venue_says_of_it() -> None:
    (position,) = read().positions
    assert (position.settle, position.inverse, position.leverage, position.adl_rank) == ("USDT", False, 10, 3)
    assert (position.notional, position.initial_margin) == (240_000, 24_000)
    assert position.observed_at == NOW - timedelta(seconds=5)
    assert (read().balance, read().open_order_margin, read().mode) == (
        210_000,
        Decimal("12.5"),
        "multi_assets",
    )


@pytest.mark.parametrize(
    ("place", "field", "name"),
    [
        ("account", "totalWalletBalance", "balance"),
        ("account", "totalOpenOrderInitialMargin", "open_order_margin"),
        ("position_risk", "adl", "adl_rank:BTCUSDT"),
        ("position_risk", "notional", "notional:BTCUSDT"),
        ("symbol_config", "leverage", "leverage:BTCUSDT"),
    ],
)
def test_what_may_be_absent_is_none_and_named(place: str, field: str, name: str) -> None:
    def without(answers: dict[str, Any]) -> None:
        line = answers[place] if isinstance(answers[place], dict) else answers[place][0]
        del line[field]

    assert read(without).missing == (name,)


@pytest.mark.parametrize("value", ["5", "-1", "x"])
def test_a_place_in_the_queue_that_does_not_exist_is_refused(value: str) -> None:
    with pytest.raises(VenueError):
        read(lambda a: a["position_risk"][0].update(adl=value))


def test_the_age_is_that_of_the_oldest_price() -> None:
    assert read().observed_at == NOW - timedelta(seconds=1)
    late = read(lambda a: a["premium_index"][0].update(time=MS + 50_000))
    assert late.observed_at == NOW
    none = read(lambda a: a.update(premium_index=[]))
    assert none.observed_at == NOW
    assert none.missing == ("mark_price_time",)


@pytest.mark.parametrize("field", ["totalMarginBalance", "totalInitialMargin", "totalMaintMargin", "assets"])
@pytest.mark.parametrize("value", [None, ""])
def test_refuses_an_account_without_a_number_it_cannot_be_judged_without(field: str, value: Any) -> None:
    with pytest.raises(VenueError) as caught:
        read(lambda a: a["account"].update({field: value}))
    assert caught.value.code == "venue.incomplete_answer"
    assert caught.value.details["missing"] == f"account.{field}"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1,000", "0x10", True, [], "1" * 65])
def test_refuses_what_is_not_a_number(value: Any) -> None:
    with pytest.raises(VenueError) as caught:
        read(lambda a: a["account"].update(totalMarginBalance=value))
    assert caught.value.code == "venue.bad_answer"


def test_an_absent_optional_number_is_none_and_named() -> None:
    def drop(answers: Any) -> None:
        answers["account"].pop("maxWithdrawAmount")
        answers["account"]["assets"][0].pop("maxWithdrawAmount")
        answers["position_risk"][0].pop("maintMargin")
        answers["brackets"] = []

    account = read(drop)
    assert account.available_to_withdraw is None
    assert account.collateral[0].max_withdraw is None
    assert account.positions[0].venue_maintenance_margin is None
    assert account.positions[0].brackets == ()
    assert set(account.missing) == {
        "available_to_withdraw",
        "max_withdraw:BTC",
        "maintenance_margin:BTCUSDT",
        "brackets:BTCUSDT",
    }


@pytest.mark.parametrize("field", ["index", "bidBuffer"])
def test_collateral_of_unknown_worth_is_left_out_named_and_contradicts_equity(field: str) -> None:
    account = read(lambda a: a["asset_index"][0].pop(field))
    assert [item.asset for item in account.collateral] == ["USDT"]
    assert account.missing == ("collateral:BTC",)
    assert [flag.split(":")[0] for flag in account.flags] == ["equity_mismatch"]


def test_single_asset_mode_counts_only_the_settling_asset() -> None:
    def single(answers: Any) -> None:
        answers["multi_assets"]["multiAssetsMargin"] = False
        answers["account"]["totalMarginBalance"] = "23000"

    account = read(single)
    assert [(item.asset, item.ratio) for item in account.collateral] == [("BTC", 0), ("USDT", 1)]
    assert account.flags == ()


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (lambda a: a["account"].update(totalMarginBalance="215000"), "equity_mismatch"),
        (lambda a: a["position_risk"][0].update(maintMargin="1110"), "maintenance_mismatch BTCUSDT"),
        (lambda a: a["account"]["positions"][0].update(positionAmt="2"), "positions_mismatch"),
        (lambda a: a["account"].update(positions=[]), "positions_mismatch"),
        (lambda a: a["premium_index"][0].update(markPrice="79000"), "mark_price_mismatch BTCUSDT"),
    ],
)
def test_numbers_that_contradict_each_other_are_flagged(change: Any, flag: str) -> None:
    assert [found.split(":")[0] for found in read(change).flags] == [flag]


def test_a_maintenance_margin_without_cum_is_caught() -> None:
    account = read(lambda a: a["brackets"][0]["brackets"][0].update(cum=0))
    assert [flag.split(":")[0] for flag in account.flags] == ["maintenance_mismatch BTCUSDT"]


def test_a_short_is_a_short_and_zero_liquidation_price_means_none() -> None:
    def short(answers: Any) -> None:
        answers["position_risk"][0].update(positionAmt="-3.000", liquidationPrice="0")
        answers["account"]["positions"][0].update(positionAmt="-3.000")

    position = read(short).positions[0]
    assert (position.side, position.size) == ("short", 3)
    assert position.venue_liquidation_price is None


def test_an_isolated_position_is_seen_as_one() -> None:
    assert not read().positions[0].isolated
    assert read(lambda a: a["position_risk"][0].update(isolatedWallet="100")).positions[0].isolated
    assert read(lambda a: a["position_risk"][0].update(marginType="isolated")).positions[0].isolated
    with pytest.raises(VenueError):
        read(lambda a: a["position_risk"][0].pop("isolatedWallet"))


def test_a_settling_asset_that_is_not_held_is_there_with_its_true_zero() -> None:
    def empty(answers: Any) -> None:
        answers["account"]["assets"].pop(1)
        answers["account"]["totalMarginBalance"] = "190000"

    assert [(c.asset, c.balance) for c in read(empty).collateral] == [("BTC", Decimal("2.5")), ("USDT", 0)]


def test_an_unknown_new_field_changes_nothing() -> None:
    assert read(lambda a: a["account"].update(newField={"x": [1]})) == read()
