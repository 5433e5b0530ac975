"""Numbers in words: what is not known is said, what is not zero is never read as zero."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.report import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2560000000", "2.56 bn"),
        ("999600", "1.00 M"),
        ("999400", "999 k"),
        ("41000000", "41.0 M"),
        ("-1490000000", "−1.49 bn"),
        ("12", "12"),
        ("0", "0"),
        ("-0.2", "0"),
    ],
)
def test_dollars_have_three_digits_and_a_scale(value: str, said: str) -> None:
    assert words.usd(Decimal(value)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d"), (-5, "from the future")],
)
def test_ages_are_in_their_largest_fitting_unit(seconds: int, said: str) -> None:
    assert words.age(seconds) == said


def test_steps_are_exact() -> None:
    assert [words.step(each) for each in (60, 300, 3600, 28_800, 86_400, 90)] == [
        "1 min", "5 min", "1 h", "8 h", "1 d", "90 s",
    ]  # fmt: skip


def test_statistics_name_their_kind() -> None:
    assert words.statistic(Decimal("-1.5"), "z") == "z −1.50"
    assert words.statistic(Decimal("0.97"), "percentile") == "above 97 %"
    assert words.statistic(Decimal("1.31"), "ratio") == "ratio 1.31"


@pytest.mark.parametrize(
    "say",
    [words.score, words.percent, words.usd, words.price, words.number, words.age, words.instant, words.day],
)
def test_what_is_not_known_is_said(say: object) -> None:
    assert callable(say)
    assert say(None) == words.NO_DATA


@given(st.decimals("-1e12", "1e12", allow_nan=False).filter(lambda value: abs(value) > Decimal("1e-12")))
def test_a_quantity_that_is_not_zero_is_not_read_as_zero(value: Decimal) -> None:
    assert words.number(value).strip("−").split()[0] not in {"0", "0.0", "0.00", ""}


def test_names_become_words() -> None:
    assert words.title("survives_a_10%_wick") == "survives a 10 % wick"
