"""Transactions and addresses against the BIPs' own vectors, and a parser that never guesses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.chains.errors import AddressError, Reject, TransactionRefusedError
from emulator.chains.script import ScriptType, address_of, classify, disassemble, is_push_only, script_of
from emulator.chains.transaction import (
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    parse_transaction,
    segwit_v0_sighash,
)

# BIP143, "Native P2WPKH": the unsigned transaction, and the digest for its second input.
BIP143_UNSIGNED = bytes.fromhex(
    "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffff"
    "ef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206"
    "000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42db"
    "ee7e4dbe6a21b2d50ce2f0167faa815988ac11000000"
)
BIP143_SCRIPT_CODE = bytes.fromhex("76a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac")
BIP143_DIGEST = "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"

hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
scripts = st.binary(max_size=80)
inputs = st.builds(
    TxIn,
    st.builds(OutPoint, hashes, st.integers(0, 2**32 - 1)),
    scripts,
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(max_size=300), max_size=3).map(tuple),
)
outputs = st.builds(TxOut, st.integers(-(2**63), 2**63 - 1), scripts)
transactions = st.builds(
    Transaction,
    st.integers(-(2**31), 2**31 - 1),
    st.lists(inputs, min_size=1, max_size=4).map(tuple),
    st.lists(outputs, max_size=4).map(tuple),
    st.integers(0, 2**32 - 1),
)


def test_bip143_digest() -> None:
    tx = parse_transaction(BIP143_UNSIGNED)
    assert segwit_v0_sighash(tx, 1, BIP143_SCRIPT_CODE, 600_000_000).hex() == BIP143_DIGEST


@given(transactions)
def test_what_is_serialised_parses_back_to_the_byte(tx: Transaction) -> None:
    parsed = parse_transaction(tx.raw)
    assert parsed == tx
    assert parsed.raw == tx.raw
    assert parsed.weight == 3 * len(tx.stripped) + len(tx.raw)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_parse_or_are_refused_and_never_crash(raw: bytes) -> None:
    try:
        tx = parse_transaction(raw)
    except TransactionRefusedError as error:
        assert error.reject is Reject.DECODE
    else:
        assert tx.raw == raw


@given(transactions, st.data())
def test_a_cut_transaction_is_refused(tx: Transaction, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(tx.raw) - 1))
    with pytest.raises(TransactionRefusedError):
        parse_transaction(tx.raw[:cut])


def test_refuses_a_superfluous_witness_and_an_unknown_flag() -> None:
    plain = Transaction(2, (TxIn(OutPoint("11" * 32, 0), b"", 0),), (TxOut(1, b"\x51"),), 0)
    body, locktime = plain.stripped[4:-4], plain.stripped[-4:]
    head = plain.stripped[:4]
    for raw in (
        head + b"\x00\x01" + body + b"\x00" + locktime,
        head + b"\x00\x02" + body + b"\x00" + locktime,
    ):
        with pytest.raises(TransactionRefusedError, match=r"superfluous|unknown optional"):
            parse_transaction(raw)


def test_refuses_sizes_in_longer_form_than_needed() -> None:
    plain = Transaction(2, (TxIn(OutPoint("11" * 32, 0), b"", 0),), (TxOut(1, b"\x51"),), 0)
    with pytest.raises(TransactionRefusedError, match="non-canonical"):
        parse_transaction(plain.stripped[:4] + b"\xfd\x01\x00" + plain.stripped[5:])


# Programs of the BIP173 and BIP350 test vectors, in regtest's own prefix.
@pytest.mark.parametrize(
    ("script", "address"),
    [
        ("0014751e76e8199196d454941c45d1b3a323f1433bd6", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
        ("5210751e76e8199196d454941c45d1b3a323", None),
        ("76a914751e76e8199196d454941c45d1b3a323f1433bd688ac", "mrCDrCybB6J1vRfbwM5hemdJz73FwDBC8r"),
    ],
)
def test_addresses_of_known_scripts(script: str, address: str | None) -> None:
    raw = bytes.fromhex(script)
    shown = address_of(raw)
    assert shown is not None
    assert address in (None, shown)
    assert script_of(shown) == raw


@given(st.integers(0, 16), st.binary(min_size=2, max_size=40))
def test_every_witness_program_survives_its_address(version: int, program: bytes) -> None:
    script = bytes([version + 0x50 if version else 0, len(program)]) + program
    shown = address_of(script)
    if version == 0 and len(program) not in (20, 32):
        assert shown is None
    else:
        assert shown is not None
        assert script_of(shown) == script
        assert script_of(shown.upper()) == script


@given(st.binary(min_size=20, max_size=20), st.sampled_from([b"\xa9\x14", b"\x76\xa9\x14"]))
def test_every_base58_address_survives(digest: bytes, head: bytes) -> None:
    script = head + digest + (b"\x87" if head == b"\xa9\x14" else b"\x88\xac")
    assert script_of(str(address_of(script))) == script


@given(st.integers(5, 41), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_one_wrong_character_is_refused(position: int, char: str) -> None:
    good = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    wrong = good[:position] + char + good[position + 1 :]
    if wrong != good:
        with pytest.raises(AddressError):
            script_of(wrong)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "not-an-address",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",  # mainnet
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",  # testnet
        "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",  # mainnet, Base58
        "bcrt1Qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",  # mixed case
        "bcrt1",
        "0x0000000000000000000000000000000000000000",
    ],
)
def test_refuses_what_is_no_regtest_address(address: str) -> None:
    with pytest.raises(AddressError):
        script_of(address)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (b"", ScriptType.EMPTY),
        (b"\x6a", ScriptType.OP_RETURN),
        (b"\x00\x14" + bytes(20), ScriptType.P2WPKH),
        (b"\x00\x20" + bytes(32), ScriptType.P2WSH),
        (b"\x51\x20" + bytes(32), ScriptType.P2TR),
        (b"\x51\x02\x4e\x73", ScriptType.ANCHOR),
        (b"\x52\x20" + bytes(32), ScriptType.WITNESS_UNKNOWN),
        (b"\x00\x15" + bytes(21), ScriptType.UNKNOWN),
        (b"\x21\x02" + bytes(32) + b"\xac", ScriptType.P2PK),
        (b"\x51\x21\x02" + bytes(32) + b"\x51\xae", ScriptType.MULTISIG),
        (b"\x52\x21\x02" + bytes(32) + b"\x51\xae", ScriptType.UNKNOWN),
        (b"\x51", ScriptType.UNKNOWN),
    ],
)
def test_classifies_outputs(script: bytes, kind: ScriptType) -> None:
    assert classify(script) is kind


@given(st.binary(max_size=300))
def test_scripts_of_any_bytes_are_classified_and_shown(script: bytes) -> None:
    assert classify(script) in ScriptType
    disassemble(script)
    is_push_only(script)


def test_disassembles_in_esploras_spelling() -> None:
    script = b"\x76\xa9\x14" + bytes(20) + b"\x88\xac"
    assert disassemble(script) == (
        f"OP_DUP OP_HASH160 OP_PUSHBYTES_20 {bytes(20).hex()} OP_EQUALVERIFY OP_CHECKSIG"
    )
