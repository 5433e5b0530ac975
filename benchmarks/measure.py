"""Timing whole processes in pairs, and saying how a median compares with its bound."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """A measured value beside what it must not exceed."""

    name: str
    measured: float
    limit: float
    unit: str
    detail: str

    @property
    def kept(self) -> bool:
        return self.measured <= self.limit


def seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """Wall time of one run; raises CalledProcessError when the command fails."""
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def side_by_side(
    first: Sequence[str], second: Sequence[str], runs: int, environment: dict[str, str]
) -> tuple[float, float]:
    """Median seconds of two commands that take turns; one run of each is a warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        for command, kept in zip((first, second), times, strict=True):
            spent = seconds(command, environment)
            if number:
                kept.append(spent)
    return statistics.median(times[0]), statistics.median(times[1])


def in_turns(
    runs: int, *works: Callable[[], object], clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Median seconds of works that take turns; one run of each is a warm-up.

    Processor time, unless said otherwise: what else runs on the machine does not count.
    """
    times: list[list[float]] = [[] for _ in works]
    for number in range(runs + 1):
        for work, kept in zip(works, times, strict=True):
            start = clock()
            work()
            spent = clock() - start
            if number:
                kept.append(spent)
    return [statistics.median(each) for each in times]


def report(bounds: list[Bound]) -> int:
    """Print a line per bound; 1 when one of them is not kept."""
    for bound in bounds:
        verdict = "ok  " if bound.kept else "OVER"
        told = f"{bound.measured:.2f} {bound.unit} (at most {bound.limit:g})"
        print(f"{verdict} {bound.name}: {told}; {bound.detail}")
    return 0 if all(bound.kept for bound in bounds) else 1
