"""Attacks on the decision: stale and contradictory data, dead feeds, split transfers, altered entries."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from types import ModuleType

import pytest

from vault.policy.book import AddressBook
from vault.risk.indicators.registry import NAMES

D = Decimal
SECOND = timedelta(seconds=1)


def sweep(world: ModuleType, **changes: object) -> object:
    return world.decisions(world.snapshot((dataclasses.replace(world.CALM, **changes),)))["sweep", "main"]


@pytest.mark.parametrize("field", ["observed_at", "received_at"])
@pytest.mark.parametrize(("age", "outcome"), [(300, "allow"), (301, "deny"), (-30, "allow"), (-31, "deny")])
def test_margin_that_is_stale_or_from_the_future_moves_nothing(
    world: ModuleType, field: str, age: int, outcome: str
) -> None:
    assert sweep(world, **{field: world.AT - age * SECOND}).outcome == outcome  # type: ignore[attr-defined]


def test_a_frozen_snapshot_is_refused_later(world: ModuleType) -> None:
    later = world.AT + timedelta(seconds=301)
    assert {d.outcome for d in world.decisions(at=later).values()} == {"deny"}


def test_a_stale_wallet_balance_moves_nothing(world: ModuleType) -> None:
    old = tuple(dataclasses.replace(w, observed_at=world.AT - 301 * SECOND) for w in world.WALLETS)
    crowded = (world.market(crowded=True),)
    found = world.decisions(world.snapshot((world.FALLEN,), old), markets=crowded)
    assert {found["top_up", "main"].outcome, found["evacuate", "staging"].outcome} == {"deny"}


def evacuation(world: ModuleType, **scores: float | None) -> str:
    markets = (world.market(crowded=True, **scores),)
    return str(world.decisions(markets=markets)["evacuate", "staging"].outcome)


@pytest.mark.parametrize("dead", NAMES)
def test_a_dead_feed_never_empties_a_wallet(world: ModuleType, dead: str) -> None:
    before = evacuation(world, funding=0.0)
    assert before == "allow"
    said = world.CROWDED.get(dead, 0.0)
    assert evacuation(world, **{dead: None}) == ("none" if said else "allow")


def test_all_feeds_dead_never_empty_a_wallet_and_without_markets_the_rule_denies(world: ModuleType) -> None:
    assert evacuation(world, **dict.fromkeys(NAMES)) == "none"
    assert world.decisions(markets=())["evacuate", "staging"].outcome == "deny"


@pytest.mark.parametrize("dead", [("funding", "open_interest"), ("etf", "liquidation_clusters"), NAMES[:6]])
def test_killing_calm_feeds_cannot_push_fragility_over_the_trigger(
    world: ModuleType, dead: tuple[str, ...]
) -> None:
    thin = world.market(depth=1.0)
    killed = world.market(depth=1.0, **dict.fromkeys(dead))
    for seen in (thin, killed):
        assert world.decisions(markets=(seen,))["evacuate", "staging"].outcome == "none"


def test_killing_the_feeds_of_one_market_cannot_turn_the_rules_to_another(world: ModuleType) -> None:
    """By doubt the dead one becomes the most fragile: what it says of funding must not count only then."""
    rulebook = world.policy(rules=world.RULES.replace("transfer.amount > 0", "market.funding_score > 0.5"))
    for funding, outcome in ((0.2, "deny"), (0.9, "allow")):
        lively = world.market(asset="ETH", funding=funding)
        dying = world.market(asset="ETH", funding=funding, **dict.fromkeys(NAMES[2:]))
        for seen in (lively, dying):
            markets = (world.market(crowded=True), seen)
            found = world.decisions(markets=markets, rulebook=rulebook)
            assert found["evacuate", "staging"].outcome == outcome


def test_flags_from_the_venue_deny_both_directions(world: ModuleType) -> None:
    for account, key in ((world.CALM, "sweep"), (world.FALLEN, "top_up")):
        flagged = dataclasses.replace(account, flags=("uid_changed",))
        decision = world.decisions(world.snapshot((flagged,)))[key, "main"]
        assert (decision.outcome, decision.decided_by) == ("deny", "account:main")


@pytest.mark.parametrize(
    "unsaid",
    [
        "collateral:BNB",
        "brackets:BTCUSDT",
        "isolated_margin:BTCUSDT",
        "position:BTC-27JUN26-C (option)",
        "mark_price:BTCUSDT",
        "account_time",
        "something_new",
    ],
)
def test_what_could_hide_margin_moves_nothing(world: ModuleType, unsaid: str) -> None:
    assert sweep(world, missing=(unsaid,)).outcome == "deny"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "unsaid", ["available_to_withdraw", "balance", "open_order_margin", "ratio", "leverage:BTCUSDT"]
)
def test_a_total_that_is_computed_here_may_be_missing(world: ModuleType, unsaid: str) -> None:
    assert sweep(world, missing=(unsaid,)).outcome == "allow"  # type: ignore[attr-defined]


def test_an_answer_without_the_position_cannot_enlarge_a_sweep(world: ModuleType) -> None:
    robbed = dataclasses.replace(world.CALM, positions=())
    decision = world.decisions(world.snapshot((robbed,)))["sweep", "main"]
    assert decision.outcome == "deny"
    assert "contradict" in decision.reason


def test_an_answer_without_a_balance_cannot_cause_a_top_up(world: ModuleType) -> None:
    robbed = dataclasses.replace(world.CALM, collateral=world.CALM.collateral[1:])
    decision = world.decisions(world.snapshot((robbed,)))["top_up", "main"]
    assert decision.outcome == "deny"


def test_two_accounts_of_one_name_are_one_account_too_many(world: ModuleType) -> None:
    twice = world.snapshot((world.CALM, world.FALLEN))
    assert {d.outcome for key, d in world.decisions(twice).items() if key[1] == "main"} == {"deny"}


def test_a_venue_that_reports_nonsense_is_denied_and_does_not_crash(world: ModuleType) -> None:
    for number in ("NaN", "1e30", "-1e30", "Infinity"):
        odd = dataclasses.replace(world.CALM.collateral[0], balance=D(number))
        seen = world.snapshot((dataclasses.replace(world.CALM, collateral=(odd,)),))
        assert world.decisions(seen)["sweep", "main"].outcome == "deny"


def test_splitting_does_not_pass_where_the_whole_would_not(world: ModuleType) -> None:
    limits = world.LIMITS + world.limit("day", "sweep", "7", 24, "8")
    rulebook = world.policy(limits=limits)
    parts = tuple(world.outflow("sweep", "main", "0.21", 60 + n) for n in range(10))
    assert world.decisions(rulebook=rulebook, history=parts[:9])["sweep", "main"].outcome == "allow"
    decision = world.decisions(rulebook=rulebook, history=parts)["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "limit:day")


def test_splitting_over_accounts_does_not_help_either(world: ModuleType) -> None:
    rulebook = world.policy(limits=world.LIMITS + world.limit("day", "sweep", "7", 24, "8"))
    other = (world.outflow("sweep", "other", "2.00000001", 600),)
    assert world.decisions(rulebook=rulebook, history=other)["sweep", "main"].decided_by == "limit:day"


@pytest.mark.parametrize("state", ["settled", "pending", "unknown", "failed?", ""])
def test_whatever_may_have_happened_counts_toward_the_window(world: ModuleType, state: str) -> None:
    rulebook = world.policy(limits=world.LIMITS + world.limit("day", "sweep", "7", 24, "8"))
    other = (world.outflow("sweep", "other", "3", 600, state),)
    assert world.decisions(rulebook=rulebook, history=other)["sweep", "main"].decided_by == "limit:day"


def test_an_outflow_dated_ahead_still_counts_and_one_just_outside_does_not(world: ModuleType) -> None:
    rulebook = world.policy(limits=world.LIMITS + world.limit("day", "sweep", "7", 24, "8"))
    for minutes, outcome in ((-500, "deny"), (24 * 60, "deny"), (24 * 60 + 1, "allow")):
        history = (world.outflow("sweep", "other", "3", minutes),)
        assert world.decisions(rulebook=rulebook, history=history)["sweep", "main"].outcome == outcome


def test_a_negative_outflow_buys_no_room(world: ModuleType) -> None:
    rulebook = world.policy(limits=world.LIMITS + world.limit("day", "sweep", "7", 24, "8"))
    three = world.outflow("sweep", "other", "3", 600)
    refund = dataclasses.replace(three, amount=-three.amount)
    assert world.decisions(rulebook=rulebook, history=(three, refund))["sweep", "main"].outcome == "deny"


def test_limits_hold_for_emergencies_too(world: ModuleType) -> None:
    tight = world.limit("t", "top_up", "1", 24, "9") + world.limit("e", "evacuate", "1", 24, "9")
    rulebook = world.policy(limits=world.LIMITS + tight)
    crowded = (world.market(crowded=True),)
    found = world.decisions(world.snapshot((world.FALLEN,)), markets=crowded, rulebook=rulebook)
    assert found["top_up", "main"].decided_by == "limit:t"
    assert found["evacuate", "staging"].decided_by == "limit:e"


@pytest.mark.parametrize(
    "changes",
    [
        {"retired_at": True},
        {"in_first_version": False, "added_at": True},
        {"id": "cold-9"},
        {"purpose": "venue_deposit", "venue": "main", "wallet": None, "index": None},
    ],
)
def test_nothing_is_swept_to_an_entry_that_is_not_an_active_cold_address(
    world: ModuleType, changes: dict[str, object]
) -> None:
    told = {key: world.AT if value is True else value for key, value in changes.items()}
    book = AddressBook(2, (world.entry(**told), world.deposit()))
    decision = world.decisions(book=book)["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "book:cold-1")


def test_a_top_up_goes_only_to_the_deposit_address_of_that_account(world: ModuleType) -> None:
    for wrong in (world.deposit(venue="other"), world.entry("main-deposit", address=world.address("z"))):
        book = AddressBook(1, (world.entry(), wrong))
        decision = world.decisions(world.snapshot((world.FALLEN,)), book=book)["top_up", "main"]
        assert (decision.outcome, decision.decided_by) == ("deny", "book:main-deposit")


def test_an_altered_address_changes_the_digest_that_was_signed(world: ModuleType) -> None:
    altered = AddressBook(1, (world.entry(address=world.address("thief")), world.deposit()))
    assert altered.digest() != world.BOOK.digest()


def test_a_general_allow_rule_does_not_lift_a_specific_deny(world: ModuleType) -> None:
    rules = (
        world.rule("anything", "allow", "*", "True")
        + world.rule("never", "deny", "sweep", 'account.name == "main"')
        + world.rule("please", "allow", "sweep", "True")
    )
    decision = world.decisions(rulebook=world.policy(rules=rules))["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "rule:never")


def test_a_deny_rule_that_cannot_be_evaluated_denies(world: ModuleType) -> None:
    rules = world.RULES + world.rule("when-crowded", "deny", "sweep", "market.funding_score > 0.9")
    dead = (world.market(funding=None),)
    decision = world.decisions(markets=dead, rulebook=world.policy(rules=rules))["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "rule:when-crowded")
    assert "missing_fact" in decision.reason
