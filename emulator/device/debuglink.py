"""Debuglink: the second port, on which tests press buttons and read the display.

Speaks what trezorlib's debuglink client uses: Decision, GetState (at once, or when a screen
comes), Stop, ReseedRandom, RecordScreen, EraseSdCard, GetGcInfo; LoadDevice and WipeDevice need
no confirmation here. Decisions are not answered. Memory is neither read nor written: there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from trezorlib import messages
from trezorlib.messages import DebugButton, DebugSwipeDirection, DebugWaitType

from .errors import DeviceFailure
from .management import seed
from .personas import Persona
from .protocol import proto
from .protocol.link import Address, Link
from .protocol.proto import DecodeError, Message
from .protocol.wire import Frame
from .randomness import DeviceRandom
from .rules import WireRules
from .sessions import SessionStore
from .state import DeviceState
from .ui.display import Decision, Display
from .ui.screens import debug_tokens

LOG = logging.getLogger(__name__)

_NEXT_PAGE = (DebugSwipeDirection.UP, DebugSwipeDirection.LEFT)


class Debuggee(Protocol):
    """What debuglink may see and do of a device."""

    persona: Persona
    rules: WireRules
    state: DeviceState
    display: Display
    sessions: SessionStore
    random: DeviceRandom
    matrix: str
    own_entropy: bytes

    @property
    def busy(self) -> bool: ...

    def restart_workflows(self) -> None: ...

    def save(self) -> None: ...


class DebugLink:
    """Answers on the debug port; runs on the device's thread, whatever workflow is waiting."""

    def __init__(self, link: Link, device: Debuggee) -> None:
        self._link = link
        self._device = device
        self._waiting_for_change: list[Address] = []
        self._waiting_for_layout: list[Address] = []
        self._handlers: dict[int, Callable[[Message, Address], Message | None]] = {
            proto.wire_type_of(cls): handler
            for cls, handler in (
                (messages.DebugLinkDecision, self._decision),
                (messages.DebugLinkGetState, self._get_state),
                (messages.DebugLinkStop, self._stop),
                (messages.DebugLinkReseedRandom, self._reseed),
                (messages.DebugLinkRecordScreen, self._nothing),
                (messages.DebugLinkEraseSdCard, self._nothing),
                (messages.DebugLinkWatchLayout, self._nothing),
                (messages.DebugLinkResetDebugEvents, self._nothing),
                (messages.DebugLinkGetGcInfo, self._gc_info),
                (messages.WipeDevice, self._wipe),
                (messages.LoadDevice, self._load),
            )
        }
        link.on_debug = self.handle

    def handle(self, frame: Frame, peer: Address) -> None:
        """Answer one message from the debug port."""
        handler = self._handlers.get(frame.wire_type)
        cls = proto.class_for_wire_type(frame.wire_type)
        if handler is None or cls is None:
            self._reply(proto.failure(1, self._device.rules.unknown_message), peer)
            return
        try:
            reply = handler(proto.decode(cls, frame.payload), peer)
            self._device.save()
        except DecodeError as error:
            reply = proto.failure(3, f"Failed to decode message: {error}")
        except DeviceFailure as failure:
            reply = proto.failure(failure.code, failure.message)
        except Exception:  # debuglink must not take the device down
            LOG.exception("debuglink failed")
            reply = proto.failure(99, "Firmware error")
        if reply is not None:
            self._reply(reply, peer)

    def _reply(self, message: Message, peer: Address) -> None:
        self._link.send_debug(Frame(proto.wire_type_of(message), proto.encode(message)), peer)

    def layout_changed(self) -> None:
        """Tell those who wait for the next screen, or for any."""
        waiting, self._waiting_for_change = self._waiting_for_change, []
        if self._device.display.current is not None or not self._device.busy:
            waiting += self._waiting_for_layout
            self._waiting_for_layout = []
        for peer in waiting:
            self._reply(self._state(), peer)

    def _state(self) -> Message:
        device, state = self._device, self._device.state
        content = device.display.content(state.label, busy=device.busy)
        reply = messages.DebugLinkState(
            mnemonic_secret=None if state.mnemonic is None else state.mnemonic.encode(),
            mnemonic_type=state.backup_type,
            passphrase_protection=state.passphrase_protection,
            reset_entropy=device.own_entropy,
            tokens=debug_tokens(content, device.display.page),
        )
        if device.persona.firmware == "legacy":
            self._add_legacy(reply)
        return reply

    def _add_legacy(self, reply: Message) -> None:
        """What the C firmwares tell; in place of their picture of the display stand the tokens."""
        reply.pin = self._device.state.pin or None
        reply.matrix = self._device.matrix
        reply.reset_word = ""
        reply.recovery_fake_word = ""
        reply.recovery_word_pos = 0

    def _decision(self, msg: Message, _peer: Address) -> None:
        display = self._device.display
        if msg.swipe is not None:
            display.turn_page(1 if msg.swipe in _NEXT_PAGE else -1)
        elif msg.input is not None:
            display.decide(Decision(confirmed=True, text=str(msg.input)))
        elif msg.button == DebugButton.YES:
            display.decide(Decision(confirmed=True))
        elif msg.button == DebugButton.NO:
            display.decide(Decision(confirmed=False))
        elif msg.button == DebugButton.INFO and display.current is not None and display.current.info:
            display.decide(Decision(confirmed=True, info=True))

    def _get_state(self, msg: Message, peer: Address) -> Message | None:
        if self._device.persona.firmware == "legacy":
            return self._state()  # the C firmwares know no waiting
        if msg.wait_layout == DebugWaitType.NEXT_LAYOUT:
            self._waiting_for_change.append(peer)
            return None
        nothing_shown = self._device.busy and self._device.display.current is None
        if msg.wait_layout == DebugWaitType.CURRENT_LAYOUT and nothing_shown:
            self._waiting_for_layout.append(peer)
            return None
        return self._state()

    def _stop(self, _msg: Message, _peer: Address) -> None:
        self._device.restart_workflows()

    def _reseed(self, msg: Message, _peer: Address) -> Message:
        if msg.value is not None:
            self._device.random.reseed(msg.value)
        return messages.Success(message="")

    def _nothing(self, _msg: Message, _peer: Address) -> Message:
        return messages.Success(message="")

    def _gc_info(self, _msg: Message, _peer: Address) -> Message:
        return messages.DebugLinkGcInfo(items=[])

    def _wipe(self, _msg: Message, _peer: Address) -> Message:
        self._device.state.wipe()
        self._device.sessions.clear()
        self._device.restart_workflows()
        return messages.Success(message="Device wiped")

    def _load(self, msg: Message, _peer: Address) -> Message:
        device = self._device
        seed.check_load(device.persona, device.state, msg)
        seed.keep_seed(device.persona, device.state, msg)
        return messages.Success(message="Device loaded")
