"""Statements signed on the device with the reserved p2wpkh key, and checked before they are returned.

Refuses a signature that does not verify against the public key pinned for the attester: the key is never
taken from the device that signs, save for enrolment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.address import Network, network_of
from vault.attestation import SignedStatement, Statement, attestation_path, verify
from vault.errors import DeviceError

if TYPE_CHECKING:
    from vault.device.session import DeviceSession

# What one message of the C firmwares holds (messages-bitcoin.options); the others take any statement.
SMALL_MODELS_LIMIT: Final = 1024


def attestation_public_key(session: DeviceSession, network: Network) -> str:
    """The compressed public key (66 hex digits) to pin for an attester at enrolment."""
    return session.public_key(attestation_path(network.coin_type), network)


def sign_statement(
    session: DeviceSession, statement: Statement, attester: str, public_key: str, network: Network
) -> SignedStatement:
    """Have the person at the device judge and sign a statement.

    Raises `DeviceError` (refused, timeout, ``statement_too_long`` …), and `AttestationError`
    (``attestation.wrong_signer``) when the signature is not by `public_key`, pinned for `attester`.
    """
    if network_of(statement.network) != network:
        raise DeviceError(
            "wrong_network", f"expected a statement for {network.name}, found {statement.network}"
        )
    text = statement.text()
    if session.features.pin_entry == "matrix" and len(text) > SMALL_MODELS_LIMIT:
        raise DeviceError(
            "statement_too_long",
            f"expected at most {SMALL_MODELS_LIMIT} characters on {session.features.model}, "
            f"found {len(text)}",
            hint="Plan fewer transfers at once, or sign with a model that has a touch screen.",
        )
    signature = session.sign_message(attestation_path(network.coin_type), text, network)
    signed = SignedStatement(statement, attester, signature)
    verify(signed, public_key)
    return signed
