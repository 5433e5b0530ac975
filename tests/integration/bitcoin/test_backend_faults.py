"""Hostile servers on real sockets, for each transport: nonsense, lies and strangers are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from tests.support.backend_talks import (
    OTHER,
    QUICK,
    RAW,
    REGTEST,
    SCRIPT,
    TXID,
    ElectrumTalk,
    electrum,
    esplora,
    http_talk,
    node,
    node_answers,
    refusal,
)
from tests.support.hostile_server import HostileServer, Line, http_answer
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.transaction import Transaction
from vault.errors import ChainError


@pytest.fixture(scope="module")
def headers() -> list[bytes]:
    """Eight real headers of a regtest chain."""
    with BitcoinChain(start_blocks=8) as chain:
        return [chain.block_at(height).header for height in range(8)]


# -- reading ----------------------------------------------------------------------------------------------

DEEP = b"[" * 100_000 + b"]" * 100_000
NONSENSE = {
    "garbage": b"<html>it works</html>",
    "an empty answer": b"",
    "nothing but an opening quote": b'"' + b"x" * 200_000,
    "nested deeply": DEEP,
    "not a number": b'{"id": 0, "result": NaN}',
    "a huge number": b'{"id": 0, "result": ' + b"9" * 5000 + b"}",
    "half a number": b'{"id": 0, "result": 1',
    "not utf-8": b"\xff\xfe\xff",
    "a list": b"[]",
    "null": b"null",
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_by_every_transport(headers: list[bytes], body: bytes) -> None:
    for make, talk in (
        (esplora, http_talk(lambda *_: body)),
        (node, http_talk(lambda *_: body)),
        (electrum, ElectrumTalk(headers, blockchain__headers__subscribe=body + b"\n")),
    ):
        with HostileServer(talk) as server:
            assert refusal(make(server).tip) == "chain.bad_answer"


CUT = [
    b"",
    b"HTTP/1.1",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12",
    b"220 mail ready\r\n",
    b"\0" * 100,
]


@pytest.mark.parametrize("answer", CUT, ids=repr)
def test_an_answer_that_is_cut_off_is_no_answer(headers: list[bytes], answer: bytes) -> None:
    def over_http(line: Line) -> None:
        line.request()
        line.send(answer)

    def over_lines(line: Line) -> None:
        line.question()
        line.send(answer.replace(b"\n", b""))

    for make, talk in ((esplora, over_http), (node, over_http), (electrum, over_lines)):
        with HostileServer(talk) as server:
            assert refusal(make(server).tip) == "chain.no_answer"


def test_an_answer_without_end_is_given_up_by_its_size(
    monkeypatch: pytest.MonkeyPatch, headers: list[bytes]
) -> None:
    from vault.bitcoin.backends import electrum_session, http_line

    monkeypatch.setattr(http_line, "MAX_ANSWER", 1_000_000)
    monkeypatch.setattr(electrum_session, "MAX_LINE", 1_000_000)

    def over_http(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            line.send(b"9" * 65536)

    def over_lines(line: Line) -> None:
        line.question()
        while True:
            line.send(b"9" * 65536)

    for make, talk, code in (
        (esplora, over_http, "chain.no_answer"),
        (node, over_http, "chain.no_answer"),
        (electrum, over_lines, "chain.bad_answer"),
    ):
        with HostileServer(talk) as server:
            assert refusal(make(server).tip) == code


def test_a_server_that_trickles_or_hangs_is_given_up_in_time(headers: list[bytes]) -> None:
    def over_http(start: bytes) -> Callable[[Line], None]:
        def talk(line: Line) -> None:
            line.request()
            line.send(start)
            line.trickle(b"7")

        return talk

    def over_lines(line: Line) -> None:
        line.question()
        line.trickle(b"{")

    def silent(line: Line) -> None:
        line.over.wait()

    body, head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "
    for make, talk in (
        (esplora, over_http(body)),
        (esplora, over_http(head)),
        (node, over_http(body)),
        (node, over_http(head)),
        (electrum, over_lines),
        (esplora, silent),
        (node, silent),
        (electrum, silent),
    ):
        with HostileServer(talk) as server:
            assert refusal(make(server, QUICK).tip) == "chain.no_answer"


@pytest.mark.parametrize("number", [-1, 999, "0", None, 0.5, True])
def test_an_answer_to_another_question_is_refused(headers: list[bytes], number: Any) -> None:
    told = json.dumps({"id": number, "result": 7}).encode()
    spoilt = ElectrumTalk(headers, blockchain__headers__subscribe=told + b"\n")
    with HostileServer(spoilt) as server:
        assert refusal(electrum(server).tip) == "chain.bad_answer"
    with HostileServer(http_talk(lambda *_: told)) as server:
        assert refusal(node(server).tip) == "chain.bad_answer"


@pytest.mark.parametrize("numbers", [[7], [0, 0], [], [None], [True], [0, 1]])
def test_a_batch_answered_under_other_ids_is_refused(headers: list[bytes], numbers: list[Any]) -> None:
    right = node_answers(headers)

    def answer(path: str, body: bytes) -> bytes:
        if not body.startswith(b"["):
            return right(path, body)
        return json.dumps([{"id": number, "result": RAW.hex(), "error": None} for number in numbers]).encode()

    with HostileServer(http_talk(answer)) as server:
        assert refusal(lambda: node(server).raw_transaction(TXID)) == "chain.bad_answer"


def test_a_read_is_asked_again_only_where_a_kept_connection_was_closed() -> None:
    asked: list[str] = []

    def answer_one(line: Line) -> None:
        """Hangs up after each answer, without saying so beforehand."""
        path, _ = line.request()
        asked.append(path)
        told = {"confirmed": True, "block_height": 5, "block_hash": "00" * 32}
        line.send(http_answer(b"7" if path.endswith("height") else json.dumps(told).encode()))

    def answer_none(line: Line) -> None:
        asked.append(line.request()[0])

    with HostileServer(answer_one) as server:
        assert esplora(server).transaction_status(TXID).confirmations == 3
    assert asked == [f"/tx/{TXID}/status", "/blocks/tip/height"]
    asked.clear()
    with HostileServer(answer_none) as server:
        assert refusal(esplora(server).tip_height) == "chain.no_answer"
    assert asked == ["/blocks/tip/height"]


def test_notices_nobody_asked_for_are_skipped_but_not_for_ever(headers: list[bytes]) -> None:
    notice = json.dumps({"method": "blockchain.headers.subscribe", "params": [{}]}).encode() + b"\n"
    for count, ends in ((20, True), (200, False)):
        talk = ElectrumTalk(headers)
        right = talk.answer({"id": 2, "method": "blockchain.headers.subscribe", "params": []})
        talk.spoil["blockchain.headers.subscribe"] = notice * count + right
        with HostileServer(talk) as server:
            if ends:
                assert electrum(server).tip_height() == 7
            else:
                assert refusal(electrum(server).tip) == "chain.bad_answer"


@pytest.mark.parametrize("lie", [OTHER.serialise().hex(), RAW.hex()[:-2], RAW.hex() + "00", "zz", "", 7])
def test_bytes_that_are_not_the_transaction_asked_for_are_refused(headers: list[bytes], lie: Any) -> None:
    told = str(lie).encode()
    for make, talk in (
        (esplora, http_talk(lambda *_: told)),
        (node, http_talk(node_answers(headers, {"getrawtransaction": lie}))),
        (electrum, ElectrumTalk(headers, blockchain__transaction__get=lie)),
    ):
        with HostileServer(talk) as server:
            backend = make(server)
            assert refusal(lambda each=backend: each.raw_transaction(TXID)) == "chain.bad_answer"


def test_a_server_of_another_network_is_refused_before_anything_is_sent(headers: list[bytes]) -> None:
    asked: list[str] = []

    def talk(line: Line) -> None:
        answers = ElectrumTalk([headers[1], *headers[1:]])
        while True:
            question = line.question()
            asked.append(question["method"])
            line.send(answers.answer(question))

    with HostileServer(talk) as server:
        assert refusal(electrum(server).tip) == "chain.wrong_network"
        assert refusal(lambda: electrum(server).broadcast(RAW)) == "chain.wrong_network"
    assert set(asked) == {"server.version", "blockchain.block.header"}

    bodies: list[bytes] = []
    wrong = node_answers(
        headers, {"getblockchaininfo": {"chain": "main", "blocks": 1, "bestblockhash": TXID}}
    )

    def keep(path: str, body: bytes) -> bytes:
        bodies.append(body)
        return wrong(path, body)

    with HostileServer(http_talk(keep)) as server:
        assert refusal(node(server).tip) == "chain.wrong_network"
        assert refusal(lambda: node(server).broadcast(RAW)) == "chain.wrong_network"
    assert not any(b"sendrawtransaction" in body for body in bodies)

    def other_genesis(path: str, body: bytes) -> bytes:
        return b"00" * 32

    with HostileServer(http_talk(other_genesis)) as server:
        backend = EsploraBackend(f"http://127.0.0.1:{server.port}", 5, network=REGTEST)
        assert refusal(backend.tip) == "chain.wrong_network"


def test_a_node_that_starts_or_refuses_the_password_is_said_to_be_so(headers: list[bytes]) -> None:
    warming = node_answers(headers, {"getblockchaininfo": {"code": -28, "message": "Loading block index"}})
    with HostileServer(http_talk(warming)) as server:
        assert refusal(node(server).tip) == "chain.starting"

    def refuse(line: Line) -> None:
        line.request()
        line.send(http_answer(b"", 401))

    with HostileServer(refuse) as server:
        assert refusal(node(server).tip) == "chain.unauthorised"
        with pytest.raises(ChainError) as refused:
            node(server).broadcast(RAW)
        assert "secret1" not in refused.value.message + refused.value.hint


# -- confirmations must be proven -------------------------------------------------------------------------


def test_a_confirmation_without_its_proof_is_refused(headers: list[bytes]) -> None:
    from vault.bitcoin.backends.proof import block_hash_of

    told = [{"tx_hash": TXID, "height": 5}]
    proof = {"merkle": [], "pos": 0, "block_height": 5}
    for branch in (
        proof,
        proof | {"merkle": ["11" * 32]},
        proof | {"pos": 1},
        proof | {"merkle": ["11"]},
        [],
    ):
        talk = ElectrumTalk(
            headers,
            blockchain__scripthash__get_history=told,
            blockchain__transaction__get_merkle=branch,
        )
        with HostileServer(talk) as server:
            assert refusal(lambda: electrum(server).history([SCRIPT])) == "chain.bad_answer"
            assert refusal(lambda: electrum(server).transaction_status(TXID)) == "chain.bad_answer"
    # A header made for the lie: its root is the transaction itself, its work is missing.
    forged = headers[5][:36] + bytes.fromhex(TXID)[::-1] + headers[5][68:]
    while int.from_bytes(bytes.fromhex(block_hash_of(forged)), "big") <= 0x7FFFFF << 232:
        forged = forged[:76] + (int.from_bytes(forged[76:], "little") + 1).to_bytes(4, "little")
    with HostileServer(
        ElectrumTalk(
            [*headers[:5], forged, *headers[6:]],
            blockchain__scripthash__get_history=told,
            blockchain__transaction__get_merkle=proof,
        )
    ) as server:
        assert refusal(lambda: electrum(server).history([SCRIPT])) == "chain.bad_answer"


def test_a_block_that_is_not_linked_to_the_tip_confirms_nothing(headers: list[bytes]) -> None:
    from vault.bitcoin.backends.proof import block_hash_of

    forged = headers[5][:36] + bytes.fromhex(TXID)[::-1] + headers[5][68:]
    while int.from_bytes(bytes.fromhex(block_hash_of(forged)), "big") > 0x7FFFFF << 232:
        forged = forged[:76] + (int.from_bytes(forged[76:], "little") + 1).to_bytes(4, "little")
    chain = [*headers[:5], forged, *headers[6:]]
    talk = ElectrumTalk(
        chain,
        blockchain__scripthash__get_history=[{"tx_hash": TXID, "height": 5}],
        blockchain__transaction__get_merkle={"merkle": [], "pos": 0, "block_height": 5},
        blockchain__block__headers={"count": 3, "hex": b"".join(chain[5:8]).hex(), "max": 2016},
    )
    with HostileServer(talk) as server:
        # It has its work, so a history takes it; as a status it must lead to the tip, and does not.
        assert electrum(server).history([SCRIPT])[0][0].height == 5
        assert refusal(lambda: electrum(server).transaction_status(TXID)) == "chain.bad_answer"


def test_fee_rates_are_exact_and_no_data_is_no_rate(headers: list[bytes]) -> None:
    with HostileServer(http_talk(node_answers(headers))) as server:
        assert str(node(server).fee_rate(2)) == "10.0000"
    with HostileServer(ElectrumTalk(headers)) as server:
        assert str(electrum(server).fee_rate(2)) == "10.0000"
    for told in (-5, "x", None, 0, 10**30):
        with HostileServer(ElectrumTalk(headers, blockchain__estimatefee=told)) as server:
            if told is not None:
                assert refusal(lambda: electrum(server).fee_rate(2)) == "chain.bad_answer"
        with HostileServer(
            http_talk(node_answers(headers, {"estimatesmartfee": {"feerate": told}}))
        ) as server:
            assert refusal(lambda: node(server).fee_rate(2)) == "chain.bad_answer"


def test_a_transaction_of_two_hashes_proves_nothing() -> None:
    """A 64 byte transaction is also an inner node of a Merkle tree: no branch may lead through one."""
    from vault.bitcoin.backends.proof import climb
    from vault.bitcoin.transaction import OutPoint, TxIn, TxOut

    short = Transaction(2, (TxIn(OutPoint("22" * 32, 0), b"", 0),), (TxOut(1, b"\x51" * 4),), 0)
    raw = short.serialise()
    assert len(raw) == 64
    with pytest.raises(ChainError):
        climb(raw[:32], [raw[32:]], 0)
