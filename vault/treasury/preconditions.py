"""Everything that must still hold before a transfer is signed and again before it is sent.

Refuses when policy or address book changed, an entry is no longer active, a venue's fee, flags, lists or
deposit address changed, a coin is gone or frozen, or the need for the transfer is over. Reads only, save that
a venue account is frozen whose deposit address is not the attested one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.clock import to_iso
from vault.codec import encode
from vault.errors import DeniedError, PlanError
from vault.store import records
from vault.treasury import coins, foreign_spends, history, limits, precautions, second_price
from vault.treasury.ethereum.check import check_ethereum
from vault.treasury.ethereum.pins import require_receivable
from vault.treasury.lineage import Lineage
from vault.treasury.plan import require_form, require_format
from vault.treasury.spending import verify_transfer
from vault.treasury.venue_requests import after_credit, inward, outward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vault.bitcoin.transaction import OutPoint
    from vault.bitcoin.wallet.coins import Coin
    from vault.model import AccountRisk
    from vault.money import Amount
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer
    from vault.venues.base import WithdrawNetwork


def check_transfer(desk: Desk, plan: Plan, transfer: Transfer, *, leaving: Amount) -> None:
    """Check everything; `leaving` is what would still leave the margin account (sweeps).

    Raises `PlanError`, `DeniedError` or a verification error when a precondition no longer holds.
    """
    require_form(transfer)
    check_documents(desk, plan)
    check_destinations(desk, transfer)
    check_no_rival(desk, plan, transfer)
    limits.check_limits(desk, plan, transfer)
    if transfer.on_bitcoin:
        check_coins(desk, plan, transfer)
        coins.require_free(desk, transfer)
        foreign_spends.require_none(desk, transfer.source)
    if transfer.on_ethereum:
        check_ethereum(desk, plan, transfer)
    if transfer.venue_account:
        check_route(desk, transfer)
    if transfer.action == "sweep":
        check_withdrawal(desk, transfer, plan.body.warnings)
        check_margin_after(desk, transfer, leaving)
    if transfer.credited:
        # What takes the place of a top-up goes on under the warnings of that one.
        check_deposit(desk, transfer, None if transfer.replaces else plan.body.warnings)
    if transfer.kind == "venue_move":
        check_return(desk, transfer)


def check_meanwhile(desk: Desk, plan: Plan, transfer: Transfer) -> None:
    """What another process may have changed since `check_transfer`, asked of the store alone.

    For the write that lets a step leave: under its lock nobody else changes it any more. This is the one
    place that every outflow passes last; a quorum and caps on outflows will be asked here too.
    """
    check_no_rival(desk, plan, transfer)
    limits.check_limits(desk, plan, transfer)
    if transfer.credited:
        precautions.not_frozen(desk, transfer.venue_account)
    if transfer.on_bitcoin:
        coins.require_free(desk, transfer)


def check_documents(desk: Desk, plan: Plan) -> None:
    """Policy and address book are the very ones the plan was made under, and its format is this program's."""
    require_format(plan)
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


def check_destinations(desk: Desk, transfer: Transfer) -> None:
    """Every destination is an active entry of the signed book, with exactly the plan's address.

    One of a venue is paid only by what is credited there: under its own rules, limits and checks.
    """
    credited = transfer.venue_account if transfer.credited else ""
    cooling, book = desk.policy().policy.address_book.cooling_hours, desk.book().book
    for payment in transfer.payments:
        entry = book.active(payment.destination, desk.clock.now(), cooling)
        if (entry.address, entry.network, entry.asset) != (
            payment.address,
            transfer.network,
            payment.amount.asset.symbol,
        ):
            raise PlanError(
                "address_differs",
                f"expected {entry.address} ({entry.id} in the address book), found {payment.address}",
                hint="The plan was altered or the address book changed.",
            )
        if (entry.venue or "") != credited:
            raise PlanError(
                "other_purpose",
                f"expected an address of {credited or 'no venue'}, found {entry.id} of "
                f"{entry.venue or 'no venue'}",
                hint="Do not approve it. A venue is paid by a top-up.",
            )


def check_no_rival(desk: Desk, plan: Plan, transfer: Transfer) -> None:
    """No other plan is under way from the same places, and none moved there since this one was made.

    What another plan moved is not in this plan's snapshot: two plans made from one look at an account
    must not both be carried out.
    """
    ours = _places(transfer)
    made = to_iso(plan.body.created_at)
    with desk.store.read() as connection:
        kin = _kin(Lineage(connection), plan, transfer, records.intents(connection, plan.plan_id))
        others = history.entries(
            connection,
            desk.clock.now(),
            plan.body.created_at,
            states=history.BEGUN - {"approved"},
            without=plan.plan_id,
        )
        for entry in others:
            other, row = entry.transfer, entry.row
            if not ours & _places(other) or (row.plan_id, other.number) in kin:
                continue
            if _waited_for(entry):
                raise DeniedError(
                    "in_flight",
                    f"plan {row.plan_id} is under way from or to {', '.join(sorted(ours))}",
                    hint=f"It may still confirm: `vault request cancel {row.plan_id} {other.number}` takes "
                    "its coins back."
                    if entry.loose
                    else "Run `vault reconcile` until it is done.",
                )
            if any(moved >= made for moved in _submitted(records.intents(connection, row.plan_id))):
                raise PlanError(
                    "superseded",
                    f"plan {row.plan_id} moved coins of {', '.join(sorted(ours))} after this plan was made",
                    hint="Make a new plan from what is there now.",
                )


def _places(transfer: Transfer) -> set[str]:
    """Whose coins it moves, and whose nonce it takes: one transaction of a sender is under way at a time."""
    sender = "" if transfer.call is None else transfer.call.account
    return {transfer.source, transfer.venue_account, sender} - {""}


def _waited_for(entry: history.Entry) -> bool:
    # What was sent and never answered is waited for, whatever became of its plan.
    if entry.on_its_way or any(step.state in {"submitting", "unknown"} for step in entry.steps):
        return True
    return (
        entry.row.state == "sending"
        and not history.gone(entry.transfer, entry.steps)
        and not any(step.state == "replaced" for step in entry.steps)
    )


def _submitted(steps: list[IntentRow]) -> list[str]:
    return [step.submitted_at for step in steps if step.submitted_at is not None]


def _kin(family: Lineage, plan: Plan, transfer: Transfer, intents: list[IntentRow]) -> set[tuple[str, int]]:
    """Transfers that may be under way beside this one: what it replaces or speeds up, and what does it so.

    They share its coins, which are checked one by one; of them only one can confirm, or all must.
    """
    own = {str(step.facts.get("txid", "")) for step in intents if step.transfer == transfer.number} - {""}
    named = [*own, transfer.replaces]
    if transfer.action == "speed_up":
        named += [coin.partition(":")[0] for coin in transfer.coins]
    related = family.relatives(named)
    related += [row for row in family.children(related) if row.facts["action"] == "speed_up"]
    # The very same transaction in another plan is a rival like any other.
    return {(row.plan_id, row.transfer) for row in related if row.facts.get("txid") not in own}


def check_route(desk: Desk, transfer: Transfer) -> None:
    """The account is one that coins are moved at, by the exchange's own hops. Raises `PlanError`."""
    settings = desk.treasury.venue(transfer.venue_account)
    precautions.movable(settings)
    wanted = outward(settings) if transfer.action == "sweep" else inward(settings)
    # A return may begin at any stop on the way, a top-up where the venue credits it (`check_deposit`).
    tails = [wanted[number:] for number in range(len(wanted))]
    credited = [*tails, ()]
    stops = {"venue_move": tails, "bitcoin_spend": credited, "ethereum_spend": credited}.get(
        transfer.kind, [wanted]
    )
    if transfer.moves not in stops:
        raise _route_differs(transfer, f"the moves of {settings.exchange}")


def _route_differs(transfer: Transfer, expected: str) -> PlanError:
    return PlanError(
        "route_differs",
        f"transfer {transfer.number}: expected {expected}, found {transfer.moves}",
        hint="Make a new plan.",
    )


def check_withdrawal(desk: Desk, transfer: Transfer, said: tuple[str, ...] | None = None) -> None:
    """The venue's own lists let it out, and it still withdraws there for the planned fee at most."""
    precautions.required(desk, precautions.of_sweep(desk, _place(desk, transfer)), said)
    if transfer.network.startswith("eip155:"):
        require_receivable(desk, transfer.network, transfer.amount, transfer.payment.address)
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
    asked_for = transfer.asked
    above = info.maximum is not None and asked_for > info.maximum
    if above or asked_for < info.minimum or asked_for != asked_for.quantise_down(info.step):
        # Asked before the coins leave margin, not by the venue's refusal after it.
        raise PlanError(
            "venue_limits",
            f"expected {info.minimum} to {info.maximum or 'any amount'} in steps of {info.step}, "
            f"found {asked_for}",
            hint="Make a new plan within what the venue takes now.",
        )


def check_deposit(desk: Desk, transfer: Transfer, said: tuple[str, ...] | None = None) -> None:
    """The venue may be topped up, there is still need at either price, and the credit comes in time."""
    from vault.treasury.observe import look_at_account

    name, symbol = transfer.venue_account, transfer.amount.asset.symbol
    check_deposit_minimum(desk.venues.network_info(name, symbol, transfer.venue_network), transfer)
    place = _place(desk, transfer)
    precautions.required(desk, precautions.of_top_up(desk, place, None), said)
    # What takes the place of a transaction that is out goes on as that one was planned.
    if not transfer.replaces and transfer.moves != after_credit(desk, name, symbol, transfer.venue_network):
        raise _route_differs(transfer, f"the moves from the wallet that {name} credits now")
    account, risk = look_at_account(desk, name)
    independent = second_price.compare(desk, account)
    precautions.required(
        desk,
        {
            "in_time": lambda: precautions.in_time(desk, place, risk),
            "price": lambda: independent.precaution,
        },
        said,
    )
    check_still_needed(desk, transfer, risk, independent.risk)


def check_deposit_minimum(info: WithdrawNetwork, transfer: Transfer) -> None:
    """Raises `DeniedError` (``denied.below_deposit_minimum``) for what would never be credited."""
    if info.deposit_minimum is not None and transfer.amount < info.deposit_minimum:
        raise DeniedError(
            "below_deposit_minimum",
            f"{transfer.venue_account} credits deposits of {info.deposit_minimum} or more, found "
            f"{transfer.amount}",
            hint="A smaller deposit is never credited. Raise min_change in the policy.",
        )


def _place(desk: Desk, transfer: Transfer) -> precautions.Place:
    entry = desk.book().book.find(transfer.payment.destination)
    asset = transfer.amount.asset.symbol
    return precautions.Place(transfer.venue_account, asset, transfer.venue_network, entry)


def check_return(desk: Desk, transfer: Transfer) -> None:
    """What goes back into margin is still free in the wallet that it leaves."""
    from vault.treasury.requests.venue_return import free_in

    way = inward(desk.treasury.venue(transfer.venue_account))
    held = free_in(desk, transfer.venue_account, way, transfer.moves[0].source)
    if held < transfer.returned:
        raise PlanError(
            "balance_moved",
            f"{transfer.venue_account}: expected {transfer.returned} outside of margin, found {held}",
            hint="Make a new plan from what is there now.",
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


def check_still_needed(desk: Desk, transfer: Transfer, *risks: AccountRisk | None) -> None:
    """At every price that is known the account is below its target: cold coins leave for need only."""
    band = desk.policy().policy.band_of(transfer.venue_account)
    for risk in (each for each in risks if each is not None):
        # A price of another source moves the parts and not the venue's own sums: only those are compared.
        if risk is risks[0] and risk.flags:
            raise DeniedError("contradiction", f"{transfer.venue_account}: {'; '.join(risk.flags)}")
        if band is None or risk.stress_excess >= band.target:
            raise DeniedError(
                "no_longer_needed",
                f"{transfer.venue_account}: the stress excess is {risk.stress_excess:.2f} USD again, at or "
                "above the target",
                hint="The market came back. Cancel this plan.",
            )


def check_coins(desk: Desk, plan: Plan, transfer: Transfer) -> None:
    """Every coin is there, or spent by this transfer or by what it replaces; none may still be taken back.

    Only a child that pays for its parent, and what replaces it, spend coins that are not confirmed.
    """
    verified = verify_transfer(desk, transfer)
    with desk.store.read() as connection:
        family = Lineage(connection)
        own = [i for i in records.intents(connection, plan.plan_id) if i.transfer == transfer.number]
    replaced = family.replaced(transfer.replaces) if transfer.replaces else []
    if replaced and desk.backend().transaction_status(transfer.replaces).confirmed:
        raise PlanError(
            "already_confirmed",
            f"{transfer.replaces} is confirmed: there is nothing to replace any more",
            hint="Run `vault reconcile`, and cancel this plan.",
        )
    allowed = {verified.txid, *(str(row.facts.get("txid", "")) for row in (*replaced, *own))}
    if transfer.replaces:
        _require_same(replaced[0] if replaced else None, transfer)
    known = {coin for row in replaced for coin in family.coins(row)}
    held = _coins_now(desk, transfer.source, [each.outpoint for each in verified.inputs])
    for point in (each.outpoint for each in verified.inputs):
        coin = held.get(point)
        if coin is not None and coin.spent_by is not None and coin.spent_by not in allowed:
            raise PlanError(
                "coin_spent",
                f"a coin of transfer {transfer.number} was spent meanwhile by {coin.spent_by}",
                hint="Make a new plan from the coins that are left.",
            )
        if transfer.action == "speed_up" or str(point) in known:
            continue
        if coin is None or not coin.confirmations:
            raise PlanError(
                "coin_unconfirmed",
                f"transfer {transfer.number} spends {point}, which is not confirmed",
                hint="Whoever made it can still take it back. Wait, or make a new plan.",
            )


def _coins_now(desk: Desk, name: str, points: Sequence[OutPoint]) -> Mapping[OutPoint, Coin]:
    """A wallet's coins as the chain has them now, in a few questions however many they are."""
    wallet = desk.wallet(name)
    for full in (False, True):  # the plan may have been made on another machine
        wallet.sync(full=full)
        found = {coin.outpoint: coin for coin in wallet.coins()}
        if all(point in found for point in points):
            break
    return found


def _require_same(original: IntentRow | None, transfer: Transfer) -> None:
    """A replacement spends every coin of a transaction of ours, and pays exactly the same or nobody.

    Else both could confirm, and only the difference of their fees would have been counted.
    """
    facts = original.facts if original is not None else {"coins": (), "payments": (), "source": ""}
    missing = set(facts["coins"]) - set(transfer.coins)
    same = not transfer.payments or encode(transfer.payments) == facts["payments"]
    if original is None or missing or not same or facts["source"] != transfer.source:
        raise PlanError(
            "replaces_differs",
            f"transfer {transfer.number}: expected all coins and the same payments of {transfer.replaces}, "
            f"found {'others' if original is not None else 'no such transaction of ours'}",
            hint="Do not sign it. Make a new plan.",
        )
