"""A plan file in another one's place: both were made here, but a person named only one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vault.errors import PlanError
from vault.treasury.inspection import find_plan
from vault.treasury.plan import Plan, write_plan


@pytest.fixture
def plans(bench: Any, tmp_path: Path) -> tuple[Plan, Plan]:
    """A small plan and a large one, both recorded, with their files."""
    bench.desk.treasury.plans_path = tmp_path / "plans"
    made = tuple(
        bench.plan(bench.top_up(), bench.top_up(2) if large else bench.transfer(2)) for large in (0, 1)
    )
    for plan in made:
        write_plan(plan, bench.desk.treasury.plans_path)
    return made[0], made[1]


def refused(bench: Any, ident: str) -> str:
    with pytest.raises(PlanError) as caught:
        find_plan(bench.desk, ident)
    return caught.value.code


def test_by_id_another_plan_in_the_file_of_that_name_is_refused(bench: Any, plans: tuple[Plan, Plan]) -> None:
    small, large = plans
    folder = bench.desk.treasury.plans_path
    assert find_plan(bench.desk, small.plan_id) == small
    (folder / f"{small.plan_id}.json").write_text(large.text(), encoding="utf-8")
    for ident in (small.plan_id, small.plan_id[:8], str(folder / f"{small.plan_id}.json")):
        assert refused(bench, ident) == "plan.another_plan"
    assert find_plan(bench.desk, large.plan_id) == large


def test_a_file_that_is_called_like_an_id_in_the_working_folder_is_no_other_plan(
    bench: Any, plans: tuple[Plan, Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id is typed where an attacker can write: their file must not be taken for what was meant."""
    small, large = plans
    monkeypatch.chdir(tmp_path)
    for ident in (small.plan_id, small.plan_id[:6]):
        Path(ident).write_text(large.text(), encoding="utf-8")
        assert refused(bench, ident) == "plan.another_plan"
        Path(ident).write_text(small.text(), encoding="utf-8")
        assert find_plan(bench.desk, ident) == small


def test_a_file_of_any_other_name_is_the_plan_it_holds(
    bench: Any, plans: tuple[Plan, Plan], tmp_path: Path
) -> None:
    carried = tmp_path / "for the second machine.json"
    carried.write_text(plans[1].text(), encoding="utf-8")
    assert find_plan(bench.desk, str(carried)) == plans[1]
