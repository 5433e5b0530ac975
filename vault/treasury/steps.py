"""The steps of a transfer, as intents that are journaled before anything leaves the machine.

A venue withdrawal is an internal move and a withdrawal; a spend is one transaction; a top-up is a
spend, a credit that is waited for, and an internal move. Client ids come from the plan's digest, so a
step has the same id at every attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from vault.canonical import canonical_json
from vault.store import records
from vault.store.records import IntentRow

if TYPE_CHECKING:
    from vault.store.database import Store, Writer
    from vault.treasury.plan import Plan, Transfer

StepKind = Literal["to_spot", "withdraw", "spend", "credit", "to_margin"]

# Moves between two wallets of one venue account: the coins do not leave the venue.
INTERNAL: Final = frozenset({"to_spot", "to_margin"})
# Steps by which coins leave an account or a wallet; they are bound by the plan's expiry.
OUTWARD: Final = frozenset({"to_spot", "withdraw", "spend"})


def steps_of(transfer: Transfer) -> tuple[StepKind, ...]:
    """The kinds of steps of a transfer, in the order in which they must be done."""
    if transfer.kind == "venue_withdrawal":
        return ("to_spot", "withdraw")
    if transfer.venue_account:
        return ("spend", "credit", "to_margin")
    return ("spend",)


def ensure_intents(store: Store, plan: Plan) -> list[IntentRow]:
    """The plan's intents, written as ``planned`` (all or none) when they are not there yet."""
    with store.write() as writer:
        if not records.intents(writer.connection, plan.plan_id):
            for transfer in plan.body.transfers:
                for number, kind in enumerate(steps_of(transfer), start=1):
                    records.save_intent(writer, _planned(writer, plan, transfer, number, kind))
        return records.intents(writer.connection, plan.plan_id)


def _planned(writer: Writer, plan: Plan, transfer: Transfer, step: int, kind: StepKind) -> IntentRow:
    amount = transfer.gross if kind in {"to_spot", "withdraw"} else transfer.amount
    facts = {
        "action": transfer.action,
        "source": transfer.source,
        "destination": transfer.destination,
        "address": transfer.address,
        "amount": amount.as_json(),
        "fee": transfer.fee.as_json(),
    }
    return IntentRow(
        client_id=plan.client_id(transfer, step),
        plan_id=plan.plan_id,
        transfer=transfer.number,
        step=step,
        kind=kind,
        state="planned",
        submitted_at=None,
        updated_at=writer.at,
        reference="",
        body=canonical_json(facts),
    )


def settled(intents: list[IntentRow]) -> bool:
    """True when every step is done."""
    return all(intent.state == "done" for intent in intents)


def under_way(intents: list[IntentRow]) -> bool:
    """True while a transfer of which something was tried is neither done nor ended by a refusal."""
    for transfer in {intent.transfer for intent in intents}:
        states = {intent.state for intent in intents if intent.transfer == transfer}
        begun = states - {"planned", "signing", "signed"}
        if begun and states != {"done"} and not begun & {"refused", "cancelled"}:
            return True
    return False


def next_step(intents: list[IntentRow], transfer: int) -> IntentRow | None:
    """The first step of a transfer that is not done; None when all are."""
    for intent in intents:
        if intent.transfer == transfer and intent.state != "done":
            return intent
    return None
