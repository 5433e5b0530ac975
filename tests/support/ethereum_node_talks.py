"""A node on loopback that is right about everything but what a test spoils, and clients for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.hostile_server import HostileServer, Line, http_answer
from vault.ethereum.node.client import NodeClient
from vault.evm.hashing import keccak

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
BOB = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TOKEN = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
TXID = "0x" + "ab" * 32
QUICK = 0.4


class Refusal(Exception):  # noqa: N818 -- what a node says, not what went wrong here
    """An error of JSON-RPC."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})


def block_hash(number: int, branch: str = "") -> str:
    return "0x" + keccak(f"block {number} {branch}".encode()).hex()


def block_json(number: int, branch: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "number": hex(number),
        "hash": block_hash(number, branch),
        "parentHash": block_hash(number - 1, branch),
        "timestamp": hex(1_700_000_000 + 12 * number),
        "baseFeePerGas": hex(10**9),
        "gasLimit": hex(30_000_000),
        "gasUsed": "0x0",
        "transactions": [],
    } | fields


def log_json(
    number: int, index: int, topics: list[bytes], data: bytes = bytes(32), **fields: Any
) -> dict[str, Any]:
    return {
        "address": TOKEN.lower(),
        "topics": ["0x" + each.hex() for each in topics],
        "data": "0x" + data.hex(),
        "blockNumber": hex(number),
        "blockHash": block_hash(number),
        "transactionHash": TXID,
        "transactionIndex": "0x0",
        "logIndex": hex(index),
        "removed": False,
    } | fields


def receipt_json(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "transactionHash": TXID,
        "transactionIndex": "0x0",
        "blockNumber": hex(number),
        "blockHash": block_hash(number),
        "from": ALICE.lower(),
        "to": BOB.lower(),
        "contractAddress": None,
        "status": "0x1",
        "gasUsed": hex(21_000),
        "cumulativeGasUsed": hex(21_000),
        "effectiveGasPrice": hex(2 * 10**9),
        "logs": [],
        "type": "0x2",
    } | fields


def transaction_json(number: int | None, **fields: Any) -> dict[str, Any]:
    return {
        "hash": TXID,
        "from": ALICE.lower(),
        "to": BOB.lower(),
        "nonce": "0x4",
        "value": "0x1",
        "input": "0x",
        "gas": hex(21_000),
        "gasPrice": hex(2 * 10**9),
        "maxFeePerGas": hex(3 * 10**9),
        "maxPriorityFeePerGas": hex(10**9),
        "blockNumber": None if number is None else hex(number),
        "blockHash": None if number is None else block_hash(number),
        "type": "0x2",
    } | fields


@dataclass
class NodeTalk:
    """Answers by method; `spoil` replaces a result by a value, or by what a function of the params says."""

    height: int = 100
    spoil: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    connections: int = 0

    def result(self, method: str, params: list[Any]) -> Any:
        self.asked.append((method, params))
        found = self.spoil.get(method, getattr(self, method, None))
        if isinstance(found, Refusal):
            raise found
        return found(params) if callable(found) else found

    def eth_chainId(self, _params: list[Any]) -> str:
        return "0x1"

    def eth_getBlockByNumber(self, params: list[Any]) -> Any:
        number = self.height if params[0] == "latest" else int(params[0], 16)
        return block_json(number) if number <= self.height else None

    def eth_getBalance(self, _params: list[Any]) -> str:
        return "0x64"

    def eth_getTransactionCount(self, _params: list[Any]) -> str:
        return "0x4"

    def eth_feeHistory(self, params: list[Any]) -> Any:
        count = int(params[0], 16)
        return {
            "oldestBlock": hex(self.height - count + 1),
            "baseFeePerGas": [hex(10**9)] * (count + 1),
            "gasUsedRatio": [0.5] * count,
            "reward": [[hex(2 * 10**8)]] * count,
        }

    def answer(self, body: bytes) -> bytes:
        question = json.loads(body)
        told: dict[str, Any] = {"jsonrpc": "2.0", "id": question["id"]}
        try:
            told["result"] = self.result(question["method"], question["params"])
        except Refusal as refusal:
            told["error"] = refusal.error
        return json.dumps(told).encode()

    def __call__(self, line: Line) -> None:
        self.connections += 1
        while True:
            line.send(http_answer(self.answer(line.request()[1])))


@contextmanager
def node(
    talk: Callable[[Line], None], chain_id: int = 1, timeout: float = 5.0, **more: Any
) -> Iterator[NodeClient]:
    """A client of a server that talks so."""
    with HostileServer(talk) as server:
        yield NodeClient(f"http://127.0.0.1:{server.port}", chain_id, timeout, **more)
