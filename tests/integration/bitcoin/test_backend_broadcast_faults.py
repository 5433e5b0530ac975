"""A broadcast that goes wrong, for each transport: what was sent is unknown, never failed, never repeated."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from tests.support.backend_talks import (
    RAW,
    TXID,
    ElectrumTalk,
    electrum,
    esplora,
    esplora_answers,
    http_talk,
    node,
    node_answers,
    refusal,
)
from tests.support.hostile_server import HostileServer, Line, http_answer
from vault.bitcoin.backends.base import Backend
from vault.errors import ChainError, OutcomeUnknownError


@pytest.fixture(scope="module")
def headers() -> list[bytes]:
    """Eight real headers of a regtest chain."""
    with BitcoinChain(start_blocks=8) as chain:
        return [chain.block_at(height).header for height in range(8)]


@dataclass
class Cut:
    """Hang up within a broadcast: after so much of the request, or so much of the answer."""

    read: int | None
    sent: int | None
    reached: threading.Event = field(default_factory=threading.Event)

    def over_http(self, answers: Callable[[str, bytes], bytes]) -> Callable[[Line], None]:
        def talk(line: Line) -> None:
            while True:
                head = line.until(b"\r\n\r\n")
                length = int(next(each for each in head.split(b"\r\n") if b"Length" in each).split(b":")[1])
                if b"/tx " in head or length > 200:  # the broadcast; other questions are shorter
                    self.reached.set()
                    self._end(line, length, lambda body: http_answer(answers("/tx", body)))
                    return
                line.send(http_answer(answers(head.decode().split(" ")[1], line.read(length))))

        return talk

    def over_lines(self, answers: ElectrumTalk) -> Callable[[Line], None]:
        def talk(line: Line) -> None:
            while True:
                text = line.until(b"\n")
                if b"broadcast" in text:
                    self.reached.set()
                    if self.read is None:
                        answer = answers.answer(json.loads(text))
                        line.send(answer[: self.sent])
                    return
                line.send(answers.answer(json.loads(text)))

        return talk

    def _end(self, line: Line, length: int, answer: Callable[[bytes], bytes]) -> None:
        if self.read is not None:
            line.read(self.read % length)
        else:
            line.send(answer(line.read(length))[: self.sent])


@pytest.mark.parametrize("read", [0, 1, 40, -1])
def test_a_broadcast_cut_off_while_it_is_sent_is_unknown(headers: list[bytes], read: int) -> None:
    _cut_off(headers, read, None)


@pytest.mark.parametrize("sent", [0, 1, 20, -1])
def test_a_broadcast_cut_off_while_it_is_answered_is_unknown(headers: list[bytes], sent: int) -> None:
    _cut_off(headers, None, sent)


def _cut_off(headers: list[bytes], read: int | None, sent: int | None) -> None:
    def check(make: Callable[[HostileServer], Backend], talk: Callable[[Line], None], cut: Cut) -> None:
        with HostileServer(talk) as server:
            with pytest.raises(OutcomeUnknownError) as unknown:
                make(server).broadcast(RAW)
            assert unknown.value.code == "unknown.broadcast"
            assert unknown.value.details == {"txid": TXID}
            assert cut.reached.is_set()

    cut = Cut(read, sent)
    check(esplora, cut.over_http(esplora_answers), cut)
    cut = Cut(read, sent)
    check(node, cut.over_http(node_answers(headers)), cut)
    cut = Cut(read, sent)
    check(electrum, cut.over_lines(ElectrumTalk(headers)), cut)


def test_a_connection_lost_before_the_broadcast_has_sent_nothing(headers: list[bytes]) -> None:
    for lost in ("server.version", "blockchain.block.header"):
        asked: list[str] = []

        def talk(line: Line, lost: str = lost, asked: list[str] = asked) -> None:
            while True:
                question = line.question()
                asked.append(question["method"])
                if question["method"] == lost:
                    return
                line.send(ElectrumTalk(headers).answer(question))

        with HostileServer(talk) as server:
            assert refusal(lambda: electrum(server).broadcast(RAW)) == "chain.no_answer"
        assert "blockchain.transaction.broadcast" not in asked


def test_a_broadcast_is_never_repeated_and_has_a_connection_of_its_own(headers: list[bytes]) -> None:
    sent: list[str] = []

    def count_http(line: Line) -> None:
        path, body = line.request()
        if path == "/tx" or b"sendrawtransaction" in body:
            sent.append("http")
            return
        line.send(http_answer(node_answers(headers)(path, body)))

    def count_lines(line: Line) -> None:
        while True:
            question = line.question()
            if "broadcast" in question["method"]:
                sent.append("line")
                return
            line.send(ElectrumTalk(headers).answer(question))

    for make, talk in ((esplora, count_http), (node, count_http), (electrum, count_lines)):
        with HostileServer(talk) as server, pytest.raises(OutcomeUnknownError):
            make(server).broadcast(RAW)
    assert sent == ["http", "http", "line"]


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        ({"code": 1, "message": "the transaction was rejected by network rules.\n\ndust"}, False),
        ({"code": 2, "message": "daemon error: DaemonError({'code': -26, 'message': 'dust'})"}, False),
        ({"code": 2, "message": "daemon error: timed out"}, True),
        ({"code": -32603, "message": "internal error"}, True),
        ({"code": -102, "message": "server busy"}, True),
        ("rejected", True),
    ],
)
def test_an_electrum_servers_no_is_told_apart_from_its_trouble(
    headers: list[bytes], error: Any, unknown: bool
) -> None:
    def say(told: Any) -> Callable[[dict[str, Any]], bytes]:
        return lambda question: json.dumps({"id": question["id"], "error": told}).encode() + b"\n"

    missing = {"code": 2, "message": "daemon error: No such mempool or blockchain transaction."}
    talk = ElectrumTalk(
        headers, blockchain__transaction__broadcast=say(error), blockchain__transaction__get=say(missing)
    )
    with HostileServer(talk) as server:
        with pytest.raises(OutcomeUnknownError if unknown else ChainError) as end:
            electrum(server).broadcast(RAW)
        assert end.value.code == ("unknown.broadcast" if unknown else "chain.refused")
    talk.spoil["blockchain.transaction.get"] = RAW.hex()
    talk.spoil["blockchain.scripthash.get_history"] = [{"tx_hash": TXID, "height": 0}]
    with HostileServer(talk) as server:  # refused because it is known already
        assert electrum(server).broadcast(RAW) == TXID


@pytest.mark.parametrize(
    ("code", "unknown"), [(-25, False), (-26, False), (-22, False), (-1, True), (-28, True)]
)
def test_a_nodes_no_is_told_apart_from_its_trouble(headers: list[bytes], code: int, unknown: bool) -> None:
    spoil = {
        "sendrawtransaction": {"code": code, "message": "bad-txns"},
        "getrawtransaction": {"code": -5, "message": "No such transaction"},
        "getblockhash": {"code": -8, "message": "Block height out of range"},
    }
    spoil["getblockchaininfo"] = {"chain": "regtest", "blocks": 0, "bestblockhash": "00" * 32}
    spoil["getblockhash"] = "00" * 32  # type: ignore[assignment]
    spoil["getblock"] = {"tx": []}  # type: ignore[dict-item]
    with HostileServer(http_talk(node_answers(headers, spoil))) as server:
        with pytest.raises(OutcomeUnknownError if unknown else ChainError) as end:
            node(server).broadcast(RAW)
        assert end.value.code == ("unknown.broadcast" if unknown else "chain.refused")
    spoil["sendrawtransaction"] = {"code": -27, "message": "Transaction outputs already in utxo set"}
    with HostileServer(http_talk(node_answers(headers, spoil))) as server:
        assert node(server).broadcast(RAW) == TXID
