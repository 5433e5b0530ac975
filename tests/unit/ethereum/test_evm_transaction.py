"""Transactions to bytes and back: as eth_account writes them, read strictly, and by nobody else's rules."""

from __future__ import annotations

from typing import Any

import pytest
import rlp as reference_rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_calls import OWNER, RECIPIENT, SENDER, sign
from vault.errors import EthereumError
from vault.evm import rlp
from vault.evm.address import checksum_address
from vault.evm.hashing import keccak
from vault.evm.transaction import (
    ORDER,
    AccessEntry,
    EthereumSignature,
    FeeMarketTransaction,
    LegacyTransaction,
    parse_signed,
    recover,
    serialise,
    signing_digest,
)

ADDRESSES = st.binary(min_size=20, max_size=20).map(checksum_address)
U64, U256 = st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1)
ACCESS = st.lists(
    st.builds(AccessEntry, ADDRESSES, st.lists(st.binary(min_size=32, max_size=32), max_size=2).map(tuple)),
    max_size=2,
).map(tuple)
FEE_MARKET = st.builds(
    FeeMarketTransaction, st.integers(1, 2**53), U64, U256, U256, U64, ADDRESSES, U256,
    st.binary(max_size=100), ACCESS,
)  # fmt: skip
LEGACY = st.builds(
    LegacyTransaction, st.integers(1, 2**53), U64, U256, U64, ADDRESSES, U256, st.binary(max_size=100)
)
PLAIN = FeeMarketTransaction(1, 7, 10**9, 30 * 10**9, 90_000, RECIPIENT, 5, b"\x01\x02")


def by_eth_account(tx: FeeMarketTransaction | LegacyTransaction) -> Any:
    fields: dict[str, Any] = {
        "chainId": tx.chain_id, "nonce": tx.nonce, "gas": tx.gas_limit, "to": tx.to, "value": tx.value,
        "data": tx.data,
    }  # fmt: skip
    if isinstance(tx, LegacyTransaction):
        fields["gasPrice"] = tx.gas_price
    else:
        fields |= {"type": 2, "maxFeePerGas": tx.max_fee, "maxPriorityFeePerGas": tx.max_priority_fee}
        fields["accessList"] = [
            {"address": each.address, "storageKeys": ["0x" + key.hex() for key in each.storage_keys]}
            for each in tx.access_list
        ]
    return Account.sign_transaction(fields, OWNER.secret)


@given(st.one_of(FEE_MARKET, LEGACY))
def test_reads_and_writes_what_eth_account_signs(tx: FeeMarketTransaction | LegacyTransaction) -> None:
    theirs = by_eth_account(tx)
    raw = bytes(theirs.raw_transaction)
    found, signature = parse_signed(raw)
    assert found == tx
    assert (signature.r, signature.s, signature.v) == (theirs.r, theirs.s, theirs.v)
    assert serialise(found, signature) == raw
    assert keccak(raw) == bytes(theirs.hash)
    assert recover(signing_digest(found), signature) == SENDER


@given(FEE_MARKET, st.data())
def test_a_changed_byte_is_another_signer_another_transaction_or_refused(tx: Any, draw: Any) -> None:
    raw = bytearray(serialise(tx, sign(tx)))
    raw[draw.draw(st.integers(0, len(raw) - 1))] ^= draw.draw(st.integers(1, 255))
    try:
        found, signature = parse_signed(bytes(raw))
        assert serialise(found, signature) == bytes(raw)
        signer = recover(signing_digest(found), signature)
    except EthereumError as error:
        assert error.code in {"ethereum.bad_rlp", "ethereum.bad_transaction", "ethereum.bad_signature"}
    else:
        assert signer != SENDER


ITEMS: st.SearchStrategy[Any] = st.recursive(
    st.binary(max_size=70), lambda inner: st.lists(inner, max_size=4), max_leaves=12
)


@given(ITEMS)
def test_rlp_is_the_rlp_of_others(item: Any) -> None:
    raw = rlp.encode(item)
    assert raw == reference_rlp.encode(item)
    assert rlp.decode(raw) == item


@given(st.binary(max_size=80))
def test_rlp_reads_what_others_read_and_in_one_form_only(raw: bytes) -> None:
    try:
        found: Any = rlp.decode(raw)
    except EthereumError as error:
        assert error.code == "ethereum.bad_rlp"
        with pytest.raises(reference_rlp.exceptions.DecodingError):
            reference_rlp.decode(raw, strict=True)
    else:
        assert rlp.encode(found) == raw
        assert reference_rlp.decode(raw, strict=True) == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00",
        b"\x81\x05",
        b"\xb8\x37" + bytes(55),
        b"\xb9\x00\x38" + bytes(56),
        b"\x82\x01",
        b"\xc2\x81",
        b"\xc1\x82\x01\x02",
        b"\xf8\x37" + bytes(55),
        b"\xbf" + b"\xff" * 8,
        b"\xc1" * 12 + b"\xc0",
    ],
)
def test_rlp_refuses_every_form_but_the_shortest(raw: bytes) -> None:
    with pytest.raises(EthereumError) as error:
        rlp.decode(raw)
    assert error.value.code == "ethereum.bad_rlp"


def fields(tx: FeeMarketTransaction = PLAIN) -> list[Any]:
    found: Any = rlp.decode(serialise(tx, sign(tx))[1:])
    return list(found)


def read_refused(raw: bytes, code: str) -> None:
    with pytest.raises(EthereumError) as error:
        parse_signed(raw)
    assert error.value.code == f"ethereum.{code}"


def test_refuses_the_creation_of_a_contract() -> None:
    items = fields()
    items[5] = b""
    read_refused(b"\x02" + rlp.encode(items), "bad_transaction")


def test_refuses_leading_zeros_and_numbers_that_are_too_long() -> None:
    for value in (b"\0\x07", b"\0", b"\x01" * 33):
        items = fields()
        items[1] = value
        read_refused(b"\x02" + rlp.encode(items), "bad_transaction")


def test_refuses_other_types_surplus_fields_and_lists_for_bytes() -> None:
    raw = serialise(PLAIN, sign(PLAIN))
    read_refused(b"\x01" + raw[1:], "bad_transaction")
    read_refused(b"\x04" + raw[1:], "bad_transaction")
    read_refused(b"\x02" + rlp.encode([*fields(), b""]), "bad_transaction")
    read_refused(b"\x02" + rlp.encode(fields()[:-1]), "bad_transaction")
    read_refused(raw + b"\0", "bad_rlp")
    items = fields()
    items[7] = [b"\x01"]
    read_refused(b"\x02" + rlp.encode(items), "bad_transaction")


def test_refuses_access_lists_with_keys_of_31_bytes_and_addresses_of_19() -> None:
    for entry in ([b"\x11" * 20, [b"\x01" * 31]], [b"\x11" * 19, []], [b"\x11" * 20], b"\x11" * 20):
        items = fields()
        items[8] = [entry]
        read_refused(b"\x02" + rlp.encode(items), "bad_transaction")


def test_refuses_a_parity_of_two_and_a_legacy_signature_for_every_chain() -> None:
    items = fields()
    items[9] = b"\x02"
    read_refused(b"\x02" + rlp.encode(items), "bad_signature")
    legacy = LegacyTransaction(1, 7, 10**9, 21_000, RECIPIENT, 5)
    signature = sign(legacy)
    unbound = EthereumSignature(signature.parity, 27 + signature.parity, signature.r, signature.s)
    read_refused(serialise(legacy, unbound), "bad_transaction")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: EthereumSignature(1 - s.parity, s.v, s.r, ORDER - s.s),
        lambda s: EthereumSignature(s.parity, s.v, 0, s.s),
        lambda s: EthereumSignature(s.parity, s.v, s.r, 0),
        lambda s: EthereumSignature(s.parity, s.v, ORDER, s.s),
        lambda s: EthereumSignature(2, s.v, s.r, s.s),
        lambda s: EthereumSignature(s.parity, s.v, 5, s.s),  # no point has this x
    ],
)
def test_recovers_nobody_from_a_signature_out_of_range_with_a_high_s_or_without_a_point(change: Any) -> None:
    with pytest.raises(EthereumError) as error:
        recover(signing_digest(PLAIN), change(sign(PLAIN)))
    assert error.value.code == "ethereum.bad_signature"
