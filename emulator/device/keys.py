"""BIP32 keys on secp256k1, and the two signature schemes as the firmware makes them.

ECDSA: RFC 6979 nonce without low-R grinding, low s. Schnorr: BIP340 with zero auxiliary
randomness. Refuses nothing about paths: which path is allowed is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace

from coincurve import PrivateKey, PublicKey
from mnemonic import Mnemonic

HARDENED = 0x8000_0000
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
ZERO_AUX = bytes(32)


def sha256d(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def hash160(data: bytes) -> bytes:
    return hashlib.new("ripemd160", hashlib.sha256(data).digest()).digest()


def tagged_hash(tag: bytes, data: bytes) -> bytes:
    """BIP340 tagged hash."""
    prefix = hashlib.sha256(tag).digest()
    return hashlib.sha256(prefix + prefix + data).digest()


def seed_from_mnemonic(mnemonic: str, passphrase: str) -> bytes:
    """BIP39 seed (64 bytes)."""
    return bytes(Mnemonic.to_seed(mnemonic, passphrase))


def mnemonic_is_valid(mnemonic: str) -> bool:
    """English BIP39 words with a right checksum."""
    return bool(Mnemonic("english").check(mnemonic))


@dataclass(frozen=True, slots=True)
class Node:
    """An extended private key with its position in the tree."""

    private_key: bytes
    public_key: bytes  # compressed, 33 bytes
    chain_code: bytes
    depth: int = 0
    fingerprint: int = 0  # of the parent
    child_num: int = 0

    @classmethod
    def from_seed(cls, seed: bytes) -> Node:
        digest = hmac.new(b"Bitcoin seed", seed, hashlib.sha512).digest()
        return cls(digest[:32], PrivateKey(digest[:32]).public_key.format(), digest[32:])

    @property
    def own_fingerprint(self) -> int:
        return int.from_bytes(hash160(self.public_key)[:4], "big")

    def child(self, index: int) -> Node:
        """The child at `index` (BIP32 CKDpriv)."""
        head = b"\0" + self.private_key if index & HARDENED else self.public_key
        digest = hmac.new(self.chain_code, head + index.to_bytes(4, "big"), hashlib.sha512).digest()
        secret = (int.from_bytes(digest[:32], "big") + int.from_bytes(self.private_key, "big")) % ORDER
        private = secret.to_bytes(32, "big")
        return Node(
            private,
            PrivateKey(private).public_key.format(),
            digest[32:],
            self.depth + 1,
            self.own_fingerprint,
            index,
        )

    def derive(self, path: Sequence[int]) -> Node:
        node = self
        for index in path:
            node = node.child(index)
        return node

    def serialize_public(self, version: int) -> bytes:
        """The 78 bytes of an extended public key."""
        return (
            version.to_bytes(4, "big")
            + bytes([self.depth])
            + self.fingerprint.to_bytes(4, "big")
            + self.child_num.to_bytes(4, "big")
            + self.chain_code
            + self.public_key
        )

    def with_private_key(self, private_key: bytes) -> Node:
        public = PrivateKey(private_key).public_key.format()
        return replace(self, private_key=private_key, public_key=public)

    def sign_ecdsa(self, digest: bytes) -> bytes:
        """DER signature of a 32-byte digest, without a sighash byte."""
        return PrivateKey(self.private_key).sign(digest, hasher=None)

    def sign_recoverable(self, digest: bytes) -> tuple[int, bytes]:
        """(recovery id 0..3, r || s) of a 32-byte digest."""
        raw = PrivateKey(self.private_key).sign_recoverable(digest, hasher=None)
        return raw[64], raw[:64]

    def sign_taproot(self, digest: bytes) -> bytes:
        """BIP340 signature with the BIP341 key-path output key (no script tree)."""
        secret = int.from_bytes(self.private_key, "big")
        if self.public_key[0] == 3:
            secret = ORDER - secret
        tweak = int.from_bytes(tagged_hash(b"TapTweak", self.public_key[1:]), "big")
        tweaked = (secret + tweak) % ORDER
        return PrivateKey(tweaked.to_bytes(32, "big")).sign_schnorr(digest, ZERO_AUX)


def taproot_output_key(public_key: bytes) -> bytes:
    """x-only BIP341 output key for a compressed internal key without a script tree."""
    internal = PublicKey(b"\x02" + public_key[1:])
    return internal.add(tagged_hash(b"TapTweak", public_key[1:])).format()[1:]


def is_x_only_key(key: bytes) -> bool:
    """Whether 32 bytes are the x coordinate of a point (BIP340)."""
    try:
        PublicKey(b"\x02" + key)
    except ValueError:
        return False
    return True


def recover_public_key(
    recovery_id: int, signature: bytes, digest: bytes, *, compressed: bool = True
) -> bytes | None:
    """The key that made r || s over digest, None if there is none."""
    try:
        key = PublicKey.from_signature_and_message(signature + bytes([recovery_id]), digest, hasher=None)
    except Exception:  # noqa: BLE001 - coincurve raises bare Exception when recovery fails
        return None
    return key.format(compressed=compressed)
