"""A device with a person who answers its questions: a persona of ours, or a genuine emulator.

Genuine ones are wiped, loaded over the wire, and confirmed over their debuglink for as long as the
block lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from unittest.mock import patch

import pytest
from embit import bip32, bip39
from trezorlib.messages import DebugButton, LockDevice, Success

from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator
from tests.conformance.devices import Spec, opened, parse
from tests.conformance.driver import Driver
from tests.conformance.scenario import Setup
from vault.device.connection.connect import Surroundings
from vault.device.connection.wire import GuardedTransport
from vault.device.discover import look_at

_BUTTON_ACK: Final = b"?##\x00\x1b"


@dataclass
class Person:
    """What is said to every question on the device."""

    says_yes: bool = True


@dataclass(frozen=True, slots=True)
class Hand:
    """Where the device is, and what it is; `emulator` is None for a genuine one.

    `persona` is the persona's name, or the kind of a genuine emulator; `driver` is of a genuine one only.
    """

    path: str
    kind: str
    persona: str
    root_fingerprint: str
    emulator: DeviceEmulator | None
    driver: Driver | None

    def built_in(self, why: str) -> DeviceEmulator:
        """The emulator of this project; a test that needs it skips on a genuine one, and says why."""
        if self.emulator is None:
            pytest.skip(why)
        return self.emulator

    def places(self, pin: str) -> str:
        """What a person types who reads the matrix on the display."""
        if self.emulator is not None:
            matrix, names = self.emulator._engine.matrix, self.emulator._engine.persona.pin_places
        else:
            matrix, names = self._genuine().debug.state().matrix, "123456789"
        return "".join(names[matrix.index(digit)] for digit in pin)

    def _genuine(self) -> Driver:
        if self.driver is None:
            raise RuntimeError("not a genuine emulator")
        return self.driver

    def die(self) -> None:
        """As if its power were cut, for the rest of the test."""
        if self.emulator is not None:
            self.emulator.unplug()
        else:
            self._genuine().device.stop()


def specs_of(options: Sequence[str] | None) -> list[Spec]:
    """All personas, then what the options name. ValueError says what is wrong with one."""
    genuine = [spec for text in options or () if not text.startswith("builtin") for spec in parse(text)]
    return [*(Spec("builtin", persona) for persona in PERSONAS), *dict.fromkeys(genuine)]


def introduction(path: str) -> str:
    """Model and version, as the device at `path` reports them."""
    info = look_at(path, Surroundings(5.0)).info
    return f"{info.model} {info.firmware_version}" if info else "a device that says nothing"


@contextmanager
def in_hand(
    spec: Spec, mnemonic: str, *, person: Person | None = None, passphrase: bool = False, pin: str = ""
) -> Iterator[Hand]:
    """Run the device with that seed, locked if it has a PIN; without a `person` everything is confirmed."""
    root = bip32.HDKey.from_seed(bip39.mnemonic_to_seed(mnemonic)).my_fingerprint.hex()
    if spec.kind == "builtin":
        kind = "onekey" if spec.where.startswith("onekey") else "trezor"
        with DeviceEmulator(
            mnemonic=mnemonic,
            persona=spec.where,
            mode="interactive" if person else "auto",
            on_screen=(lambda _: person.says_yes) if person else None,
            passphrase_protection=passphrase,
            pin=pin,
        ) as device:
            yield Hand(device.path, kind, spec.where, root, device, None)
        return
    with opened(spec, mode="scripted") as upstream:
        driver = Driver(upstream)
        try:
            host = driver.host(Setup(mnemonic=mnemonic, passphrase=passphrase, pin=pin))
            if pin:
                host.client.get_session(None).call(LockDevice(), expect=Success)
            kind = "onekey" if driver.onekey else "trezor"
            with finger(driver, person or Person()):
                yield Hand(f"udp:{upstream.host}:{upstream.port}", kind, spec.kind, root, None, driver)
        finally:
            driver.close()


@contextmanager
def finger(driver: Driver, person: Person | None = None) -> Iterator[None]:
    """Answer every question on the line: on each ButtonAck, until the device answers."""
    presser = driver.presser
    write, read = GuardedTransport.write_chunk, GuardedTransport.read_chunk

    def button() -> DebugButton:
        return DebugButton.YES if person is None or person.says_yes else DebugButton.NO

    def write_chunk(line: GuardedTransport, chunk: bytes) -> None:
        write(line, chunk)
        if chunk.startswith(b"?##"):
            presser.awaiting(True)
            if chunk.startswith(_BUTTON_ACK):
                presser.hold(button())

    def read_chunk(line: GuardedTransport, *, timeout: float | None = None) -> bytes:
        chunk = read(line, timeout=timeout)
        if chunk.startswith(b"?##"):
            presser.awaiting(False)
            presser.release()
        return chunk

    with (
        patch.object(presser, "_on_silence", button),
        patch.object(GuardedTransport, "write_chunk", write_chunk),
        patch.object(GuardedTransport, "read_chunk", read_chunk),
    ):
        yield
