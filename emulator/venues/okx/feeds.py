"""OKX's public WebSocket feed: the mark-price channel, at once and whenever a mark moves.

Other channels are refused. Source: OKX "WebSocket", "Mark price channel".
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from emulator.venues.engine.exact import plain
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.feeds import Bare, FeedRoute
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.wire import Json, loads

CHANNEL = "mark-price"


class OkxFeed:
    """One connection with the contracts it follows."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._followed: dict[str, Decimal | None] = {}

    def opened(self) -> Iterable[Json]:
        return ()

    def received(self, text: str) -> Iterable[Json]:
        if text == "ping":
            return [Bare("pong")]
        try:
            asked = loads(text)
        except ValueError:
            asked = None
        request = cast("dict[str, Json]", asked) if isinstance(asked, dict) else {}
        named = request.get("args")
        answers: list[Json] = []
        for each in named if isinstance(named, list) else [None]:
            argument = cast("dict[str, Json]", each) if isinstance(each, dict) else {}
            contract = str(argument.get("instId"))
            known = argument.get("channel") == CHANNEL and contract in self._venue.market.symbols
            if request.get("op") != "subscribe" or not known:
                answers.append({"event": "error", "code": "60012", "msg": "Invalid request", "connId": "1"})
                continue
            self._followed.setdefault(contract, None)
            answers.append({"event": "subscribe", "arg": argument, "connId": "1"})
        return [*answers, *self.changed()]

    def changed(self) -> Iterable[Json]:
        told: list[Json] = []
        for name, before in self._followed.items():
            mark = self._venue.market.symbols[name].mark
            if mark == before:
                continue
            self._followed[name] = mark
            now = str(self._venue.clock.now_ms())
            row: Json = {"instType": "SWAP", "instId": name, "markPx": plain(mark), "ts": now}
            told.append({"arg": {"channel": CHANNEL, "instId": name}, "data": [row]})
        return told


def public(venue: Venue, incoming: Incoming) -> OkxFeed:
    return OkxFeed(venue)


FEEDS = (FeedRoute("/ws/v5/public", public),)
