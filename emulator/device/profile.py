"""A profile directory: what the device stores survives a restart.

`device.json` holds the storage (seed, PIN and settings of a TEST device, in the clear: mode 0600, but
no safe place for a seed that is worth something). It is replaced whole or not at all. Refuses a file
that is damaged, newer than this program or of another persona, and a profile another process uses.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any

from trezorlib.messages import BackupType, DisplayRotation, SafetyCheckLevel

from .state import STORED, DeviceState

FORMAT = 1
STATE_FILE = "device.json"
LOCK_FILE = "lock"

_ENUMS: dict[str, type[IntEnum]] = {
    "safety_checks": SafetyCheckLevel,
    "backup_type": BackupType,
    "display_rotation": DisplayRotation,
}


class ProfileError(ValueError):
    """A profile that cannot be used; says what to do about it."""


def _to_json(name: str, value: Any) -> object:
    if name in _ENUMS:
        return _ENUMS[name](value).name
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    if type(value) is not list:
        raise TypeError
    return tuple(_text(item) for item in value)


def _reader(name: str) -> Callable[[Any], object]:
    """How a field's JSON becomes its value, by the field's declared type."""
    if name in _ENUMS:
        return lambda value: _ENUMS[name][_text(value)]
    declared = str(DeviceState.__annotations__[name])
    return {
        "str": _text,
        "str | None": _optional_text,
        "bool": _flag,
        "int": _count,
        "bytes": lambda value: bytes.fromhex(_text(value)),
        "tuple[str, ...]": _texts,
    }[declared]


class Profile:
    """A directory used by this process alone, until `close`.

    Raises ProfileError when another process uses it.
    """

    def __init__(self, directory: Path, persona: str) -> None:
        self._directory = directory
        self._persona = persona
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ProfileError(
                f"profile {directory} is used by another process: stop that device, or choose another profile"
            ) from None

    @property
    def path(self) -> Path:
        return self._directory / STATE_FILE

    def close(self) -> None:
        """Let others use the profile."""
        os.close(self._lock)

    def load(self) -> DeviceState | None:
        """The stored state, None in a fresh profile. Raises ProfileError."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from None
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._damaged(f"not JSON, {error}") from None
        if not isinstance(document, dict):
            raise self._damaged("expected a JSON object")
        return self._read(document)

    def _read(self, document: dict[str, Any]) -> DeviceState:
        version = document.get("format")
        if type(version) is int and version > FORMAT:
            raise ProfileError(
                f"{self.path} has format {version}, this program reads {FORMAT}: use a newer emulator"
            )
        stored = document.get("storage")
        if (
            version != FORMAT
            or set(document) != {"format", "persona", "storage"}
            or not isinstance(stored, dict)
        ):
            raise self._damaged("expected exactly format, persona and storage")
        if document["persona"] != self._persona:
            raise ProfileError(
                f"{self.path} is of a {document['persona']}, not of a {self._persona}: "
                "a profile belongs to one persona"
            )
        if set(stored) != set(STORED):
            wrong = ", ".join(sorted(set(stored) ^ set(STORED)))
            raise self._damaged(f"unknown or missing in storage: {wrong}")
        state = DeviceState()
        for name, value in stored.items():
            try:
                setattr(state, name, _reader(name)(value))
            except (TypeError, KeyError, ValueError):
                raise self._damaged(f"storage.{name} has a value it cannot have") from None
        state.power_off()
        return state

    def _damaged(self, what: str) -> ProfileError:
        return ProfileError(f"{self.path} is damaged ({what}): restore it, or delete it to start afresh")

    def save(self, state: DeviceState) -> None:
        """Replace the stored state, on disk before this returns."""
        document = {
            "format": FORMAT,
            "persona": self._persona,
            "storage": {name: _to_json(name, getattr(state, name)) for name in STORED},
        }
        fresh = self._directory / f"{STATE_FILE}.new"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            json.dump(document, out, indent=1)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.path)
