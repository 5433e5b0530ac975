"""Approvals and signatures: a person at a device says yes to exactly this plan.

Refuses expired plans, plans whose preconditions no longer hold, and a device that holds another
wallet. A refusal at the device or a wrong signature freezes the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vault.clock import to_iso
from vault.errors import (
    AttestationError,
    DeceivedError,
    DeviceRefusedError,
    EthereumError,
    PlanError,
    PsbtError,
    VaultError,
)
from vault.store import records
from vault.treasury import authority, cosign, preconditions, strays
from vault.treasury.ethereum.devices import account_that_signs, of_signers, signed_by_device
from vault.treasury.execute import require_recorded
from vault.treasury.plan import require_live
from vault.treasury.reserved import rivals
from vault.treasury.shown import show_place
from vault.treasury.spending import device_request, verify_transfer
from vault.treasury.steps import ensure_intents

if TYPE_CHECKING:
    from vault.bitcoin.spend import FinalTransaction, VerifiedSpend
    from vault.device.session import DeviceSession
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer


def approve(desk: Desk, plan: Plan, attester_name: str) -> int:
    """Have an attester's device sign the approval; returns how many approvals the plan has now.

    Raises `PlanError`, `DeniedError`, `DeviceError`, `AttestationError`.
    """
    from vault.device.attest import require_room, sign_statement

    attester = authority.pinned_attester(desk.treasury, attester_name, "approve")
    row = require_recorded(desk, plan)
    if row.state not in {"proposed", "approved"}:
        raise PlanError("wrong_state", f"expected a proposed plan, found plan {plan.plan_id} {row.state}")
    require_live(plan, desk.clock.now())
    for transfer in plan.body.transfers:
        preconditions.check_transfer(desk, plan, transfer, leaving=transfer.gross)
    for line in rivals(desk, plan):
        desk.progress(f"WARNING: {line}")
    statement = authority.approval_statement(plan)
    try:
        with desk.device(
            attester.device, lambda info: require_room(info, statement, attester.name)
        ) as session:
            _show_destinations(desk, plan, session, attester.device)
            signed = sign_statement(session, statement, attester.name, attester.public_key, desk.network)
    except (DeviceRefusedError, DeceivedError, AttestationError) as error:
        freeze(desk, plan, error)
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
    """Our own receiving addresses, on the screen of a device that holds their keys, before approval.

    Addresses of wallets on other devices were shown when they entered the address book.
    """
    book = desk.book().book
    for payment in (payment for transfer in plan.body.transfers for payment in transfer.payments):
        entry = book.find(payment.destination)
        if entry.wallet is None:
            continue
        if entry.index is None:
            _show_account(desk, entry.wallet, session, device)
        elif device in desk.treasury.wallet(entry.wallet).signers:
            show_place(session, desk.descriptor(entry.wallet), False, entry.index)


def _show_account(desk: Desk, name: str, session: DeviceSession, device: str) -> None:
    from vault.device.ethereum.sign import show_ethereum_address
    from vault.treasury.ethereum.accounts import device_key, find_account

    account = find_account(desk.treasury, name)
    if account is not None and account.device == device:
        show_ethereum_address(session, device_key(account))


def sign(desk: Desk, plan: Plan, device: str | None = None) -> list[IntentRow]:
    """Sign what an approved plan spends on the devices of its wallets and accounts, and verify what returns.

    The devices of a group or of a Safe's owners are asked in turn, or with `device` only that one; what they
    signed is kept. Signed transactions are kept in the store; signing again is harmless (same bytes).
    """
    require_signable(desk, plan)
    kinds = ("spend", "withdraw")
    spends = [
        each for each in plan.body.transfers if any(signed_by_device(desk, each, kind) for kind in kinds)
    ]
    if device is not None:
        cosign.require_known(desk, device, spends)
    for intent in ensure_intents(desk.store, plan):
        transfer = plan.transfer(intent.transfer)
        due = intent.state in {"planned", "signing"}
        due = due and signed_by_device(desk, transfer, intent.kind)
        if due and cosign.signers_of(desk, transfer, device):
            _SIGNERS[transfer.kind](desk, plan, transfer, intent, device)
    with desk.store.read() as connection:
        return records.intents(connection, plan.plan_id)


def require_signable(desk: Desk, plan: Plan) -> None:
    """An approved plan whose time is not over. Raises `PlanError`, `DeniedError`, `AttestationError`."""
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


def _sign_spend(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, device: str | None) -> None:
    preconditions.check_transfer(desk, plan, transfer, leaving=transfer.gross)
    verified = verify_transfer(desk, transfer)
    intent = begin_signing(desk, intent, verified)
    with freezing(desk, plan):
        if desk.treasury.wallet(transfer.source).group:
            cosign.sign_on_devices(desk, plan, transfer, intent, device)
            return
        final = _on_device(desk, transfer, verified)
    finish_signing(desk, plan, intent, final)


def _sign_call(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, device: str | None) -> None:
    from vault.treasury.ethereum.sign import sign_ethereum

    preconditions.check_transfer(desk, plan, transfer, leaving=transfer.gross)
    sign_ethereum(desk, plan, transfer, intent, device, freezing)


def _sign_withdrawal(
    desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, device: str | None
) -> None:
    """A venue that takes no key but the signature of the account's own device."""
    from vault.treasury.ethereum.hyperliquid import sign_withdrawal

    preconditions.check_transfer(desk, plan, transfer, leaving=transfer.gross)
    asked = str(intent.facts.get("asked_at") or to_iso(desk.clock.now()))
    with desk.store.write() as writer:
        intent = records.move_intent(writer, intent, "signing", asked_at=asked)
    name = str(account_that_signs(desk, transfer).device)
    desk.progress(f"sign transfer {transfer.number} on {name}")
    with freezing(desk, plan), desk.device(name) as session:
        facts = sign_withdrawal(desk, transfer, session)
    require_live(plan, desk.clock.now())
    with desk.store.write() as writer:
        records.move_intent(writer, intent, "signed", **facts)


_SIGNERS = {
    "bitcoin_spend": _sign_spend,
    "bitcoin_upkeep": _sign_spend,
    "ethereum_spend": _sign_call,
    "venue_withdrawal": _sign_withdrawal,
}


def begin_signing(desk: Desk, intent: IntentRow, verified: VerifiedSpend) -> IntentRow:
    """Journal that a signer is about to be asked, and for what: from now on others may have signatures."""
    facts = {"asked_at": str(intent.facts.get("asked_at") or to_iso(desk.clock.now()))}
    if txid := strays.txid_when_signed(verified):
        facts["txid"] = txid
    with desk.store.write() as writer:
        return records.move_intent(writer, intent, "signing", **facts)


def finish_signing(desk: Desk, plan: Plan, intent: IntentRow, final: FinalTransaction) -> None:
    """Keep a transaction that was proven."""
    require_live(plan, desk.clock.now())
    with desk.store.write() as writer:
        records.move_intent(writer, intent, "signed", txid=final.txid, raw=final.raw.hex())


def _on_device(desk: Desk, transfer: Transfer, verified: VerifiedSpend) -> FinalTransaction:
    """Verified before the device, verified after it: only checked bytes come back."""
    from vault.bitcoin.verify import verify_signed

    (device,) = desk.treasury.wallet(transfer.source).signers
    desk.progress(f"sign transfer {transfer.number} on {device}")
    with desk.device(device) as session:
        answer = session.sign_transaction(device_request(verified), desk.network, desk.on_signing)
    return verify_signed(verified, answer.signatures)


@contextmanager
def freezing(desk: Desk, plan: Plan) -> Iterator[None]:
    """A no of a person or a device, a lie, or a signature that does not hold, freezes the plan."""
    try:
        yield
    except (DeviceRefusedError, DeceivedError, PsbtError) as error:
        freeze(desk, plan, error)
        raise
    except EthereumError as error:
        if of_signers(error):
            freeze(desk, plan, error)
        raise


def freeze(desk: Desk, plan: Plan, error: VaultError) -> None:
    """Nobody may approve, sign or send this plan again; the error's hint says so."""
    with desk.store.write() as writer:
        records.set_plan_state(
            writer, plan.plan_id, frozenset({"proposed", "approved", "sending"}), "frozen", error.code
        )
    error.hint = f"{error.hint} Plan {plan.plan_id} is now frozen; make a new plan.".lstrip()
