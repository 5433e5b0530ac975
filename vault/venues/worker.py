"""`python -m vault.venues.worker`: the only process that loads ccxt and reads API keys.

Reads requests from stdin and writes answers to stdout, one JSON object a line; calls run side by side,
so that a slow venue delays no other. Ends at the end of stdin and never outlives its parent. Refuses
to write keys anywhere: what it prints is answers and typed errors.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from vault.canonical import read_json
from vault.clock import Clock, SystemClock
from vault.codec import decode, encode
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, SecretError, VaultError, VenueError
from vault.secrets import CRYPTFILE_PASSWORD, Secret, read_secret, venue_secret_names
from vault.venues.base import Role
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.kinds import account_kind
from vault.venues.line.connection import Connection
from vault.venues.line.pace import Pacers
from vault.venues.protocol import CALLS, READY, WRAPPED, error_object
from vault.venues.traits import traits_of

Lane = tuple[str, str, str]
"""Treasury, settings, role: who may share a connection."""

# Connections of one account and role at once: enough for a collection, few enough for a hanging venue.
MAX_BUSY: Final = 4
PARENT_CHECK_SECONDS: Final = 1.0


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
    def lend(self, treasury_id: str, settings: VenueSettings, role: Role | None) -> Iterator[Connection]:
        """Raises `VenueError` (``venue.busy``) when too many earlier calls still wait for the venue."""
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
                self._free.notify()

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


class Worker:
    """Answers requests; `handle` is one request and never raises."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes = Lanes(clock)
        self._output = threading.Lock()

    def handle(self, line: str) -> dict[str, Any]:
        """The answer to one line, as a JSON-ready object."""
        number: object = None
        call = None
        try:
            request = read_json(line, what="request")
            if not isinstance(request, dict):
                raise VenueError("bad_request", "expected a JSON object")
            number = request.get("id")
            call = CALLS.get(str(request.get("call")))
            if call is None:
                raise VenueError("bad_request", f"expected one of {', '.join(CALLS)}")
            venue = self._venue(request)
            arguments: Any = decode(request.get("args"), call.arguments, what="args")
            values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(arguments)}
            result = getattr(venue, str(request["call"]))(**values)
            if call.result in WRAPPED:
                result = call.result(result)
            return {"id": number, "ok": encode(result)}
        except VaultError as error:
            return {"id": number, "error": error_object(error)}
        except Exception as error:  # noqa: BLE001  a fault of ours: typed by what it may have done
            kind = OutcomeUnknownError if call is not None and call.sends else VenueError
            # Only the type's name: a message of unknown origin may carry anything.
            failure = kind("worker_fault", f"the worker failed with {type(error).__name__}")
            return {"id": number, "error": error_object(failure)}

    def _venue(self, request: dict[str, Any]) -> ExchangeAccount:
        try:
            settings = VenueSettings.model_validate_json(json.dumps(request.get("venue")))
        except ValueError:
            raise VenueError("bad_request", "expected the settings of a venue account") from None
        treasury_id = str(request.get("treasury_id"))
        return account_kind(settings.exchange)(
            settings, lambda role: self._lanes.lend(treasury_id, settings, role), self._clock
        )

    def answer(self, line: str) -> None:
        """Handle a line and write its answer; a closed pipe ends the process."""
        text = json.dumps(self.handle(line), separators=(",", ":"), ensure_ascii=True)
        try:
            with self._output:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
        except OSError:
            os._exit(0)


def _take_stdin() -> int:
    """Our requests' file descriptor; file 0 becomes empty, so that no library can read a request from it."""
    requests, empty = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return requests


def _lines(source: int) -> Iterator[str]:
    """Lines of `source`; ends with it, or when the parent has gone."""
    parent, waiting = os.getppid(), b""
    while True:
        ready, _, _ = select.select([source], [], [], PARENT_CHECK_SECONDS)
        if not ready:
            if os.getppid() != parent:
                return
            continue
        data = os.read(source, 65_536)
        if not data:
            return
        waiting += data
        *complete, waiting = waiting.split(b"\n")
        for line in complete:
            yield line.decode("utf-8", errors="replace")


def main() -> None:
    """Serve until stdin ends; running calls are then abandoned, their outcome is unknown to nobody here."""
    source = _take_stdin()
    logging.disable(logging.CRITICAL)  # ccxt and urllib3 log headers and signed addresses at DEBUG
    import ccxt  # noqa: F401  loaded before the first request, so that its time counts for no call

    worker = Worker(SystemClock())
    sys.stdout.write(json.dumps({READY: os.getpid()}) + "\n")
    sys.stdout.flush()
    for line in _lines(source):
        threading.Thread(target=worker.answer, args=(line,), daemon=True).start()
    os._exit(0)


if __name__ == "__main__":
    main()
