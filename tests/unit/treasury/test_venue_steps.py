"""Steps follow the exchange's own route, and a transfer of another form is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from vault.clock import ManualClock, from_iso
from vault.config import VenueSettings
from vault.errors import PlanError, VenueError
from vault.money import BTC, Amount
from vault.store.database import Store
from vault.store.records import IntentRow
from vault.treasury.plan import PLAN_SCHEMA, Move, Payment, Plan, PlanBody, Transfer, require_form
from vault.treasury.steps import bound_by_expiry, ensure_intents, stage_of, steps_of
from vault.treasury.venue_requests import internal_transfer, inward, outward

AT = from_iso("2026-01-31T05:00:00.000Z")
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def settings(exchange: str, **more: str) -> VenueSettings:
    return VenueSettings.model_validate({"name": "a", "exchange": exchange, "account_uid": "1", **more})


def sweep(moves: tuple[Move, ...]) -> Transfer:
    return Transfer(
        1,
        "sweep",
        "venue_withdrawal",
        "a",
        "a",
        "bitcoin:regtest",
        "BTC",
        (Payment("cold-1", ADDRESS, Amount(BTC, 99_000)),),
        Amount(BTC, 1_000),
        moves=moves,
    )


def top_up(moves: tuple[Move, ...]) -> Transfer:
    made = sweep(moves)
    return replace(made, action="top_up", kind="bitcoin_spend", source="cold", psbt="x", coins=("c",))


def a_return(moves: tuple[Move, ...]) -> Transfer:
    made = sweep(moves)
    nothing = Amount.zero(BTC)
    return replace(
        made, action="return", kind="venue_move", payments=(), fee=nothing, returned=Amount(BTC, 7)
    )


@pytest.mark.parametrize(
    ("exchange", "product", "way"),
    [
        ("binance", "usdm", "futures spot"),
        ("binance", "coinm", "coin_futures spot"),
        ("binance", "portfolio", "portfolio spot"),
        ("bybit", "usdm", "unified funding"),
        ("okx", "usdm", "trading funding"),
        ("kraken", "usdm", "flex cash spot"),
        ("deribit", "usdm", ""),
    ],
)
def test_a_sweep_takes_the_exchanges_hops_and_a_top_up_the_same_ones_back(
    exchange: str, product: str, way: str
) -> None:
    venue = settings(exchange, product=product)
    names = way.split()
    hops = list(itertools.pairwise(names))
    assert [(each.source, each.destination) for each in outward(venue)] == hops
    out = steps_of(sweep(outward(venue)))
    assert [step.kind for step in out] == ["to_spot"] * len(hops) + ["withdraw"]
    back = steps_of(top_up(inward(venue)))
    assert [step.kind for step in back] == ["spend", "credit"] + ["to_margin"] * len(hops)
    came = [(step.move.source, step.move.destination) for step in back if step.move]
    assert came == [(other, one) for one, other in reversed(hops)]
    assert [step.kind for step in steps_of(a_return(inward(venue)))] == ["to_margin"] * len(hops)


def test_an_exchange_that_is_only_read_has_no_route() -> None:
    with pytest.raises(VenueError) as caught:
        outward(settings("bitget"))
    assert caught.value.code == "venue.read_only"


def intents(folder: Path, *transfers: Transfer) -> list[IntentRow]:
    body = PlanBody(
        PLAN_SCHEMA, "ours", "regtest", AT, AT.replace(hour=6), "p", 1, "1" * 64, 1, "2" * 64,
        "3" * 64, "4" * 64, 1, (), transfers,
    )  # fmt: skip
    plan = Plan.of(body)
    from vault.canonical import canonical_json
    from vault.clock import to_iso
    from vault.codec import encode
    from vault.store import records

    with Store.open(f"sqlite:///{folder / 'v.db'}", "ours", ManualClock(AT), create=True) as store:
        row = records.PlanRow(
            plan.plan_id, plan.digest, to_iso(AT), to_iso(AT), "sending", canonical_json(encode(body))
        )
        with store.write() as writer:
            records.save_plan(writer, row)
        return ensure_intents(store, plan)


def test_each_hop_is_asked_for_with_its_own_wallets_and_the_gross_amount(tmp_path: Path) -> None:
    steps = intents(tmp_path, sweep(outward(settings("kraken"))))
    asked = [
        internal_transfer(replace(step, body=step.body[:-1] + ',"not_after":"2026-01-31T05:00:00.000Z"}'))
        for step in steps
        if step.kind == "to_spot"
    ]
    assert [(each.source, each.destination) for each in asked] == [("flex", "cash"), ("cash", "spot")]
    assert {each.amount.units for each in asked} == {100_000}
    assert len({step.client_id for step in steps}) == 3


def test_a_return_moves_what_it_returns_and_only_its_first_hop_waits_for_the_plans_life(
    tmp_path: Path,
) -> None:
    transfer = a_return(inward(settings("kraken")))
    steps = intents(tmp_path, transfer)
    assert [step.facts["amount"] for step in steps] == [Amount(BTC, 7).as_json()] * 2
    assert [bound_by_expiry(transfer, step) for step in steps] == [True, False]


MOVES = (Move("futures", "spot"),)


@pytest.mark.parametrize(
    "transfer",
    [
        replace(sweep(MOVES), kind="venue_move"),
        replace(sweep(MOVES), action="return"),
        replace(a_return(MOVES), kind="venue_withdrawal"),
        replace(a_return(MOVES), moves=()),
        replace(a_return(MOVES), returned=Amount.zero(BTC)),
        replace(a_return(MOVES), venue_account=""),
        replace(a_return(MOVES), payments=sweep(MOVES).payments),
        replace(top_up(MOVES), action="pay", venue_account=""),
        replace(top_up(MOVES), action="sweep"),
    ],
)
def test_kind_action_and_moves_that_do_not_fit_together_are_refused(transfer: Transfer) -> None:
    for fine in (sweep(MOVES), sweep(()), top_up(MOVES), a_return(MOVES)):
        require_form(fine)
    with pytest.raises(PlanError) as caught:
        require_form(transfer)
    assert caught.value.code == "plan.form"


@pytest.mark.parametrize(
    ("kind", "state", "facts", "stage"),
    [
        ("withdraw", "planned", "{}", "planned"),
        ("withdraw", "unknown", "{}", "unknown"),
        ("withdraw", "accepted", "{}", "accepted"),
        ("withdraw", "accepted", '{"venue_state":"processing","venue_txid":""}', "processing"),
        ("withdraw", "accepted", '{"venue_state":"sent","venue_txid":"ab"}', "sent with txid"),
        ("withdraw", "sent", "{}", "sent with txid"),
        ("withdraw", "done", "{}", "credited"),
        ("credit", "done", "{}", "credited"),
        ("withdraw", "refused", "{}", "refused"),
        ("withdraw", "cancelled", "{}", "cancelled"),
    ],
)
def test_how_far_a_step_is_has_a_name(kind: str, state: str, facts: str, stage: str) -> None:
    assert stage_of(IntentRow("v", "p", 1, 1, kind, state, None, "", "", facts)) == stage
