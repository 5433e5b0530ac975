"""The feeds that a worker keeps: one for each account that is followed, until the worker ends.

An account is read by REST before its feed is opened: a key of another account follows nothing. Refuses to
open a second feed for an account.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from vault.clock import Clock
from vault.config import VenueSettings
from vault.model import MarginAccount
from vault.secrets import Secret
from vault.venues.feeds.opening import Feed, open_feed
from vault.venues.feeds.reading import FeedReading
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import Endpoints

Keys = Callable[[str, VenueSettings], Mapping[str, Secret]]
Connect = Callable[[VenueSettings, Mapping[str, Secret], Endpoints], Connection]


class Feeds:
    """Thread safe. `keys` reads the read key of an account, `connect` makes a connection with it."""

    def __init__(self, keys: Keys, connect: Connect, clock: Clock) -> None:
        self._keys, self._connect, self._clock = keys, connect, clock
        self._lock = threading.Lock()
        self._feeds: dict[tuple[str, str], Feed] = {}

    def latest(
        self, treasury_id: str, settings: VenueSettings, read: Callable[[], MarginAccount]
    ) -> FeedReading:
        """What the account's feed knows; it is opened when nobody has asked before.

        `read` reads the account by REST. Raises what it raises, and what `open_feed` does.
        """
        name = (treasury_id, settings.model_dump_json())
        if name not in self._feeds:
            account = read()
            with self._lock:
                if name not in self._feeds:
                    keys = self._keys(treasury_id, settings)
                    self._feeds[name] = open_feed(
                        settings,
                        keys,
                        lambda endpoints: self._connect(settings, keys, endpoints),
                        self._clock,
                    )
                self._feeds[name].check(account)
        return self._feeds[name].latest()

    def check(self, treasury_id: str, settings: VenueSettings, account: MarginAccount) -> None:
        """Compare the account's feed, if there is one, with what REST has just said."""
        feed = self._feeds.get((treasury_id, settings.model_dump_json()))
        if feed is not None:
            feed.check(account)
