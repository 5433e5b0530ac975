"""The exchange of a signing: a device that asks for what was not offered gets a typed error, nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from trezorlib import messages as m

from tests.support.signing import good_signatures
from vault.address import NETWORKS
from vault.device.bitcoin.sign import _expected, merge, run_pass
from vault.device.bitcoin.translate import translate
from vault.errors import DeceivedError, DeviceError

REGTEST = NETWORKS["regtest"]
TYPE = m.RequestType


class FakeSession(nullcontext[None]):
    """Asks what its script says, one after another, and keeps what it is given."""

    def __init__(self, script: list[Any]) -> None:
        super().__init__()
        self.script, self.given = list(script), []

    def call(self, message: Any, *, expect: type) -> Any:
        assert expect is m.TxRequest
        self.given.append(message)
        return self.script.pop(0)


def asks(kind: Any, index: int | None = None, tx: bytes | None = None, part: Any = None) -> Any:
    details = m.TxRequestDetailsType(request_index=index, tx_hash=tx)
    return m.TxRequest(request_type=kind, details=details, serialized=part)


def signs(index: int, signature: bytes, tail: bytes = b"") -> Any:
    return m.TxRequestSerializedType(signature_index=index, signature=signature, serialized_tx=tail)


@pytest.fixture
def request_of_two(wallet: Any) -> Any:
    return wallet.request("p2wpkh", "p2wpkh")


@pytest.fixture
def run(wallet: Any, request_of_two: Any) -> Callable[[list[Any]], Any]:
    def run_it(script: list[Any]) -> Any:
        translation = translate(request_of_two, REGTEST, wallet.fingerprint)
        session = FakeSession(script)
        found = run_pass(session, translation, translation.passes[0], request_of_two)
        return found, session

    return run_it


def test_each_piece_is_the_one_asked_for(wallet: Any, request_of_two: Any, run: Any) -> None:
    good = good_signatures(wallet, request_of_two)
    translation = translate(request_of_two, REGTEST, wallet.fingerprint)
    raw = _expected(translation, translation.passes[0], tuple(good))
    previous = bytes.fromhex(request_of_two.inputs[1].txid)
    found, session = run(
        [
            asks(TYPE.TXINPUT, 1),
            asks(TYPE.TXOUTPUT, 0),
            asks(TYPE.TXMETA, None, previous),
            asks(TYPE.TXINPUT, 0, previous),
            asks(TYPE.TXOUTPUT, 1, previous, signs(1, good[1], raw[:10])),
            m.TxRequest(request_type=TYPE.TXFINISHED, serialized=signs(0, good[0], raw[10:])),
        ]
    )
    assert found == tuple(good)
    first, *acks = session.given
    assert (first.coin_name, first.inputs_count, first.outputs_count) == ("Regtest", 2, 2)
    assert (first.version, first.lock_time) == (2, 0)
    pieces = [ack.tx for ack in acks]
    assert pieces[0].inputs == [translation.passes[0].inputs[1]]
    assert pieces[1].outputs == [translation.outputs[0]]
    source = translation.prev_txes[previous]
    assert (pieces[2].inputs_cnt, pieces[2].outputs_cnt, pieces[2].version) == (1, 2, 2)
    assert pieces[3].inputs == [source.inputs[0]]
    assert pieces[4].bin_outputs == [source.bin_outputs[1]]
    assert pieces[4].outputs == []


@pytest.mark.parametrize(
    "question",
    [
        asks(TYPE.TXINPUT, 2),
        asks(TYPE.TXINPUT),
        asks(TYPE.TXOUTPUT, 2),
        asks(TYPE.TXMETA),
        asks(TYPE.TXMETA, None, bytes(32)),
        asks(TYPE.TXINPUT, 0, bytes(32)),
        asks(TYPE.TXEXTRADATA, 0),
        asks(TYPE.TXORIGINPUT, 0),
        asks(TYPE.TXORIGOUTPUT, 0),
        asks(TYPE.TXPAYMENTREQ, 0),
        m.TxRequest(request_type=TYPE.TXINPUT),
        m.TxRequest(request_type=99, details=m.TxRequestDetailsType(request_index=0)),
    ],
)
def test_questions_about_anything_else_end_the_signing(run: Any, question: Any) -> None:
    with pytest.raises(DeviceError) as error:
        run([question])
    assert error.value.code == "device.bad_answer"


def test_a_signature_twice_or_of_no_input_ends_the_signing(run: Any) -> None:
    for script in (
        [asks(TYPE.TXINPUT, 0, part=signs(2, b"x"))],
        [asks(TYPE.TXINPUT, 0, part=signs(1, b"x")), asks(TYPE.TXINPUT, 0, part=signs(1, b"x"))],
    ):
        with pytest.raises(DeviceError) as error:
            run(script)
        assert error.value.code == "device.bad_answer"


def test_an_end_before_every_signature_is_no_signing(run: Any, wallet: Any, request_of_two: Any) -> None:
    good = good_signatures(wallet, request_of_two)
    for part in (None, signs(0, good[0])):
        with pytest.raises(DeceivedError) as error:
            run([m.TxRequest(request_type=TYPE.TXFINISHED, serialized=part)])
        assert error.value.code == "device.missing_signature"


def test_the_signature_of_an_earlier_transaction_is_refused(
    wallet: Any, request_of_two: Any, run: Any
) -> None:
    """A replay: valid for the same coins and keys, one satoshi ago."""
    pay, change = request_of_two.outputs
    earlier = dataclasses.replace(
        request_of_two, outputs=(pay, dataclasses.replace(change, amount_sat=change.amount_sat - 1))
    )
    old = good_signatures(wallet, earlier)
    translation = translate(request_of_two, REGTEST, wallet.fingerprint)
    raw = _expected(translation, translation.passes[0], tuple(old))
    with pytest.raises(DeceivedError) as error:
        run(
            [
                asks(TYPE.TXINPUT, 0, part=signs(0, old[0])),
                m.TxRequest(request_type=TYPE.TXFINISHED, serialized=signs(1, old[1], raw)),
            ]
        )
    assert error.value.code == "device.invalid_signature"


def test_single_signatures_are_merged_by_index(wallet: Any, request_of_two: Any) -> None:
    translation = translate(request_of_two, REGTEST, wallet.fingerprint)
    merged = merge(translation, request_of_two, [(b"a", b"b")])
    assert merged.signatures == ((0, b"a"), (1, b"b"))
    assert merged.partial == ()
