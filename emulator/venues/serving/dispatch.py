"""From a raw request to an answer: the route, the signature, the handler, the frozen state of a stale venue.

Pure of sockets. What is frozen is the state that stale paths see, never a text, so any parameters still work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.exchange import Exchange
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.routing import Call, Caller, Route, Security
from emulator.venues.serving.wire import Json, dumps


@dataclass(slots=True)
class Dispatcher:
    """All endpoints of one venue."""

    exchange: Exchange
    venue: Venue
    routes: dict[tuple[str, str], Route] = field(init=False)
    frozen: Venue | None = None
    stale_paths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.routes = {(route.method, route.path): route for route in self.exchange.routes}

    def answer(self, incoming: Incoming) -> Answer:
        """Never raises for what a client can send: a refusal is an answer too."""
        dialect = self.exchange.dialect
        try:
            return Answer(200, dumps(dialect.success(incoming, self._result(incoming))))
        except Refusal as refusal:
            return dialect.failure(incoming, dialect.worded(incoming, refusal))
        except VenueError as error:
            return dialect.failure(incoming, error)

    def refuse(self, incoming: Incoming, refusal: Refusal) -> Answer:
        """A refusal that no handler was asked about."""
        dialect = self.exchange.dialect
        return dialect.failure(incoming, dialect.worded(incoming, refusal))

    def _result(self, incoming: Incoming) -> Json:
        route = self.routes.get((incoming.method, incoming.path))
        if route is None:
            raise Refusal(Reason.UNKNOWN_PATH, method=incoming.method, path=incoming.path)
        params = self.exchange.parameters(incoming)
        with self.venue.lock:
            caller = None
            if route.security is not Security.NONE:
                caller = self.exchange.authenticate(incoming, params, self.venue, route.security)
            venue, caller = self._seen_by(route, caller)
            return route.handler(Call(venue, incoming.path, params, caller, incoming))

    def _seen_by(self, route: Route, caller: Caller | None) -> tuple[Venue, Caller | None]:
        """The venue a handler looks at: as it stands now, or as it stood when its path was frozen."""
        if self.frozen is None or not any(route.path.endswith(path) for path in self.stale_paths):
            return self.venue, caller
        if caller is None:
            return self.frozen, None
        then = self.frozen.accounts.get(caller.account.uid)
        return (self.venue, caller) if then is None else (self.frozen, Caller(then, caller.key))

    def freeze(self, paths: Iterable[str] | None = None) -> None:
        """From now on answer reads of these paths as the venue stands at this moment, its clock included."""
        with self.venue.lock:
            self.stale_paths = tuple(paths or self.exchange.stale_paths)
            self.frozen = self.venue.photograph()

    def thaw(self) -> None:
        self.frozen = None
