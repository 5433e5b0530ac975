"""Transactions of nobody's plan that spent our coins, as persons closed them: each once, with a reason.

Shared by all operators. Nothing here looks at a chain: what a wallet lost by them is read from its ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.money import Amount
from vault.store import records

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.database import Writer

_KIND: Final = "foreign_spend"


@dataclass(frozen=True, slots=True)
class ClosedSpend:
    """What a person said of a transaction: when, who (as the machine told), why; what left which wallet."""

    txid: str
    at: str
    by: str
    reason: str
    left: tuple[tuple[str, Amount], ...]


def close(writer: Writer, txid: str, by: str, reason: str, left: Mapping[str, Amount]) -> None:
    """Keep that a person has looked at a transaction; its hash goes to the journal with the words."""
    amounts = {wallet: amount.as_json() for wallet, amount in left.items()}
    body = {"at": writer.at, "txid": txid, "by": by, "reason": reason, "left": amounts}
    records.save_document(writer, _KIND, body)
    writer.journal("foreign_spend_closed", txid, body)


def closed(connection: Connection) -> tuple[ClosedSpend, ...]:
    """All that were closed, oldest first."""
    return tuple(
        ClosedSpend(
            body["txid"],
            body["at"],
            body["by"],
            body["reason"],
            tuple((wallet, Amount.from_json(amount)) for wallet, amount in body["left"].items()),
        )
        for body in records.documents(connection, _KIND)
    )
