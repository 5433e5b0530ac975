"""What comes down the worker's pipes: giants, nonsense, wrong types, a worker that dies before it answers."""

from __future__ import annotations

import io
import json
import os
import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VenueError
from vault.money import BTC, Amount
from vault.venues import client as venue_client
from vault.venues import protocol, worker
from vault.venues.base import WithdrawRequest
from vault.venues.client import VenueClient
from vault.venues.common import clocks
from vault.venues.kraken.account import Kraken
from vault.venues.worker import Worker

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
SETTINGS = VenueSettings(name="a", exchange="binance", account_uid="1", url="http://127.0.0.1:9")
REQUEST = WithdrawRequest(
    "id1", "BTC", Amount.parse("1", BTC), "BTC", "bc1q", "", "mainnet", NOW + timedelta(minutes=1)
)


def asked(**changes: Any) -> str:
    line = {"id": 1, "call": "try_keys", "treasury_id": "t", "venue": json.loads(SETTINGS.model_dump_json())}
    return json.dumps({**line, "args": {}, **changes})


@pytest.mark.parametrize(
    "arguments",
    [
        SECRET,
        [SECRET],
        {"role": SECRET, "keys": []},
        {"role": "read", "keys": SECRET},
        {"role": "read", "keys": {"key": SECRET}},
        {"role": "read", "keys": [["key", SECRET, SECRET]]},
        {"role": "read", "keys": [["key", 1], [SECRET]]},
        {SECRET: SECRET},
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated_in_the_error(arguments: Any) -> None:
    answer = json.dumps(Worker(ManualClock(NOW)).handle(asked(args=arguments)))
    assert '"venue.bad_request"' in answer
    assert SECRET not in answer


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", "[" * 100_000, '{"id": 1, "id": 2}', '{"id": 1e999}', '{"call": {}}', "\x00"],
)
def test_a_request_that_is_none_is_answered_with_an_error_and_does_nothing(line: str) -> None:
    error = Worker(ManualClock(NOW)).handle(line)["error"]
    assert error["sent"] is False


def test_a_line_without_end_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_REQUEST", 1000)
    source, sink = os.pipe()
    try:
        os.write(sink, b"one\ntwo\n" + b"x" * 2000)
        assert list(worker._lines(source)) == []
    finally:
        os.close(sink)
        os.close(source)


class Pipe:
    """In the place of a worker: takes requests, and answers with what a test says."""

    def __init__(self, answer: bytes) -> None:
        self.stdin = io.BytesIO()
        self.stdout = io.BytesIO(answer)
        self.pid = 1

    def poll(self) -> int | None:
        return None

    def wait(self, _seconds: float = 0) -> int:
        return 0


def withdraw(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> VenueClient:
    """A client whose worker answers its first request with these bytes."""
    pipe = Pipe(answer)
    process = venue_client._Process(cast("Any", pipe), io.BytesIO(), Future(), {})
    process.ready.set_result(None)
    process.keyed.add((SETTINGS.name, "withdraw"))
    process.reader = threading.Thread(target=venue_client._read, args=(process,))

    def write(_self: VenueClient, taken: Any, _line: bytes) -> None:
        taken.reader.start()

    monkeypatch.setattr(venue_client, "_start", lambda _: process)
    monkeypatch.setattr(venue_client, "_alive", lambda _process: True)
    monkeypatch.setattr(VenueClient, "_write", write)
    return VenueClient("t", SETTINGS)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b'{"id": 1, "ok": {"venue_id"',
        b"x" * 4000,
        b'{"id": 1, "ok": {"venue_id": "w1", "client_id": "id1"}}\n',
        b'{"id": 1, "ok": []}\n',
        b'{"id": 1}\n',
        b'{"id": 1, "error": {}}\n',
        b'{"id": 1, "error": "venue.refused"}\n',
        b'{"id": 1, "error": {"error": "venue.refused", "sent": "no"}}\n',
        b'{"id": [1], "ok": {}}\n{"id": {}, "ok": {}}\n' + b"[" * 3000 + b"\n",
        b'{"id": true, "ok": {}}\n{"id": "1", "ok": {}}\n{"id": 2, "ok": {}}\n',
    ],
)
def test_whatever_is_no_answer_to_a_withdrawal_leaves_it_unknown(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(protocol, "MAX_LINE", 3500)
    with withdraw(monkeypatch, answer) as client, pytest.raises(OutcomeUnknownError):
        client.withdraw("a", REQUEST)


def test_a_clock_far_ahead_uses_up_no_number_of_a_key() -> None:
    """A venue that counts would refuse every later number: the clock is compared before the first one."""
    settings = VenueSettings(name="a", exchange="kraken", account_uid="1", url="http://127.0.0.1:9")
    later = ManualClock(NOW + timedelta(hours=2))

    class Line:
        verified = False
        used: list[str] = []  # noqa: RUF012

        def get(self, method: str, _parameters: Any = None) -> Any:
            self.used.append(method)
            return {"error": [], "result": {"unixtime": int(NOW.timestamp())}}

    from contextlib import contextmanager

    @contextmanager
    def lend(_role: Any) -> Any:
        yield Line()

    with pytest.raises(VenueError) as caught:
        Kraken(settings, lend, later).spot_balance("BTC")
    assert (caught.value.code, Line.used) == ("venue.clock_skew", ["publicGetTime"])


def test_the_bound_for_numbers_is_an_hour_ahead_and_none_behind() -> None:
    def skew(by: timedelta) -> Any:
        return SimpleNamespace(skew_ms=by // timedelta(milliseconds=1), round_trip_ms=0)

    clocks.keep_nonces_low(skew(timedelta(minutes=-59)), SETTINGS)
    clocks.keep_nonces_low(skew(timedelta(days=365)), SETTINGS)
    with pytest.raises(VenueError):
        clocks.keep_nonces_low(skew(timedelta(minutes=-61)), SETTINGS)
