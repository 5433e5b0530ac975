"""Accounts that are only read: their numbers are the venue's, and no field can be left out silently."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.support.readonly_answers import CASES, COINBASE, Case, Path
from vault.codec import decode, encode
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.risk.margin import contradictions, unusable

OURS = {"tiers", "products"}
REFUSALS = {
    "venue.incomplete_answer",
    "venue.bad_answer",
    "venue.unsupported_position",
    "venue.unsupported_account",
    "venue.no_margin_account",
}
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def fields(value: Any, path: Path = ()) -> Iterator[Path]:
    """The place of every field of every object in an answer."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from fields(inner, (*path, name))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from fields(inner, (*path, number))


def at(answers: Any, path: Path) -> Any:
    for step in path:
        answers = answers[step]
    return answers


def told(account: MarginAccount) -> tuple[set[str], set[str], tuple[str, ...]]:
    return set(account.missing), set(account.derived), account.flags


@every_case
def test_numbers_of_the_account_are_the_venues_own(case: Case) -> None:
    account = case.account()
    for path, attribute in case.exact.items():
        assert getattr(account, attribute) == Decimal(at(case.answers, path)), path


RATIOS = {
    "bitget classic": ("crossedRiskRate", "up"),
    "bitget unified": ("mgnRatio", "up"),
    "gate unified": ("total_maintenance_margin_rate", "down"),
    "kucoin classic": ("riskRatio", "up"),
    "kucoin unified": ("riskRatio", "up"),
}


@every_case
def test_a_ratio_keeps_the_venues_name_and_direction(case: Case) -> None:
    account = case.account()
    said = None if account.ratio is None else (account.ratio.name, account.ratio.bad)
    assert said == RATIOS.get(case.name)
    if account.ratio is None:
        return
    # Which way is bad shows in what it is a ratio of.
    ours = account.maintenance_margin / account.equity
    if account.ratio.bad == "down":
        ours = 1 / ours
    assert abs(account.ratio.value / ours - 1) < Decimal("0.2")


@every_case
def test_a_liquidation_price_of_zero_is_none(case: Case) -> None:
    prices = [position.venue_liquidation_price for position in case.account().positions]
    assert prices[0] is None
    assert None not in prices[1:] or case.name == "dydx"  # where none is ever said


@every_case
def test_every_number_is_exact_and_survives_the_way_to_the_client(case: Case) -> None:
    account = case.account()
    assert decode(encode(account), MarginAccount, what="account") == account


@every_case
def test_risk_can_be_computed_and_finds_no_contradiction(case: Case) -> None:
    account = case.account()
    assert account.flags == ()
    if not case.usable:
        assert "no margin brackets" in (unusable(account) or "")
        return
    assert unusable(account) is None
    # The liquidation prices of hand-made answers are no claim of theirs.
    assert [flag for flag in contradictions(account) if not flag.startswith("liquidation")] == []


def same_without(case: Case, path: Path, value: Any) -> bool:
    """Whether the account says nothing of a field that is gone (None) or holds something else."""
    before, answers = case.account(), case.fresh()
    holder = at(answers, path[:-1])
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    try:
        account = case.read(answers)
    except VenueError as error:
        assert error.code in REFUSALS, path
        return False
    return told(account) == told(before)


def read_fields(case: Case) -> list[Path]:
    def unread(path: Path) -> bool:
        names = [step for step in path if isinstance(step, str)]
        return any(name in case.unread for name in [*names, *map("/".join, pairwise(names))])

    return [
        path
        for path in fields(case.answers)
        if not unread(path) and len(path) > 1 and not (path[0] in OURS and len(path) == 2)
    ]


@every_case
def test_no_field_that_is_read_can_be_left_out_silently(case: Case) -> None:
    silent = [path for path in read_fields(case) if same_without(case, path, ...)]
    assert silent == []


# An empty object or null is how these say that there is nothing.
NOTHING = {"liquidationPx", "list", "collateralToken", "liquidationPrice", "liq_price"}


@every_case
@pytest.mark.parametrize("value", [None, ""], ids=["null", "empty"])
def test_nothing_in_the_place_of_a_number_is_not_zero(case: Case, value: Any) -> None:
    silent = [
        path for path in read_fields(case) if path[-1] not in NOTHING and same_without(case, path, value)
    ]
    assert silent == []


@every_case
@pytest.mark.parametrize("value", [[], {}, True, 1.5, "no number", "NaN", "1e999"], ids=repr)
def test_a_wrong_type_is_refused_by_name_and_never_a_crash(case: Case, value: Any) -> None:
    for path in fields(case.answers):
        if len(path) == 1 or (path[0] in OURS and len(path) == 2):
            continue  # our own containers of answers
        answers = case.fresh()
        at(answers, path[:-1])[path[-1]] = value
        try:
            case.read(answers)
        except VenueError as error:
            assert error.code in REFUSALS, path


@every_case
def test_a_position_that_comes_twice_is_refused(case: Case) -> None:
    answers = case.fresh()
    for path in list(fields(answers)):
        held = at(answers, path)
        if path[-1] in {"positions", "assetPositions", "list", "data"} and isinstance(held, list) and held:
            if "positions" not in path and "assetPositions" not in path:
                continue
            held.append(held[0])
            with pytest.raises(VenueError) as caught:
                case.read(answers)
            assert caught.value.code == "venue.bad_answer"
            return
    assert "dydx" in case.name  # there positions are an object: a name comes once


def test_a_user_with_spot_wallets_alone_has_no_margin_account() -> None:
    for summary in ({"balance_summary": None}, {"balance_summary": {}}, {}):
        answers = COINBASE.fresh() | {"summary": summary}
        with pytest.raises(VenueError) as caught:
            COINBASE.read(answers)
        assert caught.value.code == "venue.no_margin_account"
