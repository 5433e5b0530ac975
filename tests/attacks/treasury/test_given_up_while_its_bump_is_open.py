"""A payment is not given up while something that pays in its place is open, in any state before its end."""

from __future__ import annotations

from typing import Any

import pytest

from vault.errors import DeniedError
from vault.store import records
from vault.treasury import execute

TXID = "ab" * 32
COIN = "cd" * 32 + ":0"


def staged(bench: Any, state: str) -> tuple[Any, Any]:
    """An original that is unsent, and its bump."""
    facts = {"kind": "bitcoin_spend", "source": "cold", "venue_account": "", "coins": (COIN,)}
    original = bench.plan(bench.transfer(action="pay", moves=(), **facts))
    bench.walk(original, 1, "spend", "signing")
    bench.walk(original, 1, "spend", "signed", txid=TXID, raw="00")
    bump = bench.plan(bench.transfer(action="bump", moves=(), replaces=TXID, **facts), state=state)
    return original, bump


@pytest.mark.parametrize("state", ["proposed", "approved"])
def test_the_original_stays_while_its_bump_may_still_be_sent(bench: Any, state: str) -> None:
    original, bump = staged(bench, state)
    with pytest.raises(DeniedError) as caught:
        execute.cancel(bench.desk, original, "changed my mind")
    assert caught.value.code == "denied.in_flight"
    assert f"vault cancel {bump.plan_id}" in caught.value.hint
    execute.cancel(bench.desk, bump, "not this one either")
    execute.cancel(bench.desk, original, "changed my mind")
    assert bench.state(original) == "cancelled"


def test_a_bump_that_expired_holds_nothing_up(bench: Any) -> None:
    original, _ = staged(bench, "proposed")
    bench.clock.advance(3_600)
    execute.cancel(bench.desk, original, "changed my mind")
    assert bench.state(original) == "cancelled"


def test_a_bump_of_its_bump_counts_too(bench: Any) -> None:
    original, bump = staged(bench, "approved")
    bench.walk(bump, 1, "spend", "signing")
    bench.walk(bump, 1, "spend", "signed", txid="ef" * 32, raw="01")
    facts = {"kind": "bitcoin_spend", "source": "cold", "venue_account": "", "coins": (COIN,)}
    bench.plan(bench.transfer(action="bump", moves=(), replaces="ef" * 32, **facts), state="proposed")
    with bench.desk.store.write() as writer:
        records.set_plan_state(writer, bump.plan_id, frozenset({"approved"}), "cancelled", "test")
        step = records.intents(writer.connection, bump.plan_id)[0]
        records.move_intent(writer, step, "cancelled")
    with pytest.raises(DeniedError):
        execute.cancel(bench.desk, original, "changed my mind")
