"""The PSBT parser: BIP174's and BIP371's cases built anew, what else is refused, exact round trip."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.bitcoin.psbt.document import MAGIC, MAX_BYTES, Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import MAX_FIELDS, Field, FieldMap, PsbtInput, PsbtOutput
from vault.bitcoin.psbt.v0 import MAX_UNSIGNED_BYTES
from vault.bitcoin.transaction import MAX_MONEY, OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wire import counted
from vault.errors import PsbtError

KEY = b"\x02" + b"\x11" * 32
ORIGIN = bytes.fromhex("deadbeef") + (84 | 1 << 31).to_bytes(4, "little")
UNSIGNED = Transaction(
    2,
    (TxIn(OutPoint("22" * 32, 0), b"", 0xFFFFFFFE),),
    (TxOut(1_000, b"\x00\x14" + bytes(20)), TxOut(2_000, b"\xa9\x14" + bytes(20) + b"\x87")),
    1_257_139,
)
BASE = Psbt.create(UNSIGNED)
PREVIOUS = Transaction(1, (TxIn(OutPoint("33" * 32, 1), b"\x51", 0),), (TxOut(9_000, b"\x51"),), 0)
CONTROL = b"\xc0" + b"\x44" * 32
# Well-formed, of nothing: twice the generator's x coordinate, then the byte of SIGHASH_ALL.
NUMBER = bytes.fromhex("022079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
SIGNATURE = b"\x30\x44" + NUMBER * 2 + b"\x01"
XPUB = bytes.fromhex("043587cf") + b"\x01" + bytes(40) + KEY


def with_global(kind: int, value: bytes, key: bytes = b"") -> bytes:
    return replace(BASE, globals=FieldMap((*BASE.globals.fields, Field(kind, key, value)))).serialise()


def with_input(kind: int, value: bytes, key: bytes = b"") -> bytes:
    return BASE.with_input(0, FieldMap((Field(kind, key, value),))).serialise()


def with_output(kind: int, value: bytes, key: bytes = b"") -> bytes:
    return BASE.with_output(1, FieldMap((Field(kind, key, value),))).serialise()


def of_unsigned(raw: bytes) -> bytes:
    return MAGIC + Field(Global.UNSIGNED_TX, b"", raw).serialise() + b"\0" + b"\0" * 3


def signed(transaction: Transaction, **changes: Any) -> Transaction:
    return replace(transaction, inputs=(replace(transaction.inputs[0], **changes),))


# The invalid cases of BIP174, in its order.
INVALID_174: dict[str, tuple[bytes, str]] = {
    "network transaction": (UNSIGNED.serialise(), "psbt.not_psbt"),
    "missing outputs": (BASE.serialise()[:-2], "psbt.truncated"),
    "filled scriptSig": (
        of_unsigned(signed(UNSIGNED, script_sig=b"\x51").serialise()),
        "psbt.unsigned_tx_signed",
    ),
    "no unsigned transaction": (MAGIC + b"\0" + b"\0" * 3, "psbt.no_unsigned_tx"),
    "duplicate keys in an input": (
        BASE.with_input(0, FieldMap((Field(In.SIGHASH_TYPE, b"", b"\x01\0\0\0"),) * 2)).serialise(),
        "psbt.duplicate_key",
    ),
    "typed key: unsigned transaction": (
        MAGIC + Field(Global.UNSIGNED_TX, b"\x01", UNSIGNED.serialise()).serialise() + b"\0" * 4,
        "psbt.bad_key",
    ),
    "typed key: witness utxo": (
        with_input(In.WITNESS_UTXO, UNSIGNED.outputs[0].serialise(), b"\0"),
        "psbt.bad_key",
    ),
    "typed key: partial signature": (with_input(In.PARTIAL_SIG, SIGNATURE, KEY[:-1]), "psbt.bad_key"),
    "typed key: redeem script": (with_input(In.REDEEM_SCRIPT, b"\x51", b"\0"), "psbt.bad_key"),
    "typed key: witness script": (with_input(In.WITNESS_SCRIPT, b"\x51", b"\0"), "psbt.bad_key"),
    "typed key: input origin": (with_input(In.BIP32_DERIVATION, ORIGIN, KEY + b"\0"), "psbt.bad_key"),
    "typed key: non-witness utxo": (
        with_input(In.NON_WITNESS_UTXO, PREVIOUS.serialise(), b"\0"),
        "psbt.bad_key",
    ),
    "typed key: final scriptSig": (with_input(In.FINAL_SCRIPTSIG, b"\x51", b"\0"), "psbt.bad_key"),
    "typed key: final witness": (with_input(In.FINAL_SCRIPTWITNESS, b"\x01\x00", b"\0"), "psbt.bad_key"),
    "typed key: output origin": (with_output(Out.BIP32_DERIVATION, ORIGIN, b"\x02"), "psbt.bad_key"),
    "typed key: sighash type": (with_input(In.SIGHASH_TYPE, b"\x01\0\0\0", b"\0"), "psbt.bad_key"),
    "typed key: output redeem script": (with_output(Out.REDEEM_SCRIPT, b"\x51", b"\0"), "psbt.bad_key"),
    "typed key: output witness script": (with_output(Out.WITNESS_SCRIPT, b"\x51", b"\0"), "psbt.bad_key"),
    "unsigned transaction with witness": (
        of_unsigned(signed(UNSIGNED, witness=(b"\x01",)).serialise()),
        "psbt.trailing_bytes",
    ),
    "value of another size than stated": (
        BASE.serialise()[:-3] + b"\x01\x04\x05\x51" + b"\0" * 3,
        "psbt.truncated",
    ),
}
# The invalid cases of BIP371.
INVALID_371: dict[str, tuple[bytes, str]] = {
    "input internal key too long": (with_input(In.TAP_INTERNAL_KEY, KEY), "psbt.bad_value"),
    "key signature too short": (with_input(In.TAP_KEY_SIG, bytes(63)), "psbt.bad_value"),
    "key signature too long": (with_input(In.TAP_KEY_SIG, bytes(66)), "psbt.bad_value"),
    "input origin key too long": (with_input(In.TAP_BIP32_DERIVATION, b"\0" + ORIGIN, KEY), "psbt.bad_key"),
    "output internal key too long": (with_output(Out.TAP_INTERNAL_KEY, KEY), "psbt.bad_value"),
    "output origin key too long": (
        with_output(Out.TAP_BIP32_DERIVATION, b"\0" + ORIGIN, KEY),
        "psbt.bad_key",
    ),
    "script signature key too long": (
        with_input(In.TAP_SCRIPT_SIG, bytes(64), KEY + bytes(32)),
        "psbt.bad_key",
    ),
    "script signature too long": (with_input(In.TAP_SCRIPT_SIG, bytes(66), bytes(64)), "psbt.bad_value"),
    "script signature too short": (with_input(In.TAP_SCRIPT_SIG, bytes(63), bytes(64)), "psbt.bad_value"),
    "control block too long": (with_input(In.TAP_LEAF_SCRIPT, b"\x51\xc0", CONTROL + b"\0"), "psbt.bad_key"),
    "control block too short": (with_input(In.TAP_LEAF_SCRIPT, b"\x51\xc0", CONTROL[:-1]), "psbt.bad_key"),
}
# What else a hostile file may hold.
INVALID_MORE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "psbt.not_psbt"),
    "base64 that was not decoded": (base64.b64encode(BASE.serialise()), "psbt.not_psbt"),
    "version 2 said of an unsigned transaction": (
        with_global(Global.VERSION, b"\x02\0\0\0"),
        "psbt.version_0_field",
    ),
    "version 1": (with_global(Global.VERSION, b"\x01\0\0\0"), "psbt.unknown_version"),
    "version 7": (with_global(Global.VERSION, b"\x07\0\0\0"), "psbt.unknown_version"),
    "version of five bytes": (with_global(Global.VERSION, b"\x00\0\0\0\0"), "psbt.bad_value"),
    "global field of version 2": (with_global(0x03, b"\0\0\0\0"), "psbt.version_2_field"),
    "input field of version 2": (with_input(0x0E, b"\x11" * 32), "psbt.version_2_field"),
    "output field of version 2": (with_output(0x04, b"\x51"), "psbt.version_2_field"),
    "bytes behind the end": (BASE.serialise() + b"\0", "psbt.trailing_bytes"),
    "length that is not minimal": (
        BASE.serialise()[:-3] + b"\xfd\x01\x00\x77\x00" + b"\0" * 3,
        "psbt.not_minimal",
    ),
    "previous transaction that does not read": (with_input(In.NON_WITNESS_UTXO, b"\x01"), "psbt.truncated"),
    "witness utxo that does not read": (with_input(In.WITNESS_UTXO, b"\x01" * 9), "psbt.truncated"),
    "sighash of two bytes": (with_input(In.SIGHASH_TYPE, b"\x01\0"), "psbt.bad_value"),
    "origin with half a step": (with_input(In.BIP32_DERIVATION, ORIGIN + b"\0", KEY), "psbt.bad_value"),
    "taproot origin with too few leaves": (
        with_input(In.TAP_BIP32_DERIVATION, b"\x05" + ORIGIN, KEY[1:]),
        "psbt.bad_value",
    ),
    "tree with a hole": (with_output(Out.TAP_TREE, b"\x01\xc0\x01\x51"), "psbt.bad_value"),
    "tree too deep": (with_output(Out.TAP_TREE, b"\x81\xc0\x01\x51"), "psbt.bad_value"),
    "xpub of the wrong length": (with_global(Global.XPUB, ORIGIN, XPUB[:77]), "psbt.bad_key"),
    "extended private key": (with_global(Global.XPUB, ORIGIN, XPUB[:45] + bytes(33)), "psbt.bad_key"),
    "xpub of another depth than its path": (
        with_global(Global.XPUB, ORIGIN + bytes(4), XPUB),
        "psbt.key_and_value_differ",
    ),
    "type that is not minimal": (
        BASE.serialise()[:-3] + b"\x03\xfd\x01\x00\x00" + b"\0" * 3,
        "psbt.not_minimal",
    ),
    "origin deeper than keys can be": (
        with_input(In.BIP32_DERIVATION, bytes(4 + 4 * 256), KEY),
        "psbt.bad_value",
    ),
    "signature that is no DER": (
        with_input(In.PARTIAL_SIG, b"\x31" + SIGNATURE[1:], KEY),
        "psbt.signature_encoding",
    ),
    "signature whose length lies": (
        with_input(In.PARTIAL_SIG, SIGNATURE[:3] + b"\x21" + SIGNATURE[4:], KEY),
        "psbt.signature_encoding",
    ),
    "signature of a negative number": (
        with_input(In.PARTIAL_SIG, SIGNATURE[:4] + b"\xf9" + SIGNATURE[5:], KEY),
        "psbt.signature_encoding",
    ),
    "signature with a needless zero": (
        with_input(In.PARTIAL_SIG, SIGNATURE[:4] + b"\0\x01" + SIGNATURE[6:], KEY),
        "psbt.signature_encoding",
    ),
    "signature with an unknown sighash byte": (
        with_input(In.PARTIAL_SIG, SIGNATURE[:-1] + b"\x04", KEY),
        "psbt.signature_encoding",
    ),
    "signature without a sighash byte": (
        with_input(In.PARTIAL_SIG, SIGNATURE[:-1], KEY),
        "psbt.signature_encoding",
    ),
    "taproot signature with an explicit default sighash": (
        with_input(In.TAP_KEY_SIG, bytes(65)),
        "psbt.bad_value",
    ),
    "preimage of another hash": (
        with_input(In.SHA256, b"secret", hashlib.sha256(b"other").digest()),
        "psbt.key_and_value_differ",
    ),
    "leaf version other than the control block's": (
        with_input(In.TAP_LEAF_SCRIPT, b"\x51\xc2", CONTROL),
        "psbt.key_and_value_differ",
    ),
    "leaf without a script or version": (with_input(In.TAP_LEAF_SCRIPT, b"", CONTROL), "psbt.bad_value"),
    "tree without a leaf": (with_output(Out.TAP_TREE, b""), "psbt.bad_value"),
    "tree of two trees": (with_output(Out.TAP_TREE, b"\x00\xc0\x00" * 2), "psbt.bad_value"),
    "stack with more items than bytes": (
        with_input(In.FINAL_SCRIPTWITNESS, b"\xff" * 9),
        "psbt.bad_value",
    ),
    "stack with bytes behind it": (with_input(In.FINAL_SCRIPTWITNESS, b"\x01\x00\x00"), "psbt.bad_value"),
    "commitment that is no text": (with_input(In.POR_COMMITMENT, b"\xff"), "psbt.bad_value"),
    "proprietary key without a subtype": (
        with_global(Global.PROPRIETARY, b"", b"\x04name"),
        "psbt.bad_key",
    ),
    "witness utxo of more than all coins": (
        with_input(In.WITNESS_UTXO, TxOut(MAX_MONEY + 1, b"\x51").serialise()),
        "psbt.bad_amount",
    ),
    "witness utxo of a negative amount": (
        with_input(In.WITNESS_UTXO, b"\xff" * 8 + b"\0"),
        "psbt.bad_amount",
    ),
    "output of more than all coins": (
        of_unsigned(replace(UNSIGNED, outputs=(TxOut(MAX_MONEY + 1, b"\x51"),)).serialise()),
        "psbt.bad_amount",
    ),
    "unsigned transaction no block could hold": (
        of_unsigned(replace(UNSIGNED, outputs=(TxOut(1, bytes(MAX_UNSIGNED_BYTES)),)).serialise()),
        "psbt.too_large",
    ),
    "more than allowed": (MAGIC + bytes(MAX_BYTES), "psbt.too_large"),
    "more fields than allowed": (
        BASE.with_input(
            0, FieldMap(tuple(Field(0xF0, n.to_bytes(4, "big"), b"") for n in range(MAX_FIELDS + 1)))
        ).serialise(),
        "psbt.too_many_fields",
    ),
}
INVALID = {**INVALID_174, **INVALID_371, **INVALID_MORE}

VALID: dict[str, bytes] = {
    "no field": BASE.serialise(),
    "no input, no output": Psbt.create(Transaction(0, (), (), 0)).serialise(),
    "no input": Psbt.create(replace(UNSIGNED, inputs=())).serialise(),
    "version 0 said": with_global(Global.VERSION, b"\0\0\0\0"),
    "previous transaction": with_input(In.NON_WITNESS_UTXO, PREVIOUS.serialise()),
    "unknown types": with_input(0xF0, b"\x01\x02", b"\x01\x02\x03"),
    "unknown type of three bytes": with_input(0x1_0000, b"\x01", b"\x02"),
    "global xpub": with_global(Global.XPUB, ORIGIN, XPUB),
    "proprietary": with_global(Global.PROPRIETARY, b"anything", b"\x04name\x01data"),
    "partial signature and scripts": BASE.with_input(
        0,
        FieldMap(
            (
                Field(In.PARTIAL_SIG, KEY, SIGNATURE),
                Field(In.REDEEM_SCRIPT, b"", b"\x51"),
                Field(In.WITNESS_SCRIPT, b"", b"\x52"),
            )
        ),
    ).serialise(),
    "preimage": with_input(In.SHA256, b"secret", hashlib.sha256(b"secret").digest()),
    "commitment": with_input(In.POR_COMMITMENT, b"reserves"),
    "finalised": with_input(In.FINAL_SCRIPTWITNESS, b"\x02\x01\x51\x00"),
    "fields not in order": BASE.with_input(
        0, FieldMap((Field(In.SIGHASH_TYPE, b"", b"\x01\0\0\0"), Field(In.FINAL_SCRIPTSIG, b"", b"")))
    ).serialise(),
    "taproot input": BASE.with_input(
        0,
        FieldMap(
            (
                Field(In.TAP_LEAF_SCRIPT, CONTROL, b"\x51\xc0"),
                Field(In.TAP_BIP32_DERIVATION, KEY[1:], b"\x01" + bytes(32) + ORIGIN),
                Field(In.TAP_INTERNAL_KEY, b"", KEY[1:]),
                Field(In.TAP_MERKLE_ROOT, b"", bytes(32)),
            )
        ),
    ).serialise(),
    "taproot tree": with_output(Out.TAP_TREE, b"\x01\xc0\x01\x51\x02\xc0\x01\x52\x02\xc0\x00"),
}


@pytest.mark.parametrize("name", INVALID)
def test_refuses(name: str) -> None:
    data, code = INVALID[name]
    with pytest.raises(PsbtError) as refused:
        Psbt.parse(data)
    assert refused.value.code == code


def test_covers_the_cases_of_both_specifications() -> None:
    assert len(INVALID_174) == 20
    assert len(INVALID_371) == 11


@pytest.mark.parametrize("name", VALID)
def test_round_trips_to_the_byte(name: str) -> None:
    assert Psbt.parse(VALID[name]).serialise() == VALID[name]


fields = st.builds(Field, st.integers(0xE0, 0xFA), st.binary(max_size=5), st.binary(max_size=30))
maps = st.lists(fields, max_size=4, unique_by=lambda field: (field.type, field.key)).map(tuple)


@given(maps=st.lists(maps, min_size=3, max_size=3))
def test_any_unknown_fields_survive_byte_for_byte(maps: list[tuple[Field, ...]]) -> None:
    outputs = tuple(PsbtOutput(each) for each in maps[1:])
    data = replace(BASE, inputs=(PsbtInput(maps[0]),), outputs=outputs).serialise()
    assert Psbt.parse(data).serialise() == data


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_but_typed_errors(data: bytes) -> None:
    for candidate in (data, MAGIC + data, of_unsigned(data)):
        try:
            assert Psbt.parse(candidate).serialise() == candidate
        except PsbtError:
            continue


def test_a_refusal_names_map_and_field() -> None:
    with pytest.raises(PsbtError, match=r"input 0: field WITNESS_UTXO \(0x01\): output: expected its end"):
        Psbt.parse(with_input(In.WITNESS_UTXO, bytes(12)))
    with pytest.raises(PsbtError, match=r"output 1: field TAP_TREE \(0x06\) has a value of 4 bytes"):
        Psbt.parse(with_output(Out.TAP_TREE, b"\x01\xc0\x01\x51"))


def test_a_refusal_shows_no_more_than_the_beginning_of_what_it_refuses() -> None:
    with pytest.raises(PsbtError) as refused:
        Psbt.parse(with_input(In.SIGHASH_TYPE, bytes(100_000)))
    assert len(refused.value.message) < 400


def test_setting_a_field_keeps_order_and_replaces_in_place() -> None:
    fields = FieldMap(()).put(3, b"c").put(1, b"a").put(2, b"b", b"\x02").put(2, b"b", b"\x01").put(3, b"C")
    assert [(each.type, each.key, each.value) for each in fields.fields] == [
        (1, b"", b"a"),
        (2, b"\x01", b"b"),
        (2, b"\x02", b"b"),
        (3, b"", b"C"),
    ]
    assert fields.drop(2).types() == (1, 3)
    assert fields.fields[0].serialise() == counted(b"\x01") + counted(b"a")
