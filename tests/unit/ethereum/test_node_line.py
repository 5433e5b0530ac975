"""The line to a node: what a hostile server may do to it, and what it may not."""

from __future__ import annotations

import gzip
import json
import logging
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_node_talks import ALICE, QUICK, NodeTalk, block_json, node
from tests.support.hostile_server import HostileServer, Line, http_answer, self_signed
from vault.errors import EthereumError
from vault.ethereum.node import stream
from vault.ethereum.node.client import NodeClient
from vault.ethereum.node.line import JsonRpcLine
from vault.secrets import Secret

KEY = "s3cr3t-key-of-a-node"


def answering(make: Any) -> Any:
    """A server that answers each question with the bytes `make` has for it."""

    def talk(line: Line) -> None:
        question = json.loads(line.request()[1])
        line.send(make(question))

    return talk


def told(question: dict[str, Any], result: Any = "0x1", **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": question["id"], "result": result} | more


def refused(talk: Any, code: str, *, timeout: float = 5.0, words: str = "") -> EthereumError:
    with node(talk, timeout=timeout) as client, pytest.raises(EthereumError) as error:
        client.check_chain()
    assert error.value.code == f"ethereum.{code}"
    assert words in error.value.message
    return error.value


def body(question: dict[str, Any], **more: Any) -> bytes:
    return http_answer(json.dumps(told(question, **more)).encode())


def test_an_answer_is_read() -> None:
    with node(answering(body)) as client:
        client.check_chain()


@pytest.mark.parametrize(
    "make",
    [
        lambda q: http_answer(json.dumps(told(q) | {"id": q["id"] + 1}).encode()),
        lambda q: http_answer(json.dumps(told(q) | {"id": str(q["id"])}).encode()),
        lambda q: http_answer(json.dumps(told(q) | {"id": None}).encode()),
        lambda q: http_answer(json.dumps(told(q) | {"id": False}).encode()),
        lambda q: http_answer(json.dumps(told(q) | {"jsonrpc": "1.0"}).encode()),
        lambda q: http_answer(json.dumps(told(q) | {"error": None}).encode()),
        lambda q: http_answer(json.dumps(told(q) | {"error": {"code": 1, "message": "x"}}).encode()),
        lambda q: http_answer(b'{"jsonrpc":"2.0","id":%d}' % q["id"]),
        lambda q: http_answer(json.dumps([told(q)]).encode()),
        lambda q: http_answer(b'{"jsonrpc":"2.0","id":%d,"result":"0x1","result":"0x2"}' % q["id"]),
        lambda q: http_answer(b'{"jsonrpc":"2.0","id":%d,"result":NaN}' % q["id"]),
        lambda q: http_answer(b'{"jsonrpc":"2.0","id":%d,"result":Infinity}' % q["id"]),
        lambda q: http_answer(b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (q["id"], b"[" * 90_000)),
        lambda q: http_answer(b'{"jsonrpc":"2.0","id":%d,"result":%s%s}' % (q["id"], b"[" * 33, b"]" * 33)),
        lambda q: http_answer(b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (q["id"], b"1" * 5000)),
        lambda _: http_answer(b"<html>Welcome to the captive portal</html>"),
        lambda _: http_answer(b""),
        lambda _: http_answer(b"\xff\xfe\x00"),
        lambda _: http_answer(b'"' * 100_000),
    ],
)
def test_what_is_not_one_strict_answer_to_the_question_is_refused(make: Any) -> None:
    refused(answering(make), "bad_answer")


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(http_answer),
        st.binary(max_size=60).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data),
        st.binary(max_size=60).map(
            lambda data: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data
        ),
    )
)
def test_whatever_bytes_come_back_are_an_answer_or_a_typed_error(data: bytes) -> None:
    def talk(line: Line) -> None:
        line.request()
        line.send(data)

    with node(talk) as client, pytest.raises(EthereumError) as error:
        client.check_chain()
    assert error.value.code in {"ethereum.no_answer", "ethereum.bad_answer"}


def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(5_000_000))

    def talk(line: Line) -> None:
        line.request()
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        line.send(head + bomb)

    refused(talk, "bad_answer", words="not compressed")


def test_we_ask_for_a_body_that_is_not_compressed() -> None:
    heads: list[bytes] = []

    def talk(line: Line) -> None:
        heads.append(line.until(b"\r\n\r\n"))
        line.send(http_answer(b""))

    refused(talk, "bad_answer")
    assert b"Accept-Encoding: identity" in heads[0]


def test_a_redirect_is_not_followed() -> None:
    seen = []

    def talk(line: Line) -> None:
        seen.append(line.request()[0])
        line.send(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    refused(talk, "no_answer", words="redirect (HTTP 307)")
    assert seen == ["/"]


def test_an_announced_body_that_is_too_large_is_not_read() -> None:
    def talk(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        line.over.wait()

    refused(talk, "bad_answer", words="found 99999999999 bytes")


def test_a_body_that_grows_too_large_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_ANSWER", 100_000)

    def talk(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not line.over.is_set():
            line.send(b" " * 65_536)

    refused(talk, "bad_answer", words="found more")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_server_that_trickles_has_the_same_time_as_any(head: bytes) -> None:
    def talk(line: Line) -> None:
        line.request()
        line.send(head)
        line.trickle(b"HTTP/1.1 200 OK\r\nX: ")

    refused(talk, "no_answer", timeout=QUICK, words="time")


def test_a_server_that_says_nothing_has_its_time() -> None:
    refused(lambda line: line.over.wait() and None, "no_answer", timeout=QUICK)


def test_a_body_cut_short_is_no_answer() -> None:
    def talk(line: Line) -> None:
        line.request()
        line.send(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"jsonrpc"')

    refused(talk, "no_answer")


def test_too_many_questions_are_said_so_with_the_pause_it_asks_for() -> None:
    def talk(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 429 X\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nslow")

    refused(talk, "no_answer", words="again in 17 s")


@pytest.mark.parametrize("status", [400, 429, 500])
def test_the_words_of_an_error_are_kept_whatever_http_status_they_come_with(status: int) -> None:
    def make(question: dict[str, Any]) -> bytes:
        error = {"code": -32005, "message": "limit\n\x1b[31m exceeded"}
        told = {"jsonrpc": "2.0", "id": question["id"], "error": error}
        return http_answer(json.dumps(told).encode(), status)

    error = refused(answering(make), "node_refused", words="limit??[31m exceeded")
    assert error.details["rpc_code"] == "-32005"


@pytest.mark.parametrize("error", ["no", None, {"code": "3", "message": "x"}, {"code": 3}, {"code": True}])
def test_an_error_of_another_form_is_nonsense(error: object) -> None:
    def make(question: dict[str, Any]) -> bytes:
        return http_answer(json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}).encode())

    refused(answering(make), "bad_answer")


def test_long_words_are_cut() -> None:
    def make(question: dict[str, Any]) -> bytes:
        error = {"code": 1, "message": "é" * 100_000}
        return http_answer(json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}).encode())

    assert len(refused(answering(make), "node_refused").message) < 600


def test_nobody_there_is_unreachable() -> None:
    with HostileServer(lambda _: None) as server:
        port = server.port
    with pytest.raises(EthereumError) as error:
        NodeClient(f"http://127.0.0.1:{port}", 1).tip()
    assert error.value.code == "ethereum.unreachable"


def test_a_certificate_nobody_vouches_for_is_not_accepted(tmp_path: Any) -> None:
    context, _, _ = self_signed(tmp_path)
    server = HostileServer(lambda line: line.request() and None, context)
    with server, pytest.raises(EthereumError) as error:
        NodeClient(f"https://127.0.0.1:{server.port}", 1, QUICK).tip()
    assert error.value.code == "ethereum.unreachable"
    assert "certificate verify failed" in error.value.message


def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hidden\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    heads: list[bytes] = []

    def talk(line: Line) -> None:
        heads.append(line.until(b"\r\n\r\n"))
        line.send(http_answer(b"{}"))

    refused(talk, "bad_answer")
    assert b"authorization" not in heads[0].lower()


def test_cookies_are_not_kept() -> None:
    heads: list[bytes] = []

    def talk(line: Line) -> None:
        head = line.until(b"\r\n\r\n")
        heads.append(head)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = json.dumps(told(json.loads(line.read(length)))).encode()
        line.send(b"HTTP/1.1 200 OK\r\nSet-Cookie: who=you\r\nContent-Length: %d\r\n\r\n" % len(answer))
        line.send(answer)

    with node(talk) as client:
        client.check_chain()
        client.check_chain()
    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()


def test_a_question_is_asked_once_even_when_web3_would_repeat_it() -> None:
    asked = []

    def talk(line: Line) -> None:
        asked.append(line.request())

    refused(talk, "no_answer")
    assert len(asked) == 1


def test_the_key_is_told_to_the_node_and_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    paths = []

    def talk(line: Line) -> None:
        path, question = line.request()
        paths.append(path)
        error = {"code": 1, "message": f"the key {KEY} has no credit", "data": KEY}
        told = {"jsonrpc": "2.0", "id": json.loads(question)["id"], "error": error}
        line.send(http_answer(json.dumps(told).encode()))

    caplog.set_level(logging.DEBUG)
    with HostileServer(talk) as server:
        url = f"http://127.0.0.1:{server.port}/v2/{{key}}/rpc"
        client = NodeClient(url, 1, key=lambda: Secret(KEY))
        with pytest.raises(EthereumError) as error:
            client.tip()
        line = JsonRpcLine(url, 1, key=lambda: Secret(KEY))
        with pytest.raises(EthereumError):
            line.ask("eth_chainId")
        provider = line._open()[0]
    assert paths == [f"/v2/{KEY}/rpc"] * 2
    said = f"{error.value!r} {error.value.as_json()} {client!r} {client.describe()} {line!r} {provider}"
    assert KEY not in said + caplog.text
    assert "the key (key) has no credit" in error.value.message
    assert "eth_chainId" in caplog.text  # web3 does log


def test_a_key_with_strange_characters_stays_in_its_place() -> None:
    paths = []

    def talk(line: Line) -> None:
        paths.append(line.request()[0])

    with HostileServer(talk) as server:
        client = NodeClient(f"http://127.0.0.1:{server.port}/{{key}}", 1, key=lambda: Secret("a/b c\r\nX: y"))
        with pytest.raises(EthereumError):
            client.tip()
    assert paths == ["/a%2Fb%20c%0D%0AX%3A%20y"]


def test_a_key_is_not_told_over_a_line_others_can_read() -> None:
    client = NodeClient("http://node.example/{key}", 1, key=lambda: Secret(KEY))
    with pytest.raises(EthereumError) as error:
        client.tip()
    assert error.value.code == "ethereum.insecure"


def test_connections_are_kept_within_a_session_only() -> None:
    talk = NodeTalk()
    with node(talk) as client:
        block = client.tip()
        before = talk.connections
        with client.session():
            for _ in range(4):
                client.balance(ALICE, block)
        assert talk.connections == before + 1
        client.balance(ALICE, block)
        client.balance(ALICE, block)
        assert talk.connections == before + 3


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again_once() -> None:
    served = []

    def talk(line: Line) -> None:
        question = json.loads(line.request()[1])
        served.append(question["method"])
        line.send(http_answer(json.dumps(told(question)).encode()))  # and hangs up, unannounced

    with node(talk) as client, client.session():
        for _ in range(3):
            client.check_chain()
    assert served == ["eth_chainId"] * 3


def test_many_threads_may_ask_at_once() -> None:
    talk = NodeTalk(spoil={"eth_getBalance": lambda params: hex(int(params[1]["blockHash"][:10], 16))})
    found: dict[int, int] = {}
    with node(talk) as client, client.session():
        blocks = {number: client.block(number) for number in range(20, 32)}

        def ask(number: int) -> None:
            block = blocks[number]
            assert block is not None
            found[number] = client.balance(ALICE, block)

        threads = [threading.Thread(target=ask, args=(number,)) for number in blocks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: int(block_json(number)["hash"][:10], 16) for number in blocks}


def test_web3_does_not_leave_the_recursion_limit_where_it_puts_it() -> None:
    before = sys.getrecursionlimit()
    JsonRpcLine("http://127.0.0.1:9", 1)._open()
    assert sys.getrecursionlimit() == before
