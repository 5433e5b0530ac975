"""Joins the configuration, the store and the live sources: what is asked, since when, and what was told.

Keeps what HTTP sources said of their answers in a small file; losing it costs one download. Refuses nothing:
what could not be had is named.
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from vault.canonical import read_json
from vault.errors import VaultError
from vault.files import write_private
from vault.markets.feeds.base import Failed, FeedState, VenueSource
from vault.markets.feeds.collect import USUAL_DAYS
from vault.markets.feeds.collect import collect as collect_from
from vault.markets.feeds.venue.markets import MARKETS
from vault.store import history
from vault.venues.registry import NETWORKS
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from vault.config import VenueSettings
    from vault.config_feeds import FeedSettings
    from vault.markets.feeds.base import Answer, Parameters
    from vault.series import Recorded, SeriesKey
    from vault.treasury.desk import Desk
    from vault.treasury.market_watch import AskedOnce

STATES: Final = "feeds.json"
FLAGGED: Final = "BTC"  # whose networks' flags are asked for with a key


def collect(
    desk: Desk, since: datetime | None, public: AskedOnce | None = None
) -> tuple[tuple[Recorded, ...], tuple[Failed, ...]]:
    """Ask venues (through `public`) and feeds since their last known points, or with `since` from then on."""
    config = desk.treasury.config
    with desk.store.read() as connection:
        known = {} if since is not None else {line.key: line.last for line in history.overview(connection)}
    now = desk.clock.now()
    days = USUAL_DAYS if since is None else max(1, (now - since).days + 1)
    live = [feed for feed in config.feed if feed.is_url]
    path = desk.treasury.folder / "state" / STATES
    states = {} if since is not None else _states(path, live, known)
    found = collect_from(
        _venues(desk, config.venue, public or desk.venues.public),
        live,
        known,
        desk.clock,
        states=states,
        days=days,
        progress=desk.progress,
    )
    _remember(path, found.states)
    return found.recorded, found.failures


def _venues(
    desk: Desk, venues: Iterable[VenueSettings], public: Callable[[str, str, Parameters], Answer]
) -> list[VenueSource]:
    """One source for each exchange, through its first account, with the contracts of all of them."""
    by_exchange: dict[str, list[VenueSettings]] = {}
    for settings in venues:
        by_exchange.setdefault(settings.exchange, []).append(settings)
    found = []
    for exchange, accounts in by_exchange.items():
        contracts = tuple(dict.fromkeys(name for each in accounts for name in each.contracts))
        first = accounts[0].name
        networks: tuple[tuple[str, str], ...] = ()
        if exchange in MARKETS and traits_of(exchange).ships == "full":
            networks = tuple(
                (each.asset, each.network)
                for each in NETWORKS
                if each.exchange == exchange and each.asset == FLAGGED
            )
        found.append(
            VenueSource(
                exchange,
                contracts,
                functools.partial(public, first),
                networks,
                functools.partial(desk.venues.network_info, first),
            )
        )
    return found


def _states(
    path: Path, feeds: Iterable[FeedSettings], known: Mapping[SeriesKey, int]
) -> dict[str, FeedState]:
    """What is remembered of feeds whose history is there: "nothing has changed" is no answer without it."""
    held = {(key.kind, key.name, key.source) for key in known}
    there = {feed.name for feed in feeds if (feed.kind, feed.asset, feed.said_by) in held}
    try:
        told = read_json(path.read_text(encoding="utf-8"), what=STATES)
    except (OSError, UnicodeDecodeError, VaultError):
        return {}
    found: dict[str, FeedState] = {}
    for name, entry in told.items() if isinstance(told, dict) else ():
        if name in there and isinstance(entry, dict):
            asked, etag, modified = (entry.get(part) for part in ("asked_at", "etag", "modified"))
            if type(asked) is int and isinstance(etag, str) and isinstance(modified, str):
                found[name] = FeedState(asked, etag, modified)
    return found


def _remember(path: Path, states: Mapping[str, FeedState]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({name: asdict(state) for name, state in sorted(states.items())}, indent=1)
    write_private(path, text.encode())
