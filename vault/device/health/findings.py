"""What is right and wrong with a device: firmware, safety checks, PIN, passphrase, backup, authenticity.

Changes nothing on the device. FAIL is what must be put right before it holds anything of value; SKIP is
what this program cannot know, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vault.config import PassphraseSource
from vault.device.connection.features import DeviceInfo
from vault.device.health.authenticity import AuthenticityReport
from vault.device.health.firmware import known_versions, read_version, version_text

Verdict = Literal["OK", "FAIL", "SKIP"]


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing that was looked at. `code` is ``device.…`` when it FAILs, else empty."""

    what: str
    verdict: Verdict
    detail: str
    code: str = ""
    hint: str = ""


def findings(
    info: DeviceInfo, passphrase: PassphraseSource, authenticity: AuthenticityReport | None
) -> tuple[HealthFinding, ...]:
    """All findings about an unlocked device; `authenticity` None when it was not asked."""
    return (
        _firmware(info),
        _vendor(info),
        _safety(info),
        _pin(info),
        _passphrase(info, passphrase),
        _backup(info),
        _authenticity(authenticity),
    )


def _firmware(info: DeviceInfo) -> HealthFinding:
    what, known, found = "firmware", known_versions(info), read_version(info.firmware_version)
    if known is None or known.advised is None:
        return HealthFinding(what, "SKIP", f"{info.firmware_version}; no minimum is known for {info.model}")
    if found is None:
        return HealthFinding(
            what, "FAIL", f"{info.firmware_version}: no version", "device.unknown_version", "Update it."
        )
    advised = version_text(known.advised)
    if found < known.advised:
        return HealthFinding(
            what,
            "FAIL",
            f"{info.firmware_version}, expected {advised} or later ({known.source})",
            "device.old_firmware",
            "Update the firmware with the maker's own application, with the seed backup at hand.",
        )
    return HealthFinding(what, "OK", f"{info.firmware_version}, {advised} or later is advised")


def _vendor(info: DeviceInfo) -> HealthFinding:
    what, name = "firmware signer", info.firmware_vendor
    if "UNSAFE" in name.upper():
        return HealthFinding(
            what, "FAIL", name, "device.unofficial_firmware", "Install the maker's own firmware."
        )
    return HealthFinding(what, "OK" if name else "SKIP", name or "the firmware does not name it")


def _safety(info: DeviceInfo) -> HealthFinding:
    what = "safety checks"
    if info.safety_checks == "unknown":
        return HealthFinding(what, "SKIP", f"{info.model} has no such setting")
    if info.safety_checks == "strict":
        return HealthFinding(what, "OK", "strict")
    return HealthFinding(
        what,
        "FAIL",
        info.safety_checks,
        "device.safety_checks_lowered",
        "Set them to strict on the device; until then nothing is signed. This program never lowers them.",
    )


def _pin(info: DeviceInfo) -> HealthFinding:
    if info.pin_protection:
        return HealthFinding("PIN", "OK", "set")
    return HealthFinding(
        "PIN", "FAIL", "none: whoever holds the device can sign", "device.no_pin", "Set a PIN on the device."
    )


def _passphrase(info: DeviceInfo, source: PassphraseSource) -> HealthFinding:
    what = "passphrase"
    state = "on" if info.passphrase_protection else "off"
    if info.attached_pin:
        return HealthFinding(
            what,
            "FAIL",
            "unlocked with a PIN attached to a hidden wallet",
            "device.attached_pin",
            "Lock the device and unlock it with its main PIN.",
        )
    used = {
        "none": "this wallet has none",
        "device": "this wallet's is typed on the device",
        "host": "this wallet's is typed at this computer, which then knows it",
    }
    return HealthFinding(what, "OK", f"protection {state}; {used[source]}")


def _backup(info: DeviceInfo) -> HealthFinding:
    what, hint = "backup", "Back the seed up on the device, and check the backup there."
    if info.backup == "done":
        return HealthFinding(what, "OK", "made, says the device; only a recovery test proves it")
    if info.backup == "unknown":
        return HealthFinding(what, "SKIP", "the firmware does not say")
    words = {"needed": "not made yet", "unfinished": "begun and not finished", "none": "made without one"}
    return HealthFinding(what, "FAIL", words[info.backup], "device.no_backup", hint)


def _authenticity(report: AuthenticityReport | None) -> HealthFinding:
    what = "authenticity"
    if report is None:
        return HealthFinding(what, "SKIP", "not asked")
    if report.verdict == "not_authentic":
        return HealthFinding(
            what,
            "FAIL",
            report.detail,
            "device.not_authentic",
            "Do not use this device, and do not move coins with it before its maker has explained this.",
        )
    return HealthFinding(what, "OK" if report.verdict == "authentic" else "SKIP", report.detail)
