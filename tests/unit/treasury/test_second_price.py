"""A venue is not believed alone about prices: others are asked, and the bound is exact."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.policy import policy_world as world
from vault.clock import ManualClock
from vault.config_risk import PriceSettings
from vault.errors import DeniedError, VenueError
from vault.risk.assess import account_risk
from vault.treasury import second_price

MARK, INDEX = Decimal(89_240), Decimal(89_200)


def source(name: str = "other", exchange: str = "bybit", base: str = "BTC") -> PriceSettings:
    facts = {"name": name, "exchange": exchange, "symbol": "BTCUSDT", "base": base}
    return PriceSettings.model_validate({**facts, "url": "http://127.0.0.1:1"})


def desk(prices: dict[str, Any], *sources: PriceSettings, bound: str = "0.01", old: int = 0) -> Any:
    """Prices by source, all of them `old` seconds old (below zero: ahead of our clock)."""
    now_ms = int(world.AT.timestamp() * 1_000)

    def public(name: str, endpoint: str, parameters: Any) -> Any:
        if isinstance(prices[name], Exception):
            raise prices[name]
        line = {"symbol": "BTCUSDT", "markPrice": prices[name]}
        return SimpleNamespace(text=json.dumps({"result": {"list": [line]}, "time": now_ms - 1_000 * old}))

    risk = SimpleNamespace(max_price_difference=Decimal(bound))
    return SimpleNamespace(
        treasury=SimpleNamespace(config=SimpleNamespace(price=sources, risk=risk)),
        venues=SimpleNamespace(public=public),
        risk_parameters=lambda: world.PARAMETERS,
        progress=lambda line: None,
        clock=ManualClock(world.AT),
    )


def test_without_a_source_the_plan_says_that_the_venue_is_believed_alone() -> None:
    found = second_price.compare(desk({}), world.account())
    assert (found.precaution.state, found.risk) == ("unsaid", None)
    assert "word alone" in found.precaution.reason


def test_a_source_that_agrees_is_kept_and_measures_the_need_again() -> None:
    found = second_price.compare(desk({"other": "89240"}, source()), world.account())
    assert found.precaution.state == "kept"
    alone = account_risk(world.account(), world.PARAMETERS)
    assert found.risk is not None and not isinstance(alone, str)
    assert found.risk.stress_excess == alone.stress_excess


def test_a_lower_price_elsewhere_is_a_larger_need_of_a_long_account() -> None:
    lower = second_price.compare(desk({"other": "89000"}, source()), world.account()).risk
    higher = second_price.compare(desk({"other": "89500"}, source()), world.account()).risk
    assert lower is not None and higher is not None
    assert lower.stress_excess < higher.stress_excess


@pytest.mark.parametrize(
    ("said", "agrees"),
    # The index of 89200 and the mark of 89240 must both lie within the bound of what the other says.
    [("90101.01", True), ("90101.02", False), ("88356.44", True), ("88356.43", False)],
)
def test_the_bound_is_a_share_of_the_independent_price_to_the_last_digit(said: str, agrees: bool) -> None:
    other = desk({"other": said}, source())
    if agrees:
        second_price.compare(other, world.account())
        return
    with pytest.raises(DeniedError) as caught:
        second_price.compare(other, world.account())
    assert caught.value.code == "denied.price_disagrees"


def test_one_of_two_sources_that_disagrees_is_enough() -> None:
    other = desk({"other": "89240", "third": "80000"}, source(), source("third", "okx"))
    other.venues.public = _by_name(other.venues.public)
    with pytest.raises(DeniedError):
        second_price.compare(other, world.account())


def _by_name(public: Any) -> Any:
    def ask(name: str, endpoint: str, parameters: Any) -> Any:
        if name != "third":
            return public(name, endpoint, parameters)
        at = int(world.AT.timestamp() * 1_000)
        line = {"instId": "BTCUSDT", "markPx": "80000", "ts": str(at)}
        return SimpleNamespace(text=json.dumps({"data": [line]}))

    return ask


@pytest.mark.parametrize(
    "sources", [(source(exchange="binance"),), (source(base="ETH"),)], ids=["itself", "another coin"]
)
def test_an_exchange_is_no_witness_of_itself_and_a_coin_none_of_another(sources: Any) -> None:
    found = second_price.compare(desk({}, *sources), world.account())
    assert found.precaution.state == "unsaid"


def test_a_source_that_does_not_answer_is_named_and_another_one_asked() -> None:
    silent = VenueError("timeout", "no answer")
    alone = second_price.compare(desk({"other": silent}, source()), world.account())
    assert alone.precaution.state == "unsaid" and "other does not answer" in alone.precaution.reason
    two = desk({"other": silent, "more": "89240"}, source(), source("more"))
    assert second_price.compare(two, world.account()).precaution.state == "kept"


def test_an_account_with_dollars_alone_needs_no_price() -> None:
    import dataclasses

    bare = world.account()
    cash = tuple(each for each in bare.collateral if each.asset == "USDT")
    found = second_price.compare(desk({}), dataclasses.replace(bare, positions=(), collateral=cash))
    assert found.precaution.state == "kept"


@pytest.mark.parametrize("old", [301, -301])
def test_a_price_that_is_not_of_now_is_no_answer(old: int) -> None:
    """A source that stands still agrees with whatever the venue showed then."""
    assert world.PARAMETERS.max_age_seconds == 300
    found = second_price.compare(desk({"other": "89240"}, source(), old=old), world.account())
    assert (found.precaution.state, found.risk) == ("unsaid", None)
    kept = second_price.compare(
        desk({"other": "89240"}, source(), old=old - old // abs(old)), world.account()
    )
    assert kept.precaution.state == "kept"


def test_a_price_without_its_moment_is_no_answer() -> None:
    without = desk({"other": "89240"}, source())
    line = {"symbol": "BTCUSDT", "markPrice": "89240"}
    without.venues.public = lambda *asked: SimpleNamespace(text=json.dumps({"result": {"list": [line]}}))
    assert second_price.compare(without, world.account()).precaution.state == "unsaid"


def test_dollars_that_the_venue_calls_worthless_make_no_need() -> None:
    """Nobody is asked for the price of a dollar: at one dollar the need is less, and the less counts."""
    true = world.account()
    cash = tuple(
        replace(each, price=Decimal("0.5")) if each.asset == "USDT" else each for each in true.collateral
    )
    assert cash != true.collateral
    for sources in ((), (source(),)):
        found = second_price.compare(desk({"other": "89240"}, *sources), replace(true, collateral=cash))
        right = account_risk(true, world.PARAMETERS)
        assert found.risk is not None and not isinstance(right, str)
        assert found.risk.stress_excess == right.stress_excess


def test_a_dollar_within_the_bound_stays_as_the_venue_says() -> None:
    true = world.account()
    cash = tuple(
        replace(each, price=Decimal("0.99")) if each.asset == "USDT" else each for each in true.collateral
    )
    assert second_price.compare(desk({}), replace(true, collateral=cash)).risk is None
