"""A device with a person who confirms everything: a persona of ours, or a genuine emulator.

Genuine ones are wiped, loaded over the wire, and confirmed over their debuglink for as long as the
block lasts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from unittest.mock import patch

from trezorlib.messages import DebugButton

from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator
from tests.conformance.devices import Spec, opened, parse
from tests.conformance.driver import Driver
from tests.conformance.scenario import Setup
from vault.device.connection.wire import GuardedTransport

_BUTTON_ACK: Final = b"?##\x00\x1b"


@dataclass(frozen=True, slots=True)
class Hand:
    """Where the device is, and what it is; `emulator` is None for a genuine one."""

    path: str
    kind: str
    persona: str
    root_fingerprint: str | None
    emulator: DeviceEmulator | None


def specs_of(option: str | None) -> list[Spec]:
    """All personas, then what the option names. ValueError says what is wrong with it."""
    personas = [Spec("builtin", persona) for persona in PERSONAS]
    return [*personas, *(parse(option) if option and not option.startswith("builtin") else ())]


@contextmanager
def in_hand(spec: Spec, mnemonic: str) -> Iterator[Hand]:
    """Run the device with that seed."""
    if spec.kind == "builtin":
        with DeviceEmulator(mnemonic=mnemonic, persona=spec.where, mode="auto") as device:
            kind = "onekey" if spec.where.startswith("onekey") else "trezor"
            yield Hand(device.path, kind, spec.where, device.root_fingerprint, device)
        return
    with opened(spec, mode="scripted") as upstream:
        driver = Driver(upstream)
        try:
            driver.host(Setup(mnemonic=mnemonic))
            kind = "onekey" if driver.onekey else "trezor"
            with finger(driver):
                yield Hand(f"udp:{upstream.host}:{upstream.port}", kind, spec.kind, None, None)
        finally:
            driver.close()


@contextmanager
def finger(driver: Driver) -> Iterator[None]:
    """Say yes to every question on the line: on each ButtonAck, until the device answers."""
    presser = driver.presser
    write, read = GuardedTransport.write_chunk, GuardedTransport.read_chunk

    def write_chunk(line: GuardedTransport, chunk: bytes) -> None:
        write(line, chunk)
        if chunk.startswith(b"?##"):
            presser.awaiting(True)
            if chunk.startswith(_BUTTON_ACK):
                presser.hold(DebugButton.YES)

    def read_chunk(line: GuardedTransport, *, timeout: float | None = None) -> bytes:
        chunk = read(line, timeout=timeout)
        if chunk.startswith(b"?##"):
            presser.awaiting(False)
            presser.release()
        return chunk

    with (
        patch.object(GuardedTransport, "write_chunk", write_chunk),
        patch.object(GuardedTransport, "read_chunk", read_chunk),
    ):
        yield
