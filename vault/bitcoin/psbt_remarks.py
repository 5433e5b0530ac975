"""What in a PSBT deserves a person's look though nothing contradicts it: fields, sighash, locks, keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vault.bitcoin.psbt.checks import strict_der
from vault.bitcoin.psbt.convert import dropped_by_v0
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import witness_stack
from vault.bitcoin.psbt.fields import TABLE, Global, In, MapName, name_of
from vault.bitcoin.psbt.maps import FieldMap, PsbtInput
from vault.bitcoin.psbt.v2 import Modifiable, modifiable
from vault.bitcoin.spend import RBF_SEQUENCE

_LOCKTIME_IS_TIME: Final = 500_000_000
_LONGEST_PUSH, _PUSHDATA1 = 75, 0x4C
_SIGHASH_NAMES: Final = {0: "DEFAULT", 1: "ALL", 2: "NONE", 3: "SINGLE"}
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Remark:
    """A stable code, where it is about, and what there is to say."""

    code: str
    where: str
    message: str


def warnings_of(psbt: Psbt) -> Iterator[Remark]:
    """Everything that can be said from the PSBT's own form."""
    yield from _unknown("global", "global map", psbt.globals)
    for number, each in enumerate(psbt.inputs):
        yield from _unknown("input", f"input {number}", each)
        sighash = each.sighash()
        if sighash is not None and sighash not in {0, 1}:
            yield Remark(
                "unusual_sighash", f"input {number}", f"asks for {_sighash(sighash)}: not all is signed"
            )
        if each.get(In.POR_COMMITMENT) is not None:
            yield Remark("ownership_statement", f"input {number}", "asks to sign a statement about the coin")
        for signed in _signed_under(each):
            if signed != 1 and (sighash is None or sighash in {0, 1}):
                yield Remark("unusual_sighash", f"input {number}", f"is signed under {_sighash(signed)}")
    for number, output in enumerate(psbt.outputs):
        yield from _unknown("output", f"output {number}", output)
    xpubs = len(psbt.globals.all(Global.XPUB))
    if xpubs:
        yield Remark(
            "global_xpubs", "global map", f"{xpubs} extended key(s): whoever reads it sees all addresses"
        )
    yield from _locks(psbt)
    if psbt.version == 2:
        if modifiable(psbt.globals) & (Modifiable.INPUTS | Modifiable.OUTPUTS):
            yield Remark("still_modifiable", "global map", "inputs or outputs may still be added")
        for text in dropped_by_v0(psbt)[:_MOST]:
            yield Remark("version_2_only", "version 2", text)
    if not psbt.inputs or not psbt.outputs:
        yield Remark("unfinished", "transaction", "has no inputs, or no outputs")


def _signed_under(fields: PsbtInput) -> Iterator[int]:
    """The sighash bytes of what looks like a signature, in the final scripts too; a node tells no more."""
    yield from (field.value[-1] for field in fields.all(In.PARTIAL_SIG))
    witness = witness_stack(fields)
    annex = len(witness) > 1 and witness[-1][:1] == b"\x50"
    by_key = witness[:1] if len(witness) == 1 + annex else ()
    schnorr = (field.value for kind in (In.TAP_KEY_SIG, In.TAP_SCRIPT_SIG) for field in fields.all(kind))
    yield from (each[-1] for each in (*schnorr, *by_key) if len(each) == 65)
    for each in (*witness, *_pushed(fields.get(In.FINAL_SCRIPTSIG) or b"")):
        if 9 <= len(each) <= 73 and strict_der(each[:-1]):
            yield each[-1]


def _pushed(script_sig: bytes) -> Iterator[bytes]:
    """The items of a scriptSig of pushes of up to 255 bytes, up to the first opcode that is none."""
    rest = script_sig
    while rest:
        size, rest = rest[0], rest[1:]
        if size == _PUSHDATA1 and rest:
            size, rest = rest[0], rest[1:]
        elif size > _LONGEST_PUSH:
            return
        yield rest[:size]
        rest = rest[size:]


def _sighash(number: int) -> str:
    name = _SIGHASH_NAMES.get(number & 0x7F, f"{number:#x}")
    return f"sighash {name}" + (" | ANYONECANPAY" if number & 0x80 else "")


def _unknown(where: MapName, name: str, fields: FieldMap) -> Iterator[Remark]:
    for kind in fields.types():
        if kind not in TABLE[where] or kind == Global.PROPRIETARY:
            code = "proprietary_field" if kind == Global.PROPRIETARY else "unknown_field"
            yield Remark(code, name, f"field {name_of(where, kind)}: some signer may act on it")


def _locks(psbt: Psbt) -> Iterator[Remark]:
    locktime = psbt.unsigned.locktime
    sequences = [each.sequence for each in psbt.unsigned.inputs]
    if locktime and any(each != 0xFFFFFFFF for each in sequences):
        unit = "the time" if locktime >= _LOCKTIME_IS_TIME else "block"
        yield Remark("locktime", "transaction", f"is valid only after {unit} {locktime}")
    if psbt.unsigned.version >= 2 and any(not each & (1 << 31) for each in sequences):
        yield Remark("relative_locktime", "inputs", "a sequence demands that its coin be of some age (BIP68)")
    if any(each <= RBF_SEQUENCE for each in sequences):
        yield Remark("replaceable", "inputs", "the transaction says that it may be replaced (BIP125)")
