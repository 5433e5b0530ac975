"""Destinations: each chain's own checksum decides, and nothing of another chain passes."""

from __future__ import annotations

import base64
import binascii
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.address import base58check_encode
from vault.chain_address import Chain, check_address, check_tag, tag_rule
from vault.errors import AddressError, VenueError
from vault.evm.address import evm_checksummed
from vault.venues.registry import (
    NETWORKS,
    AssetNetwork,
    asset_network,
    check_destination,
    same_address,
    same_txid,
)
from vault.venues.traits import TRAITS

# Sources: EIP-55's examples; TRON's USDT contract; XRP Ledger "Accounts" (genesis, ACCOUNT_ZERO); SEP-23's
# example; the Cosmos Hub's module account of IBC; TEP-2's foundation wallet; Solana's system and token
# programs.
GOOD: dict[Chain, tuple[str, ...]] = {
    "ethereum": (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ),
    "tron": ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
    "xrp": ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "rrrrrrrrrrrrrrrrrrrrrhoLvTp"),
    "stellar": ("GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",),
    "cosmos": ("cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh",),
    "ton": ("EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N",),
    "solana": ("11111111111111111111111111111111", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
    "bitcoin": ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
}
MOVING = {exchange for exchange, traits in TRAITS.items() if traits.ships == "full"}
EVM = ("ethereum", "arbitrum", "optimism", "base", "polygon", "avalanche")


@pytest.mark.parametrize(("chain", "address"), [(c, a) for c, some in GOOD.items() for a in some])
def test_an_address_is_good_on_its_own_chain_and_on_no_other(chain: Chain, address: str) -> None:
    check_address(chain, address)
    alike = EVM if chain == "ethereum" else (chain,)
    for other in get_args(Chain):
        if other in alike:
            check_address(other, address)
        else:
            with pytest.raises(AddressError):
                check_address(other, address)


@given(
    st.sampled_from([(c, a) for c, some in GOOD.items() for a in some if c != "solana"]),
    st.integers(min_value=0),
    st.characters(min_codepoint=33, max_codepoint=0x2FF),
)
def test_one_wrong_character_is_never_accepted(pair: tuple[Chain, str], place: int, char: str) -> None:
    chain, address = pair
    at = place % len(address)
    changed = address[:at] + char + address[at + 1 :]
    if changed == address or (chain == "ton" and changed.translate(str.maketrans("-_", "+/")) == address):
        return
    with pytest.raises(AddressError):
        check_address(chain, changed)


@pytest.mark.parametrize(("chain", "address"), [(c, a) for c, some in GOOD.items() for a in some])
@pytest.mark.parametrize(
    "change",
    [
        lambda a: " " + a,
        lambda a: a + "\n",
        lambda a: a[:8] + "\u200b" + a[8:],
        lambda a: a + "\u00a0",
        lambda a: a[:-1],
        lambda a: a + a[-1],
        lambda a: a.swapcase(),
        lambda a: a.replace("e", "\u0435", 1) if "e" in a else a[:-1] + "\u0430",
        lambda a: "",
    ],
)
def test_spaces_look_alikes_and_cuts_are_refused(chain: Chain, address: str, change: Any) -> None:
    changed = change(address)
    if changed == address or (chain == "bitcoin" and changed == address.upper()):
        return  # digits alone have no case; BIP173 allows capitals throughout
    if chain == "solana" and changed == address.swapcase():
        return  # no checksum: another key of the right length cannot be told
    with pytest.raises(AddressError):
        check_address(chain, changed)


def test_the_kelvin_sign_does_not_become_a_k_in_a_bitcoin_address() -> None:
    address = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4".upper()
    check_address("bitcoin", address)
    with pytest.raises(AddressError):
        check_address("bitcoin", address.replace("K", "\u212a"))


@pytest.mark.parametrize("form", [str.lower, lambda a: "0x" + a[2:].upper()])
def test_an_evm_address_without_its_case_has_no_checksum(form: Any) -> None:
    with pytest.raises(AddressError) as caught:
        check_address("ethereum", form(GOOD["ethereum"][0]))
    assert caught.value.code == "address.no_checksum"


@given(st.binary(min_size=20, max_size=20))
def test_every_evm_address_has_one_good_case(raw: bytes) -> None:
    address = evm_checksummed("0x" + raw.hex())
    assert evm_checksummed("0x" + raw.hex().upper()) == address
    if any(raw):
        check_address("base", address)
    changed = address[:2] + address[2:].swapcase()
    if changed != address:
        with pytest.raises(AddressError):
            check_address("base", changed)


def test_nobody_has_the_zero_address() -> None:
    with pytest.raises(AddressError) as caught:
        check_address("ethereum", "0x" + "0" * 40)
    assert caught.value.code == "address.nobody"


@given(st.binary(min_size=20, max_size=20), st.integers(min_value=0, max_value=255))
def test_only_the_tron_prefix_is_tron(raw: bytes, prefix: int) -> None:
    address = base58check_encode(bytes([prefix]) + raw)
    if prefix == 0x41:
        check_address("tron", address)
    else:
        with pytest.raises(AddressError):
            check_address("tron", address)


@given(st.binary(max_size=40))
def test_a_solana_address_is_32_bytes(raw: bytes) -> None:
    text = base58check_encode(raw)  # ends in four bytes more
    if len(raw) == 28:
        check_address("solana", text)
    else:
        with pytest.raises(AddressError):
            check_address("solana", text)


def ton(flags: int, workchain: int = 0) -> str:
    body = bytes([flags, workchain]) + bytes(32)
    return base64.urlsafe_b64encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "big")).decode()


def test_ton_addresses_of_the_test_network_and_of_unknown_kinds_are_refused() -> None:
    for flags in (0x11, 0x51):
        check_address("ton", ton(flags))
        check_address("ton", ton(flags, 0xFF))
        with pytest.raises(AddressError) as caught:
            check_address("ton", ton(flags | 0x80))
        assert caught.value.code == "address.wrong_network"
    for address in (ton(0x12), ton(0x11, 3)):
        with pytest.raises(AddressError):
            check_address("ton", address)


def test_a_bitcoin_address_of_another_network_is_refused() -> None:
    with pytest.raises(AddressError):
        check_address("bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx")
    check_address("bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "testnet4")


@pytest.mark.parametrize("tag", ["0", "1", "4294967295"])
def test_a_number_that_fits_is_a_tag(tag: str) -> None:
    check_tag("xrp", tag)


@pytest.mark.parametrize(
    ("chain", "tag", "code"),
    [
        ("xrp", "", "address.missing_tag"),
        ("stellar", "", "address.missing_tag"),
        ("xrp", "4294967296", "address.bad_tag"),
        ("xrp", "-1", "address.bad_tag"),
        ("xrp", "01", "address.bad_tag"),
        ("xrp", "1.0", "address.bad_tag"),
        ("xrp", "1e3", "address.bad_tag"),
        ("xrp", " 1", "address.bad_tag"),
        ("xrp", "\u0661", "address.bad_tag"),
        ("stellar", "x" * 29, "address.bad_tag"),
        ("ton", "a&b=\n", "address.bad_tag"),
        ("bitcoin", "1", "address.unexpected_tag"),
        ("ethereum", "1", "address.unexpected_tag"),
    ],
)
def test_tags_follow_the_chain_s_rule(chain: Chain, tag: str, code: str) -> None:
    with pytest.raises(AddressError) as caught:
        check_tag(chain, tag)
    assert caught.value.code == code


def test_every_listed_network_is_complete() -> None:
    names = [(entry.exchange, entry.asset, entry.network) for entry in NETWORKS]
    assert len(set(names)) == len(names)
    assert {entry.exchange for entry in NETWORKS} == MOVING
    for entry in NETWORKS:
        assert entry.takes_tag == (tag_rule(entry.chain) != "none")
        if entry.contract is not None:
            check_address(entry.chain, entry.contract)
        assert asset_network(entry.exchange, entry.asset, entry.network) is entry


@pytest.mark.parametrize("exchange", sorted(TRAITS))
def test_what_is_not_listed_is_refused(exchange: str) -> None:
    listed = {(entry.asset, entry.network) for entry in NETWORKS if entry.exchange == exchange}
    names = [*{(entry.asset, entry.network) for entry in NETWORKS}, ("DOGE", "DOGE"), ("BTC", "")]
    # Another exchange's name, another letter case, another asset's: none is taken for the one that is meant.
    for asset, network in {*names, *((one, other) for (one, _), (_, other) in product(names, names))}:
        for name in {network, network.swapcase(), f" {network}"}:
            if (asset, name) in listed:
                continue
            with pytest.raises(VenueError) as caught:
                asset_network(exchange, asset, name)
            assert caught.value.code == "venue.unknown_network"


@pytest.mark.parametrize(
    "entry", NETWORKS, ids=lambda entry: f"{entry.exchange} {entry.asset} {entry.network}"
)
def test_a_destination_is_of_its_chain_and_a_token_is_not_sent_to_its_own_contract(
    entry: AssetNetwork,
) -> None:
    def check(address: str) -> None:
        check_destination(entry, address, "1" if entry.takes_tag else "", "mainnet")

    for chain, addresses in GOOD.items():
        if chain == entry.chain or {chain, entry.chain} <= set(EVM):
            check(addresses[-1])
            continue
        with pytest.raises(AddressError):
            check(addresses[-1])
    if entry.contract is not None:
        with pytest.raises(AddressError) as caught:
            check(entry.contract)
        assert caught.value.code == "address.token_contract"


def test_addresses_and_transactions_are_compared_as_their_chains_do() -> None:
    assert same_address(GOOD["ethereum"][0], GOOD["ethereum"][0].lower())
    assert not same_address(GOOD["tron"][0], GOOD["tron"][0].lower())
    assert same_txid("0x" + "AB" * 32, "ab" * 32)
    assert not same_txid("Internal transfer 1", "internal transfer 1")
