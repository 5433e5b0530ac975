"""Public BIP32 derivation and the BIP341 output key, on libsecp256k1.

Refuses private keys (a watch-only program has no use for one), hardened steps from a public key, and
extended keys of another network, depth or form.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.address import Network, base58check_decode, base58check_encode
from vault.errors import AddressError, ConfigError

if TYPE_CHECKING:
    from coincurve import PublicKey

HARDENED: Final = 0x80000000
# BIP44, BIP49, BIP84, BIP86: which purpose holds which single-key script type.
SINGLE_PURPOSES: Final[dict[str, int]] = {"p2pkh": 44, "p2sh-p2wpkh": 49, "p2wpkh": 84, "p2tr": 86}
# BIP48: the fourth step of a group's account path by its script type.
GROUP_PURPOSE: Final = 48
GROUP_STEPS: Final[dict[str, int]] = {"p2sh": 0, "p2sh-p2wsh": 1, "p2wsh": 2}
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_XPRV: Final = (bytes.fromhex("0488ade4"), bytes.fromhex("04358394"))


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """An extended public key (BIP32): 33-byte key, chain code, and where it stands in its tree."""

    key: bytes
    chain_code: bytes
    depth: int
    parent: bytes
    child_number: int

    @classmethod
    def parse(cls, text: str, network: Network) -> ExtendedKey:
        """Read an xpub or tpub of `network`. Raises `ConfigError`; a private key is never echoed."""
        try:
            data = base58check_decode(text)
        except AddressError as error:
            raise ConfigError(
                "bad_extended_key",
                f"expected an extended public key: {error.code.partition('.')[2]}",
                hint="Copy the xpub again, whole.",
            ) from None
        if data[:4] in _XPRV:
            raise ConfigError(
                "private_key",
                "expected an extended PUBLIC key, found a private one",
                hint="Remove it from this machine and consider its coins exposed.",
            )
        if len(data) != 78 or data[:4] != network.xpub:
            raise ConfigError(
                "foreign_extended_key",
                f"expected an extended public key of {network.name}, found version bytes {data[:4].hex()}",
                hint="xpub belongs to mainnet, tpub to the test networks; other prefixes are not used here.",
            )
        if not _is_point(data[45:]):
            raise ConfigError("bad_extended_key", "expected a point of the curve in the extended key")
        return cls(data[45:], data[13:45], data[4], data[5:9], int.from_bytes(data[9:13], "big"))

    def text(self, network: Network) -> str:
        """The Base58Check form."""
        return base58check_encode(
            network.xpub
            + bytes([self.depth])
            + self.parent
            + self.child_number.to_bytes(4, "big")
            + self.chain_code
            + self.key
        )

    def child(self, change: int, index: int) -> bytes:
        """The 33-byte key two unhardened steps below this one."""
        return derive(*derive(self.key, self.chain_code, change), index)[0]


def _is_point(key: bytes) -> bool:
    from coincurve import PublicKey

    try:
        PublicKey(key)
    except ValueError:
        return False
    return len(key) == 33


@functools.lru_cache(maxsize=8192)
def derive(key: bytes, chain_code: bytes, index: int) -> tuple[bytes, bytes]:
    """One unhardened step (BIP32 CKDpub): child key and chain code.

    The invalid case (probability below 2^-127) is refused, as BIP32 says.
    """
    if not 0 <= index < HARDENED:
        raise ConfigError("bad_index", f"expected an unhardened index below 2^31, found {index}")
    digest = hmac.new(chain_code, key + index.to_bytes(4, "big"), hashlib.sha512).digest()
    if not 0 < int.from_bytes(digest[:32], "big") < _ORDER:
        raise ConfigError("bad_index", f"index {index} has no key (BIP32); use the next one")
    return bytes(_point(key).add(digest[:32]).format()), digest[32:]


@functools.lru_cache(maxsize=64)
def _point(key: bytes) -> PublicKey:
    """A key that has many children: decompressed once."""
    from coincurve import PublicKey

    return PublicKey(key)


def tagged_hash(tag: str, data: bytes) -> bytes:
    """BIP340's tagged SHA-256."""
    return hashlib.sha256(_tag(tag) + data).digest()


@functools.cache
def _tag(tag: str) -> bytes:
    return hashlib.sha256(tag.encode()).digest() * 2


@functools.lru_cache(maxsize=8192)
def taproot_output_key(internal: bytes) -> bytes:
    """The x-only output key of an x-only internal key without scripts (BIP86, BIP341).

    Q = lift_x(P) + int(hash_TapTweak(P)) * G. Raises ValueError when `internal` is no x coordinate.
    """
    from coincurve import PublicKey

    if len(internal) != 32:
        raise ValueError(f"expected 32 bytes, found {len(internal)}")
    return PublicKey(b"\x02" + internal).add(tagged_hash("TapTweak", internal)).format()[1:]
