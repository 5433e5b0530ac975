"""The Bitcoin messages a device understands."""

from __future__ import annotations

from trezorlib import messages

from ..flow import HandlerEntry
from .get_address import get_address
from .get_public_key import get_public_key
from .message import sign_message, verify_message
from .sign_tx import sign_tx

HANDLERS: tuple[HandlerEntry, ...] = (
    (messages.GetPublicKey, get_public_key),
    (messages.GetAddress, get_address),
    (messages.SignTx, sign_tx),
    (messages.SignMessage, sign_message),
    (messages.VerifyMessage, verify_message),
)
