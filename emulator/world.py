"""The outside world in one process: chain, Esplora, exchanges with hot wallets, devices, as a scenario says.

Loopback only, free ports. A world never outlives its parent: it ends when its standard input does, or on a
signal, and takes every socket and temporary file with it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from emulator.chains.hot_wallet import HotWallet
from emulator.chains.node import NodeError
from emulator.chains.node_chain import NodeChain
from emulator.device.control import ControlServer
from emulator.device.server import MODES, DeviceEmulator, Mode
from emulator.device.ui import terminal
from emulator.device.ui.display import Decision, OnScreen
from emulator.device.ui.screens import Screen
from emulator.feeds.server import FeedServer
from emulator.lifetime import EndSignals
from emulator.scenario import DEFAULT_SCENARIO, DevicePlan, EthereumPlan, Scenario, load_scenario
from emulator.scenario_hours import HOUR
from emulator.scenario_player import OpenedAccount, apply_step, feed_days, open_account, publish_hours
from emulator.strict_toml import ScenarioError
from emulator.venues.control.client import VenueControl
from emulator.venues.engine.clock import VenueClock
from emulator.venues.serving.exchange import known as known_exchanges
from emulator.venues.serving.exchange import load as load_exchange
from emulator.venues.serving.server import VenueServer
from emulator.world_report import DeviceReport, NodeReport, VenueReport, WorldReport

if TYPE_CHECKING:
    from emulator.world_ethereum import EthereumWorld

SATOSHI_PER_BTC = 100_000_000
EXIT_USAGE = 2
REPORT_FILE = "world.json"
USUAL_EXCHANGES = ("binance",)
TERMINAL = Path("/dev/tty")


@dataclass(frozen=True, slots=True)
class RunningVenue:
    """One exchange of the world with the scenario's hand on it."""

    exchange: str
    hot_wallet: HotWallet | None
    server: VenueServer
    control: VenueControl
    hot_key: str = ""

    @property
    def of_addresses(self) -> bool:
        """Whether its accounts are addresses of whoever has their keys: no scenario opens those."""
        return self.server.exchange.profile.credits_sender


class World:
    """All emulators of a scenario, started on entering and stopped on leaving.

    Every one of `exchanges` has the scenario's accounts, all pay on one chain; the first is `venue`.
    With `tick_seconds` time works by itself: the venues' clockwork ticks and a block is found that often.
    None leaves both to whoever controls the world. With `bitcoind`, the path of one, a real node in
    `directory` judges the chain. With `clock_offset_ms` all clocks are so far off the machine's and the
    scenario happens in its own time (the chain follows the first exchange, which can be moved on); without it
    the first step is now. Ethereum is started beside Bitcoin where the scenario has it, Arbitrum where one of
    the exchanges lives there; with `tick_seconds` they find a block with each of Bitcoin's.
    """

    def __init__(
        self,
        scenario: Scenario,
        directory: Path,
        *,
        exchanges: Sequence[str] = USUAL_EXCHANGES,
        device_mode: Mode = "auto",
        tick_seconds: float | None = None,
        bitcoind: str | None = None,
        clock_offset_ms: int | None = None,
    ) -> None:
        self.scenario = scenario
        self._offset_ms = clock_offset_ms
        self._venue_clock: VenueClock | None = None
        self.directory = directory
        self._mode: Mode = device_mode
        self._stack = ExitStack()
        self._node: NodeReport | None = None
        self.ethereum: EthereumWorld | None = None
        self.arbitrum: EthereumWorld | None = None
        self.chain = self._stack.enter_context(self._start_chain(bitcoind))
        try:
            if scenario.ethereum is not None:
                self.ethereum = self._stack.enter_context(start_ethereum(scenario.ethereum, self._seconds))
            if any(load_exchange(name).profile.credits_sender for name in exchanges):
                self.arbitrum = self._stack.enter_context(start_arbitrum(self._seconds))
            self.esplora = self._stack.enter_context(EsploraServer(self.chain))
            today = self._now().date()
            self.feeds = self._stack.enter_context(FeedServer(feed_days(scenario, scenario.steps[0], today)))
            self.venues = tuple(self._start_venue(name, tick_seconds) for name in exchanges)
            self.devices = tuple(self._start_device(plan) for plan in scenario.devices)
            self.accounts = self._set_the_scene()
            if tick_seconds is not None:
                self._stack.enter_context(finding_blocks(self._find_block, tick_seconds))
        except BaseException:
            self.stop()
            raise

    def _start_chain(self, bitcoind: str | None) -> BitcoinChain:
        if bitcoind is None:
            return BitcoinChain(clock=self._seconds)
        chain = NodeChain(bitcoind, self.directory / "bitcoind", clock=self._seconds)
        self._node = NodeReport(chain.node.url, str(chain.node.cookie_file))
        return chain

    def _find_block(self) -> None:
        self.chain.mine(1)
        for beside in filter(None, (self.ethereum, self.arbitrum)):
            beside.chain.mine(1)

    def _seconds(self) -> int:
        """The chain's clock: that of the first exchange, as soon as there is one."""
        if self._venue_clock is not None:
            return self._venue_clock.now_ms() // 1000
        return int(self._now().timestamp())

    def _now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=self._offset_ms or 0)

    def _start_venue(self, exchange: str, tick_seconds: float | None) -> RunningVenue:
        seed = f"hot wallet of {self.scenario.story}" + (f" at {exchange}" if exchange != "binance" else "")
        has_bitcoin = "BTC" in load_exchange(exchange).profile.coins()
        wallet = HotWallet(self.chain, seed.encode()) if has_bitcoin else None
        started = VenueServer(exchange, chain=wallet, tick_seconds=tick_seconds)
        server = self._stack.enter_context(started)
        hot_key = ""
        if self.arbitrum is not None and server.exchange.profile.credits_sender:
            hot_key = self.arbitrum.connect_bridge(server)
        elif self.ethereum is not None:
            hot_key = self.ethereum.connect(server, seed.encode())
        control = VenueControl(server.url)
        if self._offset_ms is not None:
            control.clock(offset_ms=self._offset_ms)
        self._venue_clock = self._venue_clock or server.venue.clock
        return RunningVenue(exchange, wallet, server, control, hot_key)

    def _start_device(self, plan: DevicePlan) -> DeviceReport:
        on_screen: OnScreen | None = ask_on_terminal if self._mode == "interactive" else None
        device = self._stack.enter_context(
            DeviceEmulator(
                mnemonic=plan.mnemonic,
                persona=plan.persona,
                mode=self._mode,
                label=plan.label,
                on_screen=on_screen,
            )
        )
        control = ControlServer(device)
        control.start()
        self._stack.callback(control.stop)
        fingerprint = device.root_fingerprint or ""
        return DeviceReport(plan.label, plan.persona, device.path, control.url, fingerprint)

    def _set_the_scene(self) -> tuple[OpenedAccount, ...]:
        stock = self.scenario.funding_of_wallets.venue
        opened: list[OpenedAccount] = []
        for venue in self.venues:
            if stock and venue.hot_wallet is not None:
                self.chain.fund(venue.hot_wallet.funding_address, int(stock * SATOSHI_PER_BTC))
            # The market comes first: an account opened at another price could be liquidated on the spot.
            apply_step(venue.control, self.scenario, self.scenario.steps[0], venue.exchange)
            self._publish_the_past(venue)
            plans = () if venue.of_addresses else self.scenario.accounts
            opened += (open_account(venue.control, plan, venue.exchange) for plan in plans)
        return tuple(opened)

    def _publish_the_past(self, venue: RunningVenue) -> None:
        """Hours stay on the hour, wherever they are moved to."""
        first, now = self.scenario.steps[0].time, self._now()
        shift = datetime.timedelta(0) if self._offset_ms is not None else (now - first) // HOUR * HOUR
        publish_hours(
            venue.control, self.scenario, venue.exchange, shift=shift, after=None, until=now - shift
        )

    @property
    def venue(self) -> VenueControl:
        """The scenario's hand on the first exchange."""
        return self.venues[0].control

    @property
    def hot_wallet(self) -> HotWallet:
        """The first hot wallet of an exchange. Raises LookupError."""
        for venue in self.venues:
            if venue.hot_wallet is not None:
                return venue.hot_wallet
        raise LookupError("no exchange of this world has bitcoin")

    @property
    def venue_server(self) -> VenueServer:
        """The server of the first exchange."""
        return self.venues[0].server

    def report(self) -> WorldReport:
        return WorldReport(
            pid=os.getpid(),
            scenario=self.scenario.name,
            directory=str(self.directory),
            esplora=self.esplora.url,
            feeds=self.feeds.url,
            bitcoind=self._node,
            venues=tuple(
                VenueReport(
                    each.exchange,
                    each.server.url,
                    "" if each.hot_wallet is None else each.hot_wallet.funding_address,
                    each.hot_key,
                )
                for each in self.venues
            ),
            accounts=self.accounts,
            devices=self.devices,
            ethereum=None if self.ethereum is None else self.ethereum.report(),
            arbitrum=None if self.arbitrum is None else self.arbitrum.report(),
        )

    def stop(self) -> None:
        """Stop everything, the last started first."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_ethereum(plan: EthereumPlan, clock: Callable[[], int]) -> EthereumWorld:
    """Loaded only for a world that has it: the EVM takes a second."""
    from emulator.world_ethereum import EthereumWorld

    return EthereumWorld(clock, plan.venue)


def start_arbitrum(clock: Callable[[], int]) -> EthereumWorld:
    """The same for exchanges that live there."""
    from emulator.world_ethereum import arbitrum

    return arbitrum(clock)


@contextmanager
def finding_blocks(find: Callable[[], None], seconds: float) -> Iterator[None]:
    """Find a block every so many seconds, in a thread of its own, for the length of a ``with`` block."""
    stop = threading.Event()

    def mine() -> None:
        while not stop.wait(seconds):
            find()

    thread = threading.Thread(target=mine, name="finding blocks")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ask_on_terminal(screen: Screen) -> Decision:
    """Show a device screen on the controlling terminal: standard input belongs to the parent."""
    with (
        Path("/dev/tty").open("r", encoding="utf-8") as keys,
        TERMINAL.open("w", encoding="utf-8") as out,
    ):
        out.write(f"\n{terminal.render(screen)}\n{terminal.buttons(screen)} > ")
        out.flush()
        key = keys.readline().strip().lower()
    info = bool(screen.info) and key == "i"
    return Decision(info or key in ("y", "yes"), info=info)


def _write_report(report: WorldReport) -> None:
    path = Path(report.directory) / REPORT_FILE
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(report.without_secrets() + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator world", description=__doc__)
    parser.add_argument(
        "--scenario", default=DEFAULT_SCENARIO, help="a TOML file, or the name of one of our own"
    )
    parser.add_argument(
        "--exchange",
        action="append",
        choices=known_exchanges(),
        help="an exchange of this world; once for each of several (default: binance)",
    )
    parser.add_argument("--persona", help="one persona for all devices, in place of the scenario's own")
    parser.add_argument("--dir", type=Path, help="where world.json goes; default: a temporary directory")
    parser.add_argument("--bitcoind", help="path of a bitcoind that is to judge the chain")
    parser.add_argument("--device-mode", choices=MODES, default="auto")
    parser.add_argument("--tick-seconds", type=float, help="tick the venue and find a block this often")
    parser.add_argument(
        "--clock-offset-ms", type=int, help="set all clocks so far off and play the scenario in its own time"
    )
    parser.add_argument("--forever", action="store_true", help="do not end when standard input ends")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run a world; 0 after a clean end, 2 when it cannot start."""
    options = _parser().parse_args(argv)
    signals = EndSignals()
    with ExitStack() as stack:
        directory = options.dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="world-")))
        try:
            directory.mkdir(parents=True, exist_ok=True)
            scenario = load_scenario(options.scenario)
            if options.persona is not None:
                scenario = scenario.with_persona(options.persona)
            if options.device_mode == "interactive":
                TERMINAL.open("rb").close()  # an OSError now, not at the first question
            mode: Mode = options.device_mode
            world = stack.enter_context(
                World(
                    scenario,
                    directory,
                    exchanges=options.exchange or USUAL_EXCHANGES,
                    device_mode=mode,
                    tick_seconds=options.tick_seconds,
                    bitcoind=options.bitcoind,
                    clock_offset_ms=options.clock_offset_ms,
                )
            )
        except (ScenarioError, NodeError, OSError) as error:
            sys.stderr.write(f"cannot start the world: {error}\n")
            return EXIT_USAGE
        report = world.report()
        _write_report(report)
        sys.stdout.write(report.to_line() + "\n")
        sys.stdout.flush()
        signals.wait(follow_stdin=not options.forever)
    return 0
