"""Cosigners elsewhere finish a group's transaction and send it: it is found, counted and booked."""

from __future__ import annotations

import pytest

from tests.faults.treasury.bench import Bench
from tests.support.group_treasury import group_treasury
from vault.bitcoin.psbt.combine import combine
from vault.bitcoin.psbt.extract import extract
from vault.bitcoin.scripts import Kind
from vault.bitcoin.standard_inputs import finalise
from vault.treasury import history, reconcile
from vault.treasury.psbt_exchange import export


@pytest.mark.parametrize("kind", ["p2wsh", "p2sh-p2wsh"])
@pytest.mark.parametrize("later", [0, 7 * 86_400], ids=["in time", "after the plan's time"])
def test_what_outsiders_sent_is_followed_and_counted(bench: Bench, kind: Kind, later: int) -> None:
    name = f"sent-{kind}-{later}"
    with group_treasury(bench, name, kind=kind, signers=("cold",), outsiders=2) as group:
        case = group.case.approve()
        sent = export(case.desk, case.plan, None)
        done = finalise(combine([each.sign(sent, group.descriptor) for each in group.outside]))
        case.scene.chain.submit(extract(done).serialise())
        assert (case.state, case.states) == ("approved", ("signing",))
        case.clock.advance(later)
        (found,) = [each for each in reconcile.reconcile(case.desk) if each.kind == "spend"]
        case.clock.advance(-later)
        assert (found.before, found.state, found.note.split(":")[0]) == (
            "signing",
            "accepted",
            "books.sent_outside",
        )
        with case.desk.store.read() as connection:
            (counted,) = history.outflows(connection, case.clock.now(), since=case.clock.now())
        assert (counted.action, counted.amount, counted.state) == (
            "evacuate",
            case.plan.body.transfers[0].gross,
            "pending",
        )
        case.complete()
