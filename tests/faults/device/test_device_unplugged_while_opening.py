"""Unplugged or hung at every message of opening a locked device: typed errors, and the next try goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from vault.device.connection.keyboard import Keyboard
from vault.errors import DeviceError
from vault.secrets import Secret

MNEMONIC = "all all all all all all all all all all all all"
SHORT_S = 0.15
# A device that comes back without its session names that, too.
GONE = {"device.timeout", "device.not_found", "device.disconnected", "device.locked"}


@pytest.fixture(autouse=True)
def quick_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at the clock every 10 ms instead of every 100 ms while nothing arrives."""
    monkeypatch.setattr("trezorlib.transport.udp.SOCKET_TIMEOUT", 0.01)
    monkeypatch.setattr("vault.device.connection.transports._PING_S", 0.02)


@pytest.fixture(params=["trezor-one", "trezor-core", "onekey-classic1s"])
def locked(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    with DeviceEmulator(
        mnemonic=MNEMONIC, persona=request.param, mode="auto", pin="1234", passphrase_protection=True
    ) as emulator:
        yield emulator


def open_it(device: DeviceEmulator, timeout_s: float) -> str:
    from vault.device.session import open_device

    def places() -> Secret:
        matrix, names = device._engine.matrix, device._engine.persona.pin_places
        # Nothing is on a display that has no current; whatever is typed then goes nowhere.
        return Secret("".join(names[max(matrix.find(digit), 0)] for digit in "1234"))

    keyboard = Keyboard(pin=places, passphrase=lambda: Secret("zirkon"))
    with open_device(
        device.path,
        kind=None,
        expected_fingerprint=None,
        timeout_s=timeout_s,
        passphrase="host",
        keyboard=keyboard,
    ) as session:
        return session.fingerprint + session.xpub("m/84h/1h/0h")


def test_unplug_at_every_message_of_opening(locked: Any, record_property: Any) -> None:
    reference = open_it(locked, 10.0)
    for position in range(60):
        locked.unplug()
        locked.plug_in()
        locked.unplug_after(position)
        try:
            found = open_it(locked, SHORT_S)
        except DeviceError as error:
            assert error.code in GONE, error
        else:
            assert found == reference
            break
        # On a busy machine the time may be up before the cable is pulled; it must not be pulled later.
        locked.set_faults({"unplugged": False, "unplug_after": None})
        assert open_it(locked, 10.0) == reference
    record_property("unplug_positions", position)
    assert 8 < position < 60
