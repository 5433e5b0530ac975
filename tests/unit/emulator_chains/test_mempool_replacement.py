"""Replacing and bumping: BIP125's rules one by one, and a miner that looks at packages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.errors import Reject, TransactionRefusedError
from emulator.chains.transaction import SEQUENCE_FINAL, Transaction

Purse = Any  # tests/unit/emulator_chains/conftest.py


def refused(chain: BitcoinChain, tx: Transaction) -> TransactionRefusedError:
    with pytest.raises(TransactionRefusedError) as caught:
        chain.submit(tx.raw)
    return caught.value


def test_refuses_a_silent_double_spend(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    chain.submit(purse.simple(coin=coin, sequence=SEQUENCE_FINAL).raw)
    assert refused(chain, purse.simple(coin=coin, fee_sat=50_000)).message == "txn-mempool-conflict"


def test_takes_it_where_the_node_runs_full_rbf(full_rbf_chain: BitcoinChain, purse: Purse) -> None:
    purse = type(purse)(full_rbf_chain)
    coin = purse.coin()
    full_rbf_chain.submit(purse.simple(coin=coin, sequence=SEQUENCE_FINAL).raw)
    replacement = purse.simple(coin=coin, fee_sat=50_000)
    full_rbf_chain.submit(replacement.raw)
    assert list(full_rbf_chain.mempool.entries) == [replacement.txid]


def test_a_child_inherits_replaceability(chain: BitcoinChain, purse: Purse) -> None:
    parent = purse.simple()
    child = purse.simple(coin=purse.output(parent), sequence=SEQUENCE_FINAL)
    chain.submit(parent.raw)
    chain.submit(child.raw)
    replacement = purse.simple(coin=purse.output(parent), fee_sat=5_000)
    chain.submit(replacement.raw)
    assert set(chain.mempool.entries) == {parent.txid, replacement.txid}


def test_replacing_evicts_the_original_and_its_children(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    original = purse.simple(coin=coin)
    child = purse.simple(coin=purse.output(original))
    chain.submit(original.raw)
    chain.submit(child.raw)
    replacement = purse.simple(coin=coin, fee_sat=10_000)
    chain.submit(replacement.raw)
    assert list(chain.mempool.entries) == [replacement.txid]
    assert chain.confirmations(original.txid) is None
    assert chain.mempool.history(purse.key.scripthash) == [replacement.txid]


def test_refuses_a_replacement_at_no_better_rate(chain: BitcoinChain, purse: Purse) -> None:
    coin, more = purse.coin(), purse.coin()
    chain.submit(purse.simple(coin=coin, fee_sat=2_000).raw)
    padded = purse.spend([coin, more], [purse.pay_self(197_000)])  # more fee, but larger
    error = refused(chain, padded)
    assert error.reject is Reject.INSUFFICIENT_FEE
    assert "<= old feerate" in error.detail


def test_refuses_a_replacement_that_pays_less_than_what_it_evicts(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    original = purse.simple(coin=coin, fee_sat=1_000)
    chain.submit(original.raw)
    chain.submit(purse.simple(coin=purse.output(original), fee_sat=20_000).raw)
    error = refused(chain, purse.simple(coin=coin, fee_sat=5_000))
    assert "less fees than conflicting txs; 0.00005000 < 0.00021000" in error.message


def test_refuses_a_bump_that_does_not_pay_for_its_own_relay(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    vsize = purse.simple(coin=coin).vsize
    chain.submit(purse.simple(coin=coin, fee_sat=2_000).raw)
    error = refused(chain, purse.simple(coin=coin, fee_sat=2_000 + vsize - 1))
    assert "not enough additional fees to relay" in error.message
    chain.submit(purse.simple(coin=coin, fee_sat=2_000 + vsize).raw)


def test_refuses_a_replacement_that_spends_what_it_replaces(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    original = purse.simple(coin=coin)
    chain.submit(original.raw)
    circular = purse.spend([coin, purse.output(original)], [purse.pay_self(100_000)])
    assert refused(chain, circular).reject is Reject.SPENDS_CONFLICTING


def test_refuses_a_replacement_with_a_new_unconfirmed_input(chain: BitcoinChain, purse: Purse) -> None:
    coin, elsewhere = purse.coin(), purse.coin()
    chain.submit(purse.simple(coin=coin).raw)
    other = purse.simple(coin=elsewhere)
    chain.submit(other.raw)
    mixed = purse.spend([coin, purse.output(other)], [purse.pay_self(100_000)])
    assert refused(chain, mixed).reject is Reject.REPLACEMENT_ADDS_UNCONFIRMED


def test_refuses_to_evict_too_many(full_rbf_chain: BitcoinChain, purse: Purse) -> None:
    chain = full_rbf_chain  # its limit is two
    purse = type(purse)(chain)
    coin = purse.coin()
    tx = purse.simple(coin=coin)
    chain.submit(tx.raw)
    for _ in range(2):
        tx = purse.simple(coin=purse.output(tx))
        chain.submit(tx.raw)
    error = refused(chain, purse.simple(coin=coin, fee_sat=90_000))
    assert "too many potential replacements (3 > 2)" in error.message


def test_the_miner_leaves_cheap_transactions_and_takes_them_with_a_paying_child(
    chain: BitcoinChain, purse: Purse
) -> None:
    parent = purse.simple(fee_sat=150)
    chain.submit(parent.raw)
    chain.mine(1, min_fee_rate=Decimal(5))
    assert chain.confirmations(parent.txid) == 0
    child = purse.simple(coin=purse.output(parent), fee_sat=3_000)
    chain.submit(child.raw)
    chain.mine(1, min_fee_rate=Decimal(5))
    assert chain.confirmations(parent.txid) == chain.confirmations(child.txid) == 1


def test_the_miner_collects_the_fees(chain: BitcoinChain, purse: Purse) -> None:
    chain.submit(purse.simple(fee_sat=7_777).raw)
    block = chain.block(chain.mine(1)[0])
    assert block.transactions[0].output_sum == 50 * 10**8 + 7_777
