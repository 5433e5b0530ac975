"""Two exchanges in one world: the need of a top-up is measured at both prices, or it is denied."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from emulator.world_client import WorldProcess
from tests.faults.treasury import line, stage
from tests.faults.treasury.stage import Scene
from vault.model import Decision
from vault.treasury import propose
from vault.treasury.desk import Desk

_PRICE = """
[[price]]
name = "other"
exchange = "bybit"
symbol = "BTCUSDT"
url = "{url}"
"""


def top_up(desk: Desk) -> tuple[Decision, propose.Proposal]:
    found = propose.propose(desk)
    return next(each for each in found.decisions if each.action == "top_up"), found


def test_a_required_price_measures_the_need_and_one_that_disagrees_denies_it(tmp_path: Path) -> None:
    with WorldProcess.start(directory=tmp_path / "world", exchanges=("binance", "bybit")) as world:
        scene = Scene.of(world)
        staged = stage.make_treasury(scene, tmp_path / "desk", "top-up", 1, keyring=tmp_path)
        config = staged.config.read_text(encoding="utf-8")
        place = staged.treasury().policy_path
        policy = place.read_text(encoding="utf-8")
        assert 'independent_price = "wanted"' in policy
        place.write_text(policy.replace('"wanted"', '"required"'), encoding="utf-8")
        stage.fund(scene, staged)
        with stage.environment(stage.own_keyring(tmp_path)):
            with Desk(staged.treasury()) as desk:
                line.prepare(desk, staged)
                alone, found = top_up(desk)
            assert (alone.outcome, alone.decided_by) == ("deny", "denied.independent_price_unsaid")
            assert found.plan is None
            url = next(each.url for each in world.report.venues if each.exchange == "bybit")
            staged.config.write_text(config + _PRICE.format(url=url), encoding="utf-8")
            with Desk(staged.treasury()) as desk:
                agreed, found = top_up(desk)
                assert agreed.outcome == "allow", agreed.reason
                assert found.plan is not None
                assert any(step.step == "venue:independent_price" for step in agreed.trace)
                assert not any("independent price" in each for each in found.plan.body.warnings)
                mark = Decimal(found.snapshot.accounts[0].positions[0].mark_price)
                world.venues["bybit"].mark_all("BTC", f"{mark * Decimal('1.02'):.1f}")
                apart, found = top_up(desk)
    assert (apart.outcome, apart.decided_by) == ("deny", "denied.price_disagrees")
    assert found.plan is None
