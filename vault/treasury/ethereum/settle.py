"""Follows our own Ethereum transactions: seen, in a block, final, reverted, replaced, reorganised out.

Never sends anything. A nonce that a transaction of nobody's plan took is a conflict and is never explained
away; one that another of ours took is a replacement, once that one is final.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.clock import from_iso
from vault.errors import BooksError, EthereumError
from vault.money import ETH
from vault.store import records
from vault.treasury import lineage
from vault.treasury.ethereum.following import (
    depth_of,
    done_elsewhere,
    executed_outside,
    is_ethereum,
    move,
    node_of,
    nonce_used,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from vault.ethereum.node.base import EthereumNode, Receipt
    from vault.ethereum.receipts import FinalStatus
    from vault.evm.call import EthereumCall, SafeCall
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# How many blocks back what was final is looked at again: two epochs more than what finality needs.
LOOK_BACK: Final = 128


def settle_ethereum(desk: Desk, transfer: Transfer, intent: IntentRow, patience: timedelta) -> IntentRow:
    """Ask the chain about one transaction and record what it says; `patience` is how long a gap may last.

    Raises `BooksError` (``books.conflicted``, ``books.payment_differs``), `EthereumError`.
    """
    from vault.ethereum.receipts import final_status

    node = node_of(desk, intent)
    txid = str(intent.facts["txid"])
    with node.session():
        status = final_status(node, txid)
        if status.found and txid != intent.facts.get("executed_by"):
            return _found(desk, transfer, intent, status)
        if other := executed_outside(desk, node, transfer):
            if (winner := done_elsewhere(desk, intent, other)) is None:
                return _executed(desk, transfer, intent, other, final_status(node, other))
            if node.transaction(txid) is None:
                return move(desk, intent, "replaced", replaced_by=str(winner.facts["txid"]))
        if node.transaction(txid) is not None:
            return move(desk, intent, "accepted", txid)
        if nonce_used(node, intent):
            status = final_status(node, txid)  # it may have been put into a block between the two answers
            if status.found:
                return _found(desk, transfer, intent, status)
            return _displaced(desk, node, intent, txid)
        if rival := _waiting_rival(desk, node, intent):
            return move(desk, intent, "displaced", displaced_by=rival)
    if desk.clock.now() - from_iso(intent.submitted_at or intent.updated_at) > patience:
        # The same bytes have the same nonce: sent again they cannot pay twice.
        return move(desk, intent, "unsent")
    return intent


def _rivals(desk: Desk, intent: IntentRow) -> list[IntentRow]:
    """Other transactions of ours with the same nonce that were signed."""
    with desk.store.read() as connection:
        rows = records.intents_of_kind(connection, "spend")
    uses = intent.facts["coins"]
    return [
        row
        for row in rows
        if row.client_id != intent.client_id and row.facts.get("coins") == uses and row.facts.get("txid")
    ]


def _waiting_rival(desk: Desk, node: EthereumNode, intent: IntentRow) -> str:
    """The transaction of ours that waits for a block in this one's place; none that this is to replace."""
    for row in _rivals(desk, intent):
        txid = str(row.facts["txid"])
        unseen = intent.state in {"submitting", "unknown"} and txid == intent.facts["replaces"]
        if not unseen and intent.state != "unsent" and node.transaction(txid) is not None:
            return txid
    return ""


def _displaced(desk: Desk, node: EthereumNode, intent: IntentRow, txid: str) -> IntentRow:
    for row in _rivals(desk, intent):
        other = str(row.facts["txid"])
        if node.receipt(other) is not None:
            return move(desk, intent, "displaced", displaced_by=other)
    raise BooksError(
        "conflicted",
        f"nonce {intent.facts['nonce']} of {intent.facts['sender']} was used by a transaction that is in no "
        f"plan, in the place of {txid}",
        hint="Somebody else holds this key. Stop and look; move what is left to an account of another one.",
    )


def _found(desk: Desk, transfer: Transfer, intent: IntentRow, status: FinalStatus) -> IntentRow:
    from vault.ethereum.receipts import final_status

    txid = str(intent.facts["txid"])
    intent = move(desk, intent, "sent", txid)
    if status.confirmations < depth_of(desk, transfer.network):
        return intent
    receipt = status.receipt
    if receipt is None or status.height is None or status.block_hash is None:
        return intent
    _require_possible(desk, intent, status.height)
    _require_ours(transfer.ethereum, receipt)
    facts = {
        "height": str(status.height),
        "block_hash": status.block_hash,
        "confirmations": str(status.confirmations),
        "gas_used": str(receipt.gas_used),
        "gas_price": str(receipt.gas_price),
        "gas_paid": str(receipt.gas_paid),
    }
    said = _failure(transfer, receipt)
    other = executed_outside(desk, node_of(desk, intent), transfer) if said else ""
    if other and done_elsewhere(desk, intent, other) is None:
        status = final_status(node_of(desk, intent), other)
        return _executed(desk, transfer, intent, other, status, gas_paid=facts["gas_paid"])
    with desk.store.write() as writer:
        if said:
            done = records.move_intent(writer, intent, "refused", reference=txid, revert=said, **facts)
        else:
            done = records.move_intent(writer, intent, "done", reference=txid, **facts)
        lineage.won(writer, done)
    return done


def _executed(  # noqa: PLR0917
    desk: Desk, transfer: Transfer, intent: IntentRow, other: str, status: FinalStatus, gas_paid: str = "0"
) -> IntentRow:
    """Follow the transaction of somebody else that did what was planned; `gas_paid` by us."""
    if not status.found or status.receipt is None or _failure(transfer, status.receipt):
        return intent  # put into another block it may have failed there
    intent = move(desk, intent, "sent", other, executed_by=other)
    if status.confirmations < depth_of(desk, transfer.network):
        return intent
    facts = {
        "executed_by": other,
        "gas_paid": gas_paid,
        "height": str(status.height),
        "block_hash": str(status.block_hash),
        "confirmations": str(status.confirmations),
    }
    with desk.store.write() as writer:
        return records.move_intent(writer, intent, "done", reference=other, **facts)


def _require_possible(desk: Desk, intent: IntentRow, height: int) -> None:
    """A block that was final before the plan was made holds nothing of it. Raises `EthereumError`."""
    made = int(intent.facts.get("tip_when_made", 0))
    if height <= made - depth_of(desk, str(intent.facts["network"])):
        raise EthereumError(
            "bad_answer",
            f"expected {intent.facts['txid']} in a block after {made}, the chain's height when its plan was "
            f"made, found it in block {height}",
            hint="The node is wrong. Ask another one.",
        )


def _require_ours(call: EthereumCall, receipt: Receipt) -> None:
    """It is by our sender, and took no more gas and at no higher price than we signed for, nor a fee for
    data where the chain takes none.

    What it cost goes into the books as the node says it. Raises `EthereumError`.
    """
    from vault.ethereum.chains import chain_of

    within = receipt.gas_used <= call.gas_limit and receipt.gas_price <= call.max_fee
    within = within and (not receipt.l1_fee or chain_of(call.chain_id).fee == "optimism")
    if within and (receipt.sender, receipt.to) == (call.sender, call.to):
        return
    raise EthereumError(
        "bad_answer",
        f"{receipt.transaction_hash}: expected it from {call.sender} to {call.to}, for at most "
        f"{call.gas_limit} gas at {call.max_fee} wei, found it from {receipt.sender} to {receipt.to}, for "
        f"{receipt.gas_used} at {receipt.gas_price} and {receipt.l1_fee} wei for data",
        hint="The node is wrong. Ask another one.",
    )


def _failure(transfer: Transfer, receipt: Receipt) -> str:
    """Why nothing moved but gas; empty when what was planned has happened. Raises `BooksError`."""
    if not receipt.succeeded:
        return "reverted"
    call = transfer.ethereum
    if call.safe is not None and (said := _inner_failure(call.chain_id, call.safe, receipt)):
        return said
    _require_paid(transfer, receipt)
    return ""


def _inner_failure(chain_id: int, safe: SafeCall, receipt: Receipt) -> str:
    from vault.ethereum.safe.execute import outcome
    from vault.ethereum.safe.transaction import hashes, safe_tx

    found = outcome(receipt.logs, safe.address, hashes(safe_tx(chain_id, safe)).safe_tx)
    if found == "success":
        return ""
    if found == "failure":
        return "safe_inner_failed"
    raise BooksError(
        "payment_differs",
        f"{receipt.transaction_hash} went through, but the Safe {safe.address} did not do its call in it",
        hint="Look at the transaction with a node of your own. Nothing was closed.",
    )


def _require_paid(transfer: Transfer, receipt: Receipt) -> None:
    """A token's own record says that exactly the payment has moved. Raises `BooksError`."""
    if not transfer.payments or transfer.payment.amount.asset == ETH:
        return
    from vault.ethereum.receipts import token_moves
    from vault.ethereum.tokens import token_of

    call, payment = transfer.ethereum, transfer.payment
    token = token_of(call.chain_id, payment.amount.asset)
    payer = call.safe.address if call.safe else call.sender
    moves = token_moves(receipt, {token.address})
    # Anybody may have a token tell that nothing moved between two others.
    arrived = [
        each.units
        for each in moves
        if each.units and (each.sender, each.recipient) == (payer, payment.address)
    ]
    if arrived != [payment.amount.units]:
        raise BooksError(
            "payment_differs",
            f"expected {payment.amount} from {payer} to {payment.address} in {receipt.transaction_hash}, the "
            f"token recorded {arrived or 'nothing'} in its base units",
            hint="Look at the transaction with a node of your own. Nothing was closed.",
        )


# -- what was final --------------------------------------------------------------------------------------


def reorganised_ethereum(desk: Desk) -> list[tuple[IntentRow, str]]:
    """Steps that were final and are out of the chain, with what was found; they are followed again."""
    with desk.store.read() as connection:
        over = [
            row for row in records.intents_of_kind(connection, "spend") if row.state in {"done", "refused"}
        ]
        rows = [
            row
            for row in (*over, *records.done_on_chain(connection, "withdraw"))
            if is_ethereum(row) and "height" in row.facts
        ]
    tips: dict[str, int] = {}
    found = []
    for row in rows:
        network, height = str(row.facts["network"]), int(row.facts["height"])
        if network not in tips:
            tips[network] = node_of(desk, row).tip().number
        if not tips[network] - max(LOOK_BACK, 2 * depth_of(desk, network)) <= height <= tips[network]:
            continue  # above the tip it is the node that is behind, not the transaction that is out
        if not (note := _taken_back(desk, row)):
            continue
        with desk.store.write() as writer:
            again = records.reopen_intent(writer, row, "sent", reorganised_from=str(height))
            if row.kind == "spend":
                lineage.reopened(writer, again)
            lineage.begin_again(writer, row.plan_id, frozenset({"done", "replaced", "failed"}))
        found.append((row, note))
    return found


def _costs_after_all(node: EthereumNode, row: IntentRow) -> str:
    """Our own transaction came late, after somebody else's that did the same: its gas is to be counted."""
    by, txid = row.facts.get("executed_by"), str(row.facts["txid"])
    if not by or by == txid or row.facts.get("gas_paid") != "0" or node.receipt(txid) is None:
        return ""
    return f"books.gas_after_all: {txid} is in a block, though {by} had done the same before"


def _taken_back(desk: Desk, row: IntentRow) -> str:
    """What is to be said of a transaction that is not final any more; empty while it is."""
    if row.kind == "withdraw":
        from vault.treasury.ethereum.arrivals import reorganised

        return reorganised(desk, row)
    from vault.ethereum.receipts import final_status

    height, was = row.facts["height"], str(row.facts["block_hash"])
    node = node_of(desk, row)
    status = final_status(node, row.reference)
    if status.found and status.block_hash == was:
        return _costs_after_all(node, row)
    where = f"{status.confirmations} deep in block {status.height}" if status.found else "not found"
    return (
        f"books.reorganised: {row.reference} was final at height {height} in block {was}, now it is {where}"
    )
