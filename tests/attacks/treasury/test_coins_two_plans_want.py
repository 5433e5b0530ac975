"""Coins of open plans, the same payment asked for twice, and rates that no mempool takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.coin_desk import CoinDesk
from vault.bitcoin.transaction import OutPoint
from vault.errors import DeniedError, MoneyError, PlanError
from vault.money import BTC, Amount
from vault.policy import requests as policy_requests
from vault.treasury import approve, execute, overview
from vault.treasury.requests import build

PAID = Amount(BTC, 30_000)
RATE = Decimal(3)


@pytest.fixture
def allowed(made: CoinDesk, monkeypatch: pytest.MonkeyPatch) -> CoinDesk:
    """The policy's answer is not what these tests are about."""
    from dataclasses import replace

    judge = policy_requests.decide_request
    monkeypatch.setattr(
        policy_requests,
        "decide_request",
        lambda *args, **more: replace(judge(*args, **more), outcome="allow"),
    )
    monkeypatch.setattr("vault.treasury.propose.require_fit", lambda _plan: None)
    return made


def pay(made: CoinDesk, amount: Amount = PAID, rate: Decimal | None = RATE) -> Any:
    return build.pay(made.desk, "cold", [("vault-1", amount)], rate)


def coins_of(found: Any) -> set[str]:
    return {coin for transfer in found.plan.body.transfers for coin in transfer.coins}


def test_a_second_payment_takes_the_other_coin(allowed: CoinDesk) -> None:
    first, second = pay(allowed), pay(allowed, Amount(BTC, 31_000))
    assert coins_of(first).isdisjoint(coins_of(second))


def test_where_no_other_is_left_the_plans_that_hold_them_are_named(allowed: CoinDesk) -> None:
    first = pay(allowed, Amount(BTC, 4_000_000))
    with pytest.raises(PlanError) as caught:
        pay(allowed, Amount(BTC, 3_000_000))
    assert caught.value.code == "plan.coins_reserved"
    assert first.plan.plan_id in caught.value.message
    assert "vault cancel" in caught.value.hint
    execute.cancel(allowed.desk, first.plan, "the other one instead")
    assert not coins_of(pay(allowed, Amount(BTC, 3_000_000))).isdisjoint(coins_of(first))


def test_coins_that_a_person_names_are_taken(allowed: CoinDesk) -> None:
    held = coins_of(pay(allowed))
    every = [coin.outpoint for coin in allowed.desk.wallet("cold").coins()]
    found = build.consolidate(allowed.desk, "cold", every, RATE)
    assert held < coins_of(found)


def test_the_same_payment_asked_for_twice_says_so(allowed: CoinDesk) -> None:
    first = pay(allowed)
    again = pay(allowed)
    assert any(first.plan.plan_id in line and "vault-1" in line for line in again.plan.body.warnings)
    execute.cancel(allowed.desk, first.plan, "once is enough")
    execute.cancel(allowed.desk, again.plan, "once is enough")
    allowed.clock.advance(1)
    other = pay(allowed)
    assert not any("is open" in line for line in other.plan.body.warnings)


@pytest.mark.parametrize("rate", ["0.5", "0.999"])
def test_a_rate_that_no_mempool_takes_is_refused_when_it_is_asked_for(allowed: CoinDesk, rate: str) -> None:
    with pytest.raises(PlanError) as caught:
        pay(allowed, rate=Decimal(rate))
    assert caught.value.code == "plan.fee_below_floor"
    assert "at least 1 sat/vB" in caught.value.message


@pytest.mark.parametrize(
    ("amount", "rate", "kind", "code"),
    [
        (Amount(BTC, 100), RATE, MoneyError, "money.dust"),
        (Amount(BTC, 2_000_000_000), RATE, MoneyError, "money.insufficient_funds"),
        (PAID, Decimal(9_000), DeniedError, "denied.fee_rate_above_cap"),
    ],
)
def test_what_a_person_typed_is_no_forged_transaction(
    allowed: CoinDesk, amount: Amount, rate: Decimal, kind: type[Exception], code: str
) -> None:
    with pytest.raises(kind) as caught:
        pay(allowed, amount, rate)
    assert getattr(caught.value, "code", "").split(".")[1][:4] == code.split(".")[1][:4]


def test_the_last_denied_request_is_the_last_decision(
    made: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    judge = policy_requests.decide_request
    monkeypatch.setattr(
        policy_requests,
        "decide_request",
        lambda *args, **more: replace(
            judge(*args, **more), outcome="deny", decided_by="default", reason="no rule allows it"
        ),
    )
    made.clock.advance(5)
    with pytest.raises(DeniedError) as caught:
        pay(made)
    (last,) = overview.last_decisions(made.desk.store)
    assert last.digest == caught.value.details["decision"]
    assert 'action = "pay"' in caught.value.hint or "rule:" in caught.value.hint


def test_an_approval_says_which_approved_plan_wants_the_same_coin(allowed: CoinDesk) -> None:
    from vault.store import records
    from vault.treasury.reserved import rivals

    first = pay(allowed)
    every = [coin.outpoint for coin in allowed.desk.wallet("cold").coins()]
    second = build.consolidate(allowed.desk, "cold", every, RATE)
    assert rivals(allowed.desk, second.plan) == []
    with allowed.desk.store.write() as writer:
        records.set_plan_state(writer, first.plan.plan_id, frozenset({"proposed"}), "approved", "test")
    (line,) = rivals(allowed.desk, second.plan)
    assert first.plan.plan_id in line
    said: list[str] = []
    allowed.desk.progress = said.append
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(approve.preconditions, "check_transfer", lambda *_args, **_more: None)
        with pytest.raises(Exception, match=r"."):
            approve.approve(allowed.desk, second.plan, "alice")
    assert any(first.plan.plan_id in each for each in said)


def test_a_person_who_names_an_unknown_coin_is_told_so(allowed: CoinDesk) -> None:
    known = allowed.desk.wallet("cold").coins()[0].outpoint
    with pytest.raises(PlanError) as caught:
        build.consolidate(allowed.desk, "cold", [known, OutPoint("ab" * 32, 1)], RATE)
    assert caught.value.code == "plan.coin_not_spendable"
