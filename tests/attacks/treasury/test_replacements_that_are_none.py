"""What calls itself a replacement counts only its dearer fee: it must really stand in the original's way."""

from __future__ import annotations

from typing import Any

import pytest

from vault.errors import PlanError
from vault.money import BTC, Amount
from vault.store.records import IntentRow
from vault.treasury import history, preconditions
from vault.treasury.plan import Payment, Transfer, require_form

COIN = "cd" * 32 + ":0"
OTHER = "ce" * 32 + ":0"
ORIGINAL = "a1" * 32
HOME = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def spend(bench: Any, **changes: Any) -> Transfer:
    facts = {"psbt": "cA==", "coins": (COIN,), "fee": Amount(BTC, 1_000), **changes}
    return bench.top_up(**facts)  # type: ignore[no-any-return]


@pytest.fixture
def original(bench: Any) -> IntentRow:
    """A top-up that was sent."""
    plan = bench.plan(spend(bench))
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=ORIGINAL, raw="00")
    bench.walk(plan, 1, "spend", "submitting")
    return bench.walk(plan, 1, "spend", "accepted")  # type: ignore[no-any-return]


def bump(bench: Any, **changes: Any) -> Transfer:
    return spend(bench, **{"action": "bump", "replaces": ORIGINAL, "fee": Amount(BTC, 3_000), **changes})


def test_the_same_payments_from_the_same_coins_are_a_replacement(bench: Any, original: IntentRow) -> None:
    preconditions._require_same(original, bump(bench))
    preconditions._require_same(original, bump(bench, coins=(COIN, OTHER)))


@pytest.mark.parametrize(
    "changes",
    [
        {"coins": (OTHER,)},
        {"coins": ()},
        {"source": "staging"},
        {"payments": (Payment("cold-1", "bcrt1qother", Amount(BTC, 99_000)),)},
        {"payments": (Payment("cold-1", HOME, Amount(BTC, 99_001)),)},
    ],
)
def test_other_coins_or_other_payments_are_none(
    bench: Any, original: IntentRow, changes: dict[str, Any]
) -> None:
    with pytest.raises(PlanError) as caught:
        preconditions._require_same(original, bump(bench, **changes))
    assert caught.value.code == "plan.replaces_differs"


def test_what_was_never_ours_is_replaced_by_nothing(bench: Any) -> None:
    with pytest.raises(PlanError) as caught:
        preconditions._require_same(None, bump(bench))
    assert caught.value.code == "plan.replaces_differs"


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "top_up"},
        {"replaces": ""},
        {"payments": ()},
        {"kind": "bitcoin_upkeep"},
        {"kind": "venue_withdrawal"},
        {"action": "sweep"},
        {"action": "cancel"},
        {"psbt": ""},
        {"coins": ()},
        {"payments": (Payment("a", "b", Amount(BTC, 1)), Payment("c", "d", Amount(BTC, 1)))},
    ],
)
def test_a_transfer_that_is_two_things_at_once_is_refused(bench: Any, changes: dict[str, Any]) -> None:
    require_form(bump(bench))
    with pytest.raises(PlanError) as caught:
        require_form(bump(bench, **changes))
    assert caught.value.code == "plan.form"


def test_of_a_pair_the_payment_counts_once_and_the_dearer_fee(bench: Any, original: IntentRow) -> None:
    plan = bench.plan(bump(bench))
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid="b2" * 32, raw="00")
    with bench.desk.store.read() as connection:
        counted = history.outflows(connection, bench.clock.now())
    assert sum(each.amount.units for each in counted) == 99_000 + 3_000
    assert sum(each.fee.units for each in counted) == 3_000
    assert sum(each.moved.units for each in counted) == 99_000
    assert {each.action for each in counted} == {"top_up", "bump"}


def test_a_replacement_of_what_no_longer_counts_counts_whole(bench: Any) -> None:
    plan = bench.plan(spend(bench), state="cancelled")
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=ORIGINAL, raw="00")
    bench.walk(plan, 1, "spend", "cancelled")
    with bench.desk.store.read() as connection:
        share = history.present_share(connection, bump(bench), bench.clock.now())
    assert (share.amount.units, share.fee.units, share.moved.units) == (102_000, 3_000, 99_000)
