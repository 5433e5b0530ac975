"""From a raw request to an answer: the route, the signature, the handler, the frozen answer of a stale venue.

Pure of sockets, so that the same path is walked by the server and when answers are frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from emulator.venues.errors import VenueError
from emulator.venues.routing import Call, Caller, Route, Security
from emulator.venues.venue import Venue
from emulator.venues.wire import dumps

Authenticate = Callable[["Incoming", dict[str, str], Venue, Security], Caller]
Parameters = Callable[["Incoming"], dict[str, str]]
# What goes stale together: the account's margin and the prices it is judged by.
ACCOUNT_PATHS = ("/account", "/balance", "/positionRisk", "/getUserAsset", "/premiumIndex")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it arrived; query and body are the raw texts that were signed."""

    method: str
    path: str
    query: str
    body: str
    api_key: str | None
    ip: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    code: int | None = None


@dataclass(slots=True)
class Dispatcher:
    """All endpoints of one venue."""

    venue: Venue
    routes: dict[tuple[str, str], Route]
    authenticate: Authenticate
    parameters: Parameters
    frozen: dict[tuple[str, int | None, str | None], str] = field(default_factory=dict)

    def answer(self, incoming: Incoming) -> Answer:
        """Never raises for what a client can send: a refusal is an answer too."""
        try:
            return self._answer(incoming)
        except VenueError as error:
            return Answer(error.status, dumps({"code": error.code, "msg": error.message}), error.code)

    def _answer(self, incoming: Incoming) -> Answer:
        route = self.routes.get((incoming.method, incoming.path))
        if route is None:
            raise VenueError(-5000, f"Path {incoming.path}, Method {incoming.method} is invalid", status=404)
        params = self.parameters(incoming)
        with self.venue.lock:
            caller = None
            if route.security is not Security.NONE:
                caller = self.authenticate(incoming, params, self.venue, route.security)
            uid = caller.account.uid if caller else None
            stale = self.frozen.get((incoming.path, uid, params.get("symbol")))
            if stale is not None:
                return Answer(200, stale)
            return Answer(200, dumps(route.handler(Call(self.venue, incoming.path, params, caller))))

    def freeze(self, paths: Iterable[str] = ACCOUNT_PATHS) -> None:
        """From now on answer reads of these paths as they stand at this moment, their times included."""
        with self.venue.lock:
            wanted = [r for r in self.routes.values() if any(r.path.endswith(path) for path in paths)]
            symbols: list[str | None] = [None, *self.venue.market.symbols]
            for route in wanted:
                for caller in self._callers(route):
                    for symbol in symbols:
                        params = {} if symbol is None else {"symbol": symbol}
                        self._capture(route, caller, params, symbol)

    def _capture(
        self, route: Route, caller: Caller | None, params: dict[str, str], symbol: str | None
    ) -> None:
        try:
            text = dumps(route.handler(Call(self.venue, route.path, params, caller)))
        except VenueError:
            return
        self.frozen[route.path, caller.account.uid if caller else None, symbol] = text

    def _callers(self, route: Route) -> list[Caller | None]:
        if route.security is Security.NONE:
            return [None]
        return [Caller(a, a.keys[0]) for a in self.venue.accounts.values() if a.keys]

    def thaw(self) -> None:
        self.frozen.clear()
