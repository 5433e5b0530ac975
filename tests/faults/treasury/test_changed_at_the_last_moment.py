"""What another process changes between the last check and the broadcast still stops the transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.faults.treasury.bench import Case
from vault.errors import DeniedError, PlanError
from vault.treasury import limits, marks, preconditions

Make = Callable[..., Case]


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """`act` happens right after the preconditions were checked."""
    checked = preconditions.check_transfer

    def then(*arguments: Any, **named: Any) -> None:
        checked(*arguments, **named)
        act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preconditions, "check_transfer", then)
        yield


def test_a_coin_that_is_frozen_after_the_check_does_not_leave(make: Make) -> None:
    case = make("evacuation").ready()
    coin = case.plan.body.transfers[0].coins[0]
    with (
        meanwhile(lambda: marks.freeze(case.desk, coin, "held for the auditor")),
        pytest.raises(PlanError) as caught,
    ):
        case.send()
    assert (caught.value.code, case.states) == ("plan.coin_frozen", ("signed",))
    marks.unfreeze(case.desk, coin, "the auditor is done")
    case.send(resume=True)
    case.complete()


def test_a_limit_that_is_used_up_after_the_check_holds_the_plan_back(make: Make) -> None:
    case = make("evacuation").ready()

    def used_up(*arguments: Any) -> None:
        raise DeniedError("limit", "another plan took what was left")

    with (
        pytest.MonkeyPatch.context() as patch,
        meanwhile(lambda: patch.setattr(limits, "check_limits", used_up)),
        pytest.raises(DeniedError) as caught,
    ):
        case.send()
    assert (caught.value.code, case.states) == ("denied.limit", ("signed",))
    case.send(resume=True)
    case.complete()
