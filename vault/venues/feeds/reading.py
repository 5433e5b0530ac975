"""What a feed has last heard, as others see it: parts with their times, lines with their state. Pure.

Only `current` parts say how things are; `stale` ones say how they last were, and never decide anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

Kind = Literal["mark", "balance", "position"]
LineStatus = Literal["opening", "live", "silent", "behind", "contradicted", "broken"]


@dataclass(frozen=True, slots=True)
class Part:
    """A mark price, a wallet's balance of an asset, or the size of a position (zero: there is none).

    `name` is the contract or the asset; `leg` is "long" or "short" of a position, else "". `at` is the
    venue's time, `received_at` ours.
    """

    kind: Kind
    name: str
    leg: str
    value: Decimal
    at: datetime
    received_at: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.name, self.leg)


@dataclass(frozen=True, slots=True)
class LineView:
    """One connection of a feed; `why` it is not live, "" when it is."""

    name: str
    status: LineStatus
    heard_at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class FeedReading:
    """A feed at a moment. `contradictions` are those of the last comparison with what was read by REST.

    `ignored` counts what came twice or too late, `breaks` how often a line had to be opened again.
    """

    account: str
    at: datetime
    lines: tuple[LineView, ...]
    current: tuple[Part, ...]
    stale: tuple[Part, ...]
    contradictions: tuple[str, ...]
    ignored: int
    breaks: int

    @property
    def live(self) -> bool:
        """Whether every line is."""
        return all(line.status == "live" for line in self.lines)

    def part(self, kind: Kind, name: str, leg: str = "") -> Part | None:
        """A current part; None where there is none, also when a stale one is known."""
        return next((part for part in self.current if part.key == (kind, name, leg)), None)
