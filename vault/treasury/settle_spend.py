"""Follows our own transactions: seen, confirmed, displaced or replaced by another of ours, reorganised out.

Never sends anything. A coin that somebody else spent is a conflict and is never explained away; one that
another transaction of ours spent is a replacement, and only the configured depth decides between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.clock import from_iso
from vault.errors import BooksError, ChainError
from vault.store import records
from vault.treasury import lineage

if TYPE_CHECKING:
    from datetime import timedelta

    from vault.bitcoin.backends.base import TxStatus
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk

# Steps that end in a transaction, whose depth is looked at again after they are done.
ON_CHAIN: Final = ("spend", "withdraw")


def settle_spend(desk: Desk, intent: IntentRow, patience: timedelta) -> IntentRow:
    """Ask the chain about one spend and record what it says; `patience` is how long a gap may last.

    Raises `BooksError` (``books.conflicted``) when somebody else spent one of its coins.
    """
    txid = str(intent.facts["txid"])
    status = desk.backend().transaction_status(txid)
    if status.found:
        return _found(desk, intent, txid, status)
    if rivals := spenders(desk, intent) - {txid}:
        return _rivalled(desk, intent, txid, rivals, patience)
    if intent.state == "displaced" and _displacer_stands(desk, intent):
        return intent
    return _unsent_after(desk, intent, patience)


def _unsent_after(desk: Desk, intent: IntentRow, patience: timedelta) -> IntentRow:
    """Never arrived, evicted from the mempool, or reorganised away: after a while a person may send it again.

    The same bytes have the same txid, so that cannot pay twice.
    """
    if desk.clock.now() - from_iso(intent.submitted_at or intent.updated_at) > patience:
        return _move(desk, intent, "unsent")
    return intent


def spenders(desk: Desk, intent: IntentRow) -> set[str]:
    """Who spends its coins, in a block or in the mempool."""
    found: set[str] = set()
    for coin in intent.facts["coins"]:
        txid, _, vout = str(coin).partition(":")
        if (spender := desk.backend().outspend(txid, int(vout))) is not None:
            found.add(spender)
    return found


def _found(desk: Desk, intent: IntentRow, txid: str, status: TxStatus) -> IntentRow:
    if status.confirmations < desk.treasury.config.bitcoin.confirmations:
        return _move(desk, intent, "sent" if status.confirmed else "accepted", txid)
    intent = _move(desk, intent, "sent", txid)
    facts = final_facts(desk, intent, txid)
    if facts is None:
        return intent
    with desk.store.write() as writer:
        done = records.move_intent(writer, intent, "done", reference=txid, **facts)
        lineage.won(writer, done)
    return done


def final_facts(desk: Desk, intent: IntentRow, txid: str) -> dict[str, str] | None:
    """What ends a step: how deep its transaction is and where, as every backend says; None if not yet final.

    Raises `ChainError`: one backend is silent (``chain.witness_silent``), they differ, or the block is one
    that was there before the plan (``chain.bad_answer``).
    """
    bitcoin = desk.treasury.config.bitcoin
    status = desk.backend().final_status(txid)
    if status.confirmations < bitcoin.confirmations or status.height is None:
        return None
    if _impossible(desk, intent, status.height):
        raise ChainError(
            "bad_answer",
            f"expected {txid} in a block after {intent.facts['tip_when_made']}, the chain's height when its "
            f"plan was made, found it in block {status.height}",
            hint="The chain backend is wrong. Ask another one.",
        )
    return {"confirmations": str(status.confirmations), "height": str(status.height)}


def _impossible(desk: Desk, intent: IntentRow, height: int) -> bool:
    """True for a block that was final before the plan was made; later ones may have been replaced since."""
    made = intent.facts.get("tip_when_made")
    return made is not None and height <= int(made) - desk.treasury.config.bitcoin.confirmations


def _displacer_stands(desk: Desk, intent: IntentRow) -> bool:
    """True while what displaced it, or displaced its parent, is in the mempool or in a block itself."""
    with desk.store.read() as connection:
        losers = {
            row.client_id: lineage.Lineage(connection).losers(row)
            for row in records.intents_of_kind(connection, "spend")
            if row.state in lineage.SEEN
        }
    return any(intent.client_id in {each.client_id for each in beaten} for beaten in losers.values())


def _rivalled(desk: Desk, intent: IntentRow, txid: str, rivals: set[str], patience: timedelta) -> IntentRow:
    """Its coins are spent by others: ours, which displace it until one of them is final, or foreign."""
    with desk.store.read() as connection:
        family = lineage.Lineage(connection)
        ours = {rival: family.find(rival) for rival in rivals}
        related = {row.client_id for row in family.relatives([txid, str(intent.facts["replaces"])])}
    for rival, row in ours.items():
        if row is None or row.client_id not in related:
            raise BooksError(
                "conflicted",
                f"an input of {txid} was spent by {rival}, which is not in the plan",
                hint="Somebody else holds this key, or another plan spent the coin. Stop and look.",
            )
        if row.state == "cancelled":
            raise BooksError(
                "cancelled_but_sent",
                f"an input of {txid} was spent by {rival}, which plan {row.plan_id} had given up",
                hint="`vault reconcile` follows it again. Find out who sent it.",
            )
    if intent.state in {"submitting", "unknown"} and rivals == {intent.facts["replaces"]}:
        # What it was to replace still stands and it was never seen: it did not arrive.
        return _unsent_after(desk, intent, patience)
    if intent.state in {"submitting", "unknown", *lineage.SEEN}:
        return _move(desk, intent, "displaced", displaced_by=min(rivals))
    return intent


def _move(desk: Desk, intent: IntentRow, state: str, reference: str | None = None, **facts: str) -> IntentRow:
    if state == intent.state:
        return intent
    with desk.store.write() as writer:
        moved = records.move_intent(writer, intent, state, reference=reference, **facts)
        if state in lineage.SEEN:
            lineage.seen(writer, moved)
    return moved


def reorganised(desk: Desk) -> list[tuple[IntentRow, str]]:
    """Steps that were done within the last blocks and are not deep enough any more, with what was found.

    Each goes back to ``sent``, its plan to ``sending``; what it had replaced competes again.
    """
    bitcoin = desk.treasury.config.bitcoin
    with desk.store.read() as connection:
        rows = [row for kind in ON_CHAIN for row in records.done_on_chain(connection, kind)]
    done = [row for row in rows if not str(row.facts.get("network", "")).startswith("eip155:")]
    if not done:
        return []
    since = desk.backend().tip_height() - bitcoin.reorganisation_blocks
    found = []
    for row in done:
        height = int(row.facts["height"])
        impossible = _impossible(desk, row, height)
        if height < since and not impossible:
            continue
        status = desk.backend().transaction_status(row.reference)
        deep = status.confirmations >= bitcoin.confirmations
        # At the same height it is the backend's tip that is behind, not the transaction that is out.
        if not impossible and status.confirmed and (deep or status.height == height):
            continue
        where = f"{status.confirmations} deep" if status.found else "not found"
        note = (
            f"books.reorganised: {row.reference} was final at height {row.facts['height']}, now it is {where}"
        )
        with desk.store.write() as writer:
            again = records.reopen_intent(writer, row, "sent", reorganised_from=str(row.facts["height"]))
            if row.kind == "spend":
                lineage.reopened(writer, again)
            lineage.begin_again(writer, row.plan_id)
        found.append((row, note))
    return found
