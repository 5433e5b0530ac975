"""The whole assessment: what it says of a snapshot, and what it refuses to guess."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from vault.canonical import digest
from vault.codec import decode, encode
from vault.errors import PolicyError
from vault.model import Assessment, Bracket, Collateral, MarginAccount, Position, Snapshot, SourceFailure
from vault.risk.assess import RiskParameters, account_state, assess

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)
PARAMETERS = RiskParameters(D("0.10"), D(1), 300)


def account(**changes: object) -> MarginAccount:
    brackets = (Bracket(D(0), None, D("0.01"), D(0)),)
    long = Position(
        "BTCUSDT", "BTC", "long", D(1), D(80_000), D(80_000), False, brackets, None, None, settle="USDT"
    )
    made = MarginAccount(
        name="main",
        exchange="binance",
        uid="1",
        equity=D(40_000),
        initial_margin=D(8_000),
        maintenance_margin=D(800),
        available_to_withdraw=D(32_000),
        collateral=(Collateral("USDT", D(40_000), D(1), D(1), D(32_000)),),
        positions=(long,),
        observed_at=AT,
        received_at=AT,
        clock_skew_ms=0,
        missing=(),
        flags=(),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def snapshot(*accounts: MarginAccount, failures: tuple[SourceFailure, ...] = ()) -> Snapshot:
    return Snapshot("t", AT, accounts, (), (), failures)


def test_stress_excess_is_the_worse_of_the_two_joint_moves() -> None:
    risk = assess(snapshot(account()), PARAMETERS, AT).accounts[0]
    assert risk.binding_scenario == "joint -10 %"
    assert risk.stress_excess == D(40_000) - D(8_000) - D(720)
    assert (risk.equity, risk.maintenance_margin, risk.flags) == (D(40_000), D(800), ())


def test_an_assessment_is_bound_to_its_snapshot_and_survives_being_written() -> None:
    seen = snapshot(account())
    found = assess(seen, PARAMETERS, AT)
    assert found.snapshot_digest == digest(encode(seen))
    assert decode(encode(found), Assessment) == found


def test_what_failed_is_named_and_what_is_stale_is_named() -> None:
    old = account(observed_at=AT - timedelta(seconds=301), missing=("available_to_withdraw",))
    found = assess(
        snapshot(old, failures=(SourceFailure("wallet:cold", "chain.timeout", "…"),)), PARAMETERS, AT
    )
    assert "source.wallet:cold: chain.timeout" in found.missing
    assert "account.main: available_to_withdraw" in found.missing
    assert any("stale" in line for line in found.missing)


def test_an_account_without_brackets_is_not_assessed_and_is_named() -> None:
    bare = dataclasses.replace(account().positions[0], brackets=())
    found = assess(snapshot(account(positions=(bare,))), PARAMETERS, AT)
    assert found.accounts == ()
    assert any("no margin brackets" in line for line in found.missing)


def test_flags_of_the_venue_and_contradictions_found_here_are_both_kept() -> None:
    risk = assess(snapshot(account(equity=D(90_000), flags=("uid_changed",))), PARAMETERS, AT).accounts[0]
    assert risk.flags[0] == "uid_changed"
    assert risk.flags[1].startswith("equity_mismatch")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ok"),
        ({"equity": D(-1)}, "critical"),
        ({"equity": D(0)}, "critical"),
        ({"equity": D(-500), "maintenance_margin": D(-1000)}, "critical"),
        ({"equity": D(800)}, "critical"),
        ({"equity": D(40_000), "flags": ("contradiction",)}, "warning"),
    ],
)
def test_equity_of_zero_or_less_is_critical_whatever_ratios_say(
    changes: dict[str, object], state: str
) -> None:
    assert account_state(assess(snapshot(account(**changes)), PARAMETERS, AT).accounts[0]) == state


def test_a_short_distance_is_a_warning_and_a_tiny_one_critical() -> None:
    def state_with(cash: int) -> str:
        held = (Collateral("USDT", D(cash), D(1), D(1), None),)
        return account_state(
            assess(snapshot(account(collateral=held, equity=D(cash))), PARAMETERS, AT).accounts[0]
        )

    assert [state_with(40_000), state_with(10_000), state_with(4_000)] == ["ok", "warning", "critical"]


@pytest.mark.parametrize(
    ("shock", "multiple", "age"),
    [
        ("0", "1", 1),
        ("1", "1", 1),
        ("-0.1", "1", 1),
        ("NaN", "1", 1),
        ("0.1", "0.9", 1),
        ("0.1", "NaN", 1),
        ("0.1", "1", 0),
    ],
)
def test_refuses_parameters_that_switch_the_stress_off(shock: str, multiple: str, age: int) -> None:
    with pytest.raises(PolicyError, match="expected"):
        RiskParameters(D(shock), D(multiple), age)


@pytest.mark.parametrize("number", ["1e17", "-1e17", "0", "1e-36"])
def test_absurd_numbers_never_crash_an_assessment(number: str) -> None:
    value = D(number)
    odd = account(collateral=(Collateral("USDT", value, D("1e17"), D(1), value),), equity=value)
    found = assess(snapshot(odd), PARAMETERS, AT)
    assert len(found.accounts) + len([line for line in found.missing if "main" in line]) >= 1
    assert decode(encode(found), Assessment) == found
