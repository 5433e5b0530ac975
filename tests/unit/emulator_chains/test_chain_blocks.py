"""Blocks: what the kernel refuses stays out, reorganisations give back what they drop, no money is made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import integers

from emulator.chains.block import merkle_branch, merkle_root, subsidy
from emulator.chains.chain import BitcoinChain
from emulator.chains.errors import (
    BlockRefusedError,
    FaucetEmptyError,
    TransactionRefusedError,
    UnknownBlockError,
)
from emulator.chains.index import ChainIndex
from emulator.chains.kernel import Kernel
from emulator.chains.signing import Key
from emulator.chains.transaction import internal_hash, sha256d

Purse = Any  # tests/unit/emulator_chains/conftest.py
REGTEST_GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"


def test_starts_from_the_regtest_genesis(chain: BitcoinChain) -> None:
    genesis = chain.block_at(0)
    assert genesis.block_hash == REGTEST_GENESIS
    assert chain.block_at(1).previous == REGTEST_GENESIS


def test_mines_to_an_address_at_rising_times(chain: BitcoinChain) -> None:
    key = Key(b"tests", "miner")
    hashes = chain.mine(30, key.address)
    blocks = [chain.block(each) for each in hashes]
    assert chain.tip_hash == hashes[-1]
    assert all(block.timestamp > chain.block_at(block.height - 1).median_time for block in blocks)
    assert chain.balance(key.address) == sum(subsidy(block.height) for block in blocks)


@pytest.mark.parametrize("witness", [b"\x30" * 71, b""])
def test_refuses_a_block_with_a_bad_signature(chain: BitcoinChain, purse: Purse, witness: bytes) -> None:
    tx = purse.simple()
    bad = dataclasses.replace(
        tx, inputs=(dataclasses.replace(tx.inputs[0], witness=(witness, purse.key.public)),)
    )
    tip = chain.tip_hash
    with pytest.raises(BlockRefusedError, match=r"script-verify-flag-failed"):
        chain.mine(1, transactions=[bad.raw])
    assert chain.tip_hash == tip
    assert chain.confirmations(bad.txid) is None
    chain.mine(1)


def test_refuses_a_block_that_creates_money(chain: BitcoinChain, purse: Purse) -> None:
    with pytest.raises(BlockRefusedError, match="bad-txns-in-belowout"):
        chain.mine(1, transactions=[purse.simple(fee_sat=-1).raw])


def test_refuses_a_block_that_spends_a_coin_twice(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    both = [purse.simple(coin=coin).raw, purse.simple(coin=coin, fee_sat=2_000).raw]
    with pytest.raises(BlockRefusedError, match="bad-txns-inputs-missingorspent"):
        chain.mine(1, transactions=both)


def test_refuses_a_block_that_spends_an_immature_coinbase(chain: BitcoinChain, purse: Purse) -> None:
    block = chain.block(chain.mine(1, purse.key.address)[0])
    early = purse.simple(coin=purse.output(block.transactions[0]))
    with pytest.raises(BlockRefusedError, match="bad-txns-premature-spend-of-coinbase"):
        chain.mine(1, transactions=[early.raw])


def test_refuses_the_branch_whose_earlier_block_turns_out_invalid(chain: BitcoinChain, purse: Purse) -> None:
    stolen = purse.simple(fee_sat=-1)
    chain.mine(1)
    tip = chain.tip_hash
    with pytest.raises(BlockRefusedError, match="bad-txns-in-belowout"):
        chain.reorg(1, transactions=[stolen.raw])  # a side block is only looked into when its branch leads
    assert chain.tip_hash == tip
    chain.mine(1)


def test_a_branch_of_equal_length_does_not_win_and_a_longer_one_does(chain: BitcoinChain) -> None:
    fork = chain.block_at(chain.height - 2).block_hash
    tip = chain.tip_hash
    side = chain.mine(2, parent=fork)
    assert chain.tip_hash == tip
    longer = chain.mine(1, parent=side[-1])
    assert chain.tip_hash == longer[0]
    assert chain.block_at(chain.height - 2).block_hash == side[0]


def test_a_reorganisation_of_three_gives_transactions_back_and_they_confirm_again(
    chain: BitcoinChain, purse: Purse
) -> None:
    first = purse.simple()
    chain.submit(first.raw)
    chain.mine(1)
    second = purse.simple(coin=purse.output(first))
    chain.submit(second.raw)
    chain.mine(2)
    assert (chain.confirmations(first.txid), chain.confirmations(second.txid)) == (3, 2)
    height = chain.height
    chain.reorg(3)
    assert chain.height == height + 1
    assert chain.confirmations(first.txid) == chain.confirmations(second.txid) == 0
    chain.mine(1)
    assert chain.confirmations(first.txid) == chain.confirmations(second.txid) == 1


def test_a_reorganisation_with_a_double_spend_loses_the_original_and_its_child(
    chain: BitcoinChain, purse: Purse
) -> None:
    coin = purse.coin()
    original = purse.simple(coin=coin)
    child = purse.simple(coin=purse.output(original))
    for tx in (original, child):
        chain.submit(tx.raw)
        chain.mine(1)
    theft = purse.simple(coin=coin, fee_sat=50_000)
    chain.reorg(2, transactions=[theft.raw])
    assert chain.confirmations(theft.txid) == 3
    assert chain.confirmations(original.txid) is chain.confirmations(child.txid) is None


def test_a_reorganisation_unmakes_coinbases_and_what_spends_them(chain: BitcoinChain, purse: Purse) -> None:
    block = chain.block(chain.mine(1, purse.key.address)[0])
    chain.mine(99)
    spend = purse.simple(coin=purse.output(block.transactions[0]))
    chain.submit(spend.raw)
    assert chain.confirmations(spend.txid) == 0
    chain.reorg(100)
    assert chain.confirmations(spend.txid) is None
    assert chain.balance(purse.key.address) == 0


def test_a_reorganisation_of_fifty_blocks(chain: BitcoinChain) -> None:
    chain.mine(50)
    height = chain.height
    chain.reorg(50)
    assert chain.height == height + 1


def test_what_waits_survives_a_reorganisation_and_what_confirmed_elsewhere_leaves(
    chain: BitcoinChain, purse: Purse
) -> None:
    waiting, taken = purse.simple(), purse.simple(coin=purse.coin())
    chain.mine(1)
    chain.submit(waiting.raw)
    chain.submit(taken.raw)
    chain.reorg(1, transactions=[taken.raw])
    assert list(chain.mempool.entries) == [waiting.txid]


def test_refuses_to_reorganise_below_the_genesis(chain: BitcoinChain) -> None:
    with pytest.raises(UnknownBlockError, match="no block at height -1"):
        chain.reorg(chain.height + 1)


def test_evicting_forgets_a_transaction_and_its_children(chain: BitcoinChain, purse: Purse) -> None:
    parent = purse.simple()
    child = purse.simple(coin=purse.output(parent))
    chain.submit(parent.raw)
    chain.submit(child.raw)
    assert chain.mempool.evict(parent.txid) == [child.txid, parent.txid]
    assert not chain.mempool.entries


def test_funds_to_the_satoshi_and_says_when_the_faucet_is_empty(chain: BitcoinChain) -> None:
    key = Key(b"tests", "funded")
    txid = chain.fund(key.address, 12_345)
    assert chain.balance(key.address) == 12_345
    assert chain.confirmations(txid) == 1
    with pytest.raises(FaucetEmptyError, match="mine more blocks"):
        chain.fund(key.address, 10_000 * 10**8)
    with pytest.raises(TransactionRefusedError, match="dust"):
        chain.fund(key.address, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_merkle_branches_lead_to_the_root(count: int) -> None:
    leaves = [sha256d(bytes([number])) for number in range(count)]
    for position, leaf in enumerate(leaves):
        digest, at = leaf, position
        for sibling in merkle_branch(leaves, position):
            digest = sha256d(sibling + digest if at % 2 else digest + sibling)
            at //= 2
        assert digest == merkle_root(leaves)


def rebuilt(chain: BitcoinChain) -> ChainIndex:
    """The index that connecting the active chain from nothing gives."""
    index = ChainIndex(chain.block_at(0))
    for block in chain.index.active[1:]:
        index.add(block)
        index.connect(block)
    return index


class ChainMachine(RuleBasedStateMachine):
    """Pay, mine and reorganise in any order: the index equals one built anew, and no coin is made."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = BitcoinChain(start_blocks=103)
        self.keys = [Key(b"machine", str(number)) for number in range(3)]

    def teardown(self) -> None:
        self.chain.close()

    @rule(to=integers(0, 2), amount=integers(1_000, 10**9), confirmations=integers(0, 1))
    def fund(self, to: int, amount: int, confirmations: int) -> None:
        try:
            self.chain.fund(self.keys[to].address, amount, confirmations=confirmations)
        except (FaucetEmptyError, TransactionRefusedError):
            return  # nothing matured is left, or the chain of change is too long

    @rule(count=integers(1, 3))
    def mine(self, count: int) -> None:
        self.chain.mine(count)

    @rule(depth=integers(1, 4), extra=integers(0, 2))
    def reorganise(self, depth: int, extra: int) -> None:
        self.chain.reorg(depth, extra=extra)

    @invariant()
    def index_is_what_the_blocks_say(self) -> None:
        fresh, index = rebuilt(self.chain), self.chain.index
        assert index._coins == fresh._coins
        assert index._spenders == fresh._spenders
        assert {key: txids for key, txids in index._history.items() if txids} == fresh._history
        supply = sum(coin.output.amount_sat for coin in index._coins.values())
        assert supply == sum(subsidy(height) for height in range(1, self.chain.height + 1))

    @invariant()
    def what_waits_could_be_mined(self) -> None:
        spent = [txin.prevout for entry in self.chain.mempool.entries.values() for txin in entry.tx.inputs]
        assert len(set(spent)) == len(spent)
        made = set(self.chain.mempool.entries)
        assert all(self.chain.index.coin(each) is not None or each.txid in made for each in spent)


TestChainMachine = ChainMachine.TestCase
TestChainMachine.settings = settings(max_examples=12, stateful_step_count=12)


def test_block_hash_is_that_of_its_header(chain: BitcoinChain) -> None:
    block = chain.block_at(chain.height)
    assert internal_hash(block.block_hash) == sha256d(block.header)
    assert int(block.block_hash, 16) < 1 << 255


def test_closing_removes_the_directory() -> None:
    made = BitcoinChain(start_blocks=1)
    judge = made._judge
    assert isinstance(judge, Kernel)
    directory = judge._directory
    assert directory.is_dir()
    made.close()
    assert not directory.exists()
