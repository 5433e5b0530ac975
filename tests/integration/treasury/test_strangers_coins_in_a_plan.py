"""A stranger pays wallets while a plan of theirs is under way: the plan ends as made, the books close."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.treasury import line
from tests.faults.treasury.bench import Case
from vault.money import BTC, Amount
from vault.treasury import books, coins, marks, propose

Make = Callable[..., Case]
DUST, GIFT = 700, 3_000_000


@pytest.mark.parametrize("kind", ["withdrawal", "evacuation", "top-up"])
def test_what_a_stranger_pays_changes_no_plan_and_no_book(make: Make, kind: str) -> None:
    case = make(kind)
    used = case.staged.address("cold", False, 0)
    case.scene.chain.fund(used, GIFT)
    case.scene.chain.fund(case.staged.address("staging", True, 1), DUST)
    case.ready()
    case.send()
    found = line.settle(case.desk, case.plan)
    line.complete(case.desk, case.scene, case.plan)
    assert case.state == "done", found
    closed = books.close_books(case.desk)
    assert closed.balanced, closed
    assert {(each.place, each.amount.units) for each in closed.unsolicited} == {
        ("wallet:cold", GIFT),
        ("wallet:staging", DUST),
    }
    (gift,) = (each for each in coins.of_wallet(case.desk, "cold").known() if each.quarantined)
    marks.accept(case.desk, str(gift.outpoint), "a gift")
    after = books.close_books(case.desk)
    assert after.balanced, after
    assert after.received_total == Amount(BTC, GIFT)


def test_an_evacuation_is_not_called_for_by_a_strangers_coins_and_leaves_them(make: Make) -> None:
    case = make("evacuation")
    for index in range(3):
        case.scene.chain.fund(case.staged.address("staging", False, index), GIFT)
    found = propose.look(case.desk)
    (staging,) = (each for each in found.snapshot.wallets if each.name == "staging")
    assert staging.quarantined == Amount(BTC, 3 * GIFT)
    (decision,) = (each for each in found.decisions if each.action == "evacuate")
    assert decision.amount == staging.confirmed
    again = propose.propose(case.desk)
    assert again.plan is not None
    foreign = {
        str(each.outpoint) for each in coins.of_wallet(case.desk, "staging").known() if each.quarantined
    }
    spent = {coin for transfer in again.plan.body.transfers for coin in transfer.coins}
    assert len(foreign) == 3
    assert not spent & foreign
