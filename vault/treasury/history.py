"""What has moved before, as limits count it: every step that left or may have left counts.

A plan that was approved counts from that moment; UNKNOWN counts as if it had happened. A transaction whose
bytes left this machine counts whatever became of its plan, until a final one of ours has spent its coins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from vault.canonical import canonical_json, read_json
from vault.clock import from_iso, to_iso
from vault.model import Outflow
from vault.money import ETH, Amount
from vault.store import account_nonces, foreign_spends, records
from vault.treasury.lineage import Lineage
from vault.treasury.plan import PLAN_ID_LENGTH, Plan, parse_plan
from vault.treasury.steps import ENDED, MOVING, may_have_left

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from vault.model import Action
    from vault.policy.document import Policy
    from vault.policy.gas import GasCost
    from vault.store.records import IntentRow
    from vault.treasury.plan import Transfer

# Plans whose transfers moved or may have moved coins; a proposed one never did.
BEGUN = frozenset({"approved", "sending", "done", "failed", "frozen", "cancelled", "replaced"})
# States of the step by which coins leave, in which they left or may have.
LEFT = frozenset({"submitting", "unknown", "accepted", "sent", "displaced", "done", "closed_by_person"})
# The longest wait between two transfers that a policy can ask for (`min_wait_minutes`).
LONGEST_WAIT: Final = timedelta(days=7)
# The fact of a step that says what its transaction cost, in wei; written when the receipt is final.
GAS_PAID: Final = "gas_paid"
_NO_GAS: Final = Amount.zero(ETH)
# Plans of one command are parsed once; more than this are few, and then they are parsed again.
PARSED_KEPT: Final = 64


def stored_plan(row: records.PlanRow) -> Plan:
    """A stored plan, checked against its digest."""
    return _parsed(row.plan_id, row.digest, row.body)


@lru_cache(maxsize=PARSED_KEPT)
def _parsed(plan_id: str, digest: str, body: str) -> Plan:
    value = {"plan_id": digest[:PLAN_ID_LENGTH], "digest": digest, "body": read_json(body)}
    return parse_plan(canonical_json(value), what=f"stored plan {plan_id}", older=True)


def window_start(policy: Policy, at: datetime) -> datetime:
    """The moment before which nothing that is over counts in any limit, budget or wait of the policy."""
    windows = [*(limit.window_hours for limit in policy.limit), *(gas.window_hours for gas in policy.gas)]
    hours = max([policy.fees.window_hours, *windows])
    return at - max(timedelta(hours=hours), LONGEST_WAIT)


def is_open(row: records.PlanRow, at: datetime) -> bool:
    """True while the plan may still send something: begun, or approved and not expired."""
    return row.state == "sending" or (row.state == "approved" and at < from_iso(row.expires_at))


def gone(transfer: Transfer, steps: list[IntentRow]) -> bool:
    """True once a sweep's coins left the account under the venue's own record: margin waits for it no more.

    Its confirmations take hours when a chain is busy; a fall meanwhile must be answered.
    """
    return transfer.kind == "venue_withdrawal" and any(
        step.kind == "withdraw" and step.state in {"accepted", "sent", "done"} for step in steps
    )


@dataclass(frozen=True, slots=True)
class Share:
    """What a transfer makes leave beyond what it replaces, the fee in it, and what it is done for.

    `action` is whose limits count it. `gas` is what it costs, or can cost at most, on the chain `chain_id`
    beyond what it replaces; nothing of what is no transaction on Ethereum.
    """

    action: Action
    amount: Amount
    fee: Amount
    moved: Amount
    gas: Amount = _NO_GAS
    chain_id: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer of a plan that was begun, and its steps.

    `loose`: its transaction left this machine and can still confirm, though nobody goes on with it.
    """

    row: records.PlanRow
    transfer: Transfer
    steps: list[IntentRow]
    loose: bool = False

    @property
    def spend(self) -> IntentRow | None:
        """The step by which its coins leave."""
        return next((step for step in self.steps if step.kind in {"withdraw", "spend"}), None)

    @property
    def gas(self) -> Amount:
        """What its transaction on Ethereum cost, once that is final; before, the most that it can cost."""
        call, spend = self.transfer.call, self.spend
        if call is None:
            return _NO_GAS
        if spend is not None and (paid := gas_paid(spend)) is not None:
            return paid
        # What another transaction took the nonce of is in no block.
        return _NO_GAS if spend is not None and spend.state == "replaced" else Amount(ETH, call.max_gas_cost)

    @property
    def reverted(self) -> bool:
        """True when it is in the chain, and moved nothing but gas."""
        spend = self.spend
        return spend is not None and spend.state == "refused" and gas_paid(spend) is not None

    @property
    def txid(self) -> str:
        return str(self.spend.facts.get("txid", "")) if self.spend and self.transfer.on_chain else ""

    @property
    def on_its_way(self) -> bool:
        """True while its transaction is somewhere between here and a final block."""
        spend = self.spend
        return self.loose or (spend is not None and spend.kind == "spend" and spend.state in MOVING)

    def over(self, at: datetime) -> bool:
        """True when nothing of it is left to happen; what was given up and never left is not waited for."""
        if self.loose:
            return False
        if is_open(self.row, at):
            return all(step.state in {"done", "replaced"} for step in self.steps)
        awaited = self.row.state != "cancelled" and any(
            step.kind == "credit" and step.state == "planned" for step in self.steps
        )
        return not awaited and not any(step.state in MOVING for step in self.steps)


def entries(
    connection: Connection,
    at: datetime,
    since: datetime | None,
    *,
    states: frozenset[str] = BEGUN,
    without: str = "",
    named: Iterable[str] = (),
) -> list[Entry]:
    """Transfers of plans made or begun `since` (None: ever), or not over, oldest first.

    With them comes all that they took the place of. `named` are transactions whose plans are wanted too.
    """
    if since is None:
        rows = [row for row in records.all_plans(connection, states) if row.plan_id != without]
    else:
        rows = records.plans_since(connection, states, to_iso(at), to_iso(since), without)
    plans = {row.plan_id: row for row in rows}
    found = [entry for row in rows for entry in _of_plan(connection, row)]
    known = {entry.txid for entry in found}
    before = [txid for txid in (*named, *(entry.transfer.replaces for entry in found)) if txid not in known]
    if any(before) or any(_given_up(entry) for entry in found):
        family = Lineage(connection)
        for step in (step for txid in before for step in family.replaced(txid)):
            row = records.find_plan(connection, step.plan_id)
            if row is not None and row.plan_id not in {*plans, without} and row.state in states:
                plans[row.plan_id] = row
                found += _of_plan(connection, row)
        found = [
            Entry(each.row, each.transfer, each.steps, _given_up(each) and not family.beaten(spend))
            if (spend := each.spend) is not None
            else each
            for each in found
        ]
    return sorted(found, key=lambda each: (each.row.created_at, each.row.plan_id, each.transfer.number))


def _of_plan(connection: Connection, row: records.PlanRow) -> list[Entry]:
    intents = records.intents(connection, row.plan_id)
    return [
        Entry(row, transfer, [intent for intent in intents if intent.transfer == transfer.number])
        for transfer in stored_plan(row).body.transfers
    ]


def gas_paid(step: IntentRow) -> Amount | None:
    """What the transaction of a step cost, as its final receipt says; None before."""
    paid = step.facts.get(GAS_PAID)
    return None if paid in {None, ""} else Amount(ETH, int(str(paid)))


def _given_up(entry: Entry) -> bool:
    spend = entry.spend
    return spend is not None and spend.state in {"unsent", "cancelled"} and may_have_left(spend)


class _Past:
    """What moved before, by transaction: which of it counts, and as what."""

    def __init__(self, found: list[Entry], at: datetime) -> None:
        self._at = at
        self._by_txid = {entry.txid: entry for entry in found if entry.txid}
        self.counting = [entry for entry in found if self._counts(entry)]
        self.reverted = [entry for entry in found if entry.reverted]
        self._counted = {entry.txid: entry for entry in self.counting if entry.txid}

    def _counts(self, entry: Entry) -> bool:
        """Whether it left, may have left, or may still leave; or was done by what replaced it."""
        spend = entry.spend
        if spend is not None and spend.state == "replaced":
            return self._done_by(entry, self._by_txid.get(str(spend.facts.get("replaced_by"))))
        if entry.loose or (spend is not None and spend.state in LEFT):
            return True
        return is_open(entry.row, self._at) and not any(step.state in ENDED for step in entry.steps)

    def _done_by(self, entry: Entry, winner: Entry | None) -> bool:
        """True when the winner pays what `entry` was to pay, as a replacement of it, at whatever remove."""
        return (
            winner is not None
            and not winner.reverted
            and bool(winner.transfer.payments)
            and any(each.txid == entry.txid for each in self._replaced(winner.transfer))
        )

    def _replaced(self, transfer: Transfer) -> list[Entry]:
        """What a transfer takes the place of, nearest first."""
        found: list[Entry] = []
        while (entry := self._by_txid.get(transfer.replaces)) is not None and entry not in found:
            found.append(entry)
            transfer = entry.transfer
        return found

    def share(self, transfer: Transfer, gas: Amount) -> Share:
        """What it adds: the dearer fee and gas alone, where what it takes the place of counts already.

        Else it counts whole, and what pays is counted as the first of its line that was to pay.
        """
        nothing = Amount.zero(transfer.fee.asset)
        chain_id = 0 if transfer.call is None else transfer.call.chain_id
        if (replaced := self._counted.get(transfer.replaces)) is not None:
            fee = replaced.transfer.fee
            more = transfer.fee - fee if transfer.fee > fee else nothing
            dearer = gas - replaced.gas if gas > replaced.gas else _NO_GAS
            return Share(transfer.action, more, more, nothing, dearer, chain_id)
        if not transfer.payments:
            # What goes from one wallet of an account to another is no reason to pay fees.
            moved = nothing if transfer.kind == "venue_move" or transfer.on_ethereum else transfer.returned
            return Share(transfer.action, transfer.gross, transfer.fee, moved, gas, chain_id)
        line = [transfer, *(entry.transfer for entry in self._replaced(transfer))]
        first = [each for each in line if each.payments][-1]
        return Share(first.action, transfer.gross, transfer.fee, transfer.amount, gas, chain_id)


def outflows(
    connection: Connection, at: datetime, *, since: datetime | None = None, without: str = ""
) -> tuple[Outflow, ...]:
    """Transfers that left, may have left or may still leave, but those of plan `without`; oldest first.

    Of those that are over only what moved `since` (see `window_start`). Of an original and its replacements
    the payments count once, and the dearest fee.
    """
    past = _Past(entries(connection, at, since, without=without), at)
    return (
        *(_outflow(entry, past.share(entry.transfer, entry.gas), at) for entry in past.counting),
        *(_outflow(entry, _only_gas(entry), at) for entry in past.reverted),
        *_foreign(connection, since),
    )


def _only_gas(entry: Entry) -> Share:
    """What was reverted moved nothing, and its gas is paid."""
    nothing = Amount.zero(entry.transfer.fee.asset)
    chain_id = entry.transfer.ethereum.chain_id
    return Share(entry.transfer.action, nothing, nothing, nothing, entry.gas, chain_id)


def _foreign(connection: Connection, since: datetime | None) -> list[Outflow]:
    """What left by transactions of nobody's plan counts from when a person closed it."""
    left = [
        (each.at, wallet, amount)
        for each in foreign_spends.closed(connection)
        for wallet, amount in each.left
    ]
    left += [
        (each.at, each.account, amount)
        for each in account_nonces.accepted_nonces(connection)
        for amount in each.left
    ]
    return [
        Outflow(from_iso(at), "foreign", wallet, "", amount, "done")
        for at, wallet, amount in left
        if since is None or from_iso(at) >= since
    ]


def _outflow(entry: Entry, share: Share, at: datetime) -> Outflow:
    row, transfer, steps = entry.row, entry.transfer, entry.steps
    return Outflow(
        from_iso(max((step.submitted_at or row.created_at for step in steps), default=row.created_at)),
        share.action,
        transfer.subject,
        ", ".join(payment.destination for payment in transfer.payments),
        share.amount,
        "done" if steps and entry.over(at) else "sent" if gone(transfer, steps) else "pending",
        share.fee,
        share.moved,
        share.gas,
        share.chain_id,
    )


def present_share(connection: Connection, transfer: Transfer, at: datetime, *, without: str = "") -> Share:
    """What a transfer of no plan, or of plan `without`, adds to what counts already."""
    found = entries(connection, at, at, without=without, named=(transfer.replaces,))
    return _Past(found, at).share(transfer, _gas_of(transfer))


def _gas_of(transfer: Transfer) -> Amount:
    """The most that a transaction of no step can cost."""
    return _NO_GAS if transfer.call is None else Amount(ETH, transfer.call.max_gas_cost)


def gas_cost(transfer: Transfer, share: Share) -> GasCost | None:
    """What the policy judges of a transaction on Ethereum; None of every other transfer."""
    from vault.policy.gas import GasCost

    if (call := transfer.call) is None:
        return None
    return GasCost(call.chain_id, Amount(ETH, call.max_gas_cost), call.max_fee, share.gas)


def in_flight(connection: Connection, at: datetime) -> frozenset[str]:
    """Accounts and wallets with a transfer of an approved or begun plan that is not over, with who pays gas.

    Whatever became of its plan, a transaction that is on its way is not over.
    """
    names: set[str] = set()
    for entry in entries(connection, at, at):
        open_one = is_open(entry.row, at) and not gone(entry.transfer, entry.steps)
        if open_one or entry.on_its_way:
            call = entry.transfer.call
            names |= {entry.transfer.source, entry.transfer.venue_account, call.account if call else ""}
    return frozenset(names - {""})
