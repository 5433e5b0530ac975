"""Transactions that a signer was asked for and nobody here has sent: whoever else has the signatures can.

A cosigner's program, a signer that was given a file, or a copy of what a plan gave up may send them at any
time while their coins are unspent. They are looked for on the chain, and followed and counted once found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.bitcoin.scripts import push
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.clock import to_iso
from vault.errors import BooksError, VaultError
from vault.store import records
from vault.treasury import history, lineage
from vault.treasury.ethereum.following import is_ethereum
from vault.treasury.ethereum.outside import look_for
from vault.treasury.lineage import Lineage
from vault.treasury.settle_spend import spenders
from vault.treasury.spending import psbt_bytes
from vault.treasury.steps import may_have_left

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.bitcoin.spend import VerifiedSpend
    from vault.store.database import Writer
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk

# Plans that have something to wait for once a transaction of theirs is found. One that is frozen goes no
# further; what is on its way is followed all the same.
_BEGUN_BY_OTHERS = frozenset({"approved", "cancelled", "failed"})


def txid_when_signed(verified: VerifiedSpend) -> str:
    """The id that the transaction will have, empty when only its signatures settle it (p2pkh)."""
    from dataclasses import replace

    if verified.expected.descriptor.kind == "p2pkh":
        return ""
    opened = tuple(
        replace(tx_in, script_sig=push(each.place.redeem_script) if each.place.redeem_script else b"")
        for tx_in, each in zip(verified.unsigned.inputs, verified.inputs, strict=True)
    )
    return replace(verified.unsigned, inputs=opened).txid


def strays(connection: Connection) -> list[IntentRow]:
    """Spends that were signed or being signed, and not sent by us, that can still confirm.

    None whose coin a final transaction of ours has spent: that is what ends the looking.
    """
    family = Lineage(connection)
    return [row for row in family.rows if _was_asked(row) and not family.beaten(row)]


def _was_asked(row: IntentRow) -> bool:
    if row.state == "replaced":  # of a Safe's call only what its executor would have sent was
        return {"asked_at", "safe"} <= set(row.facts)
    if row.state == "cancelled":
        return not {"asked_at", "txid"}.isdisjoint(row.facts)
    return row.state in {"signing", "signed"}


def take_up(desk: Desk) -> list[tuple[IntentRow, IntentRow, str]]:
    """Look for every stray, one question each, and follow those that are found.

    Returns the step before and after, and what is to be said; sources that fail are said, not raised.
    """
    with desk.store.read() as connection:
        rows = strays(connection)
    found = []
    for row in rows:
        try:
            after, note = _look(desk, row)
        except VaultError as error:
            after, note = row, f"{error.code}: {error.message}"
        if note:
            found.append((row, after, note))
    return found


def _look(desk: Desk, row: IntentRow) -> tuple[IntentRow, str]:
    if is_ethereum(row):
        return look_for(desk, row)
    txid, raw = str(row.facts.get("txid", "")), str(row.facts.get("raw", ""))
    status = desk.backend().transaction_status(txid) if txid else None
    if status is None or not status.found:
        if row.state == "cancelled" and may_have_left(row):
            return _beaten_by_others(desk, row), ""
        free = row.state == "cancelled" or row.facts["replaces"]
        if (txid and free) or not (txid := _spender(desk, row)):
            return row, ""
        status, raw = desk.backend().transaction_status(txid), ""
    raw = raw or _signed_by_others(desk, row, txid)
    if not raw or not status.found:
        return row, ""
    what = (
        ("cancelled_but_sent", "given up") if row.state == "cancelled" else ("sent_outside", "not sent here")
    )
    where = "on the chain" if status.confirmed else "in the mempool"
    note = f"books.{what[0]}: {txid} was {what[1]} and is {where} all the same; it is followed and counted"
    return _followed(desk, row, "sent" if status.confirmed else "accepted", txid, raw), note


def _beaten_by_others(desk: Desk, row: IntentRow) -> IntentRow:
    """What left and was given up is over and counts no more once another that spent a coin is final.

    Where that is one of ours its own step says so: see `Lineage.beaten`.
    """
    rivals = spenders(desk, row)
    with desk.store.read() as connection:
        family = Lineage(connection)
    for spender in sorted(rival for rival in rivals if family.find(rival) is None):
        status = desk.backend().final_status(spender)
        if status.confirmations >= desk.treasury.config.bitcoin.confirmations:
            with desk.store.write() as writer:
                return records.reopen_intent(writer, row, "replaced", replaced_by=spender)
    return row


def _spender(desk: Desk, row: IntentRow) -> str:
    """Who spends its first coin, if none of ours does: all its coins are spent at once, or none."""
    coins = row.facts["coins"]
    if not coins:
        return ""
    first = OutPoint.parse(str(coins[0]))
    spender = desk.backend().outspend(first.txid, first.vout)
    if spender is None:
        return ""
    with desk.store.read() as connection:
        ours = Lineage(connection).find(spender) is not None
    return "" if ours else spender


def _signed_by_others(desk: Desk, row: IntentRow, txid: str) -> str:
    """The signed bytes (hex) of a transaction that we never saw signed, if they are the plan's own.

    Raises `BooksError` (``books.conflicted``) for another that spends the same coins, unless they are free
    for another, or their first owner's conflict already.
    """
    raw = desk.backend().raw_transaction(txid)
    if raw is None:
        return ""
    if bare(Transaction.parse(raw)) == planned(desk, row):
        return raw.hex()
    if row.state == "cancelled" or row.facts["replaces"]:
        return ""
    raise BooksError(
        "conflicted",
        f"a coin of transfer {row.transfer} of plan {row.plan_id} was spent by {txid}, which is not in it",
        hint="Somebody else holds this key, or spent the coin by hand. Look; then cancel the plan.",
    )


def bare(transaction: Transaction) -> Transaction:
    """The same without signatures."""
    from dataclasses import replace

    inputs = tuple(replace(each, script_sig=b"", witness=()) for each in transaction.inputs)
    return replace(transaction, inputs=inputs)


def planned(desk: Desk, row: IntentRow) -> Transaction | None:
    """What the plan of a spend is to send, without signatures."""
    from vault.bitcoin.psbt.document import Psbt

    with desk.store.read() as connection:
        plan = records.find_plan(connection, row.plan_id)
    if plan is None:
        return None
    transfer = history.stored_plan(plan).transfer(row.transfer)
    return bare(Psbt.parse(psbt_bytes(transfer)).unsigned)


def _followed(desk: Desk, row: IntentRow, state: str, txid: str, raw: str) -> IntentRow:
    """It left, whoever sent it: it counts from now on, and its plan waits for it."""
    now = to_iso(desk.clock.now())
    facts = {
        "txid": txid,
        "raw": raw,
        # What it caused may be older than our looking: a venue's credit is searched from the first moment on.
        "first_submitted_at": str(
            row.facts.get("first_submitted_at")
            or row.facts.get("asked_at")
            or row.submitted_at
            or row.updated_at
        ),
        "found_at": now,
    }
    move = records.reopen_intent if row.state == "cancelled" else records.move_intent
    with desk.store.write() as writer:
        moved = move(writer, row, state, reference=txid, submitted_at=now, **facts)
        _wait_again(writer, row)
        lineage.seen(writer, moved)
        lineage.begin_again(writer, row.plan_id, _BEGUN_BY_OTHERS, "books.sent_outside")
    return moved


def _wait_again(writer: Writer, row: IntentRow) -> None:
    """What was to follow it (a venue's credit, the move to margin) is waited for again."""
    for step in records.intents(writer.connection, row.plan_id):
        if step.transfer == row.transfer and step.step > row.step and step.state == "cancelled":
            records.reopen_intent(writer, step, "planned")
