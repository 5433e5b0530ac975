"""The stress of own accounts from the store alone: what it says, what it names as missing, and since when."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.support.cascade_markets import linear_ladder
from tests.unit.policy import policy_world as world
from vault.clock import ManualClock
from vault.codec import encode
from vault.config import Treasury, load_treasury
from vault.errors import ConfigError, PolicyError, StoreError
from vault.model import Snapshot, SpotHolding
from vault.money import BTC, Amount
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.monte_carlo import AssetModel, ShockModel
from vault.risk.exposure.book import Book, Level
from vault.store import records
from vault.store.database import Store
from vault.store.venues import Way, save_lead_time
from vault.treasury.setup import init_treasury
from vault.treasury.stress import AccountStress, Cascade, Question, StressReport, report
from vault.treasury.stress_inputs import AGE_STEP

D = Decimal
AT = world.AT


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def treasury(tmp_path: Path, clock: ManualClock) -> Treasury:
    made = init_treasury(tmp_path / "desk", "ours", clock, emulated=True)
    return load_treasury(made.folder / "treasury.toml")


@pytest.fixture
def store(treasury: Treasury, clock: ManualClock) -> Iterator[Store]:
    with Store.open(treasury.store_url, "ours", clock) as opened:
        yield opened


def keep(store: Store, *accounts: Any, at: Any = AT, **changes: Any) -> Snapshot:
    seen = tuple(dataclasses.replace(each, observed_at=at) for each in (accounts or (world.account(),)))
    made = dataclasses.replace(
        world.snapshot(seen),
        **{"taken_at": at, "markets": (world.reading(venue="main", observed_at=at),), **changes},
    )
    with store.write() as writer:
        records.save_document(writer, "snapshot", encode(made))
    return made


def one(found: StressReport) -> AccountStress:
    (account,) = found.accounts
    return account


def test_nothing_observed_is_an_error_with_a_way_out(treasury: Treasury, store: Store) -> None:
    with pytest.raises(StoreError, match="nothing has been observed"):
        report(treasury, store, AT)


def test_every_scenario_and_every_rule_is_said_of_every_account(treasury: Treasury, store: Store) -> None:
    keep(store, world.account(), world.account(name="second"))
    found = report(treasury, store, AT)
    assert [account.name for account in found.accounts] == ["main", "second"]
    for account in found.accounts:
        assert [each.scenario for each in account.outcomes] == [spec.name for spec in found.specs]
        assert len(account.rules) == 4
    assert one_excess(found, "joint") == D(707_596)
    assert len(found.treasury_rules) == 1


def one_excess(found: StressReport, name: str) -> D | None:
    return next(each.excess for each in found.accounts[0].outcomes if each.scenario == name)


def test_accounts_and_scenarios_can_be_chosen_and_must_be_known(treasury: Treasury, store: Store) -> None:
    keep(store, world.account(), world.account(name="second"))
    found = report(treasury, store, AT, Question(accounts=("second",), scenarios=("wick", "gap")))
    assert one(found).name == "second"
    assert [each.scenario for each in one(found).outcomes] == ["wick", "gap"]
    with pytest.raises(ConfigError, match="found 'nobody'"):
        report(treasury, store, AT, Question(accounts=("nobody",)))
    with pytest.raises(ConfigError, match="found 'flood'"):
        report(treasury, store, AT, Question(scenarios=("flood",)))


def test_days_are_scaled_and_a_freeze_lasts_as_long_as_is_asked(treasury: Treasury, store: Store) -> None:
    keep(store)
    once = report(treasury, store, AT)
    harder = report(treasury, store, AT, Question(scale=D("1.5"), hours=D(1)))
    assert one(harder).outcomes[-1].case == "-22.2 %"
    assert one_excess(harder, "wick") == one_excess(once, "wick")
    freeze = next(each for each in one(harder).outcomes if each.scenario == "frozen")
    assert freeze.case == "-5 %"
    with pytest.raises(PolicyError):
        report(treasury, store, AT, Question(scale=D(9)))
    with pytest.raises(PolicyError):
        report(treasury, store, AT, Question(hours=D(0)))


def test_old_numbers_are_shown_and_pass_no_rule(treasury: Treasury, store: Store) -> None:
    keep(store)
    found = report(treasury, store, AT + timedelta(hours=2))
    assert one_excess(found, "joint") == D(707_596)
    assert {rule.verdict for rule in one(found).rules} <= {"unknown", "fail"}
    assert "it is 7200 s old, 120 s allowed" in one(found).doubts


def test_numbers_from_the_future_pass_no_rule(treasury: Treasury, store: Store) -> None:
    keep(store)
    found = report(treasury, store, AT - timedelta(minutes=5))
    assert "it is from the future" in one(found).doubts
    assert "pass" not in {rule.verdict for rule in one(found).rules}


def test_without_a_policy_nobody_knows_how_old_numbers_may_be(treasury: Treasury, store: Store) -> None:
    keep(store)
    treasury.policy_path.unlink()
    found = report(treasury, store, AT)
    assert "pass" not in {rule.verdict for rule in one(found).rules}
    assert any(line.startswith("policy:") for line in found.missing)


def test_the_stored_depths_price_leaving_and_a_full_book_is_preferred(
    treasury: Treasury, store: Store
) -> None:
    keep(store)
    (rough,) = one(report(treasury, store, AT)).leaving
    assert rough.now is not None
    assert rough.now.bp == 10
    assert "upper bound" in rough.grain
    full = Book("main", "BTCUSDT", (Level(D(89_239), D(900)),), (), D(89_240), AT)
    (exact,) = one(report(treasury, store, AT, books=(full,))).leaving
    assert exact.now is not None
    assert exact.now.cost_usd == 50
    assert exact.grain == ""


def test_a_book_older_than_the_observation_allows_is_no_book(treasury: Treasury, store: Store) -> None:
    keep(store, markets=())
    old = Book("main", "BTCUSDT", (Level(D(89_239), D(900)),), (), D(89_240), AT - timedelta(hours=1))
    found = report(treasury, store, AT, books=(old,))
    assert one(found).leaving[0].now is None
    assert "cost of leaving: bids of BTCUSDT at main" in found.missing


def test_what_is_missing_is_named(treasury: Treasury, store: Store) -> None:
    keep(store, markets=())
    missing = report(treasury, store, AT).missing
    assert "operating float: no deposit into main is recorded" in missing
    assert any(line.startswith("reach: ") for line in missing)


def test_the_float_is_that_of_recorded_deposits(treasury: Treasury, store: Store) -> None:
    keep(store)
    with store.write() as writer:
        save_lead_time(writer, "c1", Way("main", "BTC", "BTC", "deposit"), 3600)
        save_lead_time(writer, "c2", Way("main", "BTC", "BTC", "withdraw"), 7200)
    waits = one(report(treasury, store, AT)).operating_float
    assert waits is not None
    assert (waits.seconds, waits.move) == (3600, D("0.05"))


def test_a_position_is_as_old_as_it_was_seen_at_every_look(
    treasury: Treasury, store: Store, clock: ManualClock
) -> None:
    begin = AT - 20 * AGE_STEP
    for look in range(21):
        clock.instant = begin + look * AGE_STEP
        keep(store, at=begin + look * AGE_STEP)
    rule = one(report(treasury, store, AT)).rules[1]
    assert (rule.verdict, rule.number is not None) == ("fail", True)
    assert "open for more than 72 h: BTCUSDT long" in rule.reason


def test_a_hole_in_the_looks_ends_what_is_known_of_an_age(
    treasury: Treasury, store: Store, clock: ManualClock
) -> None:
    for look in (13, 12, 2, 1, 0):
        clock.instant = AT - look * AGE_STEP
        keep(store, at=AT - look * AGE_STEP)
    assert one(report(treasury, store, AT)).rules[1].verdict == "unknown"


def test_everything_that_is_held_counts_and_a_wallet_that_was_not_read_is_unknown(
    treasury: Treasury, store: Store, clock: ManualClock
) -> None:
    holding = SpotHolding("main", Amount.parse("1", BTC), Amount.zero(BTC), AT)
    keep(store, spot=(holding,))
    found = report(treasury, store, AT)
    assert found.holdings.wallets == (D(16) + D("2.5")) * 89_200
    clock.advance(1)
    keep(store, wallets=(), at=clock.now())
    again = report(treasury, store, AT)
    assert again.holdings.wallets == 0


def test_a_freeze_is_asked_of_every_exchange(treasury: Treasury, store: Store) -> None:
    keep(store, world.account(), world.account(name="second", exchange="bybit"))
    assert [each.exchange for each in report(treasury, store, AT).frozen] == ["binance", "bybit"]


def test_betas_reach_scenarios_distances_and_rules(treasury: Treasury, store: Store) -> None:
    keep(store)
    still = report(treasury, store, AT, Question(betas=(("BTC", D(0)),)))
    now = report(treasury, store, AT, Question(scenarios=("haircut",)))
    assert one_excess(still, "wick") == one_excess(still, "gap")
    distance, usual = one(still).distances, one(now).distances
    assert distance is not None
    assert usual is not None
    assert (distance.correlated, usual.correlated is None) == (None, False)
    assert one(still).rules[3].number == 0


def test_with_a_cascade_model_its_inputs_stand_beside_how_often_it_reaches_an_account(
    treasury: Treasury, store: Store
) -> None:
    keep(store)
    book = Depth(1.0, 0.05, 0.5, 1.0)
    falls, rises = (CascadeCurve.of(linear_ladder(0.5, side=side), book) for side in ("long", "short"))
    shocks = ShockModel(np.array([0.05]), np.array([[1.0]]), 4.0)
    model = Cascade((AssetModel("BTC", falls, rises),), shocks, 2000, 5, ("Student t, scale 5 %",))
    found = report(treasury, store, AT, cascade=model)
    (reached,) = found.reach
    assert reached.probability is not None
    assert reached.at_most is not None
    assert 0 < reached.probability < reached.at_most < 1
    assert found.assumed == ("Student t, scale 5 %",)
    assert not any(line.startswith("reach") for line in found.missing)


def test_a_configured_wallet_that_was_not_read_makes_what_is_held_unknown(
    treasury: Treasury, store: Store
) -> None:
    keep(store)
    wallets = tuple(SimpleNamespace(name=name) for name in ("cold", "staging", "vacation"))
    more = dataclasses.replace(treasury, config=treasury.config.model_copy(update={"wallet": wallets}))
    found = report(more, store, AT)
    assert found.holdings.wallets is None
    assert "wallet.vacation: not in the last observation" in found.missing
    assert found.treasury_rules[0].verdict == "unknown"
    assert "what the wallets are worth" in found.frozen[0].unknown


def test_a_position_that_was_closed_between_is_a_new_one(
    treasury: Treasury, store: Store, clock: ManualClock
) -> None:
    for look in range(14, -1, -1):
        clock.instant = AT - look * AGE_STEP
        keep(store, world.account(size="0" if look == 2 else "50"), at=clock.instant)
    rule = one(report(treasury, store, AT)).rules[1]
    assert (rule.verdict, "seen for 6 h" in rule.reason) == ("unknown", True)
