"""The emulated Deribit's margin: published examples to the digit, one account or one for each currency."""

from __future__ import annotations

from decimal import Decimal

import pytest

from emulator.venues.deribit.margin import CROSS, POOL, SEGREGATED, margined
from emulator.venues.deribit.profile import PROFILE
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.positions import Position, unrealised_pnl
from emulator.venues.engine.venue import Venue


@pytest.fixture
def venue() -> Venue:
    return Venue(PROFILE)


def opened(venue: Venue, mode: str, wallet: dict[str, str], *positions: tuple[str, str, str]) -> Account:
    balances = {"margin": {asset: Decimal(amount) for asset, amount in wallet.items()}}
    account = venue.create_account("main", wallets=balances, mode=mode)
    for symbol, quantity, entry in positions:
        venue.set_position(account, Position(symbol, Decimal(quantity), Decimal(entry), 50))
    return account


@pytest.mark.parametrize(
    ("symbol", "size", "mark", "margins"),
    [
        ("BTC_USDC-PERPETUAL", "25", "100000", ("53125", "28125")),
        ("BTC_USDC-PERPETUAL", "-25", "100000", ("53125", "28125")),
        ("BTC_USDC-PERPETUAL", "350", "100000", ("1312500", "962500")),
        ("SOL_USDC-PERPETUAL", "25", "200", ("200.625", "100.625")),
        ("SOL_USDC-PERPETUAL", "6000", "200", ("84000", "60000")),
    ],
)
def test_published_examples_come_out_to_the_digit(
    symbol: str, size: str, mark: str, margins: tuple[str, str]
) -> None:
    line = margined(Position(symbol, Decimal(size), Decimal(mark), 50, settle="USDC"), Decimal(mark))
    assert (line.initial_margin, line.maintenance_margin) == tuple(map(Decimal, margins))


def test_an_inverse_position_s_rate_rises_with_its_size_in_coins() -> None:
    """2,500,000 USD at 100,000: 25 BTC; 2 % + 25 * 0.005 % and 1 % + 25 * 0.005 %."""
    held = Position("BTC-PERPETUAL", Decimal(2_500_000), Decimal(100_000), 50, settle="BTC", inverse=True)
    line = margined(held, Decimal(100_000))
    assert (line.notional, line.initial_margin, line.maintenance_margin) == (
        25,
        Decimal("0.53125"),
        Decimal("0.28125"),
    )


def test_segregated_currencies_do_not_answer_for_each_other(venue: Venue) -> None:
    account = opened(
        venue,
        SEGREGATED,
        {"BTC": "1", "USDC": "1000000"},
        ("BTC-PERPETUAL", "100000", "100000"),
        ("BTC_USDC-PERPETUAL", "-2", "100000"),
    )
    venue.set_base_price("BTC", Decimal(51_000))
    assert [held.symbol for held in account.open_positions()] == ["BTC-PERPETUAL", "BTC_USDC-PERPETUAL"]
    venue.set_base_price("BTC", Decimal(50_000))
    assert [held.symbol for held in account.open_positions()] == ["BTC_USDC-PERPETUAL"]
    assert account.held("margin", "USDC") == 1_000_000


def test_with_cross_collateral_they_do(venue: Venue) -> None:
    account = opened(venue, CROSS, {"BTC": "1", "USDC": "1000000"}, ("BTC-PERPETUAL", "100000", "100000"))
    venue.set_base_price("BTC", Decimal(30_000))
    assert account.open_positions()
    report = venue.report(account)
    loss = unrealised_pnl(account.open_positions()[0], Decimal(30_000))
    assert report.margin_balance == 1_000_000 + (1 + loss) * 30_000


def test_a_currency_outside_the_pool_counts_for_nothing_and_can_be_taken_out(venue: Venue) -> None:
    assert "XRP" not in POOL
    account = opened(venue, CROSS, {"XRP": "1000", "USDC": "100"}, ("SOL_USDC-PERPETUAL", "5", "200"))
    report = venue.report(account)
    assert report.margin_balance == 100
    assert venue.max_withdraw(account, "margin", "XRP") == 1000
    assert venue.max_withdraw(account, "margin", "USDC") == Decimal("59.975")


def test_profit_cannot_be_withdrawn_and_a_loss_counts_at_once(venue: Venue) -> None:
    account = opened(venue, SEGREGATED, {"USDC": "10000"}, ("BTC_USDC-PERPETUAL", "1", "100000"))
    venue.set_base_price("BTC", Decimal(101_000))
    assert venue.max_withdraw(account, "margin", "USDC") == Decimal("8974.95")
    venue.set_base_price("BTC", Decimal(99_000))
    assert venue.max_withdraw(account, "margin", "USDC") == Decimal("7015.05")


@pytest.mark.parametrize(("symbol", "quantity"), [("BTC_USDC-PERPETUAL", "2"), ("BTC_USDC-PERPETUAL", "-2")])
def test_at_its_liquidation_price_a_position_is_at_its_maintenance_margin(
    venue: Venue, symbol: str, quantity: str
) -> None:
    account = opened(venue, SEGREGATED, {"USDC": "30000"}, (symbol, quantity, "100000"))
    price = venue.report(account, "USDC").positions[0].liquidation_price
    assert price is not None
    venue.market.symbols[symbol].set_price(price)
    report = venue.report(account, "USDC")
    assert abs(report.margin_balance - report.maintenance_margin) < Decimal("1e-20")
