"""Version 0 (BIP174): one unsigned transaction in the global map says what inputs and outputs there are.

Refuses one with a witness or a filled scriptSig, one no block could hold, and amounts beyond all coins.
"""

from __future__ import annotations

from typing import Final

from vault.bitcoin.psbt.checks import require_amount
from vault.bitcoin.psbt.fields import Global
from vault.bitcoin.psbt.maps import FieldMap
from vault.bitcoin.transaction import Transaction
from vault.errors import PsbtError

# Four weight units a byte without witness, four million in a block (BIP141).
MAX_UNSIGNED_BYTES: Final = 1_000_000


def unsigned_transaction(top: FieldMap) -> Transaction:
    """The transaction of a checked global map."""
    raw = top.get(Global.UNSIGNED_TX)
    if raw is None:
        raise PsbtError("no_unsigned_tx", "expected an unsigned transaction in the global map, found none")
    require_size(len(raw))
    unsigned = Transaction.parse(raw, allow_empty=True)
    if any(each.script_sig for each in unsigned.inputs):
        raise PsbtError(
            "unsigned_tx_signed", "expected an unsigned transaction, found one with a filled scriptSig"
        )
    for number, each in enumerate(unsigned.outputs):
        require_amount(each.value, f"output {number}: ")
    return unsigned


def require_size(size: int) -> None:
    """Raises `PsbtError` (``psbt.too_large``) for an unsigned transaction that no block could hold."""
    if size > MAX_UNSIGNED_BYTES:
        raise PsbtError(
            "too_large", f"unsigned transaction: expected at most {MAX_UNSIGNED_BYTES} bytes, found {size}"
        )
