"""Transactions of nobody's plan that spent our coins, as persons closed them: each once, with a reason.

Shared by all operators. Nothing here looks at a chain: what a wallet lost by them is read from its ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from vault.canonical import read_json
from vault.money import Amount
from vault.store import records, schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.database import Writer

_KIND: Final = "foreign_spend"
# Observations right after an opening that are searched for the wallet.
_FIRST: Final = 10


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


def height_observed(connection: Connection, wallet: str, since: str) -> int | None:
    """The chain's height in the first observation of a wallet from an instant on; None where none is kept."""
    columns = schema.document.c
    query = select(columns.body).where(columns.kind == "snapshot", columns.at >= since)
    for body in connection.execute(query.order_by(columns.at).limit(_FIRST)).scalars():
        for each in read_json(body)["wallets"]:
            if each["name"] == wallet:
                return int(each["tip_height"])
    return None
