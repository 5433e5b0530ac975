"""Requests on Ethereum are judged with their gas; owners of a Safe change only by a rule of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support import ethereum_policy as world
from vault.money import BTC, Amount
from vault.policy.gas import GasCost


def rule(action: str, effect: str = "allow", when: str = "transfer.amount >= 0") -> str:
    name = action.replace("_", "-").replace("*", "all")
    return f'[[rule]]\nid = "r-{name}"\neffect = "{effect}"\naction = "{action}"\nwhen = "{when}"\n'


def test_a_payment_is_allowed_with_its_gas_and_the_trace_is_whole() -> None:
    found = world.asked(world.request())
    assert (found.outcome, found.amount) == ("allow", world.usdc("100"))
    assert [each.step for each in found.trace] == [
        "request",
        "gas:1",
        "book:safe-usdc",
        "rule:allow",
        "limit:usdc-all",
        "fee_budget",
    ]


def test_a_transaction_that_does_not_say_its_gas_is_denied() -> None:
    found = world.asked(world.request(gas=None))
    assert (found.outcome, found.decided_by) == ("deny", "gas")


def test_gas_of_another_chain_than_the_account_is_denied() -> None:
    both = world.GAS + world.GAS.replace("chain = 1", "chain = 42161")
    made = world.request(gas=world.cost(chain_id=42161))
    found = world.asked(made, rulebook=world.policy(gas=both))
    assert (found.outcome, found.decided_by) == ("deny", "gas")


def test_a_bitcoin_transaction_with_gas_is_denied_and_one_without_reads_none() -> None:
    wallet = world.held("cold", "BTC", "3", network="", gas_from="", role="cold")
    seen = world.snapshot(wallets=(*world.WALLETS, wallet))
    nothing, some = Amount.zero(BTC), Amount(BTC, 100_000)
    made = world.request(wallet="cold", destinations=(), amount=some, fee=nothing, moved=some, gas=None)
    rulebook = world.policy(rules=rule("pay", when="gas.max_fee == 0 and gas.max_cost == 0"))
    assert world.asked(made, seen=seen, rulebook=rulebook).outcome == "allow"
    odd = replace(made, gas=world.cost())
    assert world.asked(odd, seen=seen).decided_by == "gas"


def test_no_gas_table_denies_what_a_person_asks_for_too() -> None:
    found = world.asked(world.request(), rulebook=world.policy(gas=""))
    assert (found.outcome, found.decided_by) == ("deny", "gas:1")


@pytest.mark.parametrize("action", ["revoke", "reconfigure", "bump", "cancel"])
def test_what_only_costs_gas_needs_no_limit_and_stays_within_the_caps(action: str) -> None:
    rules = rule(action)
    limits = world.limit("USDC", "sweep") + world.limit("USDC", "top_up") + world.limit("USDC", action)
    rulebook = world.policy(rules=rules, limits=limits)
    assert world.asked(world.nothing_moves(action), rulebook=rulebook).outcome == "allow"
    dear = world.nothing_moves(action, gas=world.cost("0.051"))
    assert world.asked(dear, rulebook=rulebook).decided_by == "gas:1"


@pytest.mark.parametrize("action", ["revoke", "reconfigure"])
def test_what_changes_an_account_moves_nothing(action: str) -> None:
    made = world.nothing_moves(action, amount=world.ether("0.000000000000000001"))
    found = world.asked(made, rulebook=world.policy(rules=rule(action)))
    assert (found.outcome, found.decided_by) == ("deny", "limits")


def test_a_rule_for_everything_never_lets_owners_change() -> None:
    made = world.nothing_moves("reconfigure")
    everything = world.policy(rules=rule("*") + rule("pay") + rule("revoke"))
    found = world.asked(made, rulebook=everything)
    assert (found.outcome, found.decided_by) == ("deny", "default")
    assert world.asked(world.nothing_moves("revoke"), rulebook=everything).outcome == "allow"
    named = world.policy(rules=rule("*") + rule("reconfigure"))
    assert world.asked(made, rulebook=named).outcome == "allow"


def test_a_deny_for_everything_holds_for_owners_too() -> None:
    rules = rule("reconfigure") + rule("*", "deny")
    found = world.asked(world.nothing_moves("reconfigure"), rulebook=world.policy(rules=rules))
    assert (found.outcome, found.decided_by) == ("deny", "rule:r-all")


def test_a_replacement_goes_on_while_its_sender_is_busy_and_nothing_else_does() -> None:
    busy = ("safe", "gas")
    assert world.asked(world.nothing_moves("bump"), in_flight=busy).outcome == "allow"
    assert world.asked(world.request(), in_flight=("gas",)).decided_by == "in_flight"


def test_a_replacement_counts_with_what_it_costs_more() -> None:
    spent = (world.past("USDC", "1", gas="0.11"),)
    whole = world.nothing_moves("bump", gas=world.cost("0.02"))
    assert world.asked(whole, history=spent).decided_by == "gas:1"
    more: GasCost = world.cost("0.02", counted=world.ether("0.01"))
    assert world.asked(replace(whole, gas=more), history=spent).outcome == "allow"


def test_who_pays_must_have_all_that_it_may_cost() -> None:
    others = (each for each in world.WALLETS if each.name != "gas")
    poor = (*others, world.held("gas", "ETH", "0.0099"))
    found = world.asked(world.request(), seen=world.snapshot(wallets=poor))
    assert (found.outcome, found.decided_by) == ("deny", "wallet:gas")


def test_rules_read_the_balance_of_the_asset_that_moves() -> None:
    rulebook = world.policy(rules=rule("pay", when="transfer.amount <= wallet.confirmed / 2"))
    assert world.asked(world.request(amount=world.usdc("450000")), rulebook=rulebook).outcome == "allow"
    assert world.asked(world.request(amount=world.usdc("450000.000001")), rulebook=rulebook).outcome == "deny"
    ether = world.request(
        amount=world.ether("2.5"), fee=world.ether("0"), moved=world.ether("2.5"), destinations=("safe-eth",)
    )
    assert world.asked(ether, rulebook=rulebook).outcome == "allow"
    more = replace(ether, amount=world.ether("2.500000000000000001"))
    assert world.asked(more, rulebook=rulebook).outcome == "deny"
