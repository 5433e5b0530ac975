"""A wallet four times as large costs four times as much, not sixteen: calls are counted, not seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.built_wallets import STRANGER, sats
from tests.support.paper_chain import PaperChain, foreign_coin
from vault.address import network_of
from vault.bitcoin.backends.base import BlockRef
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wallet.build import Builder
from vault.bitcoin.wallet.coins import coins, dust, history, reused_addresses
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.state import KnownTransaction, LedgerState, OwnOutput
from vault.bitcoin.wallet.sync import STOP_GAP, sync

REGTEST = network_of("regtest")
ADDRESSES = 50


@pytest.fixture(scope="module")
def descriptor(bitcoin_keys: ModuleType) -> Descriptor:
    return bitcoin_keys.account_of(b"large", "p2wpkh").descriptor


def calls_of(work: Callable[[], object]) -> int:
    """Function calls, Python's and built-in ones."""
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def state_of(size: int, scripts: dict[bytes, tuple[bool, int]]) -> LedgerState:
    """A state of `size` coins, each in a transaction of its own; every fifth is spent by the next one."""
    transactions, outputs = {}, {}
    for number in range(size):
        txid = f"{number:064x}"
        point = OutPoint(f"{number - 1:064x}", 0) if number % 5 == 1 else foreign_coin(number)
        height, block = 1 + number // 50, "ab" * 32
        transactions[txid] = KnownTransaction(txid, height, block, number, False, False, 50_000, (point,))
        outputs[OutPoint(txid, 0)] = OwnOutput(OutPoint(txid, 0), 50_000, False, number % ADDRESSES)
    return LedgerState(1, 1, BlockRef(size, "ab" * 32), transactions, outputs, scripts, frozenset())


@pytest.mark.parametrize(
    "work",
    [
        lambda state, descriptor: coins(state),
        lambda state, descriptor: history(state),
        lambda state, descriptor: state.by_script,
        lambda state, descriptor: reused_addresses(coins(state)),
        lambda state, descriptor: dust(coins(state), descriptor, Decimal(5)),
    ],
    ids=["coins", "history", "by script", "reused addresses", "dust"],
)
def test_facts_grow_with_the_wallet_and_no_faster(descriptor: Descriptor, work: Any) -> None:
    scripts = {descriptor.script_pubkey(False, index): (False, index) for index in range(ADDRESSES)}
    states = [state_of(size, scripts) for size in (2_500, 10_000)]
    small, large = (calls_of(partial(work, state, descriptor)) for state in states)
    assert large < 4.2 * small


def many(chain: PaperChain, descriptor: Descriptor, coins_wanted: int) -> None:
    scripts = [descriptor.script_pubkey(False, index) for index in range(ADDRESSES * 4)]
    for start in range(0, coins_wanted, 10):
        outputs = tuple(TxOut(50_000 + start + n, scripts[(start + n) % len(scripts)]) for n in range(10))
        spent = TxIn(foreign_coin(start), b"", 0xFFFFFFFD, (b"\x01" * 64,))
        chain.add(Transaction(2, (spent,), outputs, 0))
    chain.mine()


def test_a_sync_of_ten_thousand_coins_asks_a_few_long_questions(
    descriptor: Descriptor, tmp_path: Path
) -> None:
    chain = PaperChain()
    many(chain, descriptor, 10_000)
    ledger = Ledger("large", descriptor, REGTEST, tmp_path)
    sync(ledger, chain, 1, full=True)
    assert len(ledger.state().outputs) == 10_000
    assert chain.calls["raw_transactions"] == 1_000
    assert chain.calls["history"] <= 8
    assert chain.calls["scripts"] <= 3 * (ADDRESSES * 4 + 2 * STOP_GAP)
    chain.calls.clear()
    sync(ledger, chain, 1, full=True)
    assert chain.calls == {"history": 1, "scripts": ADDRESSES * 4 + 2 * STOP_GAP}


def test_building_looks_at_no_more_of_bdk_for_ten_thousand_coins(
    descriptor: Descriptor, tmp_path: Path
) -> None:
    costs = []
    for size in (2_500, 10_000):
        chain = PaperChain()
        many(chain, descriptor, size)
        ledger = Ledger(f"large{size}", descriptor, REGTEST, tmp_path)
        sync(ledger, chain, 1, full=True)
        build = partial(
            Builder(ledger).spend,
            ((STRANGER, sats(900_000)),),
            Decimal(20),
            locktime=0,
            without=(),
            only=None,
            algorithm=None,
        )
        build()
        costs.append(calls_of(build))
    assert costs[1] < 4.2 * costs[0]
