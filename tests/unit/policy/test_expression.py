"""The `when` language: exact numbers, no short circuit, errors instead of guesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import PolicyError
from vault.policy.expression import Value, parse_expression

D = Decimal
FACTS: Mapping[str, Value] = {
    "a.one": D(1),
    "a.tenth": D("0.1"),
    "a.yes": True,
    "a.no": False,
    "a.name": "main",
}


def reading(facts: Mapping[str, Value] = FACTS) -> Callable[[str], Value]:
    def read(name: str) -> Value:
        if name not in facts:
            raise PolicyError("missing_fact", name)
        return facts[name]

    return read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.tenth + 0.2 == 0.3", True),
        ("0.1 * 3 == 0.3", True),
        ("1 / 3 * 3 == 1", False),
        ("a.one >= 1 and a.one <= 1", True),
        ("0 < a.tenth < a.one", True),
        ("0 < a.one < a.tenth", False),
        ("not a.yes or a.no", False),
        ("a.yes == True and a.no != True", True),
        ('a.name == "main"', True),
        ("a.name in ('main', 'other')", True),
        ("a.one not in (2, 3)", True),
        ("-a.one < 0", True),
        ("(a.one + 1) * 2 == 4", True),
        ("a.one > 0\n  and a.one < 2", True),
    ],
)
def test_says_what_the_expression_says(text: str, expected: bool) -> None:
    assert parse_expression(text).holds(reading()) is expected


@given(
    st.decimals("-1000000", "1000000", places=8),
    st.decimals("-1000000", "1000000", places=8),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
)
def test_compares_exactly(a: Decimal, b: Decimal, op: str) -> None:
    text = f"x.a {op} ({b:f})" if b >= 0 else f"x.a {op} -{abs(b):f}"
    expected = {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[op]
    assert parse_expression(text).holds(reading({"x.a": a})) is expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a.yes or a.gone", "policy.missing_fact"),
        ("a.no and a.gone", "policy.missing_fact"),
        ("a.yes or a.one", "policy.type_mismatch"),
        ("2 > 1 > a.gone", "policy.missing_fact"),
        ("1 > 2 > a.gone", "policy.missing_fact"),
        ("a.one == True", "policy.type_mismatch"),
        ('a.one == "1"', "policy.type_mismatch"),
        ("a.name < 'z'", "policy.type_mismatch"),
        ("a.yes + 1 > 0", "policy.type_mismatch"),
        ("a.one in (1, 'x')", "policy.type_mismatch"),
        ("not a.one", "policy.type_mismatch"),
        ("-a.yes < 0", "policy.type_mismatch"),
        ("a.one / 0 > 1", "policy.arithmetic"),
        ("a.one", "policy.type_mismatch"),
        ("a.one + 1", "policy.type_mismatch"),
        ("'text'", "policy.type_mismatch"),
    ],
)
def test_an_operand_that_cannot_be_used_is_an_error_even_when_the_answer_is_known(
    text: str, code: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_expression(text).holds(reading())
    assert caught.value.code == code


def test_names_the_facts_it_reads_once_each_in_order() -> None:
    assert parse_expression("a.b > 1 and c.d > a.b").facts == ("a.b", "c.d")


@pytest.mark.parametrize(
    ("text", "column"),
    [("a.b > f(1)", 7), ("a.b > 1 and x", 13), ("a.b.c > 1", 1), ("a.b > 1e5", 7), ("a.b ** 2 > 1", 1)],
)
def test_an_error_names_the_column(text: str, column: int) -> None:
    with pytest.raises(PolicyError, match=f"column {column}:"):
        parse_expression(text)
