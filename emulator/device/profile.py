"""A profile directory: what the device stores survives a restart.

`device.json` holds the storage (seed, PIN and settings of a TEST device, in the clear: mode 0600, but
no safe place for a seed that is worth something). It is replaced whole or not at all. Refuses a file
that is damaged, newer than this program or of another persona, a profile another process uses, a
directory of another user, and to store what it would not read again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import UnfitFileError, read_small, replace_whole
from .personas import PERSONAS, by_name
from .state import STORED, DeviceState
from .stored_values import WrongValueError, from_json, to_json

FORMAT = 1
STATE_FILE = "device.json"
LOCK_FILE = "lock"
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class ProfileError(ValueError):
    """A profile that cannot be used; says what to do about it."""


def _own_directory(path: Path) -> int:
    """A descriptor of the directory, made if it is not there. Raises ProfileError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileExistsError, NotADirectoryError):
        raise ProfileError(
            f"profile {path} is not a directory: name a directory, or one to be made"
        ) from None
    except OSError as error:
        raise ProfileError(f"profile {path} cannot be opened: {error.strerror}") from None
    if os.fstat(fd).st_uid != os.geteuid():
        os.close(fd)
        raise ProfileError(f"profile {path} belongs to another user: choose a directory of your own")
    return fd


class Profile:
    """A directory used by this process alone, until `close`.

    Raises ProfileError when it is not a directory of this user's, or another process uses it.
    """

    def __init__(self, directory: Path, persona: str) -> None:
        self._directory = directory
        self._persona = by_name(persona)
        self._fd = _own_directory(directory)
        try:
            self._lock = os.open(LOCK_FILE, _LOCK_FLAGS, 0o600, dir_fd=self._fd)
        except OSError as error:
            os.close(self._fd)
            raise ProfileError(f"profile {directory} cannot be locked: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise ProfileError(
                f"profile {directory} is used by another process: stop that device, or choose another profile"
            ) from None

    @property
    def path(self) -> Path:
        return self._directory / STATE_FILE

    def close(self) -> None:
        """Let others use the profile."""
        os.close(self._lock)
        os.close(self._fd)

    def load(self) -> DeviceState | None:
        """The stored state, None in a fresh profile. Raises ProfileError."""
        try:
            text = read_small(STATE_FILE, dir_fd=self._fd).decode()
        except FileNotFoundError:
            return None
        except UnfitFileError as error:
            raise self._damaged(str(error)) from None
        except UnicodeDecodeError:
            raise self._damaged("not UTF-8") from None
        except OSError as error:
            raise self._damaged(error.strerror or "unreadable") from None
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._damaged(f"not JSON, {error}") from None
        except (ValueError, RecursionError):
            raise self._damaged("a number too long, or lists too deep, for a profile") from None
        if not isinstance(document, dict):
            raise self._damaged("expected a JSON object")
        return self._read(document)

    def _read(self, document: dict[str, Any]) -> DeviceState:
        version = document.get("format")
        if type(version) is int and version > FORMAT:
            raise ProfileError(f"{self.path} has a format newer than {FORMAT}: use a newer emulator")
        stored = document.get("storage")
        if (
            version != FORMAT
            or set(document) != {"format", "persona", "storage"}
            or not isinstance(stored, dict)
        ):
            raise self._damaged("expected exactly format, persona and storage")
        persona = document["persona"]
        if type(persona) is not str or persona not in PERSONAS:
            raise self._damaged(f"persona: expected one of {', '.join(sorted(PERSONAS))}")
        if persona != self._persona.name:
            raise ProfileError(
                f"{self.path} is of a {persona}, not of a {self._persona.name}: "
                "a profile belongs to one persona"
            )
        if set(stored) != set(STORED):
            wrong = ", ".join(sorted(set(stored) ^ set(STORED)))
            raise self._damaged(f"unknown or missing in storage: {wrong[:200]}")
        try:
            state = self._state(stored)
        except WrongValueError as error:
            raise self._damaged(str(error)) from None
        state.power_off()
        return state

    def _state(self, stored: Mapping[str, object]) -> DeviceState:
        """The state of a document's storage. Raises WrongValueError, which names the field."""
        state = DeviceState()
        for name, value in stored.items():
            try:
                setattr(state, name, from_json(self._persona, name, value))
            except WrongValueError as error:
                raise WrongValueError(f"storage.{name}: {error}") from None
        if state.mnemonic is not None and state.shares:
            raise WrongValueError("storage.shares: expected none beside a mnemonic")
        return state

    def _damaged(self, what: str) -> ProfileError:
        return ProfileError(f"{self.path} is damaged ({what}): restore it, or delete it to start afresh")

    def save(self, state: DeviceState) -> None:
        """Replace the stored state, on disk before this returns.

        Raises OSError, and ProfileError for what could not be read again; both leave the old one.
        """
        storage = {name: to_json(name, getattr(state, name)) for name in STORED}
        try:
            self._state(storage)
        except WrongValueError as error:
            raise ProfileError(f"{self.path} cannot hold this: {error}") from None
        document = {"format": FORMAT, "persona": self._persona.name, "storage": storage}
        replace_whole(STATE_FILE, json.dumps(document, indent=1).encode() + b"\n", dir_fd=self._fd)
