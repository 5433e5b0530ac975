"""Lead times are nearest ranks of what was recorded; what is made of them follows one formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy import policy_world as world
from vault.clock import ManualClock, to_iso
from vault.model import AccountRisk
from vault.risk.assess import account_risk
from vault.risk.stress import GREATEST_MOVE, Scenario, run_scenario
from vault.store import venues as known
from vault.store.database import Store
from vault.store.records import IntentRow
from vault.store.venues import Way
from vault.treasury import lead_times
from vault.treasury.plan import Expected

WAY = Way("trading", "BTC", "BTC", "withdraw")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'v.db'}", "ours", ManualClock(world.AT), create=True) as opened:
        yield opened


def step(client_id: str, began: timedelta) -> IntentRow:
    facts = f'{{"first_submitted_at":"{to_iso(world.AT - began)}"}}'
    return IntentRow(client_id, "p", 1, 1, "withdraw", "sent", to_iso(world.AT), "", "", facts)


def keep(store: Store, *seconds: int, way: Way = WAY) -> None:
    with store.write() as writer:
        for number, each in enumerate(seconds):
            made = step(
                f"{way.direction}{way.venue}{way.asset}{way.network}{number}", timedelta(seconds=each)
            )
            lead_times.record(writer, way, made, world.AT)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.sampled_from([1, 50, 95, 100]))
def test_a_percentile_is_the_least_record_that_so_many_do_not_exceed(seconds: list[int], share: int) -> None:
    found = lead_times.percentile(seconds, share)
    enough = [each for each in seconds if 100 * sum(s <= each for s in seconds) >= share * len(seconds)]
    assert found == min(enough)


def test_what_is_recorded_replaces_what_the_venue_says(store: Store) -> None:
    with store.read() as connection:
        before = lead_times.expected(connection, WAY, 3, "bitcoin")
    assert before == Expected(None, 1800, 0, "no record yet: this treasury waits for 3 confirmations")
    keep(store, *range(1, 21))
    with store.read() as connection:
        after = lead_times.expected(connection, WAY, 0, "bitcoin")
        bound = lead_times.expected(connection, WAY, 3, "bitcoin")
    assert after == Expected(10, 19, 20, "recorded here")
    assert bound == Expected(10, 1800, 20, "recorded here"), "confirmations take their time"


@pytest.mark.parametrize(
    "other",
    [
        replace(WAY, venue="hedge"),
        replace(WAY, asset="ETH"),
        replace(WAY, network="LN"),
        replace(WAY, direction="deposit"),
    ],
)
def test_each_way_has_records_of_its_own(store: Store, other: Way) -> None:
    keep(store, 100, way=other)
    keep(store, 5)
    with store.read() as connection:
        assert known.lead_times(connection, WAY) == [5]
        assert lead_times.expected(connection, WAY, 0, "bitcoin").p95_seconds == 5
        assert set(known.known_ways(connection)) == {WAY, other}


def test_a_step_is_recorded_once_and_from_its_first_attempt_on(store: Store) -> None:
    with store.write() as writer:
        lead_times.record(writer, WAY, step("v", timedelta(hours=2)), world.AT)
        lead_times.record(writer, WAY, step("v", timedelta(hours=9)), world.AT)
    with store.read() as connection:
        assert known.lead_times(connection, WAY) == [7200]


@pytest.mark.parametrize("seconds", [-30, 0])
def test_a_clock_that_went_back_is_no_duration(store: Store, seconds: int) -> None:
    keep(store, seconds)
    with store.read() as connection:
        assert known.lead_times(connection, WAY) == []


def test_an_unknown_chain_is_taken_for_the_slowest(store: Store) -> None:
    with store.read() as connection:
        assert lead_times.expected(connection, WAY, 2, "?").p95_seconds == 2 * lead_times.SLOWEST_BLOCK


# -- time to liquidation and float --------------------------------------------------------------------


def risk(**changes: Any) -> AccountRisk:
    found = account_risk(world.account(), world.PARAMETERS)
    assert not isinstance(found, str)
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("distance", "speed", "seconds"),
    [("-0.10", "0.05", 7200), ("0.05", "0.05", 3600), ("-0.0001", "0.05", 7), ("0", "0.05", 0)],
)
def test_time_to_liquidation_is_distance_over_speed(distance: str, speed: str, seconds: int) -> None:
    found = risk(joint_distance=Decimal(distance))
    assert lead_times.seconds_to_liquidation(found, Decimal(speed)) == seconds


def test_an_account_that_is_at_its_maintenance_margin_has_no_time_left() -> None:
    gone = risk(equity=Decimal(5), maintenance_margin=Decimal(5), joint_distance=None)
    assert lead_times.seconds_to_liquidation(gone, Decimal("0.05")) == 0
    assert lead_times.seconds_to_liquidation(risk(joint_distance=None), Decimal("0.05")) is None


def test_the_float_is_what_an_adverse_move_over_the_p95_takes_away() -> None:
    account = world.account()
    wait = Expected(None, 3600, 0, "said")
    found = lead_times.operating_float(account, wait, world.PARAMETERS, Decimal("0.05"))

    def excess(move: str) -> Decimal:
        return run_scenario(account, Scenario("m", Decimal(move)), Decimal(1)).excess

    assert found.move == Decimal("0.05")
    assert found.need == excess("0") - min(excess("-0.05"), excess("0.05"))
    assert found.free == found.excess - found.need
    assert found.need > 0


def test_a_float_over_no_time_is_nothing_and_over_weeks_it_is_bounded() -> None:
    def need(seconds: int) -> lead_times.OperatingFloat:
        wait = Expected(1, seconds, 9, "recorded here")
        return lead_times.operating_float(world.account(), wait, world.PARAMETERS, Decimal("0.05"))

    assert need(0).need == 0
    assert need(10**6).move == GREATEST_MOVE
    assert need(7200).need > need(3600).need


def test_the_report_names_what_it_cannot_say(store: Store) -> None:
    keep(store, 60)
    policy, _ = world.policy()
    desk: Any = SimpleNamespace(
        store=store,
        treasury=SimpleNamespace(
            config=SimpleNamespace(risk=SimpleNamespace(adverse_move_per_hour=Decimal("0.05"))),
            venue=lambda name: SimpleNamespace(exchange="binance"),
        ),
        policy=lambda: SimpleNamespace(policy=policy),
        risk_parameters=lambda: world.PARAMETERS,
        venues=SimpleNamespace(network_info=lambda *arguments: SimpleNamespace(confirmations=6)),
    )
    found = lead_times.report(desk, (world.account(), world.account(name="other")))
    assert [each.way for each in found.ways] == [WAY]
    assert [(each.account, each.seconds) for each in found.floats] == [("main", 3600)]
    assert found.missing == ("other: denied.no_band: the policy has no band for other",)
