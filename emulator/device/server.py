"""`DeviceEmulator`: a device to start and stop, for tests and for embedding programs.

    with DeviceEmulator(mnemonic="all all ...", mode="auto") as device:
        transport = get_transport(device.path)

Modes: `auto` confirms everything at once, `scripted` waits for debuglink (or `press_yes`), and
`interactive` asks `on_screen(screen) -> bool`, or the terminal when none is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, get_args

from . import management, terminal
from .display import Decision, OnScreen
from .engine import Engine
from .keys import HARDENED, Node, mnemonic_is_valid, seed_from_mnemonic
from .link import HOST, Link
from .personas import by_name
from .screens import Screen, ScreenRecord
from .state import DeviceState

Mode = Literal["auto", "scripted", "interactive"]
MODES: tuple[str, ...] = get_args(Mode)


class DeviceEmulator:
    """A Trezor-protocol device on two UDP ports of 127.0.0.1.

    `mnemonic=None` is an uninitialised device. Raises ValueError for an unknown persona or mode
    and for an invalid mnemonic, OSError when the ports are taken.
    """

    def __init__(
        self,
        *,
        mnemonic: str | None = None,
        persona: str = "trezor-core",
        mode: Mode = "scripted",
        port: int = 0,
        label: str = "",
        passphrase_protection: bool = False,
        typed_passphrase: str = "",
        on_screen: OnScreen | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
        if mnemonic is not None:
            _check_mnemonic(mnemonic)
        if on_screen is None and mode == "interactive":
            on_screen = terminal.ask
        if on_screen is not None and mode != "interactive":
            raise ValueError(f"on_screen decides only in mode 'interactive', not in {mode!r}")
        state = DeviceState(mnemonic=mnemonic, label=label, passphrase_protection=passphrase_protection)
        row = by_name(persona)
        self._link = Link(port)
        self._engine = Engine(
            self._link, row, state, mode=mode, on_screen=on_screen, typed_passphrase=typed_passphrase
        )
        self._stopped = False

    # Life

    def start(self) -> Self:
        """Start the device's thread; it answers from now on."""
        self._engine.start()
        return self

    def stop(self) -> None:
        """End thread and sockets; may be called more than once."""
        if not self._stopped:
            self._stopped = True
            self._engine.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # What it is

    @property
    def port(self) -> int:
        return self._link.port

    @property
    def path(self) -> str:
        """The transport path for trezorlib."""
        return f"udp:{HOST}:{self.port}"

    @property
    def persona(self) -> str:
        return self._engine.persona.name

    @property
    def root_fingerprint(self) -> str | None:
        """Fingerprint (8 hex digits) of the wallet without passphrase, None without a seed."""
        mnemonic = self._engine.state.mnemonic
        if mnemonic is None:
            return None
        root = Node.from_seed(seed_from_mnemonic(mnemonic, ""))
        return f"{root.child(HARDENED).fingerprint:08x}"

    # What it shows

    @property
    def screens(self) -> tuple[Screen, ...]:
        """Every screen shown so far, oldest first."""
        return tuple(record.screen for record in self._engine.display.records)

    @property
    def screen_records(self) -> tuple[ScreenRecord, ...]:
        """Every screen with its answer."""
        return self._engine.display.records

    def wait_for_screen(self, timeout: float = 5.0) -> Screen:
        """The question that is asked now or next. TimeoutError if none comes."""
        return self._engine.display.wait_for_screen(timeout)

    def press_yes(self) -> None:
        """Confirm what is asked now."""
        self._press(confirmed=True)

    def press_no(self) -> None:
        """Reject what is asked now."""
        self._press(confirmed=False)

    def _press(self, *, confirmed: bool) -> None:
        display = self._engine.display
        self._engine.run_command(lambda: display.decide(Decision(confirmed)))

    # What goes wrong

    @property
    def faults(self) -> dict[str, bool | int | None]:
        return self._engine.faults.as_dict()

    def set_faults(self, changes: Mapping[str, object]) -> None:
        """Switch faults by name (see `faults.Faults`). ValueError for an unknown one."""

        def change() -> None:
            self._engine.faults.update(changes)
            self._engine.apply_faults()

        self._engine.run_command(change)

    def unplug(self) -> None:
        """Pull the cable: no packet is answered, sessions are lost, the seed stays."""
        self.set_faults({"unplugged": True})

    def unplug_after(self, answers: int) -> None:
        """Pull the cable after that many further answers on the wire."""
        self.set_faults({"unplug_after": answers})

    def plug_in(self) -> None:
        """Put the cable back."""
        self.set_faults({"unplugged": False})

    def load_seed(self, mnemonic: str | None) -> None:
        """Replace the seed (None wipes): another device as far as a host can tell."""
        if mnemonic is not None:
            _check_mnemonic(mnemonic)

        def load() -> None:
            label = self._engine.state.label
            management.wipe_state(self._engine.state)
            self._engine.state.mnemonic = mnemonic
            self._engine.state.label = label
            self._engine.sessions.clear()
            self._engine.restart_workflows()

        self._engine.run_command(load)


def _check_mnemonic(mnemonic: str) -> None:
    """The words themselves are never part of an error message."""
    if not mnemonic_is_valid(mnemonic):
        raise ValueError("not a valid BIP39 mnemonic: check the words, their order and their number")
