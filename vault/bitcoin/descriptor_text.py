"""Descriptors as text (BIP380 to 389): checksum, key expressions with their origin, and the six forms.

Refuses a missing or failing checksum, private keys, keys without origin, and every form that is none
of ours; says nothing yet on whether keys and paths fit (see `descriptor`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.address import Network
from vault.bip32 import HARDENED, ExtendedKey
from vault.bitcoin.scripts import GROUP_KINDS, Kind
from vault.errors import ConfigError

# What stands around the keys. Every text that begins and ends like one of these is of no other form.
_FORMS: Final[dict[Kind, tuple[str, str]]] = {
    "p2pkh": ("pkh(", ")"),
    "p2sh-p2wpkh": ("sh(wpkh(", "))"),
    "p2wpkh": ("wpkh(", ")"),
    "p2tr": ("tr(", ")"),
    "p2wsh": ("wsh(sortedmulti(", "))"),
    "p2sh-p2wsh": ("sh(wsh(sortedmulti(", ")))"),
}
_KEY: Final = re.compile(
    r"\[([0-9a-f]{8})((?:/[0-9]{1,10}[h']?){1,8})\]([1-9A-HJ-NP-Za-km-z]{100,120})/<0;1>/\*", re.ASCII
)
_THRESHOLD: Final = re.compile(r"[1-9][0-9]?", re.ASCII)
# Fifteen cosigners stay below this.
_MAX_LENGTH: Final = 4000

# BIP380: the characters of a descriptor in the checksum's order, and the checksum's own alphabet.
_INPUT: Final = (
    "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
)
_CHECKSUM: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)


@dataclass(frozen=True, slots=True)
class KeyExpression:
    """A key with its origin: root fingerprint (8 hex digits), path of the account, the account's key.

    Hardened steps of `path` carry the top bit.
    """

    fingerprint: str
    path: tuple[int, ...]
    account: ExtendedKey

    def __str__(self) -> str:
        return f"[{self.fingerprint}{path_text(self.path)[1:]}]"


def _polymod(check: int, value: int) -> int:
    top = check >> 35
    check = (check & 0x7FFFFFFFF) << 5 ^ value
    for bit, generator in enumerate(_GENERATOR):
        check ^= generator if (top >> bit) & 1 else 0
    return check


def descriptor_checksum(text: str) -> str:
    """The eight characters of BIP380's checksum. Raises `ConfigError` for a foreign character."""
    check, group, count = 1, 0, 0
    for char in text:
        position = _INPUT.find(char)
        if position < 0:
            raise ConfigError("bad_descriptor", f"a descriptor cannot hold the character {char!r}")
        check = _polymod(check, position & 31)
        group, count = group * 3 + (position >> 5), count + 1
        if count == 3:
            check, group, count = _polymod(check, group), 0, 0
    if count:
        check = _polymod(check, group)
    for _ in range(8):
        check = _polymod(check, 0)
    check ^= 1
    return "".join(_CHECKSUM[(check >> 5 * (7 - i)) & 31] for i in range(8))


def path_text(path: tuple[int, ...]) -> str:
    """A BIP32 path as people write it: ``m/84h/0h/0h/1/5``."""
    return "m" + "".join(f"/{step & ~HARDENED}{'h' if step & HARDENED else ''}" for step in path)


def read_descriptor(text: str, network: Network) -> tuple[Kind, int, tuple[KeyExpression, ...]]:
    """Kind, threshold and keys, as written, of a descriptor whose checksum holds. Raises `ConfigError`."""
    if len(text) > _MAX_LENGTH:
        raise ConfigError("bad_descriptor", f"expected at most {_MAX_LENGTH} characters, found more")
    body, mark, checksum = text.partition("#")
    if any(secret in body for secret in ("xprv", "tprv")):
        raise ConfigError(
            "private_key",
            "expected a descriptor with public keys, found a private one",
            hint="Remove it from this machine and consider its coins exposed.",
        )
    if not mark or descriptor_checksum(body) != checksum:
        raise ConfigError(
            "descriptor_checksum",
            f"expected a descriptor that ends in its BIP380 checksum, found {text!r}",
            hint="Copy the descriptor again, whole, from where the device was set up.",
        )
    for kind, (opening, closing) in _FORMS.items():
        if body.startswith(opening) and body.endswith(closing):
            threshold, keys = _split(kind, body, body[len(opening) : -len(closing)])
            return kind, threshold, tuple(_read_key(each, body, network) for each in keys)
    raise _bad_form(body)


def _split(kind: Kind, body: str, inner: str) -> tuple[int, list[str]]:
    if kind not in GROUP_KINDS:
        return 1, [inner]
    threshold, *keys = inner.split(",")
    if not _THRESHOLD.fullmatch(threshold):
        raise _bad_form(body)
    return int(threshold), keys


def _read_key(text: str, body: str, network: Network) -> KeyExpression:
    match = _KEY.fullmatch(text)
    if match is None:
        raise _bad_form(body)
    fingerprint, steps, xpub = match.groups()
    return KeyExpression(fingerprint, _read_path(steps), ExtendedKey.parse(xpub, network))


def _bad_form(body: str) -> ConfigError:
    return ConfigError(
        "bad_descriptor",
        "expected pkh(KEY), sh(wpkh(KEY)), wpkh(KEY), tr(KEY), wsh(sortedmulti(m,KEY,…)) or "
        "sh(wsh(sortedmulti(m,KEY,…))), each KEY as [fingerprint/84h/…]xpub/<0;1>/*, "
        f"found {body!r}",
        hint="Write one descriptor for both branches, with the origin of every key.",
    )


def _read_path(steps: str) -> tuple[int, ...]:
    path = []
    for step in steps.split("/")[1:]:
        hardened = step[-1] in "h'"
        number = int(step.rstrip("h'"))
        if number >= HARDENED:
            raise ConfigError("bad_descriptor", f"expected path steps below 2^31, found {step}")
        path.append(number | HARDENED if hardened else number)
    return tuple(path)


def write_descriptor(
    kind: Kind, threshold: int, keys: Sequence[KeyExpression], network: Network, branch: int | None
) -> str:
    """The descriptor with its checksum; `branch` None stands for both."""
    opening, closing = _FORMS[kind]
    branches = "<0;1>" if branch is None else str(branch)
    written = [f"{key}{key.account.text(network)}/{branches}/*" for key in keys]
    inner = [str(threshold), *written] if kind in GROUP_KINDS else written
    body = opening + ",".join(inner) + closing
    return f"{body}#{descriptor_checksum(body)}"
