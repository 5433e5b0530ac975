"""`vault stress` reads the store alone, fits a terminal of 100 columns, and writes exact numbers as text."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.policy import policy_world as world
from vault.clock import SystemClock
from vault.codec import encode
from vault.model import Snapshot
from vault.risk.exposure.defaults import DEFAULT_SCENARIOS
from vault.store import records
from vault.store.database import Store
from vault.store.venues import Way, save_lead_time

D = Decimal
WIDTH = 100


def fill(shell: Any, *, age: timedelta = timedelta(0)) -> None:
    """An observation of two accounts; only the first one's market and deposits are known."""
    at = datetime.now(UTC).replace(microsecond=0) - age
    accounts = tuple(
        dataclasses.replace(each, observed_at=at)
        for each in (
            world.account(name="trading", available_to_withdraw=D(100_000)),
            world.account(name="second", exchange="bybit", coins="6", available_to_withdraw=D(0)),
        )
    )
    market = world.reading(venue="trading", observed_at=at)
    snapshot = Snapshot("desk-one", at, accounts, (market,), (world.wallet(observed_at=at),), ())
    with Store.open(shell.treasury.store_url, "desk-one", SystemClock()) as store, store.write() as writer:
        records.save_document(writer, "snapshot", encode(snapshot))
        save_lead_time(writer, "c1", Way("trading", "BTC", "BTC", "deposit"), 3600)


def texts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for item in value.values() for each in texts(item)]
    return [each for item in value for each in texts(item)] if isinstance(value, list) else [value]


def test_the_page_fits_and_says_every_scenario_rule_and_gap(shell: Any) -> None:
    fill(shell)
    ran = shell.vault("stress")
    assert ran.status == 0, ran.err
    assert max(map(len, ran.out.splitlines())) <= WIDTH
    assert "\x1b" not in ran.out
    for spec in DEFAULT_SCENARIOS:
        assert ran.out.count(f"\n{spec.name} ") == 2
    assert "707,596.00" in ran.out
    assert re.search(r"PASS\s+trading: survives wick 707,596.00 USD", ran.out)
    assert re.search(r"UNKNOWN\s+trading: short lived leverage", ran.out)
    assert "In 100 bp: the most that closes" in ran.out
    assert "an upper bound" in ran.out
    assert "binance frozen, prices -20 %" in ran.out
    assert "Operating float 276,840.50: deposits took 3600 s" in ran.out
    assert "cost of leaving: bids of BTCUSDT at second" in ran.out
    assert "reach: no cascade model" in ran.out
    assert "forecast" not in ran.out


def test_the_document_writes_every_amount_as_text(shell: Any) -> None:
    fill(shell)
    found = shell.ok("stress")
    assert not [each for each in texts(found) if isinstance(each, float)]
    trading = found["accounts"][0]
    joint = next(each for each in trading["outcomes"] if each["scenario"] == "joint")
    assert (joint["excess"], joint["state"], joint["top_up"]) == ("707596", "ok", True)
    assert {rule["rule"] for rule in trading["rules"]} == {
        "survives_wick", "short_lived_leverage", "closable_when_stressed", "uncorrelated_collateral"
    }  # fmt: skip
    assert all(each["reason"] for each in found["scenarios"])
    assert trading["distances"]["spiral"]
    assert trading["operating_float"]["seconds"] == 3600
    assert found["reach"] == []
    # Six coins, 78,167 dollars, 50 long from 88,000: at -20 % it is 388,421 short.
    assert found["frozen"][0]["needs"] == [["second", "388421"]]
    assert found["frozen"][0]["dependents"] == []


def test_accounts_scenarios_scale_and_hours_can_be_asked_for(shell: Any) -> None:
    fill(shell)
    asked = ("--account", "second", "--scenario", "day-2026-01-31", "--scenario", "frozen")
    found = shell.ok("stress", *asked, "--scale", "2", "--hours", "1.5")
    (second,) = found["accounts"]
    cases = [(each["scenario"], each["case"]) for each in second["outcomes"]]
    assert cases == [("frozen", "-7.5 %"), ("day-2026-01-31", "-20.2 %")]


def test_an_old_observation_is_shown_as_old_and_passes_nothing(shell: Any) -> None:
    fill(shell, age=timedelta(hours=3))
    ran = shell.vault("stress")
    assert "WARNING: it is 108" in ran.out
    assert "PASS" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("--account", "nobody"), 11, "config.unknown_name"),
        (("--scenario", "flood"), 11, "config.unknown_name"),
        (("--scale", "0"), None, "policy.bad_scale"),
        (("--scale", "much"), None, "money.not_a_number"),
        (("--hours", "-1"), None, "policy.bad_scenario"),
    ],
)
def test_refuses_what_it_does_not_know(
    shell: Any, arguments: tuple[str, ...], status: int | None, code: str
) -> None:
    fill(shell)
    ran = shell.vault("stress", *arguments, "--json")
    assert ran.document["error"] == code
    assert ran.status == (status or ran.document["exit_status"]) != 0


def test_nothing_observed_names_what_observes(shell: Any) -> None:
    ran = shell.vault("stress")
    assert ran.status != 0
    assert "vault check" in ran.err


def test_large_numbers_and_long_names_still_fit(shell: Any) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    big = world.account(
        name="institutional-01", coins="140000", usdt="781670000", size="500000", observed_at=at
    )
    position = dataclasses.replace(big.positions[0], symbol="BTC-PERPETUAL")
    broken = world.account(name="broken", collateral=(), observed_at=at)
    big = dataclasses.replace(big, positions=(position,))
    market = world.reading(
        venue="institutional-01", symbol="BTC-PERPETUAL", depth_bid_1pct=D(10**7), observed_at=at
    )
    snapshot = Snapshot("desk-one", at, (big, broken), (market,), (), ())
    with Store.open(shell.treasury.store_url, "desk-one", SystemClock()) as store, store.write() as writer:
        records.save_document(writer, "snapshot", encode(snapshot))
    ran = shell.vault("stress")
    assert max(map(len, ran.out.splitlines())) <= WIDTH
    assert "Unknown: position BTCUSDT: its settlement asset is not among the collateral" in ran.out
