"""What must be true at the end of a case: every step's state is what exchange and chain say themselves."""

from __future__ import annotations

from typing import Any, Final

from tests.faults.treasury import line
from tests.faults.treasury.stage import Scene, Staged
from tests.faults.treasury.truth import sat, truth
from vault.store.records import IntentRow
from vault.treasury import books, reconcile
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan, Transfer
from vault.treasury.steps import disputed

DISPUTES: Final = frozenset({"books.withdrawal_differs", "books.payment_differs"})
# Of two records that both fit nobody can say which is ours, nor of a payment that no record explains.
UNDECIDABLE: Final = frozenset({"venue.ambiguous_withdrawal", "books.payment_found"})
REFUSED: Final = frozenset({"cancelled", "rejected", "failed"})
UNTOUCHED: Final = frozenset({"planned", "signing", "signed", "unsent", "cancelled"})


def check_never_twice(scene: Scene, staged: Staged, plan: Plan) -> dict[str, int]:
    """At any moment: no more withdrawals than intents. What was asked for, and what the exchange has."""
    state = scene.exchange.state(staged.account)
    sweeps = sum(transfer.action == "sweep" for transfer in plan.body.transfers)
    assert len(state["withdrawals"]) <= sweeps, f"withdrawn twice: {state['withdrawals']}"
    top_ups = sum(transfer.action == "top_up" for transfer in plan.body.transfers)
    assert len(state["deposits"]) <= top_ups, f"paid twice: {state['deposits']}"
    return {
        "withdrawals intended": sweeps,
        "withdrawals recorded": len(state["withdrawals"]),
        "deposits intended": top_ups,
        "deposits recorded": len(state["deposits"]),
    }


def check_equal(desk: Desk, scene: Scene, staged: Staged, plan: Plan) -> None:
    """Every step's state, id, address, network and amounts against the records of exchange and chain."""
    state = scene.exchange.state(staged.account)
    steps = line.intents(desk, plan)
    assert not line.LOST & {step.state for step in steps}, [step.state for step in steps]
    expected: list[tuple[str, int]] = []
    for transfer in plan.body.transfers:
        mine = [step for step in steps if step.transfer == transfer.number]
        hops = [step for step in mine if step.kind in {"to_spot", "to_margin"}]
        expected += line.hops_of(staged, transfer)[: sum(step.state == "done" for step in hops)]
        for step in mine:
            if step.kind == "withdraw":
                _check_withdrawal(staged, plan, transfer, step, state["withdrawals"])
            elif step.kind == "credit":
                _check_credit(transfer, step, mine[0], state["deposits"])
            elif step.kind == "spend" and step.state == "done":
                assert (scene.chain.confirmations(step.reference) or 0) >= 1, step
    assert line.recorded(state) == tuple(expected), (steps, state["transfers"])


def is_disputed(desk: Desk, scene: Scene, staged: Staged, plan: Plan) -> bool:
    """Whether the exchange took another amount than was asked of it: nobody but a person can end that."""
    wanted = {
        line.withdrawal_of(staged, plan, each)[1]: each.amount.units
        for each in plan.body.transfers
        if each.action == "sweep"
    }
    found = scene.exchange.state(staged.account)["withdrawals"]
    return any(wanted.get(sat(each["gross"])) != sat(each["amount"]) for each in found)


def check_disputed(desk: Desk, scene: Scene, staged: Staged, plan: Plan) -> str:
    """It left once, to our address, and whoever asks is told that it is not what was planned.

    Nothing stays unknown, unless that cannot be decided: then the code that says why is returned.
    """
    check_never_twice(scene, staged, plan)
    (found,) = scene.exchange.state(staged.account)["withdrawals"]
    (transfer,) = [each for each in plan.body.transfers if each.action == "sweep"]
    assert found["address"] == transfer.payment.address, found
    held = truth(scene, staged)
    left = staged.futures_sat + staged.idle_sat - held.venue
    assert left == sat(found["amount"]) + sat(found["fee"]), (found, held)
    notes = {each.kind: each.note for each in reconcile.reconcile(desk) if each.note}
    code = notes.get("withdraw", "").partition(":")[0]
    (step,) = [each for each in line.intents(desk, plan) if each.kind == "withdraw"]
    if code in UNDECIDABLE:
        assert step.state in line.LOST, step
        return code
    assert code in DISPUTES, (notes, found)
    assert not line.LOST & set(line.states(desk, plan)), ("left unknown", line.states(desk, plan), notes)
    assert step.state == "accepted" and disputed(step).startswith(code), step
    return ""


def _check_withdrawal(
    staged: Staged, plan: Plan, transfer: Transfer, step: IntentRow, recorded: list[dict[str, Any]]
) -> None:
    if step.state in UNTOUCHED or (step.state == "refused" and not step.reference):
        assert not recorded, (step, recorded)  # refused on the spot, or never asked for
        return
    (found,) = recorded
    client_id, gross = line.withdrawal_of(staged, plan, transfer)
    assert (found["client_id"], found["address"], found["network"], found["tag"]) == (
        client_id,
        transfer.payment.address,
        transfer.venue_network,
        "",
    ), (found, transfer)
    amounts = [sat(found[name]) for name in ("gross", "amount", "fee")]
    planned = [gross, transfer.amount.units, transfer.fee.units]
    if step.state == "done":
        assert amounts == planned, (found, transfer)
        assert (found["status"], found["tx_id"]) == ("completed", step.reference), (found, step)
    else:
        assert step.state in {"refused", "cancelled"} and found["status"] in REFUSED, (found, step)
        assert not found["tx_id"], found
        # Recorded with its fee taken the other way round, and then rejected: nothing of it left.
        fee = transfer.fee.units
        other = [[gross + fee, gross, fee], [gross, gross - fee, fee]]
        assert amounts in [planned, *other], (found, transfer)


def _check_credit(
    transfer: Transfer, step: IntentRow, spend: IntentRow, recorded: list[dict[str, Any]]
) -> None:
    if step.state != "done":
        assert not any(each["credited"] for each in recorded), (step, recorded)
        return
    (found,) = recorded
    assert (found["tx_id"], found["address"], found["network"], found["credited"]) == (
        spend.reference,
        transfer.payment.address,
        transfer.venue_network,
        True,
    ), (found, spend)
    assert sat(found["amount"]) == transfer.amount.units, (found, transfer)


def check_given_up(desk: Desk, scene: Scene, staged: Staged, plan: Plan) -> None:
    """A plan that the exchange refused: nothing of it is on its way, no coin is lost."""
    check_equal(desk, scene, staged, plan)
    found = truth(scene, staged)
    assert found.withdrawing == 0, found
    result = books.close_books(desk)
    line.check_books(result, staged, found)
    assert result.in_transit.units == 0
    desk.store.verify()
