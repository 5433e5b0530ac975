"""Coins that an open plan spends: other plans leave them alone, unless a person names them.

Of two plans that spend one coin only one can be sent. What the policy calls for does not wait for a plan
that nobody sends: it takes its coins where the others do not suffice. Asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from vault.bitcoin.transaction import OutPoint
from vault.errors import PlanError, VaultError
from vault.store import records
from vault.treasury import history

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from vault.bitcoin.wallet.compose import BuiltPsbt
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan

# What building says when the coins it may take are too few.
SHORT: Final = frozenset({"psbt.insufficient_funds", "psbt.no_coins"})


def reserved(connection: Connection, at: datetime) -> dict[str, str]:
    """Coins (``txid:vout``) of plans that may still be sent, with the plan's id."""
    return {
        coin: row.plan_id
        for row in open_plans(connection, at)
        for transfer in history.stored_plan(row).body.transfers
        for coin in transfer.coins
    }


def open_plans(connection: Connection, at: datetime) -> list[records.PlanRow]:
    """Plans that may still be sent, those that nobody approved yet too, oldest first."""
    rows = records.all_plans(connection, frozenset({"proposed", "approved", "sending"}))
    return [row for row in rows if history.is_open(row, at) or _proposed(row, at)]


def _proposed(row: records.PlanRow, at: datetime) -> bool:
    from vault.clock import from_iso

    return row.state == "proposed" and at < from_iso(row.expires_at)


def held_for_plans(desk: Desk) -> dict[OutPoint, str]:
    """Coins of plans that may still be sent, with the plan's id: other plans leave them alone if they can."""
    with desk.store.read() as connection:
        found = reserved(connection, desk.clock.now())
    return {OutPoint.parse(name): plan_id for name, plan_id in found.items()}


def apart(desk: Desk, build: Callable[[tuple[OutPoint, ...]], BuiltPsbt]) -> BuiltPsbt:
    """What `build` makes without the coins of other plans, or with them where the others do not suffice."""
    held = tuple(held_for_plans(desk))
    try:
        return build(held)
    except VaultError as error:
        if not held or error.code not in SHORT:
            raise
    return build(())


def free_of_plans(desk: Desk, build: Callable[[tuple[OutPoint, ...]], BuiltPsbt]) -> BuiltPsbt:
    """What `build` makes without the coins of other plans. Raises `PlanError` (``plan.coins_reserved``)."""
    held = held_for_plans(desk)
    try:
        return build(tuple(held))
    except VaultError as error:
        if not held or error.code not in SHORT:
            raise
        plans = ", ".join(sorted(set(held.values())))
        raise PlanError(
            "coins_reserved",
            f"{error.message} beside the coins that open plans hold ({plans})",
            hint="Send those plans, or give one up: `vault cancel PLAN` frees its coins.",
        ) from None


def rivals(desk: Desk, plan: Plan) -> list[str]:
    """Approved plans of which only one can be sent beside this one: they spend a coin of it.

    None that a replacement is made to take the place of.
    """
    with desk.store.read() as connection:
        rows = [row for row in open_plans(connection, desk.clock.now()) if row.plan_id != plan.plan_id]
        txids = {
            str(step.facts.get("txid", "")): step.plan_id
            for step in records.intents_of_kind(connection, "spend")
        }
    replaced = {txids.get(each.replaces, "") for each in plan.body.transfers if each.replaces}
    ours = {use for each in plan.body.transfers for use in each.uses}
    found = []
    for row in (row for row in rows if row.state != "proposed" and row.plan_id not in replaced):
        for other in history.stored_plan(row).body.transfers:
            if not ours.isdisjoint(other.uses):
                what = other.action.replace("_", "-")
                shared = "uses the same nonce" if other.on_ethereum else "spends the same coin"
                found.append(f"plan {row.plan_id} ({what}, {row.state}) {shared}: only one can be sent")
    return found
