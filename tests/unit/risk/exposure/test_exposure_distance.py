"""The distance with betas: the joint one in its limits, the closed form, the cost of falling collateral."""

from __future__ import annotations

import dataclasses
import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.margin_books import account, books, eve_of_the_fall, worked_example
from vault.errors import PolicyError
from vault.model import Bracket, Collateral, MarginAccount, Position
from vault.risk.cascade.ladder import Side
from vault.risk.exposure.distance import (
    closed_form_fall,
    correlated_distance,
    correlated_share,
    distances,
    log_distance,
    net_exposure,
    side_distances,
)
from vault.risk.liquidation import liquidation_price
from vault.risk.stress import joint_distance

D = Decimal
few = settings(max_examples=15, deadline=None)


@few
@given(books)
def test_with_every_beta_one_it_is_the_joint_distance(book: MarginAccount) -> None:
    joint, ours = joint_distance(book), correlated_distance(book)
    # With nearly nothing of a price left, the twelfth digit decides whether it is reached.
    if joint is None or ours is None:
        assert all(each is None or abs(each) > D("0.999999") for each in (joint, ours))
    else:
        assert abs(joint - ours) < D("1e-11")


def one_long(notional: D, rate: D, cash: D, coins_usd: D, ratio: D) -> MarginAccount:
    """A long at entry against dollars and ether that counts at `ratio`; one bracket."""
    long = Position(
        "BTCUSDT", "BTC", "long", D(1), notional, notional, False,
        (Bracket(D(0), None, rate, D(0)),), None, None, settle="USDT",
    )  # fmt: skip
    return account(
        (long,),
        (Collateral("USDT", cash, D(1), D(1), None), Collateral("ETH", coins_usd, D(1), ratio, None)),
    )


@few
@given(
    st.decimals("1000", "1000000", places=2),
    st.decimals("0.004", "0.1", places=3),
    st.decimals("0.05", "0.5", places=2),
    st.decimals("0", "1", places=2),
    st.decimals("0.5", "1", places=2),
    st.decimals("0.5", "2", places=2),
)
def test_the_closed_form_of_one_long_with_correlated_collateral(  # noqa: PLR0917 -- its parameters
    notional: D, rate: D, cash_share: D, coin_share: D, ratio: D, beta: D
) -> None:
    cash, coins = notional * (cash_share + rate), notional * coin_share
    # The loss is settled in dollars: while they last nothing is borrowed, and the line has no kink.
    fall = closed_form_fall(notional, rate, ((cash, D(0)), (coins * ratio, beta)))
    if fall * notional > cash or fall * max(D(1), beta) >= 1:
        return
    found = correlated_distance(one_long(notional, rate, cash, coins, ratio), (("ETH", beta),))
    assert found is not None
    assert abs(-found - fall) < D("1e-11")


def test_the_closed_form_without_collateral_that_falls_is_the_plain_one() -> None:
    """N 100,000, m 1 %, 11,000 dollars: (11,000 - 1,000) / 99,000."""
    cash = closed_form_fall(D(100_000), D("0.01"), ((D(11_000), D(0)),))
    assert cash.quantize(D("1e-12")) == D("0.101010101010")
    # Half of the same margin in a coin that falls alike: 10,000 / 104,500.
    half = closed_form_fall(D(100_000), D("0.01"), ((D(5_500), D(0)), (D(5_500), D(1))))
    assert half.quantize(D("1e-12")) == D("0.095693779904")


def test_refuses_a_closed_form_where_no_fall_liquidates() -> None:
    with pytest.raises(PolicyError):
        closed_form_fall(D(1), D("0.01"), ((D(100), D(-1)),))


def test_the_spiral_is_what_falling_collateral_takes_from_the_distance() -> None:
    found = distances(eve_of_the_fall("14", "89240", "89200"))
    assert found.correlated is not None
    assert found.steady_collateral is not None
    assert found.spiral is not None
    assert abs(found.steady_collateral) > abs(found.correlated)
    assert found.spiral == abs(found.steady_collateral) - abs(found.correlated)


@few
@given(st.decimals("0", "1.5", places=2), st.decimals("0", "0.5", places=2))
def test_a_larger_beta_of_collateral_never_lengthens_a_longs_distance(beta: D, more: D) -> None:
    book = one_long(D(100_000), D("0.01"), D(8_000), D(30_000), D("0.9"))
    near = correlated_distance(book, (("ETH", beta + more),))
    far = correlated_distance(book, (("ETH", beta),))
    assert near is not None
    assert far is not None
    assert abs(near) <= abs(far)


def test_the_worked_examples_distances_are_minus_7_69_jointly_and_13_6_and_17_7_alone() -> None:
    book = worked_example()
    joint = correlated_distance(book)
    assert joint is not None
    assert (joint * 100).quantize(D("0.01")) == D("-7.69")
    alone = []
    for position in book.positions:
        price = liquidation_price(book, position)
        assert price is not None
        alone.append(((price / position.mark_price - 1) * 100).quantize(D("0.1")))
        # The same by betas: every other asset stands still.
        others = tuple((p.base, D(0)) for p in book.positions if p is not position)
        by_beta = correlated_distance(book, others)
        assert by_beta is not None
        assert (by_beta * 100).quantize(D("0.1")) == alone[-1]
    assert alone == [D("-13.6"), D("-17.7")]


def test_both_sides_of_a_short_and_of_nothing() -> None:
    eve = eve_of_the_fall("0", "89240", "89200")
    short = dataclasses.replace(eve.positions[0], side="short")
    held = (Collateral("USDT", D(2_000_000), D(1), D(1), None),)
    fall, rise = side_distances(account((short,), held))
    assert fall is None
    assert rise is not None
    assert rise > 0
    assert side_distances(account((), held)) == (None, None)


def test_an_account_under_water_is_at_distance_zero_and_has_no_spiral() -> None:
    poor = dataclasses.replace(worked_example(), collateral=(Collateral("USDT", D(1), D(1), D(1), None),))
    assert distances(poor).correlated == 0
    assert distances(poor).spiral == 0


def test_log_distance_is_the_move_that_cascades_count_in() -> None:
    assert log_distance(D("-0.1")) == pytest.approx(-math.log(0.9))
    assert log_distance(D("0.1")) == pytest.approx(math.log(1.1))


def test_correlated_collateral_is_what_falls_when_the_positions_lose() -> None:
    eve = eve_of_the_fall("14", "89240", "89200")
    share = correlated_share(eve)
    coins = D(14) * 89_200 * D("0.95")
    assert share == (coins / (coins + 78_167)).quantize(D("1e-6"))
    short = dataclasses.replace(eve, positions=(dataclasses.replace(eve.positions[0], side="short"),))
    assert correlated_share(short) == 0
    assert correlated_share(short, (("BTC", D(1)),)) == 0
    assert correlated_share(eve, (("BTC", D("-0.2")),)) == share  # both turn
    assert correlated_share(account((), ())) is None


def test_net_exposure_nets_longs_and_shorts_by_beta() -> None:
    eve = eve_of_the_fall("14", "89240", "89200")
    assert net_exposure(eve) == D(50) * 89_240
    short = dataclasses.replace(eve.positions[0], side="short", symbol="BTC2")
    assert net_exposure(dataclasses.replace(eve, positions=(*eve.positions, short))) == 0
    assert net_exposure(eve, (("BTC", D("0.5")),)) == D(25) * 89_240


def steep(side: Side, other: Side, cash: int) -> MarginAccount:
    """1 BTC and 1 ETH at 100, one bracket of 1 %; ether moves twice as far as the market."""
    flat = (Bracket(D(0), None, D("0.01"), D(0)),)
    both = tuple(
        Position(f"{base}USDT", base, way, D(1), D(100), D(100), False, flat, None, None, settle="USDT")
        for base, way in (("BTC", side), ("ETH", other))
    )
    return account(both, (Collateral("USDT", D(cash), D(1), D(1), None),))


def test_a_fall_beyond_where_a_steep_asset_is_worth_nothing_still_liquidates() -> None:
    """ETH is gone at -50 % and 100 lost; of 170 the rest is lost when 70 - 100 f = 1 % of 100 (1 - f)."""
    found = correlated_distance(steep("long", "long", 170), (("ETH", D(2)),))
    assert found is not None
    assert (found * 100).quantize(D("0.01")) == (-D(70 - 1) / D("0.99")).quantize(D("0.01"))


def test_a_fall_that_a_deeper_one_would_heal_is_the_one_that_liquidates() -> None:
    """ETH falls twice as fast as the short in BTC gains: gone at about half, there again at nearly all."""
    fall, _ = side_distances(steep("short", "long", 49), (("ETH", D(2)),))
    assert fall is not None
    assert D("-0.5") < fall < D("-0.45")
