"""Firmware versions: below which a device is refused, and below which it is known to be worse.

Nothing is looked up on the network: the table is of its date, and says where each number is from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vault.device.connection.features import DeviceInfo, DeviceKind
from vault.errors import DeviceError

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class KnownVersions:
    """`least`: refused below it. `advised`: `device check` fails below it. None: nothing is known."""

    least: Version | None
    advised: Version | None
    source: str


_CORE_LEAST: Final = (2, 3, 0)
_CORE: Final = KnownVersions(
    _CORE_LEAST,
    (2, 12, 2),
    "least: trezorlib models.py; advised: core/CHANGELOG.md, 2.12.2 (external inputs in bitcoin signing, "
    "external outputs in replacements), 2.11.0 (multisig verification)",
)
_MEASURED: Final = "the version this program was measured against"

TABLE: Final[dict[tuple[DeviceKind, str], KnownVersions]] = {
    ("trezor", "Trezor T1B1"): KnownVersions(
        (1, 8, 0),
        (1, 12, 1),
        "least: trezorlib models.py; advised: legacy/firmware/CHANGELOG.md, 1.12.1 (script type of change), "
        "1.11.2 (recovery), 1.11.1 (soft-lock bypass, strict bitcoin paths)",
    ),
    ("trezor", "Trezor T2T1"): _CORE,
    ("trezor", "Trezor T2B1"): _CORE,
    ("trezor", "Trezor T3B1"): _CORE,
    ("trezor", "Trezor T3T1"): _CORE,
    ("trezor", "Trezor T3T2"): _CORE,
    ("trezor", "Trezor T3W1"): _CORE,
    # OneKey publishes no list of fixed weaknesses by version.
    ("onekey", "OneKey Classic"): KnownVersions(None, (3, 7, 1), _MEASURED),
    ("onekey", "OneKey Classic 1S"): KnownVersions(None, (3, 12, 0), _MEASURED),
    ("onekey", "OneKey Pure"): KnownVersions(None, (3, 12, 0), f"{_MEASURED} (Classic 1S, the same sources)"),
}
# Old firmware has no internal model: "T" and "1" are all it says.
_ALIASES: Final = {"Trezor 1": "Trezor T1B1", "Trezor T": "Trezor T2T1"}
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:[^0-9].*)?", re.ASCII | re.DOTALL)


def read_version(text: str) -> Version | None:
    """The three numbers a version begins with, None when it is none."""
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def version_text(version: Version) -> str:
    return ".".join(str(part) for part in version)


def known_versions(info: DeviceInfo) -> KnownVersions | None:
    """The row of a device's model, None for a model that is not in the table."""
    return TABLE.get((info.kind, _ALIASES.get(info.model, info.model)))


def require_supported(info: DeviceInfo) -> None:
    """Raises `DeviceError` (``device.outdated``) below the least version of the model.

    Bootloaders have versions of their own and are refused elsewhere.
    """
    known = known_versions(info)
    found = read_version(info.firmware_version)
    if info.bootloader or known is None or known.least is None or found is None:
        return
    if found < known.least:
        raise DeviceError(
            "outdated",
            f"expected firmware {version_text(known.least)} or later on {info.model}, "
            f"found {info.firmware_version}",
            hint="Update the firmware with the maker's own application, with the seed backup at hand.",
        )
