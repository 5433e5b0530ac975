"""GetNonce: a number a payment request has to carry, so that it cannot be used twice."""

from __future__ import annotations

from trezorlib import messages

from ...flow import Flow
from ...protocol.proto import Message

_NONCE_SIZE = 32


def get_nonce(flow: Flow, _msg: Message) -> Message:
    """A fresh number, kept in the session in place of the last one."""
    nonce = flow.random.bytes(_NONCE_SIZE)
    flow.sessions.active.nonce = nonce
    return messages.Nonce(nonce=nonce)
