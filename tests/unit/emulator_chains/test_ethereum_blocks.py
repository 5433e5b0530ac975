"""Blocks of the emulated chain: base fee, reorganisation, accounts to the wei, changes made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.blocks import next_base_fee
from emulator.chains.ethereum.chain import FEE_RECIPIENT, EthereumChain
from emulator.chains.ethereum.errors import RpcRefusal
from tests.support.ethereum_purse import ETHER, GWEI, SOMEBODY, EthereumPurse


@pytest.fixture
def chain() -> EthereumChain:
    return EthereumChain(automine=False)


@pytest.fixture
def purse(chain: EthereumChain) -> EthereumPurse:
    return EthereumPurse(chain)


def test_an_empty_block_lowers_the_base_fee_by_an_eighth(chain: EthereumChain) -> None:
    chain.mine(2)
    assert [chain.block_at(number).base_fee for number in (1, 2)] == [  # type: ignore[union-attr]
        GWEI * 7 // 8,
        GWEI * 49 // 64,
    ]


def test_a_full_block_raises_the_base_fee_by_an_eighth(chain: EthereumChain) -> None:
    chain = EthereumChain(automine=False, gas_limit=42_000)
    purse = EthereumPurse(chain)
    for nonce in range(3):
        chain.submit(purse.transfer(nonce))
    chain.mine()
    assert len(chain.tip.transactions) == 2
    assert next_base_fee(chain.tip) == chain.tip.base_fee + chain.tip.base_fee // 8
    chain.mine()
    assert next_base_fee(chain.tip) == chain.tip.base_fee  # exactly the target


@given(tip=st.integers(1, 30), cap=st.integers(1, 40), base=st.integers(1, 30))
@settings(max_examples=20)
def test_sender_recipient_and_fee_recipient_balance_to_the_wei(tip: int, cap: int, base: int) -> None:
    chain = EthereumChain(automine=False)
    purse = EthereumPurse(chain)
    chain.set_base_fee(base * GWEI)
    if tip > cap:
        return
    chain.submit(purse.transfer(0, value=12_345, max_fee=cap * GWEI, max_tip=tip * GWEI))
    chain.mine()
    if cap < base:
        assert not chain.tip.transactions
        return
    price = min(cap, base + tip) * GWEI
    assert chain.balance(purse.address) == 10 * ETHER - 12_345 - 21_000 * price
    assert chain.balance(SOMEBODY) == 12_345
    assert chain.balance_of(FEE_RECIPIENT) == 21_000 * (price - base * GWEI)


def test_a_forced_base_fee_holds_for_one_block_and_moves_on_from_there(chain: EthereumChain) -> None:
    chain.set_base_fee(800 * GWEI)
    chain.mine(2)
    assert chain.block_at(1).base_fee == 800 * GWEI  # type: ignore[union-attr]
    assert chain.tip.base_fee == 700 * GWEI


@pytest.mark.parametrize("depth", [1, 3])
def test_dropped_transactions_wait_again_and_are_mined_again(
    chain: EthereumChain, purse: EthereumPurse, depth: int
) -> None:
    txids = []
    for nonce in range(3):
        txids.append(chain.submit(purse.transfer(nonce)))
        chain.mine()
    old = chain.tip_hash
    chain.reorg(depth)
    assert chain.height == 4
    assert [chain.confirmations(txid) for txid in txids[3 - depth :]] == [0] * depth
    assert chain.balance(SOMEBODY) == 3 - depth
    assert chain.block(bytes.fromhex(old[2:])) is not None
    assert chain.block_at(3).hash.hex() != old[2:]  # type: ignore[union-attr]
    chain.mine()
    assert chain.balance(SOMEBODY) == 3


def test_dropped_transactions_can_be_forgotten(chain: EthereumChain, purse: EthereumPurse) -> None:
    txid = chain.submit(purse.transfer(0))
    chain.mine()
    chain.reorg(1, keep_transactions=False)
    chain.mine()
    assert chain.confirmations(txid) is None
    assert chain.nonce(purse.address) == 0


def test_a_double_spend_in_the_new_branch_beats_the_dropped_transaction(
    chain: EthereumChain, purse: EthereumPurse
) -> None:
    victim = chain.submit(purse.transfer(0, value=5))
    chain.mine()
    other = "0x" + "66" * 20
    chain.reorg(1, transactions=[purse.transfer(0, value=5, to=other)])
    chain.mine()
    assert chain.confirmations(victim) is None
    assert (chain.balance(SOMEBODY), chain.balance(other)) == (0, 5)


def test_a_reorganisation_deeper_than_the_chain_is_refused(chain: EthereumChain) -> None:
    chain.mine(2)
    with pytest.raises(RpcRefusal, match="cannot drop 3 blocks"):
        chain.reorg(3)


def test_what_was_changed_by_hand_survives_a_reorganisation(chain: EthereumChain) -> None:
    chain.mine(3)
    chain.set_code(SOMEBODY, b"\x5f\x5f\xf3")
    chain.set_storage(SOMEBODY, 7, 42)
    before = chain.tip_hash
    assert chain.tip_hash == before
    chain.reorg(2)
    assert chain.code(SOMEBODY) == b"\x5f\x5f\xf3"
    assert chain.storage(SOMEBODY, 7) == 42


def test_past_states_stay_readable(chain: EthereumChain, purse: EthereumPurse) -> None:
    for nonce in range(3):
        chain.submit(purse.transfer(nonce, value=10))
        chain.mine()
    assert [chain.balance(SOMEBODY, chain.block_at(number)) for number in range(4)] == [0, 10, 20, 30]


def test_a_revert_uses_gas_and_nonce_and_moves_nothing(chain: EthereumChain, purse: EthereumPurse) -> None:
    reverting = "0x" + "77" * 20
    chain.set_code(reverting, bytes.fromhex("5f5ffd"))
    txid = chain.submit(purse.transfer(0, to=reverting, gas=50_000, value=5))
    chain.mine()
    found = chain.find(txid)
    assert found is not None
    mined = found[1]
    assert not mined.succeeded
    assert 21_000 < mined.gas_used < 21_100
    assert chain.nonce(purse.address) == 1
    assert chain.balance(reverting) == 0
    price = mined.tx.gas_price(found[0].base_fee)
    assert chain.balance(purse.address) == 10 * ETHER - mined.gas_used * price


def test_block_times_follow_the_clock_and_never_stand_still() -> None:
    now = [1_700_000_000]
    chain = EthereumChain(clock=lambda: now[0])
    chain.mine(2)
    now[0] += 600
    chain.mine()
    times = [chain.block_at(number).timestamp for number in range(4)]  # type: ignore[union-attr]
    assert times == [1_699_999_988, 1_700_000_000, 1_700_000_001, 1_700_000_600]


def test_two_chains_made_alike_are_equal_to_the_hash() -> None:
    def made() -> str:
        chain = EthereumChain(clock=lambda: 1_700_000_000)
        deploy.prepare(chain)
        return chain.tip_hash

    assert made() == made()


def test_a_given_transaction_that_cannot_be_in_the_block_says_why(
    chain: EthereumChain, purse: EthereumPurse
) -> None:
    with pytest.raises(RpcRefusal, match="max fee per gas less than block base fee"):
        chain.mine(transactions=[purse.transfer(0, max_fee=1, max_tip=1)])
    with pytest.raises(RpcRefusal, match="nonce too high"):
        chain.mine(transactions=[purse.transfer(1)])
    assert chain.height == 0
