"""Reading contract calls: what eth-abi encodes is read back, what it would not encode is refused."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages as m

from emulator.device.errors import FirmwareError
from emulator.device.ethereum.clear_signing import abi, fields
from emulator.device.ethereum.clear_signing.builtin import built_in_formats
from emulator.device.ethereum.clear_signing.errors import ClearSigningFailed, InvalidCall, InvalidFormat
from emulator.device.ethereum.definitions import Definitions
from emulator.device.ethereum.networks import UNKNOWN_TOKEN, trezor_registry

ETHER = trezor_registry().by_chain_id(1)
AROUND = fields.Surroundings(
    Definitions(trezor_registry(), ETHER), lambda _path: b"\x01" * 20, lambda _address: UNKNOWN_TOKEN
)
uints = st.integers(min_value=0, max_value=2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
structs = st.tuples(addresses, st.binary(max_size=70), uints)


def raw_of(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@given(
    addresses,
    uints,
    st.booleans(),
    st.text(max_size=40),
    st.binary(max_size=100),
    st.lists(uints, max_size=4),
    st.lists(structs, max_size=3),
    st.lists(st.lists(uints, max_size=3), max_size=3),
)
def test_parameters_are_read_as_they_were_encoded(  # noqa: PLR0917 - one of each type
    address: str,
    number: int,
    flag: bool,
    text: str,
    blob: bytes,
    numbers: list[int],
    rows: list[Any],
    table: list[list[int]],
) -> None:
    names = "address uint256 bool string bytes uint256[] (address,bytes,uint256)[] uint256[][]"
    data = encode(names.split(), [address, number, flag, text, blob, numbers, rows, table])
    found = abi.read_parameters(abi.parse_types(names), data)
    read_rows = [(raw_of(who), extra, much) for who, extra, much in rows]
    assert found == [raw_of(address), number, flag, text, blob, numbers, read_rows, table]


@given(st.binary(max_size=400))
def test_any_data_is_read_or_refused(data: bytes) -> None:
    for form in built_in_formats():
        try:
            abi.read_parameters(form.parameters, data)
        except (ClearSigningFailed, FirmwareError):  # the latter for text that is not UTF-8
            continue


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("address", "01" + "00" * 31),
        ("bool", "00" * 31 + "02"),
        ("uint24", "00" * 28 + "01000000"),
        ("int160", "00" * 11 + "01" + "00" * 20),
        ("bytes4", "00" * 4 + "01" + "00" * 27),
        ("uint256", "00" * 31),
        ("bytes", "00" * 31 + "20"),
        ("bytes", "00" * 31 + "20" + "00" * 31 + "05" + "00" * 4),
        ("uint256[]", "00" * 31 + "20" + "ff" * 32),
        ("uint256[]", "ff" * 32),
    ],
)
def test_dirty_padding_and_what_lies_outside_the_data_is_refused(kind: str, word: str) -> None:
    with pytest.raises(InvalidCall):
        abi.read_parameters(abi.parse_types(kind), bytes.fromhex(word))


def test_a_struct_without_fields_cannot_make_an_endless_array() -> None:
    empty = m.EthereumABIValueInfo(tuple=m.EthereumABITupleInfo(fields=[], is_dynamic=False))
    with pytest.raises(InvalidFormat):
        abi.type_of(m.EthereumABIValueInfo(array=empty))


def test_types_nested_too_deeply_or_in_the_wrong_place_are_refused() -> None:
    atom = m.EthereumABIValueInfo(atomic=m.EthereumABIType.ABI_UINT256)
    array = m.EthereumABIValueInfo(array=atom)
    struct = m.EthereumABIValueInfo(tuple=m.EthereumABITupleInfo(fields=[atom], is_dynamic=False))
    nested = m.EthereumABITupleInfo(fields=[struct], is_dynamic=False)
    deep = m.EthereumABIValueInfo(array=m.EthereumABIValueInfo(array=array))
    for bad in (
        m.EthereumABIValueInfo(),
        m.EthereumABIValueInfo(atomic=m.EthereumABIType.ABI_STRING),
        m.EthereumABIValueInfo(dynamic=m.EthereumABIType.ABI_UINT256),
        m.EthereumABIValueInfo(tuple=nested),
        deep,
    ):
        with pytest.raises(InvalidFormat):
            abi.type_of(bad)
    assert abi.type_of(m.EthereumABIValueInfo(array=array)).is_dynamic


def test_paths_slice_numbers_as_words_and_refuse_what_is_not_there() -> None:
    parameters: list[Any] = [0x1234, b"abcdef", (1, 2), [5, 6], True]
    assert fields.walk_path(parameters, (0, (-2, None))) == b"\x12\x34"
    assert fields.walk_path(parameters, (1, (0, 2))) == b"ab"
    assert fields.walk_path(parameters, (3, -1)) == 6
    assert fields.walk_path(parameters, (2, 1)) == 2
    for path in ((), (9,), (2,), (0, 0), (4, (0, 1)), (3, 7)):
        with pytest.raises(InvalidFormat):
            fields.walk_path(parameters, path)


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (fields.raw, b"\xde\xad", "dead"),
        (fields.raw, True, "True"),
        (fields.date, 1_616_051_824, "2021-03-18 07:17:04"),
        (fields.date, (1_616_051_824).to_bytes(4, "big"), "2021-03-18 07:17:04"),
        (fields.Unit(4, "%"), 3000, "0.3%"),
        (fields.Unit(0, "W", prefix=True), 1_500_000, "1.5MW"),
        (fields.Unit(3, "V", prefix=True), 5, "5mV"),
        (fields.Choice({1: "yes"}), 1, "yes"),
        (fields.amount, 10**18, "1 ETH"),
        (fields.TokenAmount(native=(b"\x01" * 20,), token_path=(0,)), 10**18, "1 ETH"),
        (fields.TokenAmount(token_path=(0,), threshold=5), 6, "Unlimited"),
        (fields.TokenAmount(token_path=(0,)), 6, "6 Wei UNKN"),
    ],
)
def test_values_are_written_as_their_format_says(form: Any, value: Any, text: str) -> None:
    assert fields.show(form, value, AROUND).text == text


def test_a_list_is_written_one_to_a_line() -> None:
    assert fields.show(fields.raw, [1, 2, 3], AROUND).text == "1\n2\n3"


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (fields.amount, b"1"),
        (fields.address_name, 5),
        (fields.Choice({1: "yes"}), 2),
        (fields.Choice({1: "yes"}), True),
        (fields.raw, (1,)),
        (fields.date, "today"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(form: Any, value: Any) -> None:
    with pytest.raises(InvalidFormat):
        fields.show(form, value, AROUND)


def test_every_built_in_format_is_for_one_function_of_a_contract() -> None:
    seen = {(form.selector, form.contracts) for form in built_in_formats()}
    assert len(seen) == len(built_in_formats())
