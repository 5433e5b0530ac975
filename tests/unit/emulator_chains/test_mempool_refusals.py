"""Everything the mempool refuses, each with the string a node would give, and the nearest thing it takes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.errors import Reject, TransactionRefusedError
from emulator.chains.script import address_of, hash160
from emulator.chains.transaction import (
    COINBASE_TXID,
    COINBASE_VOUT,
    SEQUENCE_FINAL,
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
)

Purse = Any  # tests/unit/emulator_chains/conftest.py
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def refusal(chain: BitcoinChain, tx: Transaction | bytes) -> TransactionRefusedError:
    """The refusal; and refusing must leave the mempool as it was."""
    before = dict(chain.mempool.entries)
    with pytest.raises(TransactionRefusedError) as caught:
        chain.submit(tx if isinstance(tx, bytes) else tx.raw)
    assert chain.mempool.entries == before
    return caught.value


def with_witness(tx: Transaction, *items: bytes) -> Transaction:
    return dataclasses.replace(tx, inputs=(dataclasses.replace(tx.inputs[0], witness=items), *tx.inputs[1:]))


# --- what is no transaction


@pytest.mark.parametrize("raw", [b"", b"\x00", b"hello", b"\x02\x00\x00\x00\x00\x02\x01"])
def test_refuses_what_does_not_decode(chain: BitcoinChain, raw: bytes) -> None:
    error = refusal(chain, raw)
    assert error.reject is Reject.DECODE
    assert error.rpc_code == -22
    assert error.message.startswith("TX decode failed")


def test_refuses_trailing_bytes(chain: BitcoinChain, purse: Purse) -> None:
    assert refusal(chain, purse.simple().raw + b"\x00").reject is Reject.DECODE


def test_refuses_ten_zero_bytes_that_the_kernel_would_parse(chain: BitcoinChain) -> None:
    assert refusal(chain, bytes(10)).message == "bad-txns-vin-empty"


# --- consensus, without the chain


def test_refuses_a_transaction_without_outputs(chain: BitcoinChain, purse: Purse) -> None:
    assert refusal(chain, purse.spend([purse.coin()], [])).message == "bad-txns-vout-empty"


@pytest.mark.parametrize(
    ("amounts", "reject"),
    [
        ([-1], Reject.VOUT_NEGATIVE),
        ([21_000_000 * 10**8 + 1], Reject.VOUT_TOO_LARGE),
        ([21_000_000 * 10**8, 1], Reject.TXOUT_TOTAL_TOO_LARGE),
    ],
)
def test_refuses_absurd_amounts(
    chain: BitcoinChain, purse: Purse, amounts: list[int], reject: Reject
) -> None:
    tx = purse.spend([purse.coin()], [purse.pay_self(amount) for amount in amounts])
    assert refusal(chain, tx).reject is reject


def test_refuses_duplicate_inputs(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    tx = purse.spend([coin, coin], [purse.pay_self(150_000)])
    assert refusal(chain, tx).message == "bad-txns-inputs-duplicate"


def test_refuses_a_loose_coinbase(chain: BitcoinChain) -> None:
    assert refusal(chain, chain.block_at(3).transactions[0]).message == "coinbase"


def test_refuses_a_null_prevout_among_others(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    null = TxIn(OutPoint(COINBASE_TXID, COINBASE_VOUT), b"", SEQUENCE_FINAL)
    assert (
        refusal(chain, dataclasses.replace(tx, inputs=(*tx.inputs, null))).message == "bad-txns-prevout-null"
    )


def test_refuses_a_transaction_larger_than_a_block(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.spend([purse.coin()], [TxOut(1_000, purse.key.script)] * 33_000)
    assert refusal(chain, tx).message == "bad-txns-oversize"


# --- standardness


@pytest.mark.parametrize("version", [0, 4, -1])
def test_refuses_other_versions(chain: BitcoinChain, purse: Purse, version: int) -> None:
    assert refusal(chain, purse.simple(version=version)).message == "version"


def test_refuses_more_than_the_standard_weight(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.spend([purse.coin(10_000_000)], [TxOut(1_000, purse.key.script)] * 3_300)
    assert tx.weight > 400_000
    assert refusal(chain, tx).message == "tx-size"


def test_refuses_a_transaction_that_could_pose_as_a_merkle_node(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.spend([purse.coin()], [TxOut(0, b"\x6a")])
    assert len(tx.stripped) < 65
    assert refusal(chain, tx).message == "tx-size-small"


def test_refuses_a_huge_script_sig(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    stuffed = dataclasses.replace(tx.inputs[0], script_sig=b"\x00" * 1651)
    assert refusal(chain, dataclasses.replace(tx, inputs=(stuffed,))).message == "scriptsig-size"


def test_refuses_a_script_sig_with_operations(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    active = dataclasses.replace(tx.inputs[0], script_sig=b"\x76")
    assert refusal(chain, dataclasses.replace(tx, inputs=(active,))).message == "scriptsig-not-pushonly"


@pytest.mark.parametrize("script", [b"", b"\x51", b"\x76\xa9\x14" + bytes(20), b"\x6a\x4c\x50" + bytes(81)])
def test_refuses_nonstandard_outputs(chain: BitcoinChain, purse: Purse, script: bytes) -> None:
    tx = purse.spend([purse.coin()], [purse.pay_self(90_000), TxOut(1_000, script)])
    assert refusal(chain, tx).message == "scriptpubkey"


def test_refuses_two_op_returns_and_takes_one(chain: BitcoinChain, purse: Purse) -> None:
    coin, note = purse.coin(), TxOut(0, b"\x6a\x04note")
    assert (
        refusal(chain, purse.spend([coin], [purse.pay_self(90_000), note, note])).message == "multi-op-return"
    )
    chain.submit(purse.spend([coin], [purse.pay_self(90_000), note]).raw)


@pytest.mark.parametrize(
    ("script", "least"),
    [
        (b"\x00\x14" + bytes(20), 294),
        (b"\x00\x20" + bytes(32), 330),
        (b"\x51\x20" + bytes(32), 330),
        (b"\xa9\x14" + bytes(20) + b"\x87", 540),
        (b"\x76\xa9\x14" + bytes(20) + b"\x88\xac", 546),
    ],
)
def test_refuses_dust_below_the_threshold_of_each_output_type(
    chain: BitcoinChain, purse: Purse, script: bytes, least: int
) -> None:
    coin = purse.coin()
    dust = purse.spend([coin], [purse.pay_self(90_000), TxOut(least - 1, script)])
    assert refusal(chain, dust).message == f"dust, output 1: {least - 1} < {least}"
    chain.submit(purse.spend([coin], [purse.pay_self(90_000), TxOut(least, script)]).raw)


def test_refuses_to_spend_an_output_of_an_unknown_witness_version(chain: BitcoinChain, purse: Purse) -> None:
    txid = chain.fund(str(address_of(b"\x52\x14" + bytes(20))), 50_000)
    known = chain.transaction(txid)
    assert known is not None
    unknown = TxIn(OutPoint(txid, 0), b"", SEQUENCE_FINAL)
    tx = Transaction(2, (unknown,), (purse.pay_self(40_000),), 0)
    assert refusal(chain, tx).message == "bad-txns-nonstandard-inputs"


def test_refuses_a_taproot_annex(chain: BitcoinChain, purse: Purse) -> None:
    txid = chain.fund(str(address_of(b"\x51\x20" + bytes(range(32)))), 50_000)
    spend = Transaction(2, (TxIn(OutPoint(txid, 0), b"", SEQUENCE_FINAL),), (purse.pay_self(40_000),), 0)
    assert refusal(chain, with_witness(spend, bytes(64), b"\x50")).message == "bad-witness-nonstandard"


# --- time


def test_refuses_a_height_lock_until_the_next_block_meets_it(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    early = purse.simple(coin=coin, locktime=chain.height + 1)
    assert refusal(chain, early).message == "non-final"
    chain.mine(1)
    chain.submit(early.raw)


def test_refuses_a_time_lock_by_median_time_and_ignores_it_on_final_inputs(
    chain: BitcoinChain, purse: Purse
) -> None:
    coin, median = purse.coin(), chain.index.tip.median_time
    assert refusal(chain, purse.simple(coin=coin, locktime=median)).message == "non-final"
    chain.submit(purse.simple(coin=coin, locktime=median, sequence=SEQUENCE_FINAL).raw)


def test_refuses_a_relative_lock_until_it_is_met(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple(sequence=3)
    assert refusal(chain, tx).message == "non-BIP68-final"
    chain.mine(2)
    chain.submit(tx.raw)


def test_refuses_a_relative_time_lock(chain: BitcoinChain, purse: Purse) -> None:
    assert refusal(chain, purse.simple(sequence=(1 << 22) | 200)).message == "non-BIP68-final"


# --- coins


def test_refuses_missing_inputs(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    absent = dataclasses.replace(coin.coin, outpoint=OutPoint("11" * 32, 0))
    error = refusal(chain, purse.simple(coin=dataclasses.replace(coin, coin=absent)))
    assert error.message == "bad-txns-inputs-missingorspent"
    assert error.rpc_code == -25


def test_refuses_a_coin_that_a_block_has_spent(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    chain.submit(purse.simple(coin=coin).raw)
    chain.mine(1)
    assert refusal(chain, purse.simple(coin=coin, fee_sat=9_000)).message == "bad-txns-inputs-missingorspent"


def test_refuses_an_output_index_that_an_unconfirmed_parent_lacks(chain: BitcoinChain, purse: Purse) -> None:
    parent = purse.simple()
    chain.submit(parent.raw)
    beyond = dataclasses.replace(purse.output(parent).coin, outpoint=OutPoint(parent.txid, 7))
    child = purse.simple(coin=dataclasses.replace(purse.output(parent), coin=beyond))
    assert refusal(chain, child).message == "bad-txns-inputs-missingorspent"


def test_refuses_what_is_already_in_a_block(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    chain.submit(tx.raw)
    chain.mine(1)
    error = refusal(chain, tx)
    assert (error.message, error.rpc_code) == ("txn-already-known", -27)


def test_takes_the_same_transaction_again_while_it_waits(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    assert chain.submit(tx.raw) == chain.submit(tx.raw) == tx.txid
    assert list(chain.mempool.entries) == [tx.txid]


def test_refuses_the_same_transaction_with_another_witness(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    chain.submit(tx.raw)
    other = with_witness(tx, b"\x01", purse.key.public)
    assert refusal(chain, other).message == "txn-same-nonwitness-data-in-mempool"


def test_refuses_an_immature_coinbase_by_one_block(chain: BitcoinChain, purse: Purse) -> None:
    block = chain.block(chain.mine(1, purse.key.address)[0])
    coin = purse.output(block.transactions[0])
    chain.mine(98)
    error = refusal(chain, purse.simple(coin=coin))
    assert error.message == "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99"
    chain.mine(1)
    chain.submit(purse.simple(coin=coin).raw)


def test_refuses_an_overspend(chain: BitcoinChain, purse: Purse) -> None:
    error = refusal(chain, purse.simple(fee_sat=-1))
    assert error.message == "bad-txns-in-belowout, value in (0.00100000) < value out (0.00100001)"


# --- fees


def test_refuses_less_than_one_satoshi_per_vbyte_by_one_satoshi(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    vsize = purse.simple(coin=coin).vsize
    error = refusal(chain, purse.simple(coin=coin, fee_sat=vsize - 1))
    assert error.message == f"min relay fee not met, {vsize - 1} < {vsize}"
    chain.submit(purse.simple(coin=coin, fee_sat=vsize).raw)


def test_refuses_a_zero_fee(chain: BitcoinChain, purse: Purse) -> None:
    assert refusal(chain, purse.simple(fee_sat=0)).reject is Reject.MIN_RELAY_FEE


def test_refuses_a_chain_of_more_than_25_unconfirmed(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple(coin=purse.coin(1_000_000))
    chain.submit(tx.raw)
    for _ in range(24):
        tx = purse.simple(coin=purse.output(tx))
        chain.submit(tx.raw)
    error = refusal(chain, purse.simple(coin=purse.output(tx)))
    assert error.message == "too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]"


def test_refuses_more_than_25_descendants(chain: BitcoinChain, purse: Purse) -> None:
    parent = purse.spend([purse.coin(1_000_000)], [purse.pay_self(30_000)] * 26)
    chain.submit(parent.raw)
    for vout in range(24):
        chain.submit(purse.simple(coin=purse.output(parent, vout)).raw)
    assert refusal(chain, purse.simple(coin=purse.output(parent, 24))).reject is Reject.TOO_LONG_CHAIN


# --- scripts


def test_refuses_a_corrupt_signature(chain: BitcoinChain, purse: Purse) -> None:
    coin = purse.coin()
    tx = purse.simple(coin=coin)
    signature, public = tx.inputs[0].witness
    corrupt = signature[:20] + bytes([signature[20] ^ 1]) + signature[21:]
    error = refusal(chain, with_witness(tx, corrupt, public))
    outpoint = coin.coin.outpoint
    assert error.message == (
        "mandatory-script-verify-flag-failed "
        f"(Script failed at input 0, spending {outpoint.txid}:{outpoint.vout})"
    )


def test_refuses_a_truncated_signature_and_none_at_all(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    signature, public = tx.inputs[0].witness
    for witness in ((signature[:-2], public), (b"", public), ()):
        assert refusal(chain, with_witness(tx, *witness)).reject is Reject.SCRIPT


def test_refuses_the_signature_of_another_key(chain: BitcoinChain, purse: Purse) -> None:
    thief = type(purse)(chain, "thief")
    coin = purse.coin()
    stolen = thief.simple(coin=dataclasses.replace(coin, key=thief.key))
    assert refusal(chain, stolen).reject is Reject.SCRIPT


def test_refuses_outputs_changed_after_signing(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    swapped = dataclasses.replace(tx, outputs=(TxOut(tx.outputs[0].amount_sat, b"\x00\x14" + bytes(20)),))
    assert refusal(chain, swapped).reject is Reject.SCRIPT


def test_refuses_a_high_s_signature_that_consensus_would_take(chain: BitcoinChain, purse: Purse) -> None:
    tx = purse.simple()
    signature, public = tx.inputs[0].witness
    r_size = signature[3]
    s_at = 4 + r_size + 2
    high = (ORDER - int.from_bytes(signature[s_at : s_at + signature[s_at - 1]], "big")).to_bytes(33, "big")
    body = signature[2 : 4 + r_size] + b"\x02\x21" + high
    forged = with_witness(tx, bytes([0x30, len(body)]) + body + signature[-1:], public)
    assert refusal(chain, forged).reject is Reject.SCRIPT_POLICY
    chain.mine(1, transactions=[forged.raw])  # a block may hold it
    assert chain.confirmations(forged.txid) == 1


def test_spends_a_wrapped_witness_output_only_with_its_redeem_script(
    chain: BitcoinChain, purse: Purse
) -> None:
    redeem = purse.key.script
    script = b"\xa9\x14" + hash160(redeem) + b"\x87"
    txid = chain.fund(str(address_of(script)), 100_000)
    known = chain.transaction(txid)
    assert known is not None
    vout = [out.script_pubkey for out in known.tx.outputs].index(script)
    bare = purse.simple(coin=purse.output(known.tx, vout))
    assert refusal(chain, bare).reject is Reject.WITNESS_NONSTANDARD
    wrapped = dataclasses.replace(bare.inputs[0], script_sig=bytes([len(redeem)]) + redeem)
    chain.submit(dataclasses.replace(bare, inputs=(wrapped,)).raw)
