"""Inverse, isolated and portfolio positions: their worth, their liquidation prices, who is closed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.venues.binance.brackets import BTCUSDT_2021, ETHUSDT
from emulator.venues.binance.margin import CoinMargin, UsdMargin, liquidation_price
from emulator.venues.binance.profile import (
    COIN_FUTURES,
    FUTURES,
    PORTFOLIO,
    PORTFOLIO_MARGIN,
    SPOT,
    default_market,
)
from emulator.venues.engine.accounts import Account, IncomeKind
from emulator.venues.engine.brackets import Bracket
from emulator.venues.engine.collateral import tiered, with_haircut
from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.margin import Prices
from emulator.venues.engine.positions import Position, funding_payment, notional, unrealised_pnl
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue

D = Decimal
COIN = Position("BTCUSD_PERP", D("800"), D("80000"), 10, "BTC", inverse=True, contract_size=D("100"))


def test_an_inverse_contract_is_worth_its_dollars_in_the_coin() -> None:
    assert notional(COIN, D("80000")) == D("1")
    assert notional(COIN, D("40000")) == D("2")
    assert unrealised_pnl(COIN, D("40000")) == D("-1")
    assert funding_payment(COIN, D("80000"), D("0.0001")) == D("-0.0001")


def test_a_linear_contract_counts_its_size() -> None:
    ten = Position("X", D("3"), D("100"), 5, contract_size=D("10"))
    assert notional(ten, D("110")) == D("3300")
    assert unrealised_pnl(ten, D("110")) == D("300")


@pytest.mark.parametrize(
    ("position", "bracket", "published"),
    [
        (Position("ETHUSDT", D("3683.979"), D("1456.84"), 20), ETHUSDT.brackets[5], "1114.78"),
        (Position("BTCUSDT", D("109.488"), D("32481.98"), 20), BTCUSDT_2021.brackets[3], "18778.73"),
    ],
)
def test_isolated_positions_have_the_published_liquidation_prices(
    position: Position, bracket: Bracket, published: str
) -> None:
    price = liquidation_price(D("1535443.01"), ZERO, ZERO, position, bracket)
    assert price is not None
    assert round(price, 2) == D(published)


@given(
    st.decimals("0.05", "5", places=4),
    st.integers(-2000, 2000).filter(bool),
    st.decimals("20000", "120000", places=1),
)
def test_at_its_liquidation_price_a_coin_margined_account_has_just_its_maintenance_margin(
    balance: Decimal, quantity: int, entry: Decimal
) -> None:
    brackets = {"BTCUSD_PERP": default_market().symbols["BTCUSD_PERP"].brackets}
    position = Position("BTCUSD_PERP", D(quantity), entry, 10, "BTC", inverse=True, contract_size=D("100"))
    model = CoinMargin("BTC", brackets)
    shown = model.assess({"BTC": balance}, [position], Prices({"BTCUSD_PERP": entry}, {}))
    price = shown.positions[0].liquidation_price
    if price is None or shown.positions[0].bracket != brackets["BTCUSD_PERP"].at(notional(position, price)):
        return
    there = model.assess({"BTC": balance}, [position], Prices({"BTCUSD_PERP": price}, {}))
    assert abs(there.margin_balance - there.maintenance_margin) < D("1E-20")


def opened(
    venue: Venue, *, mode: str = "single_asset", name: str = "a", **wallets: dict[str, str]
) -> Account:
    amounts = {w: {a: D(v) for a, v in held.items()} for w, held in wallets.items()}
    return venue.create_account(name, wallets=amounts, mode=mode)


def test_an_isolated_position_fails_alone_and_loses_no_more_than_its_own_margin(venue: Venue) -> None:
    account = opened(venue, futures={"USDT": "50000"})
    alone = Position("BTCUSDT", D("1"), D("80000"), 20, isolated_margin=D("4000"))
    venue.set_position(account, alone)
    venue.set_position(account, Position("ETHUSDT", D("-1"), D("2800"), 5))
    venue.set_price("BTCUSDT", D("70000"))
    (record,) = account.liquidations
    assert record.symbol == "BTCUSDT"
    assert set(account.positions) == {"ETHUSDT"}
    assert account.held(FUTURES, "USDT") == D("46000")
    assert account.incomes[-1].kind is IncomeKind.BANKRUPTCY


def test_isolated_margin_is_not_free_to_leave(venue: Venue) -> None:
    account = opened(venue, futures={"USDT": "5000"})
    venue.set_position(account, Position("BTCUSDT", D("1"), D("80000"), 20, isolated_margin=D("4000")))
    assert venue.max_withdraw(account, FUTURES, "USDT") == D("1000")
    with pytest.raises(Refusal) as refused:
        venue.transfer(account, FUTURES, SPOT, "USDT", D("1000.01"))
    assert refused.value.reason is Reason.MARGIN


def test_funding_of_an_isolated_position_is_paid_from_its_margin(venue: Venue) -> None:
    account = opened(venue, futures={"USDT": "5000"})
    venue.set_position(account, Position("BTCUSDT", D("1"), D("80000"), 20, isolated_margin=D("4000")))
    venue.settle_funding("BTCUSDT", D("0.001"))
    assert account.positions["BTCUSDT"].isolated_margin == D("3920")
    assert account.held(FUTURES, "USDT") == D("4920")


def test_coin_margined_positions_answer_with_their_coin_only(venue: Venue) -> None:
    account = opened(venue, coin_futures={"BTC": "0.5"}, futures={"USDT": "1000000"})
    venue.set_position(account, Position("BTCUSD_PERP", D("2000"), D("80000"), 20))
    assert account.positions["BTCUSD_PERP"].inverse
    assert set(venue.reports(account)) == {"futures", "coin_futures:BTC"}
    venue.set_price("BTCUSD_PERP", D("60000"))
    assert not account.positions
    assert account.held(COIN_FUTURES, "BTC") == ZERO
    assert account.held(FUTURES, "USDT") == D("1000000")


def test_with_portfolio_margin_a_hedge_over_both_kinds_survives_what_closes_each_alone(venue: Venue) -> None:
    legs = [
        Position("BTCUSDT", D("-1"), D("80000"), 20),
        Position("BTCUSD_PERP", D("800"), D("80000"), 20),
    ]
    money = {"futures": {"USDT": "5000"}, "coin_futures": {"BTC": "0.06"}}
    apart = opened(venue, name="apart", **money)
    together = opened(venue, name="together", mode=PORTFOLIO_MARGIN, **money)
    for account in (apart, together):
        for leg in legs:
            venue.set_position(account, leg)
    venue.set_base_price("BTC", D("86000"))
    assert "BTCUSDT" not in apart.positions
    assert len(together.positions) == 2
    assert list(venue.reports(together)) == ["portfolio"]
    assert venue.max_withdraw(together, PORTFOLIO, "BTC") == ZERO


def test_both_sides_of_a_hedged_contract_stand_side_by_side(venue: Venue) -> None:
    account = opened(venue, futures={"USDT": "50000"})
    venue.set_position(account, Position("BTCUSDT", D("1"), D("80000"), 10, side="long"))
    venue.set_position(account, Position("BTCUSDT", D("-1"), D("80000"), 10, side="short"))
    assert venue.report(account).unrealised == ZERO
    assert set(account.positions) == {"BTCUSDT:long", "BTCUSDT:short"}


def test_tiers_count_every_part_at_its_own_ratio_and_a_debt_in_full() -> None:
    usdt = tiered("USDT", ("5000000", "1"), ("10000000", "0.9"), (None, "0.8"))
    assert usdt.counted(D("11000000")) == D("10300000")
    assert usdt.counted(D("-5")) == D("-5")
    assert with_haircut("BTC", D("0.05")).counted(D("-1")) == D("-1.05")
    with pytest.raises(ValueError, match="rising"):
        tiered("X", ("10", "1"), ("5", "0.9"))


def test_a_model_refuses_an_asset_it_has_no_rule_for() -> None:
    with pytest.raises(KeyError):
        UsdMargin({}, {}).assess({"DOGE": D("1")}, [], Prices({}, {"DOGE": D("1")}))
