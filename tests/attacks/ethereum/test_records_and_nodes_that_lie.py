"""A record, a plan or a node that says what is not so: nothing is signed, booked or waited for by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.faults import Fault, FaultKind
from tests.support.ethereum_chains import start_chain
from tests.support.ethereum_treasury import (
    ADDED,
    CONFIRMATIONS,
    ETHER,
    MNEMONIC,
    EthereumCase,
    device_account,
    entry,
    opened_devices,
    opened_treasury,
)
from vault.errors import EthereumError, PlanError
from vault.ethereum.node.base import LogFilter
from vault.ethereum.node.log_ranges import collect_logs
from vault.ethereum.nonces import nonce_state
from vault.policy.book import Entry
from vault.store import records
from vault.treasury import reconcile
from vault.treasury.ethereum import observe
from vault.treasury.ethereum.check import check_ethereum
from vault.treasury.plan import Plan, Transfer
from vault.treasury.preconditions import check_destinations
from vault.treasury.steps import ensure_intents

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)
DEPOSIT = "0x" + "3" * 40


@pytest.fixture(scope="module")
def devices() -> Iterator[Any]:
    with opened_devices({"main": ("trezor-core", MNEMONIC)}) as opened:
        yield opened


@pytest.fixture
def case(devices: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumCase]:
    monkeypatch.setattr(reconcile, "PATIENCE", timedelta())
    deposit = Entry(
        "deposit", "ETH", "eip155:1", DEPOSIT, None, "venue_deposit", None, None, "trading", ADDED, True, None
    )
    entries = (entry("cold-eth", "ETH", COLD), entry("cold-usdc", "USDC", COLD), deposit)
    with (
        start_chain() as chain,
        opened_treasury(tmp_path / "treasury", chain, devices, (HOT, COLD), entries) as case,
    ):
        chain.fund(HOT.address, 10 * ETHER)
        chain.mint(deploy.USDC, HOT.address, 10_000 * 10**6)
        chain.mine(CONFIRMATIONS)
        yield case


def lie(case: EthereumCase, method: str, result: object, **more: Any) -> None:
    assert case.chain.server is not None
    case.chain.server.faults.add(Fault(FaultKind.ANSWER, method, times=None, result=result, **more))


def with_call(plan: Plan, **changes: Any) -> tuple[Plan, Transfer]:
    transfer = plan.transfer(1)
    transfer = replace(transfer, call=replace(transfer.ethereum, **changes))
    return Plan.of(replace(plan.body, transfers=(transfer,))), transfer


def test_a_record_that_calls_an_unsigned_step_mined_lets_no_call_pass_unseen(case: EthereumCase) -> None:
    first = case.pay("hot", "cold-eth", "1", "ETH")
    mined = str(case.out(first).facts["txid"])
    assert case.settle(first).state == "done"
    plan, transfer = with_call(case.pay("hot", "cold-eth", "1", "ETH"), max_fee=10**15)
    row = records.PlanRow(plan.plan_id, plan.digest, "2026", "2027", "approved", "{}")
    with case.desk.store.write() as writer:
        records.save_plan(writer, row)
    (step,) = ensure_intents(case.desk.store, plan)
    with case.desk.store.write() as writer:
        records._changed(writer, step, "planned", None, None, {"txid": mined})
    with pytest.raises(EthereumError) as caught:
        check_ethereum(case.desk, plan, transfer)
    assert caught.value.code == "ethereum.fee_too_high"


def test_a_record_of_a_signed_step_hides_the_call_of_no_plan_from_the_verifier(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.out(plan)
    other, transfer = with_call(plan, to=DEPOSIT)
    with pytest.raises(EthereumError) as caught:
        check_ethereum(case.desk, Plan(other.body, plan.digest), transfer)
    assert caught.value.code == "ethereum.wrong_recipient"


def test_a_plan_of_a_block_in_the_future_is_refused(case: EthereumCase) -> None:
    plan, transfer = with_call(case.pay("hot", "cold-eth", "1", "ETH"), block=10**9)
    with pytest.raises(EthereumError) as caught:
        check_ethereum(case.desk, plan, transfer)
    assert caught.value.code == "ethereum.bad_field"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"effectiveGasPrice": hex(10**15)},
        {"gasUsed": hex(10**7)},
        {"from": "0x" + "1" * 40},
        {"to": "0x" + "2" * 40},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_receipt_that_is_not_of_what_we_signed_closes_no_book(
    case: EthereumCase, spoilt: dict[str, str]
) -> None:
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    txid = str(case.out(plan).facts["txid"])
    case.chain.mine(CONFIRMATIONS)
    receipt = case.chain.rpc("eth_getTransactionReceipt", txid)
    assert isinstance(receipt, dict)
    lie(case, "eth_getTransactionReceipt", receipt | spoilt)
    notes = case.reconcile()
    assert any(note.startswith("ethereum.bad_answer") for note in notes), notes
    assert "gas_paid" not in case.step(plan).facts
    assert case.chain.server is not None
    case.chain.server.faults.clear()
    case.reconcile()
    assert case.step(plan).state == "done"


def test_a_pool_of_endless_transactions_is_a_failure_and_not_endless_work(case: EthereumCase) -> None:
    lie(case, "eth_getTransactionCount", hex(2**62), contains="pending")
    look = observe.account_balances(case.desk)
    assert {each.code for each in look.failures} == {"ethereum.bad_answer"}
    assert (look.balances, look.findings) == ((), ())


def test_a_pool_within_all_measure_is_still_counted() -> None:
    assert len(nonce_state(5, 5 + 64, (), tip=1, base_fee=1).foreign) == 64


def test_a_tip_beyond_all_chains_is_not_asked_for_its_logs() -> None:
    def asked(_filter: dict[str, object]) -> object:
        raise AssertionError("nothing is asked")

    with pytest.raises(EthereumError) as caught:
        collect_logs(asked, LogFilter(1, 2**60))
    assert caught.value.code == "ethereum.too_many"


def test_a_payment_that_nobody_credits_never_goes_to_a_venues_address(case: EthereumCase) -> None:
    transfer = case.pay("hot", "cold-eth", "1", "ETH").transfer(1)
    payment = replace(transfer.payment, destination="deposit", address=DEPOSIT)
    for venue, code in (("", "plan.other_purpose"), ("another", "plan.other_purpose"), ("trading", "")):
        hostile = replace(transfer, payments=(payment,), venue_account=venue)
        found = ""
        try:
            check_destinations(case.desk, hostile)
        except PlanError as error:
            found = error.code
        assert found == code, venue
    with pytest.raises(PlanError) as caught:
        check_destinations(case.desk, replace(transfer, venue_account="trading"))
    assert caught.value.code == "plan.other_purpose"
