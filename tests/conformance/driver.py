"""Plays scenarios on a device and records its answers.

The device is wiped and loaded over the wire; one that no longer answers is started anew where that
is possible. Raises `DeviceUnreachableError` when nothing more can be asked of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trezorlib import client as trezor_client
from trezorlib import exceptions, protocol_v1
from trezorlib import messages as m
from trezorlib.debuglink import DebugLink
from trezorlib.transport import Timeout
from trezorlib.transport.udp import UdpTransport

from tests.conformance.calls import CALLS, Host
from tests.conformance.client import RecordingClient, StepState
from tests.conformance.devices import Device
from tests.conformance.naming import enum_name
from tests.conformance.presser import ONEKEY, TREZOR, Presser
from tests.conformance.recording import Accepted, HostError, Outcome, Played, Record, Refused
from tests.conformance.scenario import Scenario, Setup, Step

SCENARIO_SECONDS = 20.0
SYNC_SECONDS = 3.0
STARTUP_SECONDS = 15.0
# After a wrong PIN, OneKey shows a screen that stays until a button is pressed.
WRONG_PIN_SCREEN = 0.2
SAID_BY_THE_DEVICE = (
    exceptions.TrezorFailure,
    exceptions.Cancelled,
    exceptions.PinException,
    exceptions.InvalidSessionError,
)
UNREACHABLE = (exceptions.TrezorException, OSError, ValueError, Timeout)
# Debug builds put the place in the source in front of the text.
SOURCE_PLACE = re.compile(r"^[\w./-]+\.[ch]:\d+:")


class DeviceUnreachableError(Exception):
    """The device does not answer any more, and could not be started anew."""


class Driver:
    """One device with its wire, its debuglink and the finger on its button."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.state = StepState()
        self.deadline = 0.0
        self.restarts = 0
        self._setup: Setup | None = None  # None: not known
        self._known_pins: tuple[str, ...] = ()
        self._transport: Any = None
        self._connect(STARTUP_SECONDS)
        self.debug: Any = self._debuglink()
        self.presser = Presser(self.debug, TREZOR, self._unannounced)
        try:
            self.vendor, self.model = self._identify()
        except BaseException:
            self.close()
            raise
        if self.onekey:
            self.presser.habits = ONEKEY

    @property
    def onekey(self) -> bool:
        return self.vendor == "onekey.so"

    def play(self, scenario: Scenario) -> Record:
        """All steps of a scenario on a device in the state it wants."""
        try:
            host = self.host(scenario.setup)
        except DeviceUnreachableError:
            raise
        except Exception as error:  # noqa: BLE001 - a device that cannot be prepared answers nothing right
            failed = Played(HostError(f"setup: {type(error).__name__}"), ())
            return Record(scenario.id, scenario.digest, (failed,) * len(scenario.steps))
        steps = tuple(self._step(host, step) for step in scenario.steps)
        self.recover()
        if scenario.dirty:
            self.forget_setup()
        return Record(scenario.id, scenario.digest, steps)

    def host(self, setup: Setup) -> Host:
        """A new client on a device in the wanted state; one that cannot get there is started anew."""
        try:
            self._prepare(setup)
        except Exception:  # noqa: BLE001 - whatever went wrong, a fresh start is the answer
            self._start_anew()
            self._prepare(setup)
        self.deadline = time.monotonic() + SCENARIO_SECONDS
        return Host(self._client())

    def forget_setup(self) -> None:
        """The device was changed: wipe and load it before the next use."""
        self._setup = None

    def recover(self) -> None:
        """Bring the device back to where it answers, by a restart if need be."""
        for _ in range(2):
            try:
                self._sync()
            except UNREACHABLE:
                if self.device.crashed():
                    break
            else:
                return
        self._start_anew()

    def close(self) -> None:
        self.presser.close()
        for transport in (self._transport, self.debug.transport):
            if transport is not None:
                transport.close()

    # Steps

    def _step(self, host: Host, step: Step) -> Played:
        self.state = StepState()  # opening the session is no part of the step
        try:
            session = None
            if step.call != "open_session":
                session = host.session(step.session)
                host.client.activate(session)
            self.state = StepState(step)
            outcome: Outcome = Accepted(CALLS[step.call](host, session, step.params))
        except Exception as error:  # noqa: BLE001 - every failure of the host is an outcome
            outcome = self._failed(error)
        return Played(outcome, tuple(self.state.log))

    def _failed(self, error: Exception) -> Outcome:
        failure = self.state.failure
        if failure is None or not isinstance(error, SAID_BY_THE_DEVICE):
            return HostError(type(error).__name__)
        if self.onekey and failure.code == m.FailureType.PinInvalid:
            self.presser.hold(m.DebugButton.YES)
            time.sleep(WRONG_PIN_SCREEN)
            self.presser.release()
        return Refused(enum_name(failure.code), SOURCE_PLACE.sub("", failure.message or ""))

    def _unannounced(self) -> Any:
        return self.state.unannounced()

    # The state a scenario wants

    def _prepare(self, setup: Setup) -> None:
        """Wipe and load; one with a PIN every time, because it may have been left locked."""
        if self._setup == setup and not setup.pin:
            return
        self.state = StepState(pins=self._known_pins)
        self._setup, self._known_pins = None, ()
        self.deadline = time.monotonic() + SCENARIO_SECONDS
        self._client().get_session(None).call(m.WipeDevice(), expect=m.Success)
        client = self._client()
        session = client.get_session(None)
        if setup.mnemonic:
            session.call(_load_message(setup), expect=m.Success)
        if setup.safety:
            client.refresh_features()
            level = m.SafetyCheckLevel[setup.safety]
            session.call(m.ApplySettings(safety_checks=level), expect=m.Success)
        self._setup = setup
        self._known_pins = (setup.pin,) if setup.pin else ()

    # Connection

    def _client(self) -> RecordingClient:
        return RecordingClient(self._transport, self, onekey=self.onekey)

    def _connect(self, seconds: float) -> None:
        if self._transport is not None:
            self._transport.close()
        self._transport = UdpTransport(f"{self.device.host}:{self.device.port}")
        try:
            self._transport.wait_until_ready(seconds)
            self._transport.open()
        except UNREACHABLE as error:
            raise DeviceUnreachableError(f"no device at {self._transport.get_path()}") from error

    def _debuglink(self) -> Any:
        return DebugLink(UdpTransport(f"{self.device.host}:{self.device.port + 1}"))

    def _identify(self) -> tuple[str, str]:
        try:
            self._sync()
            self.vendor = "onekey.so"  # passes on every vendor; what it really is follows
            self.deadline = time.monotonic() + SCENARIO_SECONDS
            features = self._client().features
        except UNREACHABLE as error:
            raise DeviceUnreachableError(f"the device at port {self.device.port} does not answer") from error
        return str(features.vendor), str(features.model)

    def _sync(self) -> None:
        """Cancel whatever goes on and wait for the answer to a unique Ping."""
        self.presser.release()
        with _reads_end_after(SYNC_SECONDS):
            protocol_v1.sync_responses(self._transport)

    def _start_anew(self) -> None:
        self.restarts += 1
        self._setup = None
        self.device.restart()
        self._connect(STARTUP_SECONDS)
        try:
            self._sync()
        except UNREACHABLE as error:
            raise DeviceUnreachableError("the device does not answer after a restart") from error


def _load_message(setup: Setup) -> Any:
    return m.LoadDevice(
        mnemonics=[setup.mnemonic],
        pin=setup.pin or "",
        passphrase_protection=setup.passphrase,
        label=setup.label,
        skip_checksum=True,
    )


@contextmanager
def _reads_end_after(seconds: float) -> Iterator[None]:
    before = trezor_client._DEFAULT_READ_TIMEOUT
    trezor_client._DEFAULT_READ_TIMEOUT = seconds
    try:
        yield
    finally:
        trezor_client._DEFAULT_READ_TIMEOUT = before
