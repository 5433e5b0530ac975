"""What a person may ask for, as plans: payments, consolidation, replacements, children that pay for parents.

Refuses to replace what is confirmed, unsettled or not ours, and a replacement that nodes would not take
(BIP125). Nothing here sends: each plan is approved, signed and sent like every other.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.errors import PlanError, PsbtError
from vault.money import BTC, CONTEXT, Amount, plain
from vault.store import records
from vault.treasury.coins import withheld
from vault.treasury.lineage import Lineage
from vault.treasury.plan import Payment, Transfer
from vault.treasury.requests.make import make_plan
from vault.treasury.reserved import free_of_plans
from vault.treasury.spending import returned_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.bitcoin.transaction import OutPoint, Transaction
    from vault.bitcoin.wallet.compose import BuiltPsbt
    from vault.model import Action
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan
    from vault.treasury.propose import Proposal

# Nodes relay a replacement that pays so much more, for each vbyte of it, than all it evicts (Bitcoin Core,
# DEFAULT_INCREMENTAL_RELAY_FEE; newer nodes ask for a tenth).
INCREMENTAL_RELAY: Final = 1
# A replacement that had to be dearer may be larger for it, and then dearer again.
_ATTEMPTS: Final = 4
# Of these a transaction waits for a block, or was evicted and can wait for one again.
REPLACEABLE: Final = frozenset({"accepted", "unsent"})
# A transaction that was signed and given up, or never sent, stays valid until its coins are spent.
CANCELLABLE: Final = REPLACEABLE | {"cancelled", "signed"}


def pay(
    desk: Desk, wallet: str, payments: Sequence[tuple[str, Amount]], fee_rate: Decimal | None = None
) -> Proposal:
    """One transaction of `wallet` that pays entries of the address book: (entry id, amount) each.

    Raises `DeniedError`, `PsbtError`, `AddressError`.
    """
    from vault.address import script_pubkey

    if not payments:
        raise PlanError("no_payments", "expected at least one payment, found none")
    book, cooling = desk.book().book, desk.policy().policy.address_book.cooling_hours
    entries = [book.active(name, desk.clock.now(), cooling) for name, _ in payments]
    paid = tuple(
        Payment(entry.id, entry.address, amount) for entry, (_, amount) in zip(entries, payments, strict=True)
    )

    def build() -> Transfer:
        scripts = tuple((script_pubkey(each.address, desk.network), each.amount) for each in paid)
        rate, taken = _rate(desk, fee_rate), withheld(desk, wallet)
        built = free_of_plans(
            desk, lambda held: desk.wallet(wallet).build_spend(scripts, rate, without=(*taken, *held))
        )
        return _transfer(desk, "pay", wallet, built, payments=paid)

    return make_plan(desk, build, wallet=wallet)


def consolidate(
    desk: Desk, wallet: str, coins: Sequence[OutPoint], fee_rate: Decimal | None = None
) -> Proposal:
    """Many coins of `wallet` become one, of the same wallet. Raises `DeniedError`, `PsbtError`."""
    if len(set(coins)) < 2:
        raise PlanError("no_coins", f"expected two different coins or more, found {len(set(coins))}")

    def build() -> Transfer:
        built = desk.wallet(wallet).build_consolidation(tuple(coins), _rate(desk, fee_rate))
        return _transfer(desk, "consolidate", wallet, built)

    return make_plan(desk, build, wallet=wallet)


def bump(desk: Desk, plan: Plan, number: int, fee_rate: Decimal | None = None) -> Proposal:
    """The same payments again at a higher fee, out of the same coins and more if need be.

    Without a rate at the present estimate, or at the least that replaces the original (BIP125). What was to
    follow (a venue's credit, the move to margin) is in the new plan too; only the winner's runs.
    """
    if plan.transfer(number).on_ethereum:
        from vault.treasury.requests.ethereum import bump_ethereum

        _require_no_rate(fee_rate)
        return bump_ethereum(desk, plan, number)
    original = _original(desk, plan, number, REPLACEABLE)
    return _replacement(desk, "bump", original, original.transfer.payments, fee_rate)


def cancel_onchain(desk: Desk, plan: Plan, number: int, fee_rate: Decimal | None = None) -> Proposal:
    """The coins of a transaction back to the wallet, before it confirms; also of one signed and given up."""
    if plan.transfer(number).on_ethereum:
        from vault.treasury.requests.ethereum import cancel_ethereum

        _require_no_rate(fee_rate)
        return cancel_ethereum(desk, plan, number)
    original = _original(desk, plan, number, CANCELLABLE)
    if not original.transfer.payments and original.step.state in REPLACEABLE:
        raise PlanError(
            "nothing_to_cancel",
            f"transfer {number} of plan {plan.plan_id} pays nobody: its coins come back anyway",
            hint="`vault request bump` raises its fee.",
        )

    return _replacement(desk, "cancel", original, (), fee_rate)


def _require_no_rate(asked: Decimal | None) -> None:
    if asked is not None:
        raise PlanError(
            "no_fee_rate",
            "expected no rate in sat/vB for a transaction on Ethereum",
            hint="It pays a tenth more than what it replaces, or what is asked now, within the caps.",
        )


def _replacement(
    desk: Desk, action: Action, original: _Original, payments: tuple[Payment, ...], asked: Decimal | None
) -> Proposal:
    wallet, notes = original.transfer.source, list[str]()
    scripts = _scripts(desk, original.transfer) if payments else ()

    def at(rate: Decimal) -> Transfer:
        taken = withheld(desk, wallet)
        built = free_of_plans(
            desk,
            lambda held: desk.wallet(wallet).build_replacement(
                original.transaction,
                scripts,
                rate,
                keep_payments=bool(payments),
                without=(*taken, *held),
            ),
        )
        return _replacing(desk, action, original, built, payments)

    def build() -> Transfer:
        rate = _rate(desk, asked)
        if asked is not None:
            return at(rate)
        said = "the present estimate"
        for _ in range(_ATTEMPTS):
            try:
                made = at(rate)
            except (PlanError, PsbtError) as error:
                needed = Decimal(error.details.get("needed_rate", "0"))
                if needed <= rate:
                    raise
                rate, said = needed, "the least that nodes take to replace it (BIP125)"
            else:
                notes.append(f"fee rate {rate:f} sat/vB: {said}")
                return made
        return at(rate)

    return make_plan(desk, build, wallet=wallet, notes=notes)


def speed_up(desk: Desk, wallet: str, outpoint: OutPoint, fee_rate: Decimal) -> Proposal:
    """A child of an unconfirmed coin of `wallet`, so dear that both together pay `fee_rate` (CPFP)."""
    status = desk.backend().transaction_status(outpoint.txid)
    if not status.found or status.confirmed:
        raise PlanError(
            "not_waiting",
            f"expected {outpoint.txid} in the mempool, found it {'confirmed' if status.found else 'nowhere'}",
            hint="Only what waits for a block can be sped up.",
        )

    def build() -> Transfer:
        rate, taken = _rate(desk, fee_rate), withheld(desk, wallet)
        built = free_of_plans(
            desk, lambda held: desk.wallet(wallet).build_child(outpoint, rate, without=(*taken, *held))
        )
        notes.extend(_package(desk, wallet, outpoint, built))
        return _transfer(desk, "speed_up", wallet, built)

    notes = list[str]()
    return make_plan(desk, build, wallet=wallet, notes=notes)


def _package(desk: Desk, wallet: str, outpoint: OutPoint, built: BuiltPsbt) -> list[str]:
    """What the child speeds up, and what both pay together."""
    parents = desk.wallet(wallet).ancestors(outpoint.txid)
    rates = [
        f"{CONTEXT.divide(Decimal(fee), Decimal(vsize)):.2f} sat/vB"
        for fee, vsize in (
            (parents.fee, parents.vsize),
            (parents.fee + built.fee.units, parents.vsize + built.vsize),
        )
    ]
    more = len(parents.txids) - 1
    beside = f" and {more} before it" if more else ""
    return [
        f"speeds up {outpoint.txid}{beside}, which pays {Amount(BTC, parents.fee)} for {parents.vsize} vB "
        f"({rates[0]}); together with this transaction {rates[1]}"
    ]


# -- what is replaced --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Original:
    """A transaction of ours that is to be replaced; `evicted` is what it and its children pay as fees."""

    transfer: Transfer
    step: IntentRow
    transaction: Transaction
    evicted: Amount

    @property
    def in_mempool(self) -> bool:
        return self.step.state == "accepted"


def _original(desk: Desk, plan: Plan, number: int, states: frozenset[str]) -> _Original:
    from vault.bitcoin.transaction import Transaction
    from vault.treasury.history import stored_plan

    transfer = plan.transfer(number)
    with desk.store.read() as connection:
        steps = records.intents(connection, plan.plan_id)
        step = next((s for s in steps if (s.transfer, s.kind) == (number, "spend")), None)
        found = step.state if step is not None else "not signed"
        if step is None or found not in states or "raw" not in step.facts:
            raise PlanError(
                "not_replaceable",
                f"transfer {number} of plan {plan.plan_id}: expected a transaction of ours that waits for a "
                f"block, found it {found}",
                hint="`vault reconcile` says how far it is. What is confirmed stays.",
            )
        live = [row for row in Lineage(connection).children([step]) if row.state == "accepted"]
        rows = [(records.find_plan(connection, row.plan_id), row) for row in live]
    children = [stored_plan(row).transfer(child.transfer).fee for row, child in rows if row is not None]
    if desk.backend().transaction_status(step.facts["txid"]).confirmed:
        raise PlanError(
            "already_confirmed",
            f"{step.facts['txid']} is confirmed: there is nothing to replace any more",
            hint="Run `vault reconcile`.",
        )
    evicted = Amount(BTC, transfer.fee.units + sum(fee.units for fee in children))
    return _Original(transfer, step, Transaction.parse(bytes.fromhex(step.facts["raw"])), evicted)


def _replacing(
    desk: Desk, action: Action, original: _Original, built: BuiltPsbt, payments: tuple[Payment, ...]
) -> Transfer:
    """The transfer that takes the original's place, once BIP125's rules 2 to 4 hold for it."""
    before = original.transfer
    if missing := {str(each.outpoint) for each in original.transaction.inputs} - set(map(str, built.inputs)):
        raise PsbtError("input_missing", f"expected all coins of the original, missing {sorted(missing)[0]}")
    least = original.evicted + Amount(BTC, INCREMENTAL_RELAY * built.vsize)
    if original.in_mempool and built.fee < least:
        rate = -(-least.units // built.vsize)
        raise PlanError(
            "fee_too_low",
            f"expected a fee of at least {least} to replace {original.step.facts['txid']}, found {built.fee}",
            hint=f"Nodes refuse less (BIP125). Ask for it: --fee-rate {rate}",
            needed_rate=str(rate),
        )
    transfer = _transfer(
        desk, action, before.source, built, payments=payments, replaces=str(original.step.facts["txid"])
    )
    if not payments:
        return transfer
    from dataclasses import replace

    return replace(
        transfer,
        venue_account=before.venue_account,
        venue_network=before.venue_network,
        moves=before.moves,
    )


def _transfer(  # noqa: PLR0917
    desk: Desk,
    action: Action,
    wallet: str,
    built: BuiltPsbt,
    payments: tuple[Payment, ...] = (),
    replaces: str = "",
) -> Transfer:
    return Transfer(
        number=1,
        action=action,
        kind="bitcoin_spend" if payments else "bitcoin_upkeep",
        source=wallet,
        venue_account="",
        network=f"bitcoin:{desk.network.name}",
        venue_network="",
        payments=payments,
        fee=built.fee,
        psbt=base64.b64encode(built.psbt).decode(),
        coins=tuple(str(coin) for coin in built.inputs),
        returned=returned_by(built),
        replaces=replaces,
    )


def _scripts(desk: Desk, transfer: Transfer) -> tuple[tuple[bytes, Amount], ...]:
    from vault.address import script_pubkey

    return tuple((script_pubkey(each.address, desk.network), each.amount) for each in transfer.payments)


def _rate(desk: Desk, asked: Decimal | None) -> Decimal:
    """The rate that was asked for, else the present estimate, held just below the policy's cap.

    Raises `PlanError` (``plan.fee_below_floor``) for a rate that no mempool takes.
    """
    from vault.treasury.propose import present_rate

    if asked is None:
        return present_rate(desk)
    if asked < (floor := desk.fee_floor()):
        raise PlanError(
            "fee_below_floor",
            f"expected at least {plain(floor)} sat/vB, the least that mempools take, found {plain(asked)}",
            hint=f"Ask for it: --fee-rate {plain(floor)}. `vault fees` shows what is asked now.",
        )
    return asked
