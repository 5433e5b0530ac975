"""A stock trezorlib client that notes what the device sends and can be made to misbehave.

It sits at trezorlib's message layer, so the behaviour of the host library is part of what is played.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from trezorlib import client as trezor_client
from trezorlib import exceptions, mapping, models, protocol_v1
from trezorlib import messages as m
from trezorlib.messages import DebugButton
from trezorlib.transport import Timeout

from tests.conformance import build, naming
from tests.conformance.presser import Presser
from tests.conformance.scenario import Hook, Step

# trezorlib's table of models does not know a device that calls itself onekey.so.
ONEKEY_MODEL = models.TrezorModel(
    name="1",
    internal_name="ONEKEY",
    minimum_version=(0, 0, 0),
    vendors=("onekey.so", "trezor.io"),
    usb_ids=(),
    default_mapping=mapping.DEFAULT_MAPPING,
)
# OneKey keeps the last decision it saw before ButtonAck: a late YES must be eaten before the NO.
LEFTOVER = 0.03
SETTLE = 0.01
MATRIX_LOOKS = 40  # OneKey draws the PIN matrix a second after it has asked for the PIN


class StepState:
    """What happens within one step: the log, the questions so far, the answers still to give."""

    def __init__(self, step: Step | None = None, pins: tuple[str, ...] = ()) -> None:
        self.no_at = step.no_at if step else None
        self.hooks: tuple[Hook, ...] = step.hooks if step else ()
        self.pins = list(step.pins if step else pins)
        self.log: list[str] = []
        self.failure: Any = None
        self.last_request = ""
        self.questions = 0
        self.button_replaced = False
        self._matches: Counter[int] = Counter()

    def wanted(self) -> DebugButton:
        return DebugButton.NO if self.no_at == self.questions else DebugButton.YES

    def unannounced(self) -> DebugButton:
        """A question without ButtonRequest counts like any other."""
        self.questions += 1
        return self.wanted()

    def note(self, message: Any) -> None:
        self.log.append(naming.describe(message))
        if isinstance(message, m.Failure):
            self.failure = message
        elif isinstance(message, m.TxRequest):
            self.last_request = naming.request_key(message, whole=False)
        elif isinstance(message, m.ButtonRequest):
            self.questions += 1

    def spoil(self, message: Any) -> Any:
        """The message as the step's hooks want it sent."""
        name = type(message).__name__
        for number, hook in enumerate(self.hooks):
            if hook.on != name or hook.req not in (None, self.last_request):
                continue
            self._matches[number] += 1
            if hook.nth not in (0, self._matches[number]):
                continue
            if hook.replace is not None:
                self.button_replaced = name == "ButtonAck"
                return build.named(hook.replace)
            message = build.same_again(message)
            for dotted in hook.drop:
                build.assign(message, dotted, None)
            for dotted, value in (hook.set or {}).items():
                build.assign(message, dotted, value)
        return message


class Situation(Protocol):
    """What the client needs to know of its driver."""

    state: StepState
    presser: Presser
    debug: Any
    deadline: float


class RecordingClient(protocol_v1.TrezorClientV1):  # type: ignore[misc]  # trezorlib is untyped here
    """A client for one scenario; every read ends at the scenario's deadline."""

    def __init__(self, transport: Any, situation: Situation, *, onekey: bool) -> None:
        self._situation = situation
        manifest = trezor_client.AppManifest(
            app_name="conform", button_callback=self._on_button, pin_callback=self._on_pin
        )
        super().__init__(manifest, transport, model=ONEKEY_MODEL if onekey else None, mapping=None)

    def forget(self) -> None:
        """The device was wiped: features and sessions are no longer known."""
        self._invalidate()

    def activate(self, session: Any) -> None:
        """Make a session the device's current one before the step that uses it begins."""
        self._activate(session)

    def _left(self) -> float:
        rest = self._situation.deadline - time.monotonic()
        if rest <= 0:
            raise Timeout("the scenario's time is up")
        return rest

    def _read(self, session: Any, timeout: float | None = None) -> Any:
        rest, presser = self._left(), self._situation.presser
        presser.awaiting(True)
        try:
            message = super()._read(session, rest if timeout is None else min(timeout, rest))
        finally:
            presser.awaiting(False)
            presser.release()
        state = self._situation.state
        state.note(message)
        if isinstance(message, m.ButtonRequest) and presser.habits.overrules:
            _overrule(presser, state.wanted)
        return message

    def _write(self, session: Any, message: Any) -> None:
        self._left()
        super()._write(session, self._situation.state.spoil(message))

    def _on_button(self, request: Any) -> None:
        """After ButtonAck was sent."""
        state, presser = self._situation.state, self._situation.presser
        if state.button_replaced:
            state.button_replaced = False
        elif request.code != m.ButtonRequestType.PinEntry:
            presser.hold(state.wanted())
        elif state.pins:
            presser.type_in(state.pins.pop(0))
        else:
            presser.hold(DebugButton.NO)

    def _on_pin(self, _request: Any) -> str:
        state = self._situation.state
        if not state.pins:
            raise exceptions.Cancelled
        pin = state.pins.pop(0)
        for _ in range(MATRIX_LOOKS):
            matrix = self._situation.debug.state().matrix
            if matrix is None:
                return pin
            if "X" not in matrix:
                return "".join(str((matrix.index(digit) + 1) % 10) for digit in pin)
            time.sleep(0.1)
        return pin


def _overrule(presser: Presser, wanted: Callable[[], DebugButton]) -> None:
    if wanted() == DebugButton.NO:
        time.sleep(LEFTOVER)
        presser.tap(DebugButton.NO)
        time.sleep(SETTLE)
