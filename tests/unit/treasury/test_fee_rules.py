"""Gross, fee and net of a sweep, by the venue's own rule; and wallets that an exchange does not have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy import policy_world as world
from vault.config import VenueSettings
from vault.errors import DeniedError, PlanError
from vault.money import BTC, Amount
from vault.treasury import observe, precautions, preconditions, propose
from vault.treasury.plan import Expected, Transfer, require_form
from vault.venues.base import SpotBalance, WithdrawNetwork

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AMOUNTS = st.integers(1, 10**10)
STEPS = st.sampled_from([1, 10, 1_000, 100_000])


def btc(units: int) -> Amount:
    return Amount(BTC, units)


def settings(exchange: str) -> VenueSettings:
    return VenueSettings.model_validate({"name": "main", "exchange": exchange, "account_uid": "1"})


def desk(exchange: str, info: WithdrawNetwork) -> Any:
    @contextmanager
    def read() -> Iterator[None]:
        yield None

    def spot(name: str, asset: str) -> SpotBalance:
        return SpotBalance(asset, btc(7), btc(2), NOW)

    return SimpleNamespace(
        venues=SimpleNamespace(network_info=lambda *named: info, spot_balance=spot),
        treasury=SimpleNamespace(
            venue=lambda name: settings(exchange),
            config=SimpleNamespace(bitcoin=SimpleNamespace(confirmations=3)),
        ),
        store=SimpleNamespace(read=read),
        progress=lambda line: None,
    )


def network(fee: int, minimum: int = 1, step: int = 1, maximum: int | None = None) -> WithdrawNetwork:
    most = None if maximum is None else btc(maximum)
    return WithdrawNetwork("BTC", "BTC", True, True, btc(fee), btc(minimum), most, btc(step), 2, NOW)


def sweep(exchange: str, decided: int, info: WithdrawNetwork) -> Transfer:
    policy, _ = world.policy()
    decision: Any = SimpleNamespace(subject="main", source="main", amount=btc(decided))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(propose, "expected_of", lambda *named: Expected(None, 1, 0, "x"))
        patch.setattr(propose, "outward", lambda settings: ())
        return propose._withdrawal(desk(exchange, info), policy, decision, world.entry(), 1)


@given(AMOUNTS, st.integers(0, 10**6), STEPS)
@pytest.mark.parametrize("exchange", ["binance", "okx"])
def test_no_more_than_was_decided_leaves_and_what_is_asked_for_is_a_multiple_of_the_step(
    exchange: str, decided: int, fee: int, step: int
) -> None:
    try:
        made = sweep(exchange, decided, network(fee, step=step))
    except DeniedError as error:
        assert error.code == "denied.below_minimum"
        assert decided - fee < step if exchange == "okx" else decided // step * step <= fee or decided <= fee
        return
    require_form(made)
    assert made.gross == made.amount + made.fee
    assert made.gross.units <= decided
    assert made.asked == (made.amount if exchange == "okx" else made.gross)
    assert made.asked.units % step == 0
    assert made.amount.units > 0
    assert decided - made.gross.units < step


@pytest.mark.parametrize(
    ("exchange", "minimum", "fine"),
    [("binance", 100_000, True), ("binance", 100_001, False), ("okx", 99_000, True), ("okx", 99_001, False)],
)
def test_the_minimum_is_a_rule_for_what_the_venue_is_asked_for(
    exchange: str, minimum: int, fine: bool
) -> None:
    info = network(1_000, minimum=minimum)
    if fine:
        assert sweep(exchange, 100_000, info).fee_rule == ("added" if exchange == "okx" else "included")
        return
    with pytest.raises(DeniedError):
        sweep(exchange, 100_000, info)


@pytest.mark.parametrize(("now", "code"), [(1_001, "plan.fee_changed"), (999, "plan.fee_changed")])
def test_a_fee_that_is_not_the_one_approved_is_refused(
    now: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precautions, "required", lambda *named: ())
    monkeypatch.setattr(preconditions, "_place", lambda *named: None)
    monkeypatch.setattr(precautions, "of_sweep", lambda *named: {})
    made = sweep("binance", 100_000, network(1_000))
    preconditions.check_withdrawal(desk("binance", network(1_000)), made)
    with pytest.raises(PlanError) as caught:
        preconditions.check_withdrawal(desk("binance", network(now)), made)
    assert caught.value.code == code


@pytest.mark.parametrize(("exchange", "idle"), [("binance", 9), ("kraken", 9), ("deribit", 0)])
def test_what_is_margin_already_does_not_count_a_second_time(exchange: str, idle: int) -> None:
    """Where margin is withdrawn directly, the wallet that withdrawals leave from is the margin account."""
    held = observe._spot(desk(exchange, network(1)), "main", "BTC")
    assert (held.free + held.locked).units == idle
