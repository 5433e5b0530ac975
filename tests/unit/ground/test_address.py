"""Addresses and scripts. Segwit vectors are those of BIP173 and BIP350, re-expressed as claims."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.address import (
    NETWORKS,
    Network,
    address_of,
    base58check_decode,
    base58check_encode,
    hash160,
    network_of,
    script_pubkey,
    script_type,
    segwit_decode,
    segwit_encode,
    sha256d,
)
from vault.errors import AddressError

MAINNET, REGTEST, SIGNET = NETWORKS["mainnet"], NETWORKS["regtest"], NETWORKS["signet"]
networks = st.sampled_from(list(NETWORKS.values()))

# BIP350, "Test vectors for v0-v16 native segregated witness addresses": address, script.
VALID = [
    ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    (
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    (
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
        "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
    ),
    ("BC1SW50QGDZ25J", "6002751e"),
    ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
    (
        "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
        "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
]

# The same document's invalid addresses: address, our reason.
INVALID = [
    ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "wrong_encoding"),
    ("tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf", "wrong_encoding"),
    ("BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", "wrong_encoding"),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "wrong_encoding"),
    ("tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47", "wrong_encoding"),
    ("bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "not_bech32"),
    ("BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", "bad_program"),
    ("bc1pw5dgrnzv", "bad_program"),
    ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav", "bad_program"),
    ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "bad_program"),
    ("tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", "mixed_case"),
    ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", "bad_checksum"),
    ("tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j", "bad_checksum"),
    ("bc1gmk9yu", "not_bech32"),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "bad_checksum"),
    ("1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "not_bech32"),
    ("", "not_bech32"),
]


def reason(call: object, *arguments: object) -> str:
    with pytest.raises(AddressError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.removeprefix("address.")


@pytest.mark.parametrize(("address", "script"), VALID)
def test_decodes_and_encodes_the_published_segwit_addresses(address: str, script: str) -> None:
    hrp, version, program = segwit_decode(address)
    assert bytes([version + 0x50 if version else 0, len(program)]) + program == bytes.fromhex(script)
    assert segwit_encode(hrp, version, program) == address.lower()


@pytest.mark.parametrize(("address", "expected"), INVALID)
def test_refuses_the_published_invalid_segwit_addresses(address: str, expected: str) -> None:
    assert reason(segwit_decode, address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty",
        "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
    ],
)
def test_refuses_a_prefix_that_is_no_bitcoin_network(address: str) -> None:
    assert reason(script_pubkey, address, MAINNET) == "not_base58"


@pytest.mark.parametrize(("address", "script"), VALID)
def test_pays_only_to_witness_versions_that_have_rules(address: str, script: str) -> None:
    network = MAINNET if address.lower().startswith("bc1") else NETWORKS["testnet4"]
    if script_type(bytes.fromhex(script)) == "unknown":
        assert reason(script_pubkey, address, network) == "unknown_witness"
    else:
        assert script_pubkey(address, network).hex() == script


@given(
    networks,
    st.sampled_from([("p2wpkh", 20), ("p2wsh", 32), ("p2tr", 32), ("p2pkh", 20), ("p2sh", 20)]),
    st.data(),
)
def test_every_script_with_an_address_comes_back_from_it(
    network: Network, kind: tuple[str, int], data: st.DataObject
) -> None:
    inside = data.draw(st.binary(min_size=kind[1], max_size=kind[1]))
    script = {
        "p2wpkh": b"\x00\x14" + inside,
        "p2wsh": b"\x00\x20" + inside,
        "p2tr": b"\x51\x20" + inside,
        "p2pkh": b"\x76\xa9\x14" + inside + b"\x88\xac",
        "p2sh": b"\xa9\x14" + inside + b"\x87",
    }[kind[0]]
    assert script_type(script) == kind[0]
    assert script_pubkey(address_of(script, network), network) == script


@given(networks, networks, st.binary(min_size=20, max_size=20), st.booleans())
def test_an_address_of_another_network_is_refused(
    one: Network, other: Network, program: bytes, segwit: bool
) -> None:
    same = one.hrp == other.hrp if segwit else one.p2pkh == other.p2pkh
    if same:
        return
    address = (
        segwit_encode(one.hrp, 0, program) if segwit else base58check_encode(bytes([one.p2pkh]) + program)
    )
    assert reason(script_pubkey, address, other) == "wrong_network"


@given(st.binary(min_size=20, max_size=20), st.integers(5, 43), st.integers(1, 31))
def test_one_wrong_character_never_passes(program: bytes, place: int, shift: int) -> None:
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    address = segwit_encode("bcrt", 0, program)
    changed = alphabet[(alphabet.index(address[place]) + shift) % 32]
    wrong = address[:place] + changed + address[place + 1 :]
    with pytest.raises(AddressError):
        script_pubkey(wrong, REGTEST)


@given(st.binary(min_size=32, max_size=32))
def test_bech32_where_bech32m_is_due_is_refused_and_the_reverse(program: bytes) -> None:
    for version, wrong in ((0, 1), (1, 0)):
        good = segwit_encode("bc", version, program)
        other = segwit_encode("bc", wrong, program)
        assert segwit_decode(good)[1] == version
        assert good[-6:] != other[-6:]


@pytest.mark.parametrize(
    ("address", "script"),
    [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"),
        ("1111111111111111111114oLvT2", "76a914000000000000000000000000000000000000000088ac"),
    ],
)
def test_decodes_known_base58_addresses(address: str, script: str) -> None:
    assert script_pubkey(address, MAINNET).hex() == script
    assert address_of(bytes.fromhex(script), MAINNET) == address


@given(st.binary(min_size=1, max_size=80))
def test_base58check_reads_back_what_it_wrote(payload: bytes) -> None:
    assert base58check_decode(base58check_encode(payload)) == payload


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not_base58"),
        ("1" * 121, "not_base58"),
        ("0OIl", "not_base58"),
        (" 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "not_base58"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "bad_checksum"),
        ("11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bad_checksum"),
        ("1", "bad_checksum"),
        ("１A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "not_base58"),
    ],
)
def test_refuses_base58_that_is_none(text: str, expected: str) -> None:
    assert reason(base58check_decode, text) == expected


def test_refuses_a_base58_payload_that_is_no_address() -> None:
    for payload in (b"\x80" + bytes(32), b"\x00" + bytes(19), b"\x00" + bytes(21), bytes(78)):
        assert reason(script_pubkey, base58check_encode(payload), MAINNET) == "wrong_network"


@given(st.text(max_size=100))
def test_any_text_is_an_address_or_a_clear_refusal(text: str) -> None:
    for network in (MAINNET, REGTEST):
        try:
            script = script_pubkey(text, network)
        except AddressError as error:
            assert error.code.startswith("address.")
        else:
            assert script_type(script) != "unknown"


@given(st.text(alphabet="qpzry9x8gf2tvdw0s3jn54khce6mua7lIİıſK1b", max_size=100))
def test_letters_that_change_under_lower_case_do_not_pass(text: str) -> None:
    with pytest.raises(AddressError):
        script_pubkey("bcrt1" + text, REGTEST)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("", "unknown"),
        ("6a", "op_return"),
        ("6a0568656c6c6f", "op_return"),
        ("0014" + "00" * 19, "unknown"),
        ("5220" + "00" * 32, "unknown"),
        ("5120" + "00" * 33, "unknown"),
    ],
)
def test_scripts_without_an_address_have_none(script: str, kind: str) -> None:
    assert script_type(bytes.fromhex(script)) == kind
    assert reason(address_of, bytes.fromhex(script), REGTEST) == "no_address"


def test_known_hashes() -> None:
    assert sha256d(b"hello").hex() == "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"
    assert hash160(b"hello").hex() == "b6a9c8c230722b7c748331a8b450f05566dc7d0f"


def test_an_unknown_network_is_refused_by_name() -> None:
    assert network_of("regtest") is REGTEST
    assert reason(network_of, "testnet3") == "unknown_network"
    assert SIGNET.hrp == NETWORKS["testnet4"].hrp == "tb"
