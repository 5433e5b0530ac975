"""RLP, addresses and amounts, judged by the libraries other wallets use."""

from __future__ import annotations

from typing import Any

import pytest
import rlp as reference
from eth_utils import keccak, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from emulator.device.errors import FirmwareError, ProcessError
from emulator.device.ethereum import rlp
from emulator.device.ethereum.address import checksum_address, parse_address, parse_address_leniently
from emulator.device.ethereum.amounts import core_amount, format_amount, gwei, legacy_amount, onekey_amount
from emulator.device.ethereum.keccak import Keccak256, keccak256
from emulator.device.ethereum.networks import UNKNOWN_TOKEN, Network, Token, trezor_registry

ETHER = trezor_registry().by_chain_id(1)
USDC = Token(1, b"\x01" * 20, 6, "USDC")
items: Any = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@given(items)
def test_rlp_is_what_pyrlp_encodes(item: Any) -> None:
    assert rlp.encode(item) == reference.encode(item)


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_numbers_have_no_leading_zeros(value: int) -> None:
    assert rlp.encode(value) == reference.encode(value)


@given(st.binary(min_size=1, max_size=3000))
def test_a_header_apart_from_its_content_is_the_same_encoding(data: bytes) -> None:
    assert rlp.header(len(data), rlp.STRING, data[:1]) + data == reference.encode(data)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_hashing_piece_by_piece_is_hashing_at_once(pieces: list[bytes]) -> None:
    hasher = Keccak256()
    for piece in pieces:
        hasher.update(piece)
    assert hasher.digest() == keccak256(b"".join(pieces)) == keccak(b"".join(pieces))


@given(st.binary(min_size=20, max_size=20))
def test_addresses_have_the_checksum_of_eip55(raw: bytes) -> None:
    text = checksum_address(raw)
    assert text == to_checksum_address(raw)
    assert parse_address(text) == parse_address(text[2:]) == parse_address_leniently(text) == raw


def test_rootstock_mixes_its_chain_id_into_the_checksum() -> None:
    # From RSKIP-60.
    raw = bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    assert checksum_address(raw, Network(30, 137, "RBTC", "")) == "0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD"
    assert checksum_address(raw, Network(31, 37310, "tRBTC", "")) == (
        "0x5aAeb6053F3e94c9b9A09F33669435E7EF1BEaEd"
    )


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("0x12", ProcessError, "Ethereum: Invalid address length"),
        ("1x" + "11" * 20, ProcessError, "Ethereum: invalid beginning of an address"),
        ("0x" + "1g" * 20, FirmwareError, "non-hex digit found"),
        ("11 " * 13 + "1", FirmwareError, "non-hex digit found"),
    ],
)
def test_what_is_no_address_fails_on_core_and_is_nothing_to_the_c_firmwares(
    text: str, error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        parse_address(text)
    assert parse_address_leniently(text) is None


def test_no_recipient_is_read_as_contract_creation() -> None:
    assert parse_address("") == b""
    assert parse_address_leniently("") is None
    assert parse_address_leniently(None) is None


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (0, 18, "0"),
        (120, 0, "120"),
        (1_234_567, 0, "1,234,567"),
        (1_234_500, 3, "1,234.5"),
        (1, 18, "0.000000000000000001"),
        (10**21, 18, "1,000"),
    ],
)
def test_amounts_are_grouped_and_without_trailing_zeros(amount: int, decimals: int, text: str) -> None:
    assert format_amount(amount, decimals) == text


def test_each_make_writes_small_and_unknown_amounts_its_own_way() -> None:
    assert core_amount(10**9 - 1, None, ETHER) == "999,999,999 Wei ETH"
    assert legacy_amount(10**9 - 1, None, ETHER) == "999,999,999 Wei"
    assert legacy_amount(10**9, None, ETHER) == "0.000000001 ETH"
    assert core_amount(1, USDC, ETHER) == "0.000001 USDC"
    assert core_amount(5, UNKNOWN_TOKEN, ETHER) == "5 Wei UNKN"
    assert onekey_amount(5, UNKNOWN_TOKEN, ETHER) == "Unknown token value"
    assert onekey_amount(0, None, ETHER) == "0 ETH"
    assert gwei(20 * 10**9) == "20 Gwei"
