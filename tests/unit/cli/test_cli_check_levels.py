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

from vault.cli.check import judge
from vault.cli.monitor import CRITICAL, FIRST_LINE, OK, UNKNOWN, WARNING, Thresholds, performance, report
from vault.model import AccountRisk, Assessment, Decision, MarketReading, Snapshot, SourceFailure, SpotHolding
from vault.money import BTC, Amount
from vault.store.journal import Head
from vault.treasury.overview import AccountView, Overview
from vault.treasury.propose import Proposal, UnsignedDocument

AT = datetime(2026, 1, 31, tzinfo=UTC)
LIMITS = Thresholds(Decimal("0.45"), Decimal("0.75"))
RISK = AccountRisk("trading", AT, Decimal(9), Decimal(1), Decimal(5), "joint -10 %", (), Decimal("-0.4"), ())
MARKET = MarketReading(
    "trading", "BTCUSDT", *(None,) * 10, AT, ()
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
    for item in performance(proposal):
        assert re.fullmatch(r"'[a-z0-9_-]+'=-?[0-9]+(\.[0-9]+)?(;[0-9.:]*){0,4}", item), item


# -- a policy or book that waits for its signature ------------------------------------------------------

DRAFT = UnsignedDocument(
    "address-book",
    "address-book.json",
    "attestation.other_document",
    "not what alice signed",
    "vault book sign",
)


@pytest.mark.parametrize(
    ("state", "expected"), [("ok", WARNING), ("warning", WARNING), ("critical", CRITICAL)]
)
def test_an_unsigned_draft_hides_no_margin(state: Any, expected: int) -> None:
    blind = replace(found(), unsigned=(DRAFT,))
    assert level(blind, known(AccountView(state, RISK))) == expected
    remarks = judge(blind, known(AccountView(state, RISK)), ("trading",), LIMITS)
    (said,) = [remark.text for remark in remarks if "address-book" in remark.text]
    assert "nothing is decided" in said and "`vault book sign`" in said
    if state != "ok":
        assert remarks[0].text.startswith(f"trading {state}, distance 40.0 %, stress excess 5.00 USD")


# -- several accounts -----------------------------------------------------------------------------------


def several(count: int, *views: AccountView) -> tuple[Proposal, Overview, tuple[str, ...]]:
    """So many accounts of which only these were read; each of the others failed in five places."""
    read = {view.risk.account for view in views}
    names = (*read, *(f"account-{number}" for number in range(count - len(views))))
    lost = [name for name in names if name not in read]
    places = ("venue:{}", "spot:{}:BTC", "spot:{}:USDT", "market:{}:BTCUSDT")
    failures = tuple(
        SourceFailure(place.format(name), "venue.worker_lost", "the worker did not answer in time")
        for name in lost
        for place in places
    )
    denied = [
        replace(
            decision(action, "deny"), subject=name, decided_by=f"account:{name}", reason="it was not read"
        )
        for name in lost
        for action in ("sweep", "top_up")
    ]
    proposal = found(*denied, failures=failures)
    risks = tuple(view.risk for view in views)
    return (
        replace(proposal, assessment=replace(proposal.assessment, accounts=risks)),
        known(*views),
        names,
    )


def told(proposal: Proposal, overview: Overview, names: tuple[str, ...]) -> list[str]:
    remarks = judge(proposal, overview, names, LIMITS)
    return report(remarks[0].level if remarks else OK, remarks, proposal, overview, names, LIMITS)


@pytest.mark.parametrize("count", [2, 5, 12, 40])
def test_the_first_line_does_not_grow_with_the_accounts(count: int) -> None:
    near = replace(RISK, account="near", joint_distance=Decimal("-0.04"))
    lines = told(*several(count, AccountView("critical", near)))
    assert len(lines[0]) <= FIRST_LINE
    assert lines[0].startswith(
        f"VAULT CRITICAL - {count} accounts, 1 critical, {count - 1} not assessed: near "
    )
    assert lines[-1].startswith("performance data | 'near_equity'=9.00 ")
    assert sum(line.count("account-0 ") for line in lines[1:]) == 1


def test_the_account_nearest_to_its_liquidation_comes_first() -> None:
    views = [
        AccountView("critical", replace(RISK, account=name, joint_distance=Decimal(distance)))
        for name, distance in (("far", "-0.049"), ("near", "0.01"), ("middle", "-0.03"))
    ]
    line = told(*several(3, *views))[0]
    assert line.index("near critical") < line.index("middle critical") < line.index("far critical")


def test_what_could_not_be_read_is_said_once_and_in_full_below() -> None:
    lines = told(*several(2, AccountView("ok", RISK)))
    assert lines[0].count("account-0") == 1 and "account-0 not read (venue.worker_lost)" in lines[0]
    assert "venue:account-0: venue.worker_lost: the worker did not answer in time" in lines


def test_calm_accounts_are_counted() -> None:
    views = [AccountView("ok", replace(RISK, account=f"calm-{number}")) for number in range(5)]
    assert told(*several(5, *views))[0].startswith("VAULT OK - 5 accounts, 5 ok: margin and wallets as they")


def test_one_account_and_all_its_data_stand_in_one_line() -> None:
    proposal, overview, names = several(1, AccountView("warning", RISK))
    (line,) = told(proposal, overview, names)
    assert " | 'trading_equity'=9.00 " in line and line.endswith(";;;0;1")


def test_a_reason_longer_than_the_line_is_cut_there_and_whole_below() -> None:
    proposal = found(failures=(SourceFailure("market:" + "x" * 400, "venue.x", "m"),))
    overview = known(AccountView("ok", RISK))
    lines = told(proposal, overview, ("trading",))
    assert " ... | " in lines[0] and any("x" * 400 in line for line in lines[1:])


def test_a_disputed_step_is_critical() -> None:
    from vault.canonical import canonical_json
    from vault.store.records import IntentRow
    from vault.treasury.overview import PlanView

    body = canonical_json({"disputed": "books.withdrawal_differs: expected 1, the venue recorded 2"})
    step = IntentRow("v1", "p1", 1, 2, "withdraw", "accepted", None, "", "w1", body)
    overview = replace(known(AccountView("ok", RISK)), plans=(PlanView("p1", "sending", AT, AT, (step,)),))
    assert level(found(), overview) == CRITICAL
    (remark,) = judge(found(), overview, ("trading",), LIMITS)
    assert remark.text.startswith("plan p1 step 1.2 withdraw is disputed: books.withdrawal_differs")
