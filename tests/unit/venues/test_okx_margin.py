"""An OKX account reads as its strings say, in each of its modes; what is absent is named or refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.okx_answers import (
    BITCOIN,
    CONTEXT,
    INVERSE,
    LINEAR_CONTRACT,
    NOW,
    TETHER,
    answers,
    balance,
    config,
    currency,
    envelope,
    instrument,
    mark,
    position,
    step,
    tier,
)
from vault.errors import VenueError
from vault.model import CollateralTier, MarginAccount
from vault.venues.okx.collateral import discounted, read_tiers
from vault.venues.okx.margin import AccountAnswers, margin_account
from vault.venues.okx.positions import TierTable


def read(given: AccountAnswers | None = None) -> MarginAccount:
    return margin_account(given or answers(), CONTEXT)


def refusal(given: AccountAnswers) -> VenueError:
    with pytest.raises(VenueError) as caught:
        read(given)
    return caught.value


def test_a_multi_currency_account_reads_as_its_strings() -> None:
    account = read()
    assert (account.mode, account.flags) == ("multi_currency", ())
    assert account.missing == ("available_to_withdraw",)
    assert account.equity == Decimal("10417812")
    assert account.initial_margin == Decimal("6000")
    assert account.maintenance_margin == Decimal("240")
    assert account.open_order_margin == Decimal("12.5")
    assert account.balance == Decimal("11120000")
    assert account.ratio is not None
    assert (account.ratio.name, account.ratio.value, account.ratio.bad) == ("mgnRatio", 43000, "down")
    assert account.observed_at == NOW
    assert {"balance", "price:BTC", "ratio:BTC", "brackets:BTC-USDT-SWAP"} <= set(account.derived)


def test_contracts_become_base_units_and_inverse_ones_dollars() -> None:
    linear, inverse = read().positions
    assert (linear.base, linear.side, linear.size, linear.settle) == ("BTC", "long", 1, "USDT")
    assert not linear.isolated
    assert (linear.notional, linear.leverage, linear.adl_rank) == (60000, 10, 2)
    assert (linear.initial_margin, linear.venue_maintenance_margin) == (6000, 240)
    assert linear.venue_liquidation_price is None
    assert (inverse.side, inverse.size, inverse.settle, inverse.inverse) == ("short", 1000, "BTC", True)
    assert (inverse.isolated, inverse.isolated_margin) == (True, Decimal("0.01"))
    assert inverse.venue_liquidation_price == Decimal("143326.829268292683")


def test_a_multiplier_counts_and_a_position_is_dated_by_its_mark_not_by_its_last_change() -> None:
    given = answers(
        instruments=(instrument("BTC-USDT-SWAP", ctVal="0.1", ctMult="0.1"), answers().instruments[1]),
        marks=(mark("BTC-USDT-SWAP", time="1788263999000"), mark("BTC-USD-SWAP")),
    )
    account = read(given)
    assert account.positions[0].size == 1
    assert account.positions[0].observed_at == NOW - timedelta(seconds=1) == account.observed_at


@pytest.mark.parametrize(
    ("side", "amount", "expected"),
    [("net", "100", "long"), ("net", "-100", "short"), ("long", "100", "long"), ("short", "100", "short")],
)
def test_the_side_comes_from_the_sign_or_from_the_name(side: str, amount: str, expected: str) -> None:
    given = answers(positions=envelope(position(posSide=side, pos=amount)))
    found = read(given).positions[0]
    assert (found.side, found.size) == (expected, 1)


def test_long_and_short_of_one_contract_are_two_positions() -> None:
    both = envelope(position(posSide="long"), position(posSide="short", posId="3"))
    assert [item.side for item in read(answers(positions=both)).positions] == ["long", "short"]


def test_tiers_of_contracts_become_brackets_whose_rate_holds_for_the_whole_position() -> None:
    linear, inverse = read().positions
    assert [(b.floor, b.cap, b.rate, b.cum) for b in linear.brackets] == [
        (0, 600_000, Decimal("0.004"), 0),
        (600_000, 3_000_000, Decimal("0.01"), 0),
    ]
    # 50,000 contracts of 100 USD at 60,000, in the coin that settles them.
    first, second = inverse.brackets
    assert first.cap is not None
    assert abs(first.cap * 60_000 - 5_000_000) < Decimal("1e-20")
    assert (second.floor, second.cap) == (first.cap, None)


def test_tiers_of_another_margin_mode_are_not_taken() -> None:
    steep = envelope(tier("BTC-USDT", 1, "0", "9", "0.5"))
    given = answers(tiers=(TierTable("isolated", steep), *answers().tiers))
    assert read(given).positions[0].brackets == read().positions[0].brackets


@pytest.mark.parametrize("second", ["1002", "999", "5"])
def test_tiers_of_contracts_that_do_not_join_are_refused(second: str) -> None:
    torn = envelope(tier("BTC-USDT", 1, "0", "1000", "0.004"), tier("BTC-USDT", 2, second, "5000", "0.01"))
    assert refusal(answers(tiers=(TierTable("cross", torn),))).code == "venue.bad_answer"
    late = envelope(tier("BTC-USDT", 1, "2", "1000", "0.004"))
    assert refusal(answers(tiers=(TierTable("cross", late),))).code == "venue.bad_answer"


def test_eleven_million_tether_count_for_ten_point_three() -> None:
    tiers = read_tiers(answers().discounts)["USDT"]
    assert discounted(tiers, Decimal(11_000_000)) == 10_300_000
    assert discounted(tiers, Decimal(5_000_000)) == 5_000_000
    assert discounted(tiers, Decimal(-7)) == -7


@given(st.decimals(0, 100_000_000, places=6), st.decimals(0, 100_000_000, places=6))
def test_more_of_a_currency_never_counts_for_less_and_never_for_more_than_it_is(
    one: Decimal, more: Decimal
) -> None:
    tiers = read_tiers(answers().discounts)["USDT"]
    small, large = discounted(tiers, one), discounted(tiers, one + more)
    assert 0 <= small <= one
    assert small <= large <= small + more


def test_a_currency_that_counts_for_nothing_needs_no_tiers() -> None:
    strange = currency("JFI", cashBal="100", eq="100", eqUsd="80", disEq="0")
    account = read(answers(balance=balance(BITCOIN, TETHER, strange, totalEq="11121063.05084744")))
    assert account.missing == ("available_to_withdraw", "max_withdraw:JFI")
    assert account.flags == ()


def test_beyond_the_last_tier_the_least_rate_holds() -> None:
    tiers = read_tiers(answers().discounts)["BTC"]
    assert tiers[-1] == CollateralTier(Decimal(25), None, Decimal("0.5"))


def test_tiers_with_a_gap_are_refused() -> None:
    torn = envelope(
        {"ccy": "BTC", "minDiscountRate": "0", "details": [step("0", "20", "1"), step("21", "", "1")]}
    )
    assert refusal(answers(discounts=torn)).code == "venue.bad_answer"


def test_collateral_holds_what_isolated_positions_hold_and_counts_as_the_venue_counts() -> None:
    bitcoin, tether = read().collateral
    assert (bitcoin.asset, bitcoin.balance, bitcoin.price) == ("BTC", Decimal("2.00"), 60000)
    assert bitcoin.ratio == Decimal("0.98")
    assert (bitcoin.max_withdraw, bitcoin.borrowed, bitcoin.debt_ratio) == (Decimal("1.99"), 0, 1)
    assert (tether.balance, tether.price) == (11_000_000, 1)
    assert abs(tether.ratio - Decimal("0.93635")) < Decimal("0.00001")
    assert len(tether.tiers) == 3


def test_a_debt_counts_in_full() -> None:
    debt = currency("USDT", cashBal="-500", eq="-500", eqUsd="-500", disEq="-500", liab="500")
    given = answers(balance=balance(BITCOIN, debt, totalEq="119483.05084744", adjEq="116512", mgnRatio="480"))
    account = read(given)
    assert account.flags == ()
    owed = account.collateral[1]
    assert (owed.balance, owed.borrowed, owed.ratio, owed.debt_ratio) == (-500, 500, 1, 1)


def test_a_currency_that_does_not_count_is_worth_nothing_as_collateral_and_is_no_contradiction() -> None:
    unused = currency("BTC", cashBal="2", eq="2", eqUsd="120000", disEq="0", collateralEnabled=False)
    given = answers(balance=balance(unused, TETHER, totalEq="11121000", adjEq="10300800"))
    account = read(given)
    assert (account.collateral[0].ratio, account.flags) == (0, ())


# What is absent


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field of an answer, by its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from places(inner, (*path, name))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))
    elif isinstance(value, TierTable):
        yield from places(value.answer, (*path, "answer"))


def cases() -> list[tuple[str, tuple[Any, ...]]]:
    whole = answers()
    return [
        (name, path) for name in AccountAnswers.__dataclass_fields__ for path in places(getattr(whole, name))
    ]


def changed(name: str, path: tuple[Any, ...], change: Any) -> AccountAnswers:
    whole = answers()
    part = copy.deepcopy(getattr(whole, name))
    place = part
    for key in path[:-1]:
        place = place.answer if key == "answer" else place[key]
    change(place, path[-1])
    return replace(whole, **{name: part})


def test_a_field_that_is_left_out_is_named_or_refused_and_never_becomes_a_number() -> None:
    whole, read_fields = read(), 0
    for name, path in cases():
        try:
            account = read(changed(name, path, lambda place, key: place.pop(key)))
        except VenueError as error:
            assert error.code in {"venue.incomplete_answer", "venue.bad_answer"}, (name, path)
            read_fields += 1
            continue
        if account != whole:
            assert set(account.missing) > set(whole.missing), (name, path)
            read_fields += 1
    assert read_fields > 60


def test_an_entry_that_is_left_out_is_named_refused_or_flagged() -> None:
    whole = read()
    for name, path in cases():
        if path[-1] != "data":
            continue
        account: MarginAccount | None = None
        try:
            account = read(changed(name, path, lambda place, key: place[key].pop(0)))
        except VenueError as error:
            assert error.code in {"venue.incomplete_answer", "venue.bad_answer"}, (name, path)
        if account is not None:
            assert set(account.missing) > set(whole.missing) or account.flags, (name, path)


# What OKX writes "" for when it does not apply to a position or an account.
NOT_APPLICABLE = {"liqPx", "lever", "adl", "mgnRatio", "maxSz", "maxAmt", "isoEq"}


def test_a_field_that_is_blank_is_named_or_refused_save_where_blank_means_that_it_does_not_apply() -> None:
    whole = read()
    for name, path in cases():
        if not isinstance(path[-1], str) or path[-1] in NOT_APPLICABLE:
            continue
        try:
            account = read(changed(name, path, lambda place, key: place.__setitem__(key, "")))
        except VenueError as error:
            assert error.code.startswith("venue."), (name, path)
            continue
        assert account == whole or set(account.missing) > set(whole.missing), (name, path)


def test_what_the_venue_says_beside_changes_nothing() -> None:
    given = answers()
    given.balance["data"][0]["fieldOfTomorrow"] = "1"
    given.positions["data"][0]["fieldOfTomorrow"] = {"a": []}
    assert read(given) == read()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"discounts": None}, {"collateral_tiers:BTC", "collateral_tiers:USDT"}),
        ({"max_withdrawal": None}, {"max_withdraw:BTC", "max_withdraw:USDT"}),
        ({"marks": ()}, {"mark_price_time:BTC-USDT-SWAP", "mark_price_time:BTC-USD-SWAP"}),
        ({"tiers": ()}, {"brackets:BTC-USDT-SWAP", "brackets:BTC-USD-SWAP"}),
    ],
)
def test_an_endpoint_that_gave_nothing_is_named(changes: dict[str, Any], named: set[str]) -> None:
    assert named <= set(read(answers(**changes)).missing)


def test_a_contract_that_is_not_listed_is_refused() -> None:
    error = refusal(answers(instruments=()))
    assert (error.code, error.details["missing"]) == ("venue.incomplete_answer", "instruments.BTC-USDT-SWAP")


def test_an_entry_that_comes_twice_is_refused() -> None:
    for doubled in (
        answers(balance=balance(BITCOIN, BITCOIN, TETHER)),
        answers(positions=envelope(position(), position())),
        answers(instruments=(LINEAR_CONTRACT, LINEAR_CONTRACT)),
        answers(discounts=envelope(*answers().discounts["data"] * 2)),
        answers(config=envelope(*config()["data"] * 2)),
    ):
        assert refusal(doubled).code == "venue.bad_answer"


@pytest.mark.parametrize(
    "changes",
    [
        {"instType": "OPTION"},
        {"instType": "MARGIN"},
        {"mgnMode": "portfolio"},
        {"posSide": "sideways"},
        {"posSide": "long", "pos": "-1"},
        {"ccy": "BTC"},
        {"adl": "9"},
        {"markPx": "NaN"},
        {"mgnMode": "isolated", "margin": ""},
    ],
)
def test_a_position_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    code = refusal(answers(positions=envelope(position(**changes)))).code
    assert code in {"venue.bad_answer", "venue.unsupported_position", "venue.incomplete_answer"}


@pytest.mark.parametrize(
    "changes", [{"ctType": ""}, {"ctValCcy": "USD"}, {"ctVal": "0"}, {"ctType": "quanto"}]
)
def test_a_contract_whose_unit_is_not_known_is_refused(changes: dict[str, Any]) -> None:
    given = answers(instruments=(instrument("BTC-USDT-SWAP", **changes), answers().instruments[1]))
    assert refusal(given).code in {"venue.bad_answer", "venue.incomplete_answer"}


def test_an_empty_position_is_none() -> None:
    assert read(answers(positions=envelope(position(pos="0"), INVERSE))).positions[0].symbol == "BTC-USD-SWAP"


# What contradicts


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        (answers(balance=balance(TETHER)), "total_mismatch"),
        (answers(balance=balance(adjEq="9000000", mgnRatio="37000")), "equity_mismatch"),
        (answers(balance=balance(mgnRatio="99000")), "ratio_mismatch"),
        (answers(balance=balance(mgnRatio="2")), "ratio_mismatch"),
        (answers(marks=(mark("BTC-USDT-SWAP", "61000"),)), "mark_price_mismatch BTC-USDT-SWAP"),
        (answers(positions=envelope(position(notionalUsd="60"))), "notional_mismatch BTC-USDT-SWAP"),
        (answers(positions=envelope(position(mmr="24"))), "maintenance_mismatch BTC-USDT-SWAP"),
        (answers(balance=balance({**BITCOIN, "disEq": "60000"}, TETHER)), "haircut_mismatch BTC"),
    ],
)
def test_numbers_that_contradict_each_other_are_flagged(given: AccountAnswers, flag: str) -> None:
    assert any(found.startswith(flag) for found in read(given).flags)
