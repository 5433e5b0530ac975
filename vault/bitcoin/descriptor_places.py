"""A place of a wallet: branch and index, the scripts there, and whose keys are in them.

Everything is derived from the descriptor's keys; what a PSBT says about scripts, keys and paths is
compared with this and never the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vault.address import hash160
from vault.bip32 import taproot_output_key
from vault.bitcoin import scripts
from vault.bitcoin.descriptor_text import KeyExpression, path_text
from vault.bitcoin.scripts import Kind


@dataclass(frozen=True, slots=True)
class PlaceKey:
    """A 33-byte key at a place: which cosigner's (its number in the descriptor), and its full path."""

    key: bytes
    cosigner: int
    fingerprint: str
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """`keys` stand in the order of the script (sorted, for a group). For p2tr the key is the internal one.

    `change` False is branch 0 (receive), True branch 1. Scripts that the kind does not have are empty.
    """

    kind: Kind
    change: bool
    index: int
    threshold: int
    keys: tuple[PlaceKey, ...]
    script_pubkey: bytes
    redeem_script: bytes = b""
    witness_script: bytes = b""

    @property
    def script_code(self) -> bytes:
        """The script that a signature commits to (legacy, BIP143); taproot has no use for it."""
        return self.witness_script or scripts.p2pkh(hash160(self.keys[0].key))

    @property
    def where(self) -> str:
        """The place as people read it."""
        if len(self.keys) == 1:
            return path_text(self.keys[0].path)
        return f"{int(self.change)}/{self.index}, {self.threshold} of {len(self.keys)} keys"


def make_place(
    kind: Kind, threshold: int, accounts: Sequence[KeyExpression], change: bool, index: int
) -> Place:
    """Derive the keys two unhardened steps below every account, and the scripts of them."""
    branch = int(change)
    keys = [
        PlaceKey(each.account.child(branch, index), number, each.fingerprint, (*each.path, branch, index))
        for number, each in enumerate(accounts)
    ]
    keys.sort(key=lambda each: each.key)
    script, redeem, witness = _scripts(kind, threshold, [each.key for each in keys])
    return Place(kind, bool(change), index, threshold, tuple(keys), script, redeem, witness)


def _scripts(kind: Kind, threshold: int, keys: list[bytes]) -> tuple[bytes, bytes, bytes]:
    """Output script, redeem script and witness script."""
    if kind == "p2tr":
        return scripts.p2tr(taproot_output_key(keys[0][1:])), b"", b""
    if kind == "p2pkh":
        return scripts.p2pkh(hash160(keys[0])), b"", b""
    if kind == "p2wpkh":
        return scripts.p2wpkh(keys[0]), b"", b""
    if kind == "p2sh-p2wpkh":
        redeem = scripts.p2wpkh(keys[0])
        return scripts.p2sh(redeem), redeem, b""
    witness = scripts.multisig(threshold, keys)
    program = scripts.p2wsh(witness)
    return (program, b"", witness) if kind == "p2wsh" else (scripts.p2sh(program), program, witness)
