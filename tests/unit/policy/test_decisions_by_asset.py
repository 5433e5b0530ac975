"""Decisions in USDC and ETH: sized, reserved, limited and paid for in their own asset, on their own chain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support import ethereum_policy as world
from vault.model import AccountFinding, Decision, Snapshot
from vault.money import USDT, Amount
from vault.policy.book import AddressBook
from vault.policy.gas import check_gas

SWEEP, TOP_UP, EVACUATE = ("sweep", "main"), ("top_up", "main"), ("evacuate", "hot")
LOW = "5000"


def emptying(asset: str) -> str:
    return world.EVACUATION.replace("safe-ASSET", f"safe-{asset.lower()}").replace("ASSET", asset)


def topped(wallets: object = world.WALLETS, **given: object) -> Decision:
    seen = world.snapshot(LOW, wallets)  # type: ignore[arg-type]
    return world.decisions(seen, **given)[TOP_UP]  # type: ignore[arg-type]


def without(*names: tuple[str, str]) -> tuple[object, ...]:
    return tuple(each for each in world.WALLETS if (each.name, each.asset.symbol) not in names)


def test_a_sweep_is_sized_in_dollars_to_the_millionth() -> None:
    found = world.decisions(world.snapshot("400000.0000019"))[SWEEP]
    assert (found.outcome, found.amount) == ("allow", world.usdc("150000.000001"))


def test_a_top_up_of_a_token_takes_the_whole_balance_where_it_is_needed() -> None:
    wallets = (world.held("safe", "USDC", "200000.000001"), *without(("safe", "USDC")))
    found = topped(wallets)
    assert (found.outcome, found.amount) == ("allow", world.usdc("200000.000001"))


def test_a_balance_of_another_asset_is_not_what_is_sent() -> None:
    found = topped(without(("safe", "USDC")))
    assert (found.outcome, found.decided_by) == ("deny", "band:main")
    assert "not known" in found.reason


def test_the_reserve_for_gas_comes_out_of_ether_only_where_the_account_pays_itself() -> None:
    rulebook = world.policy(evacuation=emptying("ETH"))
    found = world.decisions(world.snapshot(), rulebook=rulebook)[EVACUATE]
    assert found.amount == world.ether("1.95")
    told = world.decisions(world.snapshot(), rulebook=rulebook, gas={1: world.cost("0.003")})[EVACUATE]
    assert told.amount == world.ether("1.997")
    of_safe = tuple(replace(each, gas_from="gas") if each.name == "hot" else each for each in world.WALLETS)
    whole = world.decisions(world.snapshot(wallets=of_safe), rulebook=rulebook)[EVACUATE]
    assert whole.amount == world.ether("2")
    tokens = world.decisions(world.snapshot(), rulebook=world.policy(evacuation=emptying("USDC")))[EVACUATE]
    assert tokens.amount == world.usdc("40000")


def test_an_account_with_less_ether_than_its_gas_is_not_emptied() -> None:
    wallets = (*without(("hot", "ETH")), world.held("hot", "ETH", "0.05"))
    rulebook = world.policy(evacuation=emptying("ETH"))
    assert world.decisions(world.snapshot(wallets=wallets), rulebook=rulebook)[EVACUATE].outcome == "none"


@pytest.mark.parametrize("direction", [SWEEP, TOP_UP])
def test_without_a_gas_table_nothing_moves_on_a_chain_and_the_trace_says_why(
    direction: tuple[str, str],
) -> None:
    seen = world.snapshot("600000" if direction is SWEEP else LOW)
    found = world.decisions(seen, rulebook=world.policy(gas=""))[direction]
    assert (found.outcome, found.decided_by) == ("deny", "gas:1")
    assert "no [[gas]] table for chain 1" in found.reason
    other = world.GAS.replace("chain = 1", "chain = 42161")
    assert world.decisions(seen, rulebook=world.policy(gas=other))[direction].decided_by == "gas:1"


def test_who_pays_the_gas_must_be_known_fresh_and_have_some() -> None:
    none = topped(without(("gas", "ETH")))
    assert (none.outcome, none.decided_by) == ("deny", "wallet:gas")
    old = world.held("gas", "ETH", "1", observed_at=world.AT - timedelta(hours=1))
    assert topped((*without(("gas", "ETH")), old)).decided_by == "wallet:gas"
    little = (*without(("gas", "ETH")), world.held("gas", "ETH", "0.009"))
    assert topped(little).outcome == "allow"
    assert topped(little, gas={1: world.cost("0.0091")}).decided_by == "wallet:gas"


def test_an_account_that_is_only_watched_sends_nothing() -> None:
    wallets = (world.held("safe", "USDC", "900000", gas_from=""), *without(("safe", "USDC")))
    found = topped(wallets)
    assert (found.outcome, found.decided_by) == ("deny", "wallet:safe")
    assert "only watched" in found.reason


def test_an_entry_on_another_chain_than_the_account_is_denied() -> None:
    entries = tuple(
        replace(each, network="eip155:42161") if each.id == "main-deposit" else each
        for each in world.BOOK.entries
    )
    both = world.GAS + world.GAS.replace("chain = 1", "chain = 42161")
    found = topped(book=AddressBook(1, entries), rulebook=world.policy(gas=both))
    assert (found.outcome, found.decided_by) == ("deny", "wallet:safe")
    assert "expected an entry on eip155:1, found main-deposit on eip155:42161" in found.reason


def test_an_entry_of_another_asset_is_denied() -> None:
    entries = tuple(
        replace(each, asset="USDT") if each.id == "main-deposit" else each for each in world.BOOK.entries
    )
    assert topped(book=AddressBook(1, entries)).decided_by == "book:main-deposit"


def test_one_transaction_of_a_sender_at_a_time_whoever_it_is_for() -> None:
    assert topped(in_flight=("gas",)).decided_by == "in_flight"
    rulebook = world.policy(evacuation=emptying("USDC") + emptying("ETH"))
    document, digest = rulebook
    seen = world.snapshot()
    found = [each for each in _all(seen, rulebook) if each.subject == "hot"]
    assert [(each.outcome, each.decided_by) for each in found] == [
        ("allow", "rule:allow"),
        ("deny", "in_flight"),
    ]
    assert (document.policy_id, len(digest)) == ("test", 64)


def _all(seen: Snapshot, rulebook: object) -> list[Decision]:
    from vault.policy.engine import decide
    from vault.risk.assess import RiskParameters, assess

    document, digest = rulebook  # type: ignore[misc]
    assessment = assess(seen, RiskParameters(world.D("0.10"), world.D(1), 300), world.AT)
    return list(decide(document, digest, assessment, seen, world.BOOK, (), (), world.AT))


def test_a_nonce_that_somebody_else_used_stops_what_would_follow() -> None:
    line = "gas: nonce 7 was used by a transaction that is in no plan"
    foreign = AccountFinding("gas", "ethereum.foreign_nonce", line, "")
    seen = world.snapshot(LOW, findings=(foreign,))
    found = world.decisions(seen)[TOP_UP]
    assert (found.outcome, found.decided_by) == ("deny", "wallet:safe")
    stuck = replace(foreign, code="ethereum.stuck")
    assert world.decisions(replace(seen, findings=(stuck,)))[TOP_UP].outcome == "allow"


def test_windows_count_each_asset_for_itself() -> None:
    narrow = world.limit("USDC", per_transfer="300000", window="300000") + world.limit("USDT")
    rulebook = world.policy(limits=narrow)
    assert topped(rulebook=rulebook, history=(world.past("USDT", "299999"),)).outcome == "allow"
    found = topped(rulebook=rulebook, history=(world.past("USDC", "60000"),))
    assert (found.outcome, found.decided_by) == ("deny", "limit:usdc-all")


def test_gas_of_the_window_counts_by_chain_and_by_age() -> None:
    almost = world.past("USDT", "1", gas="0.071")
    assert topped(history=(almost,)).decided_by == "gas:1"
    assert topped(history=(world.past("USDT", "1", gas="0.07"),)).outcome == "allow"
    assert topped(history=(replace(almost, chain_id=42161),)).outcome == "allow"
    assert topped(history=(replace(almost, at=world.AT - timedelta(hours=25)),)).outcome == "allow"
    assert topped(history=(replace(almost, state="unknown"),)).decided_by == "gas:1"


def test_two_transfers_of_a_round_do_not_pass_where_both_together_would_not() -> None:
    rulebook = world.policy(gas=world.GAS.replace('"0.12"', '"0.09"'), evacuation=emptying("USDC"))
    found = world.decisions(world.snapshot(LOW), rulebook=rulebook)
    assert found[TOP_UP].outcome == "allow"
    assert found[EVACUATE].decided_by == "gas:1"


@pytest.mark.parametrize(
    ("number", "gwei", "counted", "within"),
    [
        ("0.05", 100, None, True),
        ("0.050000000000000001", 100, None, False),
        ("0.05", 101, None, False),
        ("0.05", 100, "0.02", True),
        ("0.05", 100, "0.020000000000000001", False),
    ],
)
def test_gas_is_held_against_its_caps_to_the_wei(
    number: str, gwei: int, counted: str | None, within: bool
) -> None:
    document, _ = world.policy()
    spent = (world.past("USDC", "1", gas="0.1"),) if counted else ()
    more = None if counted is None else world.ether(counted)
    result = check_gas(document, world.cost(number, gwei, counted=more), spent, world.AT)
    assert (result.name, result.within) == ("gas:1", within)


def test_bitcoins_budget_of_fees_counts_bitcoin_alone() -> None:
    from vault.policy.budget import check_fee_budget

    document, _ = world.policy()
    fee, moved = Amount.parse("1", USDT), Amount.parse("100", USDT)
    assert check_fee_budget(document, fee, moved, (), world.AT).within
    assert not check_fee_budget(document, Amount.parse("1.01", USDT), moved, (), world.AT).within
    other = world.past("USDC", "1000000", moved=world.usdc("1000000"))
    assert not check_fee_budget(document, Amount.parse("1.01", USDT), moved, (other,), world.AT).within


def test_facts_of_gas_are_what_a_rule_reads_and_their_absence_denies() -> None:
    rules = world.RULES + (
        '[[rule]]\nid = "dear"\neffect = "deny"\naction = "top_up"\nwhen = "gas.max_fee > 50"\n'
    )
    rulebook = world.policy(rules=rules)
    assert topped(rulebook=rulebook).decided_by == "rule:dear"
    assert topped(rulebook=rulebook, gas={1: world.cost(gwei=50)}).outcome == "allow"
    assert topped(rulebook=rulebook, gas={1: world.cost(gwei=51)}).decided_by == "rule:dear"
