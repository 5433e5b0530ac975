"""What was signed and not sent by us: whoever else has the bytes, or the owners' signatures, may send it.

Refuses to take absence for the end of it: what was signed is valid until its nonce is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.clock import to_iso
from vault.store import records
from vault.treasury import lineage
from vault.treasury.ethereum.following import (
    done_elsewhere,
    executed_outside,
    node_of,
    nonce_used,
    safe_nonce,
    transfer_of,
)
from vault.treasury.ethereum.safes import kept

if TYPE_CHECKING:
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk

# Plans that have something to wait for once a transaction of theirs is found.
_BEGUN_BY_OTHERS: Final = frozenset({"approved", "cancelled", "failed", "replaced"})


def look_for(desk: Desk, row: IntentRow) -> tuple[IntentRow, str]:
    """A transaction that was signed and not sent by us, if it is out all the same: it is followed then.

    Returns the step as it stands then, and what is to be said.
    """
    own = str(row.facts.get("txid", ""))
    node = node_of(desk, row)
    with node.session():
        transfer = transfer_of(desk, row) if row.facts.get("safe") else None
        other = executed_outside(desk, node, transfer) if transfer is not None else ""
        if other and done_elsewhere(desk, row, other) is not None:
            other = ""
        txid = other or ("" if row.state == "replaced" else own)
        if not txid:
            return row, ""
        found = node.transaction(txid)
        mined = node.receipt(txid) is not None
    if found is None and not mined:
        return row, ""
    code, what = {
        "cancelled": ("cancelled_but_sent", "given up"),
        "replaced": ("replaced_but_executed", "replaced"),
    }.get(row.state, ("sent_outside", "not sent here"))
    where = "on the chain" if mined else "in the mempool"
    note = f"books.{code}: {txid} was {what} and is {where} all the same; it is followed and counted"
    now = to_iso(desk.clock.now())
    since = row.facts.get("first_submitted_at") or row.facts.get("asked_at") or now
    move = records.reopen_intent if row.state == "cancelled" else records.move_intent
    with desk.store.write() as writer:
        facts = {"first_submitted_at": str(since), "found_at": now}
        if other:
            facts |= {"txid": own or other, "executed_by": other}
        state = "sent" if mined else "accepted"
        if row.state == "replaced":
            row = records.reopen_intent(writer, row, "displaced")
        moved = move(writer, row, state, reference=txid, submitted_at=now, **facts)
        for step in records.intents(writer.connection, row.plan_id):
            over = step.state in {"cancelled", "replaced"}
            if step.transfer == row.transfer and step.step > row.step and over:
                records.reopen_intent(writer, step, "planned")
        lineage.seen(writer, moved)
        lineage.begin_again(writer, row.plan_id, _BEGUN_BY_OTHERS, "books.sent_outside")
    return moved, note


def still_sendable(desk: Desk, row: IntentRow) -> str:
    """The hash of a signed transaction that is nowhere and whose nonce nobody has used; else empty.

    What enough owners of a Safe have signed needs no transaction of ours: it is named by its own hash
    (``safe_hash``), and the Safe's nonce ends it.
    """
    node = node_of(desk, row)
    with node.session():
        txid = str(row.facts.get("txid", "")) if "raw" in row.facts else ""
        if txid and node.transaction(txid) is None and not nonce_used(node, row):
            return txid
        transfer = transfer_of(desk, row) if owners_signed(row) else None
        call = None if transfer is None else transfer.ethereum.safe
        if transfer is None or call is None or len(kept(transfer, row)) < call.threshold:
            return ""
        return str(row.facts["safe_hash"]) if safe_nonce(node, call.address) <= call.nonce else ""


def owners_signed(row: IntentRow) -> bool:
    """True where owners' signatures of a Safe's call are kept, enough of them or not."""
    return "safe" in row.facts and "owners" in row.facts
