"""Which transactions of a wallet's history belong to which plan, and whom they pay. Asks nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.codec import decode
from vault.store import records
from vault.treasury.plan import Payment

if TYPE_CHECKING:
    from vault.treasury.desk import Desk


@dataclass(frozen=True, slots=True)
class PlanTransaction:
    """A transaction of a plan: what it does, and the entries of the address book that it pays."""

    plan_id: str
    transfer: int
    action: str
    payments: tuple[Payment, ...]

    @property
    def line(self) -> str:
        paid = ", ".join(f"{each.amount} to {each.destination}" for each in self.payments)
        action = self.action.replace("_", "-")
        return f"plan {self.plan_id} transfer {self.transfer}: {action}" + (f" {paid}" if paid else "")


def transactions_of_plans(desk: Desk) -> dict[str, PlanTransaction]:
    """By transaction id: what we signed, and what venues sent for us."""
    with desk.store.read() as connection:
        spends = records.intents_of_kind(connection, "spend")
        withdrawals = records.intents_of_kind(connection, "withdraw")
    named = [(str(step.facts.get("txid", "")), step) for step in spends]
    named += [(step.reference, step) for step in withdrawals]
    return {
        txid: PlanTransaction(
            step.plan_id,
            step.transfer,
            str(step.facts["action"]),
            decode(step.facts["payments"], tuple[Payment, ...], what="payments"),
        )
        for txid, step in named
        if txid
    }
