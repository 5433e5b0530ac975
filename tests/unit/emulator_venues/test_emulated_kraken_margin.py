"""Kraken's margin rules: haircuts, marginal levels, contracts of both kinds, forced closing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.positions import Position
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.kraken.margin import CASH, FLEX
from emulator.venues.kraken.profile import PROFILE

D = Decimal


def venue_with(*positions: Position, **flex: str) -> tuple[Venue, Account]:
    venue = Venue(PROFILE)
    wallets = {FLEX: {asset: D(amount) for asset, amount in flex.items()}}
    account = venue.create_account("main", wallets=wallets)
    for position in positions:
        venue.set_position(account, position)
    return venue, account


def linear(quantity: str, entry: str = "60000", **more: D) -> Position:
    return Position("PF_XBTUSD", D(quantity), D(entry), 10, **more)


def inverse(quantity: str, entry: str = "60000") -> Position:
    return Position("PI_XBTUSD", D(quantity), D(entry), 10)


def test_collateral_counts_after_its_haircut_and_profit_in_full() -> None:
    venue, account = venue_with(linear("2", "59000"), BTC="1", USD="1000", USDT="1000")
    report = venue.report(account)
    assert report.facts["collateral_value"] == D("58200") + 1000 + 995
    assert report.margin_balance == D("60195") + 2000
    assert (report.wallet_balance, report.equity) == (62_000, 64_000)


def test_margin_is_marginal_over_the_levels() -> None:
    """Kraken's own words: the rate of a level holds for the part of the position within it."""
    venue, account = venue_with(linear("10"), USD="100000")
    report = venue.report(account)
    # 600,000: 500,000 at 1 % and 100,000 at 2 %; initial margin is twice that.
    assert (report.maintenance_margin, report.initial_margin) == (7000, 14_000)
    assert report.available == 86_000


@given(st.integers(1, 20_000_000))
def test_the_requirement_of_an_inverse_contract_is_constant_in_dollars(contracts: int) -> None:
    venue, account = venue_with(inverse(str(contracts)), BTC="100000")
    before = venue.report(account).maintenance_margin
    venue.set_base_price("BTC", D(37_000))
    after = venue.report(account).maintenance_margin
    assert abs(before - after) < D("1e-20")


def test_an_inverse_contract_settles_in_its_coin() -> None:
    venue, account = venue_with(inverse("120000", "40000"), BTC="1")
    venue.set_base_price("BTC", D(50_000))
    line = venue.report(account).asset("BTC")
    assert line is not None
    # 120,000 / 40,000 - 120,000 / 50,000, and both coins count after their haircut.
    assert line.unrealised == D("0.6")
    assert venue.report(account).margin_balance == D("1.6") * D("48500")


def test_positions_bind_what_may_leave_and_an_empty_account_binds_nothing() -> None:
    venue, account = venue_with(linear("10"), BTC="1", USD="10000")
    # 68,200 counted, 14,000 needed: 54,200 free, and a bitcoin counts 58,200.
    assert venue.max_withdraw(account, FLEX, "BTC") == D("0.93127147")
    with pytest.raises(Refusal) as caught:
        venue.transfer(account, FLEX, CASH, "BTC", D("0.94"))
    assert caught.value.reason is Reason.MARGIN
    venue.transfer(account, FLEX, CASH, "BTC", D("0.93"))
    free, owner = venue_with(BTC="1")
    assert free.max_withdraw(owner, FLEX, "BTC") == 1


def test_an_isolated_position_answers_for_itself() -> None:
    venue, account = venue_with(linear("1", isolated_margin=D(6000)), USD="10000")
    report = venue.report(account)
    assert (report.maintenance_margin, report.margin_balance) == (ZERO, 4000)
    assert report.positions[0].maintenance_margin == 600
    venue.set_base_price("BTC", D(54_500))
    assert account.positions == {}
    assert account.held(FLEX, "USD") >= 3_000


def test_an_account_below_its_maintenance_margin_is_closed_and_one_above_is_not() -> None:
    venue, account = venue_with(linear("10"), USD="20000")
    venue.set_base_price("BTC", D(58_700))
    assert account.positions
    venue.set_base_price("BTC", D(58_600))
    assert account.positions == {}
    assert account.liquidations[0].symbol == "PF_XBTUSD"


def test_only_the_ways_that_kraken_has_are_ways() -> None:
    venue, account = venue_with(BTC="1")
    for target in ("spot", "flex"):
        with pytest.raises(Refusal) as caught:
            venue.transfer(account, FLEX, target, "BTC", D("0.5"))
        assert caught.value.reason is Reason.NO_ROUTE
    venue.transfer(account, FLEX, CASH, "BTC", D("0.5"))
    venue.transfer(account, CASH, "spot", "BTC", D("0.5"))
    assert account.held("spot", "BTC") == D("0.5")


def test_what_is_no_collateral_does_not_enter_the_margin() -> None:
    venue, account = venue_with(BTC="1")
    account.credit(CASH, "XRP", D(100), 0)
    with pytest.raises(Refusal) as caught:
        venue.transfer(account, CASH, FLEX, "XRP", D(50))
    assert caught.value.reason is Reason.UNKNOWN_ASSET
