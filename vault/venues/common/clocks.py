"""The venue's clock against ours, and how far apart they may be before anything is done by them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from vault.clock import Clock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.venues.base import ClockReading
from vault.venues.common.reading import milliseconds

NONCE_SKEW: Final = timedelta(hours=1)


def measured(clock: Clock, server_time: Callable[[], datetime]) -> ClockReading:
    """The venue's time and the skew at the middle of the round trip."""
    before = clock.now()
    server = server_time()
    round_trip = clock.now() - before
    skew = server - (before + round_trip / 2)
    return ClockReading(server, milliseconds(skew), milliseconds(round_trip))


def check_skew(reading: ClockReading, settings: VenueSettings) -> ClockReading:
    """Raises `VenueError` (``venue.clock_skew``) beyond the configured bound."""
    bound = settings.max_clock_skew_ms
    # Half the round trip is what the measurement itself may be off.
    if abs(reading.skew_ms) - reading.round_trip_ms // 2 > bound:
        raise VenueError(
            "clock_skew",
            f"{settings.name}: expected clocks within {bound} ms, the venue's is {reading.skew_ms} ms off",
            hint="Synchronise this machine's clock; nothing was sent.",
        )
    return reading


def keep_nonces_low(reading: ClockReading, settings: VenueSettings) -> None:
    """Numbers made from a clock that is far ahead would burn a key: no later one is ever taken."""
    if reading.skew_ms < -milliseconds(NONCE_SKEW):
        raise VenueError(
            "clock_skew",
            f"{settings.name}: expected a clock no more than {NONCE_SKEW} ahead of the venue's; "
            "nothing was sent",
            hint="Synchronise this machine's clock.",
        )
