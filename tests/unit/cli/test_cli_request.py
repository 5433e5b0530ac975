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
        (16, "money.not_a_number", ("pay", "cold", "cold-1=much")),
        (16, "money.too_many_digits", ("pay", "cold", "cold-1=0.000000001")),
        (30, "psbt.bad_outpoint", ("consolidate", "cold", "--coin", "cd:1")),
        (16, "money.fee_rate", ("speed-up", "cold", COIN, "--fee-rate", "0")),
        (16, "money.fee_rate", ("speed-up", "cold", COIN, "--fee-rate", "10001")),
        (16, "money.not_a_number", ("speed-up", "cold", COIN, "--fee-rate", "fast")),
        (60, "plan.unknown", ("bump", "0123456789abcdef", "1", "--fee-rate", "5")),
        (60, "plan.unknown", ("cancel", "0123456789abcdef", "1")),
        (60, "plan.no_coins", ("consolidate", "cold", "--coin", COIN, "--coin", COIN)),
    ],
)
def test_what_is_not_exact_is_refused(
    signed: Any, status: int, code: str, arguments: tuple[str, ...]
) -> None:
    signed.fails(status, code, "request", *arguments)


def test_a_reason_without_a_step_is_wrong_usage(signed: Any) -> None:
    ran = signed.vault("reconcile", "--reason", "because")
    assert ran.status == 2
    assert "--close and --reason are given together" in ran.err
