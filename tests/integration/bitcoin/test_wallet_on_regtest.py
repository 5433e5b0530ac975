"""Watch-only wallets on a validating regtest chain, asked over HTTP from Esplora, signed by test keys.

Coins are received, spent with change, evacuated and reorganised out; amounts agree to the satoshi.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from emulator.chains.faults import Fault, FaultKind
from vault.address import network_of, script_pubkey
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.spend import ExpectedSpend, FeeLimits, FinalTransaction
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.bitcoin.wallet.consolidate import plan_consolidation
from vault.bitcoin.wallet.watch import BuiltPsbt, WatchWallet
from vault.errors import ChainError, PsbtError, StoreError
from vault.money import BTC, Amount

Account = Any  # of tests/support/bitcoin_keys.py
REGTEST = network_of("regtest")
LIMITS = FeeLimits(Amount(BTC, 50_000), Decimal(60), Decimal("0.05"))
NOW = datetime(2026, 1, 31, tzinfo=UTC)
STRANGER = b"\x00\x14" + b"\x77" * 20


def open_wallet(account: Account, directory: Path, server: EsploraServer, *, timeout: int = 5) -> WatchWallet:
    backend = EsploraBackend(server.url, timeout, network=REGTEST)
    return WatchWallet("cold", account.descriptor, REGTEST, directory, backend, role="cold")


def funded(account: Account, directory: Path, server: EsploraServer, *amounts: int) -> WatchWallet:
    wallet = open_wallet(account, directory, server)
    for amount in amounts:
        server.chain.fund(wallet.next_receive_address()[1], amount)
    wallet.sync()
    return wallet


def signed(account: Account, built: BuiltPsbt) -> FinalTransaction:
    expected = ExpectedSpend(
        account.descriptor,
        built.payments,
        REGTEST,
        locktime=built.locktime,
        inputs=built.inputs,
        fee=built.fee,
    )
    verified = verify_psbt(built.psbt, expected, LIMITS)
    assert (verified.fee, verified.worst_vsize, verified.txid) == (built.fee, built.vsize, built.txid)
    return verify_signed(verified, account.sign(verified))


def test_receives_spends_and_confirms_to_the_satoshi(
    account: Account, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, 30_000_000, 50_000_000)
    assert wallet.balance(NOW).confirmed == Amount(BTC, 80_000_000)
    built = wallet.build_spend(((STRANGER, Amount(BTC, 60_000_000)),), Decimal("7.5"))
    assert len(built.inputs) == 2
    final = signed(account, built)
    assert backend.broadcast(final.raw) == final.txid
    wallet.sync()
    pending = wallet.balance(NOW)
    assert pending.confirmed == Amount(BTC, 0)
    assert pending.pending == Amount(BTC, 20_000_000) - built.fee
    chain.mine(3)
    wallet.sync(full=False)
    after = wallet.balance(NOW)
    assert after.confirmed == Amount(BTC, 20_000_000) - built.fee
    assert after.pending == Amount(BTC, 0)
    assert after.tip_height == chain.height == backend.tip_height()
    assert backend.transaction_status(final.txid).confirmations == 3
    assert [each.amount.units for each in backend.script_outputs(STRANGER) if each.txid == final.txid] == [
        60_000_000
    ]


def test_evacuates_every_confirmed_coin_and_leaves_nothing(
    account: Account, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, 10_000_000, 20_000_000, 30_000_000)
    built = wallet.build_spend(((STRANGER, Amount(BTC, 0)),), Decimal(4), drain=True)
    assert built.change_index is None
    assert len(built.inputs) == 3
    assert built.payments == ((STRANGER, Amount(BTC, 60_000_000) - built.fee),)
    backend.broadcast(signed(account, built).raw)
    chain.mine(1)
    wallet.sync()
    assert wallet.balance(NOW).confirmed == wallet.balance(NOW).pending == Amount(BTC, 0)


def test_every_input_carries_its_previous_transaction(
    account: Account, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, 10_000_000, 20_000_000)
    built = wallet.build_spend(((STRANGER, Amount(BTC, 25_000_000)),), Decimal(3))
    psbt = Psbt.parse(built.psbt)
    assert all(each.get(In.NON_WITNESS_UTXO) for each in psbt.inputs)
    assert {each.sequence for each in psbt.unsigned.inputs} == {built.sequence} == {0xFFFFFFFD}


def test_the_same_state_builds_the_same_psbt_and_plans_do_not_use_up_change(
    account: Account, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, 10_000_000, 20_000_000, 15_000_000)
    payments = ((STRANGER, Amount(BTC, 1_000_000)), (b"\x00\x14" + b"\x78" * 20, Amount(BTC, 2_000_000)))
    built = [wallet.build_spend(payments, Decimal(3)) for _ in range(5)]
    assert len(set(built)) == 1
    assert built[0].change_index == 0
    outputs = [(each.script, each.value) for each in Psbt.parse(built[0].psbt).unsigned.outputs]
    assert outputs[:2] == [(script, amount.units) for script, amount in payments]
    again = open_wallet(account, tmp_path, server)
    assert again.build_spend(payments, Decimal(3)) == built[0]


def test_unconfirmed_coins_are_not_spent(
    account: Account, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, 10_000_000)
    chain.fund(wallet.next_receive_address()[1], 90_000_000, confirmations=0)
    wallet.sync()
    balance = wallet.balance(NOW)
    assert (balance.confirmed.units, balance.pending.units) == (10_000_000, 90_000_000)
    with pytest.raises(PsbtError) as refused:
        wallet.build_spend(((STRANGER, Amount(BTC, 50_000_000)),), Decimal(3))
    assert refused.value.code == "psbt.insufficient_funds"
    assert refused.value.details["available"] == "0.10000000"
    assert Decimal(refused.value.details["needed"]) > Decimal("0.5")
    drained = wallet.build_spend(((STRANGER, Amount(BTC, 0)),), Decimal(3), drain=True)
    assert len(drained.inputs) == 1


NONSENSE: dict[str, tuple[tuple[tuple[bytes, Amount], ...], bool, str]] = {
    "psbt.no_payments": ((), False, "3"),
    "psbt.dust": (((STRANGER, Amount(BTC, 100)),), False, "3"),
    "psbt.bad_amount": (((STRANGER, Amount(BTC, 0)),), False, "3"),
    "psbt.drain": (((STRANGER, Amount(BTC, 5_000)),), True, "3"),
    "psbt.fee_rate": (((STRANGER, Amount(BTC, 5_000)),), False, "10001"),
}


@pytest.mark.parametrize("code", NONSENSE)
def test_refuses_to_build_nonsense(
    bitcoin_keys: ModuleType, server: EsploraServer, tmp_path: Path, code: str
) -> None:
    payments, drain, rate = NONSENSE[code]
    account = bitcoin_keys.account_of(code.encode(), "p2wpkh")
    wallet = funded(account, tmp_path, server, 1_000_000)
    with pytest.raises(PsbtError) as refused:
        wallet.build_spend(payments, Decimal(rate), drain=drain)
    assert refused.value.code == code


def test_an_empty_wallet_has_no_coins_to_evacuate(
    account: Account, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    wallet = open_wallet(account, tmp_path, server)
    wallet.sync()
    with pytest.raises(PsbtError) as refused:
        wallet.build_spend(((STRANGER, Amount(BTC, 0)),), Decimal(3), drain=True)
    assert refused.value.code in {"psbt.no_coins", "psbt.insufficient_funds"}


def test_a_locktime_is_built_as_given(
    account: Account, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, 10_000_000)
    built = wallet.build_spend(((STRANGER, Amount(BTC, 1_000_000)),), Decimal(3), locktime=chain.height)
    assert built.locktime == chain.height
    assert backend.broadcast(signed(account, built).raw) == built.txid


def test_addresses_are_handed_out_once_across_restarts(
    account: Account, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    wallet = open_wallet(account, tmp_path, server)
    handed = [wallet.next_receive_address() for _ in range(3)]
    again = open_wallet(account, tmp_path, server)
    handed.append(again.next_receive_address())
    assert [index for index, _ in handed] == [0, 1, 2, 3]
    assert [address for _, address in handed] == [
        account.descriptor.address(False, index) for index in range(4)
    ]


def test_two_processes_never_hand_out_one_address_twice(
    account: Account, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    one, other = (open_wallet(account, tmp_path, server) for _ in range(2))
    handed = [wallet.next_receive_address()[0] for wallet in (one, other, other, one)]
    chain.fund(account.descriptor.address(False, 0), 1_000_000)
    one.sync()
    handed += [wallet.next_receive_address()[0] for wallet in (other, one)]
    assert handed == list(range(6))
    assert other.balance(NOW).confirmed == Amount(BTC, 1_000_000)


def test_a_full_scan_finds_coins_on_addresses_this_state_never_handed_out(
    account: Account, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    chain.fund(account.descriptor.address(False, 15), 5_000_000)
    wallet = open_wallet(account, tmp_path, server)
    wallet.sync()
    assert wallet.balance(NOW).confirmed == Amount(BTC, 5_000_000)


def test_arrivals_are_listed_with_their_depth_and_a_reorganisation_takes_it_back(
    account: Account, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend, tmp_path: Path
) -> None:
    wallet = open_wallet(account, tmp_path, server)
    _, address = wallet.next_receive_address()
    script = script_pubkey(address, REGTEST)
    txid = chain.fund(address, 4_000_000, confirmations=2)
    wallet.sync()
    (arrival,) = wallet.received(script)
    assert (arrival.txid, arrival.amount.units, arrival.confirmations) == (txid, 4_000_000, 2)
    assert (arrival,) == backend.address_outputs(address) == backend.script_outputs(script)
    chain.reorg(2)
    wallet.sync()
    assert [each.confirmations for each in wallet.received(script)] == [0]
    assert [each.confirmations for each in backend.address_outputs(address)] == [0]
    assert backend.transaction_status(txid) == replace(
        backend.transaction_status(txid), found=True, confirmed=False, confirmations=0
    )
    assert wallet.received(STRANGER) == ()


def test_state_is_private_and_bound_to_its_descriptor(
    bitcoin_keys: ModuleType, chain: BitcoinChain, server: EsploraServer, tmp_path: Path
) -> None:
    account = bitcoin_keys.account_of(b"private", "p2wpkh")
    directory = tmp_path / "state"
    funded(account, directory, server, 1_000_000)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    other = bitcoin_keys.account_of(b"other", "p2wpkh")
    with pytest.raises(StoreError) as refused:
        open_wallet(other, directory, server)
    assert refused.value.code == "store.wallet_state"
    with pytest.raises(StoreError) as refused:
        WatchWallet(
            "cold",
            account.descriptor,
            network_of("signet"),
            tmp_path,
            EsploraBackend(server.url),
            role="cold",
        )
    assert refused.value.code == "store.wallet_network"
    with pytest.raises(StoreError) as refused:
        WatchWallet("../cold", account.descriptor, REGTEST, tmp_path, EsploraBackend(server.url), role="cold")
    assert refused.value.code == "store.wallet_name"


def test_a_bump_a_cancellation_and_a_child_are_taken_by_the_chain(
    account: Account, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, 30_000_000, 20_000_000)
    payments = ((STRANGER, Amount(BTC, 12_000_000)),)
    slow = signed(account, wallet.build_spend(payments, Decimal(1)))
    backend.broadcast(slow.raw)
    wallet.sync()
    bump = wallet.build_replacement(wallet.transaction(slow.txid), payments, Decimal(5), keep_payments=True)
    backend.broadcast(signed(account, bump).raw)
    wallet.sync()
    cancel = wallet.build_replacement(wallet.transaction(bump.txid), (), Decimal(9), keep_payments=False)
    backend.broadcast(signed(account, cancel).raw)
    report = wallet.sync()
    assert (report.new, report.vanished) == ((cancel.txid,), (bump.txid,))
    child = wallet.build_child(OutPoint(cancel.txid, 0), Decimal(30))
    backend.broadcast(signed(account, child).raw)
    chain.mine(1)
    wallet.sync()
    fees = cancel.fee.units + child.fee.units
    assert wallet.balance(NOW).confirmed == Amount(BTC, 50_000_000 - fees)
    assert {line.txid for line in wallet.history() if line.fee} == {cancel.txid, child.txid}


def test_a_child_lifts_a_payment_whose_fee_only_its_previous_transactions_tell(
    account: Account, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server)
    chain.fund(wallet.next_receive_address()[1], 7_000_000, confirmations=0)
    wallet.sync()
    (coin,) = wallet.coins()
    built = wallet.build_child(coin.outpoint, Decimal(20))
    backend.broadcast(signed(account, built).raw)
    chain.mine(1)
    wallet.sync()
    assert wallet.balance(NOW).confirmed == Amount(BTC, 7_000_000) - built.fee


def test_a_consolidation_joins_its_coins(
    account: Account, chain: BitcoinChain, server: EsploraServer, backend: EsploraBackend, tmp_path: Path
) -> None:
    wallet = funded(account, tmp_path, server, *[100_000] * 12)
    (plan,) = plan_consolidation(wallet.coins(), account.descriptor, Decimal(1), (Decimal(20),))
    final = signed(account, wallet.build_consolidation(plan.coins, plan.fee_rate))
    backend.broadcast(final.raw)
    chain.mine(1)
    wallet.sync()
    assert [coin.amount for coin in wallet.coins() if coin.spent_by is None] == [plan.amount - plan.cost]


def test_a_damaged_state_file_is_refused(
    bitcoin_keys: ModuleType, server: EsploraServer, tmp_path: Path
) -> None:
    account = bitcoin_keys.account_of(b"damaged", "p2wpkh")
    (tmp_path / "cold.sqlite").write_bytes(b"this is no database, and it is long enough to be read" * 100)
    with pytest.raises(StoreError) as refused:
        open_wallet(account, tmp_path, server)
    assert refused.value.code == "store.wallet_state"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(FaultKind.ERROR, times=None), "chain.server_error"),
        (Fault(FaultKind.DROP, times=None), "chain.no_answer"),
        (Fault(FaultKind.HANG, path="/scripthash", times=None), "chain.no_answer"),
        (Fault(FaultKind.GARBAGE, path="/scripthash", times=None), "chain.bad_answer"),
        (Fault(FaultKind.GARBAGE, path="/blocks", times=None), "chain.bad_answer"),
    ],
)
def test_a_sync_that_fails_says_so_and_keeps_the_last_state(
    bitcoin_keys: ModuleType, server: EsploraServer, tmp_path: Path, fault: Fault, code: str
) -> None:
    account = bitcoin_keys.account_of(f"fault {fault}".encode(), "p2wpkh")
    wallet = funded(account, tmp_path, server, 3_000_000)
    impatient = open_wallet(account, tmp_path, server, timeout=1)
    server.faults.add(fault)
    try:
        with pytest.raises(ChainError) as refused:
            impatient.sync()
    finally:
        server.faults.clear()
    assert refused.value.code == code
    assert impatient.balance(NOW).confirmed == wallet.balance(NOW).confirmed == Amount(BTC, 3_000_000)
