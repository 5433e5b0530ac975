"""What a wallet builds, of every script type: payments, everything, consolidations. The verifier agrees."""

from __future__ import annotations

import base64
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.built_wallets import OTHER, STRANGER, Funded, sats
from tests.support.paper_chain import paying, reward
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet.bdk import BdkWallet
from vault.bitcoin.wallet.coins import coins
from vault.bitcoin.wallet.selection import ALGORITHMS
from vault.errors import ChainError, PsbtError, StoreError

RATE = Decimal("7.3")
AMOUNTS = (300_000, 500_000, 150_000, 800_000, 50_000)


@pytest.fixture
def funded(bitcoin_keys: ModuleType, tmp_path: Path) -> Funded:
    return Funded(bitcoin_keys.account_of(b"built", "p2wpkh"), tmp_path, *AMOUNTS)


def refusal(build: Any, *args: Any, **options: Any) -> PsbtError:
    with pytest.raises(PsbtError) as refused:
        build(*args, **options)
    return refused.value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_wallet_pays_drains_and_consolidates(
    bitcoin_keys: ModuleType, tmp_path: Path, kind: Kind
) -> None:
    funded = Funded(bitcoin_keys.account_of(b"built", kind), tmp_path, *AMOUNTS)
    payments = ((STRANGER, sats(400_000)), (OTHER, sats(200_000)))
    built = funded.wallet.build_spend(payments, RATE, locktime=3)
    funded.signed(built)
    unsigned = Psbt.parse(built.psbt).unsigned
    assert [(each.script, each.value) for each in unsigned.outputs[:2]] == [
        (script, amount.units) for script, amount in payments
    ]
    assert unsigned.locktime == 3
    drained = funded.wallet.build_spend(((OTHER, sats(0)),), RATE, drain=True)
    funded.signed(drained)
    assert drained.payments == ((OTHER, sats(sum(AMOUNTS)) - drained.fee),)
    points = [funded.point(0), funded.point(4)]
    joined = funded.wallet.build_consolidation(points, RATE)
    funded.signed(joined)
    assert (joined.payments, set(joined.inputs)) == ((), set(points))


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_are_those_that_bdk_writes(bitcoin_keys: ModuleType, tmp_path: Path, kind: Kind) -> None:
    """bdk leaves out taproot's previous transactions; in all else its PSBT is ours to the byte."""
    import bdkpython as bdk

    funded = Funded(bitcoin_keys.account_of(b"built", kind), tmp_path, *AMOUNTS)
    built = funded.wallet.build_spend(((STRANGER, sats(900_000)),), RATE)
    assert built.change_index == 0
    parsed = Psbt.parse(built.psbt)
    state = funded.wallet.ledger.state()
    known = tuple(coin for coin in coins(state) if coin.outpoint in built.inputs)
    previous = funded.wallet.ledger.raw([coin.outpoint.txid for coin in known])
    adviser = BdkWallet(funded.descriptor, state.tip, known, previous)
    builder = (
        adviser._unspendable.ordering(bdk.TxOrdering.UNTOUCHED)
        .version(2)
        .set_exact_sequence(built.sequence)
        .nlocktime(bdk.LockTime.BLOCKS(0))
        .add_utxos([bdk.OutPoint(txid=bdk.Txid.from_string(p.txid), vout=p.vout) for p in built.inputs])
        .manually_selected_only()
        .add_recipient(bdk.Script(STRANGER), bdk.Amount.from_sat(900_000))
        .drain_to(bdk.Script(funded.script(0, change=True)))
        .fee_absolute(bdk.Amount.from_sat(built.fee.units))
    )
    theirs = Psbt.parse(base64.b64decode(builder.finish(adviser._wallet).serialize()))
    assert theirs.unsigned == parsed.unsigned
    for ours_map, their_map in zip(parsed.inputs, theirs.inputs, strict=True):
        whole = their_map.put(In.NON_WITNESS_UTXO, ours_map.get(In.NON_WITNESS_UTXO) or b"")
        assert set(ours_map.fields) == set(whole.fields)
    assert [set(each.fields) for each in parsed.outputs] == [set(each.fields) for each in theirs.outputs]


def test_the_same_state_builds_the_same_psbt_in_another_process_object(funded: Funded) -> None:
    payments = ((STRANGER, sats(610_000)),)
    for algorithm in (None, *ALGORITHMS[1:]):
        built = {
            wallet.build_spend(payments, RATE, algorithm=algorithm)
            for wallet in (funded.wallet, funded.open(), funded.open())
        }
        assert len(built) == 1


def test_plans_that_are_never_sent_use_up_no_change_address(funded: Funded) -> None:
    payments = ((STRANGER, sats(100_000)),)
    assert [funded.wallet.build_spend(payments, RATE).change_index for _ in range(3)] == [0, 0, 0]
    funded.sent(funded.wallet.build_spend(payments, RATE))
    funded.chain.mine()
    funded.wallet.sync()
    assert funded.wallet.build_spend(payments, RATE).change_index == 1


def test_the_fee_rate_is_met_and_hardly_exceeded(funded: Funded) -> None:
    for rate in (Decimal(1), Decimal("2.345"), Decimal(33), Decimal(150)):
        verified = funded.verified(funded.wallet.build_spend(((STRANGER, sats(610_000)),), rate))
        assert verified.change is not None
        assert rate <= verified.fee_rate < rate + Decimal("0.02")


def test_coin_control_takes_from_the_coins_named_and_leaves_others_alone(funded: Funded) -> None:
    payments = ((STRANGER, sats(400_000)),)
    only = [funded.point(0), funded.point(1)]
    assert set(funded.wallet.build_spend(payments, RATE, only=only).inputs) <= set(only)
    without = [funded.point(3)]
    for algorithm in (None, "largest_first", "oldest_first", "single_random_draw"):
        assert not set(
            funded.wallet.build_spend(payments, RATE, without=without, algorithm=algorithm).inputs
        ) & set(  # type: ignore[arg-type]
            without
        )
    drained = funded.wallet.build_spend(
        ((STRANGER, sats(0)),), RATE, drain=True, only=only, without=[only[1]]
    )
    assert drained.inputs == (only[0],)
    assert refusal(funded.wallet.build_spend, payments, RATE, only=only[:1]).code == "psbt.insufficient_funds"


def test_coins_that_may_not_be_spent_cannot_be_named(funded: Funded) -> None:
    waiting = OutPoint(funded.chain.add(paying(90, (funded.script(8), 900_000))), 0)
    young = reward(9, funded.script(9), 50_000_000)
    funded.chain.mine(young, everything=False)
    funded.wallet.sync()
    payments = ((STRANGER, sats(1_000)),)
    for point in (waiting, OutPoint(young.txid, 0), OutPoint("ab" * 32, 0)):
        assert (
            refusal(funded.wallet.build_spend, payments, RATE, only=[point]).code == "psbt.coin_not_spendable"
        )
        assert refusal(funded.wallet.build_consolidation, [point], RATE).code == "psbt.coin_not_spendable"
    twice = [funded.point(0)] * 2
    assert refusal(funded.wallet.build_consolidation, twice, RATE).code == "psbt.coin_not_spendable"


def test_unconfirmed_coins_and_young_rewards_are_not_spent(funded: Funded) -> None:
    funded.chain.mine(reward(9, funded.script(9), 50_000_000))
    funded.chain.add(paying(90, (funded.script(8), 900_000)))
    funded.wallet.sync()
    short = refusal(funded.wallet.build_spend, ((STRANGER, sats(sum(AMOUNTS))),), RATE)
    assert short.code == "psbt.insufficient_funds"
    assert short.details["available"] == "0.01800000"
    assert Decimal(short.details["needed"]) > Decimal("0.018")
    assert len(funded.wallet.build_spend(((STRANGER, sats(0)),), RATE, drain=True).inputs) == len(AMOUNTS)


def test_coins_that_cost_more_than_they_are_worth_are_left_alone(
    bitcoin_keys: ModuleType, tmp_path: Path
) -> None:
    funded = Funded(bitcoin_keys.account_of(b"dusty", "p2wpkh"), tmp_path, 600, 700, 100_000)
    for algorithm in ALGORITHMS[1:]:
        built = funded.wallet.build_spend(((STRANGER, sats(50_000)),), Decimal(20), algorithm=algorithm)
        assert built.inputs == (funded.point(2),)


@pytest.mark.parametrize("size", [292, 294, 330, 546])
def test_an_output_that_nodes_do_not_relay_is_refused(funded: Funded, size: int) -> None:
    for script, limit in ((STRANGER, 294), (OTHER, 330), (b"\x76\xa9\x14" + b"\x01" * 20 + b"\x88\xac", 546)):
        if size < limit:
            assert refusal(funded.wallet.build_spend, ((script, sats(size)),), RATE).code == "psbt.dust"
        else:
            funded.verified(funded.wallet.build_spend(((script, sats(size)),), RATE))


def test_change_that_would_be_dust_goes_into_the_fee(bitcoin_keys: ModuleType, tmp_path: Path) -> None:
    funded = Funded(bitcoin_keys.account_of(b"exact", "p2wpkh"), tmp_path, 100_000)
    built = funded.wallet.build_spend(((STRANGER, sats(100_000 - 110 * 7 - 500)),), Decimal(7))
    assert built.change_index is None
    assert built.fee == sats(110 * 7 + 500)
    funded.signed(built)


def test_a_wallet_that_never_synced_builds_nothing(bitcoin_keys: ModuleType, tmp_path: Path) -> None:
    funded = Funded(bitcoin_keys.account_of(b"empty", "p2wpkh"), tmp_path)
    assert (
        refusal(funded.wallet.build_spend, ((STRANGER, sats(0)),), RATE, drain=True).code == "psbt.no_coins"
    )
    short = refusal(funded.wallet.build_spend, ((STRANGER, sats(5_000)),), RATE)
    assert (short.code, short.details["available"]) == ("psbt.insufficient_funds", "0.00000000")


def test_more_coins_than_nodes_relay_in_one_transaction_are_refused(
    bitcoin_keys: ModuleType, tmp_path: Path
) -> None:
    funded = Funded(bitcoin_keys.account_of(b"heavy", "p2wpkh"), tmp_path)
    script = funded.script(0)
    funded.chain.mine(*(paying(n, *[(script, 20_000)] * 500) for n in range(3)))
    funded.wallet.sync()
    heavy = refusal(funded.wallet.build_spend, ((STRANGER, sats(0)),), Decimal(1), drain=True)
    assert heavy.code == "psbt.too_heavy"
    almost_all = ((STRANGER, sats(1_490 * 19_900)),)
    assert refusal(funded.wallet.build_spend, almost_all, Decimal(1)).code == "psbt.too_heavy"


def test_emptying_a_wallet_leaves_behind_what_costs_more_than_it_brings(
    bitcoin_keys: ModuleType, tmp_path: Path
) -> None:
    """Somebody pays a thousand small coins before fees rise: none of them is paid for out of the others."""
    funded = Funded(bitcoin_keys.account_of(b"sanded", "p2wpkh"), tmp_path, 900_000, 1_200, 1_500, 40_000)
    rate = Decimal(100)  # an input costs 6,800 sat
    drained = funded.wallet.build_spend(((STRANGER, sats(0)),), rate, drain=True)
    funded.signed(drained)
    assert set(drained.inputs) == {funded.point(0), funded.point(3)}
    named = [funded.point(number) for number in range(4)]
    everything = funded.wallet.build_spend(((STRANGER, sats(0)),), rate, drain=True, only=named)
    assert set(everything.inputs) == set(named)
    assert everything.payments[0][1] < drained.payments[0][1]


def test_a_wallet_of_nothing_but_small_coins_is_not_emptied_at_a_loss(
    bitcoin_keys: ModuleType, tmp_path: Path
) -> None:
    funded = Funded(bitcoin_keys.account_of(b"sand", "p2wpkh"), tmp_path, 1_200, 1_500)
    short = refusal(funded.wallet.build_spend, ((STRANGER, sats(0)),), Decimal(100), drain=True)
    assert short.code == "psbt.insufficient_funds"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE own_output SET value = value + 1", "psbt.coins_differ"),
        ("UPDATE own_output SET place = place + 1", "psbt.coins_differ"),
        ("UPDATE own_output SET branch = 1", "psbt.coins_differ"),
        ("UPDATE script SET script = CAST(script || x'00' AS BLOB)", "psbt.derivation_differs"),
    ],
)
def test_a_state_file_that_was_altered_is_noticed_before_anything_is_built(
    funded: Funded, change: str, code: str
) -> None:
    import sqlite3

    connection = sqlite3.connect(funded.wallet.ledger.path)
    scripts = [(branch, n, funded.script(n, change=bool(branch))) for branch in (0, 1) for n in range(9)]
    connection.executemany("INSERT OR REPLACE INTO script VALUES (?, ?, ?)", scripts)
    connection.execute(change)
    connection.commit()
    connection.close()
    wallet = funded.open()
    assert refusal(wallet.build_spend, ((STRANGER, sats(600_000)),), RATE).code == code
    assert refusal(wallet.build_spend, ((STRANGER, sats(0)),), RATE, drain=True).code == code


# -- addresses ----------------------------------------------------------------------------------------


def test_addresses_are_handed_out_once_and_not_beyond_the_gap(funded: Funded) -> None:
    first, last = len(AMOUNTS), len(AMOUNTS) + 19
    handed = [(funded.wallet if n % 2 else funded.open()).next_receive_address() for n in range(20)]
    assert [index for index, _ in handed] == list(range(first, last + 1))
    with pytest.raises(StoreError) as refused:
        funded.wallet.next_receive_address()
    assert refused.value.code == "store.address_gap"
    funded.chain.add(paying(50, (funded.script(last), 9_000)))
    funded.wallet.sync()
    assert funded.wallet.next_receive_address()[0] == last + 1


@pytest.mark.parametrize("kind", KINDS)
def test_bdk_derives_the_same_addresses(bitcoin_keys: ModuleType, tmp_path: Path, kind: Kind) -> None:
    funded = Funded(bitcoin_keys.account_of(b"addresses", kind), tmp_path)
    for index in (0, 1, 77):
        assert funded.wallet.receive_address(index) == funded.descriptor.address(False, index)


def test_an_address_that_bdk_derives_otherwise_is_not_handed_out(
    funded: Funded, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vault.bitcoin.wallet.bdk as adviser

    monkeypatch.setattr(adviser, "bdk_address", lambda *_: "bcrt1another")
    assert refusal(funded.wallet.next_receive_address).code == "psbt.derivation_differs"
    assert funded.wallet.handed_out() == frozenset()


def test_nothing_is_built_before_the_first_sync(funded: Funded, tmp_path: Path) -> None:
    funded.directory = tmp_path / "fresh"
    wallet = funded.open()
    assert wallet.tip_height() == 0
    assert refusal(wallet.build_consolidation, [funded.point(0)], RATE).code == "psbt.coin_not_spendable"
    with pytest.raises((ChainError, PsbtError)):
        wallet.build_spend(((STRANGER, sats(1_000)),), RATE)
