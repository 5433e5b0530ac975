"""What a PSBT claims: which fields may stand in its maps, and whether its key origins are the true ones.

Refuses every field that a single-signature signer does not need, since some signer may act on it, and
every claim about our keys that differs from what our own descriptor derives.
"""

from __future__ import annotations

from typing import Final

from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.psbt import FieldMap, KeyOrigin, PsbtInput, PsbtOutput
from vault.bitcoin.psbt_fields import Global, In, Out
from vault.errors import PsbtError

# Fields a single-signature signer needs. Whatever else stands in a map, some signer may act on it.
_INPUT_FIELDS: Final = {
    "p2wpkh": {In.NON_WITNESS_UTXO, In.WITNESS_UTXO, In.SIGHASH_TYPE, In.BIP32_DERIVATION},
    "p2tr": {
        In.NON_WITNESS_UTXO,
        In.WITNESS_UTXO,
        In.SIGHASH_TYPE,
        In.TAP_BIP32_DERIVATION,
        In.TAP_INTERNAL_KEY,
    },
}
_OUTPUT_FIELDS: Final = {
    "p2wpkh": {Out.BIP32_DERIVATION},
    "p2tr": {Out.TAP_BIP32_DERIVATION, Out.TAP_INTERNAL_KEY},
}
_SIGNED_FIELDS: Final = {
    In.PARTIAL_SIG,
    In.TAP_KEY_SIG,
    In.TAP_SCRIPT_SIG,
    In.FINAL_SCRIPTSIG,
    In.FINAL_SCRIPTWITNESS,
}
_IN_SCRIPTS: Final = {In.REDEEM_SCRIPT, In.WITNESS_SCRIPT, In.TAP_LEAF_SCRIPT, In.TAP_MERKLE_ROOT}
_OUT_SCRIPTS: Final = {Out.REDEEM_SCRIPT, Out.WITNESS_SCRIPT, Out.TAP_TREE}
_OTHER_KIND_IN: Final = {In.BIP32_DERIVATION, In.TAP_BIP32_DERIVATION, In.TAP_INTERNAL_KEY}
_OTHER_KIND_OUT: Final = {Out.BIP32_DERIVATION, Out.TAP_BIP32_DERIVATION, Out.TAP_INTERNAL_KEY}


def check_global_fields(fields: FieldMap) -> None:
    for kind in fields.types():
        if kind == Global.XPUB:
            raise PsbtError("global_xpub", "expected no extended keys in the global map, found one")
        if kind not in {Global.UNSIGNED_TX, Global.VERSION}:
            raise _unexpected("global map", kind, proprietary=kind == Global.PROPRIETARY)


def _unexpected(where: str, kind: int, *, proprietary: bool) -> PsbtError:
    return PsbtError(
        "proprietary_field" if proprietary else "unknown_field",
        f"{where}: expected only fields that this wallet's signers need, found {kind:#04x}",
        hint="A signer may act on it; build the PSBT again without it.",
    )


def check_input_fields(name: str, fields: PsbtInput, kind: str) -> None:
    for found in fields.types():
        if found in _SIGNED_FIELDS:
            raise PsbtError("already_signed", f"{name}: expected no signature yet, found field {found:#04x}")
        if found in _IN_SCRIPTS:
            raise PsbtError(
                "foreign_script", f"{name}: a single-signature input has no script, found field {found:#04x}"
            )
        if found not in _INPUT_FIELDS[kind]:
            if found in _OTHER_KIND_IN:
                raise _misplaced(name, found, kind)
            raise _unexpected(name, found, proprietary=found == In.PROPRIETARY)


def _misplaced(name: str, found: int, kind: str) -> PsbtError:
    return PsbtError("misplaced_field", f"{name}: field {found:#04x} does not belong to {kind}")


def path_hint(origins: tuple[KeyOrigin, ...], origin_path: tuple[int, ...]) -> tuple[bool, int] | None:
    """Where the PSBT claims the key stands: only a hint on where to look first."""
    for origin in origins:
        if len(origin.path) == len(origin_path) + 2 and origin.path[-2] in {0, 1}:
            return bool(origin.path[-2]), origin.path[-1]
    return None


def require_claims(
    name: str,
    origins: tuple[KeyOrigin, ...],
    internal: bytes | None,
    descriptor: Descriptor,
    place: tuple[bool, int],
) -> None:
    """What the PSBT claims about the key must be what we derived: devices sign by these paths."""
    key, path = descriptor.key(*place), descriptor.path(*place)
    shown = key[1:] if descriptor.kind == "p2tr" else key
    for origin in origins:
        if origin != KeyOrigin(shown, descriptor.origin_fingerprint, path):
            raise PsbtError(
                "origin_differs",
                f"{name}: expected key {shown.hex()} of {descriptor.origin_fingerprint} at {list(path)}, "
                f"found {origin.key.hex()} of {origin.fingerprint} at {list(origin.path)}",
            )
    if internal is not None and internal != key[1:]:
        raise PsbtError(
            "internal_key_differs",
            f"{name}: expected internal key {key[1:].hex()}, found {internal.hex()}",
        )


def check_output_fields(name: str, fields: PsbtOutput, kind: str) -> None:
    for found in fields.types():
        if found in _OUT_SCRIPTS:
            raise PsbtError(
                "output_script", f"{name}: a single-signature output has no script, found field {found:#04x}"
            )
        if found not in _OUTPUT_FIELDS[kind]:
            if found in _OTHER_KIND_OUT:
                raise _misplaced(name, found, kind)
            raise _unexpected(name, found, proprietary=found == Out.PROPRIETARY)
