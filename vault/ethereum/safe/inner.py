"""What the inner call of a Safe transaction does: a known call of a known contract, or a change of the Safe.

Refuses the rest by name: what cannot be read in full is neither shown as harmless nor signed.
"""

from __future__ import annotations

from dataclasses import dataclass

from vault.ethereum.decode import DecodedCall, Directory, decode_call
from vault.ethereum.safe.changes import Change, recognise
from vault.ethereum.safe.table import SAFE_TABLE
from vault.ethereum.safe.transaction import SafeTx, require_form


@dataclass(frozen=True, slots=True)
class InnerCall:
    """`change` is there when the Safe calls itself; only a plan's "reconfigure" may."""

    decoded: DecodedCall
    change: Change | None

    def lines(self) -> tuple[str, ...]:
        """The call for a person, in full."""
        if self.change is None:
            return self.decoded.lines()
        return (*self.decoded.lines(), f"CHANGES THE SAFE: {self.change.text}")


def read_inner(tx: SafeTx, directory: Directory | None = None) -> InnerCall:
    """Raises `EthereumError` (``unknown_call``, ``bad_calldata``, ``refused_function``), `SafeError`."""
    require_form(tx)
    known = {tx.safe: SAFE_TABLE, **(directory or {})}
    return InnerCall(decode_call(tx.chain_id, tx.to, tx.value, tx.data, known), recognise(tx))
