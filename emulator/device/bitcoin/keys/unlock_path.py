"""UnlockPath: opens the coinjoin account (SLIP-25) for the one message that follows.

The person is asked once; the MAC returned spares the question the next time. Refuses every other
path and a MAC that is not this wallet's.
"""

from __future__ import annotations

import hashlib
import hmac

from trezorlib import messages

from ...errors import DataError
from ...flow import Flow, Handler, Interrupted
from ...protocol.proto import Message, MessageClass, encode, wire_type_of
from ...protocol.wire import Frame
from .. import paths
from ..scripts.serialise import u32
from ..signing.core.sign_tx import sign_tx
from .get_address import get_address
from .get_ownership import get_ownership_id, get_ownership_proof
from .get_public_key import get_public_key
from .key_rules import key_rules_for
from .message import sign_message

_OPENED: dict[MessageClass, Handler] = {
    messages.GetAddress: get_address,
    messages.GetPublicKey: get_public_key,
    messages.SignTx: sign_tx,
}
# Messages whose paths are looked at, too, where an unlocked path is good for any message.
_OPENED_BY_C_FIRMWARE: dict[MessageClass, Handler] = {
    **_OPENED,
    messages.SignMessage: sign_message,
    messages.GetOwnershipId: get_ownership_id,
    messages.GetOwnershipProof: get_ownership_proof,
}


def _mac(flow: Flow) -> bytes:
    key = flow.slip21_key(b"TREZOR", b"Keychain MAC key")
    return hmac.new(key, u32(paths.SLIP25_PURPOSE), hashlib.sha256).digest()


def unlock_path(flow: Flow, msg: Message) -> Message:
    """Answer with the MAC, then carry out what the host asks of the unlocked path."""
    if list(msg.address_n) != [paths.SLIP25_PURPOSE]:
        raise DataError("Invalid path")
    rules, mac = key_rules_for(flow.persona), _mac(flow)
    if msg.mac is None or (rules.empty_is_absent and not msg.mac):
        rules.questions.coinjoin_access(flow)
    elif not hmac.compare_digest(mac, bytes(msg.mac)):
        raise DataError("Invalid MAC")
    reply = messages.UnlockedPathRequest(mac=mac)
    if rules.unlocks_any_message:
        return _any_next(flow, reply)
    return _carry_out(flow, flow.call(reply, *_OPENED), _OPENED)


def _carry_out(flow: Flow, request: Message, handlers: dict[MessageClass, Handler]) -> Message:
    flow.unlocked_path = (paths.SLIP25_PURPOSE,)
    return handlers[type(request)](flow, request)


def _any_next(flow: Flow, reply: Message) -> Message:
    """Whatever message comes next ends what was unlocked, also one that has no use for it."""
    from ...handlers import table_for  # the table lists this workflow, too

    known = (cls for cls, _ in table_for(flow.persona).values())
    request = flow.call(reply, *known)
    if type(request) not in _OPENED_BY_C_FIRMWARE:
        raise Interrupted(Frame(wire_type_of(request), encode(request)))
    return _carry_out(flow, request, _OPENED_BY_C_FIRMWARE)
