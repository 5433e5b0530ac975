"""A Bybit account reads as its strings; what is absent is named or refused, what contradicts is flagged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import bybit_answers as told
from vault.errors import VenueError
from vault.model import CollateralTier, MarginAccount
from vault.venues.bybit.collateral import counted
from vault.venues.bybit.margin import AccountAnswers, margin_account
from vault.venues.bybit.positions import PositionPage, read_positions, read_risk_limits


def read(answers: AccountAnswers) -> MarginAccount:
    return margin_account(answers, told.CONTEXT)


def wallet_of(answers: AccountAnswers) -> dict[str, Any]:
    return dict(answers.wallet["result"]["list"][0])


def test_a_whole_account_reads_as_its_strings_and_nothing_is_missing_or_flagged() -> None:
    account = read(told.answers())
    assert (account.equity, account.initial_margin, account.maintenance_margin) == (
        Decimal("24195"),
        Decimal("422.8"),
        Decimal("111.3"),
    )
    assert account.balance == Decimal("24095")
    assert account.open_order_margin == Decimal("10")
    assert account.ratio is not None
    assert (account.ratio.name, account.ratio.value, account.ratio.bad) == (
        "accountMMRate",
        Decimal("0.0046"),
        "up",
    )
    assert account.mode == "REGULAR_MARGIN"
    assert (account.missing, account.flags) == ((), ())
    assert set(account.derived) == {"price:BTC", "price:USDT", "open_order_margin", "available_to_withdraw"}
    assert account.observed_at == told.NOW


def test_what_may_leave_is_bounded_by_the_free_margin_and_by_the_coins() -> None:
    assert read(told.answers()).available_to_withdraw == Decimal("23772.2")
    answers = told.answers()
    answers.transferable[0]["result"]["availableWithdrawalMap"] = {"BTC": "0", "USDT": "4677.2"}
    assert read(answers).available_to_withdraw == Decimal("4677.2")


def test_the_margin_of_open_orders_is_summed_in_dollars() -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["coin"][0]["totalOrderIM"] = "0.001"
    assert read(answers).open_order_margin == Decimal("30.1")


def test_collateral_counts_by_its_tiers() -> None:
    btc, usdt = read(told.answers()).collateral
    assert (btc.asset, btc.balance, btc.price, btc.ratio) == ("BTC", 1, 20100, Decimal("0.95"))
    assert btc.tiers == (
        CollateralTier(Decimal(0), Decimal(10), Decimal("0.95")),
        CollateralTier(Decimal(10), None, Decimal("0.9")),
    )
    assert (btc.max_withdraw, usdt.max_withdraw) == (1, Decimal("4677.2"))
    assert (usdt.balance, usdt.ratio, usdt.borrowed) == (5000, 1, 0)


def test_a_position_reads_as_its_strings() -> None:
    (position,) = read(told.answers()).positions
    assert (position.symbol, position.base, position.settle, position.side) == (
        "BTCUSDT",
        "BTC",
        "USDT",
        "long",
    )
    assert (position.size, position.entry_price, position.mark_price) == (1, 20000, 20100)
    assert position.venue_liquidation_price == Decimal("15300.5")
    assert position.venue_maintenance_margin == Decimal("111.3")
    assert (position.leverage, position.notional, position.initial_margin) == (50, 20100, Decimal("412.8"))
    assert (position.isolated, position.isolated_margin, position.adl_rank) == (False, None, 2)
    assert [bracket.cum for bracket in position.brackets] == [0, 10000]


Cut = Callable[[AccountAnswers], dict[str, Any]]
PLACES: dict[str, Cut] = {
    "account": lambda a: a.wallet["result"]["list"][0],
    "coin": lambda a: a.wallet["result"]["list"][0]["coin"][1],
    "collateral coin": lambda a: a.wallet["result"]["list"][0]["coin"][0],
    "position": lambda a: a.positions[0].answer["result"]["list"][0],
    "risk limit": lambda a: a.risk_limits[0]["result"]["list"][1],
    "ticker": lambda a: a.tickers[0][1]["result"]["list"][0],
    "tier": lambda a: a.collateral_tiers["result"]["list"][0]["collateralRatioList"][0],
    "transferable": lambda a: a.transferable[0]["result"]["availableWithdrawalMap"],
    "info": lambda a: a.info["result"],
    "envelope": lambda a: a.wallet,
}
# Read by nobody, and so free to be absent.
UNREAD = {
    "account": {"totalPerpUPL"},
    "coin": {"availableToWithdraw", "spotBorrow"},
    "collateral coin": {"availableToWithdraw", "spotBorrow"},
    "position": {"positionIdx", "positionStatus", "positionBalance", "updatedTime"},
    "risk limit": {"id", "isLowestRisk"},
    "tier": {"maxQty"},  # absent as well as empty is "no end": the next tier then does not join, see below
    "info": {"updatedTime"},
    "envelope": {"retMsg", "retExtInfo"},
}


@pytest.mark.parametrize("how", ["absent", "empty", "null"])
@pytest.mark.parametrize("place", PLACES)
def test_no_field_that_is_read_can_be_left_out_silently(place: str, how: str) -> None:
    for field in PLACES[place](told.answers()):
        if field in UNREAD.get(place, set()):
            continue
        answers = told.answers()
        target = PLACES[place](answers)
        if how == "absent":
            del target[field]
        else:
            target[field] = "" if how == "empty" else None
        if how == "empty" and field == "liqPrice":
            assert read(answers).positions[0].venue_liquidation_price is None
            continue  # the venue's own way to say that no price liquidates
        try:
            account = read(answers)
        except VenueError as error:
            assert error.code in {"venue.incomplete_answer", "venue.bad_answer"}, field
            continue
        assert account.missing, (place, field)


def test_a_tier_table_with_a_hole_is_not_believed() -> None:
    answers = told.answers()
    del answers.collateral_tiers["result"]["list"][0]["collateralRatioList"][0]["maxQty"]
    assert "collateral:BTC" in read(answers).missing


@pytest.mark.parametrize("name", ["positions", "risk_limits", "tickers", "transferable"])
def test_an_endpoint_that_gave_nothing_is_named(name: str) -> None:
    account = read(replace(told.answers(), **{name: ()}))
    assert account.missing or any(flag.startswith("positions_mismatch") for flag in account.flags)


def test_a_position_left_out_of_the_list_shows_in_the_wallet() -> None:
    account = read(told.with_positions())
    assert account.positions == ()
    assert any(flag.startswith("positions_mismatch USDT") for flag in account.flags)


def test_a_position_listed_twice_counts_once_and_is_flagged() -> None:
    account = read(told.with_positions(told.POSITION, told.POSITION))
    assert len(account.positions) == 1
    assert any(flag.startswith("position_twice BTCUSDT") for flag in account.flags)


@pytest.mark.parametrize(
    ("field", "value", "flag"),
    [
        ("totalEquity", "25201", "equity_mismatch"),
        ("totalMarginBalance", "25000", "margin_balance_mismatch"),
        ("accountMMRate", "0.0060", "ratio_mismatch accountMMRate"),
        ("accountIMRate", "0.0300", "ratio_mismatch accountIMRate"),
        ("totalMaintenanceMargin", "300", "maintenance_margin_mismatch"),
        ("totalInitialMargin", "500", "initial_margin_mismatch"),
        ("totalAvailableBalance", "24000", "available_mismatch"),
    ],
)
def test_numbers_of_the_account_that_contradict_each_other_are_flagged(
    field: str, value: str, flag: str
) -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0][field] = value
    assert any(found.startswith(flag) for found in read(answers).flags)


@pytest.mark.parametrize(
    ("field", "value", "flag"),
    [
        ("markPrice", "20300", "mark_price_mismatch BTCUSDT"),
        ("positionMM", "190", "maintenance_mismatch BTCUSDT"),
        ("positionValue", "21000", "notional_mismatch BTCUSDT"),
        ("positionStatus", "Liq", "position_status BTCUSDT: Liq"),
    ],
)
def test_numbers_of_a_position_that_contradict_each_other_are_flagged(
    field: str, value: str, flag: str
) -> None:
    account = read(told.with_positions({**told.POSITION, field: value}))
    assert any(found.startswith(flag) for found in account.flags)


def test_what_a_market_moves_between_two_answers_is_no_contradiction() -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["totalMaintenanceMargin"] = "111.5"
    ticker = answers.tickers[0][1]["result"]["list"][0]
    ticker.update(markPrice="20150", indexPrice="20150")
    assert read(answers).flags == ()


def test_a_coin_that_is_held_for_nothing_else_is_left_out_when_it_is_empty() -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["coin"].append(told.coin("ETH"))
    account = read(answers)
    assert {item.asset for item in account.collateral} == {"BTC", "USDT"}
    assert account.missing == ()


def test_a_coin_whose_equity_is_not_its_parts_is_flagged() -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["coin"][1]["walletBalance"] = "5001"
    assert any(flag.startswith("coin_equity_mismatch USDT") for flag in read(answers).flags)


def test_a_wallet_price_far_from_the_index_is_flagged() -> None:
    answers = told.answers()
    answers.tickers[0][1]["result"]["list"][0]["indexPrice"] = "15000"
    assert any(flag.startswith("price_mismatch BTC") for flag in read(answers).flags)


def test_what_was_borrowed_by_hand_is_no_balance() -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["coin"][1].update(
        walletBalance="7000", spotBorrow="2000", borrowAmount="2000"
    )
    usdt = read(answers).collateral[1]
    assert (usdt.balance, usdt.borrowed) == (5000, 2000)


def test_what_was_borrowed_shows_even_when_the_field_that_says_so_is_left_out() -> None:
    answers = told.answers()
    coin = answers.wallet["result"]["list"][0]["coin"][1]
    coin.update(walletBalance="7000", borrowAmount="2000")
    del coin["spotBorrow"]
    assert any(flag.startswith("coin_equity_mismatch USDT") for flag in read(answers).flags)


def test_a_debt_counts_in_full_even_where_no_tier_is_known() -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["coin"].append(
        told.coin("DOGE", equity="-100", walletBalance="-100", usdValue="-20", borrowAmount="100")
    )
    doge = next(item for item in read(answers).collateral if item.asset == "DOGE")
    assert (doge.balance, doge.ratio, doge.price) == (-100, 1, Decimal("0.2"))


@pytest.mark.parametrize("switch", ["marginCollateral", "collateralSwitch"])
def test_a_coin_that_is_switched_off_counts_for_nothing(switch: str) -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["coin"][0][switch] = False
    btc = read(answers).collateral[0]
    assert (btc.balance, btc.ratio, btc.tiers) == (1, 0, ())


def test_an_isolated_account_has_no_margin_numbers_of_its_own_and_they_are_derived() -> None:
    answers = replace(
        told.answers(), info=told.envelope({"marginMode": "ISOLATED_MARGIN", "unifiedMarginStatus": 5})
    )
    for field in (
        "totalMarginBalance",
        "totalAvailableBalance",
        "totalInitialMargin",
        "totalMaintenanceMargin",
        "accountIMRate",
        "accountMMRate",
    ):
        answers.wallet["result"]["list"][0][field] = ""
    account = read(answers)
    assert (account.equity, account.initial_margin, account.maintenance_margin) == (
        25200,
        Decimal("412.8"),
        Decimal("111.3"),
    )
    assert {"equity", "initial_margin", "maintenance_margin", "isolated_margin:BTCUSDT"} <= set(
        account.derived
    )
    assert {"ratio", "available_balance"} <= set(account.missing)
    assert account.positions[0].isolated
    assert account.positions[0].isolated_margin == Decimal("412.8")


def test_an_isolated_sum_is_refused_where_a_part_is_unknown() -> None:
    answers = replace(
        told.with_positions({**told.POSITION, "positionMM": ""}),
        info=told.envelope({"marginMode": "ISOLATED_MARGIN", "unifiedMarginStatus": 5}),
    )
    answers.wallet["result"]["list"][0]["totalMarginBalance"] = ""
    with pytest.raises(VenueError) as caught:
        read(answers)
    assert caught.value.details["missing"] == "venue_maintenance_margin:BTCUSDT"


@pytest.mark.parametrize("status", [1, 3, 4, 7])
def test_an_account_of_another_kind_is_refused(status: int) -> None:
    info = told.envelope({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": status})
    with pytest.raises(VenueError) as caught:
        read(replace(told.answers(), info=info))
    assert caught.value.code == "venue.unsupported_account"


def test_portfolio_margin_names_what_it_does_not_say() -> None:
    blank = dict.fromkeys(("leverage", "liqPrice", "positionIM", "positionMM"), "")
    answers = replace(
        told.with_positions({**told.POSITION, **blank}),
        info=told.envelope({"marginMode": "PORTFOLIO_MARGIN", "unifiedMarginStatus": 6}),
    )
    assert {
        "leverage:BTCUSDT",
        "liquidation_price:BTCUSDT",
        "initial_margin:BTCUSDT",
        "maintenance_margin:BTCUSDT",
    } <= set(read(answers).missing)


def test_the_oldest_answer_dates_the_account() -> None:
    answers = told.answers()
    answers.tickers[0][1]["time"] = told.TIME - 5000
    account = read(answers)
    assert account.observed_at == told.NOW - timedelta(seconds=5)
    assert {source.what for source in account.sources} >= {
        "account and coins",
        "positions linear USDT",
        "BTCUSDT",
    }


@pytest.mark.parametrize(
    ("category", "settle", "symbol", "base", "coin"),
    [
        ("linear", "USDT", "BTCUSDT", "BTC", "USDT"),
        ("linear", "USDT", "1000PEPEUSDT", "1000PEPE", "USDT"),
        ("linear", "USDT", "BTCUSDT-25DEC26", "BTC", "USDT"),
        ("linear", "USDC", "BTCPERP", "BTC", "USDC"),
        ("linear", "USDC", "ETH-25DEC26", "ETH", "USDC"),
        ("inverse", "", "BTCUSD", "BTC", "BTC"),
        ("inverse", "", "ETHUSDZ26", "ETH", "ETH"),
    ],
)
def test_a_contract_names_its_coins(category: Any, settle: str, symbol: str, base: str, coin: str) -> None:
    line = {**told.POSITION, "symbol": symbol}
    (position,) = read_positions(
        told.with_positions(line, category=category, settle=settle).positions, "REGULAR_MARGIN", {}
    ).positions
    assert (position.base, position.settle, position.inverse) == (base, coin, category == "inverse")


@pytest.mark.parametrize(
    ("category", "settle", "symbol"),
    [
        ("linear", "USDT", "BTCPERP"),
        ("linear", "USDC", "BTC"),
        ("inverse", "", "BTCUSDT"),
        ("linear", "USDT", "USDT"),
    ],
)
def test_a_contract_of_another_kind_is_refused(category: Any, settle: str, symbol: str) -> None:
    page = told.with_positions(
        {**told.POSITION, "symbol": symbol}, category=category, settle=settle
    ).positions
    with pytest.raises(VenueError, match="expected a contract"):
        read_positions(page, "REGULAR_MARGIN", {})


def test_rates_in_per_cent_are_told_from_fractions_by_the_leverage() -> None:
    lines = [{**line} for line in told.RISK_LIMIT["result"]["list"]]
    for line in lines:
        for field in ("initialMargin", "maintenanceMargin"):
            line[field] = str(Decimal(line[field]) * 100)
    limits = read_risk_limits([told.envelope({"list": lines})])
    assert [bracket.rate for bracket in limits.tables["BTCUSDT"]] == [Decimal("0.005"), Decimal("0.01")]
    lines[0]["maxLeverage"] = "7"
    limits = read_risk_limits([told.envelope({"list": lines})])
    assert (limits.tables, limits.flags[0][:23]) == ({}, "risk_limit_unit BTCUSDT")


def test_a_deduction_that_makes_margin_jump_is_flagged() -> None:
    lines = [{**line} for line in told.RISK_LIMIT["result"]["list"]]
    lines[1]["mmDeduction"] = "9000"
    assert read_risk_limits([told.envelope({"list": lines})]).flags == (
        "deduction_mismatch BTCUSDT: margin jumps at 2000000",
    )


def test_a_ret_code_other_than_zero_is_never_an_account() -> None:
    with pytest.raises(VenueError, match="retCode"):
        read(replace(told.answers(), wallet={**told.WALLET, "retCode": 10006}))


def test_a_ticker_of_another_contract_neither_dates_nor_spoils_the_account() -> None:
    answers = told.answers()
    strange = {"symbol": "NEWUSDT", "markPrice": "", "indexPrice": ""}
    answers.tickers[0][1]["result"]["list"].append(strange)
    account = read(answers)
    assert (account.missing, account.flags) == ((), ())
    assert "NEWUSDT" not in {source.what for source in account.sources}


def test_a_coin_that_cannot_be_reckoned_hides_behind_no_debt() -> None:
    answers = told.answers()
    answers.wallet["result"]["list"][0]["coin"] += [
        told.coin("DOGE", equity="-100", walletBalance="-100", usdValue="-20"),
        told.coin("NEW", equity="5", walletBalance="5", usdValue="20"),
    ]
    account = read(answers)
    assert account.available_to_withdraw is None
    assert {"collateral:NEW", "available_to_withdraw"} <= set(account.missing)


def test_an_unknown_side_or_rank_is_refused() -> None:
    for change in ({"side": "Long"}, {"adlRankIndicator": 9}):
        with pytest.raises(VenueError, match="expected"):
            read(told.with_positions({**told.POSITION, **change}))


def test_an_empty_place_is_no_position() -> None:
    empty = {**told.POSITION, "size": "0", "side": "", "positionValue": "", "avgPrice": "0"}
    page = PositionPage("linear", "USDT", told.envelope({"list": [empty]}))
    assert read_positions([page], "REGULAR_MARGIN", {}).positions == ()


@given(
    st.decimals(min_value="0", max_value="1000000", places=8),
    st.lists(st.decimals(min_value="0", max_value="1", places=3), min_size=1, max_size=5),
)
def test_what_counts_is_never_more_than_is_there(amount: Decimal, ratios: list[Decimal]) -> None:
    tiers = tuple(
        CollateralTier(Decimal(i * 1000), None if i == len(ratios) - 1 else Decimal((i + 1) * 1000), ratio)
        for i, ratio in enumerate(ratios)
    )
    assert 0 <= counted(amount, tiers) <= amount
