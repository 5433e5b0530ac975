"""A move of the world changes an account as prices, marks and ratios say, and refuses what is no move."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.margin_books import account, books, eve_of_the_fall
from vault.errors import PolicyError
from vault.model import Collateral, CollateralTier, MarginAccount
from vault.risk.exposure.move import Move, moved, pegged
from vault.risk.exposure.outcome import at_present_prices
from vault.risk.stress import Scenario, run_scenario

D = Decimal


@given(books, st.decimals("-0.9", "0.9", places=3))
def test_a_common_move_agrees_with_the_joint_scenario(book: MarginAccount, move: D) -> None:
    joint = run_scenario(book, Scenario("joint", move), D(1))
    here = at_present_prices(moved(book, Move(market=move)), "joint", D(1))
    assert abs(here.excess - joint.excess) < D("1e-30")
    assert abs(here.equity - joint.equity) < D("1e-30")


@given(books)
def test_no_move_changes_nothing(book: MarginAccount) -> None:
    assert moved(book, Move()) == book


def test_an_asset_with_a_price_of_its_own_does_not_follow_the_market() -> None:
    move = Move(market=D("-0.1"), prices=(("PAXG", D("-0.02")),))
    assert move.share_of("PAXG") == D("-0.02")
    assert move.share_of("BTC") == D("-0.1")
    assert move.share_of("USDT") == 0


def test_beta_says_how_far_an_asset_follows_and_a_price_never_falls_below_nothing() -> None:
    move = Move(market=D("-0.5"), betas=(("DOGE", D("3")), ("PAXG", D("0.1"))))
    assert move.share_of("DOGE") == -(1 - D("1e-15"))
    assert move.share_of("PAXG") == D("-0.05")


def test_a_soft_dollar_falls_with_the_market_and_does_not_rise_with_it() -> None:
    assert Move(market=D("-0.1")).share_of("USDE") == D("-0.1")
    assert Move(market=D("0.1")).share_of("USDE") == 0


def test_what_is_pegged_rests_on_a_promise() -> None:
    assert pegged("USDT") and pegged("USDE") and pegged("WBETH")
    assert not pegged("USD") and not pegged("BTC")


def test_a_depeg_of_the_quote_leaves_the_mark() -> None:
    there = moved(eve_of_the_fall("14", "89240", "89200"), Move(prices=(("USDT", D("-0.05")),)))
    assert there.positions[0].mark_price == D(89_240)
    assert {item.asset: item.price for item in there.collateral} == {"BTC": D(89_200), "USDT": D("0.95")}


def test_a_cut_takes_its_share_of_every_tier() -> None:
    tiers = (CollateralTier(D(0), D(10), D("0.9")), CollateralTier(D(10), None, D("0.5")))
    held = Collateral("ETH", D(20), D(3_000), D("0.7"), None, tiers=tiers)
    cut = moved(account((), (held,)), Move(ratio_cuts=(("ETH", D("0.2")),))).collateral[0]
    assert cut.ratio == D("0.56")
    assert [tier.ratio for tier in cut.tiers] == [D("0.72"), D("0.4")]


def test_what_the_venue_said_in_totals_stays_its_word() -> None:
    told = dataclasses.replace(eve_of_the_fall("14", "89240", "89200"), equity=D(5))
    assert moved(told, Move(market=D("-0.5"))).equity == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"market": D(-1)},
        {"market": D("NaN")},
        {"market": D("Infinity")},
        {"prices": (("BTC", D("-1.5")),)},
        {"prices": (("BTC", D(1001)),)},
        {"betas": (("BTC", D(11)),)},
        {"betas": (("BTC", D("NaN")),)},
        {"ratio_cuts": (("BTC", D("1.1")),)},
        {"ratio_cuts": (("BTC", D("-0.1")),)},
    ],
)
def test_refuses_what_is_no_move(wrong: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        Move(**wrong)  # type: ignore[arg-type]
