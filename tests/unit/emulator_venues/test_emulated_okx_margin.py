"""OKX margin in the emulator: discount tiers, tiers by contracts, currencies alone, forced closing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.positions import Position
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.okx.profile import PROFILE

SWAP, INVERSE = "BTC-USDT-SWAP", "BTC-USD-SWAP"


def number(text: str) -> Decimal:
    return Decimal(text)


@pytest.fixture
def okx() -> Venue:
    made = Venue(PROFILE)
    made.clock.fixed_ms = 1_788_264_000_000
    return made


def account(venue: Venue, mode: str = "multi_currency", **trading: str) -> Account:
    amounts = {asset: number(text) for asset, text in trading.items()}
    return venue.create_account("main", mode=mode, wallets={"trading": amounts})


def hold(venue: Venue, owner: Account, symbol: str, quantity: str, entry: str, **fields: Any) -> None:
    fields = {"leverage": 10, **fields}
    venue.set_position(owner, Position(symbol, number(quantity), number(entry), **fields))


def test_eleven_million_tether_count_for_ten_point_three(okx: Venue) -> None:
    report = okx.report(account(okx, USDT="11000000"))
    assert (report.margin_balance, report.equity) == (10_300_000, 11_000_000)


def test_a_debt_is_not_discounted(okx: Venue) -> None:
    owner = account(okx, BTC="1", USDT="0")
    hold(okx, owner, SWAP, "100", "61000")
    assert okx.report(owner).margin_balance == 58_800 - 1000


@pytest.mark.parametrize(
    ("quantity", "rate"), [("1000", "0.004"), ("1001", "0.01"), ("-5000", "0.01"), ("20001", "0.1")]
)
def test_a_tier_s_rate_holds_for_the_whole_position(okx: Venue, quantity: str, rate: str) -> None:
    owner = account(okx, USDT="100000000")
    hold(okx, owner, SWAP, quantity, "60000", leverage=5)
    notional = abs(number(quantity)) * 600
    report = okx.report(owner)
    assert report.maintenance_margin == notional * number(rate)
    assert report.initial_margin == notional / 5


def test_an_inverse_contract_is_margined_in_its_coin(okx: Venue) -> None:
    owner = account(okx, BTC="1")
    hold(okx, owner, INVERSE, "600", "60000")
    report = okx.report(owner)
    assert report.positions[0].notional == 1
    assert (report.maintenance_margin, report.initial_margin) == (240, 6000)


def test_an_isolated_position_answers_for_itself(okx: Venue) -> None:
    owner = account(okx, USDT="10000")
    hold(okx, owner, SWAP, "100", "60000", isolated_margin=number("6000"))
    report = okx.report(owner)
    assert (report.margin_balance, report.initial_margin, report.maintenance_margin) == (4000, 0, 0)
    # 6,000 less a fall of 1 BTC is 0.4 % of what it is worth there.
    price = report.positions[0].liquidation_price
    assert price is not None
    assert abs(6000 + (price - 60_000) - price * number("0.004")) < number("1e-20")


def test_at_the_liquidation_price_equity_is_the_maintenance_margin(okx: Venue) -> None:
    owner = account(okx, USDT="10000")
    hold(okx, owner, SWAP, "100", "60000")
    price = okx.report(owner).positions[0].liquidation_price
    assert price is not None
    okx.market.symbols[SWAP].mark = price
    report = okx.report(owner)
    assert abs(report.margin_balance - report.maintenance_margin) < number("1e-20")


def test_in_futures_mode_one_currency_does_not_save_another(okx: Venue) -> None:
    owner = account(okx, "futures", USDT="1000", BTC="10")
    hold(okx, owner, SWAP, "100", "60000")
    reports = okx.reports(owner)
    assert set(reports) == {"BTC", "USDT"}
    assert (reports["USDT"].margin_balance, reports["BTC"].margin_balance) == (1000, 600_000)
    okx.set_price(SWAP, number("59200"))
    assert owner.positions == {}
    assert owner.held("trading", "BTC") == 10


def test_in_multi_currency_margin_the_same_fall_closes_nothing(okx: Venue) -> None:
    owner = account(okx, USDT="1000", BTC="10")
    hold(okx, owner, SWAP, "100", "60000")
    okx.set_price(SWAP, number("59200"))
    assert owner.positions != {}


def test_what_positions_need_stays_in_the_trading_account(okx: Venue) -> None:
    owner = account(okx, USDT="10000")
    hold(okx, owner, SWAP, "100", "60000")
    assert okx.max_withdraw(owner, "trading", "USDT") == 4000
    with pytest.raises(Refusal) as caught:
        okx.transfer(owner, "trading", "funding", "USDT", number("4000.01"))
    assert caught.value.reason is Reason.MARGIN
    okx.transfer(owner, "trading", "funding", "USDT", number("4000"))
    assert owner.held("funding", "USDT") == 4000
