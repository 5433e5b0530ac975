"""Bybit V5's WebSocket feeds: tickers and liquidations in public, wallet and positions after a login.

A ticker is a snapshot first and a delta whenever its mark moves; the private topics tell what has changed
since they were subscribed to, and nothing before. Source: Bybit V5 "WebSocket Stream".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from emulator.venues.bybit.profile import UNIFIED
from emulator.venues.bybit.routes_account import shown
from emulator.venues.bybit.routes_position import SIDES
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.exact import ZERO, plain
from emulator.venues.engine.keys import Right
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.refusals import Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.feeds import FeedRoute
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.wire import Json, loads

TICKERS = "tickers."
LIQUIDATIONS = "allLiquidation."
PRIVATE = frozenset({"wallet", "position"})
State = dict[str, tuple[Decimal, ...]]


class BybitFeed:
    """One connection; `private` ones follow an account once its key has logged in."""

    def __init__(self, venue: Venue, *, private: bool, ip: str) -> None:
        self._venue = venue
        self._private = private
        self._ip = ip
        self._topics: list[str] = []
        self._marks: dict[str, Decimal] = {}
        self._forced: dict[str, int] = {}
        self._account: Account | None = None
        self._seen: State = {}
        self._sent = 0

    def opened(self) -> Iterable[Json]:
        return ()

    def received(self, text: str) -> Iterable[Json]:
        """auth, subscribe, unsubscribe and ping."""
        try:
            asked = loads(text)
        except ValueError:
            asked = None
        request = cast("dict[str, Json]", asked) if isinstance(asked, dict) else {}
        operation, named = str(request.get("op")), request.get("args")
        arguments: list[Json] = list(named) if isinstance(named, list) else []
        if operation == "ping":
            return [self._pong(request)]
        if operation == "auth" and self._private:
            return [self._answer(request, self._login(arguments), "auth")]
        if operation == "subscribe":
            topics = [str(topic) for topic in arguments]
            good = bool(topics) and all(self._may_follow(topic) for topic in topics)
            if good:
                self._topics += [topic for topic in topics if topic not in self._topics]
            return [self._answer(request, good, "subscribe"), *self.changed()]
        if operation == "unsubscribe":
            self._topics = [topic for topic in self._topics if topic not in arguments]
            return [self._answer(request, True, "unsubscribe")]
        return [self._answer(request, False, operation)]

    def _login(self, arguments: list[Json]) -> bool:
        """Key, expiry in milliseconds, and the signature over both."""
        if len(arguments) != 3:
            return False
        name, until, signed = (str(argument) for argument in arguments)
        found = self._venue.find_key(name)
        if found is None or not until.isdigit() or int(until) <= self._venue.clock.now_ms():
            return False
        account, key = found
        expected = hmac.new(key.secret.encode(), f"GET/realtime{until}".encode(), hashlib.sha256).hexdigest()
        try:
            key.check_ip(self._ip)
            key.check_right(Right.READ)
        except Refusal:
            return False
        if hmac.compare_digest(expected.encode(), signed.encode()):
            self._account, self._seen = account, _state(account)
            return True
        return False

    def _may_follow(self, topic: str) -> bool:
        if self._private:
            return topic in PRIVATE and self._account is not None
        kind, _, symbol = topic.partition(".")
        return f"{kind}." in {TICKERS, LIQUIDATIONS} and symbol in self._venue.market.symbols

    def _answer(self, request: dict[str, Json], good: bool, operation: str) -> Json:
        words = "" if good else f"error:handler not found,{operation}"
        named = request.get("req_id") or ""
        return {"success": good, "ret_msg": words, "conn_id": "1", "req_id": named, "op": operation}

    def _pong(self, request: dict[str, Json]) -> Json:
        """The two doors word it differently."""
        named = request.get("req_id") or ""
        if self._private:
            return {
                "req_id": named,
                "op": "pong",
                "args": [str(self._venue.clock.now_ms())],
                "conn_id": "1",
            }
        return {"success": True, "ret_msg": "pong", "conn_id": "1", "req_id": named, "op": "ping"}

    def changed(self) -> Iterable[Json]:
        if not self._private:
            return [message for topic in self._topics for message in self._public_news(topic)]
        return [] if self._account is None else self._account_news(self._account)

    def _public_news(self, topic: str) -> list[Json]:
        if topic.startswith(LIQUIDATIONS):
            return self._liquidations(topic, topic.removeprefix(LIQUIDATIONS))
        return self._ticker(topic, self._venue.market.symbols[topic.removeprefix(TICKERS)])

    def _liquidations(self, topic: str, symbol: str) -> list[Json]:
        """All of them since the subscription; `S` is the side of the position."""
        told = self._venue.market.liquidations
        news, self._forced[topic] = told[self._forced.get(topic, len(told)) :], len(told)
        rows: list[Json] = [
            {
                "T": each.time_ms,
                "s": symbol,
                "S": "Buy" if each.side.upper() == "SELL" else "Sell",
                "v": plain(each.quantity),
                "p": plain(each.price),
            }
            for each in news
            if each.symbol == symbol
        ]
        now = self._venue.clock.now_ms()
        return [{"topic": topic, "type": "snapshot", "ts": now, "data": rows}] if rows else []

    def _ticker(self, topic: str, market: SymbolMarket) -> list[Json]:
        before, self._marks[topic] = self._marks.get(topic), market.mark
        if before == market.mark:
            return []
        data: dict[str, Json] = {"symbol": market.symbol, "markPrice": plain(market.mark)}
        if before is None:
            data |= {"indexPrice": plain(market.index), "lastPrice": plain(market.last)}
        return [
            {
                "topic": topic,
                "type": "snapshot" if before is None else "delta",
                "data": data,
                "cs": market.update_id,
                "ts": self._venue.clock.now_ms(),
            }
        ]

    def _account_news(self, account: Account) -> list[Json]:
        before, now = self._seen, _state(account)
        self._seen = now
        moved = sorted(place for place in {*before, *now} if before.get(place) != now.get(place))
        coins: list[Json] = [
            {"coin": asset, "walletBalance": shown(account.held(UNIFIED, asset)), "equity": ""}
            for place in moved
            for kind, _, asset in (place.partition(":"),)
            if kind == "balance"
        ]
        held = {position.key: position for position in account.open_positions()}
        positions: list[Json] = []
        for place in moved:
            kind, _, key = place.partition(":")
            if kind == "position":
                symbol, _, side = key.partition(":")
                size = held[key].quantity if key in held else ZERO
                positions.append(
                    {
                        "category": "linear",
                        "symbol": symbol,
                        "side": "" if size == ZERO else "Buy" if size > ZERO else "Sell",
                        "size": plain(abs(size)),
                        "positionIdx": SIDES[held[key].side if key in held else (side or "both")],
                        "entryPrice": plain(held[key].entry_price) if key in held else "0",
                        "seq": self._sent,
                    }
                )
        wallet: Json = {"accountType": "UNIFIED", "coin": coins}
        return [
            self._news(topic, data)
            for topic, data in (("wallet", [wallet] if coins else []), ("position", positions))
            if data and topic in self._topics
        ]

    def _news(self, topic: str, data: list[Json]) -> Json:
        self._sent += 1
        now = self._venue.clock.now_ms()
        return {"id": f"{self._sent}", "topic": topic, "creationTime": now, "data": data}


def _state(account: Account) -> State:
    """What an update is about: balances and positions, not prices."""
    found: State = {f"balance:{asset}": (amount,) for asset, amount in account.wallet(UNIFIED).items()}
    for position in account.open_positions():
        found[f"position:{position.key}"] = (position.quantity, position.entry_price)
    return found


def public(venue: Venue, incoming: Incoming) -> BybitFeed:
    return BybitFeed(venue, private=False, ip=incoming.ip)


def private(venue: Venue, incoming: Incoming) -> BybitFeed:
    return BybitFeed(venue, private=True, ip=incoming.ip)


FEEDS = (FeedRoute("/v5/public/", public), FeedRoute("/v5/private", private))
