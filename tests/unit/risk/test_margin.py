"""Margin maths against published worked examples, and the traps ratios set."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.model import Bracket, Collateral, CollateralTier, MarginAccount, Position
from vault.risk.contract import bracket_at, bracket_margin, unrealised_pnl
from vault.risk.liquidation import isolated_price, liquidation_price
from vault.risk.margin import contradictions, equity, maintenance_margin, unit_value, unusable

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)

# "Leverage and Margin of USD-M Futures", BTCUSDT as of 2023, with cum worked out by the published recursion.
BTC_BRACKETS = (
    Bracket(D(0), D(50_000), D("0.004"), D(0)),
    Bracket(D(50_000), D(250_000), D("0.005"), D(50)),
    Bracket(D(250_000), D(3_000_000), D("0.01"), D(1_300)),
    Bracket(D(3_000_000), D(20_000_000), D("0.025"), D(46_300)),
    Bracket(D(20_000_000), None, D("0.05"), D(546_300)),
)


def position(  # noqa: PLR0917 -- the columns of the worked example
    symbol: str, base: str, size: str, entry: str, mark: str, rate: str, cum: str
) -> Position:
    brackets = (Bracket(D(0), None, D(rate), D(cum)),)
    return Position(
        symbol, base, "long", D(size), D(entry), D(mark), False, brackets, None, None, settle="USDT"
    )


def account(
    positions: tuple[Position, ...], collateral: tuple[Collateral, ...], **changes: object
) -> MarginAccount:
    made = MarginAccount(
        "a", "binance", "1", D(0), D(0), D(0), None, collateral, positions, AT, AT, 0, (), ()
    )
    told = dataclasses.replace(
        made, equity=equity(made, D(0)), maintenance_margin=maintenance_margin(made, D(0))
    )
    return dataclasses.replace(told, **changes)  # type: ignore[arg-type]


def worked_example() -> MarginAccount:
    """Binance, "How to Calculate Liquidation Price of USD-M Futures Contracts", cross, two positions."""
    return account(
        (
            position("ETHUSDT", "ETH", "3683.979", "1456.84", "1335.18", "0.1", "135365"),
            position("BTCUSDT", "BTC", "109.488", "32481.98", "31967.27", "0.025", "16300"),
        ),
        (Collateral("USDT", D("1535443.01"), D(1), D(1), None),),
    )


def cents(value: D | None) -> D:
    assert value is not None
    return value.quantize(D("0.01"))


def test_cross_liquidation_prices_of_the_worked_example() -> None:
    example = worked_example()
    eth, btc = example.positions
    assert cents(liquidation_price(example, eth)) == D("1153.26")
    assert cents(liquidation_price(example, btc)) == D("26316.89")


def test_isolated_liquidation_prices_of_the_worked_example() -> None:
    eth, btc = worked_example().positions
    assert cents(isolated_price(eth, D("1535443.01"))) == D("1114.78")
    assert cents(isolated_price(btc, D("1535443.01"))) == D("18778.73")


@given(
    size=st.decimals("0.001", "1000", places=3),
    entry=st.decimals("1000", "100000", places=2),
    mark=st.decimals("1000", "100000", places=2),
    cash=st.decimals("1000", "5000000", places=2),
    side=st.sampled_from(["long", "short"]),
)
def test_at_its_liquidation_price_equity_equals_maintenance_margin(
    size: D, entry: D, mark: D, cash: D, side: str
) -> None:
    brackets = (Bracket(D(0), None, D("0.01"), D(0)),)
    made = Position("BTCUSDT", "BTC", side, size, entry, mark, False, brackets, None, None, settle="USDT")  # type: ignore[arg-type]
    held = (Collateral("USDT", cash, D(1), D(1), None),)
    price = liquidation_price(account((made,), held), made)
    if price is None:
        return
    there = account((dataclasses.replace(made, mark_price=price),), held)
    assert abs(equity(there, D(0)) - maintenance_margin(there, D(0))) < D("1e-20")


def test_no_liquidation_price_for_a_position_without_size() -> None:
    flat = dataclasses.replace(worked_example().positions[0], size=D(0))
    assert liquidation_price(worked_example(), flat) is None


@pytest.mark.parametrize(
    ("notional", "margin"),
    [
        ("0", "0"),
        ("50000", "200"),
        ("50000.01", "200.00005"),
        ("250000", "1200"),
        ("3000000", "28700"),
        ("20000000", "453700"),
        ("30000000", "953700"),
    ],
)
def test_maintenance_margin_of_a_bracket_is_notional_times_rate_less_cum(notional: str, margin: str) -> None:
    assert bracket_margin(BTC_BRACKETS, D(notional)) == D(margin)


def test_a_notional_at_a_cap_still_belongs_to_its_bracket() -> None:
    assert bracket_at(BTC_BRACKETS, D(50_000)) is BTC_BRACKETS[0]
    assert bracket_at(BTC_BRACKETS, D("50000.01")) is BTC_BRACKETS[1]


def test_a_notional_beyond_the_last_cap_is_margined_by_the_last_bracket() -> None:
    closed = (*BTC_BRACKETS[:-1], dataclasses.replace(BTC_BRACKETS[-1], cap=D(40_000_000)))
    assert bracket_at(closed, D(10) ** 9) is closed[-1]


@given(st.decimals("0", "40000000", places=2), st.decimals("0", "1000000", places=2))
def test_maintenance_margin_never_falls_when_the_notional_grows(notional: D, more: D) -> None:
    assert bracket_margin(BTC_BRACKETS, notional + more) >= bracket_margin(BTC_BRACKETS, notional)


def test_a_short_gains_what_a_long_loses() -> None:
    long = worked_example().positions[1]
    short = dataclasses.replace(long, side="short")
    assert (
        unrealised_pnl(long, D(30_000)) == -unrealised_pnl(short, D(30_000)) == D("109.488") * D("-2481.98")
    )


def test_collateral_counts_after_its_haircut_and_falls_with_the_market_unless_stable() -> None:
    held = (
        Collateral("BTC", D(2), D(80_000), D("0.95"), None),
        Collateral("USDT", D(1000), D(1), D(1), None),
    )
    assert equity(account((), held), D("-0.1")) == D(2) * D(72_000) * D("0.95") + 1000
    assert unit_value(held[0], D("-0.1")) == D(68_400)
    assert unit_value(held[1], D("-0.1")) == D(1)


def test_a_haircut_never_makes_a_debt_smaller() -> None:
    debt = account((), (Collateral("BTC", D(-1), D(80_000), D("0.95"), None),))
    assert equity(debt, D(0)) == D(-84_000)


def test_a_loss_is_netted_with_the_balance_it_is_settled_in() -> None:
    losing = position("BTCUSDT", "BTC", "1", "90000", "80000", "0.01", "0")
    rich = account((losing,), (Collateral("USDT", D(15_000), D(1), D("0.9"), None),))
    poor = account((losing,), (Collateral("USDT", D(5_000), D(1), D("0.9"), None),))
    assert equity(rich, D(0)) == D(5_000) * D("0.9")
    assert equity(poor, D(0)) == D(-5_000) * D("1.1")


def test_a_position_left_out_of_the_answer_is_a_contradiction() -> None:
    whole = worked_example()
    robbed = dataclasses.replace(whole, positions=whole.positions[:1])
    assert contradictions(whole) == ()
    assert any(flag.startswith("maintenance_mismatch") for flag in contradictions(robbed))


def test_a_balance_left_out_of_the_answer_is_a_contradiction() -> None:
    whole = worked_example()
    robbed = dataclasses.replace(whole, collateral=())
    assert any(flag.startswith("equity_mismatch") for flag in contradictions(robbed))


def test_prices_read_moments_apart_are_no_contradiction() -> None:
    whole = worked_example()
    gross = D(3_683_979) / 1000 * D("1335.18")
    assert contradictions(dataclasses.replace(whole, equity=whole.equity + gross / 1000)) == ()


def test_an_isolated_position_is_named_because_its_margin_is_not_separated() -> None:
    isolated = dataclasses.replace(worked_example().positions[0], isolated=True)
    assert "isolated_position:ETHUSDT" in contradictions(account((isolated,), worked_example().collateral))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"brackets": ()}, "no margin brackets"),
        ({"brackets": (Bracket(D(5), None, D("0.01"), D(0)),)}, "do not join"),
        (
            {"brackets": (Bracket(D(0), D(9), D("0.01"), D(0)), Bracket(D(8), None, D(1), D(0)))},
            "do not join",
        ),
        ({"brackets": (Bracket(D(0), None, D(2), D(0)),)}, "do not join"),
        ({"brackets": (Bracket(D(0), None, D("NaN"), D(0)),)}, "do not join"),
        ({"mark_price": D(0)}, "out of range"),
        ({"mark_price": D("-1")}, "out of range"),
        ({"mark_price": D("NaN")}, "out of range"),
        ({"size": D("Infinity")}, "out of range"),
        ({"size": D("1e30")}, "out of range"),
        ({"settle": ""}, "settled in nothing"),
        ({"settle": "BTC"}, "settled in BTC"),
        ({"inverse": True}, "settled in USDT"),
        ({"inverse": True, "settle": "ETH"}, "settled in ETH"),
        ({"rate_per_unit": D("-0.1")}, "out of range"),
    ],
)
def test_names_a_position_whose_numbers_cannot_be_used(changes: dict[str, object], says: str) -> None:
    bad = dataclasses.replace(worked_example().positions[1], **changes)  # type: ignore[arg-type]
    assert says in (unusable(dataclasses.replace(worked_example(), positions=(bad,))) or "")


@pytest.mark.parametrize(
    "item",
    [
        Collateral("BTC", D(1), D(0), D(1), None),
        Collateral("BTC", D(1), D(1), D("1.01"), None),
        Collateral("BTC", D(1), D(1), D("-0.1"), None),
        Collateral("BTC", D("NaN"), D(1), D(1), None),
        Collateral("BTC", D("1e19"), D(1), D(1), None),
        Collateral("BTC", D(1), D(1), D(1), None, debt_ratio=D("0.5")),
        Collateral("BTC", D(1), D(1), D(1), None, tiers=(CollateralTier(D(1), None, D(1)),)),
        Collateral(
            "BTC",
            D(1),
            D(1),
            D(1),
            None,
            tiers=(CollateralTier(D(0), D(5), D("0.8")), CollateralTier(D(5), None, D("0.9"))),
        ),
    ],
)
def test_names_collateral_whose_numbers_cannot_be_used(item: Collateral) -> None:
    assert "collateral BTC" in (unusable(dataclasses.replace(worked_example(), collateral=(item,))) or "")


def test_a_settlement_asset_of_unknown_price_is_not_taken_for_a_dollar() -> None:
    held = (Collateral("BTC", D(1), D(80_000), D(1), None),)
    reason = unusable(dataclasses.replace(worked_example(), collateral=held))
    assert reason == "position ETHUSDT: its settlement asset is not among the collateral"


def test_an_asset_listed_twice_is_not_counted_twice() -> None:
    held = worked_example().collateral * 2
    assert (
        unusable(dataclasses.replace(worked_example(), collateral=held)) == "collateral USDT is listed twice"
    )
