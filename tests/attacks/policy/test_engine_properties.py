"""Properties that hold for every account: targets, balances, deny overrides, and removal of data."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from types import ModuleType

from hypothesis import assume, given
from hypothesis import strategies as st

from vault.model import Decision, MarginAccount, Snapshot, WalletBalance
from vault.risk.indicators.judge import Judgement
from vault.risk.indicators.registry import NAMES
from vault.risk.stress import joint_scenarios, run_scenario

D = Decimal
RANK = {"none": 0, "deny": 0, "allow": 1}


def span(low: str, high: str, places: int) -> st.SearchStrategy[str]:
    return st.decimals(low, high, places=places).map("{:f}".format)


# Rich in margin, poor in margin, and anything at all.
calm = st.fixed_dictionaries(
    {
        "coins": span("14", "60", 8),
        "mark": span("88000", "95000", 1),
        "index": span("88000", "95000", 2),
        "usdt": span("50000", "900000", 2),
        "size": span("5", "50", 3),
        "entry": span("80000", "88000", 1),
        "max_withdraw": span("0.06", "60", 9),
    }
)
fallen = st.fixed_dictionaries(
    {
        "coins": span("4", "8", 8),
        "mark": span("82000", "84100", 1),
        "index": span("82000", "84100", 2),
        "usdt": span("70000", "90000", 2),
        "size": span("48", "52", 3),
        "entry": span("87000", "88000", 1),
        "max_withdraw": st.none(),
    }
)
anything = st.fixed_dictionaries(
    {
        "coins": span("0", "60", 8),
        "mark": span("60000", "110000", 1),
        "index": span("60000", "110000", 2),
        "usdt": span("0", "3000000", 2),
        "size": span("0.001", "120", 3),
        "entry": span("60000", "110000", 1),
        "max_withdraw": st.one_of(st.none(), span("0", "60", 9)),
    }
)
numbers = st.one_of(calm, fallen, anything)
score = st.one_of(st.none(), st.decimals("0", "1", places=2).map(float))
markets = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, score))
coins = span("0", "50", 8)


def moved(account: MarginAccount, change: D) -> MarginAccount:
    held = tuple(
        dataclasses.replace(item, balance=item.balance + change) if item.asset == "BTC" else item
        for item in account.collateral
    )
    return dataclasses.replace(account, collateral=held)


@given(calm)
def test_a_sweep_leaves_no_scenario_below_the_target(world: ModuleType, told: dict[str, str]) -> None:
    account = world.account(**told)
    decision = world.decisions(world.snapshot((account,)))["sweep", "main"]
    assume(decision.outcome == "allow")
    after = moved(account, -decision.amount.to_decimal())
    for scenario in joint_scenarios(D("0.10")):
        assert run_scenario(after, scenario, D(1)).excess >= 250_000
    held = account.collateral[0]
    assert decision.amount.to_decimal() <= min(held.balance, held.max_withdraw or D(0))


@given(fallen, span("12", "50", 8))
def test_a_top_up_reaches_the_floor_never_passes_the_target_and_never_exceeds_the_wallet(
    world: ModuleType, told: dict[str, str], cold: str
) -> None:
    account = world.account(**told)
    wallets = (world.wallet(confirmed=cold), world.WALLETS[1])
    decision = world.decisions(world.snapshot((account,), wallets))["top_up", "main"]
    assume(decision.outcome == "allow")
    assert decision.amount.to_decimal() + D("0.001") <= D(cold)
    after = moved(account, decision.amount.to_decimal())
    worst = min(run_scenario(after, s, D(1)).excess for s in joint_scenarios(D("0.10")))
    # One satoshi short of the floor at most: amounts are quantised down.
    assert 10_000 - D("0.01") <= worst <= 250_000


@given(numbers, markets, coins, st.booleans())
def test_no_band_ever_calls_for_both_directions(
    world: ModuleType, told: dict[str, str], seen: dict[str, object], cold: str, crowded: bool
) -> None:
    snapshot = world.snapshot((world.account(**told),), (world.wallet(confirmed=cold),))
    found = world.decisions(snapshot, markets=(world.market(crowded=crowded, **seen),))
    assert [found[key, "main"].outcome for key in ("sweep", "top_up")].count("allow") <= 1


conditions = st.sampled_from(
    [
        ("sweep", "account.distance < 0.3"),
        ("top_up", "wallet.confirmed < 10"),
        ("evacuate", "wallet.confirmed > 2"),
        ("*", "market.fragility_upper > 0.2"),
        ("*", "market.depth_score > 0.5"),
        ("*", "transfer.amount > 1"),
        ("*", "time.hour == 12"),
        ("*", "False"),
    ]
)


@given(numbers, markets, st.booleans(), conditions)
def test_adding_a_deny_rule_never_turns_a_refusal_into_a_transfer(
    world: ModuleType, told: dict[str, str], seen: dict[str, object], crowded: bool, rule: tuple[str, str]
) -> None:
    snapshot = world.snapshot((world.account(**told),))
    seen_markets = (world.market(crowded=crowded, **seen),)
    before = world.decisions(snapshot, markets=seen_markets)
    rules = world.RULES + world.rule("extra", "deny", *rule)
    after = world.decisions(snapshot, rulebook=world.policy(rules=rules), markets=seen_markets)
    for key, decision in after.items():
        assert RANK[decision.outcome] <= RANK[before[key].outcome]


REMOVALS = (
    "accounts",
    "markets",
    "wallets",
    *(f"market.{name}" for name in NAMES),
    "account.positions",
    "account.collateral",
    "account.brackets",
    "account.max_withdraw",
)


def without(snapshot: Snapshot, what: str) -> Snapshot:
    """The snapshot as it would be had a source not said `what`."""
    if what.partition(".")[0] in {"markets", "market"}:
        return snapshot
    if "." not in what:
        return dataclasses.replace(snapshot, **{what: ()})
    field = what.partition(".")[2]
    account = snapshot.accounts[0]
    if field == "brackets":
        bare = tuple(dataclasses.replace(p, brackets=()) for p in account.positions)
        account = dataclasses.replace(account, positions=bare)
    elif field == "max_withdraw":
        silent = tuple(dataclasses.replace(c, max_withdraw=None) for c in account.collateral)
        account = dataclasses.replace(account, collateral=silent)
    else:
        account = dataclasses.replace(account, **{field: ()})
    return dataclasses.replace(snapshot, accounts=(account,))


def enlarged(before: Decision, after: Decision) -> bool:
    if after.outcome != "allow":
        return False
    return before.outcome != "allow" or after.amount > before.amount  # type: ignore[operator]


# What a rule may ask of markets before it allows; `fragility_upper` is for narrowing alone.
ALLOWING = (
    "transfer.amount > 0",
    "market.fragility > 0.3",
    "market.coverage > 0.6",
    "market.depth_score > 0.5",
    "market.etf_score >= 0.1",
)


@given(
    numbers, markets, markets, st.booleans(), st.booleans(), st.sampled_from(REMOVALS), st.integers(1, 2),
    st.sampled_from(ALLOWING),
)  # fmt: skip
def test_removing_data_never_causes_or_enlarges_a_transfer(  # noqa: PLR0917 -- drawn values
    world: ModuleType,
    told: dict[str, str],
    one: dict[str, float | None],
    two: dict[str, float | None],
    crowded: bool,
    both: bool,
    what: str,
    lost: int,
    allows: str,
) -> None:
    # A position large enough that leaving it out cannot hide within rounding.
    told = told | {"size": str(max(D(told["size"]), D(5)))}
    snapshot = world.snapshot((world.account(**told),))
    rulebook = world.policy(rules=world.RULES.replace("transfer.amount > 0", allows))

    def seen(*, less: bool) -> tuple[Judgement, ...]:
        gone = {"markets": NAMES, "market": (what.partition(".")[2],)}.get(what.partition(".")[0], ())
        dead = [dict.fromkeys(gone if less and place < lost else ()) for place in range(2)]
        return (
            world.market(crowded=crowded, **{**one, **dead[0]}),
            world.market(crowded=crowded and both, asset="ETH", **{**two, **dead[1]}),
        )

    before = world.decisions(snapshot, markets=seen(less=False), rulebook=rulebook)
    after = world.decisions(without(snapshot, what), markets=seen(less=True), rulebook=rulebook)
    for key, decision in after.items():
        assert not enlarged(before[key], decision), (what, before[key], decision)


@given(numbers, coins, coins)
def test_no_amount_ever_exceeds_the_balance_it_leaves(
    world: ModuleType, told: dict[str, str], cold: str, staging: str
) -> None:
    wallets: tuple[WalletBalance, ...] = (
        world.wallet(confirmed=cold),
        world.wallet("staging", "staging", staging),
    )
    account = world.account(**told)
    found = world.decisions(world.snapshot((account,), wallets), markets=(world.market(crowded=True),))
    holds = {"main": account.collateral[0].balance, "cold": D(cold), "staging": D(staging)}
    for decision in found.values():
        if decision.outcome == "allow":
            assert 0 < decision.amount.to_decimal() <= holds[decision.source]
