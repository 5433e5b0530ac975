"""Addresses: the vectors of BIP173 and BIP350, round trips, and what must be refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib.messages import InputScriptType

from emulator.device.bitcoin import coins
from emulator.device.bitcoin.address import (
    address_of_key,
    b58check_decode,
    b58check_encode,
    bech32_decode,
    bech32_encode,
    script_of_address,
)
from emulator.device.bitcoin.coins import Coin
from emulator.device.errors import DataError
from emulator.device.keys import Node


def coin(name: str) -> Coin:
    found = coins.by_name(name)
    assert found is not None
    return found


BITCOIN, TESTNET, REGTEST = coin("Bitcoin"), coin("Testnet"), coin("Regtest")


@pytest.mark.parametrize(
    ("network", "address", "script"),
    [
        (
            BITCOIN,
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        (
            TESTNET,
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            BITCOIN,
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
        (BITCOIN, "1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs", "76a914f54a5851e9372b87810a8e60cdd2e7cfd80b6e3188ac"),
        (BITCOIN, "3QJmV3qfvL9SuYo34YihAf3sRCW3qSinyC", "a914f815b036d9bbbce5e9f2a00abd1bf3dc91e9551087"),
    ],
)
def test_decodes_known_addresses(network: Coin, address: str, script: str) -> None:
    assert script_of_address(address, network).hex() == script


@pytest.mark.parametrize(
    "address",
    [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",  # checksum
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",  # upper case
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7Kv8f3t4",  # mixed case
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",  # another network
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",  # another network, same first letters
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # v1 with bech32 checksum
        "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",  # witness v2
        "bc1sw50qgdz25j",  # witness v16
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",  # 40-byte v1
        "bc1gmk9yu",  # empty program
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",  # testnet p2pkh
        "1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAt",  # checksum
        "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1",  # litecoin
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "",
        "1",
        "not an address",
    ],
)
def test_refuses_addresses_that_are_not_this_networks(address: str) -> None:
    with pytest.raises(DataError, match="Invalid"):
        script_of_address(address, BITCOIN)


def test_refuses_a_taproot_program_that_is_not_a_point() -> None:
    with pytest.raises(DataError, match="Taproot"):
        script_of_address(bech32_encode("bc", 1, b"\xff" * 32), BITCOIN)


@given(st.integers(0, 16), st.binary(min_size=2, max_size=40))
def test_segwit_addresses_round_trip(version: int, program: bytes) -> None:
    decoded = bech32_decode("bcrt", bech32_encode("bcrt", version, program))
    valid = version != 0 or len(program) in (20, 32)
    assert decoded == ((version, program) if valid else None)


@given(st.binary(max_size=80))
def test_base58check_round_trips(payload: bytes) -> None:
    expected = payload if payload else None  # fewer than one byte of payload is not an address
    assert b58check_decode(b58check_encode(payload)) == expected


@given(st.integers(0, 41), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_a_segwit_address_with_one_wrong_letter_is_refused(position: int, letter: str) -> None:
    address = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    wrong = address[:position] + letter + address[position + 1 :]
    if wrong != address:
        with pytest.raises(DataError):
            script_of_address(wrong, BITCOIN)


@pytest.mark.parametrize("network", [BITCOIN, TESTNET, REGTEST])
@pytest.mark.parametrize(
    "kind",
    [
        InputScriptType.SPENDADDRESS,
        InputScriptType.SPENDP2SHWITNESS,
        InputScriptType.SPENDWITNESS,
        InputScriptType.SPENDTAPROOT,
    ],
)
def test_own_addresses_decode_on_their_own_network_only(network: Coin, kind: InputScriptType) -> None:
    address = address_of_key(kind, network, Node.from_seed(b"seed").public_key)
    assert script_of_address(address, network)
    foreign = TESTNET if network is BITCOIN else BITCOIN
    with pytest.raises(DataError):
        script_of_address(address, foreign)
