"""Kraken's multi-collateral margin: every number as its text says, nothing silently zero, one margin only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.kraken_answers import (
    CONTEXT,
    INVERSE,
    RETAIL,
    TIME,
    account_answers,
    accounts,
    currency,
    flex,
    futures,
    instrument,
    paths,
    position,
    single,
    spot,
    ticker,
    without,
)
from vault.errors import VenueError
from vault.model import MarginAccount, WaitingCoins
from vault.risk.margin import contradictions, maintenance_margin, unusable
from vault.venues.kraken.margin import AccountAnswers, margin_account
from vault.venues.kraken.positions import Level, marginal

D = Decimal


def read(**changes: Any) -> MarginAccount:
    return margin_account(account_answers(**changes), CONTEXT)


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(VenueError) as caught:
        call()
    return caught.value.code


def test_every_number_is_the_venues_own() -> None:
    account = read()
    assert (account.equity, account.balance) == (D("175500.25"), D("165500"))
    assert (account.initial_margin, account.maintenance_margin) == (D("15000.5"), D("7000"))
    assert (account.open_order_margin, account.available_to_withdraw) == (D("1000.5"), D("160499.75"))
    bitcoin, dollar = account.collateral
    assert (bitcoin.asset, bitcoin.balance, bitcoin.price, bitcoin.ratio) == (
        "BTC",
        D("2.5"),
        60_000,
        D("0.97"),
    )
    assert (dollar.asset, dollar.balance, dollar.price, dollar.ratio) == ("USD", 20_000, 1, 1)
    assert (bitcoin.max_withdraw, dollar.max_withdraw) == (D("2.4"), 20_000)
    (held,) = account.positions
    assert (held.symbol, held.base, held.settle, held.side) == ("PF_XBTUSD", "BTC", "USD", "long")
    assert (held.size, held.entry_price, held.mark_price) == (10, 59_000, 60_000)
    assert (account.missing, account.flags, account.mode) == ((), (), "multi_collateral")


def test_the_account_can_be_computed_and_nothing_contradicts() -> None:
    account = read()
    assert unusable(account) is None
    assert contradictions(account) == ()
    # 500,000 at 1 % and 100,000 at 2 %.
    assert maintenance_margin(account, D(0)) == 7000


def test_the_oldest_time_of_the_answers_dates_the_account() -> None:
    old = {**account_answers().positions, "serverTime": "2026-03-01T11:58:00.000Z"}
    account = read(positions=old)
    assert account.observed_at.minute == 58
    assert {reading.what for reading in account.sources} == {"accounts", "openpositions", "mark PF_XBTUSD"}
    assert read().observed_at.isoformat(timespec="milliseconds") == TIME.replace("Z", "+00:00")


# What is not read; the two schedules stand in for each other where they say the same.
UNREAD = {
    "accounts": {"cash", "balances", "xbt"},
    "positions": {"fillTime", "unrealizedFunding"},
    "instruments": {"tradeable", "initialMargin", "marginLevels", "retailMarginLevels", "serverTime"},
    "tickers": {"lastTime"},
    "spot_positions": set(),
}


@pytest.mark.parametrize("part", UNREAD)
def test_no_field_is_silently_zero(part: str) -> None:
    """Each field of each answer left out in turn is refused, named or flagged, or is one that is not read."""
    answers = account_answers()
    whole = margin_account(answers, CONTEXT)
    for path in paths(getattr(answers, part)):
        cut = replace(answers, **{part: without(getattr(answers, part), path)})
        try:
            account = margin_account(cut, CONTEXT)
        except VenueError:
            continue
        if not account.missing and not account.flags:
            spot_index = path[:2] == ("instruments", 1)
            assert path[-1] in UNREAD[part] or spot_index, path
            same = {"derived": (), "sources": (), "waiting": ()}
            assert replace(account, **same) == replace(whole, **same), path


@pytest.mark.parametrize(
    ("name", "value"),
    [("marginEquity", "999999"), ("collateralValue", "150000"), ("portfolioValue", "1"), ("pnl", "-5000")],
)
def test_a_total_that_its_parts_do_not_make_is_flagged(name: str, value: str) -> None:
    assert read(accounts=accounts(flex(**{name: value}))).flags


def test_a_currency_left_out_of_the_answer_is_seen_in_the_total() -> None:
    only = {"USD": currency("20000", "20000", "20000")}
    assert any("collateral_mismatch" in flag for flag in read(accounts=accounts(flex(currencies=only))).flags)


def test_the_other_name_of_a_currencys_collateral_is_read_too() -> None:
    wallet = flex()
    for line in wallet["currencies"].values():
        line["collateralValue"] = line.pop("collateral")
    assert read(accounts=accounts(wallet)).collateral[0].ratio == D("0.97")


def test_dollars_settle_a_linear_contract_though_none_are_held() -> None:
    wallet = flex(currencies={"XBT": currency("2.5", "150000", "145500")}, collateralValue="145500")
    wallet |= {"balanceValue": "150000", "portfolioValue": "160000.25", "marginEquity": "155500.25"}
    account = read(accounts=accounts(wallet))
    dollar = next(item for item in account.collateral if item.asset == "USD")
    assert (dollar.balance, dollar.price, dollar.ratio) == (0, 1, 1)
    assert unusable(account) is None


def test_a_debt_counts_at_its_own_side_of_the_haircut() -> None:
    wallet = flex()
    wallet["currencies"]["EUR"] = currency("-1000", "-1100", "-1122", "0")
    wallet |= {"collateralValue": "164378", "marginEquity": "174378.25"}
    account = read(accounts=accounts(wallet))
    debt = next(item for item in account.collateral if item.asset == "EUR")
    assert (debt.balance, debt.price, debt.debt_ratio, debt.ratio) == (-1000, D("1.1"), D("1.02"), D("0.98"))
    assert account.flags == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (currency("1", "0", "0"), "collateral:SOL"),
        (currency("1", "-5", "-5"), "collateral:SOL"),
    ],
)
def test_a_currency_of_unknown_worth_counts_nowhere_and_is_named(
    given: dict[str, Any], expected: str
) -> None:
    wallet = flex()
    wallet["currencies"]["SOL"] = given
    account = read(accounts=accounts(wallet))
    assert expected in account.missing
    assert "SOL" not in {item.asset for item in account.collateral}


def test_what_counts_for_more_than_it_is_worth_is_a_bad_answer() -> None:
    wallet = flex()
    wallet["currencies"]["XBT"]["collateral"] = "160000"
    assert code(lambda: read(accounts=accounts(wallet))) == "venue.bad_answer"


def test_one_asset_under_two_names_is_a_bad_answer() -> None:
    wallet = flex()
    wallet["currencies"]["XXBT"] = currency("1", "60000", "58200")
    assert code(lambda: read(accounts=accounts(wallet))) == "venue.bad_answer"


def test_an_account_without_the_multi_collateral_wallet_is_refused() -> None:
    bare = futures(accounts={"fi_xbtusd": single(xbt="5")})
    assert code(lambda: read(accounts=bare)) == "venue.incomplete_answer"


def test_a_single_collateral_wallet_is_named_when_it_holds_and_refused_when_it_margins() -> None:
    assert read(accounts=accounts(fi_xbtusd=single())).missing == ()
    assert read(accounts=accounts(fi_xbtusd=single(xbt="1.5"))).missing == ("account:fi_xbtusd",)
    for needed in ({"im": "0.1"}, {"mm": "0.1"}):
        margined = accounts(fi_xbtusd=single(**needed))
        assert code(lambda given=margined: read(accounts=given)) == "venue.separate_margins"
    assert read(accounts=accounts(vault={"type": "newAccount"})).missing == ("account:vault (newAccount)",)


def test_margin_trading_on_the_spot_side_is_named() -> None:
    held = {"pair": "ADAUSDT", "type": "sell", "vol": "10.0"}
    assert read(spot_positions=spot([held])).missing == ("spot_margin:ADAUSDT",)
    assert read(spot_positions=spot({"TXID": held})).missing == ("spot_margin:ADAUSDT",)
    assert read(spot_positions=spot({})).missing == ()
    assert code(lambda: read(spot_positions={"error": []})) == "venue.incomplete_answer"


def test_an_isolated_position_has_a_margin_that_nobody_says() -> None:
    account = read(positions=futures(openPositions=[position(maxFixedLeverage="5")]))
    assert account.missing == ("isolated_margin:PF_XBTUSD",)
    assert (account.positions[0].isolated, account.positions[0].leverage) == (True, 5)


def inverse_account(size: str, price: str = "50000", stated: str = "7000", **more: Any) -> MarginAccount:
    """An inverse contract among the multi-collateral positions, marked at 60,000."""
    return read(
        accounts=accounts(flex(maintenanceMargin=stated)),
        positions=futures(openPositions=[position("pi_xbtusd", size, price)]),
        instruments=futures(instruments=[instrument("PI_XBTUSD", **more)]),
        tickers={"PI_XBTUSD": ticker("PI_XBTUSD")},
    )


def test_an_inverse_contract_is_margined_in_contracts_whatever_the_price() -> None:
    account = inverse_account("600000")
    (held,) = account.positions
    assert (held.inverse, held.settle, held.size, held.notional) == (True, "BTC", 600_000, 10)
    # 500,000 at 1 % and 100,000 at 2 %: 7000 dollars, however many coins that is.
    for move in (D("-0.4"), D(0), D("0.5")):
        assert abs(maintenance_margin(account, move) - 7000) < D("0.001")


@pytest.mark.parametrize(
    ("stated", "levels", "basis"),
    [
        ("7000", "marginLevels", "mark"),
        ("6800", "marginLevels", "entry"),
        ("150000", "retailMarginLevels", "mark"),
    ],
)
def test_the_schedule_is_the_one_that_gives_the_venues_own_margin(
    stated: str, levels: str, basis: str
) -> None:
    strict = [{"numNonContractUnits": "0", "initialMargin": "0.5", "maintenanceMargin": "0.25"}]
    account = read(
        accounts=accounts(flex(maintenanceMargin=stated)),
        instruments=futures(instruments=[instrument(retailMarginLevels=strict)]),
    )
    assert f"brackets ({levels} at the {basis} price)" in account.derived
    assert abs(maintenance_margin(account, D(0)) - D(stated)) <= 1
    if basis == "entry":
        assert maintenance_margin(account, D("-0.3")) == D(stated)


def test_without_a_schedule_that_fits_the_strictest_is_taken_and_the_numbers_contradict() -> None:
    account = inverse_account("600000", stated="1")
    assert INVERSE != RETAIL
    assert any(each.startswith("brackets (retailMarginLevels") for each in account.derived)
    assert any("maintenance_mismatch" in each for each in contradictions(account))


def test_a_position_that_an_answer_leaves_out_is_seen() -> None:
    bare = read(positions=futures(openPositions=[]))
    assert {flag.split(":")[0] for flag in bare.flags} == {"pnl_mismatch", "positions_mismatch"}
    less = read(positions=futures(openPositions=[position(size="5")]))
    assert any("pnl_mismatch" in flag for flag in less.flags)


def test_positions_without_contract_mark_or_levels_are_not_taken_for_safe() -> None:
    none = futures(instruments=[])
    assert code(lambda: read(instruments=none)) == "venue.incomplete_answer"
    assert code(lambda: read(tickers={})) == "venue.incomplete_answer"
    assert code(lambda: read(tickers={"PF_XBTUSD": ticker("PF_ETHUSD")})) == "venue.bad_answer"
    assert code(lambda: read(tickers={"PF_XBTUSD": ticker(mark="0")})) == "venue.bad_answer"
    bare = instrument()
    del bare["marginLevels"], bare["retailMarginLevels"]
    account = read(instruments=futures(instruments=[bare]))
    assert account.missing == ("brackets:PF_XBTUSD",)
    assert unusable(account) is not None
    option = futures(instruments=[instrument(type="options")])
    assert read(instruments=option).missing == ("position:PF_XBTUSD (options)",)


@pytest.mark.parametrize(
    "levels",
    [[], [{**INVERSE[1]}], [INVERSE[1], INVERSE[0]], [{**INVERSE[0], "maintenanceMargin": "0"}]],
)
def test_levels_that_do_not_rise_from_zero_are_a_bad_answer(levels: list[Any]) -> None:
    assert code(lambda: inverse_account("1000", marginLevels=levels)) == "venue.bad_answer"


def test_a_position_listed_twice_is_one_and_twice_differently_is_none() -> None:
    doubled = futures(openPositions=[position(), position()])
    assert read(positions=doubled) == read()
    differ = futures(openPositions=[position(), position(size="11")])
    assert code(lambda: read(positions=differ)) == "venue.bad_answer"
    assert read(positions=futures(openPositions=[position(), position("PF_ETHUSD", "0")])) == read()


@pytest.mark.parametrize(
    "change",
    [{"side": "up"}, {"size": "-1"}, {"price": "0"}, {"size": "NaN"}, {"size": 1.5}, {"symbol": "PF_XBTEUR"}],
)
def test_a_position_that_cannot_be_is_a_bad_answer(change: dict[str, Any]) -> None:
    listed = futures(openPositions=[{**position(), **change}])
    tickers = {"PF_XBTUSD": ticker(), "PF_XBTEUR": ticker("PF_XBTEUR")}
    both = futures(instruments=[instrument(), instrument("PF_XBTEUR")])
    assert code(lambda: read(positions=listed, tickers=tickers, instruments=both)) == "venue.bad_answer"


def test_an_answer_that_is_not_a_success_is_none() -> None:
    for part in ("accounts", "positions", "instruments"):
        whole = getattr(account_answers(), part)
        failed = {part: {**whole, "result": "error"}}
        assert code(lambda given=failed: read(**given)) == "venue.bad_answer"


def test_portfolio_margin_is_told_apart() -> None:
    wallet = flex(portfolioMarginBreakdown={"totalMarketRisk": "1"})
    assert read(accounts=accounts(wallet)).mode == "portfolio"


@given(st.decimals("0.01", "9000000", places=2))
def test_marginal_levels_are_the_brackets_of_a_linear_contract(amount: D) -> None:
    levels = (Level(D(0), D("0.01")), Level(D(500_000), D("0.02")), Level(D(2_000_000), D("0.05")))
    size = amount / 60_000
    account = read(positions=futures(openPositions=[position(size=format(size, "f"))]))
    (held,) = account.positions
    bracket = next(each for each in held.brackets if each.cap is None or amount <= each.cap)
    assert amount * bracket.rate - bracket.cum == marginal(levels, amount)


def test_answers_are_not_changed_by_being_read() -> None:
    answers, again = account_answers(), account_answers()
    margin_account(answers, CONTEXT)
    assert isinstance(answers, AccountAnswers)
    assert answers == again


def test_what_the_cash_wallet_holds_is_no_margin_and_waits() -> None:
    account = read()
    assert account.waiting == (WaitingCoins("cash", "BTC", D("0.5")),)
    assert D("0.5") not in {each.balance for each in account.collateral}


def test_a_cash_wallet_that_does_not_say_what_it_holds_is_refused() -> None:
    with pytest.raises(VenueError):
        read(accounts=accounts(flex(), cash={"type": "cashAccount"}))
