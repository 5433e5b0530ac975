"""What OKX's codes mean for a send: refused only by codes that say so, unknown by every other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from vault.errors import OutcomeUnknownError, VenueError
from vault.venues.line.outcome import read_failure, send_failure
from vault.venues.okx.dialect import DIALECT


@dataclass
class Evidence:
    body: str | None
    status: int | None = 200
    left: bool = True
    timed_out: bool = False
    not_connected: bool = False


def evidence(code: str, status: int = 200, data: list[Any] | None = None, msg: str = "no") -> Evidence:
    return Evidence(json.dumps({"code": code, "msg": msg, "data": data or []}), status)


def sent(code: str, status: int = 200, **fields: Any) -> Exception:
    return send_failure(RuntimeError(), evidence(code, status, **fields), "withdraw", DIALECT)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("58206", 200),
        ("58207", 200),
        ("58350", 200),
        ("58237", 200),
        ("58116", 200),
        ("51000", 400),
        ("50113", 401),
        ("50102", 401),
        ("50120", 200),
        ("50011", 429),
    ],
)
def test_a_refusal_with_http_200_or_4xx_is_one(code: str, status: int) -> None:
    error = sent(code, status)
    assert isinstance(error, VenueError)
    assert error.details["venue_code"] == code


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("50004", 400),
        ("50013", 429),
        ("50026", 500),
        ("50001", 503),
        ("50042", 200),
        ("50071", 200),
        ("58007", 200),
        ("58112", 200),
        ("58120", 200),
        ("58124", 200),
        ("58206", 500),
        ("1", 200),
        ("77777", 200),
        ("77777", 400),
    ],
)
def test_a_code_that_does_not_say_that_nothing_happened_leaves_it_unknown(code: str, status: int) -> None:
    assert isinstance(sent(code, status), OutcomeUnknownError)


def test_the_reason_may_stand_at_the_entry() -> None:
    error = sent("1", data=[{"sCode": "58206", "sMsg": "too little"}])
    assert isinstance(error, VenueError)
    assert "58206 too little" in error.message


def test_success_is_no_refusal_and_neither_is_what_cannot_be_read() -> None:
    for body in (json.dumps({"code": "0", "data": []}), "<html>", "[]", "null", '{"code": 5}', None):
        assert DIALECT.refusal(Evidence(body)) is None


@pytest.mark.parametrize(
    ("code", "passing"), [("50011", True), ("50102", True), ("50110", True), ("58207", False)]
)
def test_trouble_with_clock_key_and_pace_passes(code: str, passing: bool) -> None:
    error = read_failure(RuntimeError(), evidence(code), "read", DIALECT)
    assert ("passing" in error.details) is passing
