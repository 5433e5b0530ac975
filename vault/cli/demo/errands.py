"""Carries a plan out in front of everybody: approved, signed, sent, and followed until every step is done.

The treasury's own functions do it; this drives the emulated world's clockwork meanwhile. Raises `BooksError`
when a plan does not come to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from vault.cli.demo import ethereum_scenes, ethereum_stage
from vault.cli.demo.scenes import Outcome, Payment, Scene
from vault.cli.demo.stage import TREASURER, on_ethereum
from vault.errors import BooksError, DeviceRefusedError
from vault.money import ETH, Amount
from vault.store import records
from vault.treasury import approve, execute, reconcile

if TYPE_CHECKING:
    from emulator.world_client import WorldProcess
    from vault.cli.demo.watch import DeviceWatch
    from vault.model import Decision
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer
    from vault.treasury.propose import Proposal

# Blocks and venue ticks a transfer may need; more is a failure of the demo.
PATIENCE = 30
# The steps of a trace that say why something is called for at all.
CALLERS = ("band:", "evacuation:")

_TITLES: Final = {
    "sweep": "Excess margin goes to cold storage",
    "evacuate": "The staging wallet is emptied to cold storage",
    "top_up": "Cold storage tops up the trading account",
}
_SAFE_TITLES: Final = {
    "sweep": "and USDC to the Safe",
    "top_up": "and the Safe the one in USDC",
}


class Errands:
    """Plans as they are carried out; what they paid is added to `outcome`."""

    def __init__(
        self,
        desk: Desk,
        world: WorldProcess,
        watch: DeviceWatch,
        outcome: Outcome,
        progress: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._world = world
        self._watch = watch
        self._outcome = outcome
        self._progress = progress

    def carry_out(self, when: str, proposal: Proposal, plan: Plan) -> Iterator[Scene]:
        """Scene after scene. Raises `DeviceRefusedError` after the scene of a refusal."""
        decisions = [each for each in proposal.decisions if each.outcome == "allow"]
        yield Scene(when, _title(plan), _why(decisions), "warning", lines=_plan_lines(plan))
        try:
            approve.approve(self._desk, plan, TREASURER)
            yield Scene(
                when,
                "Approved on the device",
                "What the person read and confirmed:",
                "good",
                screens=self._watch.new(),
            )
            yield from self._signed(when, plan)
        except DeviceRefusedError:
            yield self._refused(when, plan)
            raise
        execute.send(self._desk, plan)
        self._settle(plan)
        yield Scene(when, "Confirmed", "Venue, chain and plan agree.", "good", lines=self._receipts(plan))

    def _signed(self, when: str, plan: Plan) -> Iterator[Scene]:
        for transfer in plan.body.transfers:
            if transfer.call is not None:
                yield from ethereum_scenes.signed_apart(
                    when, self._desk, self._world, self._watch, plan, transfer
                )
        approve.sign(self._desk, plan)
        if screens := self._watch.new():
            yield Scene(
                when,
                "Signed on the device",
                "Checked against the plan before the device and after it.",
                "good",
                screens=screens,
            )

    def _refused(self, when: str, plan: Plan) -> Scene:
        return Scene(
            when,
            "Refused on the device",
            f"The person said no: plan {plan.plan_id} is frozen for good. Nothing of it has moved.",
            "danger",
            screens=self._watch.new(),
        )

    # -- until every step is done --------------------------------------------------------------------

    def _settle(self, plan: Plan) -> None:
        """Let blocks and the venue's clockwork pass until every step of the plan is done."""
        for _ in range(PATIENCE):
            self._pass_blocks(plan)
            settled = reconcile.reconcile(self._desk)
            with self._desk.store.read() as connection:
                row = records.find_plan(connection, plan.plan_id)
                steps = records.intents(connection, plan.plan_id)
            if row is None or row.state != "sending":
                break
            self._progress("; ".join(f"{step.kind.replace('_', ' ')} {step.state}" for step in steps))
            credited = {step.transfer for step in steps if step.kind == "credit" and step.state == "done"}
            if any(
                step.kind == "to_margin" and step.state == "planned" and step.transfer in credited
                for step in steps
            ):
                execute.send(self._desk, plan, resume=True)
        if row is None or row.state != "done":
            why = "; ".join(each.note for each in settled if each.note) or "no reason was given"
            raise BooksError("not_settled", f"plan {plan.plan_id} is {row.state if row else 'lost'}: {why}")
        self._note_payments(plan, steps)

    def _pass_blocks(self, plan: Plan) -> None:
        """A block of Bitcoin; of Ethereum, where the plan is about it, what passes meanwhile."""
        self._world.chain.mine(1)
        if on_ethereum(self._world) and any(_on_ethereum(each) for each in plan.body.transfers):
            ethereum_stage.chain(self._world).mine(ethereum_stage.blocks_until_final(self._desk))
        self._world.venue.tick()

    def _note_payments(self, plan: Plan, steps: list[IntentRow]) -> None:
        for transfer in plan.body.transfers:
            step = next(s for s in steps if s.transfer == transfer.number and s.kind in {"withdraw", "spend"})
            gas = step.facts.get("gas_paid")
            self._outcome.payments.append(
                Payment(
                    plan.plan_id,
                    transfer.action,
                    step.reference,
                    transfer.amount,
                    transfer.fee,
                    transfer.payment.address,
                    self._confirmations(transfer, step),
                    transfer.network,
                    None if gas is None else Amount(ETH, int(gas)),
                )
            )

    def _confirmations(self, transfer: Transfer, step: IntentRow) -> int:
        if _on_ethereum(transfer):
            return int(step.facts["confirmations"])
        return self._desk.backend().transaction_status(step.reference).confirmations

    def _receipts(self, plan: Plan) -> tuple[str, ...]:
        lines = []
        for paid in (each for each in self._outcome.payments if each.plan_id == plan.plan_id):
            kept = f"fee {paid.fee}" if paid.gas is None else f"gas {paid.gas}"
            lines.append(f"{paid.action.replace('_', '-')}: {paid.amount}, {kept}")
            lines[-1] += f", {paid.confirmations} confirmations\n  txid {paid.txid}"
        return tuple(lines)


def _on_ethereum(transfer: Transfer) -> bool:
    return transfer.network.startswith("eip155:")


def _title(plan: Plan) -> str:
    bitcoin = [each.action for each in plan.body.transfers if not _on_ethereum(each)]
    ethereum = [each.action for each in plan.body.transfers if _on_ethereum(each)]
    told = "; ".join(_TITLES[action] for action in bitcoin or ethereum)
    return ", ".join((told, *(_SAFE_TITLES[action] for action in ethereum if bitcoin)))


def _plan_lines(plan: Plan) -> tuple[str, ...]:
    lines = [f"plan {plan.plan_id}"]
    for t in plan.body.transfers:
        gas = ethereum_scenes.most_gas(t)
        fee = "" if gas else f", fee {t.fee}"
        lines.append(f"{t.number}. {t.action.replace('_', '-')} {t.amount} from {t.source}{fee}")
        lines += [f"   to {each.destination} {each.address}" for each in t.payments]
        lines += [f"   {gas}"] if gas else []
    return tuple(lines)


def _why(decisions: list[Decision]) -> str:
    """What called for each transfer, and the rule that allowed it."""
    told = []
    for decision in decisions:
        calls = [s.reason for s in decision.trace if s.verdict == "note" and s.step.startswith(CALLERS)]
        told.append(f"{decision.subject}: {'; '.join(calls)}. Settled by {decision.decided_by}.")
    return " ".join(told)
