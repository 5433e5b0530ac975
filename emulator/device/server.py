"""`DeviceEmulator`: a device to start and stop, for tests and for embedding programs.

    with DeviceEmulator(mnemonic="all all ...", mode="auto") as device:
        transport = get_transport(device.path)

Modes: `auto` confirms everything at once, `thorough` too, but first opens whatever a third button
shows, `scripted` waits for debuglink (or `press_yes`), and `interactive` asks
`on_screen(screen) -> bool | str`, or the terminal when none is given. With a `profile` directory the
device keeps its seed, PIN and settings over restarts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from .engine import Engine
from .errors import FirmwareError
from .faults import FaultValue
from .keys import HARDENED, Node, mnemonic_is_valid
from .management.settings import LABEL_MAX_LENGTH
from .personas import Persona, by_name
from .pin.storage import MAX_LENGTH as MAX_PIN_LENGTH
from .profile import Profile, ProfileError
from .protocol.link import HOST, Link
from .state import DeviceState
from .stored_values import is_label, is_pin, is_utf8, pin_digits
from .ui.display import Decision, OnScreen
from .ui.screens import Screen, ScreenRecord
from .ui.terminal import Terminal, letters_of

Mode = Literal["auto", "thorough", "scripted", "interactive"]
MODES: tuple[str, ...] = get_args(Mode)


class DeviceEmulator:
    """A Trezor-protocol device on two UDP ports of 127.0.0.1.

    `mnemonic=None` is an uninitialised device. A `pin` locks it: core firmware has it typed on the
    device, the C firmwares ask the host for places of a matrix. What a `profile` holds comes before
    mnemonic, pin and label, which are refused beside it.

    Raises ValueError for an unknown persona or mode, an invalid mnemonic or PIN, contradictory
    arguments and an unusable profile (ProfileError), OSError when the ports are taken.
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
        pin: str = "",
        profile: Path | str | None = None,
        on_screen: OnScreen | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
        if on_screen is not None and mode != "interactive":
            raise ValueError(f"on_screen decides only in mode 'interactive', not in {mode!r}")
        if not is_utf8(typed_passphrase):
            raise ValueError("the passphrase is not valid UTF-8 text")
        row = by_name(persona)
        state = _fresh_state(row, mnemonic, label, pin, passphrase_protection)
        terminal = Terminal(letters_of(row.display)) if on_screen is None and mode == "interactive" else None
        self._profile = None if profile is None else Profile(Path(profile), row.name)
        try:
            state = self._stored(state)
            self._link = Link(port)
        except BaseException:
            self._close_profile()
            raise
        self._engine = Engine(
            self._link,
            row,
            state,
            mode=mode,
            on_screen=terminal or on_screen,
            typed_passphrase=typed_passphrase,
            typed_pin=pin or state.pin,
            on_change=self._keep,
        )
        if isinstance(on_screen, Terminal):
            terminal = on_screen
        if terminal is not None:
            terminal.current = lambda: self._engine.display.current
        self._stopped = False

    def _stored(self, fresh: DeviceState) -> DeviceState:
        """What the profile holds; a fresh one takes the state it is given."""
        if self._profile is None:
            return fresh
        stored = self._profile.load()
        if stored is None:
            self._profile.save(fresh)
            return fresh
        if fresh.initialized or fresh.pin or fresh.label:
            raise ProfileError(
                f"{self._profile.path} already holds a device: leave out mnemonic, PIN and label, "
                "or choose a fresh profile"
            )
        return stored

    def _keep(self, state: DeviceState) -> None:
        if self._profile is not None:
            self._profile.save(state)

    def _close_profile(self) -> None:
        if self._profile is not None:
            self._profile.close()

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
            self._close_profile()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the device's thread runs: started, not stopped, and not ended by an error."""
        return self._engine.alive

    def when_it_dies(self, callback: Callable[[], None]) -> None:
        """Call `callback`, on the device's thread, when an error ends the device. Before `start`."""
        self._engine.on_death = callback

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
        if not self._engine.state.initialized:
            return None
        root = Node.from_seed(self._engine.state.seed(""))
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

    def press_info(self) -> None:
        """Press the third button of what is asked now, which shows more. ValueError if it has none."""
        display = self._engine.display

        def press() -> None:
            if display.current is None or not display.current.info:
                raise ValueError("no screen with a third button is asking now")
            display.decide(Decision(confirmed=True, info=True))

        self._engine.run_command(press)

    def _press(self, *, confirmed: bool) -> None:
        display = self._engine.display
        self._engine.run_command(lambda: display.decide(Decision(confirmed)))

    # What goes wrong

    @property
    def faults(self) -> dict[str, FaultValue]:
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
        """Put the cable back; it stays in until it is pulled again."""
        self.set_faults({"unplugged": False, "unplug_after": None})

    def load_seed(self, mnemonic: str | None) -> None:
        """Replace the seed (None wipes): another device as far as a host can tell."""
        if mnemonic is not None:
            _check_mnemonic(mnemonic)

        def load() -> None:
            label = self._engine.state.label
            self._engine.state.wipe()
            self._engine.state.mnemonic = mnemonic
            self._engine.state.imported = mnemonic is not None
            self._engine.state.label = label
            self._engine.sessions.clear()
            self._engine.restart_workflows()
            try:
                self._engine.save()
            except FirmwareError as error:
                raise ProfileError("the profile cannot be written: the seed stays as it was") from error

        self._engine.run_command(load)


def _fresh_state(
    persona: Persona, mnemonic: str | None, label: str, pin: str, passphrase_protection: bool
) -> DeviceState:
    """A device as it leaves the arguments; ValueError for what it could not be."""
    if mnemonic is not None:
        _check_mnemonic(mnemonic)
    _check_pin(persona, pin)
    if not is_label(persona, label):
        raise ValueError(f"a label of {persona.name} is UTF-8 text of at most {LABEL_MAX_LENGTH}")
    if pin and mnemonic is None:
        raise ValueError("a PIN protects a seed: give a mnemonic, too")
    return DeviceState(
        mnemonic=mnemonic,
        label=label,
        passphrase_protection=passphrase_protection,
        imported=mnemonic is not None,
        pin=pin,
        locked=bool(pin),
    )


def _check_pin(persona: Persona, pin: str) -> None:
    """The PIN itself is never part of an error message."""
    if not is_pin(persona, pin):
        digits = pin_digits(persona)
        raise ValueError(f"a PIN of {persona.name} has up to {MAX_PIN_LENGTH} digits of {digits}")


def _check_mnemonic(mnemonic: str) -> None:
    """The words themselves are never part of an error message."""
    if not mnemonic_is_valid(mnemonic):
        raise ValueError("not a valid BIP39 mnemonic: check the words, their order and their number")
