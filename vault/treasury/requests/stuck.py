"""Finds transactions of ours that do not get on, and says what getting them on would cost.

Reads and reports; it never acts. What was signed and given up is found too: its bytes stay valid until
its coins are spent by something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from vault.codec import encode
from vault.money import BTC, CONTEXT, Amount
from vault.store import records
from vault.treasury import history
from vault.treasury.ethereum.following import is_ethereum
from vault.treasury.ethereum.outside import owners_signed, still_sendable
from vault.treasury.lineage import Lineage
from vault.treasury.requests.build import INCREMENTAL_RELAY
from vault.treasury.settle_spend import spenders
from vault.treasury.steps import tip_when_made

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer


@dataclass(frozen=True, slots=True)
class Stuck:
    """A transaction that waits for a block too long: `fee_rate` is below the `present_rate` (sat/vB).

    `more` is what a bump to `offered_rate` would cost on top; `within` whether caps and budget let it,
    `why` what stands against it.
    """

    plan_id: str
    transfer: int
    txid: str
    blocks: int
    fee: Amount
    fee_rate: Decimal
    present_rate: Decimal
    offered_rate: Decimal
    more: Amount
    within: bool
    why: str

    @property
    def command(self) -> str:
        """What makes the plan of that bump."""
        return f"vault request bump {self.plan_id} {self.transfer} --fee-rate {self.offered_rate:f}"

    @property
    def line(self) -> str:
        """The finding in one sentence."""
        offer = f"a bump to {self.offered_rate:f} sat/vB costs {self.more} more"
        return (
            f"{self.txid} (plan {self.plan_id}, transfer {self.transfer}) is unconfirmed after {self.blocks} "
            f"blocks at {self.fee_rate:f} sat/vB, {self.present_rate:f} are asked now; {offer}"
            + (f": `{self.command}`" if self.within else f", but {self.why}")
        )


@dataclass(frozen=True, slots=True)
class Lingering:
    """A transaction that was signed and given up, or never sent in time, and whose coins are unspent.

    `by_owners`: only owners of a Safe have signed it, and `txid` is what they signed (safeTxHash).
    """

    plan_id: str
    transfer: int
    txid: str
    by_owners: bool = False

    @property
    def line(self) -> str:
        if self.by_owners:
            return (
                f"{self.txid} of plan {self.plan_id}, transfer {self.transfer}, was signed by enough owners "
                "of the Safe: whoever has their signatures can still execute it, until the Safe has done "
                "another transaction"
            )
        return (
            f"{self.txid} was signed and not sent: whoever has its bytes can still send it; "
            f"`vault request cancel {self.plan_id} {self.transfer}` takes its coins back"
        )


def stuck(desk: Desk) -> tuple[Stuck, ...]:
    """What is unconfirmed longer than the policy's deadline and pays less than the present estimate.

    Raises `ChainError`. What was found is recorded, for those who look at the store alone.
    """
    with desk.store.read() as connection:
        waiting = [
            (plan.transfer(row.transfer), row, tip_when_made(connection, plan))
            for row in records.intents_of_kind(connection, "spend")
            if row.state == "accepted"
            and not is_ethereum(row)
            and (plan := _plan_of(connection, row)) is not None
        ]
        known = records.latest_document(connection, "stuck")
    found: tuple[Stuck, ...] = ()
    if waiting:
        tip, rate = desk.backend().tip_height(), _whole(desk.fee_rate(_target()))
        after = desk.policy().policy.fees.stuck_after_blocks
        found = tuple(
            each
            for transfer, row, made in waiting
            if made is not None and tip - made >= after
            if (each := _judge(desk, transfer, row, tip - made, rate)) is not None
        )
    if found or (known is not None and known[2]["items"]):
        with desk.store.write() as writer:
            items = [{"line": each.line, **encode(each)} for each in found]
            records.save_document(writer, "stuck", {"at": writer.at, "items": items})
    return found


def _target() -> int:
    from vault.treasury.propose import FEE_TARGET_BLOCKS

    return FEE_TARGET_BLOCKS


def _whole(rate: Decimal) -> Decimal:
    return rate.to_integral_value(rounding=ROUND_CEILING)


def _plan_of(connection: Connection, row: IntentRow) -> Plan | None:
    found = records.find_plan(connection, row.plan_id)
    return None if found is None else history.stored_plan(found)


def _judge(desk: Desk, transfer: Transfer, row: IntentRow, blocks: int, present: Decimal) -> Stuck | None:
    from vault.bitcoin.transaction import Transaction

    vsize = Transaction.parse(bytes.fromhex(row.facts["raw"])).vsize
    paid = CONTEXT.divide(Decimal(transfer.fee.units), Decimal(vsize))
    if paid >= present or desk.backend().transaction_status(str(row.facts["txid"])).confirmed:
        return None
    least = CONTEXT.divide(Decimal(transfer.fee.units + INCREMENTAL_RELAY * vsize), Decimal(vsize))
    offered = max(present, _whole(least))
    fee = Amount(BTC, int(CONTEXT.multiply(offered, Decimal(vsize)).to_integral_value(ROUND_CEILING)))
    why = _against(desk, transfer, fee, offered)
    return Stuck(
        plan_id=row.plan_id,
        transfer=transfer.number,
        txid=str(row.facts["txid"]),
        blocks=blocks,
        fee=transfer.fee,
        fee_rate=paid.quantize(Decimal("0.01")),
        present_rate=present,
        offered_rate=offered,
        more=fee - transfer.fee,
        within=not why,
        why=why,
    )


def _against(desk: Desk, transfer: Transfer, fee: Amount, rate: Decimal) -> str:
    """What stands against a bump to that fee; empty when nothing does."""
    from vault.policy.budget import check_fee_budget

    policy, now = desk.policy().policy, desk.clock.now()
    fees = policy.fees
    if rate > fees.max_fee_rate:
        return f"the policy's cap is {fees.max_fee_rate:f} sat/vB"
    if fee > fees.max_fee_amount:
        return f"the policy's cap is {fees.max_fee_amount}"
    moved = transfer.amount if transfer.payments else transfer.returned
    if Decimal(fee.units) > CONTEXT.multiply(fees.max_fee_share, Decimal(moved.units)):
        return f"the policy's cap is {fees.max_fee_share:f} of {moved}"
    with desk.store.read() as connection:
        past = history.outflows(connection, now, since=history.window_start(policy, now))
    budget = check_fee_budget(policy, fee - transfer.fee, Amount.zero(BTC), past, now)
    return "" if budget.within else f"{budget.name}: {budget.reason}"


def lingering(desk: Desk) -> tuple[Lingering, ...]:
    """Transactions that were signed and given up and can still be sent. Raises `ChainError`."""
    with desk.store.read() as connection:
        family = Lineage(connection)
        rows = [
            row
            for row in family.rows
            if (row.state in {"cancelled", "signed"} and "raw" in row.facts)
            or (row.state in {"cancelled", "signing", "signed", "replaced"} and owners_signed(row))
            if not family.beaten(row)
            if (plan := records.find_plan(connection, row.plan_id)) is not None
            and not history.is_open(plan, desk.clock.now())
        ]
    found = []
    for row in rows:
        if is_ethereum(row):
            if name := still_sendable(desk, row):
                by_owners = name == row.facts.get("safe_hash")
                found.append(Lingering(row.plan_id, row.transfer, name, by_owners))
            continue
        status = desk.backend().transaction_status(str(row.facts["txid"]))
        if not status.found and not spenders(desk, row):
            found.append(Lingering(row.plan_id, row.transfer, str(row.facts["txid"])))
    return tuple(found)
