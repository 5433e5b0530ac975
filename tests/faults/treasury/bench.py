"""Treasuries in this very process, for tests that look on while something goes wrong.

One world and one venue worker serve all tests of a session; the devices live here, so that a test can say no
on them, unplug them or give them another seed. Every treasury has accounts, wallets and folders of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from emulator.device.server import DeviceEmulator
from emulator.device.ui.display import Decision
from emulator.device.ui.screens import Screen
from emulator.world_client import WorldProcess
from tests.faults.treasury import line, stage
from tests.faults.treasury.stage import Kind, Place, Scene, Staged
from tests.faults.treasury.truth import Truth, truth
from vault.clock import Clock, SystemClock
from vault.store.records import IntentRow
from vault.treasury import approve, execute, reconcile
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan
from vault.venues import client as venue_client

MNEMONICS: Final = {
    "cold": ("trezor-core", "all all all all all all all all all all all all"),
    "staging": (
        "onekey-classic1s",
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    ),
}
# Every client of the shared worker numbers its requests from its own start: a late answer to an earlier
# test's request must not be taken for one to a later test's.
_REQUESTS = count(1_000_000, 1_000_000)


CLOCK_SKEW_MS = 20_000


class ShiftedClock:
    """The machine's clock, moved: for what must run on while it is later or earlier."""

    def __init__(self, seconds: float = 0) -> None:
        self._ahead = seconds

    def advance(self, seconds: float) -> None:
        self._ahead += seconds

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(seconds=self._ahead)

    def sleep(self, seconds: float) -> None:
        SystemClock().sleep(seconds)


@dataclass
class Hand:
    """The person at one device: reads everything and says yes to it, or no."""

    label: str
    yes: bool = True
    screens: list[Screen] = field(default_factory=list)

    def answer(self, screen: Screen) -> Decision:
        self.screens.append(screen)
        return Decision(self.yes, info=bool(screen.info))


@dataclass
class Case:
    """One treasury with its plan, and the world it stands in."""

    scene: Scene
    staged: Staged
    desk: Desk
    plan: Plan
    clock: ShiftedClock
    hands: dict[str, Hand]
    devices: dict[str, DeviceEmulator]

    def approve(self) -> Case:
        approve.approve(self.desk, self.plan, stage.TREASURER)
        return self

    def sign(self) -> Case:
        approve.sign(self.desk, self.plan)
        return self

    def send(self, *, resume: bool = False) -> list[IntentRow]:
        return execute.send(self.desk, self.plan, resume=resume)

    def ready(self) -> Case:
        """Approved and signed."""
        return self.approve().sign()

    def truth(self) -> Truth:
        return truth(self.scene, self.staged)

    @property
    def states(self) -> tuple[str, ...]:
        return line.states(self.desk, self.plan)

    @property
    def state(self) -> str:
        return line.plan_row(self.desk, self.plan).state

    def complete(self) -> Truth:
        """Settle, go on as a person would, and prove that everything happened exactly once."""
        line.settle(self.desk, self.plan)
        line.check_at_rest(self.desk, self.scene, self.staged, self.plan)
        line.complete(self.desk, self.scene, self.plan)
        return line.check_done_once(self.desk, self.scene, self.staged, self.plan)

    def untouched(self) -> None:
        """Neither exchange nor chain has seen anything of this treasury's plan."""
        found = self.truth()
        start = (self.staged.futures_sat, 0, self.staged.cold_sat, self.staged.staging_sat)
        assert (found.futures, found.spot, found.cold, found.staging) == start, found
        assert (found.withdrawals, found.transfers, found.deposited, found.paid_home) == ((), (), 0, 0), found


class Bench:
    """Makes cases on one world."""

    def __init__(self, world: WorldProcess, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._stack = contextlib.ExitStack()
        self.hands = {label: Hand(label) for label in MNEMONICS}
        self.devices = {
            label: self._stack.enter_context(
                DeviceEmulator(
                    mnemonic=mnemonic,
                    persona=persona,
                    mode="interactive",
                    label=label,
                    on_screen=self.hands[label].answer,
                )
            )
            for label, (persona, mnemonic) in MNEMONICS.items()
        }
        places = tuple(
            Place(
                label,
                "onekey" if label == "staging" else "trezor",
                device.path,
                device.root_fingerprint or "",
            )
            for label, device in self.devices.items()
        )
        self.scene = replace(Scene.of(world), devices=places)
        with stage.environment(stage.own_keyring(folder)):
            self.worker = venue_client._start(venue_client.WORKER)
        self.worker.ready.result(60)

    def case(self, kind: Kind, *, desk_clock: Clock | None = None, **options: Any) -> Case:
        """A treasury of that kind with its plan proposed; end it with `case.desk.close()`."""
        number = next(self._numbers)
        # A venue's clock proves an absence only within this: tests let time pass by it alone.
        options.setdefault("clock_skew_ms", CLOCK_SKEW_MS)
        staged = stage.make_treasury(
            self.scene, self._folder / f"{kind}-{number}", kind, number, keyring=self._folder, **options
        )
        stage.fund(self.scene, staged)
        clock = ShiftedClock()
        desk = Desk(staged.treasury(), clock=desk_clock or clock)
        try:
            line.prepare(desk, staged)
            plan = line.propose_plan(desk)
        except BaseException:
            desk.close()
            raise
        return Case(self.scene, staged, desk, plan, clock, self.hands, self.devices)

    def calm(self) -> None:
        """The world as every test expects it."""
        self.scene.exchange.clear_faults()
        self.scene.chain.clear_faults()
        self.scene.exchange.withdrawals(suspended=False, history_lag_ms=0, reject_next=0, run_free=True)
        self.scene.exchange.network(
            "BTC", withdraw_fee="0.000015", withdraw_enabled=True, deposit_enabled=True
        )
        for label, device in self.devices.items():
            device.set_faults({"unplugged": False, "unplug_after": None, "stall_after_button": False})
            if device.root_fingerprint != next(p.fingerprint for p in self.scene.devices if p.label == label):
                device.load_seed(MNEMONICS[label][1])
            self.hands[label].yes = True

    def close(self) -> None:
        venue_client._end(self.worker)
        self._stack.close()


@contextlib.contextmanager
def opened_bench(folder: Path) -> Iterator[Bench]:
    with WorldProcess.start(directory=folder / "world") as world:
        bench = Bench(world, folder)
        try:
            yield bench
        finally:
            bench.close()


def share_worker(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    """Clients take the session's worker instead of starting their own, and leave it running."""
    made = venue_client.VenueClient.__init__

    def numbered(client: venue_client.VenueClient, *arguments: Any, **named: Any) -> None:
        made(client, *arguments, **named)
        client._number = next(_REQUESTS)

    patch.setattr(venue_client.VenueClient, "__init__", numbered)
    patch.setattr(venue_client, "_start", lambda _: bench.worker)
    patch.setattr(venue_client, "_end", lambda _process: None)


def without_patience(patch: pytest.MonkeyPatch) -> None:
    """The chain of these tests knows at once what it was sent: what it does not find never arrived."""
    patch.setattr(reconcile, "PATIENCE", timedelta())
