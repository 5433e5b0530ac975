"""The WebSocket side of a server: who is connected, what each is told, and how a feed goes silent or ends.

Lives on the server's event loop; `pulse` and `drop_all` may be called from any thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from emulator.venues.engine.venue import Venue
from emulator.venues.serving.feeds import Bare, FeedHandler, FeedRoute
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.wire import Json, dumps

MOST_BYTES = 1 << 20


@dataclass(slots=True, eq=False)
class Connection:
    """One client; `order` keeps its messages in the order they were made."""

    socket: web.WebSocketResponse
    handler: FeedHandler
    order: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sockets:
    """All feed connections of one server. While `silent`, clients stay connected and are told nothing."""

    def __init__(self, feeds: tuple[FeedRoute, ...], venue: Venue) -> None:
        self._feeds = feeds
        self._venue = venue
        self._open: set[Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.silent = False

    @property
    def count(self) -> int:
        return len(self._open)

    def route(self, path: str) -> FeedRoute | None:
        return next((feed for feed in self._feeds if path.startswith(feed.prefix)), None)

    async def serve(
        self, request: web.BaseRequest, incoming: Incoming, feed: FeedRoute
    ) -> web.StreamResponse:
        """Hold one connection until either side ends it; what `feed.open` raises turns it away."""
        self._loop = asyncio.get_running_loop()
        with self._venue.lock:
            handler = feed.open(self._venue, incoming)
        socket = web.WebSocketResponse(max_msg_size=MOST_BYTES)
        await socket.prepare(request)
        connection = Connection(socket, handler)
        self._open.add(connection)
        try:
            await self._tell(connection, handler.opened)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._hear(connection, str(message.data))
        finally:
            self._open.discard(connection)
        return socket

    async def _hear(self, connection: Connection, text: str) -> None:
        await self._tell(connection, lambda: connection.handler.received(text))

    async def _tell(self, connection: Connection, ask: Callable[[], Iterable[Json]]) -> None:
        async with connection.order:
            with self._venue.lock:
                messages = [
                    str(message) if isinstance(message, Bare) else dumps(message) for message in ask()
                ]
            for message in messages:
                if not self.silent and not connection.socket.closed:
                    await connection.socket.send_str(message)

    def pulse(self) -> None:
        """Something may have changed: ask every connection what its client must be told."""
        self._on_loop(self._tell_all)

    def drop_all(self) -> None:
        """End every connection without a word, as a broken line does."""
        self._on_loop(self._abort_all)

    def _on_loop(self, act: Callable[[], None]) -> None:
        if self._open and self._loop is not None:
            self._loop.call_soon_threadsafe(act)

    def _tell_all(self) -> None:
        for connection in self._open:
            task = asyncio.ensure_future(self._tell(connection, connection.handler.changed))
            self._tasks.add(task)
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a client that went away while it was being told

    def _abort_all(self) -> None:
        for connection in self._open:
            transport = connection.socket.get_extra_info("transport") or _transport(connection.socket)
            if transport is not None:
                transport.abort()

    async def close(self) -> None:
        for connection in list(self._open):
            await connection.socket.close()


def _transport(socket: web.WebSocketResponse) -> asyncio.Transport | None:
    request = getattr(socket, "_req", None)
    found = None if request is None else request.transport
    return found if isinstance(found, asyncio.Transport) else None
