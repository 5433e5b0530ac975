"""Plays the day: moves the market, lets the treasury work, and tells what both see.

The treasury is used through the same functions as the commands use; nothing here decides or signs.
Raises `BooksError` when the day does not end with balanced books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from emulator.device.personas import by_name
from vault.cli.demo import ethereum_scenes, ethereum_stage
from vault.cli.demo.ending import ending, liquidated
from vault.cli.demo.errands import Errands
from vault.cli.demo.figures import fragility, mood, percent, regime, usd, verdict
from vault.cli.demo.scenes import NOT_MEASURED, Outcome, Scene, Table
from vault.cli.demo.stage import ACCOUNT, TWIN, on_ethereum
from vault.cli.demo.watch import DeviceWatch
from vault.treasury import books, observe, propose

if TYPE_CHECKING:
    from emulator.scenario import Step
    from emulator.world_client import WorldProcess
    from vault.cli.demo.clock import StoryClock
    from vault.treasury.desk import Desk
    from vault.treasury.propose import Proposal


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
        self._watch = DeviceWatch(world)
        self._errands = Errands(desk, world, self._watch, self.outcome, progress)

    def play(self) -> Iterator[Scene]:
        """Scene after scene, as they happen."""
        steps = self.world.scenario.steps
        yield Scene(
            "before",
            self.world.scenario.title,
            "A treasury is set up: the cold address is compared on the device, policy and address book are "
            "signed on it. Nothing unsigned is ever followed.",
            lines=self._devices(),
            screens=self._watch.new(),
        )
        if on_ethereum(self.world):
            yield ethereum_scenes.the_safe(self.desk, "before")
        self._move_to(steps[0])
        self._progress("a quiet market")
        opening = observe.take_snapshot(self.desk)
        books.open_books(self.desk, opening)
        self.outcome.before = books.places(opening)
        for step in steps:
            yield from self._moment(step)
        yield ending(_when(steps[-1]), self.desk, self.world, self.outcome)

    def _move_to(self, step: Step) -> None:
        """Time passes, for the treasury and for the world; then the market is where the step says."""
        self.clock.move_to(step.time)
        self.world.move_clocks(self.clock.offset)
        self.world.apply(step)

    # -- one moment of the day -----------------------------------------------------------------------

    def _moment(self, step: Step) -> Iterator[Scene]:
        twin_before = liquidated(self.world, TWIN)
        self._move_to(step)
        self.world.venue.tick()
        when = _when(step)
        self._progress(f"{when}: {step.label}")
        proposal = propose.propose(self.desk)
        yield Scene(
            when,
            step.label,
            step.narration,
            mood(step.phase),
            lines=(self._market(step),),
            measures=fragility(proposal.assessment),
            notes=regime(proposal.assessment),
            tables=(self._accounts(proposal),),
        )
        if not twin_before and liquidated(self.world, TWIN):
            yield self._twin_is_gone(when)
        if proposal.plan is not None:
            yield from self._errands.carry_out(when, proposal, proposal.plan)

    # -- what is shown -------------------------------------------------------------------------------

    def _devices(self) -> tuple[str, ...]:
        told = self.outcome.measured_against
        line = f"devices: {self.outcome.persona}, " + (f"measured against {told}" if told else NOT_MEASURED)
        if not on_ethereum(self.world):
            return (line,)
        third = self.world.device(ethereum_stage.THIRD)
        return (line, f"and {third.label}: {third.persona}, whatever the others are")

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
        accounts = proposal.assessment.accounts
        others = {risk.account for risk in accounts} - {ACCOUNT}
        rows = []
        for risk in accounts:
            # What is called for of the wallets stands beside the first account.
            own = [
                each
                for each in proposal.decisions
                if each.subject == risk.account or (risk.account == ACCOUNT and each.subject not in others)
            ]
            rows.append(
                (
                    f"{risk.account} (with vault)" if risk.account == ACCOUNT else risk.account,
                    usd(risk.equity),
                    usd(risk.maintenance_margin),
                    usd(risk.stress_excess),
                    percent(risk.joint_distance),
                    verdict(own),
                )
            )
        twin = self.world.venue.state(TWIN)
        margin = twin["margin"]
        rows.append(
            (
                "twin (without)",
                usd(Decimal(margin["margin_balance"])),
                usd(Decimal(margin["maintenance_margin"])),
                "",
                "",
                "LIQUIDATED" if twin["liquidations"] else "",
            )
        )
        columns = ("account", "equity", "maint.", "excess*", "to liq.", "policy")
        return Table("USD; * equity after a 10 % move, less maintenance margin", columns, tuple(rows))

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


def _when(step: Step) -> str:
    return f"{step.time:%d %b %H:%M} UTC"
