"""What Kraken's two hosts say no with, and what of it is a word that nothing was accepted."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from vault.venues.kraken.dialect import FUTURES, SPOT


@dataclass
class Evidence:
    body: str | None
    status: int | None = 200
    left: bool = True
    timed_out: bool = False
    not_connected: bool = False


def spot(*errors: str, **more: object) -> Evidence:
    return Evidence(json.dumps({"error": list(errors), **more}))


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        (["EFunding:Unknown withdraw key"], "EFunding:Unknown withdraw key"),
        (["EGeneral:Invalid arguments:amount"], "EGeneral:Invalid arguments"),
        (["EAPI:Invalid nonce"], "EAPI:Invalid nonce"),
        (["EFunding:Max fee exceeded"], "EFunding:Max fee exceeded"),
    ],
)
def test_a_spot_refusal_is_the_venues_word_though_it_comes_with_status_200(
    errors: list[str], code: str
) -> None:
    refusal = SPOT.refusal(spot(*errors))
    assert refusal is not None
    assert refusal.code == code
    assert SPOT.refuses(refusal, 200)


@pytest.mark.parametrize(
    "errors",
    [
        ["EService:Unavailable"],
        ["EService:Busy"],
        ["EGeneral:Internal error"],
        ["EDatabase:Internal error"],
        ["EFunding:Something new"],
        ["EFunding:Unknown withdraw key", "EService:Unavailable"],
    ],
)
def test_an_error_that_says_nothing_leaves_a_send_unknown(errors: list[str]) -> None:
    refusal = SPOT.refusal(spot(*errors))
    assert refusal is not None
    assert not SPOT.refuses(refusal, 200)


def test_an_error_beside_a_result_and_a_5xx_are_no_refusal() -> None:
    both = SPOT.refusal(spot("EFunding:Unknown withdraw key", result={"refid": "A"}))
    assert both is not None
    assert not SPOT.refuses(both, 200)
    alone = SPOT.refusal(spot("EFunding:Unknown withdraw key"))
    assert alone is not None
    assert not SPOT.refuses(alone, 502)


def test_no_error_and_a_mere_warning_are_no_refusal() -> None:
    assert SPOT.refusal(spot(result={})) is None
    assert SPOT.refusal(spot("WGeneral:Danger", result={})) is None
    assert SPOT.refusal(Evidence("<html>")) is None


@pytest.mark.parametrize(
    ("answer", "code", "definite"),
    [
        ({"result": "error", "error": "insufficientFunds"}, "insufficientFunds", True),
        ({"result": "error", "error": "invalidArgument: amount"}, "invalidArgument", True),
        ({"result": "error", "error": "nonceBelowThreshold"}, "nonceBelowThreshold", True),
        ({"result": "error", "error": "Server Error"}, "Server Error", False),
        ({"result": "error", "error": "Unavailable"}, "Unavailable", False),
        ({"result": "error"}, "unknownError", False),
        ({"errors": [{"code": 92, "message": "INSUFFICIENT_MARGIN"}]}, "INSUFFICIENT_MARGIN", False),
    ],
)
def test_the_futures_host_says_it_in_a_word(answer: dict[str, object], code: str, definite: bool) -> None:
    refusal = FUTURES.refusal(Evidence(json.dumps(answer)))
    assert refusal is not None
    assert (refusal.code, FUTURES.refuses(refusal, 200)) == (code, definite)
    assert FUTURES.refusal(Evidence('{"result": "success"}')) is None
