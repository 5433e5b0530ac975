"""The line as a person walks it, the walk after an interruption, and what must be true at each stop.

Used by the kill tests, the fault tests and the soak. Every check compares the treasury's own records with
the exchange and the chain; nothing is believed because the store says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from emulator import scenario_accounts
from emulator.chains.control import ChainControl
from emulator.venues.control.client import VenueControl
from tests.faults.treasury.stage import TREASURER, Scene, Staged, sign_documents, write_book
from tests.faults.treasury.truth import Truth, sat, truth
from vault.store import records
from vault.store.records import IntentRow, PlanRow
from vault.treasury import approve, books, execute, history, propose, reconcile
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan, Transfer
from vault.venues.traits import traits_of

PATIENCE: Final = 40
# A request may leave up to 5 s after its journal entry and arrive within the receive window of 1 s.
SETTLE_SECONDS: Final = 30.0
LOST: Final = frozenset({"submitting", "unknown"})


class Whereabouts(Protocol):
    """The chain and the exchange that a plan is carried out on."""

    @property
    def chain(self) -> ChainControl: ...
    @property
    def exchange(self) -> VenueControl: ...


def prepare(desk: Desk, staged: Staged) -> None:
    """Sign the documents, on the device."""
    sign_documents(desk, write_book(staged, desk.treasury))


def propose_plan(desk: Desk) -> Plan:
    """One round of the pipeline that must end in a plan."""
    found = propose.propose(desk)
    said = [(each.action, each.outcome, each.reason) for each in found.decisions]
    assert found.plan is not None, (said, found.problems, found.snapshot.failures)
    return found.plan


def carry_out(desk: Desk, scene: Scene, plan: Plan) -> None:
    """Approve, sign, send, and follow the plan to its end."""
    approve.approve(desk, plan, TREASURER)
    approve.sign(desk, plan)
    execute.send(desk, plan)
    follow(desk, scene, plan)


def follow(desk: Desk, scene: Whereabouts, plan: Plan) -> None:
    """Let blocks and the exchange's clockwork pass until the plan is done."""
    for _ in range(PATIENCE):
        step_on(desk, scene, plan)
        if plan_row(desk, plan).state != "sending":
            break
    assert plan_row(desk, plan).state == "done", (plan_row(desk, plan).state, states(desk, plan))


def step_on(desk: Desk, scene: Whereabouts, plan: Plan) -> None:
    """A block and a tick later: reconcile, and move on what was credited."""
    scene.chain.mine(1)
    scene.exchange.tick()
    reconcile_and_move_on(desk, plan)


def reconcile_and_move_on(desk: Desk, plan: Plan) -> None:
    """What is found out is recorded, and what was credited goes into margin."""
    reconcile.reconcile(desk)
    if plan_row(desk, plan).state == "sending" and _credited(intents(desk, plan)):
        execute.send(desk, plan, resume=True)


def _credited(steps: list[IntentRow]) -> bool:
    done = {step.transfer for step in steps if step.kind == "credit" and step.state == "done"}
    return any(
        step.kind == "to_margin" and step.state in {"planned", "unsent"} and step.transfer in done
        for step in steps
    )


def settle(desk: Desk, plan: Plan, pause: Callable[[float], None] = time.sleep) -> list[str]:
    """Reconcile until nothing is lost; the states on the way. Absence is proven by the exchange's clock."""
    seen: list[str] = []
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = reconcile.reconcile(desk)
        seen += [state for state in states(desk, plan) if state not in seen]
        if not LOST & set(states(desk, plan)):
            return seen
        assert time.monotonic() < deadline, (
            f"still lost after {SETTLE_SECONDS} s: {states(desk, plan)}: {[each.note for each in found]}"
        )
        pause(0.25)


def complete(desk: Desk, scene: Scene, plan: Plan) -> None:
    """Go on as a person does after reconciling: approve and sign what is not, then send or resume."""
    state = plan_row(desk, plan).state
    if state == "proposed":
        approve.approve(desk, plan, TREASURER)
        state = plan_row(desk, plan).state
    if state in {"approved", "sending"}:
        approve.sign(desk, plan)
        execute.send(desk, plan, resume=state == "sending")
    follow(desk, scene, plan)


# -- what the records say ----------------------------------------------------------------------------


def plan_row(desk: Desk, plan: Plan) -> PlanRow:
    with desk.store.read() as connection:
        row = records.find_plan(connection, plan.plan_id)
    assert row is not None
    return row


def intents(desk: Desk, plan: Plan) -> list[IntentRow]:
    with desk.store.read() as connection:
        return records.intents(connection, plan.plan_id)


def states(desk: Desk, plan: Plan) -> tuple[str, ...]:
    return tuple(intent.state for intent in intents(desk, plan))


def only_plan(desk: Desk) -> Plan:
    """The one plan of the store."""
    with desk.store.read() as connection:
        (row,) = records.all_plans(connection)
    return history.stored_plan(row)


# -- what must be true -------------------------------------------------------------------------------


def check_at_rest(desk: Desk, scene: Scene, staged: Staged, plan: Plan) -> Truth:
    """Reconciled, and not gone on yet: nothing twice, nothing lost, books equal exchange and chain."""
    found = _standing_still(desk, scene, staged)
    assert not LOST & set(states(desk, plan)), states(desk, plan)
    for transfer in plan.body.transfers:
        _check_at_most_once(staged, plan, transfer, found)
    desk.store.verify()
    return found


def _standing_still(desk: Desk, scene: Scene, staged: Staged) -> Truth:
    """Reconcile and close the books while the world stands still: others on it mine blocks as well."""
    for _ in range(PATIENCE):
        found = truth(scene, staged)
        reconcile.reconcile(desk)
        result = books.close_books(desk)
        if truth(scene, staged) == found:
            check_books(result, staged, found)
            return found
    raise AssertionError("the world never stood still")


def _check_at_most_once(staged: Staged, plan: Plan, transfer: Transfer, found: Truth) -> None:
    hops = hops_of(staged, transfer)
    if transfer.action in {"sweep", "top_up"}:
        assert found.transfers in {hops[:count] for count in range(len(hops) + 1)}, found.transfers
    if transfer.action == "sweep":
        wanted = withdrawal_of(staged, plan, transfer)
        assert [each[:2] for each in found.withdrawals] in ([], [wanted]), found.withdrawals
    if transfer.action == "top_up":
        assert found.deposited <= 1 and found.credits <= 1
    if transfer.action == "evacuate":
        assert found.staging in {0, staged.staging_sat}
    expected_home = sum(each.action in {"sweep", "evacuate"} for each in plan.body.transfers)
    assert found.paid_home <= expected_home


def recorded(state: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """The moves between wallets in an exchange's own account of itself."""
    return tuple((each["kind"], sat(each["amount"])) for each in state["transfers"])


def hops_of(staged: Staged, transfer: Transfer) -> tuple[tuple[str, int], ...]:
    """The moves between wallets as the exchange records them: its name of the way, and satoshi."""
    profile = scenario_accounts.profile(staged.market.exchange)
    amount = transfer.gross if transfer.action == "sweep" else transfer.amount
    ways = [profile.route(move.source, move.destination) for move in transfer.moves]
    return tuple((way.kind, amount.units) for way in ways if way is not None)


def withdrawal_of(staged: Staged, plan: Plan, transfer: Transfer) -> tuple[str, int]:
    """The withdrawal as the exchange records it: our id in its form, where it has one, and the gross."""
    ids = traits_of(staged.market.exchange).client_ids
    ours = plan.client_id(transfer, len(transfer.moves) + 1)
    return ("" if ids is None else ids.of(ours), transfer.gross.units)


def check_books(result: books.Books, staged: Staged, found: Truth) -> None:
    """The books balance, and every line of them is what exchange and chain say themselves."""
    assert result.balanced, result
    observed = {line.place: line.observed.units for line in result.lines}
    assert observed == {
        "venue:trading": found.venue,
        "wallet:cold": found.cold,
        "wallet:staging": found.staging,
    }, (observed, found)
    opened = staged.futures_sat + staged.idle_sat + staged.cold_sat + staged.staging_sat
    assert result.opening_total.units == opened
    assert found.venue + found.cold + found.staging + result.in_transit.units + result.fees.units == opened


def check_done_once(desk: Desk, scene: Scene, staged: Staged, plan: Plan) -> Truth:
    """Everything happened exactly once, to the satoshi, and the books balance with nothing on its way."""
    found = truth(scene, staged)
    venue, cold, staging, home = staged.futures_sat, staged.cold_sat, staged.staging_sat, 0
    withdrawals: list[tuple[str, int]] = []
    transfers: list[tuple[str, int]] = []
    deposits = 0
    for transfer in plan.body.transfers:
        if transfer.action == "sweep":
            venue -= transfer.gross.units
            cold += transfer.amount.units
            home += 1
            withdrawals.append(withdrawal_of(staged, plan, transfer))
            transfers += hops_of(staged, transfer)
        elif transfer.action == "evacuate":
            staging -= transfer.gross.units
            cold += transfer.amount.units
            home += 1
        else:
            cold -= transfer.gross.units
            venue += transfer.amount.units
            deposits += 1
            transfers += hops_of(staged, transfer)
    assert (found.futures, found.spot) == (venue, staged.idle_sat), found
    assert (found.cold, found.staging, found.paid_home) == (cold, staging, home), found
    assert [each[:2] for each in found.withdrawals] == withdrawals
    assert list(found.transfers) == transfers
    assert (found.deposited, found.credits) == (deposits, deposits)
    assert set(states(desk, plan)) == {"done"}
    assert plan_row(desk, plan).state == "done"
    result = books.close_books(desk)
    check_books(result, staged, found)
    assert result.in_transit.units == 0
    desk.store.verify()
    return found
