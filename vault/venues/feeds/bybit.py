"""Bybit V5 by WebSocket: tickers of linear contracts, and the unified account's wallet and positions.

Sources: Bybit V5 "WebSocket Stream: Connect", "Public: Ticker" (a snapshot, then deltas of what changed),
"Private: Position", "Private: Wallet".
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from vault.clock import Clock, to_milliseconds
from vault.errors import VenueError
from vault.secrets import Secret
from vault.venues.feeds.reading import Part
from vault.venues.feeds.talk import NOTHING, Heard, Talk, legs
from vault.venues.line import raw
from vault.venues.line.raw import Fields

LOGIN_VALID: Final = timedelta(seconds=10)
ANSWERS: Final = frozenset({"auth", "subscribe", "ping", "pong"})


class _Topics(Talk):
    """What both lines share: operations, their answers, and messages of a topic."""

    def probe(self) -> str:
        return json.dumps({"op": "ping"})

    def heard(self, text: str, at: datetime) -> Heard:
        message = Fields.of(raw.parse(text, what=self.name), self.name)
        if message.has("topic"):
            return Heard(self.topic(message, at))
        operation = message.text("op")
        if operation not in ANSWERS:
            raise VenueError("bad_answer", f"{self.name}: expected an answer, found {operation[:20]!r}")
        if message.has("success") and not message.boolean("success"):
            raise VenueError("refused", f"{self.name}: the venue refused to {operation}")
        return self.answer(operation)

    def answer(self, operation: str) -> Heard:
        return Heard(opened=True) if operation == "subscribe" else NOTHING

    def topic(self, message: Fields, at: datetime) -> tuple[Part, ...]:
        raise NotImplementedError


class Tickers(_Topics):
    """Mark prices of linear contracts, whenever they move."""

    name = "marks"
    brings = frozenset({"mark"})
    path = "/v5/public/linear"

    def __init__(self, contracts: Sequence[str]) -> None:
        self._contracts = tuple(contracts)
        self._known: set[str] = set()

    def start(self) -> Sequence[str]:
        self._known.clear()
        return (json.dumps({"op": "subscribe", "args": [f"tickers.{name}" for name in self._contracts]}),)

    def topic(self, message: Fields, at: datetime) -> tuple[Part, ...]:
        kind, data = message.text("type"), Fields.of(message.data.get("data"), f"{self.name}.data")
        name = data.text("symbol")
        if kind not in {"snapshot", "delta"} or message.text("topic") != f"tickers.{name}":
            raise VenueError("bad_answer", f"{self.name}: expected a ticker of {name[:40]!r}, found another")
        if kind == "snapshot":
            self._known.add(name)
        elif name not in self._known:
            raise VenueError("bad_answer", f"{self.name}: a change of {name[:40]!r} came before its snapshot")
        elif not data.has("markPrice"):
            return ()  # something else of it has changed
        price = data.decimal("markPrice")
        if price <= 0:
            raise VenueError("bad_answer", f"{self.name}: expected a price above zero, found {price:f}")
        return (Part("mark", name, "", price, message.instant("ts"), at),)


class Account(_Topics):
    """Wallet and positions, whenever they change."""

    name = "account"
    brings = frozenset({"balance", "position"})
    path = "/v5/private"

    def __init__(self, keys: tuple[Secret, Secret], clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def start(self) -> Sequence[str]:
        key, secret = self._keys
        until = to_milliseconds(self._clock.now() + LOGIN_VALID)
        signed = hmac.new(secret.reveal().encode(), f"GET/realtime{until}".encode(), hashlib.sha256)
        return (json.dumps({"op": "auth", "args": [key.reveal(), until, signed.hexdigest()]}),)

    def answer(self, operation: str) -> Heard:
        if operation == "auth":
            return Heard(send=(json.dumps({"op": "subscribe", "args": ["wallet", "position"]}),))
        return super().answer(operation)

    def topic(self, message: Fields, at: datetime) -> tuple[Part, ...]:
        topic, moment = message.text("topic"), message.instant("creationTime")
        found: list[Part] = []
        for line in message.rows("data"):
            if topic == "wallet":
                found += [
                    Part("balance", coin.text("coin"), "", coin.decimal("walletBalance"), moment, at)
                    for coin in line.rows("coin")
                ]
            elif topic == "position":
                found += _position(line, moment, at)
            else:
                raise VenueError("bad_answer", f"{self.name}: nobody asked for {topic[:40]!r}")
        return tuple(found)


def _position(line: Fields, moment: datetime, at: datetime) -> tuple[Part, ...]:
    symbol, size, index = line.text("symbol"), line.decimal("size"), line.integer("positionIdx")
    side = line.optional_text("side")
    if size < 0 or (size and side not in {"Buy", "Sell"}):
        raise VenueError("bad_answer", f"{line.where}: expected a size with its side, found {size:f}")
    if index == 0:
        return legs(symbol, -size if side == "Sell" else size, moment, at)
    if index not in {1, 2}:
        raise VenueError("bad_answer", f"{line.where}.positionIdx: expected 0, 1 or 2, found {index}")
    return (Part("position", symbol, "long" if index == 1 else "short", size, moment, at),)
