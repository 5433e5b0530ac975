"""Whatever moved in other assets, on other chains or of other wallets: it never makes room for a transfer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import ethereum_policy as world
from vault.errors import MoneyError
from vault.model import MOVE_NOTHING, Outflow, WalletBalance
from vault.money import ETH, Amount, asset_of
from vault.policy.document import Policy, parse_policy
from vault.policy.gas import spent_on_gas
from vault.policy.limits import spent_in_window

SYMBOLS = ("BTC", "ETH", "USDC", "USDT")
UNITS = st.integers(-(10**12), 10**12)
OUTFLOW = st.builds(
    lambda symbol, units, gas, chain, minutes: replace(
        world.past("USDC", "0"),
        amount=Amount(asset_of(symbol), units),
        gas=Amount(ETH, gas),
        chain_id=chain,
        at=world.AT - timedelta(minutes=minutes),
    ),
    st.sampled_from(SYMBOLS),
    UNITS,
    UNITS,
    st.sampled_from([0, 1, 42161]),
    st.integers(-60, 2_000),
)
POLICY: Policy = world.policy()[0]


@settings(max_examples=60, deadline=None)
@given(history=st.lists(OUTFLOW, max_size=12), symbol=st.sampled_from(SYMBOLS))
def test_a_window_holds_exactly_what_moved_of_its_asset(history: list[Outflow], symbol: str) -> None:
    limit = next(each for each in POLICY.limit if each.asset == symbol)
    expected = sum(
        abs(each.amount.units)
        for each in history
        if each.amount.asset.symbol == symbol and world.AT - each.at <= timedelta(hours=24)
    )
    assert spent_in_window(limit, tuple(history), world.AT) == Amount(asset_of(symbol), expected)


@settings(max_examples=60, deadline=None)
@given(history=st.lists(OUTFLOW, max_size=12), chain=st.sampled_from([1, 42161]))
def test_gas_of_a_chain_is_exactly_what_was_paid_there(history: list[Outflow], chain: int) -> None:
    expected = sum(
        abs(each.gas.units)
        for each in history
        if each.chain_id == chain and world.AT - each.at <= timedelta(hours=24)
    )
    assert spent_on_gas(chain, 24, tuple(history), world.AT) == Amount(ETH, expected)


@settings(max_examples=40, deadline=None)
@given(history=st.lists(OUTFLOW, max_size=10), more=OUTFLOW)
def test_more_history_never_allows_what_less_denied(history: list[Outflow], more: Outflow) -> None:
    before = world.asked(world.request(), history=tuple(history))
    after = world.asked(world.request(), history=(*history, more))
    if before.outcome == "deny":
        assert after.outcome == "deny"


@settings(max_examples=30, deadline=None)
@given(others=st.lists(st.tuples(st.sampled_from(["ETH", "USDT", "BTC"]), st.integers(0, 10**9)), max_size=4))
def test_balances_of_other_assets_never_enlarge_a_top_up(others: list[tuple[str, int]]) -> None:
    wallets = tuple(world.held("safe", symbol, str(number)) for symbol, number in dict(others).items())
    own = (world.held("safe", "USDC", "100000"), world.held("gas", "ETH", "1"))
    found = world.decisions(world.snapshot("5000", (*wallets, *own)))[("top_up", "main")]
    assert found.outcome == "allow"
    assert found.amount == world.usdc("100000")


@pytest.mark.parametrize("field", ["pending", "quarantined", "frozen", "received", "left"])
def test_a_balance_of_two_assets_cannot_even_be_said(field: str) -> None:
    with pytest.raises(MoneyError) as caught:
        replace(world.WALLETS[0], **{field: Amount.zero(ETH)})  # type: ignore[arg-type]
    assert caught.value.code == "money.mixed_assets"
    made: WalletBalance = world.WALLETS[0]
    assert made.asset.symbol == "USDC"


@settings(max_examples=40, deadline=None)
@given(
    whens=st.lists(st.sampled_from(["transfer.amount >= 0", "time.hour >= 0"]), min_size=1, max_size=3),
    actions=st.lists(
        st.sampled_from(["*", "pay", "revoke", "bump", "cancel", "sweep", "top_up", "evacuate"]),
        min_size=3,
        max_size=3,
    ),
)
def test_no_set_of_rules_for_other_actions_lets_owners_change(whens: list[str], actions: list[str]) -> None:
    rules = "".join(
        f'[[rule]]\nid = "r{at}"\neffect = "allow"\naction = "{action}"\nwhen = "{whens[at % len(whens)]}"\n'
        for at, action in enumerate(actions)
    )
    made = world.nothing_moves("reconfigure")
    assert world.asked(made, rulebook=world.policy(rules=rules)).outcome == "deny"


def test_a_policy_of_bitcoin_alone_moves_nothing_on_ethereum(world: object) -> None:
    bitcoin = parse_policy(world.policy_text().encode(), name="btc.toml")  # type: ignore[attr-defined]
    from tests.support import ethereum_policy

    for action in ("pay", *sorted(MOVE_NOTHING)):
        made = ethereum_policy.request() if action == "pay" else ethereum_policy.nothing_moves(action)
        assert ethereum_policy.asked(made, rulebook=bitcoin).outcome == "deny"
