"""What the caller asks a device to sign, and what it gets back; filled from a verified PSBT.

Pure data. Change is change only because the caller says so; script types, paths and amounts are checked
by `translate` before anything reaches a device.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """Where a key comes from: root fingerprint (8 hex digits) and full path (hardened: top bit set)."""

    fingerprint: str
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SpendInput:
    """An input that the device's own key spends.

    `txid` is the 64 hex digits as shown by explorers, `amount_sat` satoshi, `script_type` p2wpkh or
    p2tr, `prevtx` the whole previous transaction (also for p2tr), `sighash` what the PSBT asks for.
    """

    txid: str
    vout: int
    sequence: int
    amount_sat: int
    script_type: str
    origin: KeyOrigin
    prevtx: bytes
    sighash: int | None = None


@dataclass(frozen=True, slots=True)
class SpendOutput:
    """An output with its script. A payment has an `address`; change has the `change` key's origin."""

    amount_sat: int
    script_pubkey: bytes
    address: str | None = None
    change: KeyOrigin | None = None


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """An unsigned transaction, in the order of the PSBT."""

    version: int
    locktime: int
    inputs: tuple[SpendInput, ...]
    outputs: tuple[SpendOutput, ...]

    @property
    def fee_sat(self) -> int:
        """What the inputs hold and the outputs do not."""
        return sum(i.amount_sat for i in self.inputs) - sum(o.amount_sat for o in self.outputs)


@dataclass(frozen=True, slots=True)
class SignedInputs:
    """(input index, signature) for every input, in order of the index.

    p2wpkh: strict DER without the sighash byte (SIGHASH_ALL); p2tr: 64 bytes (SIGHASH_DEFAULT). Only
    their form is checked here; the caller verifies each against its own sighash.
    """

    signatures: tuple[tuple[int, bytes], ...]
