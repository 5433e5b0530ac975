"""Kills at every stop that runs of a kind of plan come to, each on a treasury of its own; or at a sample.

Of each commit one side is taken, and of these a half, both by the commit's name: always the same ones. With
VAULT_KILL_POINTS=all, as in the soak, every commit is killed at on both sides.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Final

EVERY_POINT: Final = os.environ.get("VAULT_KILL_POINTS") == "all"
TRIES: Final = 4  # a run may pass a stop by: what reconciliation sees depends on how far the world is
_SEED: Final = 738

# A number and a stop (empty: none) give whether the run came there, and all stops that it passed.
Attempt = Callable[[int, str], tuple[bool, list[str]]]
Choice = Callable[[str], bool]


def chosen_side(stop: str) -> bool:
    """Whether it is the one side, before or after, that the name of its commit decides for."""
    side, _, what = stop.partition(" ")
    return side == ("before", "after")[zlib.crc32(what.encode()) % 2]


def in_sample(stop: str) -> bool:
    """Whether it is killed at: all with VAULT_KILL_POINTS=all, else one side of every second commit."""
    what = stop.partition(" ")[2]
    return EVERY_POINT or (chosen_side(stop) and zlib.crc32(f"{_SEED} {what}".encode()) % 2 == 0)


def sides(commits: Iterable[str]) -> list[str]:
    """The two stops of each commit."""
    return [f"{side} {what}" for what in commits for side in ("before", "after")]


class EveryStop:
    """Kills at every chosen stop that any run ever passes; a run may be quicker than another and skip one."""

    def __init__(self, attempt: Attempt, width: int, choice: Choice = in_sample) -> None:
        self._attempt, self._width, self._choice = attempt, width, choice
        self._lock = threading.Condition()
        self._numbers = count(1)
        self._tries: Counter[str] = Counter()
        self._waiting: list[str] = []
        self._working = 0
        self.killed: list[str] = []

    def run(self) -> list[str]:
        """One run to its end, to learn of the stops, then one for each; at which of them there was a kill."""
        return self.at(self._attempt(next(self._numbers), "")[1])

    def at(self, stops: Iterable[str]) -> list[str]:
        """The same without a first run, for stops that are known."""
        self._learn(stops)
        with ThreadPoolExecutor(self._width) as pool:
            for future in [pool.submit(self._work) for _ in range(self._width)]:
                future.result()
        return self.killed

    def _learn(self, passed: Iterable[str]) -> None:
        new = [stop for stop in passed if stop not in self._tries]
        self._waiting += [stop for stop in new if self._choice(stop)]
        self._tries.update(new)

    def _work(self) -> None:
        while (at := self._next()) is not None:
            came = False
            passed: list[str] = []
            try:
                came, passed = self._attempt(next(self._numbers), at)
            finally:
                with self._lock:
                    self._working -= 1
                    self._learn(passed)
                    if came:
                        self.killed.append(at)
                    elif self._tries[at] < TRIES:
                        self._tries[at] += 1
                        self._waiting.append(at)
                    self._lock.notify_all()

    def _next(self) -> str | None:
        with self._lock:
            self._lock.wait_for(lambda: self._waiting or not self._working)
            if not self._waiting:
                return None
            self._working += 1
            return self._waiting.pop(0)
