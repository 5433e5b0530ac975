"""Statements signed on the device with the reserved p2wpkh key, and checked before they are returned.

Refuses a statement that the model cannot take, before a person is asked, and a signature that does not
verify against the public key pinned for the attester: the key is never taken from the device that signs,
save for enrolment.

Trezor One and the OneKey Classic line take 1024 characters: with names of ten letters (treasury, policy,
attester, sources) an approval of six transfers to p2wpkh addresses, or of five to p2wsh or p2tr addresses.
The other models take 4096.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.address import Network, network_of
from vault.attestation import MAX_TEXT, SignedStatement, Statement, attestation_path, signed_text, verify
from vault.errors import DeviceError

if TYPE_CHECKING:
    from vault.device.connection.features import DeviceInfo
    from vault.device.session import DeviceSession

# SignMessage.message in legacy/firmware/protob/messages-bitcoin.options, of Trezor and of OneKey. Core
# firmware has a wire buffer of 8192 bytes, OneKey's touch models refuse messages above 8192.
SMALL_MODELS_LIMIT: Final = 1024


def attestation_public_key(session: DeviceSession, network: Network) -> str:
    """The compressed public key (66 hex digits) to pin for an attester at enrolment."""
    return session.public_key(attestation_path(network.coin_type), network)


def require_room(info: DeviceInfo, statement: Statement, attester: str) -> None:
    """Raises `DeviceError` (``device.statement_too_long``) for a statement that the model cannot take."""
    size = len(signed_text(statement, attester))
    small = info.pin_entry == "matrix"
    limit = SMALL_MODELS_LIMIT if small else MAX_TEXT
    if size > limit:
        raise DeviceError(
            "statement_too_long",
            f"{info.model} takes statements of at most {limit} characters, found {size}",
            hint="Approve on a model that takes more (Trezor Safe or T, OneKey Pro or Touch), "
            "or plan fewer transfers at once."
            if small
            else "Plan fewer transfers at once.",
        )


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
    require_room(session.features, statement, attester)
    text = signed_text(statement, attester)
    signature = session.sign_message(attestation_path(network.coin_type), text, network)
    signed = SignedStatement(statement, attester, signature)
    verify(signed, public_key)
    return signed
