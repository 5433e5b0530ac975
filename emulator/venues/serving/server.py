"""An exchange's HTTP server: loopback, its own thread and event loop, faults carried out on the wire.

`with VenueServer("binance", chain=chain) as server:` gives `server.url`; leaving the block ends it and all it
held.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from aiohttp import web

from emulator.venues.control.routes import CONTROL_PREFIX, ControlDesk, Handles
from emulator.venues.engine.chain_port import ChainPort
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving import exchange as exchanges
from emulator.venues.serving.damage import damaged
from emulator.venues.serving.dialect import HTML_403
from emulator.venues.serving.dispatch import Dispatcher
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.faults import DAMAGE, Fault, FaultBox, FaultKind
from emulator.venues.serving.feeds import FeedRoute
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.requests_log import LoggedRequest, RequestLog
from emulator.venues.serving.sockets import Sockets

START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 10
DROP = {FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER}
GATEWAY = {FaultKind.TIMEOUT_AFTER_RECORDING, FaultKind.TIMEOUT_BEFORE_RECORDING}
TOO_OFTEN = {FaultKind.TOO_MANY_REQUESTS: 429, FaultKind.TOO_MANY_IN_WORDS: 200, FaultKind.BANNED: 418}
BROKEN = {FaultKind.HTTP_500, FaultKind.HTTP_500_AFTER_RECORDING}
NOT_RECORDED = {
    FaultKind.DROP_BEFORE,
    FaultKind.TIMEOUT_BEFORE_RECORDING,
    FaultKind.HTTP_500,
    FaultKind.MAINTENANCE,
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.TOO_MANY_IN_WORDS,
    FaultKind.BANNED,
    FaultKind.FORBIDDEN,
}


class VenueServer:
    """Serves one exchange, and the scenario's control beside it under `/_emulator/`.

    `exchange` is the name of a folder beside this one, or an `Exchange`. `chain` stands behind BTC on its
    default network; `chains` names any other by (asset, network code).
    """

    def __init__(
        self,
        exchange: str | exchanges.Exchange,
        *,
        chain: ChainPort | None = None,
        chains: Mapping[tuple[str, str], ChainPort] | None = None,
        port: int = 0,
        tick_seconds: float | None = None,
    ) -> None:
        self.exchange = exchanges.load(exchange) if isinstance(exchange, str) else exchange
        self.venue = Venue(self.exchange.profile)
        self.venue.chains.update(chains or {})
        if chain is not None:
            self.venue.chains["BTC", self.venue.network("BTC", None).network] = chain
        self.dispatcher = Dispatcher(self.exchange, self.venue)
        self.faults = FaultBox()
        self.log = RequestLog()
        self.sockets = Sockets(self.exchange.feeds, self.venue)
        self.handles = Handles(self.release_held, self.sockets)
        self.control = ControlDesk(self.dispatcher, self.faults, self.log, self.handles)
        self.port = port
        self._tick_seconds = tick_seconds
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._release: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="venue-server", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Returns once connections are accepted; raises RuntimeError when the port cannot be had."""
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S) or self._failure is not None:
            raise RuntimeError(f"venue server did not start: {self._failure!r}")
        return self

    def stop(self) -> None:
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def release_held(self) -> None:
        """Let every held request go on now."""
        if self._loop is not None and self._release is not None:
            self._loop.call_soon_threadsafe(self._pulse)

    def _pulse(self) -> None:
        if self._release is not None:
            self._release.set()
            self._release = asyncio.Event()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  the thread's failure is raised by start()
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping, self._release = asyncio.Event(), asyncio.Event()
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", self.port)
            await site.start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            await self._tick_until_stopped()
        finally:
            self._pulse()
            await self.sockets.close()
            await runner.cleanup()

    async def _tick_until_stopped(self) -> None:
        assert self._stopping is not None  # noqa: S101  set by _serve
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), self._tick_seconds)
            except TimeoutError:
                await asyncio.to_thread(self._pump_safely)
                self.sockets.pulse()

    def _pump_safely(self) -> None:
        """A chain that fails for a moment must not stop the venue's time; the state shows it."""
        try:
            self.venue.pump()
        except Exception as error:  # noqa: BLE001  whatever stands behind the port
            self.venue.pump_errors.append(repr(error))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        raw_path, _, query = request.raw_path.partition("?")
        body = (await request.read()).decode("utf-8", "replace")
        if raw_path.startswith(CONTROL_PREFIX):
            answer = await asyncio.to_thread(self.control.answer, raw_path, body)
            self.sockets.pulse()
            return _response(answer)
        headers = {name.lower(): value for name, value in request.headers.items()}
        incoming = Incoming(
            method=request.method,
            path=raw_path,
            query=query,
            body=body,
            api_key=self.exchange.dialect.api_key(request.method, raw_path, headers),
            ip=request.remote or "",
            headers=headers,
        )
        entry = self.log.add(LoggedRequest(incoming.method, raw_path, query, body, incoming.api_key))
        if self.handles.latency_ms:
            await self._hold(self.handles.latency_ms / 1000)
        feed = self.sockets.route(raw_path) if headers.get("upgrade", "").lower() == "websocket" else None
        if feed is not None:
            return await self._feed(request, incoming, feed, entry)
        response = await self._answer(request, incoming, entry)
        self.sockets.pulse()
        return response

    async def _feed(
        self, request: web.BaseRequest, incoming: Incoming, feed: FeedRoute, entry: LoggedRequest
    ) -> web.StreamResponse:
        entry.status = 101
        try:
            return await self.sockets.serve(request, incoming, feed)
        except Refusal as refusal:
            answer = self.dispatcher.refuse(incoming, refusal)
        except VenueError as error:
            answer = self.exchange.dialect.failure(incoming, error)
        entry.status, entry.code = answer.status, answer.code
        return _response(answer)

    async def _answer(
        self, request: web.BaseRequest, incoming: Incoming, entry: LoggedRequest
    ) -> web.StreamResponse:
        fault = self.faults.take(incoming.method, incoming.path, incoming.api_key)
        kind = fault.kind if fault else None
        entry.fault = kind
        if fault is not None and kind is FaultKind.HANG_BEFORE:
            await self._hold(float(fault.seconds))
        answer = Answer(500, "")
        if kind not in NOT_RECORDED:
            answer = self.dispatcher.answer(incoming)
        entry.code = answer.code
        if fault is not None and kind is FaultKind.HANG:
            await self._hold(float(fault.seconds))
        if kind in DROP:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if fault is not None:
            answer = self._spoiled(incoming, answer, fault)
        entry.status = answer.status
        return _response(answer)

    def _spoiled(self, incoming: Incoming, answer: Answer, fault: Fault) -> Answer:
        """What leaves in place of the answer."""
        dialect, kind = self.exchange.dialect, fault.kind
        if kind in GATEWAY:
            return dialect.gateway_timeout(incoming)
        if kind in BROKEN:
            return dialect.internal_error(incoming)
        if kind is FaultKind.MAINTENANCE:
            return self.dispatcher.refuse(incoming, Refusal(Reason.MAINTENANCE))
        if kind in TOO_OFTEN:
            refusal = Refusal(Reason.TOO_FREQUENT, wait_ms=int(fault.seconds * 1000))
            pause = {"Retry-After": f"{fault.seconds:.0f}"} if fault.seconds else {}
            answer = self.dispatcher.refuse(incoming, refusal)
            return replace(answer, status=TOO_OFTEN[kind], headers=pause)
        if kind is FaultKind.FORBIDDEN:
            return HTML_403
        if kind is FaultKind.BROKEN_JSON:
            return Answer(answer.status, answer.text[: len(answer.text) // 2])
        if kind in DAMAGE:
            return Answer(answer.status, damaged(answer.text, fault), answer.code)
        return answer

    async def _hold(self, seconds: float) -> None:
        """Wait so many seconds, or until a scenario releases it, or until the server stops."""
        assert self._release is not None and self._stopping is not None  # noqa: S101
        waits = [asyncio.ensure_future(event.wait()) for event in (self._release, self._stopping)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _response(answer: Answer) -> web.Response:
    kind = "text/html" if answer.text.startswith("<") else "application/json"
    return web.Response(
        status=answer.status, text=answer.text, content_type=kind, headers=dict(answer.headers)
    )
