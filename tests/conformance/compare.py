"""Compares two recordings: six measures per step, counted per theme and in all.

What the recording marks as an artefact of that emulator or as not repeatable is not compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.conformance.naming import without_buttons
from tests.conformance.recording import Accepted, HostError, Outcome, Played, Record, Refused
from tests.conformance.scenario import Scenario

ACCEPTANCE = "accept/refuse"
RESULT = "exact result"
CODE = "failure code"
TEXT = "failure text"
FLOW = "message flow"
FLOW_WITHOUT_BUTTONS = "flow w/o buttons"
MEASURES = (ACCEPTANCE, RESULT, CODE, TEXT, FLOW, FLOW_WITHOUT_BUTTONS)
# Least share that has to agree. Text and button counts are told, and not held to a bound.
GATES = {ACCEPTANCE: 1.0, RESULT: 1.0, CODE: 0.98, FLOW_WITHOUT_BUTTONS: 0.90}
# A theme is small; what is held to a share of all is not held to it there.
THEME_GATES = (ACCEPTANCE, RESULT)
TOTAL = "TOTAL"
_SHOWN = 150


@dataclass(frozen=True, slots=True)
class Check:
    """One measure of one step."""

    where: str
    theme: str
    measure: str
    agrees: bool
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.where}: {self.measure}: expected {self.expected[:_SHOWN]} got {self.got[:_SHOWN]}"


@dataclass
class Comparison:
    """Every check, and what could not be checked."""

    checks: list[Check] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)

    @property
    def themes(self) -> list[str]:
        return sorted({check.theme for check in self.checks})

    def count(self, measure: str, theme: str = TOTAL) -> tuple[int, int]:
        """(agreeing, all) checks of a measure."""
        found = [c for c in self.checks if c.measure == measure and theme in (TOTAL, c.theme)]
        return sum(check.agrees for check in found), len(found)

    def share(self, measure: str, theme: str = TOTAL) -> float:
        agreeing, every = self.count(measure, theme)
        return agreeing / every if every else 1.0

    def disagreements(self, theme: str = TOTAL, measures: Iterable[str] = MEASURES) -> list[Check]:
        wanted = set(measures)
        return [c for c in self.checks if not c.agrees and c.measure in wanted and theme in (TOTAL, c.theme)]

    def broken_gates(self) -> list[str]:
        """One line for each gate that is not kept; empty when the device conforms."""
        broken = [
            f"{measure}: {self.share(measure):.2%} agree, at least {least:.0%} have to"
            for measure, least in GATES.items()
            if self.share(measure) < least
        ]
        return broken + [f"{name} was not played" for name in self.missing]

    def table(self) -> str:
        """Agreeing of all, per theme and in total."""
        rows: list[tuple[str, ...]] = [("theme", *MEASURES)]
        for theme in (*self.themes, TOTAL):
            cells = []
            for measure in MEASURES:
                agreeing, every = self.count(measure, theme)
                cells.append(f"{agreeing}/{every}" if every else "-")
            rows.append((theme, *cells))
        rows.append(("share", *(f"{self.share(measure):.1%}" for measure in MEASURES)))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
        lines += [f"not compared: {count} {reason}" for reason, count in sorted(self.skipped.items())]
        return "\n".join(lines)


def playable(scenarios: Iterable[Scenario], expected: Mapping[str, Record]) -> list[Scenario]:
    """Those that the recording can be compared with."""
    return [
        scenario
        for scenario in scenarios
        if scenario.id in expected and not expected[scenario.id].not_compared
    ]


def compare(
    scenarios: Iterable[Scenario], expected: Mapping[str, Record], got: Mapping[str, Record]
) -> Comparison:
    """Every step of every scenario that both recordings have."""
    comparison = Comparison()
    for scenario in scenarios:
        theirs, mine = expected.get(scenario.id), got.get(scenario.id)
        if theirs is None:
            comparison.skipped["not in the recording"] += 1
        elif theirs.not_compared:
            comparison.skipped[theirs.not_compared] += 1
        elif mine is None:
            comparison.missing.append(scenario.id)
        elif theirs.digest != scenario.digest:
            comparison.skipped["recorded from another text"] += 1
        else:
            for number, (one, other) in enumerate(zip(theirs.steps, mine.steps, strict=True)):
                where = f"{scenario.id}[{number}] {scenario.steps[number].call}"
                comparison.checks += _step(where, scenario.theme, one, other, flow=not theirs.flow_varies)
    return comparison


def _step(where: str, theme: str, expected: Played, got: Played, *, flow: bool) -> Iterable[Check]:
    def check(measure: str, mine: object, theirs: object, shown: tuple[object, object]) -> Check:
        return Check(where, theme, measure, mine == theirs, *(str(value) for value in shown))

    theirs, mine = expected.outcome, got.outcome
    both = (_short(theirs), _short(mine))
    accepted = (isinstance(theirs, Accepted), isinstance(mine, Accepted))
    yield check(ACCEPTANCE, *accepted, both)
    if isinstance(theirs, Accepted) and isinstance(mine, Accepted):
        yield check(RESULT, dict(theirs.result), dict(mine.result), both)
    elif not any(accepted):
        yield check(CODE, _code(theirs), _code(mine), both)
        if isinstance(theirs, Refused) and isinstance(mine, Refused):
            yield check(TEXT, theirs.message, mine.message, both)
    if flow:
        flows = (expected.messages, got.messages)
        yield check(FLOW, *flows, (" ".join(flows[0]), " ".join(flows[1])))
        bare = (without_buttons(flows[0]), without_buttons(flows[1]))
        yield check(FLOW_WITHOUT_BUTTONS, *bare, (" ".join(bare[0]), " ".join(bare[1])))


def _code(outcome: Outcome) -> str:
    match outcome:
        case Refused(code, _):
            return code
        case HostError(kind):
            return f"host:{kind}"
        case Accepted():
            return ""


def _short(outcome: Outcome) -> str:
    match outcome:
        case Accepted(result):
            return f"ok {dict(result)}"
        case Refused(code, message):
            return f"{code}: {message}"
        case HostError(kind):
            return f"host error {kind}"
