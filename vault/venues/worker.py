"""`python -m vault.venues.worker`: the only process that loads ccxt and reads API keys.

Reads requests from stdin and writes answers to stdout, one JSON object a line. Every call has a thread of
its own over ccxt's synchronous classes, a few at most for one account and role, and every read ends within
its limit: a slow or hung venue delays no other. Threads and not asyncio: aiohttp sends a GET again
when a kept connection drops, and some venues withdraw with a GET; requests under `line.transport` never does.
Ends at the end of stdin and never outlives its parent. Refuses to write keys anywhere: what it prints is
answers and typed errors.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import select
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from vault.canonical import read_json
from vault.clock import Clock, SystemClock
from vault.codec import decode, encode
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.model import MarginAccount
from vault.secrets import Secret
from vault.venues.base import Role
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.kinds import account_kind
from vault.venues.feeds.kept import Feeds
from vault.venues.lanes import Lanes
from vault.venues.line.connection import Connection
from vault.venues.protocol import (
    CALLS,
    FOLLOW,
    LOAD_KEYS,
    READY,
    WRAPPED,
    Call,
    KeysRead,
    TrialArguments,
    error_object,
)

PARENT_CHECK_SECONDS: Final = 1.0
MAX_REQUEST: Final = 1_000_000  # bytes; the largest request is some thousand


class Worker:
    """Answers requests; `handle` is one request and never raises."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes = Lanes(clock)
        self._feeds = Feeds(self._lanes.keys, self._lanes.connect, clock)
        self._output = threading.Lock()

    def handle(self, line: str) -> dict[str, Any]:
        """The answer to one line, as a JSON-ready object."""
        number: object = None
        call: Call[Any, Any] | None = None
        try:
            request = read_json(line, what="request")
            if not isinstance(request, dict):
                raise VenueError("bad_request", "expected a JSON object")
            number = request.get("id")
            call = CALLS.get(str(request.get("call")))
            if call is None:
                raise VenueError("bad_request", f"expected one of {', '.join(CALLS)}")
            return {"id": number, "ok": encode(self._result(request, call))}
        except VaultError as error:
            return {"id": number, "error": error_object(error)}
        except Exception as error:  # noqa: BLE001  a fault of ours: typed by what it may have done
            kind = OutcomeUnknownError if call is not None and call.sends else VenueError
            # Only the type's name: a message of unknown origin may carry anything.
            failure = kind("worker_fault", f"the worker failed with {type(error).__name__}")
            return {"id": number, "error": error_object(failure)}

    def _result(self, request: dict[str, Any], call: Call[Any, Any]) -> object:
        arguments = _arguments(request, call)
        settings, treasury_id = _settings(request), str(request.get("treasury_id"))
        if isinstance(arguments, TrialArguments):
            keys = {name: Secret(text) for name, text in arguments.keys}
            return self._venue(treasury_id, settings, call, keys).permissions(arguments.role)
        if call is LOAD_KEYS:
            return KeysRead(len(self._lanes.keys(treasury_id, settings, arguments.role)))
        venue = self._venue(treasury_id, settings, call)
        if call is FOLLOW:
            return self._feeds.latest(treasury_id, settings, venue.read_account)
        values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(arguments)}
        result = getattr(venue, call.name)(**values)
        if isinstance(result, MarginAccount):
            self._feeds.check(treasury_id, settings, result)
        return call.result(result) if call.result in WRAPPED else result

    def _venue(
        self,
        treasury_id: str,
        settings: VenueSettings,
        call: Call[Any, Any],
        trial: Mapping[str, Secret] | None = None,
    ) -> ExchangeAccount:
        def lend(role: Role | None) -> AbstractContextManager[Connection]:
            if trial is not None:
                return self._lanes.trial(settings, trial, call.seconds(settings))
            return self._lanes.lend(treasury_id, settings, role, call.seconds(settings))

        return account_kind(settings.exchange)(settings, lend, self._clock)

    def answer(self, line: str) -> None:
        """Handle a line and write its answer; a closed pipe ends the process."""
        text = json.dumps(self.handle(line), separators=(",", ":"), ensure_ascii=True)
        try:
            with self._output:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
        except OSError:
            os._exit(0)


def _arguments(request: Mapping[str, Any], call: Call[Any, Any]) -> Any:
    try:
        return decode(request.get("args"), call.arguments, what="args")
    except VaultError:
        if call.arguments is not TrialArguments:
            raise
    # What cannot be read may be a key in the wrong place: nothing of it is repeated.
    raise VenueError("bad_request", "expected a role and the parts of a key by name")


def _settings(request: Mapping[str, Any]) -> VenueSettings:
    try:
        return VenueSettings.model_validate_json(json.dumps(request.get("venue")))
    except ValueError:
        raise VenueError("bad_request", "expected the settings of a venue account") from None


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
        if len(waiting) > MAX_REQUEST:
            return  # no request is so long: what follows cannot be trusted to be one
        *complete, waiting = waiting.split(b"\n")
        for line in complete:
            yield line.decode("utf-8", errors="replace")


def main(clock: Clock | None = None) -> None:
    """Serve until stdin ends; running calls are then abandoned, their outcome is unknown to nobody here."""
    source = _take_stdin()
    logging.disable(logging.CRITICAL)  # ccxt and urllib3 log headers and signed addresses at DEBUG
    import ccxt  # noqa: F401  loaded before the first request, so that its time counts for no call

    worker = Worker(clock or SystemClock())
    sys.stdout.write(json.dumps({READY: os.getpid()}) + "\n")
    sys.stdout.flush()
    for line in _lines(source):
        threading.Thread(target=worker.answer, args=(line,), daemon=True).start()
    os._exit(0)


if __name__ == "__main__":
    main()
