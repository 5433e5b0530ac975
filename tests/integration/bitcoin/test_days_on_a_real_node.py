"""Whole days on a real bitcoind: every kind of transaction, through every backend, ends in closed books.

Each signed transaction is bitcoind's own `finalizepsbt` to the byte, and `testmempoolaccept` takes it before
it is sent. What the wallets hold at the end is asked of the node's set of unspent outputs.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.node_bench import NodeBench, opened_node_bench
from tests.support.node_treasury import (
    COLD_ENTRIES,
    MANY,
    OUTSIDE_ENTRIES,
    REACHES,
    NodeTreasury,
    make_node_treasury,
)
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.wallet.coins import unspent
from vault.bitcoin.wallet.watch import WatchWallet
from vault.errors import ChainError, PlanError
from vault.money import BTC, Amount
from vault.treasury import approve, execute, propose, reconcile
from vault.treasury.plan import Plan
from vault.treasury.propose import Proposal
from vault.treasury.requests import build
from vault.venues import client as venue_client

pytestmark = pytest.mark.timeout(180)
# A world for each way to reach it, so that they may run side by side.
ALL = {reach: pytest.param(reach, marks=pytest.mark.xdist_group(f"node by {reach}")) for reach in REACHES}

FALLEN = "66000"  # a price at which the account needs more margin
DEAR = Decimal(20)  # sat/vB that a miner asks for, while something is to stay unconfirmed


@pytest.fixture(scope="module")
def node_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeBench]:
    with opened_node_bench(tmp_path_factory.mktemp("node")) as bench, pytest.MonkeyPatch.context() as patch:
        patch.setattr(venue_client, "_start", lambda _: bench.worker)
        patch.setattr(venue_client, "_end", lambda _process: None)
        yield bench


@pytest.fixture(scope="module", params=ALL.values())
def treasury(request: pytest.FixtureRequest, node_bench: NodeBench) -> Iterator[NodeTreasury]:
    made = make_node_treasury(node_bench, request.param)
    try:
        yield made
    finally:
        made.desk.close()


def sat(amount: int) -> Amount:
    return Amount(BTC, amount)


def plan_of(found: Proposal) -> Plan:
    assert found.plan is not None, (found.decisions, found.problems, found.snapshot.failures)
    return found.plan


def pay(treasury: NodeTreasury, wallet: str, *payments: tuple[str, int], rate: Decimal | int = 5) -> Plan:
    wanted = [(entry, sat(amount)) for entry, amount in payments]
    return plan_of(build.pay(treasury.desk, wallet, wanted, Decimal(rate)))


def held(treasury: NodeTreasury, wallet: str) -> int:
    return treasury.bench.unspent(treasury.desk.descriptor(wallet))


def test_a_sweep_comes_from_the_venues_hot_wallet_and_a_top_up_is_credited(treasury: NodeTreasury) -> None:
    before, venue = held(treasury, "cold"), treasury.bench.exchange
    plan = plan_of(propose.propose(treasury.desk))
    (sweep,) = plan.body.transfers
    assert (sweep.action, sweep.payment.destination) == ("sweep", "cold-1")
    treasury.send(plan)
    treasury.finish(plan)
    treasury.close_books()
    assert held(treasury, "cold") == before + sweep.amount.units

    venue.mark("BTCUSDT", FALLEN)
    try:
        plan = plan_of(propose.propose(treasury.desk))
        (top_up,) = plan.body.transfers
        assert (top_up.action, top_up.payment.address) == ("top_up", treasury.deposit)
        treasury.send(plan)
        treasury.finish(plan)
        treasury.close_books()
    finally:
        venue.mark("BTCUSDT", str(treasury.bench.world.scenario.steps[0].mark))
    assert held(treasury, "cold") == before + sweep.amount.units - top_up.gross.units


def test_twenty_payments_leave_in_one_transaction(treasury: NodeTreasury) -> None:
    ours = [(f"cold-{number}", 100_000 + number) for number in range(2, 2 + 20 - OUTSIDE_ENTRIES)]
    theirs = [(f"vault-{number}", 50_000 + number) for number in range(1, 1 + OUTSIDE_ENTRIES)]
    assert len(ours) + len(theirs) == 20 <= COLD_ENTRIES + OUTSIDE_ENTRIES
    cold, staging = held(treasury, "cold"), held(treasury, "staging")
    outside = treasury.close_books().outside.units
    plan = treasury.send(pay(treasury, "staging", *ours, *theirs))
    treasury.finish(plan)
    found = treasury.close_books()
    paid, gone = sum(amount for _, amount in ours), sum(amount for _, amount in theirs)
    fee = plan.body.transfers[0].fee.units
    assert held(treasury, "cold") == cold + paid
    assert held(treasury, "staging") == staging - paid - gone - fee
    assert found.outside.units == outside + gone
    raw = treasury.bench.chain.raw_transaction(treasury.txid(plan))
    assert len(Transaction.parse(raw).outputs) == 21


def test_two_hundred_coins_become_one(treasury: NodeTreasury, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = treasury.desk.wallet("many")
    wallet.sync()
    coins = [coin.outpoint for coin in unspent(wallet.coins())]
    before = held(treasury, "many")
    assert len(coins) == MANY
    plan = plan_of(build.consolidate(treasury.desk, "many", coins, Decimal(2)))
    connect, dialled = socket.create_connection, []
    with monkeypatch.context() as patch:
        patch.setattr(socket, "create_connection", lambda *a, **o: dialled.append(a) or connect(*a, **o))
        approve.approve(treasury.desk, plan, "treasurer")
    # Through Tor each connection is a second: not one for each coin.
    assert 0 < len(dialled) < 30
    treasury.send(plan)
    treasury.finish(plan)
    treasury.close_books()
    assert held(treasury, "many") == before - plan.body.transfers[0].fee.units
    assert len(unspent(wallet.coins())) == 1


def test_a_bump_takes_the_place_of_what_waits(treasury: NodeTreasury) -> None:
    before = held(treasury, "cold")
    first = treasury.send(pay(treasury, "staging", ("cold-18", 700_000), rate=2))
    treasury.bench.chain.mine(2, min_fee_rate=DEAR)
    reconcile.reconcile(treasury.desk)
    assert treasury.states(first) == ["accepted"]
    with pytest.raises(PlanError) as refused:
        build.bump(treasury.desk, first, 1, Decimal("2.1"))
    assert refused.value.code == "plan.fee_too_low"
    second = plan_of(build.bump(treasury.desk, first, 1, DEAR + 5))
    assert second.body.transfers[0].replaces == treasury.txid(first)
    treasury.send(second)
    assert treasury.txid(first) not in treasury.bench.node.call("getrawmempool")
    treasury.bench.chain.mine(1, min_fee_rate=DEAR)
    treasury.finish(second)
    treasury.close_books()
    assert treasury.states(first) == ["replaced"]
    assert held(treasury, "cold") == before + 700_000


def test_a_child_pays_for_a_parent_that_waits(treasury: NodeTreasury) -> None:
    parent = treasury.send(pay(treasury, "staging", ("cold-19", 600_000), rate=2))
    treasury.bench.chain.mine(2, min_fee_rate=DEAR)
    script = treasury.desk.descriptor("cold").script_pubkey(False, 6 + 18)
    outputs = Transaction.parse(treasury.bench.chain.raw_transaction(treasury.txid(parent))).outputs
    coin = OutPoint(treasury.txid(parent), [each.script for each in outputs].index(script))
    child = plan_of(build.speed_up(treasury.desk, "cold", coin, DEAR + 5))
    treasury.send(child)
    treasury.bench.chain.mine(1, min_fee_rate=DEAR)
    assert treasury.bench.chain.confirmations(treasury.txid(parent)) == 1
    treasury.finish(child)
    treasury.close_books()
    assert {treasury.state(parent), treasury.state(child)} == {"done"}


def test_a_payment_is_taken_back_before_it_confirms(treasury: NodeTreasury) -> None:
    cold, staging = held(treasury, "cold"), held(treasury, "staging")
    first = treasury.send(pay(treasury, "staging", ("cold-20", 500_000), rate=2))
    treasury.bench.chain.mine(1, min_fee_rate=DEAR)
    second = plan_of(build.cancel_onchain(treasury.desk, first, 1, Decimal(8)))
    treasury.send(second)
    treasury.finish(second)
    treasury.close_books()
    assert treasury.states(first) == ["replaced"]
    assert held(treasury, "cold") == cold
    assert held(treasury, "staging") == staging - second.body.transfers[0].fee.units


def test_what_a_node_would_not_take_is_not_sent(
    treasury: NodeTreasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlanError) as unasked:
        pay(treasury, "staging", ("cold-15", 200_000), rate=Decimal("0.01"))
    assert unasked.value.code == "plan.fee_below_floor"
    # The floor may be low by the time it is sent: what mempools take rises.
    monkeypatch.setattr(type(treasury.desk), "fee_floor", lambda _desk: Decimal(0))
    plan = pay(treasury, "staging", ("cold-15", 200_000), rate=Decimal("0.01"))
    approve.approve(treasury.desk, plan, "treasurer")
    approve.sign(treasury.desk, plan)
    raw = str(treasury.spend_step(plan, plan.transfer(1)).facts["raw"])
    (verdict,) = treasury.bench.node.call("testmempoolaccept", [raw])
    assert verdict["reject-reason"].startswith("min relay fee not met")
    with pytest.raises(ChainError) as refused:
        execute.send(treasury.desk, plan)
    asked = "bitcoind" in treasury.account
    assert refused.value.code == ("chain.not_accepted" if asked else "chain.refused")
    # Asked beforehand, nothing was ever submitted.
    assert treasury.states(plan) == ["signed" if asked else "unsent"]
    assert treasury.bench.node.call("getrawmempool") == []
    execute.cancel(treasury.desk, plan, "too cheap")
    treasury.close_books()
    # Nobody kept what was too cheap: the wallet is free for another payment at once.
    again = treasury.send(pay(treasury, "staging", ("cold-15", 200_000)))
    treasury.finish(again)
    treasury.close_books()


def test_what_somebody_sent_before_us_is_sent_once(treasury: NodeTreasury) -> None:
    plan = pay(treasury, "staging", ("cold-14", 200_000))
    treasury.sign(plan)
    raw = str(treasury.spend_step(plan, plan.transfer(1)).facts["raw"])
    treasury.bench.node.call("sendrawtransaction", raw)
    treasury.seen(plan)
    execute.send(treasury.desk, plan)
    assert treasury.states(plan) == ["accepted"]
    treasury.finish(plan)
    treasury.close_books()


@pytest.mark.parametrize("devices", [("staging", "third"), ("cold", "staging")])
def test_two_makes_of_device_sign_for_a_group_of_three(
    treasury: NodeTreasury, devices: tuple[str, str]
) -> None:
    shared = held(treasury, "shared")
    plan = treasury.send(pay(treasury, "shared", ("cold-1", 250_000)), *devices)
    treasury.finish(plan)
    treasury.close_books()
    transfer = plan.body.transfers[0]
    assert held(treasury, "shared") == shared - transfer.gross.units


def test_a_taproot_wallet_pays(treasury: NodeTreasury) -> None:
    before = held(treasury, "taproot")
    plan = treasury.send(pay(treasury, "taproot", ("cold-1", 4_000_000)))
    assert len(plan.body.transfers[0].coins) > 1
    treasury.finish(plan)
    treasury.close_books()
    assert held(treasury, "taproot") == before - plan.body.transfers[0].gross.units


def test_three_blocks_are_reorganised_and_the_books_close_again(treasury: NodeTreasury) -> None:
    before = held(treasury, "cold")
    plan = treasury.send(pay(treasury, "staging", ("cold-17", 300_000)))
    treasury.finish(plan)
    txid = treasury.txid(plan)
    assert treasury.bench.chain.confirmations(txid) == 2
    treasury.bench.chain.reorg(3)
    assert treasury.bench.chain.confirmations(txid) == 0
    reconcile.reconcile(treasury.desk)
    assert treasury.states(plan) == ["accepted"]
    assert treasury.state(plan) == "sending"
    treasury.finish(plan)
    treasury.close_books()
    assert held(treasury, "cold") == before + 300_000


@pytest.mark.parametrize("treasury", [ALL["bitcoind"], ALL["electrum"]], indirect=True)
def test_the_new_branch_has_what_was_replaced_in_the_old_one(treasury: NodeTreasury) -> None:
    cold, staging = held(treasury, "cold"), held(treasury, "staging")
    first = treasury.send(pay(treasury, "staging", ("cold-16", 400_000), rate=2))
    second = treasury.send(plan_of(build.cancel_onchain(treasury.desk, first, 1, Decimal(8))))
    treasury.finish(second)
    treasury.close_books()
    assert (treasury.states(first), treasury.states(second)) == (["replaced"], ["done"])
    raw = bytes.fromhex(str(treasury.spend_step(first, first.transfer(1)).facts["raw"]))
    treasury.bench.chain.reorg(3, transactions=[raw])
    reconcile.reconcile(treasury.desk)
    treasury.close_books()
    assert (treasury.states(first), treasury.states(second)) == (["done"], ["replaced"])
    assert held(treasury, "cold") == cold + 400_000
    assert held(treasury, "staging") == staging - first.body.transfers[0].gross.units


@pytest.mark.parametrize("treasury", [ALL["bitcoind and electrum"]], indirect=True)
def test_the_same_by_commands_alone(treasury: NodeTreasury) -> None:
    """Pay a batch out of the group, bump it, close the books: each command a process of its own."""
    chain = treasury.bench.chain
    plan = treasury.command("request", "pay", "shared", "cold-2=0.001", "vault-1=0.002", "--fee-rate", "2")
    treasury.command("approve", plan["plan_id"], "--attester", "treasurer")
    treasury.command("sign", plan["plan_id"])
    treasury.command("send", plan["plan_id"])
    chain.mine(1, min_fee_rate=DEAR)
    bumped = treasury.command("request", "bump", plan["plan_id"], "1", "--fee-rate", "25")
    for step in ("approve", "sign", "send"):
        options = ("--attester", "treasurer") if step == "approve" else ()
        treasury.command(step, bumped["plan_id"], *options)
    chain.mine(2, min_fee_rate=DEAR)
    found = treasury.command("reconcile")
    assert found["balanced"] is True
    assert treasury.states(treasury.plan(plan["plan_id"])) == ["replaced"]
    assert treasury.state(treasury.plan(bumped["plan_id"])) == "done"
    treasury.close_books()


def test_coins_history_and_balance_are_the_same_through_all_backends(
    treasury: NodeTreasury, tmp_path: Path
) -> None:
    from vault.bitcoin.backends.electrum import ElectrumBackend
    from vault.bitcoin.backends.esplora import EsploraBackend
    from vault.bitcoin.backends.node import NodeBackend
    from vault.bitcoin.backends.node_rpc import cookie

    bench, desk = treasury.bench, treasury.desk
    backends: dict[str, Any] = {
        "own": desk.backend(),
        "esplora": EsploraBackend(bench.world.esplora_url, 10, network=desk.network),
        "electrum": ElectrumBackend(bench.electrum.tls_url, desk.network, 10, certificate=bench.certificate),
        "bitcoind": NodeBackend(
            bench.node.url, desk.network, cookie(bench.node.cookie_file), 10, scan_file=tmp_path / "scan.json"
        ),
    }
    treasury.close_books()
    for settings in treasury.treasury.config.wallet:
        seen = {}
        for name, backend in backends.items():
            wallet = WatchWallet(
                settings.name,
                desk.descriptor(settings.name),
                desk.network,
                tmp_path / name.replace(" ", "-"),
                backend,
                role=settings.role,
            )
            wallet.sync()
            balance = wallet.balance(desk.clock.now())
            history = [replace(each, first_seen=0) for each in wallet.history()]  # by this machine's clock
            seen[name] = (balance.confirmed, balance.pending, history, wallet.coins())
        expected = seen.pop("own")
        assert expected[0].units == held(treasury, settings.name) > 0
        for name, found in seen.items():
            assert found == expected, (settings.name, name)
