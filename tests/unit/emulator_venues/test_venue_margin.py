"""The margin engine: Binance's worked example to the digit, brackets, haircuts, what may be withdrawn."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.venues.binance.brackets import BTCUSDT, BTCUSDT_2021, ETHUSDT
from emulator.venues.binance.margin import UsdMargin
from emulator.venues.engine.brackets import BracketTable, table
from emulator.venues.engine.collateral import with_haircut
from emulator.venues.engine.margin import MarginReport, Prices
from emulator.venues.engine.positions import Position, funding_payment

D = Decimal
ETH = Position("ETHUSDT", D("3683.979"), D("1456.84"), 20)
BTC = Position("BTCUSDT", D("109.488"), D("32481.98"), 20)
RULES = UsdMargin(
    {"BTCUSDT": BTCUSDT_2021, "ETHUSDT": ETHUSDT},
    {"USDT": with_haircut("USDT", D(0)), "BTC": with_haircut("BTC", D("0.05"))},
)


def example(fall: str = "0") -> MarginReport:
    """The two-position example of Binance's liquidation price page, all marks lowered by `fall`."""
    left = 1 - D(fall)
    prices = Prices(
        {"ETHUSDT": D("1335.18") * left, "BTCUSDT": D("31967.27") * left},
        {"USDT": D(1), "BTC": D("31967.27") * left},
    )
    return RULES.assess({"USDT": D("1535443.01")}, [ETH, BTC], prices)


def test_worked_example_gives_the_published_liquidation_prices() -> None:
    eth, btc = example().positions
    assert eth.bracket.cum == D("135365")
    assert btc.bracket.cum == D("16300")
    assert eth.liquidation_price is not None
    assert btc.liquidation_price is not None
    assert round(eth.liquidation_price, 2) == D("1153.26")
    assert round(btc.liquidation_price, 2) == D("26316.89")


def test_both_positions_falling_together_are_liquidated_long_before_either_alone() -> None:
    assert not example("0.0769").must_liquidate
    assert example("0.0770").must_liquidate


def test_ten_percent_joint_fall_leaves_the_published_excess() -> None:
    report = example("0.10")
    assert round(report.margin_balance - report.maintenance_margin, 2) == D("-180760.69")


def test_equity_below_zero_gives_the_ratio_that_fools_a_naive_check() -> None:
    report = example("0.15")
    assert report.margin_balance < 0
    assert round(report.maintenance_margin / report.margin_balance, 2) == D("-1.47")
    assert report.must_liquidate


@pytest.mark.parametrize("brackets", [BTCUSDT, BTCUSDT_2021, ETHUSDT])
def test_maintenance_margin_is_continuous_at_every_bracket_border(brackets: BracketTable) -> None:
    for lower, upper in zip(brackets.brackets, brackets.brackets[1:], strict=False):
        border = lower.cap
        assert border * lower.rate - lower.cum == border * upper.rate - upper.cum


def test_cum_of_the_recorded_btcusdt_brackets_is_what_the_venue_answered() -> None:
    answered = ["0", "50", "1300", "46300", "546300", "2546300", "5046300", "8046300", "28046300"]
    assert [row.cum for row in BTCUSDT.brackets[:9]] == [D(text) for text in answered]


def test_refuses_brackets_whose_rates_do_not_rise() -> None:
    with pytest.raises(ValueError, match="rising"):
        table("X", [(20, "100", "0.01"), (10, "200", "0.01")])


def btc_backed(
    balance: str = "2", quantity: str = "5", mark: str = "80000", multi: bool = True
) -> MarginReport:
    rules = UsdMargin({"BTCUSDT": BTCUSDT}, RULES.assets, multi)
    positions = [Position("BTCUSDT", D(quantity), D("80000"), 10)] if D(quantity) else []
    prices = Prices({"BTCUSDT": D(mark)}, {"USDT": D(1), "BTC": D(mark)})
    return rules.assess({"BTC": D(balance), "USDT": D("1000")}, positions, prices)


def test_btc_collateral_counts_after_its_haircut() -> None:
    report = btc_backed()
    assert report.margin_balance == D("153000")
    assert report.equity == D("161000")
    assert report.maintenance_margin == D("2700")


def test_btc_collateral_falls_with_the_position_it_backs() -> None:
    at_shown_price = btc_backed(mark="50000")
    assert at_shown_price.must_liquidate
    # The price the venue shows holds collateral still, so the account fails above it.
    shown = btc_backed().positions[0].liquidation_price
    assert shown is not None
    assert btc_backed(mark=str(round(shown + 4000))).must_liquidate


def test_single_asset_mode_does_not_count_btc() -> None:
    report = btc_backed(multi=False, quantity="0.1")
    assert report.margin_balance == D("1000")
    btc = next(line for line in report.assets if line.asset == "BTC")
    assert btc.max_withdraw == D("2")


def test_debt_is_charged_above_the_index_where_the_asset_has_a_haircut() -> None:
    rules = UsdMargin({}, {"BTC": with_haircut("BTC", D("0.05"))})
    report = rules.assess({"BTC": D("-1")}, [], Prices({}, {"BTC": D("100")}))
    assert report.margin_balance == D("-105")


def test_account_fails_when_the_balance_only_equals_the_requirement() -> None:
    rules = UsdMargin({"BTCUSDT": BTCUSDT}, RULES.assets)
    position = Position("BTCUSDT", D("1"), D("40000"), 100)
    prices = Prices({"BTCUSDT": D("40000")}, {"USDT": D(1)})
    report = rules.assess({"USDT": D("160")}, [position], prices)
    assert report.maintenance_margin == D("160")
    assert report.must_liquidate
    assert not rules.assess({"USDT": D("160.00000001")}, [position], prices).must_liquidate


def test_account_without_positions_may_withdraw_its_last_satoshi() -> None:
    report = btc_backed(balance="1.23456789", quantity="0", mark="79999.97")
    withdrawable = {line.asset: line.max_withdraw for line in report.assets}
    assert withdrawable == {"BTC": D("1.23456789"), "USDT": D("1000")}


@given(
    balance=st.decimals("0.00000001", "100", places=8),
    mark=st.decimals("1000", "200000", places=2),
    quantity=st.decimals("-20", "20", places=3),
)
def test_taking_out_the_maximum_never_leaves_less_than_the_initial_margin(
    balance: Decimal, mark: Decimal, quantity: Decimal
) -> None:
    rules = UsdMargin({"BTCUSDT": BTCUSDT}, RULES.assets)
    positions = [Position("BTCUSDT", quantity, D("60000"), 10)] if quantity else []
    prices = Prices({"BTCUSDT": mark}, {"USDT": D(1), "BTC": mark})
    before = rules.assess({"BTC": balance, "USDT": D(0)}, positions, prices)
    most = next(line.max_withdraw for line in before.assets if line.asset == "BTC")
    assert 0 <= most <= balance
    if most:
        after = rules.assess({"BTC": balance - most, "USDT": D(0)}, positions, prices)
        assert after.margin_balance >= after.initial_margin


def test_long_pays_and_short_receives_positive_funding() -> None:
    long, short = Position("BTCUSDT", D("5"), D("1"), 1), Position("BTCUSDT", D("-5"), D("1"), 1)
    assert funding_payment(long, D("80000"), D("0.0003")) == D("-120")
    assert funding_payment(short, D("80000"), D("0.0003")) == D("120")


def test_a_short_is_liquidated_above_its_entry() -> None:
    rules = UsdMargin({"BTCUSDT": BTCUSDT}, RULES.assets)
    prices = Prices({"BTCUSDT": D("80000")}, {"USDT": D(1)})
    report = rules.assess({"USDT": D("40000")}, [Position("BTCUSDT", D("-1"), D("80000"), 10)], prices)
    price = report.positions[0].liquidation_price
    assert price is not None
    assert round(price, 8) == round((D("40000") + 50 + 80000) / D("1.005"), 8)
