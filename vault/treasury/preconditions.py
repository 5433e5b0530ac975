"""Everything that must still hold before a transfer is signed and again before it is sent.

Refuses when policy or address book changed, an entry is no longer active, a venue's fee, flags or
deposit address changed, a coin is gone, or the need for the transfer is over. Reads only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.clock import to_iso
from vault.errors import DeniedError, PlanError
from vault.store import records
from vault.treasury import history
from vault.treasury.spending import psbt_bytes, verify_transfer

if TYPE_CHECKING:
    from vault.money import Amount
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer


def check_transfer(desk: Desk, plan: Plan, transfer: Transfer, *, leaving: Amount) -> None:
    """Check everything; `leaving` is what would still leave the margin account (sweeps).

    Raises `PlanError`, `DeniedError` or a verification error when a precondition no longer holds.
    """
    check_documents(desk, plan)
    check_destination(desk, transfer)
    check_no_rival(desk, plan, transfer)
    history.check_limits(desk, plan, transfer)
    if transfer.kind == "bitcoin_spend":
        check_inputs_unspent(desk, transfer, verify_transfer(desk, transfer).txid)
    if transfer.action == "sweep":
        check_withdrawal(desk, transfer)
        check_margin_after(desk, transfer, leaving)
    if transfer.action == "top_up":
        check_deposit_address(desk, transfer)
        check_still_needed(desk, transfer)


def check_documents(desk: Desk, plan: Plan) -> None:
    """Policy and address book are the very ones the plan was made under."""
    for what, expected, found in (
        ("policy", plan.body.policy_digest, desk.policy().digest),
        ("address book", plan.body.book_digest, desk.book().digest),
    ):
        if expected != found:
            raise PlanError(
                "document_changed",
                f"the {what} changed after plan {plan.plan_id} was made",
                hint="Make a new plan under the present documents.",
            )


def check_destination(desk: Desk, transfer: Transfer) -> None:
    """The destination is an active entry of the signed book, with exactly the plan's address."""
    policy = desk.policy().policy
    entry = desk.book().book.active(transfer.destination, desk.clock.now(), policy.address_book.cooling_hours)
    if (entry.address, entry.network, entry.asset) != (
        transfer.address,
        transfer.network,
        transfer.amount.asset.symbol,
    ):
        raise PlanError(
            "address_differs",
            f"expected {entry.address} ({entry.id} in the address book), found {transfer.address}",
            hint="The plan was altered or the address book changed.",
        )


def check_no_rival(desk: Desk, plan: Plan, transfer: Transfer) -> None:
    """No other plan is under way from the same places, and none moved there since this one was made.

    What another plan moved is not in this plan's snapshot: two plans made from one look at an account
    must not both be carried out.
    """
    ours = {transfer.source, transfer.venue_account} - {""}
    with desk.store.read() as connection:
        for row in records.all_plans(connection, history.BEGUN - {"approved"}):
            if row.plan_id == plan.plan_id:
                continue
            touched = [
                t for t in history.stored_plan(row).body.transfers if ours & {t.source, t.venue_account}
            ]
            steps = records.intents(connection, row.plan_id)
            waiting = any(
                not history.gone(t, [step for step in steps if step.transfer == t.number]) for t in touched
            )
            if waiting and row.state == "sending":
                raise DeniedError(
                    "in_flight",
                    f"plan {row.plan_id} is under way from or to {', '.join(sorted(ours))}",
                    hint="Run `vault reconcile` until it is done.",
                )
            sent = [step.submitted_at for step in steps]
            made = to_iso(plan.body.created_at)
            if touched and any(moment is not None and moment >= made for moment in sent):
                raise PlanError(
                    "superseded",
                    f"plan {row.plan_id} moved coins of {', '.join(sorted(ours))} after this plan was made",
                    hint="Make a new plan from what is there now.",
                )


def check_withdrawal(desk: Desk, transfer: Transfer) -> None:
    """The venue still withdraws on that network, for the planned fee at most."""
    info = desk.venues.network_info(
        transfer.venue_account, transfer.amount.asset.symbol, transfer.venue_network
    )
    if not info.enabled:
        raise DeniedError(
            "withdrawals_suspended",
            f"{transfer.venue_account}: withdrawals on {info.network} are suspended",
            hint="Wait for the venue; nothing was sent.",
        )
    if info.fee != transfer.fee:
        raise PlanError(
            "fee_changed",
            f"expected a venue fee of {transfer.fee}, found {info.fee}",
            hint="Make a new plan at the present fee.",
        )
    gross = transfer.gross
    above = info.maximum is not None and gross > info.maximum
    if above or gross < info.minimum or gross != gross.quantise_down(info.step):
        # Asked before the coins leave margin, not by the venue's refusal after it.
        raise PlanError(
            "venue_limits",
            f"expected {info.minimum} to {info.maximum or 'any amount'} in steps of {info.step}, "
            f"found {gross}",
            hint="Make a new plan within what the venue takes now.",
        )


def check_deposit_address(desk: Desk, transfer: Transfer) -> None:
    """The attested entry equals the venue's present answer, and deposits are open."""
    symbol = transfer.amount.asset.symbol
    # First: while deposits are suspended, venues do not tell the address either.
    info = desk.venues.network_info(transfer.venue_account, symbol, transfer.venue_network)
    if info.deposit_minimum is not None and transfer.amount < info.deposit_minimum:
        raise DeniedError(
            "below_deposit_minimum",
            f"{transfer.venue_account} credits deposits of {info.deposit_minimum} or more, found "
            f"{transfer.amount}",
            hint="A smaller deposit is never credited. Raise min_change in the policy.",
        )
    if not info.deposit_enabled:
        raise DeniedError(
            "deposits_suspended",
            f"{transfer.venue_account}: deposits of {symbol} on {transfer.venue_network} are suspended",
            hint="A top-up would not be credited in time.",
        )
    present = desk.venues.deposit_address(transfer.venue_account, symbol, transfer.venue_network)
    if present.address != transfer.address or present.tag:
        raise DeniedError(
            "deposit_address_changed",
            f"expected {transfer.address} (attested), {transfer.venue_account} now says {present.address}",
            hint="Do not top up. Ask the venue by another channel; retire the entry if it is true.",
        )


def check_margin_after(desk: Desk, transfer: Transfer, leaving: Amount) -> None:
    """With fresh numbers, the account stays above its floor in every scenario without `leaving`."""
    from vault.treasury.observe import assess_account

    band = desk.policy().policy.band_of(transfer.source)
    if band is None:
        raise DeniedError("no_band", f"the policy has no band for {transfer.source}")
    risk = assess_account(desk, transfer.source)
    if risk.flags:
        raise DeniedError("contradiction", f"{transfer.source}: {'; '.join(risk.flags)}")
    for result in risk.scenarios:
        unit = dict(result.unit_values).get(transfer.amount.asset.symbol)
        if unit is None or result.excess - leaving.to_decimal() * unit < band.floor:
            raise DeniedError(
                "margin_moved",
                f"{transfer.source}: after this sweep the scenario {result.scenario} would fall below the "
                f"floor of {band.floor} USD",
                hint="The market moved since the plan was made. Make a new plan.",
            )


def check_still_needed(desk: Desk, transfer: Transfer) -> None:
    """With fresh numbers, the account is still below its target: cold coins leave for need only."""
    from vault.treasury.observe import assess_account

    band = desk.policy().policy.band_of(transfer.venue_account)
    risk = assess_account(desk, transfer.venue_account)
    if risk.flags:
        raise DeniedError("contradiction", f"{transfer.venue_account}: {'; '.join(risk.flags)}")
    if band is None or risk.stress_excess >= band.target:
        raise DeniedError(
            "no_longer_needed",
            f"{transfer.venue_account}: the stress excess is {risk.stress_excess:.2f} USD again, at or above "
            "the target",
            hint="The market came back. Cancel this plan.",
        )


def check_inputs_unspent(desk: Desk, transfer: Transfer, txid: str) -> None:
    """Every coin of the spend is still there, or spent by this very transaction."""
    if rival := spent_by_others(desk, transfer, txid):
        raise PlanError(
            "coin_spent",
            f"a coin of transfer {transfer.number} was spent meanwhile by {rival}",
            hint="Make a new plan from the coins that are left.",
        )


def spent_by_others(desk: Desk, transfer: Transfer, txid: str) -> str | None:
    """The txid of a transaction other than `txid` that spends one of the inputs; None when none does."""
    from vault.bitcoin.psbt import Psbt

    backend = desk.backend()
    for tx_in in Psbt.parse(psbt_bytes(transfer)).unsigned.inputs:
        spender = backend.outspend(tx_in.outpoint.txid, tx_in.outpoint.vout)
        if spender is not None and spender != txid:
            return spender
    return None
