"""What a PSBT claims about fields, coins, keys and scripts, held against what we hash and derive ourselves.

Refuses every field that this wallet's signers do not need, since some signer may act on it, amounts that
no hashed previous transaction proves, and keys, paths and scripts that are not the derived ones.
"""

from __future__ import annotations

from typing import Final

from vault.address import base58check_decode
from vault.bitcoin.descriptor import Descriptor, Place
from vault.bitcoin.descriptor_places import PlaceKey
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import Field, FieldMap, KeyOrigin, PsbtInput, PsbtOutput
from vault.bitcoin.scripts import GROUP_KINDS, Kind
from vault.bitcoin.transaction import MAX_MONEY, Transaction, TxIn, TxOut
from vault.errors import PsbtError

# What signers of each kind need besides the coin itself; for inputs and outputs by their own numbers.
_NEEDED: Final[dict[Kind, tuple[str, ...]]] = {
    "p2pkh": ("BIP32_DERIVATION",),
    "p2sh-p2wpkh": ("BIP32_DERIVATION", "REDEEM_SCRIPT"),
    "p2wpkh": ("BIP32_DERIVATION",),
    "p2tr": ("TAP_BIP32_DERIVATION", "TAP_INTERNAL_KEY"),
    "p2wsh": ("BIP32_DERIVATION", "WITNESS_SCRIPT"),
    "p2sh-p2wsh": ("BIP32_DERIVATION", "REDEEM_SCRIPT", "WITNESS_SCRIPT"),
}
_COIN_FIELDS: Final = {In.NON_WITNESS_UTXO, In.WITNESS_UTXO, In.SIGHASH_TYPE}
_INPUT_FIELDS: Final = {kind: _COIN_FIELDS | {In[name] for name in names} for kind, names in _NEEDED.items()}
_OUTPUT_FIELDS: Final = {kind: {Out[name] for name in names} for kind, names in _NEEDED.items()}

# What else is known, by the lie that it would be.
_REFUSED_IN: Final[dict[int, tuple[str, str]]] = {
    In.PARTIAL_SIG: ("already_signed", "expected no signature yet"),
    In.TAP_KEY_SIG: ("already_signed", "expected no signature yet"),
    In.TAP_SCRIPT_SIG: ("already_signed", "expected no signature yet"),
    In.FINAL_SCRIPTSIG: ("already_final", "expected an input that is not final"),
    In.FINAL_SCRIPTWITNESS: ("already_final", "expected an input that is not final"),
    In.REDEEM_SCRIPT: ("foreign_script", "such a coin has no such script"),
    In.WITNESS_SCRIPT: ("foreign_script", "such a coin has no such script"),
    In.TAP_LEAF_SCRIPT: ("script_path", "our taproot coins have no script path"),
    In.TAP_MERKLE_ROOT: ("script_path", "our taproot coins have no script path"),
    In.BIP32_DERIVATION: ("misplaced_field", "does not belong to this kind of coin"),
    In.TAP_BIP32_DERIVATION: ("misplaced_field", "does not belong to this kind of coin"),
    In.TAP_INTERNAL_KEY: ("misplaced_field", "does not belong to this kind of coin"),
    In.PROPRIETARY: ("proprietary_field", "some signer may act on it"),
}
_REFUSED_OUT: Final[dict[int, tuple[str, str]]] = {
    Out.REDEEM_SCRIPT: ("output_script", "such an output has no such script"),
    Out.WITNESS_SCRIPT: ("output_script", "such an output has no such script"),
    Out.TAP_TREE: ("output_script_path", "our taproot outputs have no script path"),
    Out.BIP32_DERIVATION: ("misplaced_output_field", "does not belong to this kind of output"),
    Out.TAP_BIP32_DERIVATION: ("misplaced_output_field", "does not belong to this kind of output"),
    Out.TAP_INTERNAL_KEY: ("misplaced_output_field", "does not belong to this kind of output"),
    Out.PROPRIETARY: ("proprietary_output_field", "some signer may act on it"),
}
_OTHER_SCRIPTS: Final = {"foreign_script", "script_path", "output_script", "output_script_path"}
_UNKNOWN: Final = "expected only fields that this wallet's signers need"

# Previous transactions seen in this PSBT, by their bytes: txid and outputs.
Previous = dict[bytes, tuple[str, tuple[TxOut, ...]]]


def check_global_fields(fields: FieldMap, descriptor: Descriptor) -> None:
    """The unsigned transaction, the version, and extended keys only as our descriptor has them."""
    for field in fields.fields:
        if field.type == Global.XPUB:
            _check_xpub(field.key, field.value, descriptor)
        elif field.type not in {Global.UNSIGNED_TX, Global.VERSION}:
            code = "proprietary_global_field" if field.type == Global.PROPRIETARY else "unknown_global_field"
            raise _refused_field("global map", code, _UNKNOWN, field.type)


def _check_xpub(raw: bytes, value: bytes, descriptor: Descriptor) -> None:
    for key in descriptor.keys:
        if raw == base58check_decode(key.account.text(descriptor.network)):
            if value != _origin(key.fingerprint, key.path):
                raise PsbtError(
                    "global_xpub_origin",
                    f"expected our extended key at {key}, found origin {value[:80].hex()}",
                )
            return
    raise PsbtError(
        "global_xpub",
        f"expected no extended keys but those of our descriptor, found {raw.hex()}",
        hint="A signer could take it for a cosigner. Do not sign.",
    )


def _origin(fingerprint: str, path: tuple[int, ...]) -> bytes:
    return bytes.fromhex(fingerprint) + b"".join(step.to_bytes(4, "little") for step in path)


def check_input_fields(name: str, fields: PsbtInput, kind: Kind, *, in_progress: bool) -> None:
    """No field but those that a signer of this kind needs; signatures only of a group in progress."""
    for found in fields.types():
        if found == In.WITNESS_UTXO and kind == "p2pkh":
            raise _refused_field(
                name,
                "witness_utxo_without_witness",
                "a coin without witness is proven by its transaction",
                found,
            )
        if found == In.PARTIAL_SIG and in_progress and kind in GROUP_KINDS:
            continue
        if found not in _INPUT_FIELDS[kind]:
            code, why = _REFUSED_IN.get(found, ("unknown_field", _UNKNOWN))
            raise _refused_field(name, code, why, found)


def check_output_fields(name: str, fields: PsbtOutput, kind: Kind) -> None:
    """No field but those that prove change of this kind."""
    for found in fields.types():
        if found not in _OUTPUT_FIELDS[kind]:
            code, why = _REFUSED_OUT.get(found, ("unknown_output_field", _UNKNOWN))
            raise _refused_field(name, code, why, found)


def check_no_other_script(name: str, fields: PsbtInput | PsbtOutput, kind: Kind) -> None:
    """No script or script path that a coin of this kind does not have: what both checks above share."""
    of_input = isinstance(fields, PsbtInput)
    refused, needed = (_REFUSED_IN, _INPUT_FIELDS) if of_input else (_REFUSED_OUT, _OUTPUT_FIELDS)
    for found in fields.types():
        code, why = refused.get(found, ("", ""))
        if code in _OTHER_SCRIPTS and found not in needed[kind]:
            raise _refused_field(name, code, why, found)


def is_our_xpub(field: Field, descriptor: Descriptor) -> bool:
    """Whether a global extended key is one of ours. Raises `PsbtError` for one with a false origin."""
    if all(
        field.key != base58check_decode(each.account.text(descriptor.network)) for each in descriptor.keys
    ):
        return False
    _check_xpub(field.key, field.value, descriptor)
    return True


def _refused_field(name: str, code: str, why: str, found: int) -> PsbtError:
    return PsbtError(
        code,
        f"{name}: {why}, found field {found:#04x}",
        hint="A signer may act on it. Build the PSBT again, and find out who put it there.",
    )


def proven_coin(name: str, tx_in: TxIn, fields: PsbtInput, seen: Previous) -> tuple[TxOut, bytes]:
    """The spent output out of the previous transaction, which must hash to the outpoint; for taproot too."""
    raw, point = fields.get(In.NON_WITNESS_UTXO), tx_in.outpoint
    if raw is None:
        raise PsbtError(
            "prevtx_missing",
            f"{name}: expected the previous transaction {point.txid}, found none",
            hint="Amounts are proven by previous transactions only, for taproot too.",
        )
    if raw not in seen:
        previous = Transaction.parse(raw)
        seen[raw] = previous.txid, previous.outputs
    txid, outputs = seen[raw]
    if txid != point.txid:
        raise PsbtError("prevtx_txid", f"{name}: expected previous transaction {point.txid}, found {txid}")
    if point.vout >= len(outputs):
        raise PsbtError(
            "prevtx_output",
            f"{name}: expected output {point.vout} in {point.txid}, found {len(outputs)} outputs",
        )
    coin = outputs[point.vout]
    if coin.value > MAX_MONEY:
        raise PsbtError("bad_coin_amount", f"{name}: expected at most {MAX_MONEY} sat, found {coin.value}")
    claimed = fields.get(In.WITNESS_UTXO)
    if claimed is not None and claimed != coin.serialise():
        lie = TxOut.parse(claimed)
        raise PsbtError(
            "witness_utxo_differs" if lie.value != coin.value else "witness_utxo_script",
            f"{name}: expected {coin.value} sat to {coin.script.hex()} as the previous transaction says, "
            f"found {lie.value} sat to {lie.script.hex()}",
            hint="Somebody lies about the amount to hide the fee, or about the coin. Do not sign.",
        )
    return coin, raw


def origin_fields(fields: PsbtInput | PsbtOutput, kind: Kind) -> tuple[Field, ...]:
    """The key origins that a wallet of this kind goes by."""
    numbers: type[In] | type[Out] = In if isinstance(fields, PsbtInput) else Out
    return fields.all(numbers.TAP_BIP32_DERIVATION if kind == "p2tr" else numbers.BIP32_DERIVATION)


def path_hint(origins: tuple[Field, ...]) -> tuple[bool, int] | None:
    """Where the PSBT claims the keys stand: only a hint on where to look first."""
    for origin in origins:
        branch, index = (int.from_bytes(step, "little") for step in (origin.value[-8:-4], origin.value[-4:]))
        if branch in {0, 1}:
            return bool(branch), index
    return None


def require_claims(
    name: str, fields: PsbtInput | PsbtOutput, origins: tuple[Field, ...], place: Place
) -> None:
    """What the PSBT claims about keys and scripts must be what we derived: devices sign by it."""
    numbers: type[In] | type[Out] = In if isinstance(fields, PsbtInput) else Out
    taproot = place.kind == "p2tr"
    ours = {each.key[1:] if taproot else each.key: each for each in place.keys}
    for field in origins:
        true = ours.get(field.key)
        if true is None or field.value != b"\0" * taproot + _origin(true.fingerprint, true.path):
            raise _false_origin(name, KeyOrigin.read(field, taproot=taproot), true)
    internal = fields.get(numbers.TAP_INTERNAL_KEY) if taproot else None
    if internal is not None and internal not in ours:
        raise PsbtError(
            "internal_key_differs",
            f"{name}: expected internal key {next(iter(ours)).hex()}, found {internal.hex()}",
        )
    for code, number, script in (
        ("redeem_script_differs", numbers.REDEEM_SCRIPT, place.redeem_script),
        ("witness_script_differs", numbers.WITNESS_SCRIPT, place.witness_script),
    ):
        found = fields.get(number) if script else None
        if found is not None and found != script:
            raise PsbtError(
                code if numbers is In else f"output_{code}",
                f"{name}: expected the script {script.hex()}, found {found[:200].hex()}",
                hint="Our keys in another script are not our coins. Do not sign.",
            )


def _false_origin(name: str, origin: KeyOrigin, true: PlaceKey | None) -> PsbtError:
    claim = f"{origin.key.hex()} of {origin.fingerprint} at {list(origin.path)}"
    if true is None:
        return PsbtError("foreign_derivation", f"{name}: expected only keys of this wallet, found {claim}")
    return PsbtError(
        "origin_leaves" if origin.leaves else "origin_differs",
        f"{name}: expected this key of {true.fingerprint} at {list(true.path)} and in no script leaf, "
        f"found {claim}, {origin.leaves} leaves",
    )
