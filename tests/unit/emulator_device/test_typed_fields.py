"""EIP-712 types, values and Safe transactions, piece by piece. Cases as in the firmware's own tests."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from emulator.device.errors import DataError, FirmwareError, ProcessError
from emulator.device.ethereum import onekey_messages
from emulator.device.ethereum.keccak import keccak256
from emulator.device.ethereum.typed import safe
from emulator.device.ethereum.typed.fields import FieldType, Kind, check_field_type
from emulator.device.ethereum.typed.rules import Bounds, TypedDataRules
from emulator.device.ethereum.typed.values import check_value, encode_value, value_text

CORE = TypedDataRules()
PRO = TypedDataRules(longest_value=1536)
CLASSIC = TypedDataRules(bounds=Bounds())

BYTES8 = FieldType(Kind.BYTES, 8)
ADDRESS = bytes.fromhex("1e0ae8205e9726e6f296ab8869160a6423e2337e")

GOOD_TYPES = {
    "Person": FieldType(Kind.STRUCT, 3, struct="Person"),
    "bytes8[]": FieldType(Kind.ARRAY, entry=BYTES8),
    "bytes8[6]": FieldType(Kind.ARRAY, 6, entry=BYTES8),
    "bytes8[][2]": FieldType(Kind.ARRAY, 2, entry=FieldType(Kind.ARRAY, entry=BYTES8)),
    "bytes32": FieldType(Kind.BYTES, 32),
    "bytes": FieldType(Kind.BYTES),
    "uint64": FieldType(Kind.UINT, 8),
    "uint160": FieldType(Kind.UINT, 20),
    "int128": FieldType(Kind.INT, 16),
    "string": FieldType(Kind.STRING),
    "bool": FieldType(Kind.BOOL),
    "address": FieldType(Kind.ADDRESS),
}
NO_ENTRY = "Unexpected entry_type in nonarray"
NO_STRUCT = "Unexpected struct_name in nonstruct"
NO_SIZE = "Unexpected size in str/bool/addr"
BAD_TYPES = [
    (FieldType(Kind.STRUCT, struct="Person"), "Missing size in struct"),
    (FieldType(Kind.STRUCT, 1), "Missing struct_name in struct"),
    (FieldType(Kind.STRUCT, 1, entry=BYTES8, struct="Person"), NO_ENTRY),
    (FieldType(Kind.ARRAY), "Missing entry_type in array"),
    (FieldType(Kind.ARRAY, entry=BYTES8, struct="Person"), NO_STRUCT),
    (FieldType(Kind.ARRAY, entry=FieldType(Kind.BYTES, 33)), "Invalid size in bytes"),
    (FieldType(Kind.BYTES, struct="Person"), NO_STRUCT),
    (FieldType(Kind.BYTES, 0), "Invalid size in bytes"),
    (FieldType(Kind.BYTES, 33), "Invalid size in bytes"),
    (FieldType(Kind.BYTES, 8, entry=BYTES8), NO_ENTRY),
    *(
        (FieldType(kind, size), "Invalid size in int/uint")
        for kind in (Kind.UINT, Kind.INT)
        for size in (None, 0, 33, 256)
    ),
    *((FieldType(kind, 20), NO_SIZE) for kind in (Kind.STRING, Kind.BOOL, Kind.ADDRESS)),
    *((FieldType(kind, struct="x"), NO_STRUCT) for kind in (Kind.STRING, Kind.BOOL, Kind.ADDRESS)),
    *((FieldType(kind, entry=BYTES8), NO_ENTRY) for kind in (Kind.STRING, Kind.BOOL, Kind.ADDRESS)),
]


@pytest.mark.parametrize("name", GOOD_TYPES)
def test_a_consistent_type_passes_under_its_own_name(name: str) -> None:
    check_field_type(GOOD_TYPES[name])
    assert GOOD_TYPES[name].name == name


@pytest.mark.parametrize(("field", "words"), BAD_TYPES)
def test_a_type_that_contradicts_itself_is_refused(field: FieldType, words: str) -> None:
    with pytest.raises(DataError) as refusal:
        check_field_type(field)
    assert refusal.value.message == words


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (FieldType(Kind.UINT, 1), b"\xff"),
        (BYTES8, b"\xff" * 8),
        (FieldType(Kind.BYTES), b""),
        (FieldType(Kind.BOOL), b"\0"),
        (FieldType(Kind.BOOL), b"\1"),
        (FieldType(Kind.STRING), b"\x7f"),
        (FieldType(Kind.STRING), b""),
        (FieldType(Kind.ADDRESS), ADDRESS),
    ],
)
@pytest.mark.parametrize("rules", [CORE, PRO, CLASSIC])
def test_a_value_that_fits_its_type_passes(field: FieldType, value: bytes, rules: TypedDataRules) -> None:
    check_value(field, value, rules)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (FieldType(Kind.UINT, 1), b"\xff\xee", "Invalid length"),
        (FieldType(Kind.UINT, 32), b"", "Invalid length"),
        (BYTES8, b"\xff" * 7, "Invalid length"),
        (BYTES8, b"\xff" * 9, "Invalid length"),
        (FieldType(Kind.BOOL), b"0", "Invalid boolean value"),
        (FieldType(Kind.BOOL), b"", "Invalid boolean value"),
        (FieldType(Kind.BOOL), b"\0\1", "Invalid boolean value"),
        (FieldType(Kind.STRING), b"\x80", "Invalid UTF-8"),
        (FieldType(Kind.STRING), b"\xed\xa0\x80", "Invalid UTF-8"),
        (FieldType(Kind.ADDRESS), ADDRESS[:-1], "Invalid address"),
        (FieldType(Kind.ADDRESS), ADDRESS + b"\0", "Invalid address"),
    ],
)
@pytest.mark.parametrize("rules", [CORE, PRO, CLASSIC])
def test_a_value_that_does_not_fit_is_refused(
    field: FieldType, value: bytes, words: str, rules: TypedDataRules
) -> None:
    with pytest.raises(DataError) as refusal:
        check_value(field, value, rules)
    assert refusal.value.message == words


def test_only_onekey_pro_limits_the_length_of_free_values() -> None:
    field = FieldType(Kind.BYTES)
    check_value(field, bytes(1537), CORE)
    check_value(field, bytes(1536), PRO)
    with pytest.raises(DataError, match="Invalid length, bigger than 1536"):
        check_value(field, bytes(1537), PRO)


def test_the_classic_counts_lengths_in_eight_bits_as_its_firmware_does() -> None:
    check_value(FieldType(Kind.ADDRESS), bytes(20 + 256), CLASSIC)
    assert encode_value(FieldType(Kind.ADDRESS), ADDRESS + bytes(256), CLASSIC) == bytes(12) + ADDRESS
    with pytest.raises(DataError, match="Invalid UTF-8"):
        check_value(FieldType(Kind.STRING), "\uffff".encode(), CLASSIC)
    check_value(FieldType(Kind.STRING), "\uffff".encode(), CORE)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        (FieldType(Kind.STRING), b"Ether Mail", keccak256(b"Ether Mail")),
        (FieldType(Kind.BYTES), b"1", keccak256(b"1")),
        (FieldType(Kind.BYTES, 2), b"\1\2", b"\1\2" + bytes(30)),
        (FieldType(Kind.UINT, 4), b"\0\0\0\xde", bytes(31) + b"\xde"),
        (FieldType(Kind.UINT, 1), b"\xfb", bytes(31) + b"\xfb"),
        (FieldType(Kind.INT, 1), b"\5", bytes(31) + b"\5"),
        (FieldType(Kind.INT, 1), b"\xfb", b"\xff" * 31 + b"\xfb"),
        (FieldType(Kind.ADDRESS), ADDRESS, bytes(12) + ADDRESS),
        (FieldType(Kind.BOOL), b"\1", bytes(31) + b"\1"),
    ],
)
def test_values_are_encoded_as_words(field: FieldType, value: bytes, word: bytes) -> None:
    assert encode_value(field, value, CORE) == word


def test_an_array_within_an_array_has_no_encoding() -> None:
    with pytest.raises(FirmwareError):
        encode_value(FieldType(Kind.ARRAY, entry=BYTES8), b"\0\1", CORE)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (FieldType(Kind.BYTES), b"\x4a\x56", "4a56"),
        (FieldType(Kind.STRING), b"Hello, Bob!", "Hello, Bob!"),
        (FieldType(Kind.ADDRESS), ADDRESS, "0x1e0Ae8205e9726E6F296ab8869160A6423E2337E"),
        (FieldType(Kind.BOOL), b"\1", "true"),
        (FieldType(Kind.BOOL), b"\0", "false"),
        (FieldType(Kind.UINT, 3), b"\x3f\x46\xaa", "4146858"),
        (FieldType(Kind.INT, 3), b"\x3f\x46\xaa", "4146858"),
        (FieldType(Kind.UINT, 2), b"\xff\xf1", "65521"),
        (FieldType(Kind.INT, 2), b"\xff\xf1", "-15"),
    ],
)
def test_values_are_shown_as_text(field: FieldType, value: bytes, text: str) -> None:
    assert value_text(field, value) == text


# Safe transactions

SAFE_TYPES = {
    "EIP712Domain": [
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "SafeTx": [
        {"name": name, "type": kind}
        for name, kind in (
            ("to", "address"),
            ("value", "uint256"),
            ("data", "bytes"),
            ("operation", "uint8"),
            ("safeTxGas", "uint256"),
            ("baseGas", "uint256"),
            ("gasPrice", "uint256"),
            ("gasToken", "address"),
            ("refundReceiver", "address"),
            ("nonce", "uint256"),
        )
    ],
}
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")
WORDS = st.integers(0, 2**256 - 1)


def safe_tx(**changes: Any) -> Any:
    zero = "0x" + "00" * 20
    fields = {
        "to": zero,
        "value": b"",
        "data": None,
        "operation": 0,
        "safeTxGas": b"",
        "baseGas": b"",
        "gasPrice": b"",
        "gasToken": zero,
        "refundReceiver": zero,
        "nonce": b"",
        "chain_id": 1,
        "verifyingContract": zero,
    }
    return onekey_messages.EthereumGnosisSafeTxAck(**{**fields, **changes})


@given(
    addresses=st.tuples(ADDRESSES, ADDRESSES, ADDRESSES),
    numbers=st.lists(WORDS, min_size=5, max_size=5),
    data=st.binary(max_size=200),
    operation=st.sampled_from([0, 1]),
    chain_id=st.integers(1, 2**64 - 1),
)
def test_a_safe_transaction_hashes_as_its_eip712_types_do(
    addresses: tuple[str, str, str], numbers: list[int], data: bytes, operation: int, chain_id: int
) -> None:
    to, contract, token = addresses
    names = ("value", "safeTxGas", "baseGas", "gasPrice", "nonce")
    message = dict(zip(names, numbers, strict=True))
    message |= {"to": to, "gasToken": token, "refundReceiver": to, "data": data, "operation": operation}
    reference = encode_typed_data(
        full_message={
            "types": SAFE_TYPES,
            "primaryType": "SafeTx",
            "domain": {"chainId": chain_id, "verifyingContract": contract},
            "message": message,
        }
    )
    short = {
        name: n.to_bytes((n.bit_length() + 7) // 8, "big") for name, n in zip(names, numbers, strict=True)
    }
    texts = {"to": to, "gasToken": token, "refundReceiver": to, "verifyingContract": contract}
    ack = safe_tx(**short, **texts, data=data, operation=operation, chain_id=chain_id)
    for lenient in (False, True):
        hashes = safe.hashes_of(ack, TypedDataRules(lenient_safe_addresses=lenient))
        assert (hashes.domain, hashes.message) == (reference.header, reference.body)


@pytest.mark.parametrize("name", ["to", "gasToken", "refundReceiver", "verifyingContract"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [("0x12", ProcessError), ("1x" + "00" * 20, ProcessError), ("0x" + "zz" * 20, FirmwareError)],
)
def test_onekey_pro_refuses_a_safe_transaction_with_a_bad_address(
    name: str, text: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        safe.hashes_of(safe_tx(**{name: text}), TypedDataRules())


@pytest.mark.parametrize("name", ["value", "safeTxGas", "baseGas", "gasPrice", "nonce"])
def test_a_safe_transaction_with_a_number_beyond_a_word_is_refused(name: str) -> None:
    with pytest.raises(FirmwareError):
        safe.hashes_of(safe_tx(**{name: bytes(33)}), TypedDataRules())


def test_the_classic_reads_addresses_up_to_their_first_wrong_digit() -> None:
    assert safe.read_leniently("0x" + "ab" * 20) == b"\xab" * 20
    assert safe.read_leniently("0xabcz" + "ff" * 18) == b"\xab\xc0" + bytes(18)
    assert safe.read_leniently("0xab") == bytes(20)
