"""The emulated node on HTTP: JSON-RPC 2.0 at `/`, single and in batches, on loopback only.

Orders of scenarios and tests come in under `/_emulator/`. Faults are part of it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Self

from aiohttp import web

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.control_routes import control_routes
from emulator.chains.ethereum.errors import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcRefusal,
    invalid_params,
)
from emulator.chains.ethereum.faults import EthereumFaults, Fault, FaultKind
from emulator.chains.ethereum.rpc import EthereumRpc
from emulator.chains.serving import ThreadedServer

MAX_BODY = 5 * 1024 * 1024  # go-ethereum's own limit
MAX_BATCH = 1000
RETRY_AFTER_SECONDS = 1
REMEMBERED_CALLS = 1000


class EthereumServer:
    """`with EthereumServer(chain) as server: server.url`. Several may serve one chain, with own faults."""

    def __init__(self, chain: EthereumChain, port: int = 0, *, simulate_v1: bool = True) -> None:
        self.chain = chain
        self.faults = EthereumFaults()
        self.rpc = EthereumRpc(chain, simulate_v1=simulate_v1)
        self.asked: deque[str] = deque(maxlen=REMEMBERED_CALLS)
        application = web.Application(client_max_size=MAX_BODY)
        application.add_routes([web.post("/", self._handle), *control_routes(chain, self.faults, self.asked)])
        self._server = ThreadedServer(application, port, "ethereum")

    @property
    def url(self) -> str:
        return self._server.url

    def start(self) -> Self:
        """Raises OSError when the port is taken."""
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            parsed = json.loads(body)
        except ValueError:
            return _answered(_error(None, RpcRefusal("parse error", PARSE_ERROR)))
        calls = parsed if isinstance(parsed, list) else [parsed]
        fault = self._whole_fault(calls)
        if fault is not None and fault.kind is not FaultKind.DROP_AFTER:
            if fault.kind is not FaultKind.SLOW:
                return await self._suffer(request, fault)
            await self._server.wait_for_stop(fault.seconds)
        answer = await asyncio.to_thread(self._answer_all, parsed)
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return _drop(request)
        return _answered(answer)

    def _whole_fault(self, calls: list[object]) -> Fault | None:
        for call in calls:
            if isinstance(call, dict):
                method = str(call.get("method"))
                fault = self.faults.take(method, call.get("params"), whole_request=True)
                if fault is not None:
                    return fault
        return None

    async def _suffer(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.kind is FaultKind.ERROR:
            return web.Response(status=fault.status, text="the emulated node has a fault")
        if fault.kind is FaultKind.RATE_LIMIT:
            return web.Response(
                status=429,
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
                text='{"jsonrpc":"2.0","id":null,"error":{"code":429,"message":"Too Many Requests"}}',
            )
        if fault.kind is FaultKind.GARBAGE:
            return web.Response(text="<html>it works</html>", content_type="text/html")
        if fault.kind is FaultKind.HANG:
            await self._server.wait_for_stop(fault.seconds)
        return _drop(request)

    def _answer_all(self, parsed: object) -> object:
        if not isinstance(parsed, list):
            return self._answer(parsed)
        if not parsed:
            return _error(None, RpcRefusal("empty batch", INVALID_REQUEST))
        if len(parsed) > MAX_BATCH:
            return _error(None, RpcRefusal("batch too large", INVALID_REQUEST))
        return [answer for each in parsed if (answer := self._answer(each)) is not None]

    def _answer(self, call: object) -> dict[str, object] | None:
        """None for a notification."""
        if not isinstance(call, dict) or call.get("jsonrpc") != "2.0":
            return _error(None, RpcRefusal("invalid request", INVALID_REQUEST))
        given_id, method, params = call.get("id"), call.get("method"), call.get("params", [])
        if not isinstance(method, str) or isinstance(given_id, (dict, list)):
            return _error(None, RpcRefusal("invalid request", INVALID_REQUEST))
        self.asked.append(method)
        try:
            fault = self.faults.take(method, params, whole_request=False)
            if not isinstance(params, list):
                raise invalid_params("non-array args")
            if fault is not None and fault.kind is FaultKind.WRONG_ID:
                given_id = "of another request"
            self.rpc.ceiling = self.faults.ceiling
            answer = {"jsonrpc": "2.0", "id": given_id, "result": self._result(method, params, fault)}
        except RpcRefusal as refusal:
            answer = _error(given_id, refusal)
        return answer if "id" in call else None

    def _result(self, method: str, params: list[object], fault: Fault | None) -> object:
        if fault is not None and fault.kind is FaultKind.ANSWER:
            return fault.result
        if fault is not None and fault.kind is FaultKind.RPC_ERROR:
            raise RpcRefusal(fault.message, fault.code)
        if fault is not None and fault.kind is FaultKind.NO_METHOD:
            raise RpcRefusal(f"the method {method} does not exist/is not available", METHOD_NOT_FOUND)
        return self.rpc.answer(method, params)


def _error(given_id: object, refusal: RpcRefusal) -> dict[str, object]:
    error: dict[str, object] = {"code": refusal.code, "message": refusal.message}
    if refusal.data is not None:
        error["data"] = refusal.data
    return {"jsonrpc": "2.0", "id": given_id, "error": error}


def _answered(answer: object) -> web.Response:
    if answer is None or answer == []:
        return web.Response(body=b"")
    return web.json_response(answer)


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
