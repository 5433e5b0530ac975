"""Public keys on the curves GetPublicKey can be asked for: BIP32, and SLIP-10 for the others.

Refuses curves firmware has only for other coins, and unhardened steps where SLIP-10 has none.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from Crypto.PublicKey import ECC

from ...keys import HARDENED, Node, hash160

SECP256K1, NIST256P1 = "secp256k1", "nist256p1"
ED25519, CURVE25519 = "ed25519", "curve25519"
_SEED_KEYS = {NIST256P1: b"Nist256p1 seed", ED25519: b"ed25519 seed", CURVE25519: b"curve25519 seed"}
_NIST256P1_ORDER = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551


class NoSuchKeyError(ValueError):
    """A step that this curve does not have."""


@dataclass(frozen=True, slots=True)
class PublicNode:
    """A public key with its position in the tree."""

    public_key: bytes
    chain_code: bytes
    depth: int
    fingerprint: int  # of the parent
    child_num: int

    def serialize(self, version: int) -> bytes:
        """The 78 bytes of an extended public key."""
        return (
            version.to_bytes(4, "big")
            + bytes([self.depth])
            + self.fingerprint.to_bytes(4, "big")
            + self.child_num.to_bytes(4, "big")
            + self.chain_code
            + self.public_key
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve other than Bitcoin's; `mark` stands before the 32 bytes of an Edwards point."""

    name: str
    mark: bytes = b"\x00"

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, hashlib.sha512).digest()

    def _is_key(self, secret: bytes) -> bool:
        return self.name != NIST256P1 or 0 < int.from_bytes(secret, "big") < _NIST256P1_ORDER

    def public_key(self, secret: bytes) -> bytes:
        """33 bytes: compressed, or behind the mark."""
        if self.name == NIST256P1:
            key = ECC.construct(curve="p256", d=int.from_bytes(secret, "big"))
            return bytes(key.public_key().export_key(format="SEC1", compress=True))
        key = ECC.construct(curve=self.name, seed=secret)  # type: ignore[arg-type]  # bytes, as documented
        raw = key.public_key().export_key(format="raw")
        return self.mark + bytes(raw)

    def master(self, seed: bytes) -> tuple[bytes, bytes]:
        """(secret, chain code) of the root."""
        digest = self._hmac(_SEED_KEYS[self.name], seed)
        while not self._is_key(digest[:32]):
            digest = self._hmac(_SEED_KEYS[self.name], digest)
        return digest[:32], digest[32:]

    def child(self, secret: bytes, chain_code: bytes, index: int) -> tuple[bytes, bytes]:
        """(secret, chain code) of a child. Raises NoSuchKeyError."""
        if not index & HARDENED and self.name != NIST256P1:
            raise NoSuchKeyError(self.name)
        head = b"\x00" + secret if index & HARDENED else self.public_key(secret)
        digest = self._hmac(chain_code, head + index.to_bytes(4, "big"))
        if self.name != NIST256P1:
            return digest[:32], digest[32:]
        while True:
            left, parent = int.from_bytes(digest[:32], "big"), int.from_bytes(secret, "big")
            number = (left + parent) % _NIST256P1_ORDER
            if left < _NIST256P1_ORDER and number:
                return number.to_bytes(32, "big"), digest[32:]
            digest = self._hmac(chain_code, b"\x01" + digest[32:] + index.to_bytes(4, "big"))

    def derive(self, seed: bytes, path: Sequence[int]) -> PublicNode:
        """The public node at a path. Raises NoSuchKeyError."""
        secret, chain_code = self.master(seed)
        fingerprint = 0
        for index in path:
            fingerprint = int.from_bytes(hash160(self.public_key(secret))[:4], "big")
            secret, chain_code = self.child(secret, chain_code, index)
        child_num = path[-1] if path else 0
        return PublicNode(self.public_key(secret), chain_code, len(path), fingerprint, child_num)


def curve_named(name: str, *, marks_edwards_by_1: bool) -> Curve | None:
    """The curve of that name, None if there is none (Bitcoin's own is not one of them)."""
    return Curve(name, b"\x01" if marks_edwards_by_1 else b"\x00") if name in _SEED_KEYS else None


def on_bitcoins_curve(root: Node, path: Sequence[int]) -> PublicNode:
    """The public node at a path below a BIP32 root."""
    node = root.derive(path)
    return PublicNode(node.public_key, node.chain_code, node.depth, node.fingerprint, node.child_num)
