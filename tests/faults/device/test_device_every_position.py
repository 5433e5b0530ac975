"""Unplugged, or silent, at every message of signing 20 inputs: a typed error, and the next run completes.

A device that falls silent answers later: what it then says stands in the line of the next connection,
as it does in a USB endpoint, and must never be taken for an answer to something else (`-s` prints how
many positions there were).
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from trezorlib.transport import Timeout

from emulator.device.server import DeviceEmulator
from tests.support.device_in_hand import Hand
from vault.address import NETWORKS
from vault.device.connection import transports
from vault.errors import DeviceError

REGTEST = NETWORKS["regtest"]
MNEMONIC = "all all all all all all all all all all all all"
SHORT_S = 0.04
LIMIT_S = 2.0  # for everything until the error; a hang would be the library's own "for ever"
GONE = {"device.timeout", "device.not_found", "device.disconnected"}
MOST_POSITIONS = 400
INPUTS = 20
# Where every message is tried, and where every fourth or eighth, for the tests' time.
SILENT = {
    "onekey-classic1s": ("p2wpkh", 1),
    "trezor-one": ("p2tr", 4),
    "trezor-core": ("p2tr", 8),
    "onekey-pro": ("p2wpkh", 8),
}
# On a busy machine the time may be up before the cable is pulled; it must not be pulled later.
WHOLE = {"unplugged": False, "unplug_after": None}
GENUINE_SHORT_S = 0.6  # a OneKey's total is pressed after a moment of silence


class Cable:
    """A line that lets a number of answers through and then falls silent; what it held back comes first
    on the next connection.
    """

    def __init__(self) -> None:
        self.answers_left: int | None = None
        self.held: deque[bytes] = deque()

    def endpoint(self, raw: Any) -> Endpoint:
        return Endpoint(self, raw)


class Endpoint:
    """A connection over the cable, in place of trezorlib's transport."""

    def __init__(self, cable: Cable, raw: Any) -> None:
        self.cable, self.raw, self.CHUNK_SIZE = cable, raw, raw.CHUNK_SIZE
        self.open, self.close, self.write_chunk = raw.open, raw.close, raw.write_chunk

    def read_chunk(self, *, timeout: float | None = None) -> bytes:
        cable = self.cable
        if cable.answers_left is None and cable.held:
            return cable.held.popleft()
        chunk: bytes = self.raw.read_chunk(timeout=timeout)
        if cable.answers_left is not None and chunk.startswith(b"?##"):
            cable.answers_left -= 1
        if cable.answers_left is not None and cable.answers_left < 0:
            cable.held.append(chunk)
            raise Timeout
        return chunk


@pytest.fixture(autouse=True)
def quick_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at the clock every 5 ms instead of every 100 ms while nothing arrives."""
    monkeypatch.setattr("trezorlib.transport.udp.SOCKET_TIMEOUT", 0.005)
    monkeypatch.setattr("vault.device.connection.transports._PING_S", 0.02)
    monkeypatch.setattr("vault.device.connection.connect._RESEND_S", 0.02)


@pytest.fixture
def cable(monkeypatch: pytest.MonkeyPatch) -> Cable:
    line, find = Cable(), transports.find
    monkeypatch.setattr(transports, "find", lambda path, limit: line.endpoint(find(path, limit)))
    return line


@pytest.fixture
def persona(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=MNEMONIC, persona=request.param, mode="auto") as emulator:
        yield emulator


def fails(run: Any) -> bool:
    """Whether it ended in one of the errors of a broken line, and in time."""
    begun = time.monotonic()
    try:
        run()
    except DeviceError as error:
        assert error.code in GONE, (error.code, error.message)
        assert time.monotonic() - begun < LIMIT_S
        return True
    return False


def told(persona: DeviceEmulator | Hand, what: str, kind: str, reached: tuple[int, int]) -> None:
    last, positions = reached
    assert 4 * INPUTS <= last < MOST_POSITIONS
    sys.stdout.write(
        f"\n{persona.persona}, {INPUTS} {kind} inputs: {what} at {positions} positions up to {last}\n"
    )


@pytest.mark.parametrize(
    ("persona", "kind", "step"),
    [("trezor-core", "p2wpkh", 1), ("onekey-pro", "p2tr", 4)],
    indirect=["persona"],
)
def test_unplugged_at_every_message(
    *, persona: DeviceEmulator, kind: str, step: int, opened: Any, wallet: Any, verified: Any
) -> None:
    request = wallet.request(*[kind] * INPUTS)

    def sign(timeout_s: float = 10.0) -> Any:
        with opened(persona, timeout_s=timeout_s) as session:
            return session.sign_transaction(request, REGTEST)

    reference = sign()
    assert verified(wallet, request, reference)
    position, positions = 0, 0
    while position < MOST_POSITIONS:
        persona.unplug_after(position)
        if not fails(lambda: sign(SHORT_S)):
            break
        position, positions = position + step, positions + 1
        persona.set_faults(WHOLE)
        assert sign() == reference
    told(persona, "unplugged", kind, (position, positions))


def test_silent_at_every_message_and_late_with_the_answer(
    every_device: Hand, cable: Cable, opened: Any, wallet: Any, verified: Any
) -> None:
    kind, step = SILENT.get(every_device.persona, ("p2wpkh", 8))
    short_s = SHORT_S if every_device.emulator else GENUINE_SHORT_S
    request = wallet.request(*[kind] * INPUTS)

    def sign(timeout_s: float = 10.0) -> Any:
        with opened(every_device, timeout_s=timeout_s) as session:
            return session.sign_transaction(request, REGTEST)

    reference = sign()
    assert verified(wallet, request, reference)
    position, positions, stale = 0, 0, 0
    while position < MOST_POSITIONS:
        cable.answers_left = position
        if not fails(lambda: sign(short_s)):
            break
        position, positions = position + step, positions + 1
        stale += len(cable.held)
        cable.answers_left = None
        assert sign() == reference
        assert not cable.held
    assert stale >= positions
    told(every_device, f"silent (then {stale} stale packets)", kind, (position, positions))


def test_legacy_inputs_are_signed_within_their_budget_of_messages(
    every: DeviceEmulator, opened: Any, wallet: Any, verified: Any
) -> None:
    """Their hashes are streamed anew for each: messages grow with the square of the inputs."""
    request = wallet.request(*["p2pkh"] * INPUTS)
    with opened(every) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))


@pytest.fixture(params=["trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro"])
def every(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=MNEMONIC, persona=request.param, mode="auto") as emulator:
        yield emulator
