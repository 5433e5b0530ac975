"""Whether the secure element of a device holds a certificate of its maker.

Trezor's Safe models sign a challenge and send their certificates; the chain is verified by trezorlib, whose
root keys are pinned in its release. OneKey publishes no root key: its certificate is read and described,
and nothing is claimed about it.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Any, Final, Literal

from vault.device import failures
from vault.device.connection.features import DeviceInfo
from vault.device.connection.onekey import certificate, read_certificate
from vault.errors import DeviceError, DeviceRefusedError

Authenticity = Literal["authentic", "not_authentic", "not_verifiable"]

# Models with a secure element that AuthenticateDevice asks (core/src/apps/management/authenticate_device.py).
TREZOR_WITH_ELEMENT: Final = frozenset({"T2B1", "T3B1", "T3T1", "T3T2", "T3W1"})
MAX_CERTIFICATE: Final = 16_384


@dataclass(frozen=True, slots=True)
class AuthenticityReport:
    """The verdict, and what it rests on in words."""

    verdict: Authenticity
    detail: str


def authenticate(session: Any, info: DeviceInfo) -> AuthenticityReport:
    """Ask the device of an open trezorlib session.

    Raises `DeviceRefusedError` when the person says no, and `DeviceError` when the line fails.
    """
    if info.kind == "onekey":
        return _onekey(session)
    if info.internal_model not in TREZOR_WITH_ELEMENT:
        return AuthenticityReport("not_verifiable", f"{info.model} has no secure element")
    return _trezor(session)


def _trezor(session: Any) -> AuthenticityReport:
    from trezorlib import authentication, exceptions

    try:
        authentication.authenticate_device(session)
    except authentication.DeviceNotAuthentic:
        return AuthenticityReport(
            "not_authentic",
            "its certificates do not lead to a root key of the maker, or its signature is bad",
        )
    except exceptions.TrezorFailure as error:
        failure = failures.from_failure(error.code, error.message)
        if failure.code in {"device.refused_by_device", "device.unexpected_message"}:
            return AuthenticityReport("not_authentic", f"it cannot prove itself: {failure.message}")
        raise failure from None
    except (ValueError, AssertionError):  # chunks and certificates that are none
        return AuthenticityReport("not_authentic", "its proof cannot be read")
    return AuthenticityReport("authentic", "its certificates lead to the maker's root key")


def _onekey(session: Any) -> AuthenticityReport:
    from trezorlib import exceptions

    why = "not verifiable: the maker publishes no root key"
    try:
        answer = session.call(read_certificate()(), expect=certificate())
    except exceptions.TrezorFailure as error:
        failure = failures.from_failure(error.code, error.message)
        if isinstance(failure, DeviceRefusedError) or failure.code == "device.unexpected_message":
            return AuthenticityReport("not_verifiable", f"{why}, and this device gave no certificate")
        raise failure from None
    raw = bytes(answer.public_cert)
    if not 0 < len(raw) <= MAX_CERTIFICATE:
        raise DeviceError(
            "bad_answer", f"expected a certificate, found {len(raw)} bytes", hint=failures.RETRY
        )
    return AuthenticityReport(
        "not_verifiable", f"{why}; certificate {_described(raw)}, sha256 {hashlib.sha256(raw).hexdigest()}"
    )


def _described(raw: bytes) -> str:
    """Subject, issuer and serial number as they stand in a certificate, cleaned."""
    from cryptography import x509

    for read in (x509.load_der_x509_certificate, x509.load_pem_x509_certificate):
        with contextlib.suppress(ValueError):
            found = read(raw)
            return failures.said(
                f"of {found.subject.rfc4514_string()} by {found.issuer.rfc4514_string()}, "
                f"number {found.serial_number:x}"
            )
    return "of an unknown form"
