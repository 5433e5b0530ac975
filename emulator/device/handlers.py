"""Which message starts which workflow. What is not listed is answered "Unexpected message"."""

from __future__ import annotations

from collections.abc import Callable

from trezorlib import messages

from . import management
from .bitcoin.get_address import get_address
from .bitcoin.get_public_key import get_public_key
from .bitcoin.message import sign_message, verify_message
from .bitcoin.sign_tx import sign_tx
from .flow import Flow
from .proto import Message, MessageClass

Handler = Callable[[Flow, Message], Message]

_HANDLERS: tuple[tuple[MessageClass, Handler], ...] = (
    (messages.Initialize, management.initialize),
    (messages.GetFeatures, management.get_features),
    (messages.Ping, management.ping),
    (messages.Cancel, management.cancel),
    (messages.EndSession, management.end_session),
    (messages.LockDevice, management.lock_device),
    (messages.ApplyFlags, management.apply_flags),
    (messages.ApplySettings, management.apply_settings),
    (messages.LoadDevice, management.load_device),
    (messages.WipeDevice, management.wipe_device),
    (messages.GetPublicKey, get_public_key),
    (messages.GetAddress, get_address),
    (messages.SignTx, sign_tx),
    (messages.SignMessage, sign_message),
    (messages.VerifyMessage, verify_message),
)

BY_WIRE_TYPE: dict[int, tuple[MessageClass, Handler]] = {
    int(cls.MESSAGE_WIRE_TYPE): (cls, handler) for cls, handler in _HANDLERS
}
