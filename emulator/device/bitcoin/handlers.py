"""The Bitcoin messages a device understands."""

from __future__ import annotations

from trezorlib import messages

from ..flow import HandlerEntry
from .keys.get_address import get_address
from .keys.get_ownership import get_ownership_id, get_ownership_proof
from .keys.get_public_key import get_public_key
from .keys.message import sign_message, verify_message
from .keys.nonce import get_nonce
from .keys.unlock_path import unlock_path
from .signing.core import preauthorized
from .signing.core.sign_tx import sign_tx

HANDLERS: tuple[HandlerEntry, ...] = (
    (messages.GetPublicKey, get_public_key),
    (messages.GetAddress, get_address),
    (messages.SignTx, sign_tx),
    (messages.SignMessage, sign_message),
    (messages.VerifyMessage, verify_message),
    (messages.GetOwnershipId, get_ownership_id),
    (messages.GetOwnershipProof, get_ownership_proof),
    (messages.GetNonce, get_nonce),
    (messages.UnlockPath, unlock_path),
    *preauthorized.HANDLERS,
)
