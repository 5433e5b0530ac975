"""Coins as facts: what may be spent, what nobody asked for, what a transaction did, reuse and dust."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.paper_chain import PaperChain, paying, reward
from vault.address import network_of
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet.coins import COINBASE_MATURITY, DUST, Balances, Coin, classify, spending_cost
from vault.bitcoin.wallet.watch import WatchWallet
from vault.clock import ManualClock
from vault.money import BTC, Amount

REGTEST = network_of("regtest")
FOREIGN = b"\x00\x14" + b"\x55" * 20


class Stage:
    def __init__(self, account: Any, directory: Path) -> None:
        self.descriptor, self.chain = account.descriptor, PaperChain(account=account)
        self.clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
        self.wallet = WatchWallet(
            "cold", self.descriptor, REGTEST, directory, self.chain, role="cold", clock=self.clock
        )

    def script(self, index: int, *, change: bool = False) -> bytes:
        return self.descriptor.script_pubkey(change, index)

    def pay(self, number: int, index: int, value: int) -> OutPoint:
        return OutPoint(self.chain.add(paying(number, (self.script(index), value))), 0)

    def another_machine(self, number: int = 0) -> WatchWallet:
        """A wallet that sees the chain for the first time now."""
        directory = self.wallet.ledger.path.parent / f"other{number}"
        wallet = WatchWallet("cold", self.descriptor, REGTEST, directory, self.chain, role="cold")
        wallet.sync()
        return wallet

    def coin(self, point: OutPoint) -> Coin:
        return next(coin for coin in self.wallet.coins() if coin.outpoint == point)

    def classified(
        self, point: OutPoint, *, txids: tuple[str, ...] = (), accepted: tuple[OutPoint, ...] = ()
    ) -> str:
        self.wallet.sync()
        return classify(self.coin(point), txids, accepted, self.wallet.handed_out())


@pytest.fixture
def stage(bitcoin_keys: ModuleType, tmp_path: Path) -> Stage:
    return Stage(bitcoin_keys.account_of(b"coins", "p2wpkh"), tmp_path)


def test_the_first_payment_to_an_address_that_was_handed_out_is_expected(stage: Stage) -> None:
    index, _ = stage.wallet.next_receive_address()
    assert stage.classified(stage.pay(1, index, 50_000)) == "expected"


def test_the_payment_that_stands_first_in_the_chain_is_the_first_on_every_machine(stage: Stage) -> None:
    index, _ = stage.wallet.next_receive_address()
    seen_first = stage.pay(1, index, 50_000)
    stage.wallet.sync()
    stage.clock.advance(60)
    second = paying(2, (stage.script(index), 60_000))
    stage.chain.mine(second, everything=False)
    stage.chain.mine()
    assert stage.classified(OutPoint(second.txid, 0)) == "expected"
    assert stage.classified(seen_first) == "unsolicited"
    later = stage.another_machine()
    assert {coin.outpoint for coin in later.coins() if coin.first} == {OutPoint(second.txid, 0)}


def test_while_all_of_them_wait_or_share_a_block_the_first_is_the_same_everywhere(stage: Stage) -> None:
    index, _ = stage.wallet.next_receive_address()
    points = []
    for number in (1, 2, 3):
        points.append(stage.pay(number, index, 50_000))
        stage.wallet.sync()
        stage.clock.advance(60)
    for _ in range(2):
        firsts = [
            {coin.outpoint for coin in wallet.coins() if coin.first}
            for wallet in (stage.wallet, stage.another_machine(stage.chain.tip_height()))
        ]
        assert firsts == [{min(points)}] * 2
        stage.chain.mine()
        stage.wallet.sync()


def test_a_first_payment_that_was_decided_stays_the_first_through_reorganisations(stage: Stage) -> None:
    index, address = stage.wallet.next_receive_address()
    first = stage.pay(1, index, 50_000)
    stage.chain.mine()
    stage.wallet.sync()
    known = {address: first}
    stage.chain.reorg(1)
    other = paying(2, (stage.script(index), 60_000))
    stage.chain.mine(other, everything=False)
    stage.wallet.sync()

    def firsts() -> set[OutPoint]:
        return {coin.outpoint for coin in stage.wallet.coins(known) if coin.first}

    assert firsts() == {first}
    stage.chain.mine()
    stage.wallet.sync()
    assert firsts() == {first}
    stage.chain.reorg(1)
    stage.chain.evict(first.txid)
    stage.wallet.sync()
    assert firsts() == set()  # a person decides about what came in its place
    assert {coin.outpoint for coin in stage.wallet.coins() if coin.first} == {OutPoint(other.txid, 0)}


def test_a_decided_first_payment_of_another_address_changes_nothing(stage: Stage) -> None:
    point = stage.pay(1, 0, 50_000)
    stage.wallet.sync()
    elsewhere = stage.descriptor.address(False, 10_000)
    assert [coin.first for coin in stage.wallet.coins({elsewhere: OutPoint("ab" * 32, 0)})] == [True]
    assert stage.wallet.coins({}) == stage.wallet.coins()
    assert stage.coin(point).first


def test_a_payment_whose_sender_replaced_it_is_still_the_first(stage: Stage) -> None:
    index, _ = stage.wallet.next_receive_address()
    slow = paying(1, (stage.script(index), 50_000))
    stage.chain.add(slow)
    stage.wallet.sync()
    stage.clock.advance(60)
    stage.chain.evict(slow.txid)
    fast = paying(2, (stage.script(index), 49_000), spends=[slow.inputs[0].outpoint])
    stage.chain.add(fast)
    assert stage.classified(OutPoint(fast.txid, 0)) == "expected"


def test_a_payment_to_an_address_never_handed_out_is_unsolicited(stage: Stage) -> None:
    assert stage.classified(stage.pay(1, 4, 50_000)) == "unsolicited"


def test_a_payment_to_a_change_address_is_unsolicited(stage: Stage) -> None:
    stage.wallet.next_receive_address()
    txid = stage.chain.add(paying(1, (stage.script(0, change=True), 50_000)))
    assert stage.classified(OutPoint(txid, 0)) == "unsolicited"


def test_dust_is_unsolicited_and_does_not_take_the_place_of_the_true_payment(stage: Stage) -> None:
    index, _ = stage.wallet.next_receive_address()
    dust = stage.pay(1, index, DUST.units - 1)
    assert stage.classified(dust) == "unsolicited"
    assert stage.classified(stage.pay(2, index, 50_000)) == "expected"


def test_our_own_change_is_own_and_a_poisoned_transaction_is_not(stage: Stage) -> None:
    coin = stage.pay(1, 0, 900_000)
    stage.chain.mine()
    own = paying(2, (FOREIGN, 1_000), (stage.script(0, change=True), 890_000), spends=[coin])
    stage.chain.mine(own)
    assert stage.classified(OutPoint(own.txid, 1)) == "own"
    foreign = paying(3).inputs[0].outpoint
    mixed = paying(4, (stage.script(1, change=True), 880_000), spends=[OutPoint(own.txid, 1), foreign])
    stage.chain.mine(mixed)
    assert stage.classified(OutPoint(mixed.txid, 0)) == "unsolicited"


def test_what_a_plan_or_a_person_expects_is_expected(stage: Stage) -> None:
    point = stage.pay(1, 4, 50_000)
    assert stage.classified(point, txids=(point.txid,)) == "expected"
    assert stage.classified(point, accepted=(point,)) == "expected"
    assert stage.classified(point, accepted=(OutPoint(point.txid, 1),)) == "unsolicited"


def test_balances_count_every_coin_once(stage: Stage) -> None:
    confirmed, frozen, quarantined = (stage.pay(n, n, 1_000_000 * n) for n in (1, 2, 3))
    block = reward(2, stage.script(5), 50_000_000)
    stage.chain.mine(block)
    pending = stage.pay(6, 6, 60_000)
    stage.wallet.sync()
    names = dict.fromkeys((confirmed, frozen, pending, OutPoint(block.txid, 0)), "expected")
    assert stage.wallet.balances({**names, quarantined: "unsolicited"}, {frozen}) == Balances(
        *(Amount(BTC, units) for units in (1_000_000, 60_000, 50_000_000, 3_000_000, 2_000_000))
    )
    assert stage.wallet.balances({}).quarantined == Amount(BTC, 56_060_000)


@pytest.mark.parametrize(
    ("confirmations", "mature"), [(COINBASE_MATURITY - 1, False), (COINBASE_MATURITY, True)]
)
def test_a_coinbase_matures_after_a_hundred_blocks(stage: Stage, confirmations: int, mature: bool) -> None:
    block = reward(1, stage.script(0), 50_000_000)
    stage.chain.mine(block)
    stage.chain.mine_empty(confirmations - 1)
    stage.wallet.sync()
    coin = stage.coin(OutPoint(block.txid, 0))
    assert (coin.confirmations, coin.mature, coin.coinbase) == (confirmations, mature, True)


def test_history_says_what_each_transaction_did_and_what_we_paid_for_it(stage: Stage) -> None:
    coin = stage.pay(1, 0, 900_000)
    stage.chain.mine()
    spend = paying(2, (FOREIGN, 300_000), (stage.script(0, change=True), 590_000), spends=[coin])
    stage.chain.add(spend)
    stage.wallet.sync()
    newest, oldest = stage.wallet.history()
    assert (newest.txid, newest.height, newest.effect.units) == (spend.txid, None, -310_000)
    assert newest.fee == Amount(BTC, 10_000)
    assert (oldest.txid, oldest.confirmations, oldest.effect.units, oldest.fee) == (
        coin.txid,
        1,
        900_000,
        None,
    )


def test_addresses_that_received_in_more_than_one_transaction_are_named(stage: Stage) -> None:
    twice = paying(1, (stage.script(0), 50_000), (stage.script(0), 60_000))
    stage.chain.add(twice)
    stage.wallet.sync()
    assert stage.wallet.reused_addresses() == ()
    again = stage.pay(2, 0, 70_000)
    stage.wallet.sync()
    (reused,) = stage.wallet.reused_addresses()
    assert (reused.script, reused.index) == (stage.script(0), 0)
    assert reused.payments == tuple(sorted((twice.txid, again.txid)))


@pytest.mark.parametrize(
    ("kind", "vbytes"), [("p2wpkh", Decimal(68)), ("p2tr", Decimal("57.5")), ("p2pkh", Decimal(148))]
)
def test_spending_a_coin_costs_its_input(bitcoin_keys: ModuleType, kind: Kind, vbytes: Decimal) -> None:
    descriptor = bitcoin_keys.account_of(b"coins", kind).descriptor
    assert spending_cost(descriptor, Decimal(2)).units == vbytes * 2


@pytest.mark.parametrize("kind", KINDS)
def test_dust_is_what_costs_more_than_it_is_worth(
    bitcoin_keys: ModuleType, tmp_path: Path, kind: Kind
) -> None:
    stage = Stage(bitcoin_keys.account_of(b"coins", kind), tmp_path)
    cost = spending_cost(stage.descriptor, Decimal(20)).units
    dust, worth = stage.pay(1, 0, cost), stage.pay(2, 1, cost + 1)
    stage.wallet.sync()
    assert [coin.outpoint for coin in stage.wallet.dust(Decimal(20))] == [dust]
    assert {coin.outpoint for coin in stage.wallet.dust(Decimal(21))} == {dust, worth}
