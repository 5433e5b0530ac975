"""Starts a world as a process of its own, talks to its parts, and ends it. For the demo and for tests.

Refuses to wait for ever: a world that is not ready in time is stopped and its log shown.
"""

from __future__ import annotations

import datetime
import json
import os
import select
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from emulator.chains.control import ChainControl
from emulator.chains.ethereum.control import EthereumControl
from emulator.feeds.control import FeedControl
from emulator.scenario import DEFAULT_SCENARIO, Scenario, Step, load_scenario
from emulator.scenario_player import OpenedAccount, apply_step, publish_feeds, publish_hours
from emulator.venues.control.client import VenueControl
from emulator.world_report import DeviceReport, WorldReport

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_FILE = "world.log"
MILLISECOND = datetime.timedelta(milliseconds=1)
_LOG_TAIL = 2000
_CHUNK = 65536


class WorldError(RuntimeError):
    """The world did not start, or a part of it refused."""


@dataclass(frozen=True, slots=True)
class ScreenShown:
    """A screen a device has shown, how it was answered ("pending" while it is asked), and its buttons.

    `info` is the label of a third button, empty where there is none; `entry` says what is typed on it:
    "nothing", "pin" or "passphrase".
    """

    name: str
    title: str
    lines: tuple[str, ...]
    answer: str
    confirm: str
    cancel: str
    info: str
    entry: str


class DeviceControl:
    """The scenario's hand on one device: its screens, its buttons, its cable."""

    def __init__(self, url: str) -> None:
        self._url = url

    def screens(self) -> tuple[ScreenShown, ...]:
        """Everything shown so far, oldest first."""
        return tuple(
            ScreenShown(**{**each, "lines": tuple(each["lines"])}) for each in self._call("screens", None)
        )

    def press(self, *, yes: bool) -> None:
        """Answer what is asked now."""
        self._call("press", {"yes": yes})

    def press_info(self) -> None:
        """Press the third button of what is asked now. Raises WorldError where it has none."""
        self._call("press", {"info": True})

    def fault(self, **switches: object) -> None:
        """Set fault switches, for example `unplugged=True` (see emulator.device.faults)."""
        self._call("fault", switches)

    def load_seed(self, mnemonic: str | None) -> None:
        """Make it another device; None wipes it."""
        self._call("seed", {"mnemonic": mnemonic})

    def _call(self, name: str, body: Mapping[str, object] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/_emulator/{name}", data, headers)  # noqa: S310  loopback http
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=STOP_SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise WorldError(f"device {name}: {error.read().decode()}") from error
        except OSError as error:
            raise WorldError(f"device at {self._url}: {error}") from error


@dataclass(frozen=True, slots=True)
class WorldDevice:
    """A device of the world: `path` for trezorlib, `control` for the scenario."""

    label: str
    persona: str
    path: str
    root_fingerprint: str
    control: DeviceControl

    @classmethod
    def of(cls, told: DeviceReport) -> WorldDevice:
        return cls(told.label, told.persona, told.path, told.root_fingerprint, DeviceControl(told.control))


class WorldProcess:
    """`with WorldProcess.start() as world: world.venue, world.chain, world.devices`.

    `world.ethereum` is there where the scenario has Ethereum, `world.arbitrum` where an exchange lives on it:
    both can fund, mint and mine.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        report: WorldReport,
        scenario: Scenario,
        offset: datetime.timedelta | None = None,
    ) -> None:
        self._process = process
        self._offset = offset
        self._published = None if offset is None else datetime.datetime.now(datetime.UTC) + offset
        self.report = report
        self.scenario = scenario
        self.venue = VenueControl(report.venue)
        self.venues = {each.exchange: VenueControl(each.url) for each in report.venues}
        self.chain = ChainControl(report.esplora)
        self.feeds = FeedControl(report.feeds)
        self.ethereum = None if report.ethereum is None else EthereumControl(report.ethereum.url)
        self.arbitrum = None if report.arbitrum is None else EthereumControl(report.arbitrum.url)
        self.devices = tuple(WorldDevice.of(told) for told in report.devices)
        self.directory = Path(report.directory)

    @classmethod
    def start(
        cls,
        *,
        scenario: str = DEFAULT_SCENARIO,
        directory: Path | None = None,
        exchanges: Sequence[str] = (),
        device_mode: str = "auto",
        persona: str | None = None,
        tick_seconds: str | None = None,
        bitcoind: str | None = None,
        offset: datetime.timedelta | None = None,
        timeout: float = READY_SECONDS,
    ) -> Self:
        """Start a world and wait until all its parts answer.

        Raises ScenarioError for a bad scenario, WorldError with the end of the log when it does not come up.
        `exchanges` are those of the world, by name, the first of them is `venue` (default: binance alone).
        `persona` takes the place of the personas of all the scenario's devices; `bitcoind` is the path of a
        real node for its chain.
        With an `offset` all clocks of the world are so far off this machine's, and the scenario happens in
        its own time (see `move_clocks`); without it the first step is now.
        `directory` (default: a new temporary one) gets world.json and world.log and is left behind.
        """
        loaded = load_scenario(scenario)
        if persona is not None:
            loaded = loaded.with_persona(persona)
        place = directory or Path(tempfile.mkdtemp(prefix="world-"))
        place.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "emulator", "world", "--scenario", scenario, "--dir", str(place)]
        command += ["--device-mode", device_mode]
        command += [word for name in exchanges for word in ("--exchange", name)]
        if persona is not None:
            command += ["--persona", persona]
        if tick_seconds is not None:
            command += ["--tick-seconds", tick_seconds]
        if bitcoind is not None:
            command += ["--bitcoind", bitcoind]
        if offset is not None:
            command += ["--clock-offset-ms", str(offset // MILLISECOND)]
        with (place / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=_environment()
            )
        try:
            line = _first_line(process, timeout)
            return cls(process, WorldReport.from_line(line), loaded, offset)
        except (WorldError, ValueError) as error:
            _end(process)
            tail = (place / LOG_FILE).read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
            raise WorldError(f"{error}; the end of {place / LOG_FILE}:\n{tail}") from error
        except BaseException:
            _end(process)
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def esplora_url(self) -> str:
        return self.report.esplora

    @property
    def venue_url(self) -> str:
        return self.report.venue

    def account(self, name: str, exchange: str = "") -> OpenedAccount:
        """Keys and uid of an account, at the first exchange or the one named. Raises KeyError."""
        where = exchange or self.report.venues[0].exchange
        for account in self.report.accounts:
            if (account.name, account.exchange) == (name, where):
                return account
        raise KeyError(f"{name} at {where}")

    def device(self, label: str) -> WorldDevice:
        """Raises KeyError."""
        for device in self.devices:
            if device.label == label:
                return device
        raise KeyError(label)

    def apply(self, step: Step) -> None:
        """Move the market of every exchange, and the other sources, to a step of the scenario.

        In the scenario's own time the hours up to the step are published first.
        """
        for exchange, venue in self.venues.items():
            if self._published is not None:
                still = datetime.timedelta(0)
                publish_hours(
                    venue, self.scenario, exchange, shift=still, after=self._published, until=step.time
                )
            apply_step(venue, self.scenario, step, exchange)
        if self._published is not None:
            self._published = max(self._published, step.time)
        today = datetime.datetime.now(datetime.UTC) + (self._offset or datetime.timedelta(0))
        publish_feeds(self.feeds, self.scenario, step, today.date())

    def move_clocks(self, offset: datetime.timedelta) -> None:
        """Set every exchange, and the chain with them, so far off this machine's clock."""
        self._offset = offset
        for venue in self.venues.values():
            venue.clock(offset_ms=offset // MILLISECOND)

    def stop(self) -> int:
        """End the world and return its exit status; 0 is a clean end."""
        return _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """The child finds this very package, wherever it was started from."""
    root = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": root if not inherited else os.pathsep.join([root, inherited])}


def _first_line(process: subprocess.Popen[bytes], timeout: float) -> str:
    stdout: IO[bytes] | None = process.stdout
    if stdout is None:
        raise WorldError("the world has no standard output")
    deadline = time.monotonic() + timeout
    received = b""
    while b"\n" not in received:
        ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise WorldError(f"the world was not ready within {timeout} s")
        chunk = os.read(stdout.fileno(), _CHUNK)
        if not chunk:
            raise WorldError(f"the world ended before it was ready (status {process.wait(STOP_SECONDS)})")
        received += chunk
    return received.split(b"\n", 1)[0].decode()


def _end(process: subprocess.Popen[bytes]) -> int:
    """Close its standard input, then ask, then insist: by the process id we started, nothing else."""
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    for insist in (process.terminate, process.kill):
        try:
            status = process.wait(STOP_SECONDS)
            break
        except subprocess.TimeoutExpired:
            insist()
    else:
        status = process.wait(STOP_SECONDS)
    if process.stdout is not None:
        process.stdout.close()
    return status
