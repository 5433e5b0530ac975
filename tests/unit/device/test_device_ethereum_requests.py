"""Ethereum requests: hashed as eth-account hashes them, and refused where genuine devices would sign."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_data import (
    ACCESS,
    GWEI,
    HARD,
    MAIL,
    PATH,
    SAFE,
    TARGET,
    TOKEN,
    fee_market,
    legacy,
)
from tests.support.typed_data import typed_data
from vault.device.ethereum.checks import check_account, check_message, check_transaction, checked_signature
from vault.device.ethereum.request import EthereumAccount
from vault.errors import DeceivedError, DeviceError, EthereumError
from vault.evm import rlp
from vault.evm.hashing import keccak, message_digest
from vault.evm.transaction import AccessEntry, EthereumSignature, serialise, signing_digest
from vault.evm.typed import TypedData, shown_values

KEY = "0x" + "11" * 32
OURS = EthereumAccount(PATH, Account.from_key(KEY).address)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BOB = "0x54b0fa66A065748c40dca2c7fe125a2028cf9982"


def as_library(tx: Any) -> dict[str, Any]:
    common = {
        "chainId": tx.chain_id,
        "nonce": tx.nonce,
        "gas": tx.gas_limit,
        "to": tx.to,
        "value": tx.value,
        "data": tx.data,
    }
    if hasattr(tx, "gas_price"):
        return common | {"gasPrice": tx.gas_price}
    access = [
        {"address": each.address, "storageKeys": [f"0x{key.hex()}" for key in each.storage_keys]}
        for each in tx.access_list
    ]
    return common | {
        "type": 2,
        "maxFeePerGas": tx.max_fee,
        "maxPriorityFeePerGas": tx.max_priority_fee,
        "accessList": access,
    }


@pytest.mark.parametrize(
    "tx",
    [
        legacy(),
        legacy(chain_id=137, nonce=0, value=0, data=b"\x7f"),
        legacy(data=b"x" * 5000, nonce=2**64 - 2),
        fee_market(),
        fee_market(access_list=ACCESS, data=b"\0" * 56, nonce=128),
        fee_market(chain_id=11155111, max_priority_fee=0, value=10**24),
    ],
)
def test_hash_and_serialisation_are_those_of_eth_account(tx: Any) -> None:
    theirs = Account.sign_transaction(as_library(tx), KEY)
    parity = theirs.v - 35 - 2 * tx.chain_id if hasattr(tx, "gas_price") else theirs.v
    signature = EthereumSignature(parity, theirs.v, theirs.r, theirs.s)
    raw = serialise(tx, signature)
    assert raw == bytes(theirs.raw_transaction)
    assert keccak(raw) == bytes(theirs.hash)
    check_transaction(tx, OURS)
    offset = theirs.v - parity
    vrs = (theirs.v, theirs.r.to_bytes(32, "big"), theirs.s.to_bytes(32, "big"))
    assert checked_signature(OURS, signing_digest(tx), vrs, offset) == signature


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": ""}, "device.bad_ethereum_address"),  # contract creation
        ({"to": "0x" + "g" * 40}, "device.bad_ethereum_address"),  # no hex: signed as a creation
        ({"to": "0x" + "0" * 40}, "device.bad_ethereum_address"),
        ({"to": TARGET[2:]}, "device.bad_ethereum_address"),
        ({"to": TARGET.lower()}, "device.bad_ethereum_address"),
        ({"to": TARGET.upper().replace("X", "x")}, "device.bad_ethereum_address"),
        ({"to": BOB}, "device.bad_ethereum_address"),
        ({"to": TARGET + "0"}, "device.bad_ethereum_address"),
        ({"to": " " + TARGET[1:]}, "device.bad_ethereum_address"),
        ({"chain_id": 0}, "device.bad_ethereum_field"),
        ({"chain_id": 2**63}, "device.bad_ethereum_field"),
        ({"nonce": -1}, "device.bad_ethereum_field"),
        ({"nonce": 2**64 - 1}, "device.bad_ethereum_field"),
        ({"gas_limit": 0}, "device.bad_ethereum_field"),
        ({"gas_limit": 20_999}, "device.bad_ethereum_field"),
        ({"gas_limit": 2**24 + 1}, "device.bad_ethereum_field"),
        ({"value": -1}, "device.bad_ethereum_field"),
        ({"value": 10**30}, "device.bad_ethereum_field"),
        ({"value": 1.0}, "device.bad_ethereum_field"),
        ({"value": True}, "device.bad_ethereum_field"),
        ({"data": b"x" * 6145}, "device.bad_ethereum_field"),
        ({"data": "0x00"}, "device.bad_ethereum_field"),
    ],
)
def test_fields_that_no_device_refuses_are_refused_here(changes: dict[str, Any], code: str) -> None:
    for tx in (legacy(**changes), fee_market(**changes)):
        with pytest.raises(DeviceError) as error:
            check_transaction(tx, OURS)
        assert error.value.code == code


@pytest.mark.parametrize(
    "tx",
    [
        legacy(gas_price=0),
        legacy(gas_price=10_000 * GWEI + 1),
        legacy(gas_price=10_000 * GWEI, gas_limit=2**24),
        fee_market(max_fee=0, max_priority_fee=0),
        fee_market(max_priority_fee=31 * GWEI),  # above the maximum: signed by genuine devices
        fee_market(max_priority_fee=-1),
        fee_market(access_list=(AccessEntry(TOKEN, (b"\1" * 31,)),)),
        fee_market(access_list=(AccessEntry(TOKEN, (b"\1" * 33,)),)),
        fee_market(access_list=(AccessEntry(TOKEN),) * 65),
    ],
)
def test_absurd_fees_and_access_lists_are_refused(tx: Any) -> None:
    with pytest.raises(DeviceError) as error:
        check_transaction(tx, OURS)
    assert error.value.code == "device.bad_ethereum_field"


def test_access_list_addresses_carry_their_checksum() -> None:
    with pytest.raises(DeviceError) as error:
        check_transaction(fee_market(access_list=(AccessEntry(TOKEN.lower()),)), OURS)
    assert error.value.code == "device.bad_ethereum_address"


@pytest.mark.parametrize(
    "path",
    [
        (),
        (44 | HARD, 60 | HARD, HARD, 0),
        (44 | HARD, 0 | HARD, HARD, 0, 0),
        (84 | HARD, 60 | HARD, HARD, 0, 0),
        (44 | HARD, 60 | HARD, 0, 0, 0),
        (44 | HARD, 60 | HARD, HARD, 1, 0),
        (44 | HARD, 60 | HARD, HARD, 0, HARD),
        (44 | HARD, 60 | HARD, HARD, 0, 1_000_001),
    ],
)
def test_only_address_paths_of_bip44_sign(path: tuple[int, ...]) -> None:
    with pytest.raises(DeviceError) as error:
        check_account(EthereumAccount(path, TARGET))
    assert error.value.code == "device.forbidden_path"


def test_test_network_keys_do_not_sign_on_chain_1() -> None:
    account = EthereumAccount((44 | HARD, 1 | HARD, HARD, 0, 0), TARGET)
    check_transaction(legacy(chain_id=5), account)
    with pytest.raises(DeviceError):
        check_transaction(legacy(), account)


@pytest.mark.parametrize("text", ["", "é", "tab\t", "\x00", "x" * 1025])
def test_messages_are_visible_7_bit_text(text: str) -> None:
    with pytest.raises(DeviceError) as error:
        check_message(text)
    assert error.value.code == "device.bad_message"


def test_message_hash_is_that_of_eth_account() -> None:
    for text in ("a", "two\nlines", "x" * 1000):
        signed = Account.sign_message(encode_defunct(text=text), KEY)
        assert message_digest(text.encode()) == bytes(signed.message_hash)


def signature_of(digest: bytes) -> tuple[int, bytes, bytes]:
    signed = Account.unsafe_sign_hash(digest, KEY)
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def test_every_changed_byte_of_a_signature_is_refused() -> None:
    digest = keccak(b"digest")
    v, r, s = signature_of(digest)
    checked_signature(OURS, digest, (v, r, s), 27)
    for position in range(64):
        raw = bytearray(r + s)
        raw[position] ^= 1
        with pytest.raises(DeceivedError):
            checked_signature(OURS, digest, (v, bytes(raw[:32]), bytes(raw[32:])), 27)
    with pytest.raises(DeceivedError):
        checked_signature(OURS, digest, (v ^ 7, r, s), 27)


def test_signatures_out_of_range_or_of_another_length_are_refused() -> None:
    digest = keccak(b"digest")
    v, r, s = signature_of(digest)
    high = (ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
    zero, order = bytes(32), ORDER.to_bytes(32, "big")
    for vrs in (
        (55 - v, r, high),  # the other half: valid for the curve, refused by EIP-2
        (v, zero, s),
        (v, r, zero),
        (v, order, s),
        (v, r, order),
        (v, r, s[:-1]),
        (v, bytes(4) + r, s),
        (v + 2, r, s),
        (v - 27, r, s),
    ):
        with pytest.raises(DeceivedError) as error:
            checked_signature(OURS, digest, vrs, 27)
        assert error.value.code == "device.bad_signature"


def test_typed_data_hash_is_that_of_eth_account() -> None:
    for document in (MAIL, SAFE):
        signed = Account.sign_message(encode_typed_data(full_message=copy.deepcopy(document)), KEY)
        assert TypedData.parse(document).digest() == bytes(signed.message_hash)


def checksummed(value: Any, kind: str, types: Any) -> Any:
    """Random data as our parser wants them: EIP-55 addresses, 7-bit strings."""
    from eth_utils import to_checksum_address

    if kind.endswith("]"):
        return [checksummed(each, kind[: kind.rindex("[")], types) for each in value]
    if kind in types:
        return {each["name"]: checksummed(value[each["name"]], each["type"], types) for each in types[kind]}
    if kind == "address":
        return to_checksum_address(value)
    if kind == "string":
        return "".join(char if " " <= char <= "~" else "?" for char in value)
    return value


@given(typed_data())
def test_random_typed_data_hash_as_eth_account_hashes_them(data: Any) -> None:
    types = data["types"]
    document = data | {
        "domain": checksummed(data["domain"], "EIP712Domain", types),
        "message": checksummed(data["message"], data["primaryType"], types),
    }
    try:
        ours = TypedData.parse(document)
    except EthereumError as error:
        # Types that nothing uses, and more values than a person reads, are refused.
        assert error.code == "ethereum.bad_typed_data"
        assert "not used" in error.message or "at most" in error.message or "itself" in error.message
        return
    signed = Account.sign_message(encode_typed_data(full_message=copy.deepcopy(document)), KEY)
    assert ours.digest() == bytes(signed.message_hash)


def changed(**changes: Any) -> dict[str, Any]:
    document = copy.deepcopy(MAIL)
    for path, value in changes.items():
        place: Any = document
        *parts, last = path.split("__")
        for part in parts:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return document


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        changed(message=None),
        changed(surplus=1),
        changed(primaryType="EIP712Domain"),
        changed(primaryType="Nobody"),
        changed(message__amount=None),
        changed(message__surplus=1),
        changed(message__amount=-1),
        changed(message__amount=2**256),
        changed(message__amount="10"),
        changed(message__amount=1.0),
        changed(message__amount=True),
        changed(message__change=2**63),
        changed(message__urgent=1),
        changed(message__tag="0x0102030405"),
        changed(message__tag="01020304"),
        changed(message__attachment="0xabc"),
        changed(message__attachment="0x" + "00" * 1025),
        changed(message__contents="é"),
        changed(message__contents=7),
        changed(message__pair=[1]),
        changed(message__pair="12"),
        changed(message__to={}),
        changed(domain__chainId=None),
        changed(domain__other=1),
        changed(types__Unused=[]),
        changed(types__Person=[{"name": "name", "type": "string"}, {"name": "self", "type": "Person"}]),
        changed(types__Person=[{"name": "x", "type": "uint7"}]),
        changed(types__Person=[{"name": "x", "type": "bytes33"}]),
        changed(types__Person=[{"name": "x", "type": "EIP712Domain"}]),
        changed(types__Person=[{"name": "x", "type": "string"}] * 2),
        changed(types__Person=[{"name": "a b", "type": "string"}]),
        changed(types__EIP712Domain=[{"name": "name", "type": "bytes"}], domain={"name": "0x"}),
        changed(types__EIP712Domain=None),
        changed(types__string=[]),
    ],
)
def test_typed_data_that_is_not_exactly_its_types_is_refused(document: Any) -> None:
    with pytest.raises(EthereumError) as error:
        TypedData.parse(document)
    assert error.value.code == "ethereum.bad_typed_data"


@pytest.mark.parametrize("address", [TOKEN.lower(), BOB, TOKEN[2:], ""])
def test_addresses_in_typed_data_carry_their_checksum(address: str) -> None:
    with pytest.raises(EthereumError) as error:
        TypedData.parse(changed(domain__verifyingContract=address))
    assert error.value.code == "ethereum.bad_typed_data"


def test_every_value_is_shown_by_its_path() -> None:
    lines = shown_values(TypedData.parse(MAIL))
    assert f"domain.verifyingContract: {TOKEN}" in lines
    assert f"message.from.wallets[1]: {TARGET}" in lines
    assert "message.to[1].wallets: 0 elements" in lines
    assert "message.change: -5" in lines
    assert "message.urgent: true" in lines
    assert len(lines) == 4 + 19


@given(
    st.recursive(st.binary(max_size=70) | st.integers(0, 2**256 - 1), lambda each: st.lists(each, max_size=6))
)
def test_rlp_is_the_one_of_the_reference_library(item: Any) -> None:
    import rlp as reference

    assert rlp.encode(item) == reference.encode(item)
