"""Bybit's margin rules: the published examples to the digit, tiers, close fees, modes, forced closing."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.venues.bybit.margin import (
    ISOLATED,
    PORTFOLIO,
    REGULAR,
    close_fee,
    inverse_bankruptcy,
    removable,
)
from emulator.venues.bybit.profile import PROFILE, collateral
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.collateral import tiered
from emulator.venues.engine.exact import ONE, ZERO
from emulator.venues.engine.positions import Position
from emulator.venues.engine.venue import Venue

D = Decimal


def venue_with(
    *positions: Position, mode: str = REGULAR, btc: str = "20000", **unified: str
) -> tuple[Venue, Account]:
    venue = Venue(PROFILE)
    venue.set_base_price("BTC", D(btc))
    wallets = {"unified": {asset: D(amount) for asset, amount in unified.items()}}
    account = venue.create_account("main", wallets=wallets, mode=mode)
    for position in positions:
        venue.set_position(account, position)
    return venue, account


def long(symbol: str = "BTCUSDT", quantity: str = "1", entry: str = "20000", leverage: int = 50) -> Position:
    return Position(symbol, D(quantity), D(entry), leverage)


def test_the_published_isolated_liquidation_price() -> None:
    """Bybit "Liquidation Price (USDT Contract)": 1 BTC at 20,000, 50x, 0.5 % -> 19,700."""
    venue, account = venue_with(long(), mode=ISOLATED, USDT="1000")
    (line,) = venue.report(account).positions
    assert (line.liquidation_price, line.initial_margin, line.maintenance_margin) == (19700, 400, 100)


def test_an_isolated_position_is_closed_at_that_price_and_not_above_it() -> None:
    venue, account = venue_with(long(), mode=ISOLATED, USDT="1000")
    venue.set_base_price("BTC", D("19700.01"))
    assert account.open_positions()
    venue.set_base_price("BTC", D("19700"))
    assert not account.open_positions()
    assert account.held("unified", "USDT") > D("350")  # no more than its own margin and the fee are gone


def test_the_published_inverse_bankruptcy_price() -> None:
    """Bybit "Bankruptcy Price (Inverse Contract)": 10,000 USD at 8,000, 0.5 BTC behind it, taker 0.075 %."""
    price = inverse_bankruptcy(D(10000), D(8000), D("0.5"), ONE, D("0.00075"))
    assert price.quantize(D("0.01")) == D("5718.57")


@pytest.mark.parametrize(
    ("quantity", "leverage", "fee"),
    [("1", 50, "10.78"), ("-1", 50, "11.22"), ("1", 1, "0")],
)
def test_the_fee_to_close_is_taken_at_the_bankruptcy_price(quantity: str, leverage: int, fee: str) -> None:
    assert close_fee(long(quantity=quantity, leverage=leverage)) == D(fee)


def test_an_inverse_short_without_leverage_cannot_be_ruined() -> None:
    position = Position("BTCUSD", D("-100"), D(20000), 1, settle="BTC", inverse=True)
    assert close_fee(position) == 0


def test_cross_margins_hold_the_fee_and_counts_collateral_by_tiers() -> None:
    venue, account = venue_with(long(), BTC="2", USDT="500")
    report = venue.report(account)
    assert report.wallet_balance == 2 * 20000 * D("0.95") + 500
    assert report.margin_balance == report.wallet_balance
    assert report.initial_margin == 400 + D("10.78")
    assert report.maintenance_margin == 100 + D("10.78")
    assert report.equity == 40500


def test_a_debt_counts_in_full_and_profit_is_not_discounted() -> None:
    venue, account = venue_with(long("BTCUSD", "10000"), BTC="1")
    venue.set_base_price("BTC", D("25000"))
    report = venue.report(account)
    profit = D(10000) * (ONE / 20000 - ONE / 25000)
    assert abs(report.unrealised - profit * 25000) < D("1e-20")
    account.wallets["unified"]["USDT"] = D("-1000")
    assert report.wallet_balance - venue.report(account).wallet_balance == 1000


def test_the_cross_liquidation_price_is_where_it_happens_when_nothing_else_moves() -> None:
    venue, account = venue_with(long("BTCUSDT", "2", "20000", 10), USDT="6000")
    (line,) = venue.report(account).positions
    price = line.liquidation_price
    assert price is not None
    venue.set_price("BTCUSDT", price + D("0.01"))
    assert account.open_positions()
    venue.set_price("BTCUSDT", price - D("0.01"))
    assert not account.open_positions()


def test_portfolio_margin_names_no_liquidation_price() -> None:
    venue, account = venue_with(long(), mode=PORTFOLIO, USDT="1000")
    assert venue.report(account).positions[0].liquidation_price is None


def test_money_that_margin_needs_cannot_leave_the_unified_wallet() -> None:
    venue, account = venue_with(long(), USDT="1000")
    assert venue.max_withdraw(account, "unified", "USDT") == D("589.22")
    account.wallets["unified"]["BTC"] = D(1)
    assert venue.max_withdraw(account, "unified", "USDT") == 1000
    assert venue.max_withdraw(account, "unified", "BTC") == 1


@given(
    st.decimals(min_value="0", max_value="2000", places=4),
    st.decimals(min_value="0", max_value="2000", places=4),
)
def test_what_may_be_removed_never_costs_more_than_what_is_free(balance: Decimal, worth: Decimal) -> None:
    rule = collateral()["BTC"]
    gone = removable(rule, balance, worth)
    assert 0 <= gone <= balance
    lost = rule.counted(balance) - rule.counted(balance - gone)
    assert lost <= worth + D("1e-20")  # the test's own sums have 28 digits
    assert gone == balance or worth - lost < D("1e-20") or rule.tiers[-1].ratio == ZERO


def test_what_counts_for_nothing_may_always_go() -> None:
    rule = tiered("XRP", ("100", "0.5"), (None, "0"))
    assert removable(rule, D(150), ZERO) == 50


def test_a_recorded_position_has_the_margins_the_rules_give_it(shared_dir: Path) -> None:
    """1.2 LTC at 6x and 1 %, at the entry price: value / leverage and value * rate, each plus the fee."""
    path = shared_dir / "fixtures" / "ccxt" / "response" / "bybit.json"
    if not path.is_file():
        pytest.skip(f"no recorded answers at {path}")
    answer = json.loads(path.read_text())["methods"]["fetchPositions"][1]["httpResponse"]
    line = answer["result"]["list"][0]
    position = Position("LTCUSDT", D(line["size"]), D(line["avgPrice"]), int(line["leverage"]))
    fee, value = close_fee(position), D(line["positionValue"])
    assert abs(value / position.leverage + fee - D(line["positionIM"])) < D("0.000001")
    assert abs(value * D("0.01") + fee - D(line["positionMM"])) < D("0.000001")
