"""The transaction parser: exact round trip, ids and weights, and only typed refusals."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wire import Reader, compact_size
from vault.errors import AddressError, PsbtError

# The first transaction of block 1, and BIP143's signed p2wpkh example.
COINBASE = (
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0104ff"
    "ffffff0100f2052a0100000043410496b538e853519c726a2c91e61ec11600ae1390813a627c66fb8be7947be63c52da7589"
    "379515d4e0a604f8141781e62294721166bf621e73a82cbf2342c858eeac00000000"
)
COINBASE_ID = "0e3e2357e806b6cdb1f70b54c3a3a17b6714ee1f0e68bebb44a74b1efd512098"

points = st.builds(OutPoint, st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(0, 2**32 - 1))
inputs = st.builds(
    TxIn,
    points,
    st.binary(max_size=40),
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(max_size=300), max_size=3).map(tuple),
)
outputs = st.builds(TxOut, st.integers(0, 2**64 - 1), st.binary(max_size=300))
transactions = st.builds(
    Transaction,
    st.integers(0, 2**32 - 1),
    st.lists(inputs, min_size=1, max_size=4).map(tuple),
    st.lists(outputs, max_size=4).map(tuple),
    st.integers(0, 2**32 - 1),
)


def sample() -> Transaction:
    spending = TxIn(OutPoint("11" * 32, 1), b"", 0xFFFFFFFD, (b"\x30" * 71, b"\x02" * 33))
    return Transaction(2, (spending,), (TxOut(5_000, b"\x00\x14" + bytes(20)),), 0)


def test_knows_the_first_coinbase() -> None:
    transaction = Transaction.parse(bytes.fromhex(COINBASE))
    assert transaction.txid == transaction.wtxid == COINBASE_ID
    assert transaction.outputs[0].value == 50 * 100_000_000
    assert transaction.weight == 4 * 134


@given(transactions)
def test_reads_what_it_writes(transaction: Transaction) -> None:
    raw = transaction.serialise()
    again = Transaction.parse(raw)
    assert again == transaction
    assert again.serialise() == raw
    stripped = transaction.serialise(witness=False)
    digest = hashlib.sha256(hashlib.sha256(stripped).digest()).digest()
    assert again.txid == digest[::-1].hex()
    assert again.weight == 3 * len(stripped) + len(raw)


@given(transaction=transactions, data=st.data())
def test_any_damage_is_refused_or_reads_exactly(transaction: Transaction, data: st.DataObject) -> None:
    raw = bytearray(transaction.serialise())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for damaged in (bytes(raw), cut):
        try:
            assert Transaction.parse(damaged).serialise() == damaged
        except PsbtError as error:
            assert error.code.startswith("psbt.")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "psbt.truncated"),
        (bytes(10), "psbt.bad_transaction"),
        (sample().serialise() + b"\0", "psbt.trailing_bytes"),
        (sample().serialise()[:-1], "psbt.truncated"),
        (
            b"\x02\0\0\0\x00\x01\x01" + b"\x11" * 36 + b"\0" + bytes(4) + b"\0\0" + bytes(4),
            "psbt.bad_transaction",
        ),
        (b"\x02\0\0\0\xff" + b"\xff" * 8 + bytes(20), "psbt.truncated"),
        (b"\x02\0\0\0\xfd\x01\x00" + bytes(60), "psbt.not_minimal"),
        (bytes(4_000_001), "psbt.too_large"),
    ],
)
def test_refuses_malformed_transactions(raw: bytes, code: str) -> None:
    with pytest.raises(PsbtError) as refused:
        Transaction.parse(raw)
    assert refused.value.code == code


def test_a_huge_count_is_refused_before_memory_is_spent() -> None:
    reader = Reader(compact_size(2**62) + bytes(100), "test")
    with pytest.raises(PsbtError) as refused:
        reader.count(1)
    assert refused.value.code == "psbt.truncated"


@given(st.integers(0, 2**64 - 1))
def test_compact_sizes_read_back(value: int) -> None:
    assert Reader(compact_size(value), "test").compact_size() == value


def test_outpoints_read_back_and_refuse_other_spellings() -> None:
    text = "ab" * 32 + ":7"
    assert str(OutPoint.parse(text)) == text
    for wrong in (
        "ab" * 32,
        "AB" * 32 + ":7",
        text + "x",
        "ab" * 32 + ":07",
        "ab" * 32 + ":-1",
        "ab:1",
        "ab" * 32 + ":" + "9" * 12,
        "ab" * 32 + ":4294967296",
    ):
        with pytest.raises(AddressError) as refused:
            OutPoint.parse(wrong)
        assert refused.value.code == "address.bad_outpoint"


def test_without_witness_is_what_the_signer_was_given() -> None:
    transaction = sample()
    assert transaction.without_witness().serialise() == transaction.serialise(witness=False)
    assert transaction.without_witness().txid == transaction.txid != transaction.wtxid
