"""The ABI codec: what it writes is what eth_abi writes, and what it reads has exactly one form."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode as reference
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import EthereumError
from vault.evm.abi import MAX_ELEMENTS, WORD, Value, decode, encode, event, function
from vault.evm.address import checksum_address

ADDRESS = "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982"


def refused(types: list[str], data: bytes) -> None:
    with pytest.raises(EthereumError) as error:
        decode(types, data)
    assert error.value.code == "ethereum.bad_calldata"


def uint(bits: int) -> st.SearchStrategy[tuple[str, Value]]:
    return st.tuples(st.just(f"uint{bits}"), st.integers(0, 2**bits - 1))


def sint(bits: int) -> st.SearchStrategy[tuple[str, Value]]:
    return st.tuples(st.just(f"int{bits}"), st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))


WIDTHS = st.integers(1, 32).map(lambda n: 8 * n)
STATIC = st.one_of(
    WIDTHS.flatmap(uint),
    WIDTHS.flatmap(sint),
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("address"), st.binary(min_size=20, max_size=20).map(checksum_address)),
    st.integers(1, 32).flatmap(lambda n: st.tuples(st.just(f"bytes{n}"), st.binary(min_size=n, max_size=n))),
)


def tuples_of(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Value]]:
    return st.lists(parts, min_size=1, max_size=3).map(
        lambda found: (f"({','.join(kind for kind, _ in found)})", tuple(value for _, value in found))
    )


def array_of(part: tuple[str, Value]) -> st.SearchStrategy[tuple[str, Value]]:
    kind, value = part
    same = st.integers(0, 4).map(lambda n: (f"{kind}[]", (value,) * n))
    return st.one_of(same, st.integers(1, 4).map(lambda n: (f"{kind}[{n}]", (value,) * n)))


ATOMS = st.one_of(
    STATIC,
    st.tuples(st.just("bytes"), st.binary(max_size=80)),
    st.tuples(st.just("string"), st.text(max_size=40)),
)
ANY = st.one_of(
    ATOMS, tuples_of(ATOMS), tuples_of(st.one_of(ATOMS, tuples_of(ATOMS))), STATIC.flatmap(array_of),
    tuples_of(STATIC).flatmap(array_of),
)  # fmt: skip
ROWS = st.lists(ANY, max_size=5)


@given(ROWS)
def test_writes_what_eth_abi_writes_and_reads_it_back(row: list[tuple[str, Value]]) -> None:
    types, values = [kind for kind, _ in row], tuple(value for _, value in row)
    data = encode(types, values)
    assert data == reference(types, values)
    assert decode(types, data) == values


@given(ROWS, st.data())
def test_bytes_with_one_change_are_other_values_or_refused(row: list[Any], draw: Any) -> None:
    types, values = [kind for kind, _ in row], tuple(value for _, value in row)
    data = bytearray(encode(types, values))
    if not data:
        return
    place = draw.draw(st.integers(0, len(data) - 1))
    data[place] ^= draw.draw(st.integers(1, 255))
    try:
        found = decode(types, bytes(data))
    except EthereumError as error:
        assert error.code == "ethereum.bad_calldata"
    else:
        assert found != values
        assert encode(types, found) == bytes(data)


@given(
    st.lists(
        st.sampled_from(["uint8", "address", "bytes", "string", "uint16[]", "(bytes,bool)"]), max_size=4
    ),
    st.binary(max_size=300),
)
def test_any_bytes_are_read_in_one_way_or_refused(types: list[str], data: bytes) -> None:
    try:
        values = decode(types, data)
    except EthereumError as error:
        assert error.code == "ethereum.bad_calldata"
    else:
        assert encode(types, values) == data


@given(ROWS, st.binary(min_size=1, max_size=40))
def test_refuses_bytes_that_follow(row: list[Any], more: bytes) -> None:
    types, values = [kind for kind, _ in row], tuple(value for _, value in row)
    refused(types, encode(types, values) + more)


def number(value: int) -> bytes:
    return value.to_bytes(WORD, "big")


@pytest.mark.parametrize(
    ("kind", "dirty"),
    [
        ("address", b"\x01" + bytes(31)),
        ("address", b"\xff" * 32),
        ("bool", number(2)),
        ("bool", b"\x80" + bytes(30) + b"\x01"),
        ("uint8", number(256)),
        ("uint248", number(2**255)),
        ("int8", number(128)),
        ("int8", number(255)),
        ("bytes4", b"\x01\x02\x03\x04" + bytes(27) + b"\x01"),
    ],
)
def test_refuses_dirty_bits(kind: str, dirty: bytes) -> None:
    refused([kind], dirty)


def test_refuses_offsets_that_overlap_leave_gaps_or_point_outside() -> None:
    good = encode(["bytes", "bytes"], (b"ab", b"ab"))
    assert decode(["bytes", "bytes"], good) == (b"ab", b"ab")
    shared = number(64) + number(64) + number(2) + b"ab".ljust(32, b"\0")
    refused(["bytes", "bytes"], shared)
    refused(["bytes"], number(64) + bytes(32) + number(0))  # a gap
    refused(["bytes"], number(0))  # into its own head
    refused(["bytes"], number(33) + bytes(64))
    refused(["bytes"], number(2**256 - 32) + number(0))
    refused(["bytes", "bytes"], number(128) + number(64) + number(1) + b"a".ljust(32, b"\0")
            + number(1) + b"b".ljust(32, b"\0"))  # fmt: skip


def test_refuses_lengths_beyond_the_data_and_padding_that_is_not_zero() -> None:
    refused(["bytes"], number(32) + number(2**255))
    refused(["bytes"], number(32) + number(33) + bytes(32))
    refused(["bytes"], number(32) + number(1) + b"ab".ljust(32, b"\0"))
    refused(["uint256[]"], number(32) + number(2**200))
    refused(["string"], number(32) + number(1) + b"\xff".ljust(32, b"\0"))


def test_bounds_arrays() -> None:
    most = encode(["uint8[]"], ((1,) * MAX_ELEMENTS,))
    assert len(decode(["uint8[]"], most)[0]) == MAX_ELEMENTS  # type: ignore[arg-type]
    refused(["uint8[]"], reference(["uint8[]"], [(1,) * (MAX_ELEMENTS + 1)]))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("uint8", True),
        ("bool", 1),
        ("int8", 128),
        ("int8", -129),
        ("address", ADDRESS.lower()),
        ("address", ADDRESS[:-1]),
        ("address", b"\0" * 20),
        ("bytes4", b"abc"),
        ("bytes", "0x"),
        ("string", b"a"),
        ("string", "\ud800"),
        ("uint8[2]", (1,)),
        ("uint8[]", [1]),
        ("(bool,bool)", (True,)),
        ("uint256", 1.0),
    ],
)
def test_writes_no_value_that_does_not_fit(kind: str, value: Any) -> None:
    with pytest.raises(EthereumError) as error:
        encode([kind], (value,))
    assert error.value.code == "ethereum.bad_calldata"


def test_the_zero_address_is_a_value() -> None:
    assert decode(["address"], bytes(32)) == ("0x" + "0" * 40,)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("transfer(address to, uint256 value) returns (bool)", "a9059cbb"),
        ("approve(address spender, uint256 value) returns (bool)", "095ea7b3"),
        ("transferFrom(address from, address to, uint256 value) returns (bool)", "23b872dd"),
        ("balanceOf(address account) returns (uint256)", "70a08231"),
        ("decimals() returns (uint8)", "313ce567"),
        (
            "execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, "
            "uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) "
            "returns (bool)",
            "6a761202",
        ),
    ],
)
def test_selectors_are_those_that_explorers_know(text: str, selector: str) -> None:
    assert function(text).selector.hex() == selector


def test_a_function_reads_its_own_calls_only() -> None:
    transfer = function("transfer(address to, uint256 value) returns (bool)")
    data = transfer.encode(ADDRESS, 5)
    assert transfer.decode(data) == (ADDRESS, 5)
    assert transfer.result(number(1)) == (True,)
    with pytest.raises(EthereumError):
        function("approve(address a, uint256 b)").decode(data)
    with pytest.raises(EthereumError):
        transfer.decode(data[:-1])


def test_events_are_read_from_topics_and_data() -> None:
    transfer = event("Transfer(address indexed from, address indexed to, uint256 value)")
    assert transfer.topic.hex() == "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    word = bytes(12) + bytes.fromhex(ADDRESS[2:])
    assert transfer.decode((transfer.topic, word, word), number(9)) == (ADDRESS, ADDRESS, 9)
    for topics in [(), (transfer.topic, word), (word, word, word), (transfer.topic, word, b"\x01" * 32)]:
        with pytest.raises(EthereumError):
            transfer.decode(topics, number(9))


@pytest.mark.parametrize(
    "text",
    [
        "f(uint)",
        "f(uint7)",
        "f(bytes[])",
        "f(string[2])",
        "f(bytes33)",
        "f(int0)",
        "f(bool[0])",
        "(bool)",
        "f(map)",
        "f((bytes,bool)[])",
    ],
)
def test_tables_hold_no_type_that_is_unknown_or_unfolds_without_end(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        function(text)
