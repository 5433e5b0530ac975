"""Servers of each kind that are right about everything but what a test spoils, and clients for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import bitcoin_keys
from tests.support.hostile_server import HostileServer, Line, http_answer
from vault.address import network_of
from vault.bitcoin.backends.electrum import ElectrumBackend
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.backends.node import NodeBackend
from vault.errors import ChainError

REGTEST = network_of("regtest")
SCRIPT = b"\x00\x14" + b"\x21" * 20
PAYMENT = bitcoin_keys.previous_of(SCRIPT, 50_000, 7)
OTHER = bitcoin_keys.previous_of(SCRIPT, 60_000, 8)
RAW, TXID = PAYMENT.serialise(), PAYMENT.txid
QUICK = 0.4


class ElectrumTalk:
    """An Electrum server; `spoil` replaces results by method, `line` the bytes of an answer."""

    def __init__(self, headers: list[bytes], **spoil: Any) -> None:
        tip = {"height": len(headers) - 1, "hex": headers[-1].hex()}
        self.results: dict[str, Any] = {
            "server.version": ["talk 1.0", "1.4"],
            "blockchain.headers.subscribe": tip,
            "blockchain.scripthash.get_history": [],
            "blockchain.transaction.get": RAW.hex(),
            "blockchain.estimatefee": 0.0001,
            "blockchain.transaction.broadcast": TXID,
        }
        self.headers = headers
        self.spoil = {name.replace("__", "."): value for name, value in spoil.items()}

    def answer(self, question: dict[str, Any]) -> bytes:
        method = question["method"]
        result = self.results.get(method)
        if method == "blockchain.block.header":
            result = self.headers[question["params"][0]].hex()
        spoilt = self.spoil.get(method)
        if isinstance(spoilt, bytes):
            return spoilt
        if callable(spoilt):
            return bytes(spoilt(question))
        if spoilt is not None:
            result = spoilt
        return json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode() + b"\n"

    def __call__(self, line: Line) -> None:
        while True:
            line.send(self.answer(line.question()))


def node_answers(headers: list[bytes], spoil: dict[str, Any] | None = None) -> Callable[[str, bytes], bytes]:
    """What a bitcoind answers to a request body."""
    from vault.bitcoin.backends.proof import block_hash_of

    results = {
        "getblockchaininfo": {
            "chain": "regtest",
            "blocks": len(headers) - 1,
            "bestblockhash": block_hash_of(headers[-1]),
        },
        "getrawtransaction": RAW.hex(),
        "sendrawtransaction": TXID,
        "estimatesmartfee": {"feerate": 0.0001, "blocks": 2},
    } | (spoil or {})

    def answer(path: str, body: bytes) -> bytes:
        asked = json.loads(body)

        def one(question: dict[str, Any]) -> dict[str, Any]:
            result = results[question["method"]]
            error = result if isinstance(result, dict) and "code" in result else None
            return {"id": question["id"], "result": None if error else result, "error": error}

        found = [one(each) for each in asked] if isinstance(asked, list) else one(asked)
        return json.dumps(found).encode()

    return answer


def esplora_answers(path: str, body: bytes) -> bytes:
    if path == "/tx":
        return TXID.encode()
    return {"/blocks/tip/height": b"7", f"/tx/{TXID}/hex": RAW.hex().encode()}[path]


def http_talk(answers: Callable[[str, bytes], bytes]) -> Callable[[Line], None]:
    def talk(line: Line) -> None:
        while True:
            line.send(http_answer(answers(*line.request())))

    return talk


def esplora(server: HostileServer, timeout: float = 5, **options: str) -> EsploraBackend:
    return EsploraBackend(f"http://127.0.0.1:{server.port}", timeout, **options)  # type: ignore[arg-type]


def electrum(
    server: HostileServer, timeout: float = 5, scheme: str = "tcp", **options: str
) -> ElectrumBackend:
    return ElectrumBackend(f"{scheme}://127.0.0.1:{server.port}", REGTEST, timeout, **options)


def node(server: HostileServer, timeout: float = 5) -> NodeBackend:
    return NodeBackend(f"http://127.0.0.1:{server.port}", REGTEST, lambda: "user:secret1", timeout)


def refusal(ask: Callable[[], object]) -> str:
    with pytest.raises(ChainError) as refused:
        ask()
    return refused.value.code
