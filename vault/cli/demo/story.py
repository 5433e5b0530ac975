"""Plays the day: moves the market, lets the treasury work, drives the emulated world's clockwork.

The treasury is used through the same functions as the commands use; nothing here decides or signs.
Raises `BooksError` when the day does not end with balanced books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from emulator.device.personas import by_name
from vault.cli.demo.scenes import NOT_MEASURED, DeviceScreen, Measure, Outcome, Payment, Scene, Table
from vault.cli.demo.stage import ACCOUNT, TREASURER, TWIN
from vault.errors import BooksError, DeviceRefusedError
from vault.money import plain
from vault.store import records
from vault.treasury import approve, books, execute, observe, propose, reconcile

if TYPE_CHECKING:
    from emulator.scenario import Step
    from emulator.world_client import WorldProcess
    from vault.cli.demo.clock import StoryClock
    from vault.model import Assessment, Decision
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan
    from vault.treasury.propose import Proposal

# Blocks and venue ticks a transfer may need; more is a failure of the demo.
PATIENCE = 30
# The steps of a trace that say why something is called for at all.
CALLERS = ("band:", "evacuation:")

_TITLES = {
    "sweep": "Excess margin goes to cold storage",
    "evacuate": "The staging wallet is emptied to cold storage",
    "top_up": "Cold storage tops up the trading account",
}


class Story:
    """One day; iterate `play` for its scenes, then read `outcome`."""

    def __init__(
        self, desk: Desk, world: WorldProcess, clock: StoryClock, progress: Callable[[str], None]
    ) -> None:
        self.desk = desk
        self.clock = clock
        self.world = world
        persona = by_name(world.devices[0].persona)
        self.outcome = Outcome(persona.name, persona.measured_against)
        self._progress = progress
        self._screens_seen = dict.fromkeys((device.label for device in world.devices), 0)

    def play(self) -> Iterator[Scene]:
        """Scene after scene, as they happen."""
        steps = self.world.scenario.steps
        yield Scene(
            "before",
            self.world.scenario.title,
            "A treasury is set up: the cold address is compared on the device, policy and address book are "
            "signed on it. Nothing unsigned is ever followed.",
            lines=(self._devices(),),
            screens=self._screens(),
        )
        self._move_to(steps[0])
        self._progress("a quiet market")
        opening = observe.take_snapshot(self.desk)
        books.open_books(self.desk, opening)
        self.outcome.before = books.places(opening)
        for step in steps:
            yield from self._moment(step)
        yield self._ending(steps[-1])

    def _move_to(self, step: Step) -> None:
        """Time passes, for the treasury and for the world; then the market is where the step says."""
        self.clock.move_to(step.time)
        self.world.move_clocks(self.clock.offset)
        self.world.apply(step)

    # -- one moment of the day -----------------------------------------------------------------------

    def _moment(self, step: Step) -> Iterator[Scene]:
        twin_before = self._liquidated(TWIN)
        self._move_to(step)
        self.world.venue.tick()
        when = f"{step.time:%d %b %H:%M} UTC"
        self._progress(f"{when}: {step.label}")
        proposal = propose.propose(self.desk)
        yield Scene(
            when,
            step.label,
            step.narration,
            _mood(step.phase),
            lines=(self._market(step),),
            measures=_fragility(proposal.assessment),
            notes=_stage(proposal.assessment),
            tables=(self._accounts(proposal),),
        )
        if not twin_before and self._liquidated(TWIN):
            yield self._twin_is_gone(when)
        if proposal.plan is not None:
            yield from self._carry_out(when, proposal, proposal.plan)

    def _carry_out(self, when: str, proposal: Proposal, plan: Plan) -> Iterator[Scene]:
        decisions = [each for each in proposal.decisions if each.outcome == "allow"]
        actions = [transfer.action for transfer in plan.body.transfers]
        title = "; ".join(_TITLES[action] for action in actions)
        yield Scene(when, title, _why(decisions), "warning", lines=_plan_lines(plan))
        try:
            approve.approve(self.desk, plan, TREASURER)
        except DeviceRefusedError:
            yield self._refused(when, plan)
            raise
        yield Scene(
            when,
            "Approved on the device",
            "What the person read and confirmed:",
            "good",
            screens=self._screens(),
        )
        try:
            approve.sign(self.desk, plan)
        except DeviceRefusedError:
            yield self._refused(when, plan)
            raise
        if screens := self._screens():
            yield Scene(
                when,
                "Signed on the device",
                "Checked against the plan before the device and after it.",
                "good",
                screens=screens,
            )
        execute.send(self.desk, plan)
        self._settle(plan)
        yield Scene(when, "Confirmed", "Venue, chain and plan agree.", "good", lines=self._receipts(plan))

    def _refused(self, when: str, plan: Plan) -> Scene:
        return Scene(
            when,
            "Refused on the device",
            f"The person said no: plan {plan.plan_id} is frozen for good. Nothing of it has moved.",
            "danger",
            screens=self._screens(),
        )

    def _settle(self, plan: Plan) -> None:
        """Let blocks and the venue's clockwork pass until every step of the plan is done."""
        for _ in range(PATIENCE):
            self.world.chain.mine(1)
            self.world.venue.tick()
            settled = reconcile.reconcile(self.desk)
            with self.desk.store.read() as connection:
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
                execute.send(self.desk, plan, resume=True)
        if row is None or row.state != "done":
            why = "; ".join(each.note for each in settled if each.note) or "no reason was given"
            raise BooksError("not_settled", f"plan {plan.plan_id} is {row.state if row else 'lost'}: {why}")
        self._note_payments(plan)

    def _note_payments(self, plan: Plan) -> None:
        with self.desk.store.read() as connection:
            steps = records.intents(connection, plan.plan_id)
        for transfer in plan.body.transfers:
            step = next(s for s in steps if s.transfer == transfer.number and s.kind in {"withdraw", "spend"})
            status = self.desk.backend().transaction_status(step.reference)
            self.outcome.payments.append(
                Payment(
                    plan.plan_id,
                    transfer.action,
                    step.reference,
                    transfer.amount,
                    transfer.fee,
                    transfer.payment.address,
                    status.confirmations,
                )
            )

    # -- what is shown -------------------------------------------------------------------------------

    def _devices(self) -> str:
        told = self.outcome.measured_against
        return f"devices: {self.outcome.persona}, " + (f"measured against {told}" if told else NOT_MEASURED)

    def _market(self, step: Step) -> str:
        facts = [
            f"{self.world.scenario.symbol} {step.mark:,}",
            f"funding {step.funding_rate * 100:+f} % / 8 h",
            f"open interest {step.open_interest:,} BTC",
            f"spot 24 h {step.spot_volume_24h:,} BTC",
        ]
        if step.liquidated_24h_usd:
            facts.append(f"liquidated 24 h {step.liquidated_24h_usd / 1_000_000:,.0f} M USD")
        return " · ".join(facts)

    def _accounts(self, proposal: Proposal) -> Table:
        rows = [
            (
                f"{risk.account} (with vault)",
                _usd(risk.equity),
                _usd(risk.maintenance_margin),
                _usd(risk.stress_excess),
                _percent(risk.joint_distance),
                _verdict(proposal.decisions),
            )
            for risk in proposal.assessment.accounts
        ]
        twin = self.world.venue.state(TWIN)
        margin = twin["margin"]
        rows.append(
            (
                "twin (without)",
                _usd(Decimal(margin["margin_balance"])),
                _usd(Decimal(margin["maintenance_margin"])),
                "",
                "",
                "LIQUIDATED" if twin["liquidations"] else "",
            )
        )
        columns = ("account", "equity", "maint.", "excess*", "to liq.", "policy")
        return Table("USD; * equity after a 10 % move, less maintenance margin", columns, tuple(rows))

    def _screens(self) -> tuple[DeviceScreen, ...]:
        """What the devices have shown since the last look."""
        found: list[DeviceScreen] = []
        for device in self.world.devices:
            screens = device.control.screens()
            new = screens[self._screens_seen[device.label] :]
            found += [DeviceScreen(device.label, each.title, each.lines, each.answer) for each in new]
            self._screens_seen[device.label] = len(screens)
        return tuple(found)

    def _receipts(self, plan: Plan) -> tuple[str, ...]:
        return tuple(
            f"{p.action.replace('_', '-')}: {p.amount}, fee {p.fee}, {p.confirmations} confirmations\n"
            f"  txid {p.txid}"
            for p in self.outcome.payments
            if p.plan_id == plan.plan_id
        )

    def _liquidated(self, name: str) -> bool:
        return bool(self.world.venue.state(name)["liquidations"])

    def _twin_is_gone(self, when: str) -> Scene:
        twin: dict[str, Any] = self.world.venue.state(TWIN)
        rows = tuple(
            (str(e.get("symbol", "")), str(e.get("quantity", "")), str(e.get("price", e.get("mark", ""))))
            for e in twin["liquidations"]
        )
        return Scene(
            when,
            "The twin is liquidated",
            "Same position, same collateral, same prices. Nobody topped it up.",
            "danger",
            tables=(Table("Liquidation", ("contract", "quantity", "price"), rows),),
        )

    def _ending(self, step: Step) -> Scene:
        result = books.close_books(self.desk)
        head = self.desk.store.verify()
        outcome = self.outcome
        outcome.after = {line.place: line.observed for line in result.lines}
        outcome.fees = result.fees
        outcome.account_liquidated = self._liquidated("protected")
        outcome.twin_liquidated = self._liquidated(TWIN)
        outcome.journal_rows, outcome.journal_head = head.seq, head.hash
        outcome.balanced = result.balanced
        if not result.balanced:
            raise BooksError("not_balanced", f"the books do not balance: {result}")
        rows = [
            (line.place, line.opening.number, line.moved.number, line.observed.number, line.difference.number)
            for line in result.lines
        ]
        rows.append(("fees paid", "", result.fees.number, result.fees.number, ""))
        rows.append(
            ("together", result.opening_total.number, "", (result.observed_total + result.fees).number, "")
        )
        return Scene(
            f"{step.time:%d %b %H:%M} UTC",
            "The books",
            "Every satoshi is where the plans say it went.",
            "good",
            tables=(
                Table("Bitcoin", ("place", "opening", "moved", "now", "difference"), tuple(rows)),
                self._survivors(),
            ),
        )

    def _survivors(self) -> Table:
        rows = []
        for label, name in ((f"{ACCOUNT} (with vault)", "protected"), ("twin (without)", TWIN)):
            state = self.world.venue.state(name)
            open_size = sum((Decimal(each["quantity"]) for each in state["positions"]), Decimal(0))
            rows.append(
                (
                    label,
                    _usd(Decimal(state["margin"]["margin_balance"])),
                    f"{plain(open_size)} BTC",
                    "liquidated" if state["liquidations"] else "survived",
                )
            )
        return Table("Side by side", ("account", "equity", "position", "the day"), tuple(rows))


def _plan_lines(plan: Plan) -> tuple[str, ...]:
    lines = [f"plan {plan.plan_id}"]
    for t in plan.body.transfers:
        lines.append(f"{t.number}. {t.action.replace('_', '-')} {t.amount} from {t.source}, fee {t.fee}")
        lines += [f"   to {each.destination} {each.address}" for each in t.payments]
    return tuple(lines)


def _why(decisions: list[Decision]) -> str:
    """What called for each transfer, and the rule that allowed it."""
    told = []
    for decision in decisions:
        calls = [s.reason for s in decision.trace if s.verdict == "note" and s.step.startswith(CALLERS)]
        told.append(f"{decision.subject}: {'; '.join(calls)}. Settled by {decision.decided_by}.")
    return " ".join(told)


def _mood(phase: str) -> str:
    return {"calm": "calm", "recovery": "good", "warning": "warning", "fragile": "warning"}.get(
        phase, "danger"
    )


def _usd(value: Decimal) -> str:
    return f"{value:,.0f}"


def _percent(value: Decimal | None) -> str:
    return "none" if value is None else f"{value * 100:+.1f} %"


def _fragility(assessment: Assessment) -> tuple[Measure, ...]:
    """The composite and each indicator; what has no input says why."""
    span = f"least {assessment.fragility_least:.2f}, most {assessment.fragility_upper:.2f}"
    whole = Measure("fragility", assessment.fragility, f"{span}, {assessment.coverage * 100:.0f} % covered")
    parts = (
        Measure(f"  {item.name.replace('_', ' ')}", item.score, item.detail) for item in assessment.indicators
    )
    return (whole, *parts)


def _stage(assessment: Assessment) -> tuple[str, ...]:
    """The regime, and the steps of a cascade that have evidence."""
    steps = ", ".join(assessment.steps) or "none"
    return (f"regime {assessment.regime}; steps of a cascade with evidence: {steps}",)


def _verdict(decisions: tuple[Decision, ...]) -> str:
    called = []
    for decision in decisions:
        if decision.outcome != "none":
            why = f" ({decision.decided_by})" if decision.outcome == "deny" else ""
            called.append(f"{decision.action.replace('_', '-')}: {decision.outcome}{why}")
    return "; ".join(called) or "nothing to do"
