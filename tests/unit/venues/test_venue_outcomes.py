"""What a failure means is decided from evidence: for a send the default is UNKNOWN."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.venues.binance.dialect import DIALECT
from vault.venues.line.outcome import RequestEvidence
from vault.venues.line.outcome import read_failure as read_failure_in
from vault.venues.line.outcome import send_failure as send_failure_in
from vault.venues.line.transport import Evidence
from vault.venues.protocol import error_object, error_of

ANY = RuntimeError("whatever ccxt calls it")


def read_failure(error: Exception, evidence: RequestEvidence, what: str) -> VaultError:
    return read_failure_in(error, evidence, what, DIALECT)


def send_failure(error: Exception, evidence: RequestEvidence, what: str) -> VaultError:
    return send_failure_in(error, evidence, what, DIALECT)


def answer(code: object, text: str = "no") -> str:
    return json.dumps({"code": code, "msg": text})


@pytest.mark.parametrize("code", [-4026, -1021, -2015, -1022, -4019, -4022, -4104, -1102])
def test_a_parsed_4xx_refusal_is_definite(code: int) -> None:
    error = send_failure(ANY, Evidence(left=True, status=400, body=answer(code)), "apply")
    assert (type(error), error.code, error.details["venue_code"]) == (VenueError, "venue.refused", str(code))


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(left=True, timed_out=True),
        Evidence(left=True),
        Evidence(left=True, status=504, body="<html>"),
        Evidence(left=True, status=500, body=answer(-4026)),
        Evidence(left=True, status=200, body='{"id":'),
        Evidence(left=True, status=200, body="{}"),
        Evidence(left=True, status=200, body=answer(-4026)),
        Evidence(left=True, status=403, body="<html>firewall</html>"),
        Evidence(left=True, status=307, body=""),
        Evidence(left=True, status=400, body=answer("-4026")),
        Evidence(left=True, status=400, body=answer(4026)),
        Evidence(left=True, status=400, body=answer(True)),
        *(Evidence(left=True, status=400, body=answer(int(code))) for code in sorted(DIALECT.uncertain)),
    ],
)
def test_everything_else_after_the_send_is_unknown(evidence: Evidence) -> None:
    for error in (ANY, VenueError("bad_answer", "the receipt cannot be read")):
        found = send_failure(error, evidence, "apply")
        assert (type(found), found.code) == (OutcomeUnknownError, "unknown.no_answer")


def test_what_never_left_is_never_unknown() -> None:
    late = VenueError("too_late", "it is late")
    assert send_failure(late, Evidence(), "apply") is late
    assert send_failure(ANY, Evidence(not_connected=True), "apply").code == "venue.unreachable"
    assert send_failure(ANY, Evidence(), "apply").code == "venue.not_sent"


@given(
    st.integers(min_value=100, max_value=599) | st.none(),
    st.text(max_size=40) | st.none(),
    st.booleans(),
)
def test_a_send_that_left_is_refused_only_by_a_4xx_with_the_venue_s_own_code(
    status: int | None, body: str | None, timed_out: bool
) -> None:
    evidence = Evidence(left=True, status=status, body=body, timed_out=timed_out)
    error = send_failure(ANY, evidence, "apply")
    if isinstance(error, VenueError):
        assert DIALECT.refusal(evidence) is not None
        assert status is not None
        assert 400 <= status < 500
    else:
        assert isinstance(error, OutcomeUnknownError)


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (Evidence(left=True, timed_out=True), "venue.timeout"),
        (Evidence(left=True), "venue.dropped"),
        (Evidence(not_connected=True), "venue.unreachable"),
        (Evidence(left=True, status=504, body="<html>"), "venue.bad_answer"),
        (Evidence(left=True, status=400, body=answer(-1021)), "venue.refused"),
    ],
)
def test_a_failed_read_is_never_unknown(evidence: Evidence, code: str) -> None:
    error = read_failure(ANY, evidence, "account")
    assert (type(error), error.code) == (VenueError, code)


def test_a_venue_s_text_is_cut_and_cannot_forge_lines() -> None:
    error = read_failure(ANY, Evidence(left=True, status=400, body=answer(-1, "a\n\x1b[2J" + "b" * 999)), "x")
    assert "\n" not in error.message
    assert "\x1b" not in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize(
    "error",
    [
        VenueError("refused", "no", hint="do", venue_code="-4026"),
        OutcomeUnknownError("no_answer", "perhaps"),
    ],
)
def test_errors_cross_the_process_border_unchanged(error: VaultError) -> None:
    back = error_of(json.loads(json.dumps(error_object(error))))
    assert type(back) is type(error)
    assert back.as_json() == error.as_json()


@pytest.mark.parametrize(
    "value", [None, {}, [], "x", {"error": "venue.refused"}, {"error": 1, "sent": False}]
)
def test_an_error_that_cannot_be_read_is_unknown(value: object) -> None:
    assert isinstance(error_of(value), OutcomeUnknownError)
