"""A step that the chain or the venue contradicts is closed by a person, with a reason, in the journal.

Refuses to close anything that can still be settled by asking. The books then show what the places hold
besides what was planned, and by which entry that is explained; nothing is corrected silently.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vault.errors import BooksError
from vault.store import records
from vault.treasury import books, lineage, observe, reconcile
from vault.treasury.execute import require_recorded

if TYPE_CHECKING:
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan

# What no further asking settles: the chain or the venue says something else than the plan.
CONTRADICTIONS: Final = ("books.payment_differs", "books.withdrawal_differs", "books.conflicted")
MAX_REASON: Final = 500
_STEP: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)


def close_step(desk: Desk, plan: Plan, step: str, reason: str) -> books.Explanation:
    """Close step ``TRANSFER.STEP`` of a plan as it is. Raises `BooksError` (``books.not_contradicted``, …).

    The venue or the chain is asked once more first; only what it contradicts can be closed.
    """
    require_recorded(desk, plan)
    if not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise BooksError("no_reason", f"expected a reason of 1 to {MAX_REASON} printable characters")
    intent = _find(desk, plan, step)
    said = {each.client_id: each.note for each in reconcile.settle_plan(desk, plan)}
    note = said.get(intent.client_id, "")
    if not note.startswith(CONTRADICTIONS):
        raise BooksError(
            "not_contradicted",
            f"step {step} of plan {plan.plan_id} is {intent.state}: " + (note or "nothing contradicts it"),
            hint=f"Only {', '.join(CONTRADICTIONS)} can be closed by a person. Run `vault reconcile`.",
        )
    snapshot = observe.take_snapshot(desk)
    places = books.explain(desk, snapshot, plan.transfer(intent.transfer), intent)
    found = books.Explanation(plan.plan_id, intent.transfer, intent.step, reason, note, places)
    with desk.store.write() as writer:
        now = records.find_intent(writer.connection, intent.client_id)
        records.move_intent(writer, now, "closed_by_person", reason=reason, finding=note[:MAX_REASON])
        for later in records.intents(writer.connection, plan.plan_id):
            if later.transfer == intent.transfer and later.state in {"planned", "unsent"}:
                records.move_intent(writer, later, "cancelled")
        books.record_explanation(writer, found)
        lineage.end_plan(writer, plan.plan_id)
    return found


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
