"""Raw answers are read exactly or refused; an amount goes out as the shortest exact literal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import VaultError, VenueError
from vault.money import BTC, Amount, exact_decimal
from vault.venues.common.amounts import exact_text
from vault.venues.line.raw import Fields, parse


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**12), max_value=10**12))
def test_a_number_keeps_every_digit_as_string_and_as_bare_number(number: Decimal) -> None:
    text = f"{number:f}"
    fields = Fields.of(parse(f'{{"s":"{text}","n":{text}}}', what="x"), "x")
    assert fields.decimal("s") == fields.decimal("n") == number
    assert f"{fields.decimal('n'):f}" in {text, text.lstrip("-")}


@given(st.integers(min_value=1, max_value=21_000_000 * 10**8))
def test_an_amount_s_literal_reads_back_and_has_no_exponent(units: int) -> None:
    text = exact_text(Amount(BTC, units))
    assert Amount.parse(text, BTC) == Amount(BTC, units)
    assert exact_decimal(text) > 0
    assert not text.endswith(("0", ".")) or "." not in text


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_typed_error(text: str) -> None:
    try:
        parse(text, what="x")
    except VenueError as error:
        assert error.code == "venue.bad_answer"


@pytest.mark.parametrize(
    "text", ["", "NaN", '{"a":1,"a":2}', "[" * 5000, '{"a":Infinity}', "<html></html>", "{"]
)
def test_refuses_text_that_is_not_plain_json(text: str) -> None:
    with pytest.raises(VenueError) as caught:
        parse(text, what="x")
    assert caught.value.code == "venue.bad_answer"


@pytest.mark.parametrize("value", [None, ""])
def test_null_and_empty_are_missing_and_named(value: Any) -> None:
    fields = Fields({"x": value}, "account")
    assert fields.optional_decimal("x") is None
    with pytest.raises(VenueError) as caught:
        fields.decimal("x")
    assert (caught.value.code, caught.value.details["missing"]) == ("venue.incomplete_answer", "account.x")


def test_zero_is_a_number_and_not_missing() -> None:
    fields = Fields({"a": 0, "b": "0", "c": False}, "x")
    assert fields.optional_decimal("a") == fields.optional_decimal("b") == 0
    assert fields.boolean("c") is False


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("integer", "1.5"),
        ("boolean", "true"),
        ("boolean", 1),
        ("text", 5),
        ("instant", "0"),
        ("instant", 10**14),
        ("decimal", 1.5),
        ("rows", {}),
    ],
)
def test_refuses_a_value_of_another_type(read: str, value: Any) -> None:
    with pytest.raises(VenueError) as caught:
        getattr(Fields({"x": value}, "account"), read)("x")
    assert caught.value.code == "venue.bad_answer"


@pytest.mark.parametrize("value", ["0.000000001", "-1", "1e-9"])
def test_an_amount_finer_than_the_asset_or_negative_is_refused(value: str) -> None:
    with pytest.raises(VaultError):
        Fields({"x": value}, "row").amount("x", BTC)
    assert Fields({"x": "1e-8"}, "row").amount("x", BTC) == Amount(BTC, 1)
