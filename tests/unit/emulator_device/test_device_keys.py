"""Keys and signatures against the vectors of BIP32, BIP340 and BIP341."""

from __future__ import annotations

import hashlib

import pytest
from coincurve import PublicKey, PublicKeyXOnly
from hypothesis import given
from hypothesis import strategies as st

from emulator.device import keys
from emulator.device.bitcoin.address import b58check_encode
from emulator.device.keys import HARDENED, ORDER, Node

XPUB = 0x0488B21E

# BIP32, test vectors 1 and 3 (leading zeros are kept)
BIP32 = [
    (
        "000102030405060708090a0b0c0d0e0f",
        [HARDENED, 1, HARDENED | 2, 2, 1000000000],
        "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
    ),
    (
        "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be",
        [HARDENED],
        "xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y",
    ),
]


@pytest.mark.parametrize(("seed", "path", "xpub"), BIP32)
def test_derives_the_vectors_of_bip32(seed: str, path: list[int], xpub: str) -> None:
    node = Node.from_seed(bytes.fromhex(seed)).derive(path)
    assert b58check_encode(node.serialize_public(XPUB)) == xpub


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_ecdsa_signatures_are_deterministic_low_s_and_verify(secret: int, digest: bytes) -> None:
    node = Node.from_seed(b"seed").with_private_key(secret.to_bytes(32, "big"))
    signature = node.sign_ecdsa(digest)
    assert signature == node.sign_ecdsa(digest)
    s_length = signature[5 + signature[3]]
    assert int.from_bytes(signature[-s_length:], "big") <= ORDER // 2
    assert PublicKey(node.public_key).verify(signature, digest, hasher=None)


def test_ecdsa_nonce_is_rfc6979_without_grinding() -> None:
    # RFC 6979 with secp256k1: key 1, message "Satoshi Nakamoto" (a vector shared by many libraries)
    node = Node.from_seed(b"seed").with_private_key((1).to_bytes(32, "big"))
    digest = hashlib.sha256(b"Satoshi Nakamoto").digest()
    assert node.sign_recoverable(digest)[1].hex() == (
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
    )


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_taproot_signatures_verify_with_the_output_key(secret: int, digest: bytes) -> None:
    node = Node.from_seed(b"seed").with_private_key(secret.to_bytes(32, "big"))
    signature = node.sign_taproot(digest)
    assert signature == node.sign_taproot(digest)
    assert PublicKeyXOnly(keys.taproot_output_key(node.public_key)).verify(signature, digest)


def test_taproot_output_key_is_that_of_bip341() -> None:
    # BIP341 wallet test vectors, first scriptPubKey case (no script tree)
    internal = "d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d"
    output = "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"
    assert keys.taproot_output_key(bytes.fromhex("02" + internal)).hex() == output


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_a_recoverable_signature_gives_back_its_key(secret: int, digest: bytes) -> None:
    node = Node.from_seed(b"seed").with_private_key(secret.to_bytes(32, "big"))
    recovery_id, raw = node.sign_recoverable(digest)
    assert keys.recover_public_key(recovery_id, raw, digest) == node.public_key


def test_recovery_of_nonsense_gives_no_key() -> None:
    assert keys.recover_public_key(0, bytes(64), bytes(32)) is None


def test_no_point_has_a_coordinate_beyond_the_field() -> None:
    assert not keys.is_x_only_key(b"\xff" * 32)
    assert keys.is_x_only_key(Node.from_seed(b"seed").public_key[1:])
