"""What a reading says beside its numbers: what nobody told, what we computed, what contradicts itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Notes:
    """Grows while an account is read."""

    missing: list[str] = field(default_factory=list)
    derived: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def told(self, value: T | None, name: str) -> T | None:
        """`value`, and where it is None its name among what is missing."""
        if value is None:
            self.missing.append(name)
        return value
