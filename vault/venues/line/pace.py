"""One rate limit for each exchange and host, shared by all connections, accounts and processes of this user.

ccxt counts the cost of each endpoint but keeps a clock of its own in every instance: several accounts, or
several connections of one, would together ask many times too often. A venue that answers "too many requests"
(429, or a code of its own), bans (418) or names a time to come back gets no request before it. Refuses to
wait past a deadline.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from vault.clock import Clock, to_iso
from vault.errors import VenueError
from vault.venues.line.nonce import nonce_folder
from vault.venues.line.outcome import TOO_MANY, Halting
from vault.venues.line.pace_file import PaceFile, PaceState

# Pauses after an answer that names none: a breath, and Binance's shortest ban.
HALTS: Final = {429: TOO_MANY, 418: timedelta(minutes=2)}
MAX_HALT: Final = timedelta(days=3)  # Binance's longest ban; more is a mistake
MAX_HINT: Final = timedelta(minutes=10)  # of any other answer, such as a maintenance page: no ban
MAX_QUEUE_SECONDS: Final = 600.0  # nobody queues so long: the file's clock was another
RESUME: Final = "The step is unsent: run `vault send PLAN --resume`, which makes a new request."


@dataclass(frozen=True, slots=True)
class Halt:
    """A venue's word that it wants no request until then; `why` is the status or code that said so."""

    until: datetime
    why: str


class Pacer:
    """Hands out moments to send at, in order; `wait` sleeps until its own. Thread safe."""

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        host: str = "the venue",
        path: Path | None = None,
    ) -> None:
        self._sleep = sleep
        self._monotonic = monotonic
        self._host = host
        self._lock = threading.Lock()
        self._file = PaceFile(path)

    def check(self, clock: Clock) -> None:
        """Raises `VenueError` (``venue.rate_limited``) while the venue wants no request."""
        with self._lock:
            self._refuse_halted(self._file.look(), clock)

    def wait(
        self, seconds: float, clock: Clock, not_after: datetime | None = None, *, hint: str = RESUME
    ) -> None:
        """Wait for the next moment, and keep those after it `seconds` away.

        Raises `VenueError` (``venue.too_late``) without waiting when that moment lies after `not_after`,
        ``venue.rate_limited`` when the venue wants no request.
        """
        pause = 0.0

        def book(state: PaceState) -> PaceState:
            nonlocal pause
            self._refuse_halted(state, clock)
            now = self._monotonic()
            pause = max(0.0, state.free_at - now)
            if pause > MAX_QUEUE_SECONDS:
                pause = 0.0
            if not_after is not None and clock.now().timestamp() + pause > not_after.timestamp():
                raise VenueError(
                    "too_late",
                    f"expected to send until {to_iso(not_after)}, the venue's rate limit allows it "
                    f"{pause:.1f} s from now; nothing was sent",
                    hint=hint,
                )
            return replace(state, free_at=now + pause + seconds)

        with self._lock:
            self._file.change(book)
        if pause:
            self._sleep(pause)
            self.check(clock)  # another connection may have been told to stop meanwhile

    def heed(
        self, status: int | None, retry_after: str | None, clock: Clock, said: Halting | None = None
    ) -> Halt | None:
        """Take note of an answer; the halt it orders, None for most. `said`: in the exchange's own words."""
        if status in HALTS:  # a ban says the same words as a mere "too many"
            said = Halting(f"HTTP {status}", HALTS[status])
        pause = _ordered_pause(status, retry_after, clock.now(), said)
        if pause is None:
            return None
        until, why = clock.now() + pause, f"HTTP {status}" if said is None else said.why
        with self._lock:
            state = self._file.change(lambda state: _halted(state, until, why))
        assert state.halted_until is not None  # noqa: S101  just set
        return Halt(state.halted_until, state.why)

    def _refuse_halted(self, state: PaceState, clock: Clock) -> None:
        now = clock.now()
        if state.halted_until is None or not now < state.halted_until <= now + MAX_HALT:
            return
        raise VenueError(
            "rate_limited",
            f"{self._host} wants no request until {to_iso(state.halted_until)} ({state.why}); "
            "nothing was sent",
            hint="Wait until then; other programs with this address count too.",
            passing="yes",
            retry_at=to_iso(state.halted_until),
        )


def _halted(state: PaceState, until: datetime, why: str) -> PaceState:
    """A halt never shortens an earlier one."""
    if state.halted_until is not None and state.halted_until >= until:
        return state
    return replace(state, halted_until=until, why=why)


def _ordered_pause(
    status: int | None, retry_after: str | None, now: datetime, said: Halting | None
) -> timedelta | None:
    """How long an answer tells us to stay away; Retry-After is seconds or a date (RFC 9110, 10.2.3)."""
    if said is None and (status is None or status < 400):
        return None
    text = (retry_after or "").strip()
    named: timedelta | None = None
    if text.isascii() and text.isdecimal():
        named = timedelta(seconds=min(int(text[:9]), int(MAX_HALT.total_seconds())))
    elif text:
        try:
            moment = parsedate_to_datetime(text)
            named = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
        except (ValueError, TypeError, OverflowError):
            named = None
    if named is None or named <= timedelta(0):
        return None if said is None else said.pause
    return min(named, MAX_HINT if said is None else MAX_HALT)


class Pacers:
    """The pacers of this process, one for each exchange and host; `folder` is where processes meet."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or nonce_folder().with_name("pace")
        self._lock = threading.Lock()
        self._pacers: dict[tuple[str, str], Pacer] = {}

    def of(self, exchange: str, host: str) -> Pacer:
        name = hashlib.sha256(f"{exchange} {host}".encode()).hexdigest()[:32]
        with self._lock:
            return self._pacers.setdefault(
                (exchange, host), Pacer(host=f"{exchange} at {host}", path=self._folder / name)
            )
