"""OKX by WebSocket: mark prices of contracts.

Balances and positions are read by REST alone: OKX pushes sizes in contracts, which mean nothing without their
instruments. Sources: OKX "WebSocket: Connect", "Mark price channel".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from vault.errors import VenueError
from vault.venues.feeds.reading import Part
from vault.venues.feeds.talk import NOTHING, Heard, Talk
from vault.venues.line import raw
from vault.venues.line.raw import Fields

CHANNEL: Final = "mark-price"
PING: Final = "ping"
PONG: Final = "pong"  # the only messages that are no JSON


class Marks(Talk):
    """Mark prices, whenever they move; each contract is confirmed by itself."""

    name = "marks"
    brings = frozenset({"mark"})
    path = "/ws/v5/public"

    def __init__(self, contracts: Sequence[str]) -> None:
        self._contracts = tuple(contracts)
        self._awaited: set[str] = set()

    def start(self) -> Sequence[str]:
        self._awaited = set(self._contracts)
        asked = [{"channel": CHANNEL, "instId": name} for name in self._contracts]
        return (json.dumps({"op": "subscribe", "args": asked}),)

    def probe(self) -> str:
        return PING

    def heard(self, text: str, at: datetime) -> Heard:
        if text == PONG:
            return NOTHING
        message = Fields.of(raw.parse(text, what=self.name), self.name)
        if not message.has("event"):
            return Heard(tuple(self._mark(line, at) for line in message.rows("data")))
        if message.text("event") != "subscribe":
            raise VenueError("refused", f"{self.name}: the venue refused what was subscribed to")
        self._awaited.discard(Fields.of(message.data.get("arg"), f"{self.name}.arg").text("instId"))
        return Heard(opened=not self._awaited)

    def _mark(self, line: Fields, at: datetime) -> Part:
        name, price = line.text("instId"), line.decimal("markPx")
        if name not in self._contracts or price <= 0:
            raise VenueError(
                "bad_answer", f"{line.where}: expected the price of a contract asked for, found {price:f}"
            )
        return Part("mark", name, "", price, line.instant("ts"), at)
