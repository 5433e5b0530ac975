"""The person of `--step`: sees every page of a device, presses its buttons, and a no is a no."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device.control import ControlServer
from emulator.device.server import DeviceEmulator
from emulator.scenario import DEFAULT_SCENARIO
from emulator.world_client import DeviceControl, WorldDevice, WorldProcess
from tests.support.raw_host import ALL, RawHost
from vault.cli.demo.command import staged
from vault.cli.demo.person import Person
from vault.errors import DeviceRefusedError, PlanError
from vault.store import records
from vault.treasury import approve
from vault.treasury.history import stored_plan

pytestmark = pytest.mark.timeout(240)

QUESTION = re.compile(r" > $|\[y/n\]: $")
LONG_TEXT = "a statement of many pages " * 40
Answers = Callable[[str], str]


class Paper(io.StringIO):
    """What the person is shown; each question is answered at the other end of the terminal's line."""

    def __init__(self, answers: Answers, keys: int) -> None:
        super().__init__()
        self._answers = answers
        self._keys = keys
        self._asked_at = 0

    def write(self, text: str) -> int:
        written = super().write(text)
        if QUESTION.search(text):
            shown = self.getvalue()
            since, self._asked_at = shown[self._asked_at :], len(shown)
            os.write(self._keys, f"{self._answers(since)}\n".encode())
        return written


@contextmanager
def a_person(answers: Answers) -> Iterator[tuple[Person, Paper]]:
    """A person at a terminal, who answers what is shown since the question before."""
    keys, terminal = pty.openpty()
    try:
        paper = Paper(answers, keys)
        yield Person(Console(file=paper, width=100), terminal), paper
    finally:
        os.close(keys)
        os.close(terminal)


# A day


def test_a_no_at_an_approval_freezes_the_plan_and_nothing_moves(tmp_path: Path) -> None:
    said: list[str] = []

    def no_to_approvals(shown: str) -> str:
        said.append("n" if "vault approval v1" in shown else "y")
        return said[-1]

    with (
        a_person(no_to_approvals) as (person, _),
        staged(tmp_path, DEFAULT_SCENARIO, "trezor-one", person=person.answering) as story,
    ):
        before = story.world.venue.state("protected")
        scenes = []
        with pytest.raises(DeviceRefusedError):
            for scene in story.play():
                scenes.append(scene)  # noqa: PERF402  what came before the refusal is looked at
        assert said.count("n") == 1
        assert scenes[-1].title == "Refused on the device"
        assert scenes[-1].screens[-1].answer == "rejected"
        with story.desk.store.read() as connection:
            (plan,) = records.all_plans(connection)
            assert plan.state == "frozen"
            assert records.approvals(connection, plan.plan_id) == []
            assert {step.state for step in records.intents(connection, plan.plan_id)} <= {"planned"}
        assert plan.plan_id in scenes[-1].narration
        after = story.world.venue.state("protected")
        held = ("wallets", "withdrawals", "deposits")
        assert [after[name] for name in held] == [before[name] for name in held]
        assert after["withdrawals"] == []
        with pytest.raises(PlanError):
            approve.approve(story.desk, stored_plan(plan), "treasurer")


def test_a_no_to_what_the_pro_showed_is_asked_for_at_the_terminal(tmp_path: Path) -> None:
    questions: list[str] = []

    def no_to_the_program(shown: str) -> str:
        questions.append(shown)
        return "n" if "exactly this address" in shown else "y"

    with (
        a_person(no_to_the_program) as (person, _),
        pytest.raises(DeviceRefusedError) as refused,
        staged(tmp_path, DEFAULT_SCENARIO, "onekey-pro", person=person.answering),
    ):
        pytest.fail("a device was added whose address the person had not seen")
    assert refused.value.code == "device.refused_by_person"
    assert "Did the device show exactly this address?" in questions[-1]


def test_the_whole_day_by_keys_shows_every_page_and_ends_balanced() -> None:
    """The command on a terminal of its own: y to each screen, a key at each scene."""
    keys, terminal = pty.openpty()
    command = [sys.executable, "-m", "vault", "demo", "--step", "--device", "trezor-one"]
    environment = {**os.environ, "TERM": "dumb", "PYTHONUTF8": "1", "COLUMNS": "80"}
    try:
        with subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment
        ) as run:
            os.close(terminal)
            shown = _play_by_keys(keys)
            assert run.wait(30) == 0, shown[-3000:]
    finally:
        os.close(keys)
    assert "The books balance to the satoshi; the account survived" in shown
    pages = re.findall(r"cold: Sign message\? ─+╮\s*│ (.*?) │\s*╰─+ waiting ─╯", shown)
    text = "".join(page.replace(" ", "") for page in pages)
    assert text.count("vaultapprovalv1|treasury:demo|network:regtest") == 3
    for fact in ("sweep", "5.99998500BTC", "evacuate", "top-up", "bcrt1q", "fee"):
        assert fact in text
    assert text.endswith("|attester:treasurer")
    for fact in ("399999.400000USDC", "252604.850000USDC", "safehash:0x", "maxgas:"):
        assert fact in text
    owner = re.findall(r"(cold|staging|third): (?:EIP-712 message hash|Confirm typed data) ", shown)
    assert list(dict.fromkeys(owner)) == ["cold", "third"]
    assert "two owners who saw only hashes are no quorum" in " ".join(shown.split())
    assert "ETH and USDC balance to the base unit, gas counted as a fee." in shown
    assert "[y] NEXT   [n] CANCEL > " in shown
    assert "[y] CONFIRM   [n] CANCEL > " in shown


def _play_by_keys(keys: int) -> str:
    """Answer everything on a pseudo terminal until its program ends; what was shown."""
    shown, answered = "", 0
    while True:
        if select.select([keys], [], [], 0.05)[0]:
            try:
                shown += os.read(keys, 65536).decode(errors="replace")
            except OSError:  # the program has ended
                return shown
        fresh = shown[answered:]
        if QUESTION.search(fresh):
            answered = len(shown)
            os.write(keys, b"y\n")
        elif fresh.endswith("-- press any key to go on --") and _takes_single_keys(keys):
            answered = len(shown)
            os.write(keys, b" ")


def _takes_single_keys(keys: int) -> bool:
    return not termios.tcgetattr(keys)[3] & termios.ICANON


# A device


@dataclass(frozen=True)
class OneDevice:
    """A world of one device, as far as a person looks at it."""

    devices: tuple[WorldDevice, ...]


@contextmanager
def asked_about(device: DeviceEmulator, person: Person) -> Iterator[RawHost]:
    """A host that asks the device, and a person who answers it."""
    control = ControlServer(device)
    control.start()
    seen = WorldDevice("desk", device.persona, device.path, "", DeviceControl(control.url))
    try:
        with RawHost(device) as host, person.answering(cast(WorldProcess, OneDevice((seen,)))):
            host.call(m.Initialize())
            yield host
    finally:
        control.stop()


def answered(host: RawHost, message: Any) -> Any:
    """Acknowledge every question; a person presses."""
    reply = host.call(message)
    while isinstance(reply, m.ButtonRequest):
        host.send(m.ButtonAck())
        reply = host.read()
    return reply


def long_message() -> m.SignMessage:
    path, kind = parse_path("m/84h/1h/0h/0/0"), m.InputScriptType.SPENDWITNESS
    return m.SignMessage(address_n=path, message=LONG_TEXT.encode(), coin_name="Regtest", script_type=kind)


@pytest.fixture
def core() -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=ALL, persona="trezor-core", mode="scripted") as device:
        yield device


def test_the_third_button_shows_the_whole_text(core: DeviceEmulator) -> None:
    def read_all(shown: str) -> str:
        return "i" if "[i] Show all" in shown else "y"

    with a_person(read_all) as (person, paper), asked_about(core, person) as host:
        assert isinstance(answered(host, long_message()), m.MessageSignature)
    assert "[y] CONFIRM   [n] CANCEL   [i] Show all > " in paper.getvalue()
    letters = re.sub(r"[^a-z]", "", paper.getvalue())
    assert LONG_TEXT.replace(" ", "") in letters
    assert core.screens[-1].lines == (LONG_TEXT,)


def test_without_the_third_button_the_same_yes_goes_on_unread_and_says_so(core: DeviceEmulator) -> None:
    with a_person(lambda _shown: "y") as (person, paper), asked_about(core, person) as host:
        assert isinstance(answered(host, long_message()), m.MessageSignature)
    assert "Confirm without review" in paper.getvalue()


def test_i_is_no_key_where_there_is_no_third_button_and_nothing_else_is_a_yes(core: DeviceEmulator) -> None:
    typed = iter(["i", "info", "", "j", "yy", "yes please", "1", "n"])
    with a_person(lambda _shown: next(typed)) as (person, paper), asked_about(core, person) as host:
        reply = answered(host, m.Ping(message="x", button_protection=True))
    assert isinstance(reply, m.Failure)
    assert list(typed) == []
    assert paper.getvalue().count("[n]") == 8


def test_the_end_of_the_input_is_a_no(core: DeviceEmulator) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    try:
        person = Person(Console(file=io.StringIO(), width=100), reader)
        with asked_about(core, person) as host:
            assert isinstance(answered(host, m.Ping(message="x", button_protection=True)), m.Failure)
    finally:
        os.close(reader)


def test_a_pin_that_is_wanted_is_said_to_be_missing_and_nothing_hangs() -> None:
    with (
        DeviceEmulator(mnemonic=ALL, persona="trezor-core", mode="scripted", pin="1234") as device,
        a_person(lambda _shown: "y") as (person, paper),
        asked_about(device, person) as host,
    ):
        reply = answered(host, m.GetPublicKey(address_n=[]))
        assert isinstance(reply, m.Failure)
        assert reply.code == m.FailureType.PinCancelled
    assert "The device wants a pin typed" in paper.getvalue()


def test_what_a_host_sends_cannot_steer_the_terminal(core: DeviceEmulator) -> None:
    hostile = m.SignMessage(
        address_n=parse_path("m/84h/1h/0h/0/0"),
        message=b"\x1b[2J\x1b]0;title\x07[red]",
        coin_name="Regtest",
        script_type=m.InputScriptType.SPENDWITNESS,
    )
    with a_person(lambda _shown: "y") as (person, paper), asked_about(core, person) as host:
        answered(host, hostile)
    assert r"\x1b[2J\x1b]0;title\x07[red]" in paper.getvalue()
    assert all(letter.isprintable() or letter == "\n" for letter in paper.getvalue())
