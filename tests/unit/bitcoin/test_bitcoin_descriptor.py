"""Our own derivation and descriptors, against the published vectors of BIP84, BIP86, BIP341 and BIP380."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.address import base58check_decode, base58check_encode, hash160, network_of
from vault.bip32 import ExtendedKey, derive, taproot_output_key
from vault.bitcoin.descriptor import Descriptor, descriptor_checksum, path_text
from vault.errors import ConfigError

MAINNET = network_of("mainnet")
# BIP39 seed of "abandon … about" without passphrase: the seed of BIP84's and BIP86's vectors.
SEED = bytes.fromhex(
    "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1"
    "9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
)
BIP84_ZPUB = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2"
    "oz2AGutZYs"
)
BIP86_XPUB = (
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtM"
    "Mj92pReUsQ"
)


def mainnet(bitcoin_keys: ModuleType, kind: str) -> Descriptor:
    descriptor: Descriptor = bitcoin_keys.account_of(SEED, kind, MAINNET).descriptor
    return descriptor


def test_derives_the_addresses_of_bip84(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    xpub = base58check_encode(MAINNET.xpub + base58check_decode(BIP84_ZPUB)[4:])
    assert descriptor.account.text(MAINNET) == xpub
    assert descriptor.address(False, 0) == "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
    assert descriptor.address(False, 1) == "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"
    assert descriptor.address(True, 0) == "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"


def test_derives_the_addresses_of_bip86(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2tr")
    assert descriptor.account.text(MAINNET) == BIP86_XPUB
    assert descriptor.address(False, 0) == "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
    assert descriptor.address(False, 1) == "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"
    assert descriptor.address(True, 0) == "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"


def test_derives_public_children_as_bip32_test_vector_2() -> None:
    master = ExtendedKey.parse(
        "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJ"
        "hkJ8UB7WEGuduB",
        MAINNET,
    )
    child = ExtendedKey.parse(
        "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D"
        "3tgFxHmwMkQTPH",
        MAINNET,
    )
    assert (child.depth, child.child_number, child.parent) == (1, 0, hash160(master.key)[:4])
    assert master.child(0, 7) == derive(child.key, child.chain_code, 7)[0]
    assert derive(master.key, master.chain_code, 0) == (child.key, child.chain_code)


def test_tweaks_the_internal_key_as_bip341_says() -> None:
    internal = bytes.fromhex("d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d")
    output = "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"
    assert taproot_output_key(internal).hex() == output
    for no_key in (bytes(31), b"\xff" * 32):
        with pytest.raises(ValueError):
            taproot_output_key(no_key)


def test_computes_the_checksum_of_bip380() -> None:
    assert descriptor_checksum("raw(deadbeef)") == "89f8spxm"


@pytest.mark.parametrize("kind", ["p2wpkh", "p2tr"])
def test_reads_what_it_writes(bitcoin_keys: ModuleType, kind: str) -> None:
    descriptor = mainnet(bitcoin_keys, kind)
    assert Descriptor.parse(descriptor.text(), MAINNET) == descriptor
    assert descriptor.kind == kind
    assert path_text(descriptor.origin_path) in {"m/84h/0h/0h", "m/86h/0h/0h"}


def test_reads_apostrophes_for_hardened_steps(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    body = descriptor.text().partition("#")[0].replace("84h/0h/0h", "84'/0'/0'")
    assert Descriptor.parse(f"{body}#{descriptor_checksum(body)}", MAINNET) == descriptor


def test_agrees_with_bdk_on_both_branches(bitcoin_keys: ModuleType) -> None:
    bdk: Any = pytest.importorskip("bdkpython")
    for kind in ("p2wpkh", "p2tr"):
        descriptor = mainnet(bitcoin_keys, kind)
        for branch in (0, 1):
            theirs = bdk.Descriptor(descriptor.text(branch=branch), bdk.NetworkKind.MAIN)
            for index in (0, 1, 19, 2**31 - 1):
                address = str(theirs.derive_address(index, bdk.Network.BITCOIN))
                assert descriptor.address(bool(branch), index) == address


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text[:-1] + ("q" if text[-1] != "q" else "p"), "config.descriptor_checksum"),
        (lambda text: text.partition("#")[0], "config.descriptor_checksum"),
        (lambda text: text.replace("/0h]", "/1h]"), "config.descriptor_checksum"),
        (lambda text: "x" * 400, "config.bad_descriptor"),
        (lambda text: "pkh(é)#qqqqqqqq", "config.bad_descriptor"),
    ],
)
def test_refuses_a_damaged_descriptor(bitcoin_keys: ModuleType, change: Any, code: str) -> None:
    text = mainnet(bitcoin_keys, "p2wpkh").text()
    with pytest.raises(ConfigError) as refused:
        Descriptor.parse(change(text), MAINNET)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("wpkh(", "pkh(", "config.bad_descriptor"),
        ("<0;1>/*", "0/*", "config.bad_descriptor"),
        ("84h/0h/0h", "84h/0h", "config.descriptor_origin"),
        ("84h/0h/0h", "84h/0h/1h", "config.descriptor_origin"),
        ("84h/0h/0h", "84h/1h/0h", "config.descriptor_origin"),
        ("84h/0h/0h", "84h/0h/99999999999h", "config.bad_descriptor"),
        ("[73c5da0a", "[73C5DA0A", "config.bad_descriptor"),
        ("xpub", "tprv", "config.private_key"),
    ],
)
def test_refuses_a_false_descriptor_with_a_true_checksum(
    bitcoin_keys: ModuleType, old: str, new: str, code: str
) -> None:
    body = mainnet(bitcoin_keys, "p2wpkh").text().partition("#")[0].replace(old, new)
    with pytest.raises(ConfigError) as refused:
        Descriptor.parse(f"{body}#{descriptor_checksum(body)}", MAINNET)
    assert refused.value.code == code


def test_refuses_the_key_of_another_network_and_private_keys(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    with pytest.raises(ConfigError) as refused:
        Descriptor.parse(descriptor.text(), network_of("regtest"))
    assert refused.value.code == "config.foreign_extended_key"
    secret = base58check_encode(bytes.fromhex("0488ade4") + bytes(41) + b"\0" + b"\x07" * 32)
    with pytest.raises(ConfigError) as refused:
        ExtendedKey.parse(secret, MAINNET)
    assert refused.value.code == "config.private_key"
    assert secret not in refused.value.message


def test_refuses_an_extended_key_that_is_no_point(bitcoin_keys: ModuleType) -> None:
    payload = base58check_decode(mainnet(bitcoin_keys, "p2wpkh").account.text(MAINNET))
    with pytest.raises(ConfigError) as refused:
        ExtendedKey.parse(base58check_encode(payload[:45] + b"\x02" + b"\xff" * 32), MAINNET)
    assert refused.value.code == "config.bad_extended_key"


def test_refuses_the_attestation_account_as_a_wallet(bitcoin_keys: ModuleType) -> None:
    account = mainnet(bitcoin_keys, "p2wpkh").account
    path = (84 | 1 << 31, 1 << 31, 100 | 1 << 31)
    moved = ExtendedKey(account.key, account.chain_code, 3, account.parent, path[-1]).text(MAINNET)
    with pytest.raises(ConfigError) as refused:
        Descriptor.build("p2wpkh", MAINNET, "73c5da0a", path, moved)
    assert refused.value.code == "config.reserved_account"


def test_refuses_hardened_indices(bitcoin_keys: ModuleType) -> None:
    for index in (-1, 1 << 31):
        with pytest.raises(ConfigError) as refused:
            mainnet(bitcoin_keys, "p2wpkh").key(False, index)
        assert refused.value.code == "config.bad_index"


@given(
    change=st.booleans(),
    index=st.integers(0, 29),
    hint=st.none() | st.tuples(st.booleans(), st.integers(0, 40)),
)
def test_finds_its_own_scripts_whatever_the_hint(
    bitcoin_keys: ModuleType, change: bool, index: int, hint: tuple[bool, int] | None
) -> None:
    for kind in ("p2wpkh", "p2tr"):
        descriptor = mainnet(bitcoin_keys, kind)
        script = descriptor.script_pubkey(change, index)
        assert descriptor.find(script, hint, 30) == (change, index)


def test_believes_no_hint_for_a_foreign_script(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    assert descriptor.find(b"\x00\x14" + bytes(20), (True, 3), 30) is None
    assert descriptor.find(b"\x51\x20" + bytes(32), (True, 3), 30) is None
    assert descriptor.find(descriptor.script_pubkey(True, 30), None, 30) is None
    assert descriptor.find(descriptor.script_pubkey(True, 30), (True, 30), 30) == (True, 30)
