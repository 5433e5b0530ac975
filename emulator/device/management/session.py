"""Messages about the conversation itself: sessions, pings, cancelling, locking, being busy."""

from __future__ import annotations

from time import monotonic

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ..errors import ActionCancelled
from ..flow import Flow
from ..protocol.proto import Message
from ..ui.screens import Screen
from .features import features
from .rules import rules_for


def initialize(flow: Flow, msg: Message) -> Message:
    """Resume the session of that id or open one; what is unknown opens a new one."""
    sessions = flow.sessions
    session_id = sessions.start(msg.session_id)
    opened_by = rules_for(flow.persona).cardano_opens_session
    if opened_by and sessions.active.root is not None:
        wanted = msg.derive_cardano
        if wanted is not None and wanted != sessions.active.derive_cardano:
            sessions.end_active()
            session_id = sessions.start(None)
    if sessions.active.root is None:
        sessions.active.derive_cardano = bool(msg.derive_cardano)
    return features(flow.persona, flow.state, session_id)


def ping(flow: Flow, msg: Message) -> Message:
    if msg.button_protection:
        lines = ("ping",) if flow.persona.firmware == "core" else ("Do you really want to", "answer to ping?")
        flow.confirm(Screen("ping", "Confirm", lines, int(ButtonRequestType.ProtectCall)))
    return messages.Success(message=msg.message)


def cancel(_flow: Flow, _msg: Message) -> Message:
    raise ActionCancelled


def end_session(flow: Flow, _msg: Message) -> Message:
    flow.sessions.end_active()
    return messages.Success(message=rules_for(flow.persona).session_ended)


def lock_device(flow: Flow, _msg: Message) -> Message:
    """Lock; without a PIN core firmware does not, and the C firmwares unlock at the next need."""
    if flow.persona.firmware == "legacy" or flow.state.pin:
        flow.state.locked = True
    if flow.rules.lock_ends_sessions:
        flow.sessions.clear()
    return messages.Success(message=rules_for(flow.persona).locked)


def set_busy(flow: Flow, msg: Message) -> Message:
    rules = rules_for(flow.persona)
    if rules.busy_needs_seed:
        flow.require_initialized()
    flow.state.busy_until = monotonic() + msg.expiry_ms / 1000 if msg.expiry_ms else 0.0
    return messages.Success(message=rules.busy_set)
