"""Throws a given number of hostile PSBTs at the parser and at everything that works on what it accepts."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from tests.support.psbt_judge import judge
from tests.support.psbt_mutations import case

BATCH: Final = 5_000
# Memory is weighed in one case out of these: it makes a parse ten times as long.
WEIGHED: Final = 10
# A case takes about a millisecond; one that takes as long as this hangs.
HANG_SECONDS: Final = 30
MOST_FAILURES: Final = 20


def fuzz_psbts(seed: int, count: int, before: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The record after each batch: cases done, verdicts by code, and every case that failed.

    Goes on behind what `before` has; stops early when too many cases fail.
    """
    record = before or {"done": 0, "failed": 0, "codes": {}, "failures": []}
    handler = signal.signal(signal.SIGALRM, _hangs)
    try:
        while record["done"] < count and record["failed"] < MOST_FAILURES:
            for number in range(record["done"], min(count, record["done"] + BATCH)):
                verdict = _judged(seed, number, record)
                record["codes"][verdict] = record["codes"].get(verdict, 0) + 1
                record["done"] = number + 1
            yield record
    finally:
        signal.signal(signal.SIGALRM, handler)


def _judged(seed: int, number: int, record: dict[str, Any]) -> str:
    data = case(seed, number)
    signal.alarm(HANG_SECONDS)
    try:
        return judge(data, weigh=number % WEIGHED == 0)
    except Exception:  # noqa: BLE001  whatever it was belongs into the record
        record["failed"] += 1
        problem = {"number": number, "problem": traceback.format_exc(), "psbt": data.hex()}
        record["failures"].append(problem)
        return "FAILED"
    finally:
        signal.alarm(0)


def _hangs(_signal: int, _frame: FrameType | None) -> None:
    raise AssertionError(f"not done after {HANG_SECONDS} seconds")
