"""A plan's Safe transaction as a file for owners without a device here, and what comes back from them.

What is exported was proven against the plan. Of what comes back only signatures are taken, each recovered;
it must be of exactly the plan's transaction. What a file's signer saw is not known, and counts as hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vault.clock import to_iso
from vault.errors import PlanError, SafeError
from vault.store import records
from vault.treasury.ethereum.safes import (
    check_on_chain,
    inner_of,
    keep_owner_signatures,
    kept,
    safe_progress,
    tx_of,
)
from vault.treasury.steps import ensure_intents

if TYPE_CHECKING:
    from vault.ethereum.safe.document import SafeDocument
    from vault.ethereum.safe.signatures import OwnerSignature
    from vault.ethereum.safe.transaction import SafeHashes
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer

Format = Literal["vault", "service", "typed"]


def export(desk: Desk, plan: Plan, number: int | None, form: Format) -> str:
    """A transfer's Safe transaction as a file, with the signatures that are there.

    Raises `PlanError`, `SafeError`, `EthereumError`, `DeniedError`.
    """
    from vault.ethereum.safe.document import own_text, service_text, typed_text
    from vault.treasury.approve import require_signable

    require_signable(desk, plan)
    transfer = one_safe(plan, number)
    inner_of(transfer)
    check_on_chain(desk, transfer)
    call, tx = transfer.ethereum, tx_of(transfer)
    step = _step(desk, plan, transfer)
    if step.state == "planned":
        # From now on owners elsewhere may sign, and whoever has their signatures may execute it.
        with desk.store.write() as writer:
            step = records.move_intent(writer, step, "signing", asked_at=to_iso(desk.clock.now()))
    signatures = kept(transfer, step)
    if form == "service":
        return service_text(tx, signatures)
    if form == "typed" or call.safe is None:
        return typed_text(tx)
    return own_text(call.chain_id, call.safe, signatures)


def take(desk: Desk, plan: Plan, number: int | None, document: SafeDocument) -> IntentRow:
    """Take the owners' signatures out of a file that was read; returns the step as it now stands.

    Raises `SafeError` (``safe.foreign_document``, ``safe.nothing_signed``, ``safe.nothing_new``, and what
    signatures are refused for), `PlanError`.
    """
    from vault.treasury.approve import require_signable
    from vault.treasury.preconditions import check_transfer

    require_signable(desk, plan)
    transfer = one_safe(plan, number)
    step = _step(desk, plan, transfer)
    if document.tx != tx_of(transfer) or document.call not in {None, transfer.ethereum.safe}:
        raise SafeError(
            "foreign_document",
            f"expected the transaction of transfer {transfer.number} of plan {plan.plan_id}, found another "
            f"one: {document.tx}",
            hint="Nothing was changed. `vault verify FILE` says what it would do.",
        )
    if not document.signatures:
        raise SafeError("nothing_signed", "expected signatures of owners in the file, found none")
    if step.state not in {"planned", "signing"}:
        raise PlanError(
            "already_signed", f"transfer {transfer.number} of plan {plan.plan_id} is {step.state}"
        )
    _require_needed(desk, transfer, step, document.signatures)
    check_transfer(desk, plan, transfer, leaving=transfer.gross)
    return keep_owner_signatures(desk, plan, transfer, step, document.signatures)


def _require_needed(
    desk: Desk, transfer: Transfer, step: IntentRow, signatures: tuple[OwnerSignature, ...]
) -> None:
    there = {(each.owner, each.signature) for each in kept(transfer, step)}
    enough = not safe_progress(desk, transfer, (step,)).missing
    if enough or {(each.owner, each.signature) for each in signatures} <= there:
        raise SafeError(
            "nothing_new",
            f"transfer {transfer.number} of plan {step.plan_id}: "
            + ("enough owners have signed" if enough else "every signature in the file is kept already"),
            hint="Nothing was changed. `vault show` says who has signed and who still may.",
        )


def hashes_of(plan: Plan, number: int | None) -> tuple[Transfer, SafeHashes]:
    """The three hashes of a plan's Safe transaction, whose call is one that can be read."""
    from vault.ethereum.safe.transaction import hashes

    transfer = one_safe(plan, number)
    inner_of(transfer)
    return transfer, hashes(tx_of(transfer))


def one_safe(plan: Plan, number: int | None) -> Transfer:
    """The transfer that is meant: the one named, or the only one of a Safe. Raises `PlanError`."""
    all_of_safes = [each for each in plan.body.transfers if each.call is not None and each.call.safe]
    found = [each for each in all_of_safes if number in {None, each.number}]
    if len(found) != 1:
        numbers = ", ".join(str(each.number) for each in all_of_safes) or "none"
        raise PlanError(
            "no_transfer",
            f"expected one transaction of a Safe in plan {plan.plan_id} (transfers {numbers}), found "
            + ("none" if not found else "several"),
            hint="Name it with --transfer NUMBER.",
        )
    return found[0]


def _step(desk: Desk, plan: Plan, transfer: Transfer) -> IntentRow:
    steps = ensure_intents(desk.store, plan)
    return next(each for each in steps if (each.transfer, each.kind) == (transfer.number, "spend"))
