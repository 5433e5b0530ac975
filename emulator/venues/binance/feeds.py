"""Binance's WebSocket feeds, alone (`/ws/…`) and combined (`/stream?streams=…`): mark prices and user data.

A mark price is sent at once and whenever it moves, a forced order when there is one (the last of a second);
ACCOUNT_UPDATE whenever a balance or a position moves.
Other stream names are taken and stay silent, as the venue does with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import cast
from urllib.parse import parse_qs

from emulator.venues.binance.profile import FUTURES
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.exact import fixed, plain
from emulator.venues.engine.margin import PositionMargin
from emulator.venues.engine.market import MarketLiquidation, SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.feeds import FeedRoute
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json, loads

MARK = re.compile(r"(?P<symbol>[a-z0-9_]+)@markPrice(@1s)?", re.ASCII)
FORCED = re.compile(r"(?P<symbol>[a-z0-9_]+|!)@forceOrder(@arr)?", re.ASCII)
ALL_MARKS = re.compile(r"!markPrice@arr(@1s)?", re.ASCII)
LISTEN_KEY = re.compile(r"listen-(?P<uid>[0-9]+)", re.ASCII)
# USDⓈ-M has the same feeds behind three doors beside the old one.
DOORS = ("", "/market", "/public", "/private")
SINGLE, COMBINED = "/ws", "/stream"

State = dict[str, tuple[Decimal, ...]]


def listen_key(account: Account) -> str:
    """The same for an account as long as it lives: keys here do not expire by themselves."""
    return f"listen-{account.uid}"


class BinanceFeed:
    """One connection with its streams; a listen key is a stream of its own."""

    def __init__(self, venue: Venue, streams: Iterable[str], *, combined: bool) -> None:
        self._venue = venue
        self._combined = combined
        self._streams: list[str] = []
        self._marks: dict[str, int] = {}
        self._seen: dict[str, State] = {}
        self._forced: dict[str, int] = {}
        for stream in streams:
            self._follow(stream)

    def _follow(self, stream: str) -> None:
        if FORCED.fullmatch(stream):
            self._forced.setdefault(stream, len(self._venue.market.liquidations))
        account = self._account(stream)
        if account is not None:
            self._seen[stream] = _state(self._venue, account)
        if stream not in self._streams:
            self._streams.append(stream)

    def _account(self, stream: str) -> Account | None:
        """The account of a listen key; raises Refusal BAD_SESSION for one of nobody."""
        found = LISTEN_KEY.fullmatch(stream)
        if found is None:
            return None
        account = self._venue.accounts.get(int(found["uid"]))
        if account is None:
            raise Refusal(Reason.BAD_SESSION)
        return account

    def opened(self) -> Iterable[Json]:
        return self.changed()

    def received(self, text: str) -> Iterable[Json]:
        """SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS."""
        try:
            asked = loads(text)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return [{"error": {"code": 3, "msg": "Invalid JSON"}}]
        request = cast("dict[str, Json]", asked)
        named = request.get("params")
        streams = [str(name) for name in named] if isinstance(named, list) else []
        answer: Json = None
        if request.get("method") == "SUBSCRIBE":
            try:
                for stream in streams:
                    self._follow(stream)
            except Refusal:
                return [{"error": {"code": 2, "msg": "Invalid request: unknown listen key"}}]
        elif request.get("method") == "UNSUBSCRIBE":
            self._streams = [stream for stream in self._streams if stream not in streams]
        elif request.get("method") == "LIST_SUBSCRIPTIONS":
            answer = list(self._streams)
        else:
            return [{"error": {"code": 2, "msg": "Invalid request: unknown method"}}]
        return [{"result": answer, "id": request.get("id")}, *self.changed()]

    def changed(self) -> Iterable[Json]:
        return [
            {"stream": stream, "data": message} if self._combined else message
            for stream in self._streams
            for message in self._news(stream)
        ]

    def _news(self, stream: str) -> list[Json]:
        mark = MARK.fullmatch(stream)
        if mark is not None:
            market = self._venue.market.symbols.get(mark["symbol"].upper())
            return [] if market is None or not self._moved(stream, market) else [self._mark(market)]
        forced = FORCED.fullmatch(stream)
        if forced is not None:
            return self._force_orders(stream, forced["symbol"].upper())
        if ALL_MARKS.fullmatch(stream):
            markets = self._venue.market.linear()
            moved = [m for m in markets if self._moved(f"{stream} {m.symbol}", m)]
            return [[self._mark(market) for market in moved]] if moved else []
        account = self._account(stream)
        return [] if account is None else self._account_update(stream, account)

    def _force_orders(self, stream: str, symbol: str) -> list[Json]:
        """The last forced order of each symbol in each second, as the venue has it."""
        told = self._venue.market.liquidations
        news, self._forced[stream] = told[self._forced[stream] :], len(told)
        wanted = [each for each in news if symbol in {"!", each.symbol}]
        last = {(each.symbol, each.time_ms // 1000): each for each in wanted}
        return [_force_order(each) for each in last.values()]

    def _moved(self, place: str, market: SymbolMarket) -> bool:
        before, self._marks[place] = self._marks.get(place), market.update_id
        return before != market.update_id

    def _mark(self, market: SymbolMarket) -> Json:
        return {
            "e": "markPriceUpdate",
            "E": self._venue.clock.now_ms(),
            "s": market.symbol,
            "p": fixed(market.mark),
            "P": fixed(market.index),
            "i": fixed(market.index),
            "r": fixed(market.funding_rate),
            "T": market.next_funding_ms,
        }

    def _account_update(self, stream: str, account: Account) -> list[Json]:
        before, now = self._seen[stream], _state(self._venue, account)
        self._seen[stream] = now
        changed = {place for place in {*before, *now} if before.get(place) != now.get(place)}
        if not changed:
            return []
        wallet = account.wallet(FUTURES)
        lines = {f"position:{line.position.key}": line for line in _lines(self._venue, account)}
        moment = self._venue.clock.now_ms()
        gone = sorted(p for p in changed if p.startswith("position:") and p not in lines)
        balances: list[Json] = [
            {"a": asset, "wb": fixed(wallet[asset]), "cw": fixed(wallet[asset]), "bc": "0"}
            for asset in sorted(wallet)
            if f"balance:{asset}" in changed
        ]
        positions = [_position(lines[place]) for place in sorted(changed) if place in lines]
        positions += [_closed(place.removeprefix("position:")) for place in gone]
        reason = account.incomes[-1].kind.name if account.incomes else "ADJUSTMENT"
        return [
            {
                "e": "ACCOUNT_UPDATE",
                "E": moment,
                "T": moment,
                "a": {"m": REASONS.get(reason, "ADJUSTMENT"), "B": balances, "P": positions},
            }
        ]


def _force_order(order: MarketLiquidation) -> Json:
    price, quantity = plain(order.price), plain(order.quantity)
    row: Json = {
        "s": order.symbol,
        "S": order.side.upper(),
        "o": "LIMIT",
        "f": "IOC",
        "q": quantity,
        "p": price,
        "ap": price,
        "X": "FILLED",
        "l": quantity,
        "z": quantity,
        "T": order.time_ms,
    }
    return {"e": "forceOrder", "E": order.time_ms, "o": row}


# `a.m` of ACCOUNT_UPDATE by the last thing booked.
REASONS = {
    "TRANSFER": "DEPOSIT",
    "FUNDING": "FUNDING_FEE",
    "REALISED": "ORDER",
    "LIQUIDATION_FEE": "INSURANCE_CLEAR",
    "BANKRUPTCY": "INSURANCE_CLEAR",
    "EXCHANGE": "AUTO_EXCHANGE",
}


def _lines(venue: Venue, account: Account) -> list[PositionMargin]:
    return [line for line in venue.report(account).positions if not line.position.inverse]


def _state(venue: Venue, account: Account) -> State:
    """What an update is about: balances and positions, not prices."""
    found: State = {f"balance:{asset}": (amount,) for asset, amount in account.wallet(FUTURES).items()}
    for position in account.open_positions():
        if not position.inverse:
            found[f"position:{position.key}"] = (position.quantity, position.entry_price)
    return found


def _position(line: PositionMargin) -> Json:
    position = line.position
    return {
        "s": position.symbol,
        "pa": plain(position.quantity),
        "ep": plain(position.entry_price),
        "bep": plain(position.entry_price),
        "cr": "0",
        "up": fixed(line.unrealised),
        "mt": "isolated" if line.isolated else "cross",
        "iw": "0" if position.isolated_margin is None else fixed(position.isolated_margin),
        "ps": position.side.upper(),
    }


def _closed(key: str) -> Json:
    symbol, _, side = key.partition(":")
    return {
        "s": symbol,
        "pa": "0",
        "ep": "0",
        "bep": "0",
        "cr": "0",
        "up": "0",
        "mt": "cross",
        "iw": "0",
        "ps": (side or "both").upper(),
    }


def single(venue: Venue, incoming: Incoming) -> BinanceFeed:
    """`/ws/<stream>` and `/ws/<listenKey>`."""
    names = incoming.path.partition(SINGLE)[2].split("/")
    return BinanceFeed(venue, [name for name in names if name], combined=False)


def combined(venue: Venue, incoming: Incoming) -> BinanceFeed:
    """`/stream?streams=<a>/<b>`: every message names its stream."""
    names = parse_qs(incoming.query).get("streams", [""])[0].split("/")
    return BinanceFeed(venue, [name for name in names if name], combined=True)


def create_listen_key(call: Call) -> Json:
    return {"listenKey": listen_key(call.account)}


def keep_listen_key(call: Call) -> Json:
    return {}


FEEDS = tuple(
    FeedRoute(door + path, handler)
    for door in DOORS
    for path, handler in ((COMBINED, combined), (SINGLE, single))
)
LISTEN_KEY_ROUTES = tuple(
    Route(method, path, handler, Security.KEY)
    for path in ("/fapi/v1/listenKey", "/papi/v1/listenKey")
    for method, handler in (
        ("POST", create_listen_key),
        ("PUT", keep_listen_key),
        ("DELETE", keep_listen_key),
    )
)
