"""Everything live at once: all venues and all HTTP sources, each since its last known point.

Never raises for a source: what it told stands beside what it did not, each missing thing by name. A slow or
dead source delays no other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from vault.clock import Clock, to_milliseconds
from vault.errors import MarketDataError, VaultError
from vault.markets.feeds import http
from vault.markets.feeds.base import Failed, FeedState, VenueSource
from vault.markets.feeds.venue.gather import Gathered, gather
from vault.series import SECOND, Candles, Recorded, Series, SeriesKey

if TYPE_CHECKING:
    from vault.config_feeds import FeedSettings

NOTHING: Final[Mapping[str, FeedState]] = MappingProxyType({})
# The windows of most indicators are 90 days, before the last midnight; venues keep less of some things.
USUAL_DAYS: Final = 100
# Beyond its own limit a source may still be parsing.
GRACE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Collected:
    """What was told. `states` are of all feeds, to be given back the next time.

    `unchanged` answered that nothing has changed since; `not_due` were asked less than their interval ago.
    """

    recorded: tuple[Recorded, ...]
    failures: tuple[Failed, ...]
    states: Mapping[str, FeedState]
    unchanged: tuple[str, ...]
    not_due: tuple[str, ...]


@dataclass(slots=True)
class _Told:
    """What one feed answered."""

    recorded: Recorded | None = None
    failures: tuple[Failed, ...] = ()
    state: FeedState | None = None
    unchanged: bool = False


@dataclass(slots=True)
class _Job:
    """A thread of its own for a feed, which nobody waits for longer than it may take."""

    feed: FeedSettings
    told: _Told = field(default_factory=_Told)
    thread: threading.Thread | None = None
    ends_at: float = 0.0  # monotonic


def _quiet(_line: str) -> None:
    """Progress nobody asked for."""


def collect(
    venues: Sequence[VenueSource],
    feeds: Sequence[FeedSettings],
    known: Mapping[SeriesKey, int],
    clock: Clock,
    *,
    states: Mapping[str, FeedState] = NOTHING,
    days: int = USUAL_DAYS,
    progress: Callable[[str], None] = _quiet,
) -> Collected:
    """Ask all of them at the same time; `known` is the newest time of each key in the store (Unix ms).

    A key whose newest time lies after now counts as unknown: its usual days are asked again.
    """
    now = to_milliseconds(clock.now())
    # What the store holds from the future was kept by a wrong clock: nobody knows what is missing before it.
    known = {key: moment for key, moment in known.items() if moment <= now}
    due = [feed for feed in feeds if _is_due(feed, states.get(feed.name), now)]
    jobs = [_Job(feed) for feed in due]
    for job in jobs:
        progress(f"asking {job.feed.name}")
        job.thread = threading.Thread(target=_run, args=(job, states, clock), daemon=True)
        job.ends_at = time.monotonic() + job.feed.timeout_seconds + GRACE_SECONDS
        job.thread.start()
    gathered = _gather_all(venues, known, clock, days, progress)
    told = {job.feed.name: _wait_for(job) for job in jobs}
    merged = dict(states)
    merged |= {name: each.state for name, each in told.items() if each.state is not None}
    return Collected(
        recorded=(
            *(item for each in gathered for item in each.recorded),
            *(each.recorded for each in told.values() if each.recorded is not None),
        ),
        failures=(
            *(item for each in gathered for item in each.failures),
            *(item for each in told.values() for item in each.failures),
        ),
        states=merged,
        unchanged=tuple(name for name, each in told.items() if each.unchanged),
        not_due=tuple(feed.name for feed in feeds if feed not in due),
    )


def _is_due(feed: FeedSettings, state: FeedState | None, now: int) -> bool:
    """One that was asked in the future was asked by another clock: it is due."""
    return state is None or not 0 <= now - state.asked_at < feed.every_seconds * SECOND


def _gather_all(
    venues: Sequence[VenueSource],
    known: Mapping[SeriesKey, int],
    clock: Clock,
    days: int,
    progress: Callable[[str], None],
) -> list[Gathered]:
    found: dict[int, Gathered] = {}

    def run(place: int, source: VenueSource) -> None:
        try:
            found[place] = gather(source, known, clock, days, progress)
        except Exception as error:  # noqa: BLE001  one venue's fault must not hide the others
            failed = Failed(source.exchange, "internal.unexpected", type(error).__name__)
            found[place] = Gathered((), (failed,))

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(venues)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[place] for place in sorted(found)]


def _run(job: _Job, states: Mapping[str, FeedState], clock: Clock) -> None:
    feed = job.feed
    try:
        job.told = _ask(feed, states.get(feed.name), clock)
    except VaultError as error:
        # One that wants fewer requests is not asked again before its time.
        asked = to_milliseconds(clock.now()) if error.code == "market.rate_limited" else None
        before = states.get(feed.name, FeedState(0))
        state = None if asked is None else FeedState(asked, before.etag, before.modified)
        job.told = _Told(None, (Failed(feed.name, error.code, error.message[:500]),), state)
    except Exception as error:  # noqa: BLE001  one feed's fault must not hide the others
        failed = Failed(feed.name, "internal.unexpected", type(error).__name__)
        job.told = _Told(failures=(failed,))


def _wait_for(job: _Job) -> _Told:
    assert job.thread is not None  # noqa: S101  just started
    job.thread.join(max(0.0, job.ends_at - time.monotonic()))
    if job.thread.is_alive():
        words = f"expected an answer within {job.feed.timeout_seconds} s, found none"
        return _Told(failures=(Failed(job.feed.name, "market.timeout", words),))
    return job.told


def _ask(feed: FeedSettings, state: FeedState | None, clock: Clock) -> _Told:
    """Ask one source, read its answer as it is mapped, and say how old its newest value is."""
    from vault.markets.reading.mapped import read_mapped

    if not feed.is_url:
        raise MarketDataError("not_live", f"{feed.name}: expected a URL, found the file {feed.where}")
    page = http.ask(feed.where, feed.timeout_seconds, state, clock)
    now = to_milliseconds(clock.now())
    if page.data is None:
        kept = FeedState(now, state.etag, state.modified) if state is not None else FeedState(now)
        return _Told(state=kept, unchanged=True)
    recorded = read_mapped(page.data, feed, now, http.shown(feed.where))
    # What was told before its time is read when it has come, though the answer will not have changed.
    whole = all(fault.kind != "future" for fault in recorded.faults)
    state = FeedState(now, page.etag, page.modified) if whole else FeedState(now)
    return _Told(recorded, _aged(feed, recorded, now), state)


def _aged(feed: FeedSettings, recorded: Recorded, now: int) -> tuple[Failed, ...]:
    """What is wrong with the newest usable value: there is none, or it is too old."""
    newest = newest_of(recorded.data)
    if newest is None:
        return (Failed(feed.name, "market.empty", "expected values, found not one that is usable"),)
    oldest = feed.max_age_seconds
    age = (now - newest) // SECOND
    if oldest is None or age <= oldest:
        return ()
    words = f"expected a value of the last {oldest} s, the newest usable one is {age} s old"
    return (Failed(feed.name, "market.stale", words, "incomplete"),)


def newest_of(data: Series | Candles) -> int | None:
    """From when the newest usable value could be known; None where there is none."""
    series = data.closes() if isinstance(data, Candles) else data
    usable = series.times[np.isfinite(series.values)]
    return int(usable[-1]) if usable.size else None
