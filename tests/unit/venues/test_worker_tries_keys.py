"""Keys that are tried stay in the worker's memory: no answer and no error repeats one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vault.clock import SystemClock
from vault.venues.protocol import TrialArguments
from vault.venues.worker import Worker

SECRET = "tried-secret-41c7"
VENUE = {"name": "trading", "exchange": "binance", "account_uid": "1", "url": "http://127.0.0.1:9"}


def answer(arguments: Any, **changes: Any) -> dict[str, Any]:
    request = {"id": 1, "call": "try_keys", "treasury_id": "desk", "venue": VENUE, "args": arguments}
    return Worker(SystemClock()).handle(json.dumps({**request, **changes}))


@pytest.mark.parametrize(
    "keys",
    [
        [["key", SECRET], ["secret", 5]],
        [["key", SECRET, SECRET]],
        {"key": SECRET},
        SECRET,
        [[SECRET, None]],
        [["key", SECRET], ["secret", SECRET]],
    ],
)
def test_no_error_repeats_a_key(keys: Any) -> None:
    said = answer({"role": "read", "keys": keys})
    assert "error" in said
    assert said["error"]["sent"] is False
    assert SECRET not in json.dumps(said)


def test_settings_that_are_none_are_refused_before_a_key_is_used() -> None:
    said = answer({"role": "read", "keys": [["key", SECRET]]}, venue={**VENUE, "exchange": SECRET})
    assert said["error"]["error"] == "venue.bad_request"
    assert SECRET not in json.dumps(said)


def test_arguments_that_are_printed_show_no_key() -> None:
    assert SECRET not in repr(TrialArguments("read", (("key", SECRET),)))
