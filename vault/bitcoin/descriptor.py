"""Output descriptors of our own wallets (BIP380 to 389): parse, derive, recognise.

Six kinds: one key by ``pkh``, ``sh(wpkh)``, ``wpkh`` or ``tr``, or m of n cosigners by ``sortedmulti``
in ``wsh`` or ``sh(wsh)``. Refused: another network, an origin that contradicts the key or the kind,
cosigners that are not told apart, the account of the attestation keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vault.address import Network, address_of
from vault.attestation import ATTESTATION_ACCOUNT
from vault.bip32 import GROUP_PURPOSE, GROUP_STEPS, HARDENED, SINGLE_PURPOSES, ExtendedKey
from vault.bitcoin.descriptor_places import Place, make_place
from vault.bitcoin.descriptor_text import (
    KeyExpression,
    descriptor_checksum,
    path_text,
    read_descriptor,
    write_descriptor,
)
from vault.bitcoin.scripts import GROUP_KINDS, MAX_KEYS, Kind, script_length
from vault.errors import ConfigError

__all__ = ["Descriptor", "KeyExpression", "Kind", "Place", "PlaceFinder", "descriptor_checksum", "path_text"]

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A watch-only wallet: kind, network, and the account keys with their origins, as they were written.

    `change` False is branch 0 (receive), True branch 1 (BIP389 ``<0;1>``). The keys' order does not
    change the scripts. `threshold` is 1 for a wallet of one key.
    """

    kind: Kind
    network: Network
    keys: tuple[KeyExpression, ...]
    threshold: int = 1

    @classmethod
    def parse(cls, text: str, network: Network) -> Descriptor:
        """Read a descriptor with its checksum. Raises `ConfigError`."""
        kind, threshold, keys = read_descriptor(text, network)
        return cls.of_keys(kind, network, threshold, keys)

    @classmethod
    def build(
        cls, kind: Kind, network: Network, fingerprint: str, path: tuple[int, ...], xpub: str
    ) -> Descriptor:
        """From what a device says: its fingerprint and the extended key at `path`. Raises `ConfigError`."""
        key = KeyExpression(fingerprint, path, ExtendedKey.parse(xpub, network))
        return cls.of_keys(kind, network, 1, (key,))

    @classmethod
    def of_keys(
        cls, kind: Kind, network: Network, threshold: int, keys: tuple[KeyExpression, ...]
    ) -> Descriptor:
        """From account keys, one or those of all cosigners. Raises `ConfigError`."""
        for key in keys:
            _check_origin(kind, network, key)
        if kind in GROUP_KINDS:
            _check_group(threshold, keys)
        elif len(keys) != 1 or threshold != 1:
            raise ConfigError("bad_group", f"expected one key for {kind}, found {threshold} of {len(keys)}")
        return cls(kind, network, keys, threshold)

    def text(self, *, branch: int | None = None) -> str:
        """The descriptor with its checksum; of one branch only (0 or 1) where an old tool wants that."""
        return write_descriptor(self.kind, self.threshold, self.keys, self.network, branch)

    @property
    def group(self) -> bool:
        """Whether several cosigners hold the keys."""
        return self.kind in GROUP_KINDS

    @property
    def sole(self) -> KeyExpression:
        """The key of a wallet with one key. Raises `ConfigError` (``config.group_descriptor``)."""
        if self.group:
            raise ConfigError(
                "group_descriptor",
                f"expected a wallet of one key, found {self.threshold} of {len(self.keys)} ({self.kind})",
                hint="This step knows no groups of cosigners.",
            )
        return self.keys[0]

    @property
    def origin_fingerprint(self) -> str:
        """Root fingerprint of a wallet with one key."""
        return self.sole.fingerprint

    @property
    def origin_path(self) -> tuple[int, ...]:
        """Account path of a wallet with one key."""
        return self.sole.path

    @property
    def account(self) -> ExtendedKey:
        """Account key of a wallet with one key."""
        return self.sole.account

    def path(self, change: bool, index: int) -> tuple[int, ...]:
        """Full path from the master key, of a wallet with one key."""
        return (*self.sole.path, int(change), index)

    def key(self, change: bool, index: int) -> bytes:
        """The 33-byte public key at that place (for p2tr the internal key, still with its parity byte)."""
        return self.sole.account.child(int(change), index)

    def place(self, change: bool, index: int) -> Place:
        """Scripts and keys at that place. Raises `ConfigError` for an index that is no unhardened one."""
        return make_place(self.kind, self.threshold, self.keys, change, index)

    def script_pubkey(self, change: bool, index: int) -> bytes:
        """The output script at that place."""
        return self.place(change, index).script_pubkey

    def address(self, change: bool, index: int) -> str:
        """The address at that place."""
        return address_of(self.script_pubkey(change, index), self.network)

    def find(self, script: bytes, hint: tuple[bool, int] | None, gap: int) -> tuple[bool, int] | None:
        """Where in this wallet `script` stands, by deriving it again; None when it does not.

        `hint` (as a PSBT claims it) is tried first and believed only if the derived script is equal.
        Otherwise both branches are searched below index `gap`.
        """
        place = PlaceFinder(self, gap).find(script, hint)
        return None if place is None else (place.change, place.index)


class PlaceFinder:
    """Looks for scripts in one wallet; what it has derived on the way it keeps for the next question."""

    def __init__(self, descriptor: Descriptor, gap: int) -> None:
        self._descriptor = descriptor
        self._known: dict[bytes, Place] = {}
        self._rest = self._search(gap)

    def _search(self, gap: int) -> Iterator[Place]:
        for index in range(gap):
            for change in (False, True):
                yield self._descriptor.place(change, index)

    def find(self, script: bytes, hint: tuple[bool, int] | None) -> Place | None:
        """The place of `script` (see `Descriptor.find`)."""
        if len(script) != script_length(self._descriptor.kind):
            return None
        if script in self._known:
            return self._known[script]
        if hint is not None and 0 <= hint[1] < HARDENED:
            place = self._descriptor.place(*hint)
            if place.script_pubkey == script:
                return place
        for place in self._rest:
            self._known[place.script_pubkey] = place
            if place.script_pubkey == script:
                return place
        return None


def _check_origin(kind: Kind, network: Network, key: KeyExpression) -> None:
    path, account = key.path, key.account
    if not _FINGERPRINT.fullmatch(key.fingerprint):
        raise ConfigError(
            "bad_descriptor", f"expected a fingerprint of 8 hex digits, found {key.fingerprint!r}"
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
    if path[2:3] == (ATTESTATION_ACCOUNT | HARDENED,):
        raise ConfigError(
            "reserved_account",
            f"account {ATTESTATION_ACCOUNT}h holds attestation keys and must never hold coins",
            hint="Use another account for this wallet.",
        )
    _check_standard_path(kind, network, path)


def _check_standard_path(kind: Kind, network: Network, path: tuple[int, ...]) -> None:
    steps = [SINGLE_PURPOSES.get(kind, GROUP_PURPOSE), network.coin_type, path[2] if len(path) > 2 else 0]
    if kind in GROUP_STEPS:
        steps.append(GROUP_STEPS[kind])
    if path != tuple(step | HARDENED for step in steps):
        last = f"/{GROUP_STEPS[kind]}h" if kind in GROUP_STEPS else ""
        raise ConfigError(
            "descriptor_path",
            f"expected m/{steps[0]}h/{steps[1]}h/account'{last} for {kind}, found {path_text(path)}",
            hint="Devices refuse other paths, and a wallet restored from its seed does not look there.",
        )


def _check_group(threshold: int, keys: tuple[KeyExpression, ...]) -> None:
    """Every cosigner is another one: nobody may count twice towards the threshold."""
    if not 2 <= len(keys) <= MAX_KEYS or not 1 <= threshold <= len(keys):
        raise ConfigError(
            "bad_group",
            f"expected 2 to {MAX_KEYS} cosigners and a threshold within them, "
            f"found {threshold} of {len(keys)}",
        )
    for number, key in enumerate(keys):
        for earlier in keys[:number]:
            same_origin = (key.fingerprint, key.path) == (earlier.fingerprint, earlier.path)
            if same_origin or key.account.key == earlier.account.key:
                raise ConfigError(
                    "cosigner_twice",
                    f"expected each cosigner once, found {key} and {earlier} "
                    + ("at the same place" if same_origin else "with the same key"),
                    hint="One person would count twice. Every cosigner gives a key of their own.",
                )
