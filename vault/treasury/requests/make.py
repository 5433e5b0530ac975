"""From a transaction that a person asks for to a plan: observed, built, verified, decided, recorded.

Refuses what the policy does not allow; the decision is recorded with its whole trace all the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.codec import encode
from vault.errors import DeniedError, MoneyError, PlanError, PsbtError, VaultError
from vault.store import records
from vault.treasury import books, coins, foreign_spends, history, observe, reserved
from vault.treasury.propose import Proposal, conclude
from vault.treasury.spending import verify_transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vault.bitcoin.spend import VerifiedSpend
    from vault.model import Assessment, Decision, Snapshot
    from vault.policy.requests import Request
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer


def make_plan(
    desk: Desk, build: Callable[[], Transfer], *, wallet: str = "", notes: Sequence[str] = ()
) -> Proposal:
    """Observe, build, decide; the plan is recorded and written. Raises `DeniedError`, `PsbtError`.

    A transaction is built from wallets that were just synced, and judged as it was built; out of `wallet`
    none is while coins that left it by nobody's plan wait for a person (``denied.foreign_spend``). `notes`,
    read once it is built, become warnings of the plan.
    """
    # Nothing unsigned is followed: said before anything is asked, not after.
    desk.policy()
    desk.book()
    snapshot = observe.take_snapshot(desk)
    books.open_books(desk, snapshot)
    assessment = observe.assess_snapshot(desk, snapshot)
    if wallet:
        foreign_spends.require_none(desk, wallet)
    try:
        transfer = build()
        if transfer.on_bitcoin:
            coins.require_free(desk, transfer)
        verified = verify_transfer(desk, transfer) if transfer.on_bitcoin else None
    except PsbtError as error:
        raise _asked_for(error) from None
    decision = _decide(desk, transfer, verified, snapshot, assessment)
    with desk.store.write() as writer:
        name = records.save_document(writer, "decision", encode(decision))
        records.save_document(writer, "request", {"at": writer.at, "decisions": [name]})
    if decision.outcome != "allow":
        what = f"{transfer.action.replace('_', '-')} {transfer.source}"
        raise DeniedError(
            "not_allowed",
            f"{what}: {decision.decided_by}: {decision.reason}",
            hint=f"{_missing_rule(decision)}`vault why --last` shows everything that was considered.",
            decision=name,
        )
    said = (*notes, *_alike(desk, transfer))
    found = Proposal(snapshot, assessment, (decision,), (name,), None, None, (), notes=said)
    return conclude(desk, found, (decision,), (transfer,))


# What a person asked for cannot be built: no fault of a transaction, so not of the family of those.
_NOT_BUILT: Final[dict[str, type[VaultError]]] = {
    "psbt.dust": MoneyError,
    "psbt.bad_amount": MoneyError,
    "psbt.fee_rate": MoneyError,
    "psbt.insufficient_funds": MoneyError,
    "psbt.no_coins": MoneyError,
    "psbt.fee_above_cap": DeniedError,
    "psbt.fee_rate_above_cap": DeniedError,
    "psbt.fee_share_above_cap": DeniedError,
    "psbt.coin_not_spendable": PlanError,
    "psbt.no_child_needed": PlanError,
    "psbt.replacement_fee": PlanError,
}


def _asked_for(error: PsbtError) -> VaultError:
    kind = _NOT_BUILT.get(error.code)
    if kind is None:
        return error
    reason = "fee_too_low" if error.code == "psbt.replacement_fee" else error.code.partition(".")[2]
    return kind(reason, error.message, hint=error.hint, **error.details)


def _missing_rule(decision: Decision) -> str:
    """Where no rule allowed it: which were asked and why they are silent, or what the policy lacks."""
    if decision.decided_by != "default":
        return ""
    silent = [f"{each.step} {each.reason}" for each in decision.trace if each.step.startswith("rule:")]
    action = decision.action
    lacks = f'the policy has no [[rule]] with action = "{action}"; `vault policy explain` lists its rules'
    return f"{'; '.join(silent) or lacks}. "


def _alike(desk: Desk, transfer: Transfer) -> list[str]:
    """Open plans that pay the same amount to the same entry: the same payment asked for twice?"""
    if transfer.replaces or not transfer.payments:
        return []
    wanted = {(each.destination, each.amount) for each in transfer.payments}
    with desk.store.read() as connection:
        rows = reserved.open_plans(connection, desk.clock.now())
    return [
        f"plan {row.plan_id} is open ({row.state}) and pays {each.amount} to {each.destination} too"
        for row in rows
        for other in history.stored_plan(row).body.transfers
        for each in other.payments
        if (each.destination, each.amount) in wanted
    ]


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

    if transfer.on_ethereum:
        return Request(
            action=transfer.action,
            wallet=transfer.source,
            destinations=tuple(payment.destination for payment in transfer.payments),
            venue=transfer.venue_account or None,
            amount=share.amount,
            fee=share.fee,
            moved=share.moved,
            fee_rate=Decimal(0),
            coins=0,
            counted_as=share.action,
            gas=history.gas_cost(transfer, share),
        )
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
