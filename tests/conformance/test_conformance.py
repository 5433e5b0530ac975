"""A device answers the recorded scenarios as genuine firmware does: the table, its themes, its gates."""

from __future__ import annotations

import pytest

from tests.conformance.compare import GATES, TOTAL
from tests.conformance.suite import Result

pytestmark = pytest.mark.timeout(600)  # the first test of a device waits for all scenarios


def held_to_its_own_firmware(played: Result) -> Result:
    if not played.own:
        pytest.skip(f"no recording of this firmware here; against {played.reference.stem} for information")
    return played


def test_agrees_with_the_firmware_in_every_case_of(played: Result, theme: str) -> None:
    """What is accepted, what is refused, and every result to the byte."""
    result = held_to_its_own_firmware(played)
    strict = [measure for measure, least in GATES.items() if least == 1.0]
    wrong = result.comparison.disagreements(theme, strict)
    assert not wrong, "\n" + "\n".join(str(check) for check in wrong)


def test_keeps_every_gate(played: Result) -> None:
    """The totals; the table is printed with -s."""
    print(f"\n{played.report()}")  # noqa: T201
    assert played.comparison.count("accept/refuse", TOTAL)[1] > 0
    result = held_to_its_own_firmware(played)
    broken = result.comparison.broken_gates()
    assert not broken, "\n" + "\n".join([*broken, *map(str, result.comparison.disagreements())])


def test_answers_to_the_end_without_a_restart(played: Result) -> None:
    assert played.restarts == 0
    assert played.records
