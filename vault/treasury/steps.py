"""The steps of a transfer, as intents that are journaled before anything leaves the machine.

A venue withdrawal is as many internal moves as the exchange's route has, and a withdrawal; a spend is one
transaction; a top-up is a spend, a credit that is waited for, and the internal moves. A transfer whose
transaction was replaced by another one of ours is over. Client ids come from the plan's digest, so a
step has the same id at every attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from vault.canonical import canonical_json
from vault.codec import encode
from vault.errors import VaultError
from vault.store import records
from vault.store.records import IntentRow

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.database import Store, Writer
    from vault.treasury.plan import Move, Plan, Transfer

StepKind = Literal["to_spot", "withdraw", "spend", "credit", "to_margin"]

# Moves between two wallets of one venue account: the coins do not leave the venue.
INTERNAL: Final = frozenset({"to_spot", "to_margin"})
# Steps by which coins leave an account or a wallet; they are bound by the plan's expiry.
OUTWARD: Final = frozenset({"to_spot", "withdraw", "spend"})


class PlannedStep(NamedTuple):
    """One step of a transfer; `move` is there where it goes between two wallets of an account."""

    kind: StepKind
    move: Move | None = None


def steps_of(transfer: Transfer) -> tuple[PlannedStep, ...]:
    """The steps of a transfer, in the order in which they must be done."""
    if transfer.kind == "venue_withdrawal":
        return (*(PlannedStep("to_spot", move) for move in transfer.moves), PlannedStep("withdraw"))
    inward = tuple(PlannedStep("to_margin", move) for move in transfer.moves)
    if transfer.kind == "venue_move":
        return inward
    if transfer.credited:
        return (PlannedStep("spend"), PlannedStep("credit"), *inward)
    return (PlannedStep("spend"),)


def ensure_intents(store: Store, plan: Plan) -> list[IntentRow]:
    """The plan's intents, written as ``planned`` (all or none) when they are not there yet."""
    with store.write() as writer:
        if not records.intents(writer.connection, plan.plan_id):
            for transfer in plan.body.transfers:
                for number, each in enumerate(steps_of(transfer), start=1):
                    records.save_intent(writer, _planned(writer, plan, transfer, number, each))
        return records.intents(writer.connection, plan.plan_id)


def tip_when_made(connection: Connection, plan: Plan, network: str = "") -> int | None:
    """The height of a chain in the observation that the plan rests on; None where it is not kept.

    `network` is that of an Ethereum chain (``eip155:1``); every other name is Bitcoin's.
    """
    try:
        body: Any = records.document(connection, plan.body.snapshot_digest)
    except VaultError:
        return None
    chain = network if network.startswith("eip155:") else ""
    wallets = [each for each in body["wallets"] if each.get("network", "") == chain]
    return max((int(wallet["tip_height"]) for wallet in wallets), default=None)


def _height_when_made(connection: Connection, plan: Plan, transfer: Transfer) -> int | None:
    return transfer.call.block if transfer.call else tip_when_made(connection, plan, transfer.network)


def may_have_left(step: IntentRow) -> bool:
    """True for a transaction whose bytes left this machine, or may have: whoever has them can send them."""
    return step.kind == "spend" and bool(step.facts.get("first_submitted_at", step.submitted_at))


def _planned(writer: Writer, plan: Plan, transfer: Transfer, step: int, each: PlannedStep) -> IntentRow:
    kind = each.kind
    amount = transfer.gross if kind in {"to_spot", "withdraw"} else transfer.amount
    if transfer.kind == "venue_move":
        amount = transfer.returned
    facts: dict[str, object] = {
        "action": transfer.action,
        "source": transfer.source,
        "payments": encode(transfer.payments),
        "amount": amount.as_json(),
        "fee": transfer.fee.as_json(),
    }
    if each.move is not None:
        facts |= {"from_wallet": each.move.source, "to_wallet": each.move.destination}
    if kind == "spend":
        facts |= {"coins": list(transfer.uses), "replaces": transfer.replaces}
    if (call := transfer.call) is not None:
        facts |= {"network": transfer.network, "sender": call.sender, "nonce": str(call.nonce)}
        if (safe := call.safe) is not None:
            facts["safe"] = f"{transfer.network}/{safe.address.lower()}/{safe.nonce}"
    if kind in OUTWARD and (tip := _height_when_made(writer.connection, plan, transfer)) is not None:
        facts["tip_when_made"] = tip
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


def bound_by_expiry(transfer: Transfer, step: IntentRow) -> bool:
    """Whether a step is checked once more and sent only while the plan lives.

    What was begun inside a venue is brought to its end: coins between two wallets help nobody.
    """
    return step.kind in OUTWARD or (transfer.kind == "venue_move" and step.step == 1)


# What a step's state is called where people ask how far a transfer is; other states are their own word.
_STAGES: Final[dict[tuple[str, str], str]] = {
    ("withdraw", "done"): "credited",
    ("credit", "done"): "credited",
    ("withdraw", "sent"): "sent with txid",
    ("spend", "sent"): "sent with txid",
}


def stage_of(step: IntentRow) -> str:
    """How far a step is: planned, submitting, unknown, accepted, processing, sent with txid, credited, …

    A venue's withdrawal is ``processing`` once its history shows it: a receipt alone is ``accepted``.
    """
    if step.kind == "withdraw" and step.state == "accepted" and step.facts.get("venue_state"):
        return "sent with txid" if step.facts.get("venue_txid") else "processing"
    return _STAGES.get((step.kind, step.state), step.state)


# The fact that says what contradicts a step that left: its code and message, "" when nothing does any more.
DISPUTED: Final = "disputed"


def disputed(step: IntentRow) -> str:
    """What venue or chain said of a step that is open and not what was planned; "" of every other."""
    return str(step.facts.get(DISPUTED, "")) if step.state == "accepted" else ""


# States of a step whose result is not final: nothing of its plan is given up meanwhile.
MOVING: Final = frozenset({"submitting", "unknown", "accepted", "sent", "displaced"})
# States of a step after which its transfer goes no further.
ENDED: Final = frozenset({"refused", "cancelled", "replaced", "closed_by_person"})


def _transfers(intents: list[IntentRow]) -> list[set[str]]:
    """The states of each transfer's steps."""
    numbers = dict.fromkeys(intent.transfer for intent in intents)
    return [{intent.state for intent in intents if intent.transfer == number} for number in numbers]


def settled(intents: list[IntentRow]) -> bool:
    """True when every transfer is done, or another transaction of ours did it instead."""
    return all(states == {"done"} or "replaced" in states for states in _transfers(intents))


def under_way(intents: list[IntentRow]) -> bool:
    """True while a transfer of which something was tried is neither done nor ended."""
    return any(
        states - {"planned", "signing", "signed"} and states != {"done"} and not states & ENDED
        for states in _transfers(intents)
    )


def outcome_of_plan(intents: list[IntentRow]) -> tuple[str, str]:
    """The state of a plan of which nothing is left to happen, and why; empty while something is."""
    found = _transfers(intents)
    if settled(intents):
        if found and not any(states == {"done"} for states in found):
            return "replaced", "another transaction of ours took its place"
        return "done", "all steps done"
    if any(states & (ENDED - {"replaced"}) for states in found) and not under_way(intents):
        return "failed", "a step was refused or closed"
    return "", ""


def next_step(intents: list[IntentRow], transfer: int) -> IntentRow | None:
    """The first step of a transfer that is not done; None when all are."""
    for intent in intents:
        if intent.transfer == transfer and intent.state != "done":
            return intent
    return None
