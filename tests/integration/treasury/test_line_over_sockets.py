"""The line without any fault: HTTP to the exchange and Esplora, UDP to the devices, books to the satoshi."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.treasury import line, stage
from tests.faults.treasury.bench import Case

Make = Callable[..., Case]


@pytest.mark.parametrize("kind", stage.KINDS)
def test_a_plan_is_carried_out_exactly_once_and_the_books_balance(kind: stage.Kind, make: Make) -> None:
    case = make(kind)
    line.carry_out(case.desk, case.scene, case.plan)
    line.check_done_once(case.desk, case.scene, case.staged, case.plan)


def test_the_device_shows_every_address_in_full_before_it_approves_and_signs(make: Make) -> None:
    case = make("mixed")
    for hand in case.hands.values():
        hand.screens.clear()
    case.ready()
    approved = " ".join(text for screen in case.hands["cold"].screens for text in screen.lines)
    signed = " ".join(text for screen in case.hands["staging"].screens for text in screen.lines)
    assert case.plan.plan_id in approved
    for transfer in case.plan.body.transfers:
        assert transfer.payment.address in approved
    assert next(t for t in case.plan.body.transfers if t.action == "evacuate").payment.address in signed
    case.send()
    line.follow(case.desk, case.scene, case.plan)


def test_the_journal_tells_every_step_in_order(make: Make) -> None:
    from vault.store import journal

    case = make("top-up")
    line.carry_out(case.desk, case.scene, case.plan)
    with case.desk.store.read() as connection:
        rows = journal.rows(connection)
    kinds = [row.kind for row in rows if row.kind in {"plan", "approval", "plan_state", "intent_state"}]
    assert kinds[:3] == ["plan", "approval", "plan_state"]
    assert kinds[-1] == "plan_state"
    # Nothing is sent that was not journaled as submitting just before.
    moves = [row for row in rows if row.kind == "intent_state"]
    for index, row in enumerate(moves):
        if '"to":"accepted"' in row.body and '"from":"submitting"' in row.body:
            assert any(
                '"to":"submitting"' in other.body and other.subject == row.subject for other in moves[:index]
            )
