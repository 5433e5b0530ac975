"""Money is exact: integers of base units, decimals from text, and no float anywhere."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import MoneyError
from vault.money import (
    ASSETS,
    BTC,
    ETH,
    MAX_BASE_UNITS,
    USDT,
    Amount,
    Asset,
    asset_of,
    exact_decimal,
    plain,
    total,
    venue_decimal,
)

D = Decimal
assets = st.sampled_from(list(ASSETS.values()))
units = st.integers(0, MAX_BASE_UNITS)


def code(call: object, *arguments: object) -> str:
    with pytest.raises(MoneyError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


@given(assets, units)
def test_an_amount_prints_and_reads_back_equal(asset: Asset, number: int) -> None:
    amount = Amount(asset, number)
    assert Amount.parse(amount.number, asset) == amount
    assert Amount.from_json(amount.as_json()) == amount


@pytest.mark.parametrize(
    ("text", "asset", "expected"),
    [
        ("0.25", BTC, 25_000_000),
        ("21000000", BTC, 2_100_000_000_000_000),
        ("0.00000001", BTC, 1),
        ("0", BTC, 0),
        ("0.000000000000000001", ETH, 1),
        (3, USDT, 3_000_000),
        (D("1.5"), USDT, 1_500_000),
        ("1.50000000", USDT, 1_500_000),
    ],
)
def test_reads_whole_units_into_base_units(text: object, asset: Asset, expected: int) -> None:
    assert Amount.parse(text, asset).units == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (0.25, "money.not_exact"),
        (True, "money.not_exact"),
        (None, "money.not_exact"),
        (b"1", "money.not_exact"),
        (D("NaN"), "money.not_exact"),
        (D("Infinity"), "money.not_exact"),
        ("-1", "money.negative"),
        (-1, "money.negative"),
        ("0.000000001", "money.too_many_digits"),
        ("1e-8", "money.not_a_number"),
        ("+1", "money.not_a_number"),
        (" 1", "money.not_a_number"),
        ("1 ", "money.not_a_number"),
        ("1\n", "money.not_a_number"),
        ("1,000", "money.not_a_number"),
        ("1_000", "money.not_a_number"),
        ("01", "money.not_a_number"),
        (".5", "money.not_a_number"),
        ("5.", "money.not_a_number"),
        ("", "money.not_a_number"),
        ("NaN", "money.not_a_number"),
        ("inf", "money.not_a_number"),
        ("0x10", "money.not_a_number"),
        ("١", "money.not_a_number"),
        ("１", "money.not_a_number"),
        ("−1", "money.not_a_number"),
        ("9" * 65, "money.not_a_number"),
        ("1" + "0" * 37, "money.out_of_range"),
        (D("1e400"), "money.out_of_range"),
        (D("1e-400"), "money.out_of_range"),
    ],
)
def test_refuses_an_amount_that_is_not_plainly_exact(text: object, expected: str) -> None:
    assert code(Amount.parse, text, BTC) == expected


def test_refuses_huge_literals_and_integers_without_printing_them() -> None:
    for literal, expected in (("9" * 1_000_000, "not_a_number"), (10**5000, "out_of_range")):
        with pytest.raises(MoneyError) as caught:
            Amount.parse(literal, BTC)
        assert caught.value.code == f"money.{expected}"
        assert len(caught.value.message) < 300


def test_a_zero_with_a_huge_exponent_prints_short() -> None:
    assert plain(venue_decimal("0e-400")) == plain(exact_decimal(D("0E+400"))) == "0"


def test_refuses_more_digits_than_arithmetic_keeps() -> None:
    assert code(exact_decimal, D("0." + "1" * 65)) == "money.out_of_range"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_float_ever_becomes_money(value: float) -> None:
    assert code(Amount.parse, value, BTC) == "money.not_exact"
    assert code(exact_decimal, value) == "money.not_exact"
    assert code(venue_decimal, value) == "money.not_exact"
    assert code(Amount, BTC, value) == "money.not_exact"


@given(st.text(max_size=70))
def test_any_text_is_a_number_or_a_clear_refusal(text: str) -> None:
    for read in (exact_decimal, venue_decimal):
        try:
            number = read(text)
        except MoneyError as error:
            assert error.code in {"money.not_a_number", "money.out_of_range"}
        else:
            assert number == D(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("1e-05", "0.00001"), (".5", "0.5"), ("0E-8", "0"), ("-0", "0"), ("5.", "5")]
)
def test_reads_a_venue_s_spelling_exactly(text: str, expected: str) -> None:
    assert venue_decimal(text) == D(expected)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-inf", "", "x", "1e400", "1e-400", "1" * 65])
def test_refuses_a_venue_number_that_is_none(text: str) -> None:
    with pytest.raises(MoneyError):
        venue_decimal(text)


@pytest.mark.parametrize("text", ["1_000", " 1", "1\n", "١"])
def test_refuses_spellings_that_only_python_reads_as_numbers(text: str) -> None:
    assert code(venue_decimal, text) == "money.not_a_number"


@given(st.decimals("-1e20", "1e20", allow_nan=False, places=10))
def test_a_plain_literal_reads_back_equal_and_has_no_exponent(number: Decimal) -> None:
    text = plain(number)
    assert exact_decimal(text) == number
    assert "E" not in text.upper()
    assert text != "-0"


@pytest.mark.parametrize("text", ["0", "-0", "-0.00", "0E-8", "-0E+3"])
def test_zero_has_no_sign(text: str) -> None:
    assert not plain(D(text)).startswith("-")


@given(assets, units, st.integers(1, MAX_BASE_UNITS))
def test_quantises_down_to_a_multiple_of_the_step(asset: Asset, number: int, step: int) -> None:
    cut = Amount(asset, number).quantise_down(Amount(asset, step))
    assert cut.units % step == 0
    assert 0 <= number - cut.units < step


@given(assets, st.decimals("0", "1000000000", places=25))
def test_floors_to_the_largest_amount_not_above(asset: Asset, number: Decimal) -> None:
    amount = Amount.floor(number, asset)
    assert amount.to_decimal() <= number
    assert Amount(asset, amount.units + 1).to_decimal() > number


def test_refuses_steps_and_floors_that_make_no_sense() -> None:
    assert code(Amount(BTC, 5).quantise_down, Amount(BTC, 0)) == "money.bad_step"
    assert code(Amount(BTC, 5).quantise_down, Amount(BTC, -1)) == "money.bad_step"
    assert code(Amount(BTC, -5).quantise_down, Amount(BTC, 1)) == "money.negative"
    assert code(Amount(BTC, 5).quantise_down, Amount(ETH, 1)) == "money.mixed_assets"
    assert code(Amount.floor, D("-0.1"), BTC) == "money.negative"


@given(st.lists(st.integers(0, 10**30), max_size=20))
def test_sums_are_exact(numbers: list[int]) -> None:
    assert total([Amount(BTC, n) for n in numbers], BTC).units == sum(numbers)


def test_different_assets_are_never_added_or_compared() -> None:
    one_btc, one_eth = Amount(BTC, 1), Amount(ETH, 1)
    for call in (
        one_btc.__add__,
        one_btc.__sub__,
        one_btc.__lt__,
        one_btc.__le__,
        one_btc.__gt__,
        one_btc.__ge__,
    ):
        assert code(call, one_eth) == "money.mixed_assets"
    assert one_btc != one_eth
    assert code(total, [one_btc, one_eth], BTC) == "money.mixed_assets"


@pytest.mark.parametrize("value", [MAX_BASE_UNITS + 1, -MAX_BASE_UNITS - 1])
def test_refuses_more_base_units_than_any_treasury_holds(value: int) -> None:
    assert code(Amount, BTC, value) == "money.out_of_range"
    assert code(Amount(BTC, MAX_BASE_UNITS).__add__, Amount(BTC, 1)) == "money.out_of_range"


@pytest.mark.parametrize("value", [True, "1", 1.0, D(1), None])
def test_refuses_base_units_that_are_no_integer(value: object) -> None:
    assert code(Amount, BTC, value) == "money.not_exact"


def test_an_amount_is_the_same_under_any_decimal_context() -> None:
    wide = Amount(ETH, MAX_BASE_UNITS - 1)
    with localcontext(prec=3):
        assert wide.number == "9" * 18 + "." + "9" * 18
        assert Amount.parse(wide.number, ETH) == wide


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"asset": "BTC"}, "money.not_an_amount"),
        ({"asset": "BTC", "amount": "1", "more": 1}, "money.not_an_amount"),
        ({"asset": "BTC", "amount": 1}, "money.not_exact"),
        ({"asset": "BTC", "amount": 0.1}, "money.not_exact"),
        ({"asset": "btc", "amount": "1"}, "money.unknown_asset"),
        ({"asset": None, "amount": "1"}, "money.unknown_asset"),
        (["BTC", "1"], "money.not_an_amount"),
        ({"asset": "BTC", "amount": "-1"}, "money.negative"),
    ],
)
def test_refuses_json_that_is_no_amount(value: object, expected: str) -> None:
    assert code(Amount.from_json, value) == expected


def test_an_unknown_asset_is_named_with_the_known_ones() -> None:
    with pytest.raises(MoneyError, match="BTC, ETH, USDT, USDC, SOL, XRP, XLM, ATOM, TON, found 'DOGE'"):
        asset_of("DOGE")
