"""Sending: once, and with three ends. Refused in each node's own words, taken, or not known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.ethereum_node_talks import QUICK, NodeTalk, Refusal, node, transaction_json
from tests.support.hostile_server import HostileServer, Line, http_answer
from vault.errors import EthereumError, OutcomeUnknownError
from vault.ethereum.node.client import NodeClient
from vault.evm.hashing import keccak

RAW = b"\x02\xc0 a signed transaction"
OURS = "0x" + keccak(RAW).hex()
SEND = "eth_sendRawTransaction"


def talk_of(answer: Any, known: Any = None) -> NodeTalk:
    return NodeTalk(spoil={SEND: answer, "eth_getTransactionByHash": known})


def sent(talk: NodeTalk) -> int:
    return [method for method, _ in talk.asked].count(SEND)


def test_a_transaction_that_is_taken_has_our_hash() -> None:
    talk = talk_of(OURS)
    with node(talk) as client:
        assert client.send_raw(RAW) == OURS
    assert talk.asked[-1] == (SEND, ["0x" + RAW.hex()])


@pytest.mark.parametrize(
    ("code", "words", "refusal"),
    [
        (-32000, "nonce too low: next nonce 5, tx nonce 4", "stale_nonce"),  # geth
        (-32000, "nonce too low", "stale_nonce"),  # erigon
        (-32010, "OldNonce, Current nonce: 5, nonce of rejected tx: 4", "stale_nonce"),  # nethermind
        (-32001, "Nonce too low", "stale_nonce"),  # besu
        (-32003, "nonce too low", "stale_nonce"),  # anvil
        (-32000, "nonce too high", "nonce_gap"),
        (-32010, "NonceGap, Future nonce. Expected nonce: 5", "nonce_gap"),  # nethermind
        (-32000, "replacement transaction underpriced", "underpriced_replacement"),  # geth, erigon, anvil
        (-32010, "ReplacementNotAllowed", "underpriced_replacement"),  # nethermind
        (-32000, "Replacement transaction underpriced", "underpriced_replacement"),  # besu
        (-32000, "transaction underpriced: gas tip cap 1, minimum needed 1000000", "underpriced"),  # geth
        (-32010, "FeeTooLow, MaxFeePerGas too low.", "underpriced"),  # nethermind
        (-32003, "max fee per gas less than block base fee", "underpriced"),  # anvil
        (-32000, "insufficient funds for gas * price + value: balance 0", "insufficient_funds"),  # geth
        (-32010, "InsufficientFunds, Account balance: 0", "insufficient_funds"),  # nethermind
        (-32003, "Insufficient funds for gas * price + value", "insufficient_funds"),  # anvil
        (-32000, "Upfront cost exceeds account balance", "insufficient_funds"),  # besu
        (-32000, "Sender does not have enough funds to send", "insufficient_funds"),  # eth-tester
        (-32000, "intrinsic gas too low", "node_refused"),
        (-32602, "Failed to decode transaction", "node_refused"),
        (-32000, "invalid sender", "node_refused"),
        (-32000, "exceeds block gas limit", "node_refused"),
    ],
)
def test_a_refusal_is_told_by_its_kind_in_every_node_s_words(code: int, words: str, refusal: str) -> None:
    talk = talk_of(Refusal(code, words))
    with node(talk) as client, pytest.raises(EthereumError) as error:
        client.send_raw(RAW)
    assert error.value.code == f"ethereum.{refusal}"
    assert error.value.details["txid"] == OURS
    assert sent(talk) == 1


@pytest.mark.parametrize(
    "words",
    [
        "already known",  # geth, erigon
        "AlreadyKnown",  # nethermind
        "Known transaction",  # besu
        "transaction already imported",  # anvil
        "nonce too low",  # mined since it was sent before
        "replacement transaction underpriced",
    ],
)
def test_what_the_node_has_under_our_hash_was_taken(words: str) -> None:
    talk = talk_of(Refusal(-32000, words), transaction_json(None, hash=OURS))
    with node(talk) as client:
        assert client.send_raw(RAW) == OURS
    assert sent(talk) == 1


def unknown(talk: Any, timeout: float = 5.0) -> OutcomeUnknownError:
    with node(talk, timeout=timeout) as client, pytest.raises(OutcomeUnknownError) as error:
        client.send_raw(RAW)
    assert error.value.code == "unknown.broadcast"
    assert error.value.details == {"txid": OURS}
    return error.value


def test_known_is_not_success_when_the_node_does_not_show_it() -> None:
    unknown(talk_of(Refusal(-32000, "already known")))


def test_another_transaction_under_our_hash_is_not_ours() -> None:
    unknown(talk_of(Refusal(-32000, "already known"), transaction_json(None)))


@pytest.mark.parametrize("answer", ["0x" + "cd" * 32, None, OURS.upper(), 5])
def test_an_answer_that_is_not_our_hash_leaves_it_unknown(answer: Any) -> None:
    unknown(talk_of(answer))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-32603, "Internal error"),
        (-32000, "request timed out"),
        (-32000, "context deadline exceeded"),
        (-32000, "upstream gateway unavailable"),
        (-39999, "something of its own"),
    ],
)
def test_errors_that_say_nothing_about_the_transaction_leave_it_unknown(code: int, words: str) -> None:
    unknown(talk_of(Refusal(code, words)))


def test_a_refusal_that_cannot_be_held_against_the_pool_leaves_it_unknown() -> None:
    unknown(talk_of(Refusal(-32000, "nonce too low"), Refusal(-32603, "down")))


def cut(answer: bytes) -> Any:
    """A node that tells its chain id, and then, of what is sent, only this."""
    seen: list[str] = []

    def talk(line: Line) -> None:
        question = json.loads(line.request()[1])
        seen.append(question["method"])
        if question["method"] == SEND:
            line.send(answer)
            return
        told = {"jsonrpc": "2.0", "id": question["id"], "result": "0x1"}
        line.send(http_answer(json.dumps(told).encode()))

    return talk, seen


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n",
        http_answer(b"<html>"),
        http_answer(b'{"jsonrpc":"2.0","id":77,"result":"0x1"}'),
    ],
)
def test_a_send_without_its_answer_is_unknown_and_never_repeated(answer: bytes) -> None:
    talk, seen = cut(answer)
    unknown(talk)
    assert seen == ["eth_chainId", SEND]


def test_a_send_does_not_use_a_kept_connection_and_is_not_repeated_on_another() -> None:
    talk, seen = cut(b"")
    with node(talk) as client, client.session(), pytest.raises(OutcomeUnknownError):
        client.send_raw(RAW)
    assert seen.count(SEND) == 1


def test_a_send_that_hangs_is_unknown() -> None:
    def talk(line: Line) -> None:
        question = json.loads(line.request()[1])
        if question["method"] == SEND:
            line.over.wait()
            return
        told = {"jsonrpc": "2.0", "id": question["id"], "result": "0x1"}
        line.send(http_answer(json.dumps(told).encode()))

    unknown(talk, QUICK)


def test_nothing_was_sent_to_a_node_that_is_not_there() -> None:
    with HostileServer(lambda _: None) as server:
        port = server.port
    with pytest.raises(EthereumError) as error:
        NodeClient(f"http://127.0.0.1:{port}", 1).send_raw(RAW)
    assert error.value.code == "ethereum.unreachable"


def test_nothing_was_sent_when_the_chain_could_not_be_asked() -> None:
    talk = NodeTalk(spoil={"eth_chainId": Refusal(-32603, "down")})
    with node(talk) as client, pytest.raises(EthereumError) as error:
        client.send_raw(RAW)
    assert error.value.code == "ethereum.node_refused"
    assert sent(talk) == 0
