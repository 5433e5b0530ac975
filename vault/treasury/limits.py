"""What the policy lets a transfer add to all that moved before: its limits, its budgets of fees and of gas.

Refuses what no limit covers. Everything is counted anew, without the plan that is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import DeniedError
from vault.model import Outflow
from vault.treasury.history import gas_cost, outflows, present_share, window_start

if TYPE_CHECKING:
    from vault.treasury.desk import Desk
    from vault.treasury.history import Share
    from vault.treasury.plan import Plan, Transfer


def check_limits(desk: Desk, plan: Plan, transfer: Transfer) -> None:
    """The policy's limits and its budget of fees, counted anew without this plan. Raises `DeniedError`."""
    from vault.policy.limits import check_limits as judge

    # What moves with it in this plan counts too: each alone may be within a limit that all together are not.
    others = tuple(other for other in plan.body.transfers if other.number != transfer.number)
    past, share = _beside(desk, transfer, others, plan.plan_id)
    results = judge(desk.policy().policy, share.action, share.amount, past, desk.clock.now())
    if not results and not _only_gas_leaves(transfer, share):
        raise DeniedError("no_limit", f"no limit of the policy covers {share.action}")
    for result in results:
        if not result.within:
            raise DeniedError("limit", f"{result.name}: {result.reason}", hint="Wait, or change the policy.")
    check_fees(desk, transfer, others, without=plan.plan_id)


def check_fees(desk: Desk, transfer: Transfer, others: tuple[Transfer, ...], *, without: str = "") -> None:
    """The budgets of fees and gas with this transfer.

    Raises `DeniedError` (``denied.fee_budget``, ``denied.no_gas_table``, ``denied.gas``).
    """
    from vault.policy.budget import check_fee_budget

    past, share = _beside(desk, transfer, others, without)
    result = check_fee_budget(desk.policy().policy, share.fee, share.moved, past, desk.clock.now())
    if not result.within:
        raise DeniedError(
            result.name,
            f"{result.name}: {result.reason}",
            hint="Wait until fees of the window have passed; only the policy raises the budget.",
        )
    _check_gas(desk, transfer, share, past)


def _only_gas_leaves(transfer: Transfer, share: Share) -> bool:
    """A cancellation, a bump of what counts already, a revocation: gas has a budget of its own."""
    return transfer.on_ethereum and not share.amount.units


def _check_gas(desk: Desk, transfer: Transfer, share: Share, past: tuple[Outflow, ...]) -> None:
    """What the chain's `[[gas]]` table lets a transaction cost, and all of its window."""
    from vault.policy.gas import chain_id, check_gas, no_table

    policy, chain = desk.policy().policy, chain_id(transfer.network)
    if chain and policy.gas_of(chain) is None:
        raise DeniedError("no_gas_table", no_table(chain).reason, hint="Only the policy opens a chain.")
    if (cost := gas_cost(transfer, share)) is None:
        return
    result = check_gas(policy, cost, past, desk.clock.now())
    if not result.within:
        raise DeniedError(
            "gas",
            f"{result.name}: {result.reason}",
            hint="Wait until gas is cheaper or the window has passed; only the policy raises its caps.",
        )


def _beside(
    desk: Desk, transfer: Transfer, others: tuple[Transfer, ...], without: str
) -> tuple[tuple[Outflow, ...], Share]:
    now = desk.clock.now()
    with desk.store.read() as connection:
        since = window_start(desk.policy().policy, now)
        past = outflows(connection, now, since=since, without=without)
        shares = [(each, present_share(connection, each, now, without=without)) for each in others]
        own = present_share(connection, transfer, now, without=without)
    past += tuple(
        Outflow(
            now,
            share.action,
            each.subject,
            "",
            share.amount,
            "pending",
            share.fee,
            share.moved,
            share.gas,
            share.chain_id,
        )
        for each, share in shares
    )
    return past, own
