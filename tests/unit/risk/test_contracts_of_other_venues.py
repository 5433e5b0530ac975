"""Published worked examples of Bybit, Deribit and OKX, to the digit; inverse contracts; haircut tiers."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vault.model import Bracket, Collateral, CollateralTier, MarginAccount, Position
from vault.risk.contract import position_margin, unrealised_pnl
from vault.risk.haircut import counted_units
from vault.risk.liquidation import (
    bankruptcy_price,
    isolated_price,
    isolated_price_by_entry,
    liquidation_price,
)
from vault.risk.margin import contradictions, equity, maintenance_margin

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)
CENT = D("0.01")


def flat(rate: str) -> tuple[Bracket, ...]:
    return (Bracket(D(0), None, D(rate), D(0)),)


def linear(size: str, price: str, rate: str, *, slope: str = "0", base: str = "BTC") -> Position:
    return Position(
        f"{base}_USDC",
        base,
        "long",
        D(size),
        D(price),
        D(price),
        False,
        flat(rate),
        None,
        None,
        settle="USDC",
        rate_per_unit=D(slope),
    )


def inverse(size: str, entry: str, mark: str, rate: str, side: Literal["long", "short"] = "long") -> Position:
    return Position(
        "BTCUSD",
        "BTC",
        side,
        D(size),
        D(entry),
        D(mark),
        False,
        flat(rate),
        None,
        None,
        settle="BTC",
        inverse=True,
    )


def account(exchange: str, position: Position, *held: Collateral) -> MarginAccount:
    return MarginAccount("a", exchange, "1", D(0), D(0), D(0), None, held, (position,), AT, AT, 0, (), ())


def test_bybit_isolated_linear_example() -> None:
    """1 BTC at 20,000 with 50x and 0.5 %: 20,000 * (1 - 2 % + 0.5 %) = 19,700."""
    position = dataclasses.replace(linear("1", "20000", "0.005"), isolated=True, isolated_margin=D(400))
    held = Collateral("USDC", D(400), D(1), D(1), None)
    assert liquidation_price(account("bybit", position, held), position) == D(19_700)


def test_bybit_isolated_inverse_example() -> None:
    """60,000 USD at 50,000 with 10x and 0.5 %: 60,000 / (1.2 + (0.12 - 0.006))."""
    position = inverse("60000", "50000", "50000", "0.005")
    price = isolated_price_by_entry(position, D("0.12"))
    assert price is not None
    assert price.quantize(CENT) == (D(60_000) / D("1.314")).quantize(CENT) == D("45662.10")


def test_bybit_inverse_bankruptcy_example() -> None:
    """0.5 BTC, long 10,000 contracts at 8,000, taker fee 0.075 %."""
    price = bankruptcy_price(inverse("10000", "8000", "8000", "0.005"), D("0.5"), D("0.00075"))
    assert price is not None
    assert price.quantize(CENT) == D("5718.57")


@given(
    size=st.decimals("100", "100000", places=0),
    entry=st.decimals("1000", "100000", places=2),
    share=st.decimals("0.01", "0.9", places=2),
    fee=st.sampled_from([D(0), D("0.00055"), D("0.00075")]),
    side=st.sampled_from(["long", "short"]),
    coin_settled=st.booleans(),
)
def test_closing_at_the_bankruptcy_price_leaves_nothing(  # noqa: PLR0917
    size: D, entry: D, share: D, fee: D, side: Literal["long", "short"], coin_settled: bool
) -> None:
    made = inverse("1", "1", "1", "0.01") if coin_settled else linear("1", "1", "0.01")
    position = dataclasses.replace(made, size=size, entry_price=entry, mark_price=entry, side=side)
    balance = share * (size / entry if coin_settled else size * entry)
    price = bankruptcy_price(position, balance, fee)
    assume(price is not None)
    assert price is not None
    value = size / price if coin_settled else size * price
    left = balance + unrealised_pnl(position, price) - value * fee
    assert abs(left) < D("1e-15") * (1 + balance)


@pytest.mark.parametrize(
    ("base", "size", "price", "rate", "slope", "margin"),
    [
        ("BTC", "25", "100000", "0.02", "0.00005", "53125"),
        ("BTC", "350", "100000", "0.02", "0.00005", "1312500"),
        ("BTC", "25", "100000", "0.01", "0.00005", "28125"),
        ("SOL", "25", "200", "0.04", "0.000005", "200.625"),
        ("SOL", "6000", "200", "0.04", "0.000005", "84000"),
        ("SOL", "25", "200", "0.02", "0.000005", "100.625"),
    ],
)
def test_deribit_margin_rates_rise_with_size(  # noqa: PLR0917  the columns of the published table
    base: str, size: str, price: str, rate: str, slope: str, margin: str
) -> None:
    position = linear(size, price, rate, slope=slope, base=base)
    assert position_margin(position, D(price)) == D(margin)


def test_okx_discount_tiers_are_marginal() -> None:
    """11M at 1 up to 5M, 0.9 up to 10M and 0.8 beyond counts 10.3M."""
    tiers = (
        CollateralTier(D(0), D(5_000_000), D(1)),
        CollateralTier(D(5_000_000), D(10_000_000), D("0.9")),
        CollateralTier(D(10_000_000), None, D("0.8")),
    )
    item = Collateral("USDT", D(11_000_000), D(1), D("0.94"), None, tiers=tiers)
    assert counted_units(item, item.balance) == D(10_300_000)


def test_a_debt_is_not_discounted_by_tiers() -> None:
    tiers = (CollateralTier(D(0), None, D("0.5")),)
    item = Collateral("BTC", D(-2), D(80_000), D("0.5"), None, tiers=tiers, debt_ratio=D(1))
    assert counted_units(item, item.balance) == D(-2)


def test_what_lies_beyond_the_last_tier_counts_nothing() -> None:
    item = Collateral("BTC", D(9), D(1), D(1), None, tiers=(CollateralTier(D(0), D(4), D("0.9")),))
    assert counted_units(item, D(9)) == D("3.6")


def test_an_inverse_long_loses_coins_faster_than_the_price_falls() -> None:
    position = inverse("100000", "100000", "100000", "0.01")
    assert unrealised_pnl(position, D(50_000)) == D(-1)
    assert unrealised_pnl(dataclasses.replace(position, side="short"), D(50_000)) == D(1)


@given(
    size=st.decimals("1000", "1000000", places=0),
    entry=st.decimals("1000", "100000", places=2),
    mark=st.decimals("1000", "100000", places=2),
    coins=st.decimals("0.01", "50", places=8),
    side=st.sampled_from(["long", "short"]),
)
def test_at_its_liquidation_price_an_inverse_position_has_its_maintenance_margin(
    size: D, entry: D, mark: D, coins: D, side: Literal["long", "short"]
) -> None:
    position = dataclasses.replace(inverse("1", "1", "1", "0.01"), size=size, entry_price=entry, side=side)
    position = dataclasses.replace(position, mark_price=mark)
    price = isolated_price(position, coins)
    assume(price is not None)
    assert price is not None
    left = coins + unrealised_pnl(position, price) - position_margin(position, price)
    assert abs(left) < D("1e-20") * max(D(1), size)


def test_dollars_of_an_inverse_position_are_those_of_its_coins() -> None:
    position = inverse("800000", "80000", "80000", "0.01")
    book = account("deribit", position, Collateral("BTC", D(5), D(80_000), D(1), None))
    fallen = D("-0.25")
    coins = D(5) + unrealised_pnl(position, D(60_000))
    assert abs(equity(book, fallen) - coins * D(60_000)) < D("1e-20")
    # 800,000 USD at 1 %, whatever the coin is worth.
    assert abs(maintenance_margin(book, fallen) - D(8_000)) < D("1e-20")


def test_an_isolated_position_takes_its_margin_out_of_what_the_others_share() -> None:
    isolated = dataclasses.replace(
        linear("1", "80000", "0.01"), isolated=True, isolated_margin=D(10_000), mark_price=D(75_000)
    )
    book = account("binance", isolated, Collateral("USDC", D(30_000), D(1), D(1), None))
    assert equity(book, D(0)) == D(20_000)
    assert maintenance_margin(book, D(0)) == D(0)
    # Venues count it in their totals, or leave it out: both fit, anything else does not.
    for said, margin in ((D(25_000), D(750)), (D(20_000), D(0))):
        assert contradictions(dataclasses.replace(book, equity=said, maintenance_margin=margin)) == ()
    said_too_much = dataclasses.replace(book, equity=D(30_000), maintenance_margin=D(750))
    assert any(flag.startswith("equity_mismatch") for flag in contradictions(said_too_much))


@pytest.mark.parametrize(("theirs", "flagged"), [("19700", False), ("19000", True), ("200000", False)])
def test_a_liquidation_price_beyond_the_bound_is_a_contradiction(theirs: str, flagged: bool) -> None:
    position = dataclasses.replace(
        linear("1", "20000", "0.005"),
        isolated=True,
        isolated_margin=D(400),
        venue_liquidation_price=D(theirs),
    )
    book = account("bybit", position, Collateral("USDC", D(400), D(1), D(1), None))
    book = dataclasses.replace(book, equity=D(400), maintenance_margin=D(100))
    assert any(flag.startswith("liquidation_price_mismatch") for flag in contradictions(book)) == flagged
