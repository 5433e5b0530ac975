"""Public keys on other curves: the vectors of SLIP-10, and steps that do not exist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.device.bitcoin.keys import curves
from emulator.device.bitcoin.keys.curves import NoSuchKeyError
from emulator.device.keys import HARDENED, Node

SEED = bytes(range(16))
M_0H = [HARDENED]

# SLIP-10, test vector 1: (curve, path, parent's fingerprint, chain code, public key)
SLIP10 = [
    (
        "nist256p1",
        [],
        0,
        "beeb672fe4621673f722f38529c07392fecaa61015c80c34f29ce8b41b3cb6ea",
        "0266874dc6ade47b3ecd096745ca09bcd29638dd52c2c12117b11ed3e458cfa9e8",
    ),
    (
        "nist256p1",
        M_0H,
        0xBE6105B5,
        "3460cea53e6a6bb5fb391eeef3237ffd8724bf0a40e94943c98b83825342ee11",
        "0384610f5ecffe8fda089363a41f56a5c7ffc1d81b59a612d0d649b2d22355590c",
    ),
    (
        "ed25519",
        [],
        0,
        "90046a93de5380a72b5e45010748567d5ea02bbf6522f979e05c0d8d8ca9fffb",
        "00a4b2856bfec510abab89753fac1ac0e1112364e7d250545963f135f2a33188ed",
    ),
    (
        "ed25519",
        M_0H,
        0xDDEBC675,
        "8b59aa11380b624e81507a27fedda59fea6d0b779a778918a2fd3590e16e9c69",
        "008c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
    ),
]


def curve(name: str) -> curves.Curve:
    found = curves.curve_named(name, marks_edwards_by_1=False)
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "path", "fingerprint", "chain_code", "public_key"), SLIP10)
def test_keys_are_those_of_slip_10(
    name: str, path: list[int], fingerprint: int, chain_code: str, public_key: str
) -> None:
    node = curve(name).derive(SEED, path)
    assert (node.fingerprint, node.depth) == (fingerprint, len(path))
    assert (node.chain_code.hex(), node.public_key.hex()) == (chain_code, public_key)


def test_nist256p1_has_unhardened_steps() -> None:
    node = curve("nist256p1").derive(SEED, [HARDENED, 1])
    assert node.child_num == 1
    assert node.public_key[0] in (2, 3)


@pytest.mark.parametrize("name", ["ed25519", "curve25519"])
@given(index=st.integers(0, HARDENED - 1))
def test_edwards_curves_have_none(name: str, index: int) -> None:
    with pytest.raises(NoSuchKeyError):
        curve(name).derive(SEED, [HARDENED, index])


@pytest.mark.parametrize("name", ["secp256k1", "secp256k2", "ed25519-keccak", "secp256k1-decred", ""])
def test_other_curves_are_not_known(name: str) -> None:
    assert curves.curve_named(name, marks_edwards_by_1=False) is None


def test_the_older_mark_changes_serialisation_and_fingerprints() -> None:
    marked = curves.curve_named("ed25519", marks_edwards_by_1=True)
    assert marked is not None
    plain, other = curve("ed25519").derive(SEED, M_0H), marked.derive(SEED, M_0H)
    assert other.public_key[0] == 1
    assert other.public_key[1:] == plain.public_key[1:]
    assert other.fingerprint != plain.fingerprint


def test_bitcoins_curve_is_bip32() -> None:
    root = Node.from_seed(SEED)
    node = curves.on_bitcoins_curve(root, M_0H)
    assert node.serialize(0x0488B21E) == root.child(HARDENED).serialize_public(0x0488B21E)
