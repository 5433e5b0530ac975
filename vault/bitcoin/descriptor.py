"""Output descriptors of our own wallets (BIP380, 382, 386, 389): parse, derive, recognise.

Understood: ``wpkh([fp/84h/1h/0h]tpub…/<0;1>/*)#checksum`` and the same with ``tr``. Refused: private
keys, another network, a missing or failing checksum, an origin that contradicts the key, scripts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from vault.address import Network, address_of, hash160
from vault.attestation import ATTESTATION_ACCOUNT
from vault.bip32 import HARDENED, ExtendedKey, taproot_output_key
from vault.errors import ConfigError

Kind = Literal["p2wpkh", "p2tr"]

_FUNCTIONS: Final[dict[str, Kind]] = {"wpkh": "p2wpkh", "tr": "p2tr"}
_FORM: Final = re.compile(
    r"(wpkh|tr)\(\[([0-9a-f]{8})((?:/[0-9]{1,10}[h']?){1,8})\]([1-9A-HJ-NP-Za-km-z]{100,120})/<0;1>/\*\)",
    re.ASCII,
)
_MAX_LENGTH: Final = 300

# BIP380: the characters of a descriptor in the checksum's order, and the checksum's own alphabet.
_INPUT: Final = (
    "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
)
_CHECKSUM: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)


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


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A watch-only single-signature wallet: account key with its origin, receive and change branch.

    `change` False is branch 0 (receive), True branch 1 (BIP389 ``<0;1>``); hardened steps of
    `origin_path` carry the top bit.
    """

    kind: Kind
    network: Network
    origin_fingerprint: str
    origin_path: tuple[int, ...]
    account: ExtendedKey

    @classmethod
    def parse(cls, text: str, network: Network) -> Descriptor:
        """Read a descriptor with its checksum. Raises `ConfigError`."""
        if len(text) > _MAX_LENGTH:
            raise ConfigError("bad_descriptor", f"expected at most {_MAX_LENGTH} characters, found more")
        body, mark, checksum = text.partition("#")
        if any(secret in body for secret in ("xprv", "tprv")):
            raise ConfigError(
                "private_key",
                "expected a descriptor with a public key, found a private one",
                hint="Remove it from this machine and consider its coins exposed.",
            )
        if not mark or descriptor_checksum(body) != checksum:
            raise ConfigError(
                "descriptor_checksum",
                f"expected a descriptor that ends in its BIP380 checksum, found {text!r}",
                hint="Copy the descriptor again, whole, from where the device was set up.",
            )
        match = _FORM.fullmatch(body)
        if match is None:
            raise ConfigError(
                "bad_descriptor",
                "expected wpkh([fingerprint/84h/…]xpub/<0;1>/*) or tr([fingerprint/86h/…]xpub/<0;1>/*), "
                f"found {body!r}",
                hint="Write one descriptor for both branches, with the key's origin.",
            )
        function, fingerprint, steps, key = match.groups()
        return cls.build(_FUNCTIONS[function], network, fingerprint, _read_path(steps), key)

    @classmethod
    def build(
        cls, kind: Kind, network: Network, fingerprint: str, path: tuple[int, ...], xpub: str
    ) -> Descriptor:
        """From what a device says: its fingerprint and the extended key at `path`. Raises `ConfigError`."""
        account = ExtendedKey.parse(xpub, network)
        if not re.fullmatch("[0-9a-f]{8}", fingerprint):
            raise ConfigError(
                "bad_descriptor", f"expected a fingerprint of 8 hex digits, found {fingerprint!r}"
            )
        if not path or account.depth != len(path) or account.child_number != path[-1]:
            raise ConfigError(
                "descriptor_origin",
                f"expected an extended key at {path_text(path)}, found depth {account.depth}, "
                f"child {path_text((account.child_number,))[2:]}",
                hint="The path and the key in the descriptor belong to different accounts.",
            )
        if path[1:2] and path[1] != network.coin_type | HARDENED:
            raise ConfigError(
                "descriptor_origin",
                f"expected coin type {network.coin_type}h for {network.name}, found {path_text(path)}",
            )
        if path[:1] == (84 | HARDENED,) and path[2:3] == (ATTESTATION_ACCOUNT | HARDENED,):
            raise ConfigError(
                "reserved_account",
                f"account {ATTESTATION_ACCOUNT}h holds attestation keys and must never hold coins",
                hint="Use another account for this wallet.",
            )
        return cls(kind, network, fingerprint, path, account)

    def text(self, *, branch: int | None = None) -> str:
        """The descriptor with its checksum; of one branch only (0 or 1) where an old tool wants that."""
        function = {"p2wpkh": "wpkh", "p2tr": "tr"}[self.kind]
        branches = "<0;1>" if branch is None else str(branch)
        origin = f"{self.origin_fingerprint}{path_text(self.origin_path)[1:]}"
        body = f"{function}([{origin}]{self.account.text(self.network)}/{branches}/*)"
        return f"{body}#{descriptor_checksum(body)}"

    def path(self, change: bool, index: int) -> tuple[int, ...]:
        """Full path from the master key."""
        return (*self.origin_path, int(change), index)

    def key(self, change: bool, index: int) -> bytes:
        """The 33-byte public key at that place (for p2tr the internal key, still with its parity byte)."""
        return self.account.child(int(change), index)

    def script_pubkey(self, change: bool, index: int) -> bytes:
        """The output script at that place."""
        key = self.key(change, index)
        if self.kind == "p2tr":
            return b"\x51\x20" + taproot_output_key(key[1:])
        return b"\x00\x14" + hash160(key)

    def address(self, change: bool, index: int) -> str:
        """The address at that place."""
        return address_of(self.script_pubkey(change, index), self.network)

    def find(self, script: bytes, hint: tuple[bool, int] | None, gap: int) -> tuple[bool, int] | None:
        """Where in this wallet `script` stands, by deriving it again; None when it does not.

        `hint` (as a PSBT claims it) is tried first and believed only if the derived script is equal.
        Otherwise both branches are searched below index `gap`.
        """
        if hint is not None and 0 <= hint[1] < HARDENED and self.script_pubkey(*hint) == script:
            return bool(hint[0]), hint[1]
        if len(script) != (34 if self.kind == "p2tr" else 22):
            return None
        for index in range(gap):
            for change in (False, True):
                if self.script_pubkey(change, index) == script:
                    return change, index
        return None


def _read_path(steps: str) -> tuple[int, ...]:
    path = []
    for step in steps.split("/")[1:]:
        hardened = step[-1] in "h'"
        number = int(step.rstrip("h'"))
        if number >= HARDENED:
            raise ConfigError("bad_descriptor", f"expected path steps below 2^31, found {step}")
        path.append(number | HARDENED if hardened else number)
    return tuple(path)
