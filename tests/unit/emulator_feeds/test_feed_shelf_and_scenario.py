"""What the sources publish: the same at every start, with a scenario's days over it, and no day too early."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.feeds.control import FeedControl
from emulator.feeds.faults import TOUCHED, Armed, FaultShelf, FeedFault, damaged
from emulator.feeds.shelf import KINDS, laid_over, published
from emulator.scenario import load_scenario
from emulator.scenario_player import feed_days, publish_feeds
from emulator.strict_toml import ScenarioError

TODAY = datetime.date(2026, 3, 2)
DAY = datetime.timedelta(days=1)


def test_the_same_values_come_out_at_every_start_and_none_is_of_today() -> None:
    assert published(TODAY) == published(TODAY)
    for kind in KINDS:
        rows = published(TODAY)[kind.name]
        assert max(rows) < TODAY
        assert kind.weekends == any(day.weekday() >= 5 for day in rows)
        assert len(rows) > 500


def test_a_level_runs_into_the_scenarios_days_and_a_flow_is_left_alone() -> None:
    days = {TODAY - DAY: Decimal(10)}
    level = laid_over(published(TODAY)["gold"], days, "level")
    before = max(day for day in level if day < TODAY - DAY)
    assert level[before] == Decimal(10)
    flows = published(TODAY)["etf-flows"]
    assert laid_over(flows, {TODAY: Decimal(1)}, "flow") == {**flows, TODAY: Decimal(1)}


def test_what_was_published_stays_as_it_was_when_the_next_day_comes() -> None:
    scenario = load_scenario()
    told: dict[str, dict[str, str]] = {}

    class Shelf:
        def rows(self, name: str, rows: dict[str, str], *, replace: bool) -> None:
            before = told.get(name, {})
            assert before.items() <= rows.items()
            assert replace
            told[name] = rows

    for step in scenario.steps:
        publish_feeds(cast("FeedControl", Shelf()), scenario, step, step.time.date())
    assert {name: max(rows) for name, rows in told.items()} == {
        "gold": "2026-01-30",
        "silver": "2026-01-30",
        "etf-flows": "2026-01-30",
        "stablecoins": "2026-01-30",
    }


def test_a_scenario_publishes_what_is_known_on_the_day_of_a_step() -> None:
    scenario = load_scenario()
    first, last = scenario.steps[0], scenario.steps[-1]
    early, late = (feed_days(scenario, step, TODAY)["gold"] for step in (first, last))
    assert max(early) < TODAY
    assert max(late) == TODAY - DAY * (last.time.date() - datetime.date(2026, 1, 30)).days
    assert late[max(late)] / sorted(late.items())[-2][1] == Decimal("0.892")


@pytest.mark.parametrize(
    ("feed", "complaint"),
    [
        ('name = "lead"\nvalues = { "2026-01-30" = "1" }', "lead"),
        ('name = "gold"\nvalues = { "yesterday" = "1" }', "yesterday"),
        ('name = "gold"\nvalues = { "2026-01-30" = 1.5 }', "quotes"),
        ('name = "gold"\nvalues = { "2026-01-30" = "1" }\nunit = "EUR"', "unit"),
        ('name = "gold"\nvalues = { }\n[[feeds]]\nname = "gold"\nvalues = { }', "distinct"),
    ],
)
def test_feed_tables_of_a_scenario_are_read_strictly(tmp_path, feed: str, complaint: str) -> None:  # type: ignore[no-untyped-def]
    from emulator.scenario import SCENARIOS

    text = (SCENARIOS / "2026-01-31.toml").read_text(encoding="utf-8")
    plain = text.split("# Published: gold lost")[0] + "[[steps]]" + text.split("[[steps]]", 1)[1]
    path = tmp_path / "day.toml"
    path.write_text(f"{plain}\n[[feeds]]\n{feed}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=complaint):
        load_scenario(str(path))


ROWS = [((TODAY - DAY * back).isoformat(), str(back)) for back in range(30, 0, -1)]


@given(st.sampled_from(sorted(FeedFault)))
def test_row_faults_touch_the_newest_rows_only(kind: FeedFault) -> None:
    found = damaged(ROWS, kind)
    assert set(ROWS[:-TOUCHED]) <= set(found)


def test_a_fault_is_taken_as_often_as_it_was_armed_for() -> None:
    shelf = FaultShelf()
    shelf.arm(Armed("gold", FeedFault.DEAD, 1))
    shelf.arm(Armed("gold", FeedFault.HTML))
    assert shelf.take("vix") is None
    kinds = [fault.kind for _ in range(3) if (fault := shelf.take("gold")) is not None]
    assert kinds == [FeedFault.DEAD, FeedFault.HTML, FeedFault.HTML]
    shelf.clear("vix")
    assert shelf.take("gold") is not None
    shelf.clear()
    assert shelf.take("gold") is None
