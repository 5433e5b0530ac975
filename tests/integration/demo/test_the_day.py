"""The demo, played once, against the emulated world's own state: what it tells must be what happened."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from emulator.world_client import WorldProcess
from vault.cli.demo import stage
from vault.cli.demo.scenes import Outcome, Scene
from vault.cli.demo.story import Story
from vault.money import BTC, Amount
from vault.treasury.desk import Desk

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("day")]

# As far as any wallet of the day derives addresses.
ADDRESSES = 30


@dataclass(frozen=True)
class Day:
    """The day after it was played, with the world still running."""

    scenes: tuple[Scene, ...]
    outcome: Outcome
    desk: Desk
    world: WorldProcess
    folder: Path

    def on_chain(self, wallet: str) -> Amount:
        """What the chain itself says all addresses of a wallet hold."""
        descriptor = self.desk.descriptor(wallet)
        held = [
            self.world.chain.balance(descriptor.address(change, index))
            for change in (False, True)
            for index in range(ADDRESSES)
        ]
        return Amount(BTC, sum(held))

    def at_venue(self, name: str) -> Amount:
        state = self.world.venue.state(name)
        held = sum((Decimal(state[wallet].get("BTC", "0")) for wallet in ("spot", "futures")), Decimal(0))
        return Amount.from_decimal(held, BTC)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("day")
    with contextlib.ExitStack() as stack:
        stack.enter_context(stage.own_keyring(folder / "keyring"))
        world = stack.enter_context(WorldProcess.start(directory=folder / "world", device_mode="auto"))
        desk = stack.enter_context(Desk(stage.make_treasury(world, folder)))
        stage.fund(desk, world)
        stage.sign_documents(desk)
        story = Story(desk, world, lambda _line: None)
        scenes = tuple(story.play())
        yield Day(scenes, story.outcome, desk, world, folder)


def test_the_books_balance_to_the_satoshi(day: Day) -> None:
    outcome = day.outcome
    assert outcome.balanced
    assert outcome.fees is not None
    before = sum(amount.units for amount in outcome.before.values())
    after = sum(amount.units for amount in outcome.after.values())
    assert before - after == outcome.fees.units > 0


def test_what_the_books_say_is_what_chain_and_venue_hold(day: Day) -> None:
    assert day.outcome.after == {
        "wallet:cold": day.on_chain("cold"),
        "wallet:staging": day.on_chain("staging"),
        "venue:trading": day.at_venue("protected"),
    }


def test_one_sweep_one_evacuation_one_top_up_each_confirmed_once(day: Day) -> None:
    assert [payment.action for payment in day.outcome.payments] == ["sweep", "evacuate", "top_up"]
    assert len(day.world.venue.state("protected")["withdrawals"]) == 1
    assert len(day.world.venue.state("protected")["deposits"]) == 1
    for payment in day.outcome.payments:
        confirmations = day.world.chain.confirmations(payment.txid)
        assert confirmations is not None
        assert confirmations >= payment.confirmations >= 2


def test_the_account_survives_where_its_twin_is_liquidated(day: Day) -> None:
    assert not day.world.venue.state("protected")["liquidations"]
    assert day.world.venue.state("twin")["liquidations"]
    assert (day.outcome.account_liquidated, day.outcome.twin_liquidated) == (False, True)


def test_every_payment_was_read_on_a_device_with_its_whole_address(day: Day) -> None:
    read = [line for scene in day.scenes for screen in scene.screens for line in screen.lines]
    for payment in day.outcome.payments:
        assert any(payment.address in line for line in read)
        assert any(payment.amount.number in line for line in read)


def test_the_journal_holds_the_whole_day(day: Day) -> None:
    head = day.desk.store.verify()
    assert (head.seq, head.hash) == (day.outcome.journal_rows, day.outcome.journal_head)


def test_no_secret_is_in_any_file(day: Day) -> None:
    account = day.world.account("protected")
    secrets = [pair.secret.encode() for pair in (account.read, account.withdraw)]
    secrets += [plan.mnemonic.encode() for plan in day.world.scenario.devices]
    searched = 0
    for path in day.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path
            searched += 1
    assert searched > 10


def test_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("of yours")
    command = [sys.executable, "-m", "vault", "demo", "--keep", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 11
    assert "config.not_empty" in run.stderr
    assert (tmp_path / "something").read_text() == "of yours"


def test_refuses_a_scenario_that_does_not_exist() -> None:
    command = [sys.executable, "-m", "vault", "demo", "--scenario", "no-such-day"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 11
    assert "config.scenario" in run.stderr
    assert "2026-01-31" in run.stderr


def test_asks_for_a_terminal_when_a_person_is_to_be_asked() -> None:
    command = [sys.executable, "-m", "vault", "demo", "--step"]
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    assert run.returncode == 2
    assert "terminal" in run.stderr
