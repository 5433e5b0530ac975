"""The Esplora client against a real server over loopback: the three ends of a broadcast, and bad answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import replace
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from emulator.chains.faults import Fault, FaultKind
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.spend import RBF_SEQUENCE
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.errors import ChainError, OutcomeUnknownError

STRANGER = b"\x00\x14" + b"\x79" * 20


@pytest.fixture
def payment(account: Any, chain: BitcoinChain) -> Transaction:
    """A signed transaction, not sent yet."""
    script = account.descriptor.script_pubkey(False, 0)
    txid = chain.fund(account.descriptor.address(False, 0), 1_000_000)
    known = chain.transaction(txid)
    assert known is not None
    previous = Transaction.parse(known.tx.raw)
    vout = [each.script for each in previous.outputs].index(script)
    unsigned = Transaction(
        2, (TxIn(OutPoint(txid, vout), b"", RBF_SEQUENCE),), (TxOut(998_000, STRANGER),), 0
    )
    digest = SighashParts.of(unsigned, [previous.outputs[vout]]).digest(0)
    signature = account.sign_digest(False, 0, digest)
    key = account.descriptor.key(False, 0)
    witness = (signature,) if account.descriptor.kind == "p2tr" else (signature + b"\x01", key)
    return replace(unsigned, inputs=(replace(unsigned.inputs[0], witness=witness),))


def test_an_accepted_broadcast_is_seen_spent_and_confirmed(
    payment: Transaction, chain: BitcoinChain, backend: EsploraBackend
) -> None:
    spent = payment.inputs[0].outpoint
    assert backend.outspend(spent.txid, spent.vout) is None
    assert not backend.transaction_status(payment.txid).found
    assert backend.raw_transaction(payment.txid) is None
    assert backend.broadcast(payment.serialise()) == payment.txid
    assert backend.outspend(spent.txid, spent.vout) == payment.txid
    assert backend.raw_transaction(payment.txid) == payment.serialise()
    seen = backend.transaction_status(payment.txid)
    assert (seen.found, seen.confirmed, seen.confirmations) == (True, False, 0)
    chain.mine(2)
    done = backend.transaction_status(payment.txid)
    assert (done.confirmed, done.height, done.confirmations) == (True, chain.height - 1, 2)


def test_sending_the_same_again_is_success_before_and_after_the_block(
    payment: Transaction, chain: BitcoinChain, backend: EsploraBackend
) -> None:
    for _ in range(2):
        assert backend.broadcast(payment.serialise()) == payment.txid
    chain.mine(1)
    assert backend.broadcast(payment.serialise()) == payment.txid


def test_a_refusal_is_told_with_its_reason_and_nothing_is_on_its_way(
    payment: Transaction, chain: BitcoinChain, backend: EsploraBackend
) -> None:
    broken = replace(payment, outputs=(TxOut(997_000, STRANGER),))  # the signature does not cover this
    with pytest.raises(ChainError) as refused:
        backend.broadcast(broken.serialise())
    assert refused.value.code == "chain.refused"
    assert refused.value.details == {"txid": broken.txid, "too_cheap": "no"}
    assert not backend.transaction_status(broken.txid).found


def test_a_dropped_answer_is_unknown_and_the_chain_settles_it(
    payment: Transaction, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend
) -> None:
    server.faults.add(Fault(FaultKind.DROP_AFTER, path="/tx", method="POST"))
    with pytest.raises(OutcomeUnknownError) as unknown:
        backend.broadcast(payment.serialise())
    assert unknown.value.code == "unknown.broadcast"
    assert unknown.value.details == {"txid": payment.txid}
    assert backend.transaction_status(payment.txid).found
    chain.mine(1)
    assert backend.transaction_status(payment.txid).confirmed


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.HANG, FaultKind.ERROR, FaultKind.GARBAGE])
def test_whatever_happens_after_the_request_left_is_unknown(
    payment: Transaction, chain: BitcoinChain, server: EsploraServer, kind: FaultKind
) -> None:
    impatient = EsploraBackend(server.url, timeout=0.5)
    server.faults.add(Fault(kind, path="/tx", method="POST", status=504))
    with pytest.raises(OutcomeUnknownError):
        impatient.broadcast(payment.serialise())
    assert not impatient.transaction_status(payment.txid).found
    assert impatient.broadcast(payment.serialise()) == payment.txid


def test_a_refusal_that_cannot_be_looked_into_is_unknown(
    payment: Transaction, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend
) -> None:
    server.faults.add(Fault(FaultKind.ERROR, path="/tx", method="POST", status=400))
    server.faults.add(Fault(FaultKind.ERROR, path="/tx", method="GET"))
    with pytest.raises(OutcomeUnknownError):
        backend.broadcast(payment.serialise())


def test_without_a_server_nothing_was_sent(bitcoin_keys: ModuleType) -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        nobody = EsploraBackend(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=1)
        raw = bitcoin_keys.previous_of(STRANGER, 5_000, 1).serialise()
        for ask in (nobody.tip_height, lambda: nobody.broadcast(raw)):
            with pytest.raises(ChainError) as refused:
                ask()
            assert refused.value.code == "chain.unreachable"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.ERROR, "chain.server_error"),
        (FaultKind.DROP, "chain.no_answer"),
        (FaultKind.HANG, "chain.no_answer"),
        (FaultKind.GARBAGE, "chain.bad_answer"),
    ],
)
def test_reading_fails_with_its_reason(
    chain: BitcoinChain, server: EsploraServer, kind: FaultKind, code: str
) -> None:
    impatient = EsploraBackend(server.url, timeout=0.5)
    for ask in (
        impatient.tip_height,
        lambda: impatient.fee_rate(3),
        lambda: impatient.outspend("11" * 32, 0),
        lambda: impatient.script_outputs(STRANGER),
    ):
        server.faults.add(Fault(kind))
        with pytest.raises(ChainError) as refused:
            ask()
        server.faults.clear()
        assert refused.value.code == code


def test_fee_rates_are_exact_and_for_the_nearest_sooner_target(
    chain: BitcoinChain, backend: EsploraBackend
) -> None:
    chain.fee_estimates = {2: Decimal("12.345"), 6: Decimal("3.1"), 144: Decimal(1)}
    assert backend.fee_rate(1) == Decimal("12.345")
    assert backend.fee_rate(2) == backend.fee_rate(5) == Decimal("12.345")
    assert backend.fee_rate(6) == Decimal("3.1")
    assert backend.fee_rate(100_000) == Decimal(1)


def test_history_is_read_over_many_pages(
    bitcoin_keys: ModuleType, chain: BitcoinChain, backend: EsploraBackend
) -> None:
    address = bitcoin_keys.account_of(b"pages", "p2wpkh").descriptor.address(False, 0)
    amounts = [10_000 + number for number in range(60)]
    for amount in amounts:
        chain.fund(address, amount)
    chain.fund(address, 9_999, confirmations=0)
    found = backend.address_outputs(address)
    assert sorted(each.amount.units for each in found) == [9_999, *amounts]
    assert [each.amount.units for each in found if not each.confirmations] == [9_999]
    with pytest.raises(ChainError) as refused:
        backend.address_outputs(f"{address}/../../mempool")
    assert refused.value.code == "chain.bad_address"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12",  # cut off
        b"HTTP/1.1 200 OK\r\nContent-Length: zzz\r\n\r\n-12",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"9" * 40,
        b"220 ready for mail\r\n",
        b"",
    ],
)
def test_a_server_that_speaks_otherwise_is_refused(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        backend = EsploraBackend(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=2)
        with pytest.raises(ChainError) as refused:
            backend.tip_height()
        thread.join(5)
    assert refused.value.code in {"chain.no_answer", "chain.bad_answer"}


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "]
)
def test_a_server_that_trickles_is_given_up(start: bytes) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(start)
                while not over.wait(0.05):  # each byte well within the timeout, all of them never
                    connection.sendall(b"9")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ChainError) as refused:
            EsploraBackend(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.5).tip_height()
        over.set()
        thread.join(5)
    assert refused.value.code == "chain.no_answer"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://h/?a=b"])
def test_refuses_an_address_that_is_no_server(url: str) -> None:
    with pytest.raises(ChainError) as refused:
        EsploraBackend(url)
    assert refused.value.code == "chain.bad_url"
