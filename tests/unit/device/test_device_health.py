"""`check`: each finding at its border, the table of versions, and the secure element's certificates."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from trezorlib import messages

from tests.support.scripted_device import failure
from vault.device.connection.features import DeviceInfo
from vault.device.connection.onekey import certificate, read_certificate
from vault.device.health.authenticity import AuthenticityReport
from vault.device.health.findings import HealthFinding, findings
from vault.device.health.firmware import TABLE, known_versions, read_version, require_supported
from vault.errors import DeviceError, DeviceRefusedError

GOOD = DeviceInfo(
    kind="trezor",
    vendor="trezor.io",
    model="Trezor T3T1",
    internal_model="T3T1",
    firmware_version="2.12.2",
    firmware_vendor="SatoshiLabs",
    label="",
    serial="",
    protocol="v1",
    initialized=True,
    locked=False,
    bootloader=False,
    busy=False,
    pin_protection=True,
    pin_entry="device",
    passphrase_protection=False,
    passphrase_always_on_device=False,
    attached_pin=False,
    backup="done",
    recovering=False,
    safety_checks="strict",
    emulated=False,
)
AUTHENTIC = AuthenticityReport("authentic", "fine")


def found(report: AuthenticityReport | None = AUTHENTIC, **changes: Any) -> dict[str, HealthFinding]:
    return {each.what: each for each in findings(replace(GOOD, **changes), "none", report)}


def test_a_good_device_has_nothing_but_ok() -> None:
    assert {each.verdict for each in found().values()} == {"OK"}


@pytest.mark.parametrize(
    ("changes", "what", "code"),
    [
        ({"firmware_version": "2.12.1"}, "firmware", "device.old_firmware"),
        ({"firmware_version": "unknown (2.99.99)"}, "firmware", "device.unknown_version"),
        ({"firmware_vendor": "UNSAFE, DO NOT USE!"}, "firmware signer", "device.unofficial_firmware"),
        ({"safety_checks": "prompt_always"}, "safety checks", "device.safety_checks_lowered"),
        ({"safety_checks": "prompt_temporarily"}, "safety checks", "device.safety_checks_lowered"),
        ({"pin_protection": False}, "PIN", "device.no_pin"),
        ({"attached_pin": True}, "passphrase", "device.attached_pin"),
        ({"backup": "needed"}, "backup", "device.no_backup"),
        ({"backup": "unfinished"}, "backup", "device.no_backup"),
        ({"backup": "none"}, "backup", "device.no_backup"),
    ],
)
def test_what_must_be_put_right_fails_alone_and_says_how(
    changes: dict[str, Any], what: str, code: str
) -> None:
    report = found(**changes)
    assert [name for name, each in report.items() if each.verdict == "FAIL"] == [what]
    assert report[what].code == code
    assert report[what].hint


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"kind": "onekey", "model": "OneKey Pro", "firmware_version": "4.11.0"}, "firmware"),
        ({"safety_checks": "unknown"}, "safety checks"),
        ({"backup": "unknown"}, "backup"),
        ({"firmware_vendor": ""}, "firmware signer"),
    ],
)
def test_what_cannot_be_known_is_skipped_not_fine(changes: dict[str, Any], what: str) -> None:
    assert found(**changes)[what].verdict == "SKIP"


def test_authenticity_that_was_not_asked_is_no_finding() -> None:
    assert found(None)["authenticity"].verdict == "SKIP"
    assert found(AuthenticityReport("not_verifiable", "no"))["authenticity"].verdict == "SKIP"
    assert found(AuthenticityReport("not_authentic", "no"))["authenticity"].code == "device.not_authentic"


# Versions


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.12.5", (2, 12, 5)),
        ("3.12.0(Bitcoin-only)", (3, 12, 0)),
        ("2.12", None),
        ("2.12.x", None),
        ("", None),
        ("2.12.5\n", (2, 12, 5)),
        ("99999.1.1", None),
    ],
)
def test_versions_are_three_numbers(text: str, version: Any) -> None:
    assert read_version(text) == version


def test_every_row_has_its_source_and_advises_no_less_than_it_asks() -> None:
    for row in TABLE.values():
        assert row.source
        assert row.advised is not None
        assert row.least is None or row.least <= row.advised


@pytest.mark.parametrize(
    ("model", "version", "good"),
    [
        ("Trezor T1B1", "1.8.0", True),
        ("Trezor T1B1", "1.7.9", False),
        ("Trezor 1", "1.7.9", False),
        ("Trezor T", "2.2.9", False),
        ("Trezor T3W1", "2.3.0", True),
        ("Trezor X9Z9", "0.0.1", True),
    ],
)
def test_below_the_least_version_a_device_is_refused(model: str, version: str, good: bool) -> None:
    info = replace(GOOD, model=model, firmware_version=version)
    if good:
        require_supported(info)
        return
    with pytest.raises(DeviceError) as error:
        require_supported(info)
    assert error.value.code == "device.outdated"
    assert version in error.value.message


def test_a_onekeys_real_version_is_judged_never_its_2_99_99() -> None:
    info = replace(GOOD, kind="onekey", model="OneKey Classic 1S", firmware_version="3.11.9")
    known = known_versions(info)
    assert known is not None
    assert known.advised == (3, 12, 0)


# The secure element of a Trezor


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def signed(subject: str, own: Any, issuer: str, issuer_key: Any, *, ca: bool) -> bytes:
    def name(text: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, text),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, "S1"),
            ]
        )

    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(own.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture
def element(line: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A Safe 5 whose maker's root key is ours; `key` signs challenges."""
    from trezorlib import authentication
    from trezorlib.authentication import EcdsaPublicKey, RootCertificate

    root, authority, own = key(), key(), key()
    facts: dict[str, Any] = {"key": own, "devel": False}
    chain = [
        signed("T3T1 device", own, "CA", authority, ca=False),
        signed("CA", authority, "root", root, ca=True),
    ]

    def prove(message: Any) -> list[Any]:
        challenge = authentication.get_challenge_message(message.challenge)
        return [
            messages.AuthenticityProof(
                optiga_certificates=chain,
                optiga_signature=facts["key"].sign(challenge, ec.ECDSA(hashes.SHA256())),
            )
        ]

    roots = [RootCertificate("maker", "Safe 5", False, EcdsaPublicKey(root.public_key()))]
    monkeypatch.setattr(authentication, "ROOT_PUBLIC_KEYS", roots)
    line.features |= {"internal_model": "T3T1"}
    line.rules[messages.AuthenticateDevice] = prove
    return facts


def test_a_chain_to_the_makers_root_is_authentic(element: Any, opened: Any) -> None:
    prompts: list[Any] = []
    with opened(on_prompt=prompts.append) as session:
        assert session.authenticate().verdict == "authentic"
    assert [prompt.action for prompt in prompts] == ["authenticate"]


def test_a_signature_by_another_key_is_not(element: Any, opened: Any) -> None:
    element["key"] = key()
    with opened() as session:
        assert session.authenticate().verdict == "not_authentic"


def test_a_root_that_is_not_the_makers_is_not(
    element: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trezorlib import authentication

    monkeypatch.setattr(authentication, "ROOT_PUBLIC_KEYS", [])
    with opened() as session:
        assert session.authenticate().verdict == "not_authentic"


def test_a_certificate_of_another_model_is_not(element: Any, line: Any, opened: Any) -> None:
    line.features["internal_model"] = "T3B1"
    with opened() as session:
        assert session.authenticate().verdict == "not_authentic"


def test_a_device_that_has_an_element_and_cannot_use_it_is_not(element: Any, line: Any, opened: Any) -> None:
    line.rules[messages.AuthenticateDevice] = lambda _: [failure(9, "Optiga signing inaccessible.")]
    with opened() as session:
        assert session.authenticate().verdict == "not_authentic"


def test_a_person_who_does_not_allow_the_check_is_a_refusal(element: Any, line: Any, opened: Any) -> None:
    line.rules[messages.AuthenticateDevice] = lambda _: [failure(4, "Cancelled")]
    with opened() as session, pytest.raises(DeviceRefusedError):
        session.authenticate()


def test_a_model_without_an_element_is_not_verifiable_and_not_asked(line: Any, opened: Any) -> None:
    with opened() as session:
        assert session.authenticate().verdict == "not_verifiable"
    assert messages.AuthenticateDevice not in line.sent_types()


# OneKey's


@pytest.fixture
def onekey(line: Any) -> Any:
    line.features |= {"vendor": "onekey.so", "onekey_device_type": 5, "onekey_firmware_version": "4.16.0"}
    return line


def test_a_onekeys_certificate_is_described_and_nothing_is_claimed(onekey: Any, opened: Any) -> None:
    own = key()
    raw = signed("OneKey SE", own, "OneKey CA", key(), ca=False)
    onekey.rules[read_certificate()] = lambda _: [certificate()(public_cert=raw)]
    with opened(kind="onekey") as session:
        report = session.authenticate()
    assert report.verdict == "not_verifiable"
    assert "OneKey CA" in report.detail
    assert hashlib.sha256(raw).hexdigest() in report.detail


@pytest.mark.parametrize("answer", [failure(1, "Unexpected message"), failure(9, "Not support by emulator.")])
def test_a_onekey_without_a_certificate_is_not_verifiable(onekey: Any, opened: Any, answer: Any) -> None:
    onekey.rules[read_certificate()] = lambda _: [answer]
    with opened(kind="onekey") as session:
        assert session.authenticate().verdict == "not_verifiable"


@pytest.mark.parametrize("raw", [b"", b"x" * 16_385])
def test_a_certificate_that_is_none_is_a_bad_answer(onekey: Any, opened: Any, raw: bytes) -> None:
    onekey.rules[read_certificate()] = lambda _: [certificate()(public_cert=raw)]
    with opened(kind="onekey") as session, pytest.raises(DeviceError) as error:
        session.authenticate()
    assert error.value.code == "device.bad_answer"


def test_garbage_in_a_certificate_is_said_to_be_unknown(onekey: Any, opened: Any) -> None:
    onekey.rules[read_certificate()] = lambda _: [certificate()(public_cert=b"garbage")]
    with opened(kind="onekey") as session:
        assert "unknown form" in session.authenticate().detail
