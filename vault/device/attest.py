"""Statements signed on the device with the reserved p2wpkh key, and checked before they are returned.

Refuses a signature that does not verify against the public key pinned for the attester: the key is never
taken from the device that signs, save for enrolment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.address import Network, network_of
from vault.attestation import SignedStatement, Statement, attestation_path, verify
from vault.errors import DeviceError

if TYPE_CHECKING:
    from vault.device.session import DeviceSession


def attestation_public_key(session: DeviceSession, network: Network) -> str:
    """The compressed public key (66 hex digits) to pin for an attester at enrolment."""
    return session.public_key(attestation_path(network.coin_type), network)


def sign_statement(
    session: DeviceSession, statement: Statement, attester: str, public_key: str, network: Network
) -> SignedStatement:
    """Have the person at the device judge and sign a statement.

    Raises `DeviceError` (refused, timeout …), and `AttestationError` (``attestation.wrong_signer``) when
    the signature is not by `public_key`, the key pinned for `attester`.
    """
    if network_of(statement.network) != network:
        raise DeviceError(
            "wrong_network", f"expected a statement for {network.name}, found {statement.network}"
        )
    signature = session.sign_message(attestation_path(network.coin_type), statement.text(), network)
    signed = SignedStatement(statement, attester, signature)
    verify(signed, public_key)
    return signed
