"""A ledger follows the chain: gap limit, reorganisations, evictions. A backend that lies changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.paper_chain import PaperChain, paying, reward
from vault.address import network_of
from vault.bitcoin.backends.base import BlockRef, HistoryEntry
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.wallet.coins import coins, unspent, vanished
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.sync import STOP_GAP, SyncReport, sync
from vault.errors import ChainError

REGTEST = network_of("regtest")
FOREIGN = b"\x00\x14" + b"\x55" * 20


class Stage:
    """One wallet's ledger before a chain on paper."""

    def __init__(self, account: Any, directory: Path) -> None:
        self.descriptor, self.chain = account.descriptor, PaperChain(account=account)
        self.ledger = Ledger("cold", self.descriptor, REGTEST, directory)

    def sync(self, chain: Any = None, *, full: bool = True) -> SyncReport:
        return sync(self.ledger, chain or self.chain, 1_000, full=full)

    def script(self, index: int, *, change: bool = False) -> bytes:
        return self.descriptor.script_pubkey(change, index)

    def pay(self, number: int, index: int, value: int = 50_000) -> str:
        return self.chain.add(paying(number, (self.script(index), value)))

    def amounts(self) -> list[tuple[int, int]]:
        """(amount, confirmations) of the unspent coins."""
        found = unspent(coins(self.ledger.state()))
        return sorted((coin.amount.units, coin.confirmations) for coin in found)


@pytest.fixture
def stage(bitcoin_keys: ModuleType, tmp_path: Path) -> Stage:
    return Stage(bitcoin_keys.account_of(b"synced", "p2wpkh"), tmp_path)


def test_reports_what_is_new_what_moved_and_what_vanished(stage: Stage) -> None:
    first, second = stage.pay(1, 0, 10_000), stage.pay(2, 1, 20_000)
    report = stage.sync()
    assert (set(report.new), report.changed, report.vanished) == ({first, second}, (), ())
    stage.chain.evict(first)
    tip = stage.chain.mine()
    assert stage.sync() == SyncReport((), (second,), (first,), tip)
    assert stage.amounts() == [(20_000, 1)]
    assert [each.txid for each in vanished(stage.ledger.state())] == [first]
    assert stage.sync() == SyncReport((), (), (), tip)


def test_a_reorganisation_of_three_blocks_takes_back_what_was_in_them(stage: Stage) -> None:
    kept = stage.pay(1, 0, 1_000_000)
    stage.chain.mine()
    moved = stage.pay(2, 1, 2_000_000)
    stage.chain.mine(reward(2, stage.script(2), 3_000_000))
    stage.chain.mine_empty(2)
    stage.sync()
    assert stage.amounts() == [(1_000_000, 4), (2_000_000, 3), (3_000_000, 3)]
    stage.chain.reorg(3)
    report = stage.sync()
    assert report.changed == (moved,)
    assert len(report.vanished) == 1  # the reward of a block that is no more
    assert stage.amounts() == [(1_000_000, 5), (2_000_000, 0)]
    stage.chain.mine()
    assert stage.sync().changed == (moved,)
    assert stage.amounts() == [(1_000_000, 6), (2_000_000, 1)]
    assert kept in stage.ledger.state().transactions


def test_a_replaced_payment_vanishes_and_its_replacement_counts(stage: Stage) -> None:
    txid = stage.pay(1, 0, 500_000)
    stage.chain.mine()
    coin = OutPoint(txid, 0)
    slow = stage.chain.add(
        paying(2, (FOREIGN, 400_000), (stage.script(0, change=True), 99_000), spends=[coin])
    )
    stage.sync()
    assert stage.amounts() == [(99_000, 0)]
    stage.chain.evict(slow)
    stage.chain.add(paying(3, (FOREIGN, 400_000), (stage.script(0, change=True), 95_000), spends=[coin]))
    report = stage.sync(full=False)
    assert (len(report.new), report.vanished) == (1, (slow,))
    assert stage.amounts() == [(95_000, 0)]


def test_what_vanished_comes_back_when_the_chain_has_it_again(stage: Stage) -> None:
    txid = stage.pay(1, 0)
    stage.sync()
    stage.chain.evict(txid)
    stage.sync()
    assert stage.amounts() == []
    stage.chain.add(stage.chain.store[txid])
    assert stage.sync().changed == (txid,)
    assert stage.amounts() == [(50_000, 0)]


@pytest.mark.parametrize("change", [False, True])
def test_a_scan_goes_on_past_the_last_used_address_and_no_further(stage: Stage, change: bool) -> None:
    near, far = STOP_GAP - 1, 2 * STOP_GAP - 1
    for number, index in enumerate((near, far, far + STOP_GAP + 1)):
        stage.chain.add(paying(number, (stage.script(index, change=change), 10_000 + index)))
    stage.sync()
    assert stage.amounts() == [(10_000 + near, 0), (10_000 + far, 0)]


def test_a_scan_goes_past_the_last_address_that_was_handed_out(stage: Stage) -> None:
    with stage.ledger.exclusive() as writer:
        for index in range(10):
            writer.hand_out(index, 1)
    stage.pay(1, 9 + STOP_GAP)
    stage.sync()
    assert len(stage.amounts()) == 1


def test_an_output_found_late_is_counted_although_its_transaction_was_known(stage: Stage) -> None:
    far = STOP_GAP + 5
    stage.chain.add(paying(1, (stage.script(0), 10_000), (stage.script(far), 77_000)))
    stage.sync()
    assert stage.amounts() == [(10_000, 0)]
    stage.pay(2, 10)
    stage.sync()
    assert stage.amounts() == [(10_000, 0), (50_000, 0), (77_000, 0)]


def test_a_second_sync_fetches_nothing_and_a_short_one_asks_little(stage: Stage) -> None:
    for number in range(15):
        txid = stage.pay(number, number)
        stage.chain.mine(paying(100 + number, (FOREIGN, 40_000), spends=[OutPoint(txid, 0)]))
    stage.pay(50, 15)
    stage.sync()
    stage.chain.mine()
    stage.chain.calls.clear()
    stage.sync()
    assert stage.chain.calls["history"] == 1
    assert "raw_transactions" not in stage.chain.calls
    stage.chain.calls.clear()
    assert stage.sync(full=False).changed == ()
    assert stage.chain.calls["scripts"] == 2  # where the one coin lies, and the next change address
    assert "raw_transactions" not in stage.chain.calls


def test_a_reorganisation_makes_a_short_sync_a_full_one(stage: Stage) -> None:
    txid = stage.pay(1, 0)
    stage.chain.mine()
    spend = paying(2, (FOREIGN, 40_000), spends=[OutPoint(txid, 0)])
    stage.chain.mine(spend)
    stage.sync()
    assert stage.amounts() == []
    stage.chain.reorg(1)
    stage.chain.evict(spend.txid)
    assert stage.sync(full=False).vanished == (spend.txid,)
    assert stage.amounts() == [(50_000, 3)]


def test_nothing_is_written_when_nothing_changed(stage: Stage) -> None:
    stage.pay(1, 0)
    stage.sync()
    before = stage.ledger.path.read_bytes()
    stage.sync()
    assert stage.ledger.path.read_bytes() == before


def test_another_process_that_synced_meanwhile_makes_it_read_again(stage: Stage) -> None:
    stage.pay(1, 0)

    class Overtaken:
        """While the first answer is on its way another process has synced already."""

        done = False

        def __getattr__(self, name: str) -> Any:
            return getattr(stage.chain, name)

        def raw_transactions(self, txids: Sequence[str]) -> Any:
            if not self.done:
                self.done = True
                other = Ledger("cold", stage.descriptor, REGTEST, stage.ledger.path.parent)
                sync(other, stage.chain, 2_000, full=True)
            return stage.chain.raw_transactions(txids)

    assert stage.sync(Overtaken()).new == ()
    assert stage.amounts() == [(50_000, 0)]


# -- lies ---------------------------------------------------------------------------------------------


class Liar:
    """A backend between the wallet and the chain that tells one lie."""

    def __init__(self, stage: Stage, lie: str) -> None:
        self.stage, self.chain, self.lie = stage, stage.chain, lie
        self.other = paying(77, (FOREIGN, 1_000))
        if lie == "unrelated":
            self.chain.add(self.other)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chain, name)

    def history(self, scripts: Sequence[bytes]) -> Any:
        answers = [list(each) for each in self.chain.history(scripts)]
        if len(scripts) < STOP_GAP:  # the scan goes on: one lie is enough
            return tuple(tuple(each) for each in answers)
        change: Callable[[HistoryEntry], HistoryEntry] | None = {
            "height above the tip": lambda e: replace(e, height=10_000),
            "negative height": lambda e: replace(e, height=-1),
            "block without height": lambda e: replace(e, height=None),
            "two blocks at one height": lambda e: replace(e, block_hash=e.txid),
            "unconfirmed all at once": lambda e: HistoryEntry(e.txid, None, None),
            "other tip": lambda e: replace(e, height=self.chain.tip().height, block_hash="ee" * 32),
        }.get(self.lie)
        if change:
            answers = [[change(e) if e.height is not None else e for e in each] for each in answers]
        if self.lie == "new in a block that is not the tip":
            foreign = {"height": self.chain.tip().height, "block_hash": "ee" * 32}
            answers = [[replace(e, **foreign) if e.height is None else e for e in each] for each in answers]
        if self.lie == "unrelated":
            answers[3].append(HistoryEntry(self.other.txid, None, None))
        elif self.lie == "at another script":
            answers[4].extend(answers[0])
        elif self.lie == "all forgotten":
            answers = [[] for _ in answers]
        elif self.lie == "one answer short":
            answers.pop()
        elif self.lie == "differs between scripts":
            answers[1].append(replace(answers[0][0], height=0))
        return tuple(tuple(each) for each in answers)

    def raw_transactions(self, txids: Sequence[str]) -> Any:
        raws = list(self.chain.raw_transactions(txids))
        if self.lie == "another transaction":
            raws[0] = self.other.serialise()
        elif self.lie == "altered transaction":
            true = Transaction.parse(raws[0] or b"")
            outputs = (replace(true.outputs[0], value=true.outputs[0].value * 100), *true.outputs[1:])
            raws[0] = replace(true, outputs=outputs).serialise()
        elif self.lie == "no transaction":
            raws[0] = None
        return tuple(raws)


LIES = (
    "height above the tip",
    "negative height",
    "block without height",
    "two blocks at one height",
    "unconfirmed all at once",
    "other tip",
    "unrelated",
    "at another script",
    "all forgotten",
    "one answer short",
    "differs between scripts",
    "new in a block that is not the tip",
    "another transaction",
    "altered transaction",
    "no transaction",
)


@pytest.mark.parametrize("lie", LIES)
def test_a_backend_that_lies_is_refused_and_nothing_changes(stage: Stage, lie: str) -> None:
    stage.pay(1, 0, 11_000)
    stage.pay(2, 0, 12_000)
    stage.chain.mine()
    stage.pay(3, 0, 13_000)
    stage.chain.mine()
    stage.chain.mine_empty(1)
    stage.sync()
    before = stage.ledger.path.read_bytes()
    stage.pay(4, 1, 22_000)
    with pytest.raises(ChainError) as refused:
        stage.sync(Liar(stage, lie))
    assert refused.value.code == "chain.bad_answer"
    assert stage.ledger.path.read_bytes() == before
    assert len(stage.sync().new) == 1


def test_two_transactions_that_spend_one_coin_are_refused(stage: Stage) -> None:
    coin = OutPoint(stage.pay(1, 0), 0)
    stage.chain.mine()
    for number in (2, 3):
        stage.chain.add(paying(number, (FOREIGN, 1_000 * number), spends=[coin]))
    with pytest.raises(ChainError) as refused:
        stage.sync()
    assert refused.value.code == "chain.bad_answer"
    assert stage.ledger.state().tip is None


def test_a_tip_that_never_holds_still_is_an_error(stage: Stage) -> None:
    class Restless:
        height = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(stage.chain, name)

        def tip(self) -> BlockRef:
            self.height += 1
            return BlockRef(self.height, f"{self.height:064x}")

    with pytest.raises(ChainError) as refused:
        stage.sync(Restless())
    assert refused.value.code == "chain.moving"
    assert stage.ledger.state().tip is None
