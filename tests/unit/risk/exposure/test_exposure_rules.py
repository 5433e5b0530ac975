"""The survival rules pass only on what is known, fail with their number, and are always all there."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.margin_books import worked_example
from tests.unit.policy import policy_world as world
from vault.errors import PolicyError
from vault.model import Collateral, MarginAccount, WaitingCoins
from vault.risk.exposure.book import Book, Level
from vault.risk.exposure.holdings import Holdings, holdings, worth
from vault.risk.exposure.leaving import leaving_of
from vault.risk.exposure.rules import (
    Age,
    Evidence,
    RuleLimits,
    RuleResult,
    account_rules,
    effective_leverage,
    treasury_rules,
)

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)
LONG = ("BTCUSDT", "long")
NAMES = ("survives_wick", "short_lived_leverage", "closable_when_stressed", "uncorrelated_collateral")
CASH = (Collateral("USDT", D(3_000_000), D(1), D(1), None),)


def safe(**changes: Any) -> MarginAccount:
    """1.5 times leverage on dollars."""
    made = world.account(coins="0", usdt="3000000")
    return dataclasses.replace(made, **changes)


def deep_book(size: str = "100", venue: str = "main") -> Book:
    return Book(venue, "BTCUSDT", (Level(D(89_200), D(size)),), (), D(89_240), AT)


def evidence(book: MarginAccount, *books: Book, **changes: Any) -> Evidence:
    made = Evidence(
        D(1), D("0.05"), leaving_of(book, books, D(100), lambda _: D("0.5")), {LONG: Age(D(5), True)}
    )
    return dataclasses.replace(made, **changes)


def rules(book: MarginAccount, *books: Book, **changes: Any) -> dict[str, RuleResult]:
    found = account_rules(book, evidence(book, *books, **changes))
    assert tuple(each.rule for each in found) == NAMES
    return {each.rule: each for each in found}


def test_a_sound_account_with_everything_known_passes_all() -> None:
    found = rules(safe(), deep_book())
    assert {each.verdict for each in found.values()} == {"pass"}
    assert all(each.number is not None and each.reason for each in found.values())


# -- the wick ----------------------------------------------------------------------------------------


def test_the_worked_example_fails_the_wick_with_its_excess() -> None:
    found = rules(worked_example())["survives_wick"]
    assert found.verdict == "fail"
    assert found.number is not None
    assert found.number.quantize(D("0.01")) == D("-180760.69")


def test_a_short_is_tested_by_a_wick_upwards() -> None:
    short = dataclasses.replace(world.account().positions[0], side="short", entry_price=D(89_240))
    book = safe(positions=(short,), collateral=(Collateral("USDT", D(480_000), D(1), D(1), None),))
    found = rules(book)["survives_wick"]
    assert found.verdict == "fail"
    assert found.reason.startswith("at +10 %")


# -- leverage and age --------------------------------------------------------------------------------


def test_leverage_is_gross_notional_over_the_venues_equity() -> None:
    book = safe(equity=D(2_231_000))
    assert effective_leverage(book) == D(2)
    short = dataclasses.replace(book.positions[0], side="short", symbol="B")
    assert effective_leverage(dataclasses.replace(book, positions=(*book.positions, short))) == D(4)
    assert effective_leverage(safe(positions=())) == 0
    assert effective_leverage(safe(equity=D(0))) is None


@pytest.mark.parametrize(
    ("changes", "ages", "verdict"),
    [
        ({"equity": D(-5)}, {}, "fail"),
        ({"equity": D(500_000)}, {LONG: Age(D(1), True)}, "fail"),
        ({}, {LONG: Age(D(73), False)}, "fail"),
        ({}, {LONG: Age(D(71), False)}, "unknown"),
        ({}, {}, "unknown"),
        ({"positions": (), "maintenance_margin": D(0), "equity": D(3_000_000)}, {}, "pass"),
    ],
)
def test_leverage_is_short_lived_only_when_its_age_is_known(
    changes: dict[str, Any], ages: dict[tuple[str, str], Age], verdict: str
) -> None:
    book = safe(**changes)
    found = account_rules(book, evidence(book, ages=ages))[1]
    assert found.verdict == verdict


def test_an_age_that_the_venue_does_not_tell_is_said() -> None:
    assert "does not say how old" in rules(safe(), ages={})["short_lived_leverage"].reason


# -- the stressed book -------------------------------------------------------------------------------


def test_a_position_that_does_not_fit_in_the_stressed_book_fails_with_the_share_that_does() -> None:
    found = rules(safe(), deep_book("50"))["closable_when_stressed"]
    assert (found.verdict, found.number) == ("fail", D("0.5"))


def test_without_a_book_nothing_is_closable_and_nothing_passes() -> None:
    found = rules(safe())["closable_when_stressed"]
    assert (found.verdict, found.number) == ("unknown", None)
    assert "bids of BTCUSDT at main" in found.reason


def test_a_position_that_was_never_looked_at_is_unknown() -> None:
    found = rules(safe(), leaving=())["closable_when_stressed"]
    assert found.verdict == "unknown"


# -- collateral --------------------------------------------------------------------------------------


def test_coins_against_a_long_in_the_same_coin_fall_with_it() -> None:
    found = rules(world.account())["uncorrelated_collateral"]
    assert found.verdict == "fail"
    assert found.number is not None
    assert found.number > D("0.9")
    assert "shortens the distance" in found.reason


# -- what is not known -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"flags": ("something contradicts",)},
        {"missing": ("brackets of ETHUSDT",)},
        {"maintenance_margin": D(5)},
        {"equity": D(3_500_000)},
    ],
)
def test_what_is_contradicted_or_missing_never_passes(changes: dict[str, Any]) -> None:
    found = rules(safe(**changes), deep_book())
    assert {each.verdict for each in found.values()} == {"unknown"}


def test_what_is_stale_never_passes_and_a_failure_stays_one() -> None:
    found = rules(safe(), deep_book("50"), doubts=("it is 900 s old",))
    assert found["closable_when_stressed"].verdict == "fail"
    assert {each.verdict for name, each in found.items() if name != "closable_when_stressed"} == {"unknown"}
    assert "900 s old" in found["survives_wick"].reason


def test_an_account_that_cannot_be_computed_has_all_its_rules_unknown() -> None:
    found = rules(safe(collateral=()))
    assert {(each.verdict, each.number) for each in found.values()} == {("unknown", None)}


@given(
    st.sampled_from(["flags", "missing", "doubts", "collateral"]),
    st.sampled_from(["1", "50", "100"]),
    st.decimals("400000", "5000000", places=0),
)
def test_unknown_never_reads_as_pass(doubt: str, size: str, cash: D) -> None:
    book = world.account(coins="0", usdt=str(cash))
    extra: dict[str, Any] = {}
    if doubt == "doubts":
        extra["doubts"] = ("old",)
    else:
        change: dict[str, Any] = {doubt: () if doubt == "collateral" else ("x",)}
        book = dataclasses.replace(book, **change)
    found = account_rules(book, evidence(book, deep_book(size), **extra))
    assert "pass" not in {each.verdict for each in found}


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(RuleLimits)])
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "100000"])
def test_refuses_limits_that_switch_a_rule_off(name: str, value: str) -> None:
    with pytest.raises(PolicyError):
        RuleLimits(**{name: D(value)})


# -- holdings ----------------------------------------------------------------------------------------


def test_the_share_on_venues_and_its_concentration() -> None:
    held = Holdings((("binance", D(300)), ("bybit", D(100))), D(600))
    assert (held.share_on_venues(), held.concentration()) == (D("0.4"), D("0.625"))
    (found,) = treasury_rules(held)
    assert (found.subject, found.verdict, found.number) == ("treasury", "pass", D("0.4"))
    assert "0.625" in found.reason


def test_more_than_half_on_venues_fails() -> None:
    (found,) = treasury_rules(Holdings((("binance", D(6)),), D(4)))
    assert (found.verdict, found.number) == ("fail", D("0.6"))


@pytest.mark.parametrize(
    "held",
    [
        Holdings((("binance", D(1)),), None),
        Holdings((("binance", D(1)),), D(9), ("other",)),
        Holdings((), D(0)),
    ],
)
def test_a_share_of_what_is_not_known_is_unknown(held: Holdings) -> None:
    (found,) = treasury_rules(held)
    assert (found.verdict, found.number) == ("unknown", None)


def test_stale_holdings_do_not_pass() -> None:
    (found,) = treasury_rules(Holdings((("binance", D(1)),), D(9)), ("it is old",))
    assert found.verdict == "unknown"


def test_an_account_is_worth_everything_it_holds_before_haircuts() -> None:
    book = world.account()
    profit = D(50) * (D(89_240) - D(88_000))
    assert worth(book) == D(14) * 89_200 + 78_167 + profit
    assert worth(dataclasses.replace(book, collateral=())) is None


def test_isolated_margin_and_its_profit_are_part_of_what_an_account_is_worth() -> None:
    book = world.account()
    isolated = dataclasses.replace(book.positions[0], isolated=True, isolated_margin=D(50_000))
    assert worth(dataclasses.replace(book, positions=(isolated,))) == worth(book)


def test_accounts_of_one_exchange_are_one_place_and_spot_wallets_count() -> None:
    one, two = world.account(name="one"), world.account(name="two")
    held = holdings((one, two), D(5), (("binance", D(7)), ("bybit", D(1))))
    single = worth(one)
    assert single is not None
    assert held.venues == (("binance", 2 * single + 7), ("bybit", D(1)))


def test_what_cannot_be_counted_is_named() -> None:
    held = holdings((world.account(collateral=()),), D(1), unread=("gone",))
    assert held.unknown == ("gone", "main")
    assert held.share_on_venues() is None
    assert held.concentration() is None


def test_a_long_and_a_short_of_one_contract_are_two_positions() -> None:
    book = safe()
    short = dataclasses.replace(book.positions[0], side="short")
    both = dataclasses.replace(book, positions=(*book.positions, short), maintenance_margin=D(130_500))
    found = account_rules(both, evidence(both, deep_book()))
    assert "BTCUSDT short" in found[1].reason
    assert (found[2].verdict, found[2].number) == ("unknown", D(1))
    assert "asks of BTCUSDT at main" in found[2].reason


def test_coins_on_their_way_out_of_a_venue_are_still_there() -> None:
    book = world.account()
    base = worth(book)
    assert base is not None
    assert worth(dataclasses.replace(book, waiting=(WaitingCoins("spot", "BTC", D(2)),))) == base + 2 * 89_200
    unpriced = dataclasses.replace(book, waiting=(WaitingCoins("spot", "DOGE", D(2)),))
    assert holdings((unpriced,), D(0)).unknown == ("DOGE waiting at main",)
