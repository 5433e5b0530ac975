"""A step that the chain or the venue contradicts is closed by a person, with a reason, in the journal.

Refuses to close anything that can still be settled by asking. The books then show what the places hold
besides what was planned, and by which entry that is explained; nothing is corrected silently. What was to
follow the step is given up: it becomes another plan, or is done at the venue.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vault.canonical import canonical_json
from vault.clock import from_iso
from vault.errors import BooksError
from vault.money import Amount
from vault.store import records
from vault.treasury import books, lineage, observe, reconcile
from vault.treasury.ethereum.arrivals import is_ethereum, nonce_is_final
from vault.treasury.execute import require_recorded
from vault.treasury.movements import CREDITED
from vault.treasury.settle_spend import spenders
from vault.treasury.settle_withdrawal import LOOK_BACK

if TYPE_CHECKING:
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer

# What no further asking settles: the chain or the venue says something else than the plan.
CONTRADICTIONS: Final = (
    "books.payment_differs",
    "books.payment_unproven",
    "books.payment_untold",
    "books.withdrawal_differs",
    "books.conflicted",
    "books.credit_differs",
    "books.cancelled_but_sent",
    "books.payment_found",
    "venue.ambiguous_withdrawal",
)
MAX_REASON: Final = 500
_STEP: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)


def close_step(desk: Desk, plan: Plan, step: str, reason: str) -> books.Explanation:
    """Close step ``TRANSFER.STEP`` of a plan as it is. Raises `BooksError` (``books.not_contradicted``, …).

    The venue or the chain is asked once more first; only what it contradicts can be closed.
    """
    require_recorded(desk, plan)
    require_reason(reason)
    intent = _find(desk, plan, step)
    said = {each.client_id: each.note for each in reconcile.settle_plan(desk, plan)}
    note = said.get(intent.client_id, "")
    if not note.startswith(CONTRADICTIONS):
        raise BooksError(
            "not_contradicted",
            f"step {step} of plan {plan.plan_id} is {intent.state}: " + (note or "nothing contradicts it"),
            hint=f"Only {', '.join(CONTRADICTIONS)} can be closed by a person. Run `vault reconcile`.",
        )
    transfer = plan.transfer(intent.transfer)
    facts = _found(desk, plan, transfer, intent, note)
    closed = replace(intent, state="closed_by_person", body=canonical_json({**intent.facts, **facts}))
    places = books.explain(desk, observe.take_snapshot(desk), transfer, closed)
    found = books.Explanation(plan.plan_id, intent.transfer, intent.step, reason, note, places)
    with desk.store.write() as writer:
        now = records.find_intent(writer.connection, intent.client_id)
        records.move_intent(
            writer, now, "closed_by_person", reason=reason, finding=note[:MAX_REASON], **facts
        )
        for later in records.intents(writer.connection, plan.plan_id):
            if later.transfer == intent.transfer and later.state in {"planned", "unsent"}:
                records.move_intent(writer, later, "cancelled")
        books.record_explanation(writer, found)
        lineage.end_plan(writer, plan.plan_id)
    return found


def require_reason(reason: str) -> None:
    """A reason that the journal can keep. Raises `BooksError` (``books.no_reason``)."""
    if not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise BooksError("no_reason", f"expected a reason of 1 to {MAX_REASON} printable characters")


def _found(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, note: str) -> dict[str, str]:
    """What is booked of the step when it is closed. Raises `BooksError` while that is not final."""
    if note.startswith("books.credit_differs"):
        return {CREDITED: _credited(desk, plan, transfer)}
    if note.startswith("books.cancelled_but_sent"):
        _require_final_spender(desk, intent)
    return {}


def _credited(desk: Desk, plan: Plan, transfer: Transfer) -> str:
    """What the venue says it credited for the transaction of a transfer; nothing when it refused."""
    with desk.store.read() as connection:
        steps = records.intents(connection, plan.plan_id)
    spend = next(each for each in steps if (each.transfer, each.kind) == (transfer.number, "spend"))
    first = spend.facts.get("first_submitted_at") or spend.submitted_at or spend.updated_at
    deposit = desk.venues.find_deposit(
        transfer.venue_account,
        transfer.amount.asset.symbol,
        transfer.venue_network,
        spend.reference,
        transfer.payment.address,
        from_iso(first) - LOOK_BACK,
    )
    if deposit is None or deposit.state == "pending":
        raise BooksError("not_contradicted", f"{transfer.venue_account}: the credit is not final any more")
    nothing = Amount.zero(transfer.amount.asset)
    return (deposit.amount if deposit.state == "credited" else nothing).number


def _require_final_spender(desk: Desk, intent: IntentRow) -> None:
    """Whatever took the coins of a spend, or its nonce on Ethereum, is confirmed at the configured depth."""
    if is_ethereum(str(intent.facts.get("network", ""))):
        if not nonce_is_final(desk, intent):
            raise _not_final(f"the nonce {intent.facts['nonce']} of {intent.facts['sender']} used", "it free")
        return
    deep = desk.treasury.config.bitcoin.confirmations
    found = {txid: desk.backend().final_status(txid) for txid in sorted(spenders(desk, intent))}
    if not any(status.confirmations >= deep for status in found.values()):
        named = ", ".join(f"{txid} is {status.confirmations} deep" for txid, status in found.items())
        raise _not_final(f"a transaction that is {deep} deep and spends its coins", named or "none")


def _not_final(expected: str, found: str) -> BooksError:
    return BooksError(
        "not_final",
        f"expected {expected}, found {found}",
        hint="Until then the other transaction may still win. Run `vault reconcile` later.",
    )


def _find(desk: Desk, plan: Plan, step: str) -> IntentRow:
    wanted = _STEP.fullmatch(step)
    with desk.store.read() as connection:
        for intent in records.intents(connection, plan.plan_id):
            if wanted and (intent.transfer, intent.step) == tuple(map(int, wanted.groups())):
                return intent
    raise BooksError(
        "no_step",
        f"plan {plan.plan_id} has no step {step!r}",
        hint="Steps are TRANSFER.STEP, as `vault reconcile` prints them: 1.2",
    )
