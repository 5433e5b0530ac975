"""Owners' signatures of a Safe in somebody else's hands: whatever he executes is found, and counted once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import coincurve
import pytest
from eth_keys.datatypes import PrivateKey

from emulator.chains.ethereum import deploy
from tests.support.ethereum_chains import start_chain
from tests.support.ethereum_treasury import (
    CONFIRMATIONS,
    ETHER,
    MNEMONIC,
    AccountSpec,
    EthereumCase,
    address_of,
    device_account,
    entry,
    made,
    opened_devices,
    opened_treasury,
    private_key,
)
from vault.errors import DeceivedError, PlanError
from vault.ethereum.safe.execute import exec_data
from vault.ethereum.safe.signatures import OwnerSignature
from vault.ethereum.safe.transaction import hashes
from vault.evm.transaction import parse_signed
from vault.treasury import execute, reconcile
from vault.treasury.ethereum import observe
from vault.treasury.ethereum.check import check_ethereum
from vault.treasury.ethereum.safe_exchange import export
from vault.treasury.ethereum.safes import keep_owner_signatures, kept, tx_of
from vault.treasury.plan import Plan, Transfer
from vault.treasury.requests.ethereum import bump_ethereum, cancel_ethereum
from vault.treasury.requests.stuck import lingering
from vault.treasury.steps import ensure_intents

OUTSIDE = private_key("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong")
OWNER = device_account("owner", "signer", "one", MNEMONIC)
GAS = device_account("gas", "gas", "one", MNEMONIC, 2)
COLD = device_account("cold", "cold", "one", MNEMONIC, 1)


@pytest.fixture(scope="module")
def devices() -> Iterator[object]:
    with opened_devices({"one": ("trezor-core", MNEMONIC)}) as opened:
        yield opened


@pytest.fixture
def case(devices: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumCase]:
    monkeypatch.setattr(reconcile, "PATIENCE", timedelta())
    assert isinstance(devices, dict)
    with start_chain() as chain:
        owners = (OWNER.address, address_of(OUTSIDE))
        safe = chain.deploy_safe(owners, 2)
        who = f'owners = ["owner"], outside = ["{owners[1]}"]'
        more = f'safe = {{ {who}, threshold = 2, executor = "gas" }}\n'
        vault = AccountSpec("vault", "staging", safe, more)
        entries = tuple(entry(f"cold-{asset.lower()}", asset, COLD) for asset in ("ETH", "USDC"))
        accounts = (OWNER, GAS, COLD, vault)
        with opened_treasury(tmp_path / "treasury", chain, devices, accounts, entries) as case:
            chain.fund(safe, 5 * ETHER)
            chain.fund(GAS.address, ETHER)
            chain.mint(deploy.USDC, safe, 10_000 * 10**6)
            chain.mine(CONFIRMATIONS)
            yield case


def raw_of(case: EthereumCase, txid: str) -> bytes:
    assert case.chain.chain is not None
    waiting = case.chain.chain.mempool.get(txid)
    assert waiting is not None
    return waiting.raw


def signature_of(plan: Plan, key: coincurve.PrivateKey) -> OwnerSignature:
    raw = key.sign_recoverable(hashes(tx_of(plan.transfer(1))).safe_tx, hasher=None)
    return OwnerSignature(address_of(key), raw[:64] + bytes([27 + raw[64]]))


def sign_outside(case: EthereumCase, plan: Plan) -> None:
    found = (signature_of(plan, OUTSIDE),)
    keep_owner_signatures(case.desk, plan, plan.transfer(1), case.step(plan), found)


def signed_out(case: EthereumCase, plan: Plan) -> bytes:
    """Signed by all, sent; returns the calldata that everybody sees in the mempool."""
    case.approve(plan)
    sign_all(case, plan)
    case.send(plan)
    transaction, _ = parse_signed(bytes.fromhex(case.step(plan).facts["raw"]))
    return transaction.data


def sign_all(case: EthereumCase, plan: Plan) -> None:
    ensure_intents(case.desk.store, plan)
    sign_outside(case, plan)
    case.sign(plan)


def paid_by_books(case: EthereumCase, *plans: Plan) -> int:
    return sum(case.step(plan).state == "done" for plan in plans)


def test_signatures_that_were_given_up_are_found_after_the_executors_nonce_is_used_elsewhere(
    case: EthereumCase,
) -> None:
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    case.approve(plan)
    sign_all(case, plan)
    transfer = plan.transfer(1)
    call = transfer.ethereum
    assert call.safe is not None
    data = exec_data(1, call.safe, kept(transfer, case.step(plan)))
    execute.cancel(case.desk, plan, "not needed")
    assert [each.by_owners for each in lingering(case.desk)] == [False]  # there is the executor's, too
    other = case.pay("gas", "cold-eth", "0.1", "ETH")  # the very nonce that the executor was to use
    assert other.transfer(1).ethereum.nonce == call.nonce
    case.out(other)
    assert case.settle(other).state == "done"
    assert [each.by_owners for each in lingering(case.desk)] == [True]
    case.chain.ground.send(call.safe.address, data)
    case.chain.mine()
    notes = case.reconcile()
    assert any("books.cancelled_but_sent" in note for note in notes), notes
    assert case.settle(plan).state == "done", case.reconcile()
    assert case.balance("USDC", "cold") == 250 * 10**6
    assert lingering(case.desk) == ()


def test_what_owners_elsewhere_signed_from_a_file_is_found_though_no_signature_came_back(
    case: EthereumCase,
) -> None:
    plan = case.pay("vault", "cold-eth", "1", "ETH")
    case.approve(plan)
    export(case.desk, plan, None, "typed")
    execute.cancel(case.desk, plan, "not needed")
    call = plan.transfer(1).ethereum
    assert call.safe is not None
    both = [signature_of(plan, key) for key in (private_key(MNEMONIC), OUTSIDE)]
    case.chain.ground.send(
        call.safe.address, exec_data(1, call.safe, [replace(both[0], saw="data"), both[1]])
    )
    case.chain.mine()
    notes = case.reconcile()
    assert any("books.cancelled_but_sent" in note for note in notes), notes
    assert case.settle(plan).state == "done"
    assert case.balance("ETH", "cold") == ETHER


def test_an_execution_that_fails_after_a_reorganisation_is_not_the_one_that_paid(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-eth", "1", "ETH")
    case.approve(plan)
    sign_all(case, plan)
    transfer = plan.transfer(1)
    call = transfer.ethereum
    assert call.safe is not None and case.chain.chain is not None
    data, chain = exec_data(1, call.safe, kept(transfer, case.step(plan))), case.chain.chain
    thieves = [private_key(MNEMONIC, index) for index in (7, 8)]
    for key in thieves:
        case.chain.fund(address_of(key), ETHER)
    safe = bytes.fromhex(call.safe.address[2:])
    first, second = (chain.pay(PrivateKey(key.secret), safe, data=data) for key in thieves)
    raws = {txid: raw_of(case, txid) for txid in (first, second)}
    chain.mempool.evict(second)
    case.chain.mine()
    case.reconcile()
    assert case.step(plan).facts["executed_by"] == first
    case.chain.reorg(1, extra=0, keep_transactions=False)
    chain.mine(transactions=[raws[second]])
    chain.mine(transactions=[raws[first]])
    step = case.settle(plan)
    assert (step.state, step.facts["executed_by"]) == ("done", second)
    assert case.balance("ETH", "cold") == ETHER


def test_a_bumped_execution_that_somebody_else_was_faster_with_pays_once_in_the_books(
    case: EthereumCase,
) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    data = signed_out(case, plan)
    second = made(bump_ethereum(case.desk, plan, 1))
    signed_out(case, second)
    safe = case.address("vault")
    case.chain.ground.send(safe, data)
    case.chain.mine()
    case.settle(second)
    case.settle(second)
    found = [(case.step(each).state, case.step(each).facts.get("gas_paid")) for each in (plan, second)]
    assert paid_by_books(case, plan, second) == 1, found
    gas = sum(int(paid or 0) for _, paid in found)
    assert case.balance("ETH", "gas") == ETHER - gas, found


def test_what_was_cancelled_and_executed_before_its_cancellation_is_found_however_late_we_look(
    case: EthereumCase,
) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    data = signed_out(case, plan)
    second = made(cancel_ethereum(case.desk, plan, 1))
    signed_out(case, second)
    case.chain.ground.send(case.address("vault"), data)
    case.chain.mine(CONFIRMATIONS + 1)
    reconcile.settle_plan(case.desk, second)  # the first plan's turn did not come
    assert (case.step(second).state, case.step(plan).state) == ("refused", "replaced")
    notes = case.reconcile()
    assert any("books.replaced_but_executed" in note for note in notes), notes
    assert (case.step(plan).state, case.state(plan)) == ("done", "done")
    assert case.balance("USDC", "cold") == 250 * 10**6
    assert case.balance("ETH", "gas") == ETHER - int(case.step(second).facts["gas_paid"])
    assert case.reconcile() == []


def test_an_owners_device_that_signs_with_another_key_is_caught_and_nothing_is_kept(
    case: EthereumCase,
) -> None:
    plan = case.pay("vault", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.devices["one"].set_faults({"wrong_key_signature": True})
    try:
        with pytest.raises(DeceivedError):
            case.sign(plan)
    finally:
        case.devices["one"].set_faults({"wrong_key_signature": False})
    assert "owners" not in case.step(plan).facts
    assert case.state(plan) == "frozen"
    with pytest.raises(PlanError) as caught:
        case.sign(plan)
    assert caught.value.code == "plan.wrong_state"


def test_gas_of_an_own_transaction_that_is_mined_after_somebody_elses_was_final_is_counted(
    case: EthereumCase,
) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    data = signed_out(case, plan)
    raw = bytes.fromhex(case.step(plan).facts["raw"])
    assert case.chain.chain is not None
    case.chain.chain.mempool.evict(str(case.step(plan).facts["txid"]))
    case.chain.ground.send(case.address("vault"), data)
    case.chain.mine()
    assert case.settle(plan).state == "done"
    case.chain.rpc("eth_sendRawTransaction", f"0x{raw.hex()}")
    assert observe.account_balances(case.desk).findings == ()  # it is ours, and waits
    case.chain.mine()
    step = case.settle(plan)
    case.settle(plan)
    step = case.step(plan)
    assert step.state == "done"
    assert case.balance("ETH", "gas") == ETHER - int(step.facts["gas_paid"])
    assert int(step.facts["gas_paid"]) > 0


def test_a_bump_that_is_really_a_change_of_the_safe_is_refused(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    signed_out(case, plan)
    second = made(bump_ethereum(case.desk, plan, 1))
    transfer = second.transfer(1)
    call = transfer.ethereum
    assert call.safe is not None
    flipped = replace(call.safe, to=call.safe.address, value=0, data="0x694e80c3" + f"{1:064x}")
    hostile: Transfer = replace(transfer, payments=(), call=replace(call, safe=flipped))
    other = Plan.of(replace(second.body, transfers=(hostile,)))
    with pytest.raises(PlanError) as caught:
        check_ethereum(case.desk, other, hostile)
    assert caught.value.code == "plan.replaces_differs"
