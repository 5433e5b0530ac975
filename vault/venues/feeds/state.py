"""A feed's memory: the last part of each name, in the venue's order, and whether it may be believed. Pure.

A part counts as current only while its line is live and has had no gap since the part came: after a break
nothing is current until it is heard, or read by REST, again. Where REST says otherwise REST is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from vault.clock import to_iso
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.feeds.reading import FeedReading, Kind, LineStatus, LineView, Part

SILENT: Final = timedelta(seconds=15)  # three probes of `socket.PROBE_SECONDS`
BEHIND: Final = timedelta(seconds=5)  # a mark price moves every second
# Marks move between the feed's moment and REST's: only what no second of a market explains contradicts.
MARK_BOUND: Final = Decimal("0.01")
MARK_APART: Final = timedelta(seconds=5)
MAX_PARTS: Final = 10_000  # all contracts of the largest exchange are about a thousand


@dataclass(slots=True)
class _Line:
    opened_at: datetime | None = None
    heard_at: datetime | None = None
    lag: timedelta = timedelta(0)
    why: str = ""
    doubt: str = ""


class FeedState:
    """The parts of one account. `lines` names each line and the kinds of parts it brings. Not thread safe."""

    def __init__(self, account: str, lines: dict[str, frozenset[Kind]], skew: timedelta) -> None:
        self._account = account
        self._skew = skew
        self._lines = {name: _Line() for name in lines}
        self._line_of: dict[str, str] = {kind: name for name, kinds in lines.items() for kind in kinds}
        self._parts: dict[tuple[str, str, str], Part] = {}
        self._contradictions: tuple[str, ...] = ()
        self._ignored = 0
        self._breaks = 0

    # What the lines tell

    def opened(self, name: str, at: datetime) -> None:
        """The venue has confirmed what the line subscribes to: from here on no change is missed."""
        self._lines[name] = _Line(opened_at=at, heard_at=at)

    def heard(self, name: str, at: datetime) -> None:
        self._lines[name].heard_at = at

    def broken(self, name: str, why: str) -> None:
        """The line has ended or cannot be followed; `why` carries no key material."""
        line = self._lines[name]
        self._breaks += line.opened_at is not None
        self._lines[name] = _Line(why=why[:200])

    def take(self, name: str, parts: Iterable[Part]) -> None:
        """Parts in the order they came. Raises `VenueError` for one that cannot be true, and keeps none."""
        parts = tuple(parts)
        for part in parts:
            if part.at > part.received_at + self._skew + BEHIND:
                raise VenueError(
                    "bad_answer", f"{part.kind} {part.name[:40]}: from the future, {to_iso(part.at)}"
                )
            if self._line_of.get(part.kind) != name:
                raise VenueError("bad_answer", f"{part.kind} {part.name[:40]}: not what {name} brings")
        for part in parts:
            self._take(part)

    def _take(self, part: Part) -> None:
        line = self._lines[self._line_of[part.kind]]
        known = self._parts.get(part.key)
        if known is not None and (
            part.at < known.at or (part.at == known.at and part.value == known.value and self._current(known))
        ):
            self._ignored += 1
            return
        if known is None and len(self._parts) >= MAX_PARTS:
            raise VenueError("bad_answer", f"expected at most {MAX_PARTS} names from a feed, found more")
        self._parts[part.key] = part
        line.lag = part.received_at - part.at

    # What REST tells

    def check(self, account: MarginAccount) -> tuple[str, ...]:
        """Compare with a REST reading and take its values over. The contradictions, each in words."""
        taken = account.observed_at - timedelta(milliseconds=account.clock_skew_ms)
        # What no line of this feed brings is REST's alone.
        told = {key: part for key, part in _parts_of(account, taken).items() if part.kind in self._line_of}
        found = [*self._unsaid(account, told), *self._different(account, told)]
        for part in told.values():
            known = self._parts.get(part.key)
            if known is None or known.at <= part.at:
                self._parts[part.key] = part
        for name, line in self._lines.items():
            doubts = [text for kind, text in found if self._line_of.get(kind) == name]
            line.doubt = "; ".join(doubts)[:200]
        self._contradictions = tuple(text for _, text in found)
        return self._contradictions

    def _different(
        self, account: MarginAccount, told: dict[tuple[str, str, str], Part]
    ) -> Iterable[tuple[Kind, str]]:
        for key, theirs in told.items():
            ours = self._parts.get(key)
            if ours is None or ours.at > account.observed_at or not self._current(ours):
                continue  # unknown, newer than what was read, or not believed anyway
            if theirs.kind == "mark":
                apart = abs(ours.value - theirs.value) > MARK_BOUND * abs(theirs.value)
                if not apart or theirs.at - ours.at > MARK_APART:
                    continue
            elif ours.value == theirs.value:
                continue
            name = f"{theirs.kind} {theirs.name} {theirs.leg}".rstrip()
            yield theirs.kind, f"{name}: the feed says {ours.value:f}, REST {theirs.value:f}"

    def _unsaid(
        self, account: MarginAccount, told: dict[tuple[str, str, str], Part]
    ) -> Iterable[tuple[Kind, str]]:
        """What the feed holds and REST does not list: nothing is there any more."""
        for key, ours in list(self._parts.items()):
            if ours.kind == "mark" or key in told or ours.at > account.observed_at:
                continue
            if ours.value and self._current(ours):
                name = f"{ours.kind} {ours.name} {ours.leg}".rstrip()
                yield ours.kind, f"{name}: the feed says {ours.value:f}, REST lists none"
            at = account.observed_at - timedelta(milliseconds=account.clock_skew_ms)
            self._parts[key] = replace(ours, value=Decimal(0), at=account.observed_at, received_at=at)

    # What others see

    def _current(self, part: Part) -> bool:
        line = self._lines[self._line_of[part.kind]]
        return line.opened_at is not None and part.received_at >= line.opened_at

    def _status(self, line: _Line, at: datetime) -> tuple[LineStatus, str]:
        if line.opened_at is None or line.heard_at is None:
            return ("broken", line.why) if line.why else ("opening", "not opened yet")
        if at - line.heard_at > SILENT:
            return "silent", f"nothing heard for {int((at - line.heard_at).total_seconds())} s"
        if line.lag > BEHIND + self._skew:
            return "behind", f"its last message was {line.lag.total_seconds():.1f} s old when it came"
        return ("contradicted", line.doubt) if line.doubt else ("live", "")

    def reading(self, at: datetime) -> FeedReading:
        """Everything as of `at`."""
        views = {
            name: LineView(name, status, line.heard_at, why)
            for name, line in self._lines.items()
            for status, why in (self._status(line, at),)
        }
        current: list[Part] = []
        stale: list[Part] = []
        for part in sorted(self._parts.values(), key=lambda each: each.key):
            line = self._line_of.get(part.kind)
            good = line is not None and views[line].status == "live" and self._current(part)
            (current if good else stale).append(part)
        return FeedReading(
            self._account,
            at,
            tuple(views.values()),
            tuple(current),
            tuple(stale),
            self._contradictions,
            self._ignored,
            self._breaks,
        )


def _parts_of(account: MarginAccount, taken: datetime) -> dict[tuple[str, str, str], Part]:
    """A REST reading as parts."""
    at = account.observed_at
    found = [Part("balance", each.asset, "", each.balance, at, taken) for each in account.collateral]
    for each in account.positions:
        found.append(Part("position", each.symbol, each.side, each.size, at, taken))
        found.append(Part("mark", each.symbol, "", each.mark_price, at, taken))
    return {part.key: part for part in found}
