"""Unmodified bdkpython over HTTP against the Esplora emulator: sync, spend, bump, reorganise, page."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import bdkpython as bdk
import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.control import ChainControl

BdkWallet = Any  # tests/integration/emulator_chains/conftest.py
Make = Callable[[str], BdkWallet]
ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
both_kinds = pytest.mark.parametrize("kind", ["wpkh", "tr"])


@both_kinds
def test_a_wallet_receives_spends_and_confirms_to_the_satoshi(
    chain: BitcoinChain, make_wallet: Make, kind: str
) -> None:
    wallet = make_wallet(kind)
    chain.fund(wallet.address(), 1_000_000)
    assert wallet.scan() == 1_000_000
    before = chain.balance(ELSEWHERE)
    tx = wallet.build(ELSEWHERE, 300_000)
    wallet.client.broadcast(tx)
    txid = tx.compute_txid()
    assert not wallet.client.get_tx_status(txid).confirmed
    chain.mine(1)
    status = wallet.client.get_tx_status(txid)
    assert (status.confirmed, status.block_height) == (True, chain.height)
    known = chain.transaction(str(txid))
    assert known is not None
    assert wallet.sync() == 1_000_000 - 300_000 - known.fee_sat
    assert chain.balance(ELSEWHERE) - before == 300_000


@both_kinds
def test_the_kernel_refuses_a_corrupt_signature_of_either_kind(
    chain: BitcoinChain, make_wallet: Make, kind: str
) -> None:
    wallet = make_wallet(kind)
    chain.fund(wallet.address(), 1_000_000)
    wallet.scan()
    raw = bytearray(wallet.build(ELSEWHERE, 300_000).serialize())
    signature = raw.rindex(b"\x02\x47\x30" if b"\x02\x47\x30" in raw else b"\x01\x40")
    raw[signature + 30] ^= 1
    with pytest.raises(bdk.EsploraError.HttpResponse) as caught:
        wallet.client.broadcast(bdk.Transaction(bytes(raw)))
    assert caught.value.status == 400
    assert "mandatory-script-verify-flag-failed" in caught.value.error_message
    assert not chain.mempool.entries


def test_refusals_reach_bdk_as_http_400_with_the_reason_of_a_node(
    chain: BitcoinChain, make_wallet: Make
) -> None:
    wallet = make_wallet("wpkh")
    chain.fund(wallet.address(), 1_000_000)
    wallet.scan()
    tx = wallet.build(ELSEWHERE, 300_000)
    wallet.client.broadcast(tx)
    chain.mine(1)
    with pytest.raises(bdk.EsploraError.HttpResponse) as caught:
        wallet.client.broadcast(tx)
    assert caught.value.error_message == (
        'sendrawtransaction RPC error: {"code":-27,"message":"txn-already-known"}'
    )


def test_a_fee_bump_replaces_the_original(chain: BitcoinChain, make_wallet: Make) -> None:
    wallet = make_wallet("wpkh")
    chain.fund(wallet.address(), 1_000_000)
    wallet.scan()
    original = wallet.build(ELSEWHERE, 300_000, rate=1)
    wallet.client.broadcast(original)
    chain.mine(1, min_fee_rate=Decimal(5))
    wallet.sync()
    bump = bdk.BumpFeeTxBuilder(original.compute_txid(), bdk.FeeRate.from_sat_per_vb(10))
    replacement = wallet.sign(bump.finish(wallet.wallet))
    wallet.client.broadcast(replacement)
    chain.mine(1, min_fee_rate=Decimal(5))
    assert chain.confirmations(str(replacement.compute_txid())) == 1
    assert chain.confirmations(str(original.compute_txid())) is None


def test_a_wallet_follows_a_reorganisation_of_three(chain: BitcoinChain, make_wallet: Make) -> None:
    wallet = make_wallet("tr")
    chain.fund(wallet.address(), 700_000)
    chain.mine(1)
    kept = wallet.scan()
    tx = wallet.build(ELSEWHERE, 100_000)
    wallet.client.broadcast(tx)
    chain.mine(3)
    wallet.sync()
    txid = str(tx.compute_txid())
    assert chain.confirmations(txid) == 3
    chain.reorg(3)
    wallet.sync()
    assert not wallet.client.get_tx_status(tx.compute_txid()).confirmed
    assert wallet.balance() == kept - 100_000 - chain.mempool.entries[txid].fee_sat
    chain.mine(1)
    wallet.sync()
    assert wallet.wallet.latest_checkpoint().height == chain.height
    assert chain.confirmations(txid) == 1


def test_a_double_spend_in_a_reorganisation_takes_the_coins_from_the_wallet(
    chain: BitcoinChain, make_wallet: Make
) -> None:
    wallet = make_wallet("wpkh")
    address = wallet.address()
    chain.fund(address, 400_000)
    assert wallet.scan() == 400_000
    block = chain.block_at(chain.height)
    assert len(block.transactions) == 2
    chain.reorg(1)
    chain.mempool.evict(block.transactions[1].txid)
    assert make_wallet("wpkh").scan() == 0


@pytest.mark.parametrize("count", [24, 25, 26, 60])
def test_histories_are_paged_by_25(chain: BitcoinChain, make_wallet: Make, count: int) -> None:
    wallet = make_wallet("wpkh")
    address = wallet.address()
    for _ in range(count):
        chain.fund(address, 10_000)
    assert wallet.scan() == count * 10_000
    assert len(wallet.wallet.list_unspent()) == count


def test_more_than_a_page_waiting_and_more_than_a_page_confirmed(
    chain: BitcoinChain, make_wallet: Make
) -> None:
    wallet = make_wallet("wpkh")
    address = wallet.address()
    for _ in range(30):
        chain.fund(address, 10_000)
    for _ in range(8):  # ten matured coinbases bound what can wait
        chain.fund(address, 7_000, confirmations=0)
    assert wallet.scan() == 30 * 10_000 + 8 * 7_000


def test_every_question_that_bdk_can_ask_is_answered(chain: BitcoinChain, make_wallet: Make) -> None:
    wallet = make_wallet("wpkh")
    address = wallet.address()
    txid = bdk.Txid.from_string(chain.fund(address, 50_000))
    client = wallet.client
    tip = client.get_tip_hash()
    assert client.get_height() == chain.height
    assert str(tip) == chain.tip_hash
    assert str(client.get_block_hash(1)) == chain.block_at(1).block_hash
    assert client.get_header_by_hash(tip).time == chain.block_at(chain.height).timestamp
    block = client.get_block_by_hash(tip)
    assert block is not None
    assert [str(tx.compute_txid()) for tx in block.txdata][1] == str(txid)
    assert str(client.get_txid_at_block_index(tip, 1)) == str(txid)
    proof = client.get_merkle_proof(txid)
    assert proof is not None
    assert (proof.block_height, proof.pos) == (chain.height, 1)
    info = client.get_tx_info(txid)
    assert info is not None
    assert info.status.confirmed
    tx = client.get_tx(txid)
    assert tx is not None
    assert [out.value.to_sat() for out in tx.output()].count(50_000) == 1
    spent = client.get_output_status(txid, 0)
    assert spent is not None
    assert not spent.spent
    assert len(client.get_address_txs(bdk.Address(address, bdk.Network.REGTEST), None)) == 1
    assert client.get_tx(bdk.Txid.from_string("11" * 32)) is None


def test_fee_estimates_are_what_the_scenario_says(control: ChainControl, make_wallet: Make) -> None:
    client = make_wallet("wpkh").client
    assert client.get_fee_estimates()[1] == 12.0
    control.set_fees({1: Decimal("250.5"), 144: Decimal("40")})
    assert client.get_fee_estimates() == {1: 250.5, 144: 40.0}
