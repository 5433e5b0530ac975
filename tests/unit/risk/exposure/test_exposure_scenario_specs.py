"""A scenario is data with one meaning: what its kind does not take is refused; the usual ones are sound."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from tests.support.margin_books import account, eve_of_the_fall
from vault.codec import decode, encode
from vault.errors import PolicyError
from vault.model import Collateral
from vault.risk.exposure.defaults import DEFAULT_SCENARIOS, HISTORICAL, named
from vault.risk.exposure.scenario import AssetMove, Beta, ScenarioSpec, cases, scaled

D = Decimal
SPEED = D("0.05")
TENTH = D("-0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "earthquake"},
        {"name": "Not A Name"},
        {"name": ""},
        {"reason": "  "},
        {"market": D(-1)},
        {"market": D("NaN")},
        {"hours": D(8)},
        {"drop": D("-0.1")},
        {"assets": ("BTC",)},
        {"prices": (AssetMove("btc", TENTH),)},
        {"prices": (AssetMove("BTC", D(-2)),)},
        {"prices": (AssetMove("BTC", TENTH), AssetMove("BTC", TENTH))},
        {"betas": (Beta("BTC", D(99)),)},
        {"betas": (Beta("BTC", D(1)), Beta("BTC", D(2)))},
        {"ratio_cut": D(2)},
        {"kind": "wick", "ratio_cut": D("0.1")},
        {"kind": "frozen", "market": D(0)},
        {"kind": "frozen", "market": D(0), "hours": D(-1)},
        {"kind": "frozen", "market": D(0), "hours": D(10_000)},
        {"kind": "depeg", "market": D(0)},
        {"kind": "haircut", "market": D(0)},
        {"kind": "day", "both_ways": True},
    ],
)
def test_refuses_a_scenario_without_one_meaning(wrong: dict[str, object]) -> None:
    parts: dict[str, object] = {"name": "x", "kind": "move", "reason": "because", "market": TENTH}
    with pytest.raises(PolicyError):
        ScenarioSpec(**{**parts, **wrong})  # type: ignore[arg-type]


def test_every_usual_scenario_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({spec.name for spec in DEFAULT_SCENARIOS}) == len(DEFAULT_SCENARIOS)
    assert {spec.kind for spec in DEFAULT_SCENARIOS} == {
        "move", "wick", "gap", "day", "depeg", "haircut", "frozen"
    }  # fmt: skip
    assert named(DEFAULT_SCENARIOS, "nothing") is None


def test_a_scenario_survives_being_written_and_read() -> None:
    for spec in DEFAULT_SCENARIOS:
        assert decode(encode(spec), ScenarioSpec) == spec


def test_the_days_that_happened_have_the_published_falls() -> None:
    assert [spec.market for spec in HISTORICAL] == [D("-0.162"), D("-0.101"), D("-0.148")]


def test_a_day_hits_the_venue_where_it_happened() -> None:
    day = HISTORICAL[0]
    held = (Collateral("USDE", D(1), D(1), D(1), None),)
    there = account((), held)
    elsewhere = dataclasses.replace(there, exchange="bybit")
    assert cases(day, there, SPEED)[0].move.share_of("USDE") == D("-0.35")
    assert cases(day, elsewhere, SPEED)[0].move.share_of("USDE") == D("-0.162")


def test_wrapped_ether_at_the_venue_was_far_below_an_ether_that_had_fallen() -> None:
    share = dict(HISTORICAL[0].prices_at("binance"))["WBETH"]
    assert share == (1 - D("0.162")) * D("0.12") - 1


def test_a_day_twice_as_bad_is_twice_every_share_and_never_the_whole_price() -> None:
    twice = scaled(HISTORICAL[0], D(2))
    assert twice.market == D("-0.324")
    assert {each.asset: each.share for each in twice.prices} == {"USDE": D("-0.70"), "WBETH": D("-0.99")}


def test_only_days_are_scaled() -> None:
    wick = named(DEFAULT_SCENARIOS, "wick")
    assert wick is not None
    assert scaled(wick, D(2)) == wick


@pytest.mark.parametrize("factor", ["0", "-1", "5.01", "NaN", "Infinity"])
def test_refuses_a_scale_without_meaning(factor: str) -> None:
    with pytest.raises(PolicyError):
        scaled(HISTORICAL[0], D(factor))


def test_each_pegged_asset_depegs_on_its_own_at_its_own_price() -> None:
    spec = named(DEFAULT_SCENARIOS, "depeg")
    assert spec is not None
    held = tuple(Collateral(a, D(1), D(1), D(1), None) for a in ("USD", "USDT", "USDE", "WBETH", "BTC"))
    found = {case.name: case.move.prices for case in cases(spec, account((), held), SPEED)}
    assert found == {
        "USDT -5 %": (("USDT", D("-0.05")),),
        "USDE -35 %": (("USDE", D("-0.35")),),
        "WBETH -88 %": (("WBETH", D("-0.88")),),
    }


def test_nothing_pegged_is_no_move_and_not_no_scenario() -> None:
    spec = named(DEFAULT_SCENARIOS, "depeg")
    assert spec is not None
    only = account((), (Collateral("BTC", D(1), D(1), D(1), None),))
    assert [case.name for case in cases(spec, only, SPEED)] == ["nothing pegged is held"]


def test_a_frozen_venue_moves_prices_by_hours_times_speed_both_ways_and_no_further_than_99_percent() -> None:
    eve = eve_of_the_fall("14", "89240", "89200")
    spec = ScenarioSpec("f", "frozen", "because", hours=D(3), both_ways=True)
    assert [case.move.market for case in cases(spec, eve, SPEED)] == [D("-0.15"), D("0.15")]
    long = dataclasses.replace(spec, hours=D(100))
    assert [case.move.market for case in cases(long, eve, SPEED)] == [D("-0.99"), D("0.99")]
    other = dataclasses.replace(spec, venue="kraken")
    assert [case.move.market for case in cases(other, eve, SPEED)] == [D(0)]


def test_a_cut_is_of_coins_unless_assets_are_named() -> None:
    held = tuple(Collateral(a, D(1), D(1), D(1), None) for a in ("USDT", "ETH"))
    spec = ScenarioSpec("h", "haircut", "because", ratio_cut=D("0.2"))
    assert cases(spec, account((), held), SPEED)[0].move.ratio_cuts == (("ETH", D("0.2")),)
    named_one = dataclasses.replace(spec, assets=("USDT",))
    assert cases(named_one, account((), held), SPEED)[0].move.ratio_cuts == (("USDT", D("0.2")),)
