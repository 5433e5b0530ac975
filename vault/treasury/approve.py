"""Approvals and signatures: a person at a device says yes to exactly this plan.

Refuses expired plans, plans whose preconditions no longer hold, and a device that holds another
wallet. A refusal at the device or a wrong signature freezes the plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import AttestationError, DeceivedError, DeviceRefusedError, PlanError, PsbtError
from vault.store import records
from vault.treasury import authority, preconditions
from vault.treasury.execute import require_recorded
from vault.treasury.plan import require_live
from vault.treasury.spending import device_request, verify_transfer
from vault.treasury.steps import ensure_intents

if TYPE_CHECKING:
    from vault.bitcoin.spend import FinalTransaction
    from vault.device.session import DeviceSession
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer


def approve(desk: Desk, plan: Plan, attester_name: str) -> int:
    """Have an attester's device sign the approval; returns how many approvals the plan has now.

    Raises `PlanError`, `DeniedError`, `DeviceError`, `AttestationError`.
    """
    from vault.device.attest import sign_statement

    attester = authority.pinned_attester(desk.treasury, attester_name, "approve")
    row = require_recorded(desk, plan)
    if row.state not in {"proposed", "approved"}:
        raise PlanError("wrong_state", f"expected a proposed plan, found plan {plan.plan_id} {row.state}")
    require_live(plan, desk.clock.now())
    for transfer in plan.body.transfers:
        preconditions.check_transfer(desk, plan, transfer, leaving=transfer.gross)
    try:
        with desk.device(attester.device) as session:
            _show_destinations(desk, plan, session, attester.device)
            signed = sign_statement(
                session, authority.approval_statement(plan), attester.name, attester.public_key, desk.network
            )
    except (DeviceRefusedError, DeceivedError, AttestationError) as error:
        freeze(desk, plan, error.code)
        raise
    authority.check_approval(desk.treasury, plan, signed)
    require_live(plan, desk.clock.now())
    with desk.store.write() as writer:
        records.save_approval(writer, plan.plan_id, attester.name, signed.as_json())
        count = len(records.approvals(writer.connection, plan.plan_id))
        if row.state == "proposed" and count >= plan.body.approvals_required:
            records.set_plan_state(
                writer, plan.plan_id, frozenset({"proposed"}), "approved", f"{count} approvals"
            )
    return count


def _show_destinations(desk: Desk, plan: Plan, session: DeviceSession, device: str) -> None:
    """Our own receiving addresses, on the screen of the device that holds their keys, before approval.

    Addresses of wallets on other devices were shown when they entered the address book.
    """
    book = desk.book().book
    for transfer in plan.body.transfers:
        entry = book.find(transfer.destination)
        if entry.wallet is None or entry.index is None:
            continue
        if desk.treasury.wallet(entry.wallet).device != device:
            continue
        descriptor = desk.descriptor(entry.wallet)
        path = descriptor.path(False, entry.index)
        session.show_address(desk.network, path, descriptor.kind, expected=transfer.address)


def sign(desk: Desk, plan: Plan) -> list[IntentRow]:
    """Sign every spend of an approved plan on its wallet's device, and verify what comes back.

    Signed transactions are kept in the store; signing again is harmless (same bytes, same txid).
    """
    row = require_recorded(desk, plan)
    if row.state not in {"approved", "sending"}:
        raise PlanError(
            "not_approved" if row.state == "proposed" else "wrong_state",
            f"expected an approved plan, found plan {plan.plan_id} {row.state}",
            hint=f"Run `vault approve {plan.plan_id} --attester NAME`."
            if row.state == "proposed"
            else "Make a new plan.",
        )
    with desk.store.read() as connection:
        authority.require_approvals(desk.treasury, plan, connection)
    require_live(plan, desk.clock.now())
    for intent in ensure_intents(desk.store, plan):
        if intent.kind == "spend" and intent.state in {"planned", "signing"}:
            _sign_spend(desk, plan, plan.transfer(intent.transfer), intent)
    with desk.store.read() as connection:
        return records.intents(connection, plan.plan_id)


def _sign_spend(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow) -> None:
    preconditions.check_transfer(desk, plan, transfer, leaving=transfer.gross)
    with desk.store.write() as writer:
        intent = records.move_intent(writer, intent, "signing")
    try:
        final = _on_device(desk, transfer)
    except (DeviceRefusedError, DeceivedError, PsbtError) as error:
        freeze(desk, plan, error.code)
        raise
    require_live(plan, desk.clock.now())
    with desk.store.write() as writer:
        records.move_intent(writer, intent, "signed", txid=final.txid, raw=final.raw.hex())


def _on_device(desk: Desk, transfer: Transfer) -> FinalTransaction:
    """Verified before the device, verified after it: only checked bytes come back."""
    from vault.bitcoin.verify import verify_signed

    verified = verify_transfer(desk, transfer)
    wallet = desk.treasury.wallet(transfer.source)
    desk.progress(f"sign transfer {transfer.number} on {wallet.device}")
    with desk.device(wallet.device) as session:
        answer = session.sign_transaction(device_request(verified), desk.network)
    return verify_signed(verified, answer.signatures)


def freeze(desk: Desk, plan: Plan, reason: str) -> None:
    """Nobody may approve, sign or send this plan again."""
    with desk.store.write() as writer:
        records.set_plan_state(
            writer, plan.plan_id, frozenset({"proposed", "approved", "sending"}), "frozen", reason
        )
