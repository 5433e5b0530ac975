"""What BIP174 has every signer check before it signs, and nothing that needs a plan or a wallet.

Refuses a coin that is not given or not the one spent, a witness UTXO of an output that has no witness,
scripts that do not hash to what is spent, and a sighash type nobody agreed to.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from vault.address import script_type
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import is_final
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.psbt.maps import PsbtInput
from vault.bitcoin.scripts import p2sh, p2wsh
from vault.bitcoin.transaction import TxIn, TxOut
from vault.errors import PsbtError

# The whole transaction, ECDSA's way and taproot's.
WHOLE_TRANSACTION: Final = frozenset({0x00, 0x01})
_WITNESS: Final = frozenset({"p2wpkh", "p2wsh", "p2tr"})


def check_signer_rules(psbt: Psbt, sighashes: Collection[int] = WHOLE_TRANSACTION) -> None:
    """Every input that is not final yet, by BIP174's rules for signers. Raises `PsbtError`.

    Codes: ``utxo_missing``, ``prevtx_txid``, ``prevtx_output``, ``witness_utxo_differs``,
    ``witness_utxo_without_witness``, ``redeem_script_differs``, ``witness_script_differs``,
    ``redeem_script_missing``, ``witness_script_missing``, ``sighash``.
    """
    for number, (tx_in, fields) in enumerate(zip(psbt.unsigned.inputs, psbt.inputs, strict=True)):
        if not is_final(fields):
            _check(f"input {number}", tx_in, fields, sighashes)


def _check(name: str, tx_in: TxIn, fields: PsbtInput, sighashes: Collection[int]) -> None:
    coin = _coin(name, tx_in, fields)
    script = _behind_p2sh(name, coin.script, fields.get(In.REDEEM_SCRIPT))
    kind = script_type(script)
    _check_witness_script(name, script, kind, fields.get(In.WITNESS_SCRIPT))
    if fields.get(In.WITNESS_UTXO) is not None and kind not in _WITNESS:
        raise PsbtError(
            "witness_utxo_without_witness",
            f"{name}: expected a previous transaction for an output without witness ({kind}), found a "
            "witness UTXO",
            hint="Its amount would be signed by nobody.",
        )
    sighash = fields.sighash()
    if sighash is not None and sighash not in sighashes:
        raise PsbtError(
            "sighash",
            f"{name}: expected the whole transaction to be signed, found sighash {sighash:#x}",
        )


def _coin(name: str, tx_in: TxIn, fields: PsbtInput) -> TxOut:
    """The spent output; both sources agree where both are given."""
    previous, claimed, point = fields.previous_transaction(), fields.witness_utxo(), tx_in.outpoint
    if previous is None:
        if claimed is None:
            raise PsbtError("utxo_missing", f"{name}: expected the coin {point} to be given, found none")
        return claimed
    if previous.txid != point.txid:
        raise PsbtError(
            "prevtx_txid", f"{name}: expected previous transaction {point.txid}, found {previous.txid}"
        )
    if point.vout >= len(previous.outputs):
        raise PsbtError(
            "prevtx_output",
            f"{name}: expected output {point.vout} in {point.txid}, found {len(previous.outputs)} outputs",
        )
    coin = previous.outputs[point.vout]
    if claimed is not None and claimed != coin:
        raise PsbtError(
            "witness_utxo_differs",
            f"{name}: expected {coin.value} sat to {coin.script.hex()} as the previous transaction says, "
            f"found {claimed.value} sat to {claimed.script.hex()}",
            hint="Somebody lies about the amount to hide the fee. Do not sign.",
        )
    return coin


def _behind_p2sh(name: str, script: bytes, redeem: bytes | None) -> bytes:
    """The script that decides how the coin is signed."""
    if redeem is None:
        if script_type(script) == "p2sh":
            raise PsbtError("redeem_script_missing", f"{name}: expected the redeem script, found none")
        return script
    if p2sh(redeem) != script:
        raise PsbtError(
            "redeem_script_differs",
            f"{name}: expected the redeem script of {script.hex()}, found {redeem[:80].hex()}",
        )
    return redeem


def _check_witness_script(name: str, script: bytes, kind: str, witness_script: bytes | None) -> None:
    if witness_script is None:
        if kind == "p2wsh":
            raise PsbtError("witness_script_missing", f"{name}: expected the witness script, found none")
    elif p2wsh(witness_script) != script:
        raise PsbtError(
            "witness_script_differs",
            f"{name}: expected the witness script of {script.hex()}, found {witness_script[:80].hex()}",
        )
