"""Parts of SignTx on their own: signatures of others, scripts, sizes, payloads."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st
from trezorlib import messages

from emulator.device.bitcoin import coins
from emulator.device.bitcoin.address import address_of_key, p2pkh_script, script_of_address, witness_script
from emulator.device.bitcoin.rules import rules_for
from emulator.device.bitcoin.scripts import serialise
from emulator.device.bitcoin.scripts.byte_reader import ByteReader
from emulator.device.bitcoin.scripts.input_scripts import spending_data
from emulator.device.bitcoin.scripts.serialise import compact_size, prefixed, push
from emulator.device.bitcoin.scripts.verification import SignatureVerifier
from emulator.device.bitcoin.signing import omni
from emulator.device.bitcoin.signing.core.change import ChangeDetector
from emulator.device.bitcoin.signing.script_pubkeys import script_of_key
from emulator.device.bitcoin.signing.totals import Totals
from emulator.device.bitcoin.signing.weight import WeightCounter
from emulator.device.errors import DataError, ProcessError
from emulator.device.keys import ORDER, Node, hash160
from emulator.device.personas import by_name

m: Any = messages
RULES = rules_for(by_name("trezor-core"))
KEY = PrivateKey(b"\x01" * 32)
PUBLIC = KEY.public_key.format()
DIGEST = hashlib.sha256(b"digest").digest()
P2WPKH = witness_script(0, hash160(PUBLIC))
HARD = 0x80000000


def der(r: int, s: int) -> bytes:
    def integer(number: int) -> bytes:
        data = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return bytes([2, len(data)]) + data

    body = integer(r) + integer(s)
    return bytes([0x30, len(body)]) + body


def numbers(digest: bytes = DIGEST) -> tuple[int, int]:
    raw = KEY.sign_recoverable(digest, hasher=None)
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")


def verify(signature: bytes, digest: bytes = DIGEST) -> None:
    witness = serialise.p2wpkh_witness(signature, PUBLIC)
    SignatureVerifier(P2WPKH, None, witness).verify(digest)


# Signatures


@given(st.binary(min_size=32, max_size=32))
def test_right_signatures_are_believed_with_low_and_high_s(digest: bytes) -> None:
    r, s = numbers(digest)
    verify(der(r, s), digest)
    verify(der(r, ORDER - s), digest)


@given(st.integers(0, 71), st.integers(1, 255))
def test_no_bent_signature_is_believed(position: int, bits: int) -> None:
    signature = bytearray(der(*numbers()))
    signature[position % len(signature)] ^= bits
    with pytest.raises(DataError, match="Invalid signature"):
        verify(bytes(signature))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: b"",
        lambda good: good + b"\0",
        lambda good: good[:-1],
        lambda good: b"\x30\x81" + good[1:],  # a length longer than needed
        lambda good: b"\x31" + good[1:],
        lambda good: good[:2] + b"\x02\x00" + good[4 + good[3] :],  # an empty number
        lambda good: bytes([0x30, good[1] + 1, 2, good[3] + 1, 0]) + good[4:],  # one zero too many
    ],
)
def test_a_signature_must_be_strict_der(spoil: Any) -> None:
    with pytest.raises(DataError, match="Invalid signature"):
        verify(spoil(der(*numbers())))


@pytest.mark.parametrize("s", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_numbers_outside_the_group_are_refused(s: int) -> None:
    with pytest.raises(DataError, match="Invalid signature"):
        verify(der(numbers()[0], s))


def group_witness(signers: list[int], threshold: int, order: list[int]) -> tuple[bytes, bytes]:
    """(scriptPubKey, witness) of a p2wsh group of three, signatures in the order given."""
    keys = [PrivateKey(bytes([n + 1]) * 32) for n in range(3)]
    script = bytes([0x50 + threshold]) + b"".join(push(key.public_key.format()) for key in keys)
    script += b"\x53\xae"
    signatures = {n: keys[n].sign(DIGEST, hasher=None) + b"\x01" for n in signers}
    items = b"".join(prefixed(signatures[n]) for n in order)
    witness = compact_size(len(order) + 2) + b"\0" + items + prefixed(script)
    return witness_script(0, hashlib.sha256(script).digest()), witness


@pytest.mark.parametrize("signers", [[0, 1], [0, 2], [1, 2]])
def test_any_two_of_three_may_have_signed_in_the_order_of_their_keys(signers: list[int]) -> None:
    SignatureVerifier(*_no_script_sig(group_witness(signers, 2, signers))).verify(DIGEST)
    with pytest.raises(DataError, match="Invalid signature"):
        SignatureVerifier(*_no_script_sig(group_witness(signers, 2, signers[::-1]))).verify(DIGEST)


def _no_script_sig(pair: tuple[bytes, bytes]) -> tuple[bytes, None, bytes]:
    return pair[0], None, pair[1]


def test_one_cosigner_does_not_count_twice() -> None:
    with pytest.raises(DataError, match="Invalid signature"):
        SignatureVerifier(*_no_script_sig(group_witness([1], 2, [1, 1]))).verify(DIGEST)


def test_fewer_signatures_than_the_threshold_are_refused() -> None:
    with pytest.raises(DataError, match="Invalid signature"):
        SignatureVerifier(*_no_script_sig(group_witness([0], 2, [0])))


@given(st.binary(max_size=40), st.binary(max_size=120), st.binary(max_size=120))
@example(P2WPKH, b"", b"")
@example(p2pkh_script(hash160(PUBLIC)), b"\x00", b"\x00")
def test_nonsense_is_refused_and_never_crashes(script: bytes, script_sig: bytes, witness: bytes) -> None:
    with pytest.raises((DataError, ProcessError)):
        SignatureVerifier(script, script_sig, witness).verify(DIGEST)


def test_a_witness_with_a_key_of_another_output_is_refused() -> None:
    other = witness_script(0, b"\x07" * 20)
    witness = serialise.p2wpkh_witness(der(*numbers()), PUBLIC)
    with pytest.raises(DataError, match="Invalid public key hash"):
        spending_data(other, None, witness)


@given(st.integers(0, 2**32 - 1))
def test_lengths_are_read_as_they_are_written(length: int) -> None:
    assert ByteReader(compact_size(length)).compact_size() == length


@given(st.binary(max_size=70_000))
def test_pushes_are_read_as_they_are_written(data: bytes) -> None:
    reader = ByteReader(push(data))
    assert reader.take(reader.push_length()) == data
    assert reader.left == 0


# Scripts


@pytest.mark.parametrize(
    "kind",
    [
        m.InputScriptType.SPENDADDRESS,
        m.InputScriptType.SPENDP2SHWITNESS,
        m.InputScriptType.SPENDWITNESS,
        m.InputScriptType.SPENDTAPROOT,
    ],
)
@given(seed=st.binary(min_size=16, max_size=64))
def test_a_keys_script_is_the_one_its_address_stands_for(kind: Any, seed: bytes) -> None:
    coin = coins.by_name("Testnet")
    assert coin is not None
    key = Node.from_seed(seed).public_key
    assert script_of_key(kind, key) == script_of_address(address_of_key(kind, coin, key), coin)


# Change


def txi(path: list[int], kind: Any = m.InputScriptType.SPENDWITNESS) -> Any:
    return m.TxInput(prev_hash=bytes(32), prev_index=0, amount=1, address_n=path, script_type=kind)


def txo(path: list[int], kind: Any = m.OutputScriptType.PAYTOWITNESS, amount: int = 1) -> Any:
    return m.TxOutput(amount=amount, address_n=path, script_type=kind)


ACCOUNT = [84 | HARD, HARD, HARD]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (txo([*ACCOUNT, 1, 0]), True),
        (txo([*ACCOUNT, 0, 7]), True),
        (txo([*ACCOUNT, 1, 1_000_000]), True),
        (txo([*ACCOUNT, 1, 1_000_001]), False),
        (txo([*ACCOUNT, 2, 0]), False),
        (txo([84 | HARD, HARD, HARD + 1, 1, 0]), False),
        (txo([*ACCOUNT, 0, 1, 0]), False),
        (txo([*ACCOUNT, 1, 0], m.OutputScriptType.PAYTOTAPROOT), False),
        (txo([*ACCOUNT, 1, 0], amount=0), False),
        (txo([]), False),
    ],
)
def test_change_is_an_output_of_the_inputs_own_account_and_kind(output: Any, expected: bool) -> None:
    detector = ChangeDetector(RULES)
    detector.add_input(txi([*ACCOUNT, 0, 0]))
    detector.add_input(txi([*ACCOUNT, 1, 5]))
    assert detector.is_change(output) is expected


def test_inputs_of_two_accounts_have_no_change() -> None:
    detector = ChangeDetector(RULES)
    detector.add_input(txi([*ACCOUNT, 0, 0]))
    detector.add_input(txi([84 | HARD, HARD, HARD + 1, 0, 0]))
    assert detector.account is None
    assert not detector.is_change(txo([*ACCOUNT, 1, 0]))


def test_without_inputs_of_ours_nothing_is_change() -> None:
    assert not ChangeDetector(RULES).is_change(txo([*ACCOUNT, 1, 0]))


def test_an_input_that_leaves_the_common_account_is_caught() -> None:
    detector = ChangeDetector(RULES)
    detector.add_input(txi([*ACCOUNT, 0, 0]))
    detector.check_input(txi([*ACCOUNT, 1, 9]))
    for changed in (
        txi([84 | HARD, HARD, HARD + 1, 0, 0]),
        txi([*ACCOUNT, 0, 0], m.InputScriptType.SPENDP2SHWITNESS),
    ):
        with pytest.raises(ProcessError, match="Transaction has changed during signing"):
            detector.check_input(changed)


# Sizes, sums, payloads


@pytest.mark.parametrize(
    ("kind", "virtual_size"),
    [
        # One input, one p2wpkh output: sizes of the transactions that result, DER at its longest.
        (m.InputScriptType.SPENDADDRESS, 189),
        (m.InputScriptType.SPENDP2SHWITNESS, 134),
        (m.InputScriptType.SPENDWITNESS, 110),
        (m.InputScriptType.SPENDTAPROOT, 99),
    ],
)
def test_the_expected_size_is_that_of_the_transaction(kind: Any, virtual_size: int) -> None:
    counter = WeightCounter()
    counter.add_input(txi([*ACCOUNT, 0, 0], kind))
    counter.add_output(P2WPKH)
    assert abs(counter.virtual_size() - virtual_size) <= 1


def test_what_leaves_us_is_spending_without_what_others_bring() -> None:
    totals = Totals(inputs=100, external_inputs=30, outputs=90, change=40)
    assert (totals.fee, totals.spending, totals.own_spending) == (10, 60, 30)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"omni" + bytes(4) + (31).to_bytes(4, "big") + (123_456_789).to_bytes(8, "big"), "1.23456789 USDT"),
        (b"omni" + bytes(4) + (3).to_bytes(4, "big") + (5).to_bytes(8, "big"), "5 MAID"),
        (b"omni" + bytes(4) + (9).to_bytes(4, "big") + (5).to_bytes(8, "big"), "5 UNKN"),
        (b"omni" + b"\0\0\0\1" + bytes(12), "Unknown transaction"),
        (b"omni" + bytes(5), "Unknown transaction"),
    ],
)
def test_omni_payloads_are_named(data: bytes, text: str) -> None:
    assert omni.is_omni(data)
    assert omni.describe(data).endswith(text)


@pytest.mark.parametrize("data", [b"", b"omni", b"omni\0\0\0", b"OMNI" + bytes(16)])
def test_other_payloads_are_not_omni(data: bytes) -> None:
    assert not omni.is_omni(data)
