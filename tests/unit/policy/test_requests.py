"""What a person asks for is denied by default, judged as built, and decided with every step recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from vault.model import MOVE_NOTHING, REQUESTS, Decision
from vault.money import BTC, Amount
from vault.policy.requests import Request, decide_request
from vault.risk.assess import assess

CONFIRMED = 400_000_000


def btc(units: int) -> Amount:
    return Amount(BTC, units)


def request(**changes: Any) -> Request:
    made = Request("bump", "cold", ("main-deposit",), "main", btc(5_000), btc(5_000), btc(0), Decimal(20), 2)
    return replace(made, **changes)


def decide(world: ModuleType, asked: Request, *, rules: str = "", limits: str = "", **given: Any) -> Decision:
    policy, digest = world.policy(rules=world.RULES + rules, limits=limits or world.LIMITS)
    snapshot = given.pop("snapshot", None) or world.snapshot()
    past = given.pop("history", (world.outflow("top_up", "main", "1", 1),))
    moved = tuple(replace(each, fee=btc(100), moved=each.amount) for each in past)
    assessment = assess(snapshot, world.PARAMETERS, world.AT)
    book, busy = world.BOOK, given.pop("in_flight", ())
    return decide_request(policy, digest, asked, assessment, snapshot, book, moved, busy, world.AT)


def allow(action: str, when: str = "transfer.amount > 0") -> str:
    return f'\n[[rule]]\nid = "ask"\neffect = "allow"\naction = "{action}"\nwhen = "{when}"\n'


@pytest.mark.parametrize("action", [each for each in REQUESTS if each not in MOVE_NOTHING])
def test_without_a_rule_it_is_denied(world: ModuleType, action: str) -> None:
    found = decide(world, request(action=action, destinations=(), venue=None))
    assert (found.outcome, found.decided_by) == ("deny", "default")


def test_with_a_rule_it_is_allowed_and_the_trace_is_whole(world: ModuleType) -> None:
    found = decide(world, request(), rules=allow("bump"))
    assert (found.outcome, found.decided_by, found.amount) == ("allow", "rule:ask", btc(5_000))
    assert [step.step for step in found.trace] == [
        "request",
        "book:main-deposit",
        "rule:ask",
        "limit:all",
        "fee_budget",
    ]


def test_a_rule_for_another_request_says_nothing(world: ModuleType) -> None:
    assert decide(world, request(), rules=allow("cancel")).outcome == "deny"


def test_a_deny_rule_wins(world: ModuleType) -> None:
    no = '\n[[rule]]\nid = "no"\neffect = "deny"\naction = "*"\nwhen = "transfer.amount > 0"\n'
    assert decide(world, request(), rules=allow("bump") + no).decided_by == "rule:no"


def test_rules_read_what_the_transaction_costs(world: ModuleType) -> None:
    rules = allow("bump", "transfer.fee_rate <= 20 and transfer.coins < 3 and transfer.fee < 1")
    assert decide(world, request(), rules=rules).outcome == "allow"
    assert decide(world, request(fee_rate=Decimal("20.001")), rules=rules).outcome == "deny"


def test_without_a_limit_it_is_denied(world: ModuleType) -> None:
    limits = world.limit("top-ups", "top_up", "1", 24, "1") + "".join(
        world.limit(f"l-{name}", name, "1", 24, "1") for name in ("sweep", "evacuate", "bump")
    )
    assert decide(world, request(), rules=allow("bump"), limits=limits).outcome == "allow"
    found = decide(world, request(action="cancel"), rules=allow("*"), limits=limits)
    assert (found.outcome, found.decided_by) == ("deny", "limits")


def test_an_unknown_or_stale_wallet_is_denied(world: ModuleType) -> None:
    none = decide(world, request(wallet="elsewhere"), rules=allow("bump"))
    assert (none.outcome, none.decided_by) == ("deny", "wallet:elsewhere")
    snapshot = world.snapshot()
    old = tuple(replace(each, observed_at=world.AT - timedelta(hours=1)) for each in snapshot.wallets)
    stale = decide(world, request(), rules=allow("bump"), snapshot=replace(snapshot, wallets=old))
    assert (stale.outcome, stale.decided_by) == ("deny", "wallet:cold")


@pytest.mark.parametrize(("action", "outcome"), [("pay", "deny"), ("consolidate", "deny"), ("bump", "allow")])
def test_only_what_acts_on_a_transfer_goes_on_while_one_is_under_way(
    world: ModuleType, action: str, outcome: str
) -> None:
    asked = request(action=action, destinations=("cold-1",), venue=None)
    found = decide(world, asked, rules=allow(action), in_flight=("cold",))
    assert found.outcome == outcome
    if outcome == "deny":
        assert found.decided_by == "in_flight"


def test_a_payment_by_hand_goes_to_cold_entries_only(world: ModuleType) -> None:
    found = decide(world, request(action="pay", venue=None), rules=allow("pay"))
    assert (found.outcome, found.decided_by) == ("deny", "book:main-deposit")


def test_a_policy_that_allows_a_request_needs_a_limit_for_it(world: ModuleType) -> None:
    from vault.errors import DocumentError

    limits = "".join(
        world.limit(f"l-{name.replace('_', '-')}", name, "1", 24, "1")
        for name in ("sweep", "evacuate", "top_up")
    )
    with pytest.raises(DocumentError, match="no limit covers pay"):
        world.policy(rules=world.RULES + allow("pay"), limits=limits)


def test_a_bump_that_pays_what_nothing_counts_any_more_is_held_to_the_limit_of_payments(
    world: ModuleType,
) -> None:
    limits = (
        world.LIMITS + '\n[[limit]]\nid = "pay"\naction = "pay"\nasset = "BTC"\nper_transfer = "0.00004"\n'
        'window_amount = "0.00004"\nwindow_hours = 24\n'
    )
    extra = decide(world, request(), rules=allow("bump"), limits=limits)
    whole = decide(world, request(counted_as="pay"), rules=allow("bump"), limits=limits)
    assert extra.outcome == "allow"
    assert (whole.outcome, whole.decided_by) == ("deny", "limit:pay")
