"""Counts of vectors played: how many agree, which differ and how, which are named exceptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.conformance.vector_exceptions import exemption_of


@dataclass
class Tally:
    """One file of vectors, or one part of it, on a device of that vendor."""

    name: str
    vendor: str
    every: int = 0
    agreeing: int = 0
    differing: list[str] = field(default_factory=list)
    excepted: list[tuple[str, str]] = field(default_factory=list)  # id and reason

    def judge(self, case: str, play: Callable[[], str]) -> None:
        """Count a case: `play` tells the difference, or nothing when there is none."""
        self.every += 1
        difference = play()
        exemption = exemption_of(case, self.vendor)
        if exemption is not None and difference.startswith(exemption.difference):
            self.excepted.append((case, exemption.reason))
        elif exemption is not None:
            told = difference or "agrees with the vector"
            self.differing.append(f"{case}: expected the exception {exemption.difference!r}, but {told}")
        elif difference:
            self.differing.append(f"{case}: {difference}")
        else:
            self.agreeing += 1

    @property
    def whole(self) -> bool:
        """Every case agrees or is a named exception."""
        return not self.differing and self.agreeing + len(self.excepted) == self.every

    def __str__(self) -> str:
        excepted = f", {len(self.excepted)} excepted" if self.excepted else ""
        return f"{self.name:44s} {self.agreeing:4d} of {self.every:4d}{excepted}"
