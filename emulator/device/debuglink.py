"""Debuglink: the second port, on which tests press buttons and read the display.

Speaks what trezorlib's debuglink client uses: Decision, GetState (at once, or when a screen
comes), Stop, ReseedRandom, RecordScreen, EraseSdCard, GetGcInfo; LoadDevice and WipeDevice need
no confirmation here. Decisions are not answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from trezorlib import messages
from trezorlib.messages import BackupType, DebugButton, DebugSwipeDirection, DebugWaitType

from . import management, proto
from .display import Decision, Display
from .errors import DeviceFailure
from .link import Address, Link
from .proto import DecodeError, Message
from .screens import debug_tokens
from .sessions import SessionStore
from .state import DeviceState
from .wire import Frame

LOG = logging.getLogger(__name__)

_NEXT_PAGE = (DebugSwipeDirection.UP, DebugSwipeDirection.LEFT)


class Debuggee(Protocol):
    """What debuglink may see and do of a device."""

    state: DeviceState
    display: Display
    sessions: SessionStore

    @property
    def busy(self) -> bool: ...

    def restart_workflows(self) -> None: ...


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
                (messages.DebugLinkReseedRandom, self._nothing),
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
            self._reply(proto.failure(1, "Unexpected message"), peer)
            return
        try:
            reply = handler(proto.decode(cls, frame.payload), peer)
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
        device = self._device
        content = device.display.content(device.state.label, busy=device.busy)
        mnemonic = device.state.mnemonic
        return messages.DebugLinkState(
            mnemonic_secret=None if mnemonic is None else mnemonic.encode(),
            mnemonic_type=BackupType.Bip39,
            passphrase_protection=device.state.passphrase_protection,
            tokens=debug_tokens(content, device.display.page),
        )

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

    def _get_state(self, msg: Message, peer: Address) -> Message | None:
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

    def _nothing(self, _msg: Message, _peer: Address) -> Message:
        return messages.Success(message="")

    def _gc_info(self, _msg: Message, _peer: Address) -> Message:
        return messages.DebugLinkGcInfo(items=[])

    def _wipe(self, _msg: Message, _peer: Address) -> Message:
        management.wipe_state(self._device.state)
        self._device.sessions.clear()
        self._device.restart_workflows()
        return messages.Success(message="Device wiped")

    def _load(self, msg: Message, _peer: Address) -> Message:
        management.check_load(self._device.state, msg)
        management.keep_seed(self._device.state, msg)
        return messages.Success(message="Device loaded")
