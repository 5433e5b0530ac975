"""Who may use which connection to a venue: one user each, a few for each account and role, keys read once.

Refuses more than `MAX_BUSY` of an account and role at once: a venue that hangs holds up its own calls only.
Keys are read from the keyring when first needed, one at a time, and again after any error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from vault.clock import Clock
from vault.config import VenueSettings
from vault.errors import SecretError, VaultError, VenueError
from vault.secrets import CRYPTFILE_PASSWORD, Secret, read_secret, venue_secret_names
from vault.venues.base import Role
from vault.venues.common.kinds import account_kind
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import Endpoints
from vault.venues.line.pace import Pacers
from vault.venues.traits import traits_of

Lane = tuple[str, str, str]
"""Treasury, settings, role: who may share a connection."""

# Connections of one account and role at once: enough for a collection, few enough for a hanging venue.
MAX_BUSY: Final = 4


class Lanes:
    """Lends connections, one user each; idle ones are used again, keys are read when first needed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pacers = Pacers()
        self._free = threading.Condition()
        self._idle: dict[Lane, list[Connection]] = {}
        self._busy: dict[Lane, int] = {}
        self._keyring = threading.Lock()  # a keyring backend need not be thread safe
        self._keys: dict[Lane, dict[str, Secret]] = {}

    @contextmanager
    def lend(
        self, treasury_id: str, settings: VenueSettings, role: Role | None, seconds: float
    ) -> Iterator[Connection]:
        """A connection whose reads are over after so many seconds.

        Raises `VenueError` (``venue.busy``) when too many earlier calls still wait for the venue.
        """
        lane = (treasury_id, settings.model_dump_json(), role or "public")
        with self._free:
            if not self._free.wait_for(lambda: self._busy.get(lane, 0) < MAX_BUSY, settings.timeout_seconds):
                raise VenueError(
                    "busy", f"{settings.name}: {MAX_BUSY} earlier calls still wait for the venue"
                )
            self._busy[lane] = self._busy.get(lane, 0) + 1
            idle = self._idle.setdefault(lane, [])
            connection = idle.pop() if idle else None
        try:
            if connection is None:
                keys = None if role is None else self._read_keys(lane, treasury_id, settings, role)
                kind = account_kind(settings.exchange)
                connection = Connection(
                    settings, keys, self._clock, kind.endpoints(), beside=kind.BESIDE, pacers=self._pacers
                )
            # From here on the time is the venue's: neither the keyring nor an earlier call uses it up.
            connection.end_at(time.monotonic() + seconds)
            yield connection
            with self._free:
                idle.append(connection)
        except VaultError:
            # The keys may have been changed since they were read: read them again the next time.
            with self._keyring:
                self._keys.pop(lane, None)
            raise
        finally:
            with self._free:
                self._busy[lane] -= 1
                self._free.notify_all()  # whoever waits may wait for another lane

    @contextmanager
    def trial(
        self, settings: VenueSettings, keys: Mapping[str, Secret], seconds: float
    ) -> Iterator[Connection]:
        """A connection with keys that are in no keyring; it is used once and lent to nobody else."""
        kind = account_kind(settings.exchange)
        connection = Connection(
            settings, keys, self._clock, kind.endpoints(), beside=kind.BESIDE, pacers=self._pacers
        )
        connection.end_at(time.monotonic() + seconds)
        yield connection

    def keys(self, treasury_id: str, settings: VenueSettings, role: Role = "read") -> Mapping[str, Secret]:
        """A key of an account. Raises `SecretError`."""
        lane = (treasury_id, settings.model_dump_json(), role)
        return self._read_keys(lane, treasury_id, settings, role)

    def connect(
        self, settings: VenueSettings, keys: Mapping[str, Secret], endpoints: Endpoints
    ) -> Connection:
        """A connection for other endpoints than an account's own, under the same pace."""
        return Connection(settings, keys, self._clock, endpoints, pacers=self._pacers)

    def _read_keys(
        self, lane: Lane, treasury_id: str, settings: VenueSettings, role: Role
    ) -> dict[str, Secret]:
        parts = traits_of(settings.exchange).secrets
        with self._keyring:
            if lane not in self._keys:
                try:
                    names = venue_secret_names(settings.name, role, parts)
                    keys = {
                        part: read_secret(treasury_id, name) for part, name in zip(parts, names, strict=True)
                    }
                except VaultError:
                    raise
                except Exception as error:  # noqa: BLE001  backends raise what they like; nothing was sent
                    raise SecretError(
                        "locked",
                        f"the keyring cannot be read ({type(error).__name__})",
                        hint=f"Unlock it first; for an encrypted file set {CRYPTFILE_PASSWORD}.",
                    ) from None
                self._keys[lane] = keys
            return self._keys[lane]
