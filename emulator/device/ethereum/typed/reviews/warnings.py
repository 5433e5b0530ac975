"""Primary types that OneKey warns of by name: they let someone else spend."""

from __future__ import annotations

PRO_PERMITS = frozenset(
    {"Permit", "PermitBatch", "PermitBatchTransferFrom", "PermitSingle", "PermitTransferFrom"}
)
CLASSIC_PERMITS = PRO_PERMITS | {"PermitWitnessTransferFrom"}
_ORDERS = frozenset({"Order", "OrderComponents"})


def authorization(primary_type: str, permits: frozenset[str]) -> str:
    """What the warning calls the request."""
    if primary_type in permits:
        return "Permit"
    return "Order" if primary_type in _ORDERS else "signTypedData"
