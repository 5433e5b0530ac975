"""Every hostile transaction is refused, by its own code: before the device, on the chain, and after it."""

from __future__ import annotations

import sys

import pytest

from tests.attacks.ethereum.hostile_calls import EXPECTED, PART, hostile_call
from tests.attacks.ethereum.hostile_returns import CALL, good, hostile_return
from tests.attacks.ethereum.hostile_tokens import hostile_token, paper
from tests.support.ethereum_calls import CAPS, call_of
from tests.support.hostile import Hostile
from vault.errors import VaultError
from vault.ethereum.simulate import simulate
from vault.ethereum.verify import verify_call, verify_signed

HOSTILE = (*hostile_call.found, *hostile_token.found, *hostile_return.found)


def refusal(hostile: Hostile) -> str:
    try:
        hostile.attempt()
    except VaultError as error:
        assert error.message
        return error.code
    return "accepted"


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: each.name)
def test_is_refused_with_its_code(hostile: Hostile) -> None:
    assert refusal(hostile) == hostile.code


def test_what_the_attacks_are_made_of_is_accepted() -> None:
    """So that each is refused for its one change."""
    verify_call(call_of(PART), EXPECTED, CAPS)
    assert simulate(paper(), call_of(PART), EXPECTED).full
    verify_signed(good, CALL)


def test_there_are_more_than_forty_each_with_its_name() -> None:
    names = [each.name for each in HOSTILE]
    assert len(set(names)) == len(names) > 40
    width = max(map(len, names))
    rows = [f"{number:3}  {each.name:<{width}}  {refusal(each)}" for number, each in enumerate(HOSTILE, 1)]
    sys.stdout.write("\n".join(["", *rows, ""]))
