"""The device's main loop: one thread that hears the host, runs workflows and asks the person.

Everything the device knows is touched by this thread only; other threads hand it work. How it waits
for the host is that of its firmware (`rules`): core firmware drops a workflow at the first message
that does not belong to it, the C firmwares answer the message and go on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TypeVar

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from .debuglink import DebugLink
from .errors import (
    ActionCancelled,
    CancelledByHost,
    DataError,
    DeviceFailure,
    DeviceRestarts,
    FirmwareError,
    Unanswered,
    UnexpectedMessage,
)
from .faults import Faults
from .flow import Flow, Interrupted
from .handlers import Handlers
from .keeping import Keeper
from .personas import Persona
from .protocol import answers, proto
from .protocol.link import Address, Link
from .protocol.proto import Message, MessageClass
from .protocol.reception import CANCEL, INITIALIZE, SMALL, Reception
from .protocol.wire import FIRMWARE_ERROR, Frame, WireError
from .randomness import DeviceRandom
from .rules import rules_for
from .sessions import SessionStore
from .state import DeviceState
from .ui.display import Decision, Display, OnScreen
from .ui.person import Person
from .ui.screens import Answer, Entry, Screen

LOG = logging.getLogger(__name__)
COMMAND_TIMEOUT = 10.0  # a command from another thread waits at most for a signature or two
_LOOK_AGAIN = 0.2  # how often a waiting command looks whether the device still lives
MAX_NESTING = 8  # workflows a host may open inside one another

_BUG = "Firmware error"

# C firmware: what ends a running workflow instead of being answered in the middle of it.
_ENDS_WORKFLOW = frozenset(
    proto.wire_type_of(cls)
    for cls in (
        messages.Initialize,
        messages.Cancel,
        messages.LockDevice,
        messages.WipeDevice,
        messages.ResetDevice,
        messages.RecoveryDevice,
        messages.SignTx,
        messages.EthereumSignTx,
        messages.EthereumSignTxEIP1559,
    )
)

Result = TypeVar("Result")


class DeviceEndedError(TimeoutError):
    """A command for a device whose thread is no longer there: it would wait for ever."""


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
        typed_pin: str = "",
        on_change: Callable[[DeviceState], None] = lambda _state: None,
    ) -> None:
        self.persona = persona
        self.rules = rules_for(persona)
        self.state = state
        self.random = DeviceRandom()
        self.faults = Faults()
        self.display = Display()
        self.sessions = SessionStore(persona.session_slots, self.random.bytes)
        self.matrix = "X" * len(persona.pin_places)
        self.own_entropy = b""
        self._link = link
        self._person = Person(
            self.display,
            link.submit,
            confirms_all=mode in {"auto", "thorough"},
            opens_all=mode == "thorough",
            on_screen=on_screen,
            typed={Entry.PASSPHRASE: typed_passphrase, Entry.PIN: typed_pin},
        )
        self._keeper = Keeper(state, on_change)
        self._handlers = Handlers(persona)
        self._reception = Reception(self.rules, state, self._handlers)
        self._busy = False
        self._nesting = 0
        self._stopping = False
        self._rebooting = False
        self._debug = DebugLink(link, self)
        link.on_error = self._refuse_packet
        link.mangler.faults = self.faults
        link.judge_headers(self._reception.judge_header)
        self.on_death: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._live, name=f"device-{link.port}", daemon=True)

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
        """Run `command` on the device's thread and return its result (or raise its error).

        Raises DeviceEndedError when that thread has ended.
        """
        if self._thread.ident is None:
            return command()  # not started: nobody else touches the device
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
        deadline = monotonic() + COMMAND_TIMEOUT
        while not done.wait(_LOOK_AGAIN):
            if not self._thread.is_alive() and not done.is_set():
                raise DeviceEndedError("the device has ended: start another")
            if monotonic() > deadline:
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
        self.state.power_off()
        self.sessions.clear()
        self._link.forget()
        self._rebooting = True

    def restart_workflows(self) -> None:
        """What debuglink's Stop does: the running workflow is dropped without an answer."""
        self._rebooting = True

    def save(self) -> None:
        """Have the state kept if it changed. Raises FirmwareError when it cannot be."""
        self._keeper.save()

    @property
    def busy(self) -> bool:
        return self._busy

    # The loop

    def _live(self) -> None:
        """The thread: whatever ends it unasked is told, and `on_death` called."""
        try:
            self._run()
        except Exception:
            LOG.exception("the device has ended")
            self.on_death()

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
                self._nesting = 0
                self.display.close(Answer.DROPPED)
                self._debug.layout_changed()
                with suppress(FirmwareError):  # told already, and there is nobody to be answered
                    self.save()

    def _handle(self, frame: Frame) -> None:
        """Run the workflow of a message and answer it; storage is kept before the answer is sent."""
        try:
            reply = self._reply_to(frame)
            self.save()
            self._send(reply)
        except Unanswered:
            return
        except DeviceFailure as failure:  # storage could not be kept
            self._send(self._failure(failure))
        except (Interrupted, _Rebooted, _Stopped):
            raise
        except Exception:  # an answer that has no bytes
            LOG.exception("answer failed")
            self._send(proto.failure(FIRMWARE_ERROR, _BUG))

    def _reply_to(self, frame: Frame) -> Message:
        """What a message is answered. Raises Unanswered, and what ends or restarts the device."""
        try:
            return self._dispatch(frame)
        except (Unanswered, Interrupted, _Rebooted, _Stopped):
            raise
        except DeviceFailure as failure:
            return self._failure(failure)
        except DeviceRestarts:
            self._reboot()
            raise _Rebooted from None
        except Exception:  # the firmware too answers a bug of its own with FirmwareError
            LOG.exception("workflow failed")
            return proto.failure(FIRMWARE_ERROR, _BUG)

    def _failure(self, failure: DeviceFailure) -> Message:
        text = failure.message
        if isinstance(failure, ActionCancelled) and text == ActionCancelled().message:
            text = self.rules.cancelled
        return proto.failure(failure.code, text)

    def _dispatch(self, frame: Frame) -> Message:
        entry = self._handlers.get(frame.wire_type)
        if entry is None:
            raise UnexpectedMessage(self.rules.unknown_message)
        cls, handler = entry
        request = self._reception.decode(cls, frame)
        flow = Flow(self, self.persona, self.state, self.sessions, self.faults, random=self.random)
        self._open(flow, cls.__name__)
        return handler(flow, request)

    def _open(self, flow: Flow, name: str) -> None:
        """What the firmware tests before a workflow begins: the PIN, and whether there is a seed."""
        allowed = self.rules.allowed_while_locked
        if allowed is not None and name not in allowed:
            flow.unlock()
        for check in self.rules.opening_checks.get(name, ()):
            if check == "pin":
                flow.unlock()
            else:
                flow.require_initialized()

    def _send(self, message: Message) -> None:
        payload = answers.encode(message, self.persona, self.faults)
        self._link.send(Frame(proto.wire_type_of(message), payload))
        if self.faults.unplug_after is not None:
            self.faults.unplug_after -= 1
            if self.faults.unplug_after <= 0:
                self.faults.unplug_after = None
                self.set_unplugged(True)
                raise _Rebooted

    def _refuse_packet(self, error: WireError, peer: Address) -> None:
        """Tell whoever sent a packet that is not of the protocol; nobody else hears of it."""
        reply = self._reception.answer_to(error)
        if reply is not None:
            payload = answers.encode(reply, self.persona, self.faults)
            self._link.send_to(Frame(proto.wire_type_of(reply), payload), peer)

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

    def call(self, reply: Message, *expected: MessageClass) -> Message:
        """Send, and receive one of the expected messages."""
        classes = {proto.wire_type_of(cls): cls for cls in expected}
        small = self.rules.small_message is not None and classes.keys() <= SMALL
        self._send(reply)
        self._reception.waits_for_person = small
        try:
            while True:
                answer = self._answer(self._next_frame(), classes, small=small)
                if answer is not None:
                    return answer
        finally:
            self._reception.waits_for_person = False

    def _answer(self, frame: Frame, classes: dict[int, MessageClass], *, small: bool) -> Message | None:
        """The message if it is expected; None if the wait goes on after it."""
        cls = classes.get(frame.wire_type)
        try:
            if small and not self._reception.is_small(frame):
                return None
            if cls is not None:
                return self._reception.decode(cls, frame)
        except DataError as error:
            if not self.rules.workflow_survives:
                raise
            self._send(self._failure(error))
            return None
        self._not_expected(frame, small=small)
        return None

    def _not_expected(self, frame: Frame, *, small: bool) -> None:
        if small:
            if frame.wire_type == CANCEL:
                raise CancelledByHost
            if frame.wire_type == INITIALIZE:
                raise Interrupted(Frame(INITIALIZE, b""))  # the session id in it is not looked at
            return
        deep = self._nesting >= MAX_NESTING
        if not self.rules.workflow_survives or frame.wire_type in _ENDS_WORKFLOW or deep:
            raise Interrupted(frame)
        self._nesting += 1
        self._handle(frame)
        self._nesting -= 1

    def send(self, message: Message) -> None:
        """Send and go on."""
        self._send(message)

    def sync_call(
        self, reply: Message, expected: MessageClass, siblings: Collection[MessageClass]
    ) -> Message:
        """Send, and receive the expected message; known others fail the workflow."""
        known = {proto.wire_type_of(cls) for cls in siblings}
        self._send(reply)
        while True:
            frame = self._next_frame()
            if frame.wire_type == proto.wire_type_of(expected):
                return self._reception.decode(expected, frame)
            if frame.wire_type == CANCEL:
                raise DataError("Cancelled")
            if frame.wire_type == INITIALIZE:
                self._handle(frame)
                raise Unanswered
            if frame.wire_type in known or frame.wire_type in self._handlers:
                raise DataError(f"Unexpected message received in sync call:{frame.wire_type}")
            self._send(proto.failure(UnexpectedMessage.code, self.rules.unknown_message))

    def offers_more(self, screen: Screen) -> bool:
        """Show a question with a third button; whether that one was pressed."""
        decision = self._ask(screen, announce=True)
        if not decision.confirmed:
            raise ActionCancelled
        return decision.info

    def confirm(self, screen: Screen, *, announce: bool) -> None:
        """Show a question and wait for its answer. Raises ActionCancelled on NO."""
        if not self._ask(screen, announce=announce).confirmed:
            raise ActionCancelled

    def ask_text(self, screen: Screen) -> str:
        """Show an input field and wait for text."""
        text = self.ask_entry(screen, announce=True)
        return self._person.typed(screen.entry) if text is None else text

    def ask_entry(self, screen: Screen, *, announce: bool) -> str | None:
        """Show an input field; the text, None for a mere press. Raises ActionCancelled on NO."""
        decision = self._ask(screen, announce=announce)
        if not decision.confirmed:
            raise ActionCancelled
        return decision.text

    def reset_entropy(self, entropy: bytes) -> None:
        """The device's share of a new seed, for debuglink."""
        self.own_entropy = entropy

    @contextmanager
    def shown_matrix(self, prompt: str, matrix: str) -> Iterator[None]:
        """A PIN matrix on the display, as a keypad shows it, while the host is asked."""
        self.matrix = matrix
        rows = tuple(" ".join(matrix[i : i + 3]) for i in (6, 3, 0)) + tuple(matrix[9:])
        screen = Screen("pin_matrix", prompt, rows, int(ButtonRequestType.Other))
        self.display.show(screen, asks=False)
        self._person.read(screen)
        self._debug.layout_changed()
        try:
            yield
        finally:
            self.matrix = "X" * len(matrix)
            self.display.close(Answer.CONFIRMED)
            self._debug.layout_changed()

    def _ask(self, screen: Screen, *, announce: bool) -> Decision:
        self.display.show(screen)
        self._debug.layout_changed()
        self._person.see(screen)
        answer = Answer.DROPPED
        self._reception.waits_for_person = self.rules.small_message is not None
        try:
            if announce:
                self._announce(screen)
            self._reception.waits_for_person = self.rules.small_message is not None
            while self.display.decision is None:
                if self._link.frames:
                    self._frame_while_asking(self._link.frames.popleft())
                    continue
                self._wait()
            decision = self.display.decision
            answer = Answer.CONFIRMED if decision.confirmed else Answer.REJECTED
        finally:
            self._reception.waits_for_person = False
            self.display.close(answer)
            self._debug.layout_changed()
        while self.faults.stall_after_button:
            self._wait()
        return decision

    def _frame_while_asking(self, frame: Frame) -> None:
        if self.rules.small_message is None:
            raise Interrupted(frame)
        self._answer(frame, {}, small=True)

    def _announce(self, screen: Screen) -> None:
        """Send the ButtonRequest and take its ButtonAck."""
        request = messages.ButtonRequest(code=ButtonRequestType(screen.button_code))
        if self.rules.names_buttons:
            request.pages, request.name = len(screen.pages), screen.name
        self.call(request, messages.ButtonAck)
