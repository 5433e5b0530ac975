"""`vault request` reads what it is given exactly, and refuses the rest before anything is asked outside."""

from __future__ import annotations

from typing import Any

import pytest

COIN = "cd" * 32 + ":1"


@pytest.mark.parametrize(
    ("status", "code", "arguments"),
    [
        (60, "plan.bad_payment", ("pay", "cold", "cold-1")),
        (60, "plan.bad_payment", ("pay", "cold", "=0.5")),
        (60, "plan.bad_payment", ("pay", "cold", "cold-1=0")),
        (11, "config.unknown_name", ("pay", "nowhere", "cold-1=0.5")),
        (11, "config.unknown_name", ("consolidate", "nowhere", "--coin", COIN)),
        (11, "config.unknown_name", ("speed-up", "nowhere", COIN, "--fee-rate", "5")),
        (16, "money.not_a_number", ("pay", "cold", "cold-1=much")),
        (16, "money.too_many_digits", ("pay", "cold", "cold-1=0.000000001")),
        (15, "address.bad_outpoint", ("consolidate", "cold", "--coin", "cd:1")),
        (16, "money.fee_rate", ("speed-up", "cold", COIN, "--fee-rate", "0")),
        (16, "money.fee_rate", ("speed-up", "cold", COIN, "--fee-rate", "10001")),
        (16, "money.not_a_number", ("speed-up", "cold", COIN, "--fee-rate", "fast")),
        (60, "plan.unknown", ("bump", "0123456789abcdef", "1", "--fee-rate", "5")),
        (60, "plan.unknown", ("cancel", "0123456789abcdef", "1")),
    ],
)
def test_what_is_not_exact_is_refused(
    signed: Any, status: int, code: str, arguments: tuple[str, ...]
) -> None:
    signed.fails(status, code, "request", *arguments)


WALLET = """
[[wallet]]
name = "cold"
role = "cold"
descriptor = "wpkh([5c9e228d/84h/1h/0h]tpubNeverRead/<0;1>/*)"
device = "cold"
"""


def test_a_coin_that_is_named_twice_is_refused(signed: Any) -> None:
    with signed.config.open("a", encoding="utf-8") as file:
        file.write(WALLET)
    twice = ("--coin", COIN, "--coin", COIN)
    signed.fails(60, "plan.no_coins", "request", "consolidate", "cold", *twice)


@pytest.mark.parametrize("text", ["x", "/1.1", "0123456789abcdef", "0123456789abcdef/"])
def test_a_step_to_close_is_named_with_its_plan(signed: Any, text: str) -> None:
    ran = signed.vault("reconcile", "--close", text, "--reason", "because")
    assert ran.status == 2
    assert "PLAN/TRANSFER.STEP" in ran.err


def test_a_reason_without_a_step_is_wrong_usage(signed: Any) -> None:
    ran = signed.vault("reconcile", "--reason", "because")
    assert ran.status == 2
    assert "--close and --reason are given together" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("wallet", "consolidation", "cold", "--offline", "--rate", "0"),
        ("wallet", "consolidation", "cold", "--offline", "--rate", "10001"),
        ("wallet", "consolidation", "cold", "--offline", "--rate", "5", "--later", "-1"),
        ("request", "pay", "cold", "cold-1=0.1", "--fee-rate", "0"),
    ],
)
def test_a_fee_rate_out_of_bounds_is_told_its_bounds(signed: Any, arguments: tuple[str, ...]) -> None:
    found = signed.fails(16, "money.fee_rate", *arguments)
    assert "above 0 and at most 10000 sat/vB" in found["message"]


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-01-31", "2026-01-31T05:00:00", "2026-13-01T05:00:00Z", ""]
)
def test_an_instant_without_its_zone_is_no_deadline(signed: Any, text: str) -> None:
    found = signed.fails(10, "document.bad_instant", "fees", "--by", text)
    assert "2026-01-31T05:00:00Z" in found["message"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T05:00:00Z",
        "2026-01-31T05:00:00.000Z",
        "2026-01-31T05:00Z",
        "2026-01-31T06:00:00+01:00",
    ],
)
def test_an_instant_is_read_as_people_write_it(text: str) -> None:
    from datetime import UTC, datetime

    from vault.cli.fees import _instant

    assert _instant(text) == datetime(2026, 1, 31, 5, tzinfo=UTC)
