"""Numbers of accounts that are only read, however a venue writes them: exact, or refused by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.readonly_answers import CASES, Case, Path
from vault.codec import decode, encode
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.risk.margin import contradictions, unusable

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Decimal literals as venues write them: trailing zeros, exponents, a minus before zero."""
    digits = draw(st.integers(min_value=0, max_value=10**24))
    sign = draw(st.sampled_from(["", "-"]))
    text = f"{sign}{digits}"
    if draw(st.booleans()):
        text += f".{draw(st.integers(min_value=0, max_value=10**18)):018d}"
    if draw(st.booleans()):
        text += f"{draw(st.sampled_from(['e', 'E']))}{draw(st.integers(min_value=-12, max_value=8))}"
    return text


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=12),
    st.sampled_from(["", " ", "-", ".", "1e", "NaN", "-Infinity", "1_000", "0x10", "1,000", "١٢"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.floats(),
)


def put(answers: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        answers = answers[step]
    answers[path[-1]] = value


def leaves(value: Any, path: Path = ()) -> list[Path]:
    """The place of every number or text in an answer."""
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))]
    if isinstance(value, list):
        return [leaf for number, inner in enumerate(value) for leaf in leaves(inner, (*path, number))]
    return [path]


def sound(account: MarginAccount) -> None:
    """What a reader of any account relies on."""
    assert decode(encode(account), MarginAccount, what="account") == account
    for number in (account.equity, account.initial_margin, account.maintenance_margin):
        assert number.is_finite()
    if unusable(account) is None:
        contradictions(account)


@every_case
@given(data=st.data())
def test_a_total_is_the_venues_text_to_the_last_digit(case: Case, data: st.DataObject) -> None:
    text = data.draw(numbers())
    for path, attribute in case.exact.items():
        answers = case.fresh()
        put(answers, path, text)
        read = getattr(case.read(answers), attribute)
        wanted = Decimal(text)
        if case.name == "dydx" and attribute == "available_to_withdraw":
            wanted = max(Decimal(0), wanted)  # free collateral below zero lets nothing leave
        assert read == wanted


@every_case
@given(data=st.data())
def test_any_number_anywhere_gives_a_sound_account_or_a_refusal(case: Case, data: st.DataObject) -> None:
    answers = case.fresh()
    put(answers, data.draw(st.sampled_from(leaves(case.answers))), data.draw(numbers()))
    try:
        account = case.read(answers)
    except VenueError:
        return
    sound(account)


@every_case
@given(data=st.data())
def test_anything_anywhere_gives_a_sound_account_or_a_refusal(case: Case, data: st.DataObject) -> None:
    answers = case.fresh()
    for _ in range(data.draw(st.integers(min_value=1, max_value=3))):
        put(answers, data.draw(st.sampled_from(leaves(case.answers))), data.draw(junk))
    try:
        account = case.read(answers)
    except VenueError:
        return
    sound(account)
