"""Attempts to make a condition run code, take for ever, or mean something else than it reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import PolicyError
from vault.policy.expression import MAX_DEPTH, MAX_LENGTH, MAX_NODES, parse_expression


@pytest.mark.parametrize(
    "text",
    [
        "account.__class__",
        "account.equity.__class__",
        "account.equity.real > 1",
        "().__class__.__bases__",
        "__import__('os').system('true')",
        "__builtins__",
        "open('x')",
        "max(1, 2) > 1",
        "account.equity()",
        "account['equity']",
        "f'{account.equity}' == '1'",
        "b'x' == b'x'",
        "r'x' == 'x'",
        "'a' 'b' == 'ab'",
        "'\\x41' == 'A'",
        "(x := 1) > 0",
        "lambda: 1",
        "[x for x in (1,)]",
        "{1: 2}",
        "1 if account.ok else 2",
        "await account.equity",
        "yield",
        "*account.equity",
        "account.equity; account.equity",
        "account.equity = 1",
        "account.equity # > 100",
        "10**10**10 > 1",
        "2 ** 8 == 256",
        "7 // 2 == 3",
        "7 % 2 == 1",
        "1 << 1000000 > 1",
        "1 @ 2",
        "~1 == 1",
        "+1 == 1",
        "1 is 1",
        "account.equity is not None",
        "None == None",
        "... == ...",
        "1j == 1",
        "1e400 > 1",
        "1e5 > 1",
        "0x10 == 16",
        "0b1 == 1",
        "1_000 == 1000",
        "007 == 7",
        ".5 < 1",
        "5. > 1",
        "NaN > 1",
        "inf > 1",
        "account.equity in account.names",
        "account.equity in (1, account.other)",
        "account.equity in ()",
        "account.equity in (1)",
        "(1, 2) == (1, 2)",
        "",
        " ",
        "and",
        "account.",
        ".equity",
        "account . equity > 1",
        "account.equity > 1)",
        "((account.equity > 1)",
        "9" * 65 + " > 1",
        "ａccount.equity > 1",
        "account.equıty > 1",
        "аccount.equity > 1",
        "account.equity\u00a0> 1",
        "account.equity ≥ 1",
        "account.equity > 1\x00",
        "account.equity > ١",
        "account.equity > 1 \u202e",
        "account.equity > 1\r\nor 1 == 1",
    ],
)
def test_refuses_everything_that_is_not_the_language(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_expression(text)
    assert caught.value.code == "policy.bad_expression"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200 + "1" + ")" * 200,
        "(" * 100_000 + "1",
        "not " * 200 + "a.b",
        "-" * 400 + "1 < 0",
        " and ".join(["a.b"] * 80),
        "1 + " * 120 + "1 > 0",
        "a.b > " + "1" * MAX_LENGTH,
        "a.b == '" + "x" * 1_000_000 + "'",
    ],
)
def test_refuses_bombs_at_once(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_expression(text)
    assert caught.value.code == "policy.bad_expression"


def test_caps_are_caps_not_off_by_one() -> None:
    inside = "(" * MAX_DEPTH + "a.b" + ")" * MAX_DEPTH
    assert parse_expression(inside).facts == ("a.b",)
    with pytest.raises(PolicyError):
        parse_expression(f"({inside})")
    many = " or ".join(["a.b"] * (MAX_NODES - 1))
    assert parse_expression(many).facts == ("a.b",)
    with pytest.raises(PolicyError):
        parse_expression(many + " or a.b")


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_a_clear_refusal(text: str) -> None:
    try:
        parse_expression(text)
    except PolicyError as error:
        assert error.code == "policy.bad_expression"


OPERATORS = st.sampled_from(["+", "-", "*", "/", "<", "==", "and", "or", "in", "**", "if"])
grammar = st.recursive(
    st.sampled_from(["a.b", "1", "0.5", "'x'", "True", "(1, 2)", "x", "a.b.c", "1e3"]),
    lambda inner: st.one_of(
        st.builds(
            "({} {} {})".format,
            inner,
            OPERATORS,
            inner,
        ),
        st.builds("not {}".format, inner),
        st.builds("-{}".format, inner),
        st.builds("f({})".format, inner),
    ),
    max_leaves=12,
)


@given(grammar)
def test_near_misses_are_refused_or_evaluate_without_any_other_error(text: str) -> None:
    def read(name: str) -> bool:
        return name == "a.b"

    try:
        parse_expression(text).evaluate(read)
    except PolicyError as error:
        assert error.code in {"policy.bad_expression", "policy.type_mismatch", "policy.arithmetic"}
