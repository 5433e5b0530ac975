"""The one way a byte leaves: tables of endpoints, one request a call, one pace, rising numbers, dialects."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import requests

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.config_values import Exchange
from vault.errors import OutcomeUnknownError, VenueError
from vault.secrets import Secret
from vault.venues.binance.account import Binance
from vault.venues.binance.dialect import DIALECT as BINANCE
from vault.venues.common.kinds import KINDS, account_kind
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import Endpoints, verb
from vault.venues.line.nonce import Nonces
from vault.venues.line.outcome import Dialect, Refusal, send_failure
from vault.venues.line.pace import Pacer, Pacers
from vault.venues.line.transport import Evidence, GuardedAdapter, SendPermit
from vault.venues.traits import TRAITS

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
BASE = "http://127.0.0.1:9"


def tables() -> tuple[tuple[str, Endpoints], ...]:
    """Every ccxt class of every exchange, with what may be called of it."""
    kinds = {exchange: account_kind(exchange) for exchange in KINDS}
    own = [(exchange, kind.endpoints()) for exchange, kind in kinds.items()]
    return (
        *own,
        *((exchange, beside) for exchange, kind in kinds.items() for beside in kind.BESIDE.values()),
    )


TABLES = tables()
EVERY = pytest.mark.parametrize(("exchange", "endpoints"), TABLES, ids=[each.ccxt for _, each in TABLES])


def connection(exchange: str = "binance", endpoints: Endpoints | None = None) -> Connection:
    settings = VenueSettings(name="a", exchange=exchange, account_uid="1", url=BASE, timeout_seconds=1)
    keys = {part: Secret(part) for part in TRAITS[exchange].secrets}
    return Connection(settings, keys, ManualClock(NOW), endpoints or account_kind(exchange).endpoints())


@EVERY
def test_an_endpoint_in_no_table_is_not_called(exchange: str, endpoints: Endpoints) -> None:
    ask = connection(exchange, endpoints)
    for method in ("privatePostOrder", "sapiPostSubAccountTransfer", "__class__", "withdraw", ""):
        with pytest.raises(VenueError) as read:
            ask.get(method)
        with pytest.raises(VenueError) as sent:
            ask.send(method, {}, SendPermit(NOW), str)
        assert (read.value.code, sent.value.code) == ("venue.not_listed", "venue.not_listed")


@EVERY
def test_what_sends_is_not_called_as_a_read_and_the_reverse(exchange: str, endpoints: Endpoints) -> None:
    ask = connection(exchange, endpoints)
    for method in endpoints.sends:
        with pytest.raises(VenueError) as caught:
            ask.get(method)
        assert caught.value.code == "venue.no_permit"
    for method in endpoints.reads | endpoints.public:
        with pytest.raises(VenueError) as caught:
            ask.send(method, {}, SendPermit(NOW), str)
        assert caught.value.code == "venue.not_listed"
    assert not ask.evidence.left


@EVERY
def test_no_endpoint_both_reads_and_sends_and_each_is_one_that_the_library_has(
    exchange: str, endpoints: Endpoints
) -> None:
    library = connection(exchange, endpoints)._exchange
    assert not endpoints.sends & (endpoints.reads | endpoints.public)
    assert bool(endpoints.sends) == (TRAITS[exchange].ships == "full")
    for method in endpoints.sends | endpoints.reads | endpoints.public:
        assert verb(method) in {"GET", "POST"}
        assert hasattr(library, method), method


@EVERY
def test_the_parts_of_a_key_are_those_that_the_keyring_keeps(exchange: str, endpoints: Endpoints) -> None:
    kept, ccxt_names = set(TRAITS[exchange].secrets), set(endpoints.credentials.values())
    if kept:
        assert set(endpoints.credentials) <= kept
        assert {"apiKey", "secret"} <= ccxt_names
    every = {part for name, each in TABLES if name == exchange for part in each.credentials}
    assert kept in ({*every}, set())


@EVERY
def test_the_codes_of_a_dialect_fit_together(exchange: str, endpoints: Endpoints) -> None:
    said = endpoints.dialect
    assert said.key | said.clock | said.pace <= said.passing
    assert not said.uncertain & (said.definite or said.passing)
    if said.definite is not None:
        assert said.passing <= said.definite
    # Without a list of what is a refusal nothing may be sent.
    assert (said.definite is not None) == (TRAITS[exchange].ships == "full")


def test_another_ccxt_class_of_the_account_must_be_named() -> None:
    with pytest.raises(VenueError):
        connection().other("krakenfutures")


class Wire:
    """An adapter whose requests go nowhere; says what became of each."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.adapter = GuardedAdapter(BASE, self.clock)

    def go(self, method: str) -> str:
        request = requests.Request(method, BASE + "/x").prepare()
        try:
            self.adapter.send(request, timeout=1)
        except VenueError as error:
            return error.code
        except requests.exceptions.ConnectionError:
            return "tried"
        return "answered"


def test_nothing_passes_before_a_call_has_begun_or_after_it_has_ended() -> None:
    wire = Wire()
    assert [wire.go(verb) for verb in ("GET", "POST")] == ["venue.no_permit"] * 2
    wire.adapter.begin_read("GET")
    wire.adapter.end()
    assert wire.go("GET") == "venue.no_permit"


@pytest.mark.parametrize("declared", ["GET", "POST"])
def test_a_read_is_one_request_with_its_own_verb(declared: str) -> None:
    wire = Wire()
    other = "POST" if declared == "GET" else "GET"
    wire.adapter.begin_read(declared)
    assert wire.go(other) == "venue.no_permit"
    wire.adapter.begin_read(declared)
    assert [wire.go(declared), wire.go(declared)] == ["tried", "venue.no_permit"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_permit_is_spent_by_one_request_whatever_its_verb(method: str) -> None:
    wire = Wire()
    wire.adapter.begin_send(SendPermit(NOW))
    assert [wire.go(method), wire.go(method), wire.go("GET")] == [
        "tried",
        "venue.no_permit",
        "venue.no_permit",
    ]
    wire.adapter.begin_send(SendPermit(NOW))
    wire.clock.advance(0.001)
    assert wire.go(method) == "venue.too_late"


class Time:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_all_connections_of_a_host_keep_one_pace() -> None:
    pacers, time = Pacers(), Time()
    assert pacers.of("binance", "h") is pacers.of("binance", "h")
    assert pacers.of("binance", "h") is not pacers.of("bybit", "h")
    pacer = Pacer(time.sleep, lambda: time.now)
    clock = ManualClock(NOW)
    for _ in range(3):
        pacer.wait(0.5, clock)
    assert time.slept == [0.5, 0.5]


def test_a_request_that_would_be_late_is_refused_at_once_and_takes_no_place() -> None:
    time, clock = Time(), ManualClock(NOW)
    pacer = Pacer(time.sleep, lambda: time.now)
    pacer.wait(10, clock)
    with pytest.raises(VenueError) as caught:
        pacer.wait(10, clock, NOW + timedelta(seconds=9))
    assert (caught.value.code, time.slept) == ("venue.too_late", [])
    pacer.wait(10, clock, NOW + timedelta(seconds=11))
    assert time.slept == [10]


def test_ccxt_s_own_pause_is_replaced_with_the_cost_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[float, datetime | None]] = []
    monkeypatch.setattr(Pacer, "wait", lambda _self, seconds, _clock, until: waited.append((seconds, until)))
    settings = VenueSettings(
        name="a", exchange="binance", account_uid="1", url=BASE, timeout_seconds=1, paced=True
    )
    keys = {"key": Secret("k"), "secret": Secret("s")}
    ask = Connection(settings, keys, ManualClock(NOW), Binance.endpoints(), pacers=Pacers())
    for call in (
        lambda: ask.get("fapiPublicGetTime"),
        lambda: ask.get("sapiGetCapitalDepositAddress"),
        lambda: ask.send("sapiPostCapitalWithdrawApply", {}, SendPermit(NOW), str),
    ):
        with pytest.raises(VenueError) as caught:
            call()
        assert caught.value.code == "venue.unreachable"
    assert [until for _, until in waited] == [None, None, NOW]
    assert all(seconds > 0 for seconds, _ in waited)
    assert len({seconds for seconds, _ in waited}) > 1


def test_a_pause_past_the_deadline_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(NOW)
    settings = VenueSettings(
        name="a", exchange="binance", account_uid="1", url=BASE, timeout_seconds=1, paced=True
    )
    keys = {"key": Secret("k"), "secret": Secret("s")}
    ask = Connection(settings, keys, clock, Binance.endpoints())
    monkeypatch.setattr(Pacer, "wait", lambda *_: clock.advance(5))
    with pytest.raises(VenueError) as caught:
        ask.send("sapiPostCapitalWithdrawApply", {}, SendPermit(NOW + timedelta(seconds=4)), str)
    assert (caught.value.code, ask.evidence.left) == ("venue.too_late", False)


def test_numbers_of_a_key_rise_over_connections_threads_and_a_clock_that_goes_back(tmp_path: Path) -> None:
    clock, seen = ManualClock(NOW), []

    def work() -> None:
        nonces = Nonces("key", clock, tmp_path)
        for _ in range(20):
            with nonces.turn(10):
                seen.append(nonces.next())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    earlier = Nonces("key", ManualClock(NOW - timedelta(days=1)), tmp_path)
    with earlier.turn(1):
        seen.append(earlier.next())
    assert seen == sorted(set(seen))
    assert len(seen) == 61
    assert all("key" not in path.name and path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_key_in_use_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    one, other = Nonces("key", clock, tmp_path), Nonces("key", clock, tmp_path)
    with one.turn(1), pytest.raises(VenueError) as caught, other.turn(0.05):
        pass
    assert caught.value.code == "venue.busy"
    with pytest.raises(VenueError):
        one.next()


ENVELOPE = Dialect(
    find=lambda body: Refusal(str(body["retCode"]), str(body["retMsg"])) if body["retCode"] else None,
    uncertain=frozenset({"10016"}),
    key=frozenset({"10003"}),
    clock=frozenset({"10002"}),
    passing=frozenset({"10002", "10006"}),
    http_200=True,
    definite=frozenset({"131001", "10002", "10003", "10006"}),
)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, 131001, VenueError),
        (400, 131001, VenueError),
        (200, 10016, OutcomeUnknownError),
        (200, 99999, OutcomeUnknownError),
        (500, 131001, OutcomeUnknownError),
        (302, 131001, OutcomeUnknownError),
        (200, 0, OutcomeUnknownError),
    ],
)
def test_an_error_in_an_envelope_is_a_refusal_only_with_a_code_that_is_known(
    status: int, code: int, kind: type
) -> None:
    evidence = Evidence(left=True, status=status, body=json.dumps({"retCode": code, "retMsg": "no"}))
    assert type(send_failure(RuntimeError(), evidence, "x", ENVELOPE)) is kind


@pytest.mark.parametrize("body", [None, "", "[]", "{}", "null", "5", '{"retCode":', '"x"'])
def test_a_body_the_dialect_cannot_read_carries_no_refusal(body: str | None) -> None:
    for dialect in (ENVELOPE, *(endpoints.dialect for _, endpoints in TABLES)):
        assert dialect.refusal(Evidence(left=True, status=200, body=body)) is None


def test_a_refusal_that_passes_says_so() -> None:
    def error(code: str) -> Any:
        body = json.dumps({"retCode": int(code), "retMsg": "no"})
        return send_failure(RuntimeError(), Evidence(left=True, status=200, body=body), "x", ENVELOPE)

    assert error("10006").details == {"venue_code": "10006", "passing": "yes"}
    assert error("131001").details == {"venue_code": "131001"}


def test_every_exchange_has_traits_and_a_class() -> None:
    assert set(TRAITS) == set(KINDS) == set(get_args(Exchange))
    for exchange, endpoints in TABLES:
        kind = account_kind(exchange)
        assert (kind.EXCHANGE, TRAITS[exchange].exchange) == (exchange, exchange)
        if endpoints.ccxt not in kind.BESIDE:
            assert endpoints.rising_nonces == TRAITS[exchange].rising_nonces


def test_an_endpoint_s_name_says_its_verb() -> None:
    assert verb("privatePostV5AssetWithdrawCreate") == "POST"
    assert verb("privateGetWithdraw") == "GET"
    with pytest.raises(VenueError):
        verb("withdraw")
    with pytest.raises(VenueError):
        Endpoints("x", frozenset(), frozenset(), frozenset(), BINANCE).kind("privateGetWithdraw")
