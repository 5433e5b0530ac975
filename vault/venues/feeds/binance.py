"""Binance USDⓈ-M by WebSocket: mark prices, and the account's balances and positions by a listen key.

The listen key is subscribed to in a message, so that no path carries it. Sources: Binance USDⓈ-M "Mark Price
Stream", "User Data Streams", "Event: Balance and Position Update", "Live Subscribing".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from vault.errors import VenueError
from vault.venues.binance.dialect import DIALECT
from vault.venues.feeds.reading import Part
from vault.venues.feeds.talk import NOTHING, Heard, Talk, legs
from vault.venues.line import raw
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import Endpoints
from vault.venues.line.raw import Fields

SUBSCRIBED: Final = 1
PROBED: Final = 2
# Both only make and prolong a session that reads.
LISTEN_KEYS: Final = Endpoints(
    ccxt="binance",
    reads=frozenset({"fapiPrivatePostListenKey", "fapiPrivatePutListenKey"}),
    sends=frozenset(),
    public=frozenset(),
    dialect=DIALECT,
)


class _Streams(Talk):
    """What both lines share: how streams are subscribed to and answered."""

    def _subscribe(self, streams: Sequence[str]) -> tuple[str]:
        return (json.dumps({"method": "SUBSCRIBE", "params": list(streams), "id": SUBSCRIBED}),)

    def probe(self) -> str:
        return json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": PROBED})

    def heard(self, text: str, at: datetime) -> Heard:
        message = Fields.of(raw.parse(text, what=self.name), self.name)
        if message.has("error") or message.has("code"):
            raise VenueError("refused", f"{self.name}: the venue refused what was subscribed to")
        if "e" in message.data:
            return Heard(self.event(message, at))
        if "result" in message.data and message.integer("id") == SUBSCRIBED:
            return Heard(opened=True)
        if "result" in message.data:
            return NOTHING
        raise VenueError("bad_answer", f"{self.name}: expected an event or an answer, found neither")

    def event(self, message: Fields, at: datetime) -> tuple[Part, ...]:
        raise NotImplementedError


class Marks(_Streams):
    """Mark prices, each second."""

    name = "marks"
    brings = frozenset({"mark"})
    path = "/market/ws"

    def __init__(self, contracts: Sequence[str]) -> None:
        self._contracts = tuple(contracts)

    def start(self) -> Sequence[str]:
        return self._subscribe([f"{name.lower()}@markPrice@1s" for name in self._contracts])

    def event(self, message: Fields, at: datetime) -> tuple[Part, ...]:
        if message.text("e") != "markPriceUpdate":
            return ()
        price = message.decimal("p")
        if price <= 0:
            raise VenueError("bad_answer", f"{self.name}: expected a price above zero, found {price:f}")
        return (Part("mark", message.text("s"), "", price, message.instant("E"), at),)


class Account(_Streams):
    """Balances and positions whenever they change."""

    name = "account"
    brings = frozenset({"balance", "position"})
    path = "/private/ws"

    def __init__(self, ask: Connection) -> None:
        self._ask = ask

    def start(self) -> Sequence[str]:
        answer = self._ask.get("fapiPrivatePostListenKey")
        return self._subscribe([Fields.of(answer, "listenKey").text("listenKey")])

    def refresh(self) -> None:
        self._ask.get("fapiPrivatePutListenKey")

    def event(self, message: Fields, at: datetime) -> tuple[Part, ...]:
        kind = message.text("e")
        if kind == "listenKeyExpired":
            raise VenueError("session_over", f"{self.name}: the listen key has run out")
        if kind != "ACCOUNT_UPDATE":
            return ()
        moment = message.instant("T")
        change = Fields.of(message.data.get("a"), f"{self.name}.a")
        found = [
            Part("balance", line.text("a"), "", line.decimal("wb"), moment, at) for line in change.rows("B")
        ]
        for line in change.rows("P"):
            found += _position(line, moment, at)
        return tuple(found)


def _position(line: Fields, moment: datetime, at: datetime) -> tuple[Part, ...]:
    symbol, size, side = line.text("s"), line.decimal("pa"), line.text("ps")
    if side == "BOTH":
        return legs(symbol, size, moment, at)
    if side not in {"LONG", "SHORT"}:
        raise VenueError("bad_answer", f"{line.where}.ps: expected BOTH, LONG or SHORT, found {side[:20]!r}")
    return (Part("position", symbol, side.lower(), abs(size), moment, at),)
