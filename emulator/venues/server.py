"""The venue's HTTP server: loopback, its own thread and event loop, faults carried out on the wire.

`with BinanceServer(chain=chain) as server:` gives `server.url`; leaving the block ends it and all it held.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

from aiohttp import web

from emulator.venues.binance.endpoints import binance
from emulator.venues.chain_port import ChainPort
from emulator.venues.control_routes import CONTROL_PREFIX, ControlDesk
from emulator.venues.dispatch import Answer, Dispatcher, Incoming
from emulator.venues.faults import Fault, FaultBox, FaultKind
from emulator.venues.requests_log import LoggedRequest, RequestLog
from emulator.venues.venue import Venue

KEY_HEADER = "X-MBX-APIKEY"
START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 10
HOLD = {FaultKind.HANG_BEFORE, FaultKind.HANG}
DROP = {FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER}
NOT_RECORDED = {FaultKind.DROP_BEFORE, FaultKind.TIMEOUT_BEFORE_RECORDING, FaultKind.HTTP_500}
GATEWAY_TIMEOUT = Answer(504, "<html><body><h1>504 Gateway Time-out</h1></body></html>")
INTERNAL_ERROR = Answer(
    500, '{"code":-1000,"msg":"An unknown error occured while processing the request."}', -1000
)


class VenueServer:
    """Serves one dispatcher, and the scenario's control beside it under `/_emulator/`."""

    def __init__(self, dispatcher: Dispatcher, *, port: int = 0, tick_seconds: float | None = None) -> None:
        self.dispatcher = dispatcher
        self.venue: Venue = dispatcher.venue
        self.faults = FaultBox()
        self.log = RequestLog()
        self.control = ControlDesk(dispatcher, self.faults, self.log, self.release_held)
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
            await runner.cleanup()

    async def _tick_until_stopped(self) -> None:
        assert self._stopping is not None  # noqa: S101  set by _serve
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), self._tick_seconds)
            except TimeoutError:
                await asyncio.to_thread(self._pump_safely)

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
            return _response(answer)
        incoming = Incoming(
            method=request.method,
            path=raw_path,
            query=query,
            body=body,
            api_key=request.headers.get(KEY_HEADER),
            ip=request.remote or "",
        )
        entry = self.log.add(LoggedRequest(incoming.method, raw_path, query, body, incoming.api_key))
        return await self._answer(request, incoming, entry)

    async def _answer(
        self, request: web.BaseRequest, incoming: Incoming, entry: LoggedRequest
    ) -> web.StreamResponse:
        fault = self.faults.take(incoming.method, incoming.path, incoming.api_key)
        kind = fault.kind if fault else None
        entry.fault = kind
        if fault is not None and kind is FaultKind.HANG_BEFORE:
            await self._hold(fault)
        answer = INTERNAL_ERROR
        if kind not in NOT_RECORDED:
            answer = self.dispatcher.answer(incoming)
        entry.code = answer.code
        if fault is not None and kind is FaultKind.HANG:
            await self._hold(fault)
        if kind in DROP:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if kind in {FaultKind.TIMEOUT_AFTER_RECORDING, FaultKind.TIMEOUT_BEFORE_RECORDING}:
            answer = GATEWAY_TIMEOUT
        if kind is FaultKind.HTTP_500_AFTER_RECORDING:
            answer = INTERNAL_ERROR
        if kind is FaultKind.BROKEN_JSON:
            answer = Answer(answer.status, answer.text[: len(answer.text) // 2])
        entry.status = answer.status
        return _response(answer)

    async def _hold(self, fault: Fault) -> None:
        """Wait the fault's seconds, or until a scenario releases it, or until the server stops."""
        assert self._release is not None and self._stopping is not None  # noqa: S101
        waits = [asyncio.ensure_future(event.wait()) for event in (self._release, self._stopping)]
        try:
            await asyncio.wait(waits, timeout=float(fault.seconds), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _response(answer: Answer) -> web.Response:
    kind = "text/html" if answer.text.startswith("<") else "application/json"
    return web.Response(status=answer.status, text=answer.text, content_type=kind)


class BinanceServer(VenueServer):
    """A Binance-shaped venue; `chain` stands behind BTC deposits and withdrawals."""

    def __init__(
        self,
        chain: ChainPort | None = None,
        *,
        venue: Venue | None = None,
        port: int = 0,
        tick_seconds: float | None = None,
    ) -> None:
        venue = venue or Venue()
        if chain is not None:
            venue.chains["BTC", "BTC"] = chain
        super().__init__(binance(venue), port=port, tick_seconds=tick_seconds)
