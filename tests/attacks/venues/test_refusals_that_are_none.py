"""A venue that accepts a withdrawal and answers an error: what may have happened is never called refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vault.errors import OutcomeUnknownError, VenueError
from vault.venues.binance.dialect import DIALECT as BINANCE
from vault.venues.bybit.dialect import DIALECT as BYBIT
from vault.venues.deribit.dialect import DIALECT as DERIBIT
from vault.venues.kraken.dialect import FUTURES, SPOT
from vault.venues.line.outcome import Dialect, send_failure
from vault.venues.line.transport import Evidence
from vault.venues.okx.dialect import DIALECT as OKX


def outcome(dialect: Dialect, body: Any, status: int) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    evidence = Evidence(left=True, status=status, body=text)
    error = send_failure(ValueError(), evidence, "withdraw", dialect)
    assert isinstance(error, (VenueError, OutcomeUnknownError))
    return "unknown" if isinstance(error, OutcomeUnknownError) else "refused"


REFUSED: dict[str, tuple[Dialect, dict[str, Any], int]] = {
    "binance": (BINANCE, {"code": -4026, "msg": "You have insufficient balance."}, 400),
    "bybit": (BYBIT, {"retCode": 131212, "retMsg": "Insufficient balance", "result": {}}, 200),
    "okx": (OKX, {"code": "58350", "msg": "Insufficient balance", "data": []}, 200),
    "deribit": (DERIBIT, {"error": {"code": 10009, "message": "not_enough_funds"}}, 400),
    "kraken": (SPOT, {"error": ["EFunding:Insufficient funds"]}, 200),
    "kraken futures": (FUTURES, {"result": "error", "error": "insufficientFunds"}, 200),
}
RECORDED: dict[str, dict[str, Any]] = {
    "binance": {"id": "b6ae22b3aa844210a7041aee7589627c"},
    "bybit": {"result": {"id": "10195"}},
    "okx": {"data": [{"wdId": "67485", "clientId": ""}]},
    "deribit": {"result": {"id": 1, "state": "unconfirmed"}},
    "kraken": {"result": {"refid": "AGBSO6T-UFMTTQ-I7KGS6"}},
    "kraken futures": {"uid": "171436"},
}


@pytest.mark.parametrize("exchange", REFUSED)
def test_an_error_beside_a_record_of_the_withdrawal_is_unknown(exchange: str) -> None:
    dialect, error, status = REFUSED[exchange]
    assert outcome(dialect, error, status) == "refused"
    assert outcome(dialect, {**error, **RECORDED[exchange]}, status) == "unknown"


@pytest.mark.parametrize("exchange", REFUSED)
def test_an_empty_result_beside_an_error_takes_nothing_from_it(exchange: str) -> None:
    dialect, error, status = REFUSED[exchange]
    assert outcome(dialect, {**error, "result": error.get("result")}, status) == "refused"


@pytest.mark.parametrize("exchange", REFUSED)
def test_an_answer_that_names_a_field_twice_is_unknown(exchange: str) -> None:
    dialect, error, status = REFUSED[exchange]
    text = json.dumps(error)
    first = json.dumps({next(iter(error)): "0"})[1:-1]
    assert outcome(dialect, "{" + first + ", " + text[1:], status) == "unknown"
    assert outcome(dialect, text[:-1] + ", " + first + "}", status) == "unknown"


@pytest.mark.parametrize("status", [100, 201, 301, 302, 500, 502, 503, 504])
@pytest.mark.parametrize("exchange", REFUSED)
def test_a_good_error_under_any_other_status_is_unknown(exchange: str, status: int) -> None:
    dialect, error, _ = REFUSED[exchange]
    assert outcome(dialect, error, status) == "unknown"


@pytest.mark.parametrize(
    "code",
    [
        -1000, -1001, -1004, -1006, -1007, -1008, -1010, -1016, -1999,
        -3000, -3007, -3029, -3044,
        -4027, -4029, -4030, -4031, -4032, -4037, -4038, -4041, -4045, -4111, -4115,
        -5010, -5012, -10001, -99999,
    ],
)  # fmt: skip
def test_binance_s_pending_busy_repeated_and_unheard_of_codes_are_unknown(code: int) -> None:
    """-4030 says that a withdrawal succeeded, -4037 that its mail was not, -5012 that it is pending."""
    assert outcome(BINANCE, {"code": code, "msg": "-"}, 400) == "unknown"


@pytest.mark.parametrize(
    ("dialect", "body", "status"),
    [
        (BYBIT, {"retCode": 131099, "retMsg": "Hot wallet status can cancel the withdraw"}, 200),
        (BYBIT, {"retCode": 131214, "retMsg": "TransferId exist"}, 200),
        (BYBIT, {"retCode": 10000, "retMsg": "Server timeout"}, 200),
        (BYBIT, {"retCode": 99999999, "retMsg": "new"}, 200),
        (OKX, {"code": "50004", "msg": "timeout", "data": []}, 200),
        (OKX, {"code": "1", "msg": "failed", "data": []}, 200),
        (OKX, {"code": "99999", "msg": "new", "data": []}, 200),
        (DERIBIT, {"error": {"code": 13888, "message": "timed_out"}}, 400),
        (DERIBIT, {"error": {"code": 10041, "message": "settlement_in_progress"}}, 400),
        (DERIBIT, {"error": {"code": 77777, "message": "new"}}, 400),
        (SPOT, {"error": ["EService:Unavailable"]}, 200),
        (SPOT, {"error": ["EFunding:Insufficient funds", "EGeneral:Internal error"]}, 200),
        (SPOT, {"error": ["EFunding:Something new"]}, 200),
        (FUTURES, {"result": "error", "error": "Unavailable"}, 200),
        (FUTURES, {"result": "error", "error": "accepted"}, 200),
    ],
)
def test_what_an_exchange_does_not_know_and_what_nobody_has_heard_of_is_unknown(
    dialect: Dialect, body: Any, status: int
) -> None:
    assert outcome(dialect, body, status) == "unknown"


@pytest.mark.parametrize(
    "body",
    ["", "<html>down for maintenance</html>", "[]", "null", "7", '{"code": NaN}', "[" * 100_000, "{}", '"x"'],
)
@pytest.mark.parametrize("status", [200, 403, 404, 418, 429])
@pytest.mark.parametrize("exchange", REFUSED)
def test_a_body_that_is_no_error_of_the_venue_is_unknown(exchange: str, status: int, body: str) -> None:
    assert outcome(REFUSED[exchange][0], body, status) == "unknown"
