"""From a transaction that a person asks for to a plan: observed, built, verified, decided, recorded.

Refuses what the policy does not allow; the decision is recorded with its whole trace all the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from vault.codec import encode
from vault.errors import DeniedError
from vault.store import records
from vault.treasury import books, coins, history, observe
from vault.treasury.propose import Proposal, conclude
from vault.treasury.spending import verify_transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault.bitcoin.spend import VerifiedSpend
    from vault.model import Assessment, Decision, Snapshot
    from vault.policy.requests import Request
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer


def make_plan(desk: Desk, build: Callable[[], Transfer]) -> Proposal:
    """Observe, build, decide; the plan is recorded and written. Raises `DeniedError`, `PsbtError`.

    A transaction is built from wallets that were just synced, and judged as it was built.
    """
    # Nothing unsigned is followed: said before anything is asked, not after.
    desk.policy()
    desk.book()
    snapshot = observe.take_snapshot(desk)
    books.open_books(desk, snapshot)
    assessment = observe.assess_snapshot(desk, snapshot)
    transfer = build()
    if transfer.on_chain:
        coins.require_free(desk, transfer)
    verified = verify_transfer(desk, transfer) if transfer.on_chain else None
    decision = _decide(desk, transfer, verified, snapshot, assessment)
    with desk.store.write() as writer:
        name = records.save_document(writer, "decision", encode(decision))
    if decision.outcome != "allow":
        what = f"{transfer.action.replace('_', '-')} {transfer.source}"
        raise DeniedError(
            "not_allowed",
            f"{what}: {decision.decided_by}: {decision.reason}",
            hint=f"`vault why {name}` shows everything that was considered.",
            decision=name,
        )
    found = Proposal(snapshot, assessment, (decision,), (name,), None, None, ())
    return conclude(desk, found, (decision,), (transfer,))


def _decide(
    desk: Desk,
    transfer: Transfer,
    verified: VerifiedSpend | None,
    snapshot: Snapshot,
    assessment: Assessment,
) -> Decision:
    from vault.policy.requests import decide_request

    policy, book, now = desk.policy(), desk.book(), desk.clock.now()
    with desk.store.read() as connection:
        past = history.outflows(connection, now, since=history.window_start(policy.policy, now))
        busy = history.in_flight(connection, now)
        share = history.present_share(connection, transfer, now)
    request = _request(transfer, verified, share)
    return decide_request(
        policy.policy, policy.digest, request, assessment, snapshot, book.book, past, busy, now
    )


def _request(transfer: Transfer, verified: VerifiedSpend | None, share: history.Share) -> Request:
    from vault.policy.requests import Request

    if verified is None:
        # Nothing leaves: rules and limits look at what is moved.
        return Request(
            action=transfer.action,
            wallet=transfer.venue_account,
            destinations=(),
            venue=None,
            amount=transfer.returned,
            fee=share.fee,
            moved=transfer.returned,
            fee_rate=Decimal(0),
            coins=0,
        )

    return Request(
        action=transfer.action,
        wallet=transfer.source,
        destinations=tuple(payment.destination for payment in transfer.payments),
        venue=transfer.venue_account or None,
        amount=share.amount,
        fee=share.fee,
        moved=share.moved,
        fee_rate=verified.fee_rate,
        coins=len(transfer.coins),
        counted_as=share.action,
    )
