"""What the caller asks a device to sign, and what it gets back; filled from a verified PSBT.

Pure data. Change is change only because the caller says so; script types, paths, keys and amounts are
checked by `translate` before anything reaches a device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """A key of one wallet: root fingerprint (8 hex digits), full path (hardened: top bit set), and the
    33-byte public key there, as the caller derived it from its descriptor (for p2tr the internal key).
    """

    fingerprint: str
    path: tuple[int, ...]
    key: bytes


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A member of a group: root fingerprint, account path (BIP48), and the account's extended key."""

    fingerprint: str
    path: tuple[int, ...]
    xpub: str


@dataclass(frozen=True, slots=True)
class Multisig:
    """`threshold` of the cosigners; their derived keys stand sorted in the script (BIP67)."""

    threshold: int
    cosigners: tuple[Cosigner, ...]


@dataclass(frozen=True, slots=True)
class GroupOrigin:
    """A place in a group's wallet: branch (0 receive, 1 change) and index below every account."""

    group: Multisig
    branch: int
    index: int


Origin = KeyOrigin | GroupOrigin


@dataclass(frozen=True, slots=True)
class SpendInput:
    """An input to be signed with a key of the device.

    `txid` is the 64 hex digits as shown by explorers, `amount_sat` satoshi, `script_type` p2pkh,
    p2sh-p2wpkh, p2wpkh, p2tr, or of a group p2sh, p2sh-p2wsh, p2wsh; `prevtx` the whole previous
    transaction (also for p2tr), `sighash` what the PSBT asks for.
    """

    txid: str
    vout: int
    sequence: int
    amount_sat: int
    script_type: str
    origin: Origin
    prevtx: bytes
    sighash: int | None = None


@dataclass(frozen=True, slots=True)
class SpendOutput:
    """An output with its script. A payment has an `address`, change has the `change` key's origin, and
    an OP_RETURN output neither.
    """

    amount_sat: int
    script_pubkey: bytes
    address: str | None = None
    change: Origin | None = None


@dataclass(frozen=True, slots=True)
class PartialSignature:
    """A cosigner's signature of a group's input: derived key, strict DER without the sighash byte."""

    input: int
    key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """An unsigned transaction, in the order of the PSBT; `partial` is what other cosigners signed.

    `accounts`: of a group's keys that the device holds, only those below these paths are asked for; None
    asks for all.
    """

    version: int
    locktime: int
    inputs: tuple[SpendInput, ...]
    outputs: tuple[SpendOutput, ...]
    partial: tuple[PartialSignature, ...] = ()
    accounts: frozenset[tuple[int, ...]] | None = None

    @property
    def fee_sat(self) -> int:
        """What the inputs hold and the outputs do not."""
        return sum(i.amount_sat for i in self.inputs) - sum(o.amount_sat for o in self.outputs)


@dataclass(frozen=True, slots=True)
class SignedInputs:
    """What the device signed, each proven against our own signature hash.

    `signatures`: (input index, signature) of every input with a single key, in order of the index;
    strict DER without the sighash byte (SIGHASH_ALL), p2tr: 64 bytes (SIGHASH_DEFAULT). `partial`: of
    groups' inputs, ours only.
    """

    signatures: tuple[tuple[int, bytes], ...]
    partial: tuple[PartialSignature, ...] = ()


OnSigned = Callable[[int, int], None]  # inputs signed so far, of how many


def nobody_counts(_signed: int, _total: int) -> None:
    """An `OnSigned` for callers that show no progress."""
