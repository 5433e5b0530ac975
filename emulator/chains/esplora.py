"""Esplora's REST API over a chain, on loopback, with faults on demand.

What bdk's client calls and what people look up with curl. Unknown things are 404, refused transactions
400 with bitcoind's message, as upstream.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from emulator.chains.chain import BitcoinChain, KnownTransaction
from emulator.chains.control_routes import control_routes
from emulator.chains.errors import (
    AddressError,
    NotTakenError,
    Reject,
    TransactionRefusedError,
    UnknownBlockError,
)
from emulator.chains.esplora_view import CONFIRMED_PAGE, EsploraView
from emulator.chains.faults import Fault, FaultInjector, FaultKind
from emulator.chains.script import script_hash, script_of
from emulator.chains.serving import ThreadedServer
from emulator.chains.transaction import OutPoint

MAX_BODY = 10_000_000  # a transaction that fills a block, in hexadecimal
_HASH = re.compile(r"[0-9a-f]{64}")
CONTROL_PREFIX = "/_emulator/"

View = Callable[[EsploraView, web.Request], web.StreamResponse]


class EsploraServer(ThreadedServer):
    """`with EsploraServer(chain) as server: bdkpython.EsploraClient(server.url)`."""

    def __init__(self, chain: BitcoinChain, port: int = 0) -> None:
        self.chain = chain
        self.faults = FaultInjector()
        application = web.Application(middlewares=[self._fault_middleware], client_max_size=MAX_BODY)
        application.add_routes([web.route(method, path, self._bind(view)) for method, path, view in _ROUTES])
        application.add_routes([web.post("/tx", self._broadcast)])
        application.add_routes(control_routes(chain, self.faults))
        super().__init__(application, port, "esplora")

    def _bind(self, view: View) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            with self.chain.lock:
                try:
                    return view(EsploraView(self.chain, self.faults.tip_ceiling), request)
                except (UnknownBlockError, _NotFoundError) as error:
                    return web.Response(status=404, text=str(error))
                except AddressError as error:
                    return web.Response(status=400, text=str(error))

        return handler

    async def _broadcast(self, request: web.Request) -> web.StreamResponse:
        body = (await request.text()).strip()
        try:
            try:
                raw = bytes.fromhex(body)
            except ValueError:
                raise TransactionRefusedError(Reject.DECODE, "not hexadecimal") from None
            return web.Response(text=self.chain.submit(raw))
        except NotTakenError as error:
            told = json.dumps({"code": error.rpc_code, "message": error.message}, separators=(",", ":"))
            return web.Response(status=400, text=f"sendrawtransaction RPC error: {told}")

    @web.middleware
    async def _fault_middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        fault = self.faults.take(request.method, request.path)
        if fault is None:
            return await handler(request)
        return await self._suffer(fault, request, handler)

    async def _suffer(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        if fault.kind is FaultKind.ERROR:
            return web.Response(status=fault.status, text="emulated fault")
        if fault.kind is FaultKind.GARBAGE:
            return web.Response(text="<html>emulated fault</html>", content_type="text/html")
        if fault.kind is FaultKind.HANG:
            await self.wait_for_stop(fault.seconds)
        if fault.kind is FaultKind.DROP_AFTER:
            await handler(request)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


class _NotFoundError(Exception):
    """What was asked for is not there."""


def _known(view: EsploraView, request: web.Request) -> KnownTransaction:
    txid = request.match_info["txid"]
    known = view.transaction(txid) if _HASH.fullmatch(txid) else None
    if known is None:
        raise _NotFoundError("Transaction not found")
    return known


def _scripthash(request: web.Request) -> str:
    key = request.match_info["key"]
    if request.path.startswith("/address/"):
        return script_hash(script_of(key))
    if not _HASH.fullmatch(key):
        raise AddressError(f"expected 64 hexadecimal digits, found {key!r}")
    return key


def _number(request: web.Request, name: str) -> int:
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise _NotFoundError(f"expected a number, found {text!r}")
    return int(text)


# --- views


def _text(text: str) -> web.Response:
    return web.Response(text=text)


def _tip_height(view: EsploraView, _: web.Request) -> web.Response:
    return _text(str(view.tip.height))


def _tip_hash(view: EsploraView, _: web.Request) -> web.Response:
    return _text(view.tip.block_hash)


def _blocks(view: EsploraView, request: web.Request) -> web.Response:
    start = _number(request, "start") if "start" in request.match_info else None
    return web.json_response(view.blocks_json(start))


def _block_height(view: EsploraView, request: web.Request) -> web.Response:
    return _text(view.block_at(_number(request, "height")).block_hash)


def _block(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response(view.block_json(view.chain.block(request.match_info["hash"])))


def _block_status(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response(view.block_status_json(view.chain.block(request.match_info["hash"])))


def _block_header(view: EsploraView, request: web.Request) -> web.Response:
    return _text(view.chain.block(request.match_info["hash"]).header.hex())


def _block_raw(view: EsploraView, request: web.Request) -> web.Response:
    raw = view.chain.block(request.match_info["hash"]).raw
    return web.Response(body=raw, content_type="application/octet-stream")


def _block_txids(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response([tx.txid for tx in view.chain.block(request.match_info["hash"]).transactions])


def _block_txid(view: EsploraView, request: web.Request) -> web.Response:
    transactions = view.chain.block(request.match_info["hash"]).transactions
    position = _number(request, "position")
    if position >= len(transactions):
        raise _NotFoundError("tx index out of range")
    return _text(transactions[position].txid)


def _block_txs(view: EsploraView, request: web.Request) -> web.Response:
    start = _number(request, "start") if "start" in request.match_info else 0
    txs = view.chain.block(request.match_info["hash"]).transactions[start : start + CONFIRMED_PAGE]
    return web.json_response(view.history_json(tx.txid for tx in txs))


def _tx(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response(view.transaction_json(_known(view, request)))


def _tx_status(view: EsploraView, request: web.Request) -> web.Response:
    txid = request.match_info["txid"]  # an unknown transaction is "not confirmed" here, as upstream
    return web.json_response(view.status_json(view.transaction(txid)))


def _tx_hex(view: EsploraView, request: web.Request) -> web.Response:
    return _text(_known(view, request).tx.raw.hex())


def _tx_raw(view: EsploraView, request: web.Request) -> web.Response:
    return web.Response(body=_known(view, request).tx.raw, content_type="application/octet-stream")


def _tx_outspend(view: EsploraView, request: web.Request) -> web.Response:
    outpoint = OutPoint(_known(view, request).tx.txid, _number(request, "vout"))
    return web.json_response(view.outspend_json(outpoint))


def _tx_outspends(view: EsploraView, request: web.Request) -> web.Response:
    tx = _known(view, request).tx
    return web.json_response([view.outspend_json(OutPoint(tx.txid, vout)) for vout in range(len(tx.outputs))])


def _tx_merkle_proof(view: EsploraView, request: web.Request) -> web.Response:
    proof = view.merkle_proof_json(_known(view, request))
    if proof is None:
        raise _NotFoundError("Transaction not found or is unconfirmed")
    return web.json_response(proof)


def _script(view: EsploraView, request: web.Request) -> web.Response:
    kind = "address" if request.path.startswith("/address/") else "scripthash"
    return web.json_response({kind: request.match_info["key"], **view.stats_json(_scripthash(request))})


def _script_txs(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response(view.history_page(_scripthash(request)))


def _script_chain(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response(view.chain_page(_scripthash(request), request.match_info.get("last")))


def _script_mempool(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response(view.history_json(view.waiting_history(_scripthash(request))))


def _script_utxo(view: EsploraView, request: web.Request) -> web.Response:
    return web.json_response(view.utxo_json(_scripthash(request)))


def _mempool(view: EsploraView, _: web.Request) -> web.Response:
    return web.json_response(view.mempool_json())


def _mempool_txids(view: EsploraView, _: web.Request) -> web.Response:
    return web.json_response(list(view.chain.mempool.entries))


def _mempool_recent(view: EsploraView, _: web.Request) -> web.Response:
    return web.json_response(view.recent_json())


def _fee_estimates(view: EsploraView, _: web.Request) -> web.Response:
    # Floats because Esplora's own answer has them; nothing here decides by them.
    return web.json_response({str(target): float(rate) for target, rate in view.chain.fee_estimates.items()})


_ROUTES: tuple[tuple[str, str, View], ...] = (
    ("GET", "/blocks/tip/height", _tip_height),
    ("GET", "/blocks/tip/hash", _tip_hash),
    ("GET", "/blocks", _blocks),
    ("GET", "/blocks/{start}", _blocks),
    ("GET", "/block-height/{height}", _block_height),
    ("GET", "/block/{hash}", _block),
    ("GET", "/block/{hash}/status", _block_status),
    ("GET", "/block/{hash}/header", _block_header),
    ("GET", "/block/{hash}/raw", _block_raw),
    ("GET", "/block/{hash}/txids", _block_txids),
    ("GET", "/block/{hash}/txid/{position}", _block_txid),
    ("GET", "/block/{hash}/txs", _block_txs),
    ("GET", "/block/{hash}/txs/{start}", _block_txs),
    ("GET", "/tx/{txid}", _tx),
    ("GET", "/tx/{txid}/status", _tx_status),
    ("GET", "/tx/{txid}/hex", _tx_hex),
    ("GET", "/tx/{txid}/raw", _tx_raw),
    ("GET", "/tx/{txid}/outspend/{vout}", _tx_outspend),
    ("GET", "/tx/{txid}/outspends", _tx_outspends),
    ("GET", "/tx/{txid}/merkle-proof", _tx_merkle_proof),
    *(
        ("GET", f"/{kind}/{{key}}{rest}", view)
        for kind in ("address", "scripthash")
        for rest, view in (
            ("", _script),
            ("/txs", _script_txs),
            ("/txs/chain", _script_chain),
            ("/txs/chain/{last}", _script_chain),
            ("/txs/mempool", _script_mempool),
            ("/utxo", _script_utxo),
        )
    ),
    ("GET", "/mempool", _mempool),
    ("GET", "/mempool/txids", _mempool_txids),
    ("GET", "/mempool/recent", _mempool_recent),
    ("GET", "/fee-estimates", _fee_estimates),
)
