"""All ten indicators over years of hours, and at one moment: `python -m benchmarks.indicators`.

The plain loop cuts each moment's window out and looks at it; it is timed on a sample of moments, and its cost
of one is compared. Both take turns in one run. Absolute medians are printed beside the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.measure import Bound, report
from tests.support.indicator_history import full_history, moments
from tests.support.indicator_plain import plain_scores
from vault.risk.indicators.judge import judge
from vault.risk.indicators.registry import measure_all

DAYS = 5 * 365
SAMPLE = 8
# Over years a moment may cost so many thousandths of what it costs the plain loop, which knows of no faults,
# holes or dead sources; one moment alone no more than twice as much; with the ten days of hours that a regime
# needs no more than three times.
MOST_THOUSANDTHS = 5.0
MOST_OF_ONE = 2.0
MOST_OF_SCREEN = 3.0


def _seconds(work: Callable[[], object]) -> float:
    """Processor time: what else runs on the machine does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _medians(runs: int, *works: Callable[[], object]) -> list[float]:
    times: list[list[float]] = [[] for _ in works]
    for number in range(runs + 1):
        for work, kept in zip(works, times, strict=True):
            spent = _seconds(work)
            if number:
                kept.append(spent)
    return [statistics.median(each) for each in times]


def measure(runs: int) -> list[Bound]:
    """Three bounds: years of hours, one moment, and a whole judgement of one moment."""
    history, hours = full_history(DAYS, seed=1), moments(DAYS)
    sample = np.random.default_rng(0).choice(hours[-1000 * 24 :], SAMPLE, replace=False).tolist()
    now = hours[-1:]

    def plain() -> None:
        for moment in sample:
            plain_scores(history, moment)

    years, one, screen, loop = _medians(
        runs,
        lambda: measure_all(history, hours, "BTC"),
        lambda: measure_all(history, now, "BTC"),
        lambda: judge(history, int(now[0]), "BTC"),
        plain,
    )
    each = loop / SAMPLE
    told = f"a plain loop takes {each * 1e3:.1f} ms a moment"
    return [
        Bound(
            f"ten indicators over {hours.size} hours, a moment",
            1_000 * years / hours.size / each,
            MOST_THOUSANDTHS,
            "thousandths of a plain loop",
            f"{years:.2f} s in all; {told}",
        ),
        Bound(
            "ten indicators at one moment", one / each, MOST_OF_ONE, "times a plain loop",
            f"{one * 1e3:.1f} ms; {told}",
        ),
        Bound(
            "a judgement with its ten days before", screen / each, MOST_OF_SCREEN, "times a plain moment",
            f"{screen * 1e3:.1f} ms; {told}",
        ),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="counted runs (default 10)")
    return report(measure(parser.parse_args().runs))


if __name__ == "__main__":
    sys.exit(main())
