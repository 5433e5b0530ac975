"""EIP-712 hashing in conversation with a host: against eth-account, and refusal by refusal."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, given, settings

from emulator.device.errors import DataError, DeviceFailure, FirmwareError
from emulator.device.ethereum.typed import rules as typed_rules
from emulator.device.ethereum.typed.complaints import Complaints
from emulator.device.ethereum.typed.hashing import BLIND, StructHasher, collect_types
from emulator.device.ethereum.typed.rules import Bounds, TypedDataRules
from emulator.device.ethereum.typed.schema import DOMAIN_TYPE, Schema
from emulator.device.ethereum.typed.viewers import Outline, Viewer
from emulator.device.personas import by_name
from tests.support.typed_data import MemoryHost, typed_data

CORE = typed_rules.rules_for(by_name("trezor-core"))
CLASSIC = typed_rules.rules_for(by_name("onekey-classic1s"))
MAIL: dict[str, Any] = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
        "Mail": [
            {"name": "from", "type": "Person"},
            {"name": "to", "type": "Person"},
            {"name": "contents", "type": "string"},
        ],
    },
    "primaryType": "Mail",
    "domain": {
        "name": "Ether Mail",
        "version": "1",
        "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    },
    "message": {
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!",
    },
}
# From EIP-712 itself
MAIL_DOMAIN = "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
MAIL_MESSAGE = "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"


def hashes(
    data: dict[str, Any], rules: TypedDataRules, *, v4: bool = True, viewer: Viewer = BLIND
) -> tuple[MemoryHost, bytes, bytes]:
    primary = data["primaryType"]
    host = MemoryHost(data, rules)
    schema = Schema(primary, rules.bounds)
    collect_types(host, schema, primary)
    hasher = StructHasher(host, schema, rules, v4=v4)
    domain = hasher.hash_struct(DOMAIN_TYPE, (0,), viewer, (DOMAIN_TYPE,))
    return host, domain, hasher.hash_struct(primary, (1,), viewer, (primary,))


def message(kinds: dict[str, Any], value: Any, **others: Any) -> dict[str, Any]:
    """A message of one struct M with these members."""
    members = [{"name": name, "type": kind} for name, kind in kinds.items()]
    return {
        "types": {"EIP712Domain": [], "M": members, **others},
        "primaryType": "M",
        "domain": {},
        "message": value,
    }


@pytest.mark.parametrize("rules", [CORE, CLASSIC])
def test_the_example_of_the_eip_hashes_as_the_eip_says(rules: TypedDataRules) -> None:
    _, domain, body = hashes(MAIL, rules)
    assert (domain.hex(), body.hex()) == (MAIL_DOMAIN, MAIL_MESSAGE)


def test_types_come_before_values_depth_first_and_values_in_order() -> None:
    host, _, _ = hashes(MAIL, CORE)
    assert host.structs == ["EIP712Domain", "Mail", "Person"]
    assert host.asked == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1), (1, 2)]


def test_the_length_of_a_dynamic_array_is_asked_for_that_of_a_fixed_one_is_not() -> None:
    data = message({"a": "uint8[]", "b": "uint8[2]"}, {"a": [7], "b": [8, 9]})
    host, _, _ = hashes(data, CORE)
    assert host.asked == [(1, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=typed_data())
def test_random_messages_hash_as_with_eth_account(data: dict[str, Any]) -> None:
    reference = encode_typed_data(full_message=copy.deepcopy(data))
    _, domain, body = hashes(data, CORE)
    assert (domain, body) == (reference.header, reference.body)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=typed_data())
def test_within_its_buffers_the_classic_hashes_the_same(data: dict[str, Any]) -> None:
    _, domain, body = hashes(data, CORE)
    try:
        _, classic_domain, classic_body = hashes(data, CLASSIC, viewer=Outline(128))
    except DeviceFailure:
        return  # a string with a noncharacter, or a path too deep
    assert (classic_domain, classic_body) == (domain, body)


def test_without_v4_structs_in_arrays_are_encoded_in_place() -> None:
    data = message({"a": "E[]"}, {"a": [{"x": 1}]}, E=[{"name": "x", "type": "uint8"}])
    assert hashes(data, CORE, v4=True)[2] != hashes(data, CORE, v4=False)[2]
    plain = message({"a": "uint8[]"}, {"a": [1]})
    assert hashes(plain, CORE, v4=True)[2] == hashes(plain, CORE, v4=False)[2]


@pytest.mark.parametrize("kind", ["uint8[]", "uint8[1]", "E"])
def test_core_refuses_a_domain_with_structs_or_arrays(kind: str) -> None:
    data = message({"x": "uint8"}, {"x": 1}, E=[{"name": "x", "type": "uint8"}])
    data["types"]["EIP712Domain"] = [{"name": "salt", "type": kind}]
    data["domain"] = {"salt": {"x": 1} if kind == "E" else [1]}
    with pytest.raises(DataError, match="Unexpected member in EIP712Domain"):
        hashes(data, CORE)
    assert hashes(data, typed_rules.rules_for(by_name("onekey-pro")))


@pytest.mark.parametrize("length", [b"", b"\0", b"\0\0\1"])
def test_an_array_length_is_two_bytes(length: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryHost, "_ask_value", lambda _self, _path: length)
    with pytest.raises(DataError, match="Invalid length"):
        hashes(message({"a": "uint8[]"}, {"a": []}), CORE)


def test_a_struct_that_contains_itself_ends_in_a_failure_not_in_an_endless_descent() -> None:
    data = message({"x": "M"}, {})
    with pytest.raises(FirmwareError):
        hashes(data, CORE)
    with pytest.raises(DeviceFailure):
        hashes(data, CLASSIC)


def test_a_chain_of_types_without_end_is_refused() -> None:
    types = {f"T{n}": [{"name": "x", "type": f"T{n + 1}"}] for n in range(200)}
    data = message({"x": "T0"}, {}, **types, T200=[])
    with pytest.raises(FirmwareError):
        hashes(data, CORE)


def test_endless_arrays_of_empty_structs_are_refused() -> None:
    data = message({"x": "E[4000000000]"}, {}, E=[])
    with pytest.raises(FirmwareError):
        hashes(data, CORE)


# The buffers of OneKey Classic 1S


def first_failure(data: dict[str, Any], viewer: Viewer = BLIND) -> list[str]:
    with pytest.raises(DeviceFailure) as refusal:
        hashes(data, CLASSIC, viewer=viewer)
    failure = refusal.value
    earlier = failure.earlier if isinstance(failure, Complaints) else ()
    return [*(each.message for each in earlier), failure.message]


def test_the_classic_takes_24_elements_and_no_more() -> None:
    assert hashes(message({"a": "uint8[]"}, {"a": [1] * 24}), CLASSIC)
    assert first_failure(message({"a": "uint8[]"}, {"a": [1] * 25})) == [
        "Array too large for typed data",
        "Failed to get and encode data",
    ]


def test_the_classic_reports_a_bad_value_once_per_level() -> None:
    data = message({"p": "P"}, {"p": {"b": "0x00"}}, P=[{"name": "b", "type": "bytes2"}])
    assert first_failure(data) == [
        "Invalid length",
        "Failed to get and encode data",
        "Failed to hash struct",
        "Failed to get and encode data",
    ]


def test_the_classic_knows_ten_structs_besides_domain_and_message() -> None:
    def chain(count: int) -> dict[str, Any]:
        types = {f"T{n}": [{"name": "x", "type": "uint8"}] for n in range(count)}
        kinds = {f"m{n}": f"T{n}" for n in range(count)}
        return message(kinds, {name: {"x": 1} for name in kinds}, **types)

    assert hashes(chain(10), CLASSIC)
    assert first_failure(chain(11)) == ["Failed to add type"]


def test_the_classic_shows_at_most_128_names() -> None:
    kinds = {f"m{n}": "uint8[24]" for n in range(6)}
    data = message(kinds, {name: [1] * 24 for name in kinds})
    assert first_failure(data, Outline(128))[0] == "Failed to allocate display item"


def test_the_classic_follows_six_steps_into_a_message() -> None:
    def nested(depth: int) -> dict[str, Any]:
        types = {f"T{n}": [{"name": "x", "type": f"T{n + 1}"}] for n in range(depth)}
        types[f"T{depth}"] = [{"name": "x", "type": "uint8"}]
        value: dict[str, Any] = {"x": 1}
        for _ in range(depth):
            value = {"x": value}
        return message({"x": "T0"}, {"x": value}, **types)

    assert hashes(nested(3), CLASSIC)
    assert first_failure(nested(4))[0] == "Failed to get and encode data"
    assert Bounds().member_path == 6


def test_the_classic_refuses_a_type_text_beyond_its_buffer() -> None:
    kinds = {f"{n:02}{'x' * 61}": "uint256" for n in range(16)}
    types = {f"T{n}": [{"name": name, "type": kind} for name, kind in kinds.items()] for n in range(2)}
    data = message({"a": "T0", "b": "T1"}, {}, **types)
    assert first_failure(data) == ["Failed to hash struct"]
