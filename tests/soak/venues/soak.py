"""Random days, several at once, each set of them on a world of its own: at all exchanges, or on Ethereum.

The record holds what is done (cases by number, so that a run that was stopped goes on behind them), counts of
what happened, and every case that was not exact, with its traceback.
"""

from __future__ import annotations

import queue
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final, Protocol

from tests.soak.venues.days import Day
from tests.soak.venues.slot import Slot

MOST_FAILURES: Final = 40
TOLD_AFTER: Final = 10  # cases
_ENDED: Final = None
TWICE: Final = ("withdrawn twice", "paid twice", "sent twice", "mined twice")

Found = tuple[int, Counter[str] | str]


class PlaysDays(Protocol):
    """A world, or several, and who carries a day out on it. AssertionError when anything is not exact."""

    @property
    def full(self) -> bool: ...
    def play(self, day: Any, /) -> Counter[str]: ...
    def close(self) -> None: ...


OpenSlot = Callable[[Path], PlaysDays]
DayOf = Callable[[int, int], Any]


def soak_venues(
    seed: int, count: int, slots: int, before: dict[str, Any] | None
) -> Generator[dict[str, Any], None, None]:
    """Random days at all exchanges."""
    yield from soak_days(seed, count, slots, before, Slot.open, Day.of)


def soak_ethereum(
    seed: int, count: int, slots: int, before: dict[str, Any] | None
) -> Generator[dict[str, Any], None, None]:
    """Random days of accounts and Safes on Ethereum."""
    from tests.soak.ethereum import days, slot

    yield from soak_days(seed, count, slots, before, slot.Slot.open, days.Day.of)


def soak_days(  # noqa: PLR0917
    seed: int,
    count: int,
    slots: int,
    before: dict[str, Any] | None,
    open_slot: OpenSlot,
    day_of: DayOf,
) -> Generator[dict[str, Any], None, None]:
    """The record every few cases, until `count` are done, earlier runs included."""
    record = before or {
        "done": 0,
        "failed": 0,
        "withdrawn_twice": 0,
        "left_unknown": 0,
        "counts": {},
        "failures": [],
        "numbers": [],
    }
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in sorted(set(range(count)) - set(record["numbers"])):
        left.put(number)
    found: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=_work,
            args=(left, found, stop, open_slot, lambda each: day_of(seed, each)),
            name=f"slot {number}",
        )
        for number in range(slots)
    ]
    for thread in threads:
        thread.start()
    try:
        working = len(threads)
        while working:
            each = found.get()
            if each is _ENDED:
                working -= 1
                continue
            _add(record, *each)
            if record["failed"] >= MOST_FAILURES:
                stop.set()
            if record["done"] % TOLD_AFTER == 0:
                yield record
        yield record
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _work(
    left: queue.SimpleQueue[int],
    found: queue.SimpleQueue[Found | None],
    stop: threading.Event,
    open_slot: OpenSlot,
    day_of: Callable[[int], Any],
) -> None:
    slot: PlaysDays | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            worlds = 0
            while not stop.is_set():
                try:
                    number = left.get_nowait()
                except queue.Empty:
                    break
                if slot is None or slot.full:
                    if slot is not None:
                        slot.close()
                        slot = None
                    worlds += 1
                    slot = open_slot(Path(folder) / str(worlds))
                found.put((number, _play(slot, day_of(number))))
            if slot is not None:
                slot.close()
                slot = None
    except Exception:  # noqa: BLE001  whatever it was belongs into the record
        found.put((-1, traceback.format_exc()))
    finally:
        found.put(_ENDED)


def _play(slot: PlaysDays, day: Any) -> Counter[str] | str:
    try:
        return slot.play(day)
    except Exception:  # noqa: BLE001  whatever it was belongs into the record
        return f"{day}\n{traceback.format_exc()}"


def _add(record: dict[str, Any], number: int, result: Counter[str] | str) -> None:
    if isinstance(result, str):
        record["failed"] += 1
        record["withdrawn_twice"] += any(words in result for words in TWICE)
        record["left_unknown"] += "left unknown" in result
        record["failures"].append({"number": number, "problem": result})
    else:
        for key, value in sorted(result.items()):
            record["counts"][key] = record["counts"].get(key, 0) + value
        record["counts"] = dict(sorted(record["counts"].items()))
    if number >= 0:
        record["numbers"].append(number)
        record["done"] = len(record["numbers"])
