"""The sockets of a feed: an event loop in a thread of its own, one connection for each line, opened again.

Refuses redirects, proxies, cookies, binary and too long messages. What fails is told to the feed's state in
words without addresses or keys. Sends nothing but what a `Talk` says; a WebSocket moves no money here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from vault.clock import Clock
from vault.errors import VaultError, VenueError
from vault.venues.feeds.state import SILENT, FeedState
from vault.venues.feeds.talk import Talk

if TYPE_CHECKING:
    import aiohttp

MAX_BYTES: Final = 1 << 20  # the largest snapshot of a wallet is some tens of KiB
JOIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """In seconds: until a quiet line is asked, until it is given up, between attempts, between refreshes."""

    probe: float = 5.0
    silent: float = SILENT.total_seconds()
    retry: float = 1.0
    longest_retry: float = 30.0
    refresh: float = 30 * 60.0


class Sockets:
    """The running lines of one feed. `changed` is called after every change of the state."""

    def __init__(
        self,
        base_url: str,
        talks: Sequence[Talk],
        *,
        state: FeedState,
        lock: threading.Lock,
        clock: Clock,
        changed: Callable[[], None],
        pauses: Pauses,
    ) -> None:
        self._base_url = base_url
        self._talks = tuple(talks)
        self._state, self._lock, self._clock, self._changed = state, lock, clock, changed
        self._pauses = pauses
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(JOIN_SECONDS)

    def stop(self) -> None:
        """End every line; returns once the thread has ended."""
        if self._loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)

    async def _run(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        tasks = [asyncio.ensure_future(self._follow(talk)) for talk in self._talks]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, talk: Talk) -> None:
        """Hold the line, again and again; a line that was open is opened again soon."""
        pause = self._pauses.retry
        while True:
            was_open = False
            try:
                was_open = await self._hold(talk)
            except _Ended as ended:
                was_open = ended.was_open
                self._tell(lambda ended=ended: self._state.broken(talk.name, ended.why))  # type: ignore[misc]
            pause = self._pauses.retry if was_open else min(2 * pause, self._pauses.longest_retry)
            await asyncio.sleep(pause)

    async def _hold(self, talk: Talk) -> bool:
        """One connection until it ends. Raises `_Ended`."""
        import aiohttp

        line = _Line(talk)
        try:
            first = await asyncio.to_thread(talk.start)
            trace = aiohttp.TraceConfig()
            trace.on_request_redirect.append(_refuse_redirect)
            async with (
                aiohttp.ClientSession(
                    trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[trace]
                ) as session,
                session.ws_connect(
                    self._base_url + talk.path,
                    max_msg_size=MAX_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                ) as socket,
            ):
                for text in first:
                    await socket.send_str(text)
                await self._listen(line, socket)
        except VaultError as error:
            raise _Ended(f"{error.code}: {error.message}", line.was_open) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Only the type's name: a message of unknown origin may carry anything.
            raise _Ended(f"no connection ({type(error).__name__})", line.was_open) from None
        raise _Ended("the venue ended the connection", line.was_open)

    async def _listen(self, line: _Line, socket: aiohttp.ClientWebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        heard_at = refreshed_at = loop.time()
        while True:
            message = None
            with contextlib.suppress(TimeoutError):
                message = await socket.receive(timeout=self._pauses.probe)
            now = loop.time()
            if message is not None:
                if not await self._message(line, socket, message):
                    return
                heard_at = now
            elif now - heard_at > self._pauses.silent:
                raise VenueError("silent", f"nothing was heard for {now - heard_at:.1f} s")
            else:
                await socket.send_str(line.talk.probe())
            if now - refreshed_at > self._pauses.refresh:
                await asyncio.to_thread(line.talk.refresh)
                refreshed_at = now

    async def _message(self, line: _Line, socket: aiohttp.ClientWebSocketResponse, message: Any) -> bool:
        """Take one message; False when the venue has closed the line."""
        import aiohttp

        if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}:
            return False
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise VenueError("bad_answer", f"expected a text message, found {message.type.name}")
        now = self._clock.now()
        heard = line.talk.heard(str(message.data), now)

        def apply() -> None:
            self._state.heard(line.talk.name, now)
            if heard.opened and not line.was_open:
                self._state.opened(line.talk.name, now)
            self._state.take(line.talk.name, heard.parts)

        self._tell(apply)
        line.was_open = line.was_open or heard.opened
        for text in heard.send:
            await socket.send_str(text)
        return True

    def _tell(self, change: Callable[[], None]) -> None:
        try:
            with self._lock:
                change()
        finally:
            self._changed()


@dataclass(slots=True)
class _Line:
    """A talk on its present connection."""

    talk: Talk
    was_open: bool = False


class _Ended(Exception):  # noqa: N818  every line ends some time
    def __init__(self, why: str, was_open: bool) -> None:
        super().__init__(why)
        self.why, self.was_open = why, was_open


async def _refuse_redirect(*_: Any) -> NoReturn:
    raise VenueError("foreign_host", "expected no redirect of a feed")
