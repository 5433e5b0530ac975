"""The Bitcoin messages a device understands."""

from __future__ import annotations

from trezorlib import messages

from ..flow import HandlerEntry
from . import preauthorized
from .get_address import get_address
from .get_ownership import get_ownership_id, get_ownership_proof
from .get_public_key import get_public_key
from .message import sign_message, verify_message
from .nonce import get_nonce
from .sign_tx import sign_tx
from .unlock_path import unlock_path

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
