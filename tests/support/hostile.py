"""Hostile transactions by name: what is tried, and the one code that it must be refused with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Attempt = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Hostile:
    """`attempt` calls what a plan goes through before it is signed or sent."""

    name: str
    code: str
    attempt: Attempt


class Collection:
    """Attempts as they are written down one below the other."""

    def __init__(self) -> None:
        self.found: list[Hostile] = []

    def __call__(self, name: str, code: str) -> Callable[[Attempt], Attempt]:
        def keep(attempt: Attempt) -> Attempt:
            self.add(name, code, attempt)
            return attempt

        return keep

    def add(self, name: str, code: str, attempt: Attempt) -> None:
        self.found.append(Hostile(name, code if "." in code else f"ethereum.{code}", attempt))
