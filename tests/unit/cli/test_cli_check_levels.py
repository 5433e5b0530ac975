"""What `vault check` calls OK, WARNING, CRITICAL and UNKNOWN, and its one line for a monitor."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.cli.check import CRITICAL, OK, UNKNOWN, WARNING, Thresholds, judge, performance
from vault.model import AccountRisk, Assessment, Decision, MarketReading, Snapshot, SourceFailure, SpotHolding
from vault.money import BTC, Amount
from vault.store.journal import Head
from vault.treasury.overview import AccountView, Overview
from vault.treasury.propose import Proposal

AT = datetime(2026, 1, 31, tzinfo=UTC)
LIMITS = Thresholds(Decimal("0.45"), Decimal("0.75"))
RISK = AccountRisk("trading", AT, Decimal(9), Decimal(1), Decimal(5), "joint -10 %", (), Decimal("-0.4"), ())
MARKET = MarketReading(
    "trading", "BTCUSDT", *(None,) * 4, (), *(None,) * 6, (), (), AT, ()
)  # fmt: skip


def decision(action: Any, outcome: Any) -> Decision:
    return Decision(
        action, "trading", outcome, None, "a", "b", "limit:day", "why | not", "default", 1, "0" * 64, ()
    )


def found(
    *decisions: Decision, fragility: str | None = "0.1", failures: tuple[SourceFailure, ...] = ()
) -> Proposal:
    snapshot = Snapshot("desk-one", AT, (), (MARKET,), (), failures)
    share = None if fragility is None else Decimal(fragility)
    assessment = Assessment("0" * 64, "desk-one", AT, (RISK,), (), share, Decimal(1), Decimal("0.6"), ())
    return Proposal(snapshot, assessment, decisions, ("0" * 64,) * len(decisions), None, None, ())


def known(*views: AccountView) -> Overview:
    return Overview(AT, AT, None, views, (), (), (), Head(1, "0" * 64))


def level(
    proposal: Proposal, overview: Overview | None = None, accounts: tuple[str, ...] = ("trading",)
) -> int:
    from vault.cli.check import _RANK

    remarks = judge(proposal, overview or known(AccountView("ok", RISK)), ("trading",), LIMITS)
    return max((remark.level for remark in remarks), key=_RANK.index, default=OK)


def test_a_top_up_that_could_not_be_judged_is_unknown_and_not_critical() -> None:
    unread = replace(decision("top_up", "deny"), decided_by="account:trading", reason="it was not read")
    assert level(found(unread)) == UNKNOWN


def test_a_top_up_of_an_account_that_was_read_is_critical_whatever_its_wallet_says() -> None:
    stale = replace(decision("top_up", "deny"), decided_by="wallet:cold", reason="the balance is 500 s old")
    assert level(found(stale)) == CRITICAL


def test_an_evacuation_of_a_wallet_that_was_not_read_is_unknown() -> None:
    unread = replace(decision("evacuate", "deny"), decided_by="wallet:staging", reason="not known")
    assert level(found(unread)) == UNKNOWN


def test_coins_idle_in_a_spot_wallet_are_a_warning() -> None:
    holding = SpotHolding("trading", Amount.parse("6", BTC), Amount.zero(BTC), AT)
    overview = replace(known(AccountView("ok", RISK)), idle=(holding,))
    assert level(found(), overview) == WARNING
    remarks = judge(found(), overview, ("trading",), LIMITS)
    assert "6.00000000 BTC idle in trading's spot wallet" in [remark.text for remark in remarks]


def test_nothing_called_for_and_calm_is_ok() -> None:
    assert level(found(decision("sweep", "none"), decision("top_up", "none"))) == OK


@pytest.mark.parametrize("outcome", ["allow", "deny"])
def test_a_top_up_that_is_called_for_is_critical_denied_or_not(outcome: str) -> None:
    assert level(found(decision("top_up", outcome))) == CRITICAL


@pytest.mark.parametrize("action", ["sweep", "evacuate"])
def test_a_sweep_or_evacuation_that_is_called_for_is_a_warning(action: str) -> None:
    assert level(found(decision(action, "allow"))) == WARNING
    assert level(found(decision(action, "deny"))) == WARNING


@pytest.mark.parametrize(("state", "expected"), [("ok", OK), ("warning", WARNING), ("critical", CRITICAL)])
def test_the_states_of_risk_are_the_levels(state: Any, expected: int) -> None:
    assert level(found(), known(AccountView(state, RISK))) == expected


@pytest.mark.parametrize(
    ("fragility", "expected"),
    [("0.44", OK), ("0.45", WARNING), ("0.74", WARNING), ("0.75", CRITICAL), (None, WARNING)],
)
def test_fragility_warns_and_alarms_at_its_shares(fragility: str | None, expected: int) -> None:
    assert level(found(fragility=fragility)) == expected


def test_an_account_that_could_not_be_assessed_is_unknown_and_beats_a_warning() -> None:
    assert level(found(decision("sweep", "allow")), known()) == UNKNOWN


def test_what_is_known_to_be_bad_beats_not_knowing() -> None:
    assert level(found(decision("top_up", "deny")), known()) == CRITICAL


def test_a_source_that_failed_is_a_warning() -> None:
    assert level(found(failures=(SourceFailure("market:x", "venue.timeout", "no answer"),))) == WARNING


def test_no_text_of_a_source_can_pass_for_performance_data() -> None:
    remarks = judge(
        found(decision("sweep", "deny"), failures=(SourceFailure("a|b\nc", "venue.x", "m"),)),
        known(AccountView("ok", RISK)),
        ("trading",),
        LIMITS,
    )
    assert not any("|" in remark.text or "\n" in remark.text for remark in remarks)


@given(st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=6))
def test_performance_data_are_plain_numbers_whatever_the_amount(value: Decimal) -> None:
    proposal = found()
    risk = replace(RISK, stress_excess=value, joint_distance=None)
    proposal = replace(proposal, assessment=replace(proposal.assessment, accounts=(risk,)))
    for item in performance(proposal, LIMITS):
        assert re.fullmatch(r"'[a-z0-9_-]+'=-?[0-9]+(\.[0-9]+)?(;[0-9.:]*){0,4}", item), item
