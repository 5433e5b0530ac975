"""Signatures by keys in the test's own hands, over the hashes of embit, for what a device would return."""

from __future__ import annotations

from typing import Any

from coincurve import PrivateKey
from embit import script
from embit.transaction import Transaction, TransactionInput, TransactionOutput

from vault.device.bitcoin.request import SpendRequest


def unsigned(request: SpendRequest) -> Any:
    """The transaction as embit has it."""
    return Transaction(
        version=request.version,
        vin=[TransactionInput(bytes.fromhex(i.txid), i.vout, sequence=i.sequence) for i in request.inputs],
        vout=[TransactionOutput(o.amount_sat, script.Script(o.script_pubkey)) for o in request.outputs],
        locktime=request.locktime,
    )


def good_signatures(wallet: Any, request: SpendRequest) -> list[bytes]:
    """What an honest device returns for inputs with a single key."""
    tx = unsigned(request)
    spent = [wallet.script(each.origin.path) for each in request.inputs]
    values = [each.amount_sat for each in request.inputs]
    found = []
    for index, each in enumerate(request.inputs):
        key = wallet.key(each.origin.path)
        if each.script_type == "p2tr":
            digest = tx.sighash_taproot(index, spent, values)
            found.append(bytes(key.key.taproot_tweak().schnorr_sign(digest).serialize()))
            continue
        code = script.p2pkh(key.to_public().key)
        legacy = each.script_type == "p2pkh"
        digest = tx.sighash_legacy(index, code) if legacy else tx.sighash_segwit(index, code, values[index])
        found.append(PrivateKey(key.secret).sign(digest, hasher=None))
    return found
