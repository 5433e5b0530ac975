"""Numbers at the venue's border: nothing inexact comes in, nothing is rounded on the way out unasked."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.venues.engine.exact import (
    InexactNumberError,
    down,
    fixed,
    from_base_units,
    number,
    plain,
    to_base_units,
    up,
)
from emulator.venues.serving.wire import dumps, loads


@pytest.mark.parametrize("value", [1.5, True, None, "NaN", "Infinity", "1e999", "abc", "", "1" * 60, [1]])
def test_refuses_what_is_not_a_plain_number(value: object) -> None:
    with pytest.raises(InexactNumberError):
        number(value)


@pytest.mark.parametrize("value", [0.1, {"a": 0.1}, [0.1], object()])
def test_json_writer_refuses_floats_and_strangers(value: object) -> None:
    with pytest.raises(TypeError):
        dumps(value)  # type: ignore[arg-type]


def test_json_numbers_keep_every_digit() -> None:
    assert dumps({"r": Decimal("0.0065"), "big": Decimal("1E+2")}) == '{"r":0.0065,"big":100}'
    assert loads('{"x":0.1}') == {"x": Decimal("0.1")}


@given(st.integers(0, 21_000_000 * 10**8))
def test_satoshi_survive_the_way_to_text_and_back(units: int) -> None:
    assert to_base_units(number(plain(from_base_units(units)))) == units


def test_refuses_an_amount_finer_than_a_satoshi() -> None:
    with pytest.raises(InexactNumberError, match="8 decimals"):
        to_base_units(Decimal("0.000000001"))


def test_rounding_goes_only_where_its_name_says() -> None:
    fine = Decimal("0.123456785")
    assert (down(fine), up(fine)) == (Decimal("0.12345678"), Decimal("0.12345679"))
    assert fixed(Decimal("-0.000000001")) == "0.00000000"
    assert plain(Decimal("100.500")) == "100.5"
    assert plain(Decimal("1E+3")) == "1000"
