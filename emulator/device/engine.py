"""The device's main loop: one thread that hears the host, runs workflows and asks the person.

Everything the device knows is touched by this thread only; other threads hand it work. A message
that does not belong to the running workflow ends it and is then handled as a new one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from . import proto
from .debuglink import DebugLink
from .display import Decision, Display, OnScreen
from .errors import ActionCancelled, DataError, DeviceFailure, UnexpectedMessage
from .faults import Faults
from .flow import Flow, Interrupted
from .handlers import table_for
from .link import Address, Link
from .personas import Persona
from .proto import DecodeError, Message, MessageClass
from .screens import Answer, Screen
from .sessions import SessionStore
from .state import DeviceState
from .wire import Frame, WireError

LOG = logging.getLogger(__name__)
FIRMWARE_ERROR = 99
COMMAND_TIMEOUT = 10.0  # a command from another thread waits at most for a signature or two

Result = TypeVar("Result")


class _Stopped(Exception):  # noqa: N818 - a signal, not an error
    """The emulator is being shut down."""


class _Rebooted(Exception):  # noqa: N818 - a signal, not an error
    """Power or debuglink ended the workflow; nothing is answered."""


class Engine:
    """A device between its link and its display."""

    def __init__(
        self,
        link: Link,
        persona: Persona,
        state: DeviceState,
        *,
        mode: str,
        on_screen: OnScreen | None,
        typed_passphrase: str = "",
    ) -> None:
        self.persona = persona
        self.state = state
        self.faults = Faults()
        self.display = Display()
        self.sessions = SessionStore(persona.session_slots)
        self._link = link
        self._mode = mode
        self._on_screen = on_screen
        self._typed_passphrase = typed_passphrase
        self._handlers = table_for(persona)
        self._busy = False
        self._stopping = False
        self._rebooting = False
        self._debug = DebugLink(link, self)
        link.on_error = self._refuse_packet
        self._thread = threading.Thread(target=self._run, name=f"device-{link.port}", daemon=True)

    # For other threads

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the loop and release the ports."""

        def end() -> None:
            self._stopping = True

        if self._thread.is_alive():
            self._link.submit(end)
            self._thread.join(COMMAND_TIMEOUT)
        self._link.close()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def run_command(self, command: Callable[[], Result]) -> Result:
        """Run `command` on the device's thread and return its result (or raise its error)."""
        if not self._thread.is_alive():
            return command()
        done = threading.Event()
        box: list[Result] = []
        errors: list[Exception] = []

        def work() -> None:
            try:
                box.append(command())
            except Exception as error:  # noqa: BLE001 - handed to the calling thread
                errors.append(error)
            done.set()

        self._link.submit(work)
        if not done.wait(COMMAND_TIMEOUT):
            raise TimeoutError("the device's thread does not answer")
        if errors:
            raise errors[0]
        return box[0]

    # Commands, on the device's own thread

    def set_unplugged(self, unplugged: bool) -> None:
        """Pull or push in the cable: what is in memory only is lost when it is pulled."""
        self.faults.unplugged = unplugged
        self._link.deaf = unplugged
        if unplugged:
            self._reboot()

    def apply_faults(self) -> None:
        """Act on switches that were just set."""
        if self.faults.unplugged != self._link.deaf:
            self.set_unplugged(self.faults.unplugged)
        elif self.faults.unplug_after == 0:
            self.faults.unplug_after = None
            self.set_unplugged(True)

    def _reboot(self) -> None:
        self.sessions.clear()
        self._link.forget()
        self._rebooting = True

    def restart_workflows(self) -> None:
        """What debuglink's Stop does: the running workflow is dropped without an answer."""
        self._rebooting = True

    @property
    def busy(self) -> bool:
        return self._busy

    # The loop

    def _run(self) -> None:
        frame: Frame | None = None
        while True:
            try:
                if frame is None:
                    self._rebooting = False
                    frame = self._next_frame()
                self._busy = True
                current, frame = frame, None
                self._handle(current)
            except Interrupted as interrupted:
                frame = interrupted.frame
            except _Rebooted:
                frame = None
            except _Stopped:
                return
            finally:
                self._busy = False
                self.display.close(Answer.DROPPED)
                self._debug.layout_changed()

    def _handle(self, frame: Frame) -> None:
        try:
            reply = self._dispatch(frame)
        except DeviceFailure as failure:
            reply = proto.failure(failure.code, failure.message)
        except (Interrupted, _Rebooted, _Stopped):
            raise
        except Exception:  # the firmware too answers a bug of its own with FirmwareError
            LOG.exception("workflow failed")
            reply = proto.failure(FIRMWARE_ERROR, "Firmware error")
        self._send(reply)

    def _dispatch(self, frame: Frame) -> Message:
        entry = self._handlers.get(frame.wire_type)
        if entry is None:
            raise UnexpectedMessage("Unexpected message")
        cls, handler = entry
        request = self._decode(cls, frame)
        flow = Flow(self, self.persona, self.state, self.sessions, self.faults)
        return handler(flow, request)

    @staticmethod
    def _decode(expected: MessageClass, frame: Frame) -> Message:
        try:
            return proto.decode(expected, frame.payload)
        except DecodeError as error:
            raise DataError(f"Failed to decode message: {error}") from None

    def _encode(self, message: Message) -> bytes:
        payload = proto.encode(message)
        if isinstance(message, messages.Features):
            payload += self.persona.extra_features
        return payload

    def _send(self, message: Message) -> None:
        self._link.send(Frame(proto.wire_type_of(message), self._encode(message)))
        if self.faults.unplug_after is not None:
            self.faults.unplug_after -= 1
            if self.faults.unplug_after <= 0:
                self.faults.unplug_after = None
                self.set_unplugged(True)
                raise _Rebooted

    def _refuse_packet(self, error: WireError, peer: Address) -> None:
        """Tell whoever sent a packet that is not of the protocol; nobody else hears of it."""
        reply = proto.failure(FIRMWARE_ERROR, str(error))
        self._link.send_to(Frame(proto.wire_type_of(reply), self._encode(reply)), peer)

    def _wait(self) -> None:
        """Wait for anything to happen; ends the workflow on power loss or shutdown."""
        self._link.wait()
        if self._stopping:
            raise _Stopped
        if self._rebooting:
            raise _Rebooted

    def _next_frame(self) -> Frame:
        while not self._link.frames:
            self._wait()
        return self._link.frames.popleft()

    # Talk: what a workflow uses

    def call(self, reply: Message, expected: MessageClass) -> Message:
        """Send and receive; anything but the expected message ends the workflow."""
        self._send(reply)
        frame = self._next_frame()
        if frame.wire_type != proto.wire_type_of(expected):
            raise Interrupted(frame)
        return self._decode(expected, frame)

    def confirm(self, screen: Screen, *, announce: bool) -> None:
        """Show a question and wait for its answer. Raises ActionCancelled on NO."""
        if not self._ask(screen, announce=announce).confirmed:
            raise ActionCancelled

    def ask_text(self, screen: Screen) -> str:
        """Show an input field and wait for text."""
        decision = self._ask(screen, announce=True)
        if not decision.confirmed:
            raise ActionCancelled
        return self._typed_passphrase if decision.text is None else decision.text

    def _ask(self, screen: Screen, *, announce: bool) -> Decision:
        self.display.show(screen)
        self._debug.layout_changed()
        if self._mode == "auto":
            self.display.decide(Decision(confirmed=True))
        elif self._on_screen is not None:
            self._ask_callback(screen, self._on_screen)
        answer = Answer.DROPPED
        try:
            if announce:
                self._announce(screen)
            while self.display.decision is None:
                if self._link.frames:
                    raise Interrupted(self._link.frames.popleft())
                self._wait()
            decision = self.display.decision
            answer = Answer.CONFIRMED if decision.confirmed else Answer.REJECTED
        finally:
            self.display.close(answer)
            self._debug.layout_changed()
        while self.faults.stall_after_button:
            self._wait()
        return decision

    def _announce(self, screen: Screen) -> None:
        """Send the ButtonRequest and take its ButtonAck."""
        request = messages.ButtonRequest(
            code=ButtonRequestType(screen.button_code), pages=len(screen.pages), name=screen.name
        )
        self.call(request, messages.ButtonAck)

    def _ask_callback(self, screen: Screen, callback: OnScreen) -> None:
        """Let an embedding program decide, on a thread of its own: the device stays reachable."""
        serial = self.display.serial

        def ask() -> None:
            try:
                confirmed = bool(callback(screen))
            except Exception:  # a broken callback must never confirm
                LOG.exception("on_screen failed; the screen counts as rejected")
                confirmed = False

            def decide() -> None:
                if self.display.serial == serial:
                    self.display.decide(Decision(confirmed))

            self._link.submit(decide)

        threading.Thread(target=ask, name="device-screen", daemon=True).start()
