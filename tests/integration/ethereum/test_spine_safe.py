"""A Safe of a Trezor, a OneKey and a key outside: planned, signed apart, executed by who pays the gas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.chains.ethereum import deploy
from tests.support.ethereum_chains import start_chain
from tests.support.ethereum_treasury import (
    CONFIRMATIONS,
    ETHER,
    MNEMONIC,
    OTHER,
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
from vault.errors import DeviceRefusedError, SafeError
from vault.ethereum.safe import changes
from vault.ethereum.safe.signatures import OwnerSignature
from vault.ethereum.safe.transaction import hashes
from vault.treasury import reconcile
from vault.treasury.ethereum.safes import keep_owner_signatures, safe_progress, tx_of
from vault.treasury.inspection import inspect_plan
from vault.treasury.plan import Plan
from vault.treasury.requests.ethereum import bump_ethereum, cancel_ethereum, reconfigure

OUTSIDE = private_key("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong")
FIRST = device_account("owner-one", "signer", "one", MNEMONIC)
SECOND = device_account("owner-two", "signer", "two", OTHER)
GAS = device_account("gas", "gas", "one", MNEMONIC, 2)
COLD = device_account("cold", "cold", "one", MNEMONIC, 1)


@pytest.fixture(scope="module")
def devices() -> Iterator[object]:
    with opened_devices({"one": ("trezor-core", MNEMONIC), "two": ("onekey-classic1s", OTHER)}) as opened:
        yield opened


@pytest.fixture
def case(devices: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumCase]:
    monkeypatch.setattr(reconcile, "PATIENCE", timedelta())
    assert isinstance(devices, dict)
    for _, hand in devices.values():
        hand.yes = True
    with start_chain() as chain:
        owners = (FIRST.address, SECOND.address, address_of(OUTSIDE))
        safe = chain.deploy_safe(owners, 2)
        more = (
            f'safe = {{ owners = ["owner-one", "owner-two"], outside = ["{owners[2]}"], '
            'threshold = 2, executor = "gas" }\n'
        )
        vault = AccountSpec("vault", "staging", safe, more)
        entries = tuple(entry(f"cold-{asset.lower()}", asset, COLD) for asset in ("ETH", "USDC"))
        accounts = (FIRST, SECOND, GAS, COLD, vault)
        with opened_treasury(tmp_path / "treasury", chain, devices, accounts, entries) as case:
            chain.fund(safe, 5 * ETHER)
            chain.fund(GAS.address, ETHER)
            chain.mint(deploy.USDC, safe, 10_000 * 10**6)
            chain.mine(CONFIRMATIONS)
            yield case


def sign_outside(case: EthereumCase, plan: Plan) -> None:
    """As a file of another owner says it."""
    transfer = plan.transfer(1)
    digest = hashes(tx_of(transfer)).safe_tx
    raw = OUTSIDE.sign_recoverable(digest, hasher=None)
    signature = OwnerSignature(address_of(OUTSIDE), raw[:64] + bytes([27 + raw[64]]))
    keep_owner_signatures(case.desk, plan, transfer, case.step(plan), (signature,))


@pytest.mark.parametrize(
    ("asset", "amount", "units"), [("ETH", "1.5", 3 * ETHER // 2), ("USDC", "250", 250 * 10**6)]
)
def test_two_owners_sign_apart_and_the_executor_sends(
    case: EthereumCase, asset: str, amount: str, units: int
) -> None:
    plan = case.pay("vault", f"cold-{asset.lower()}", amount, asset)
    case.approve(plan)
    case.sign(plan, "two")
    state = safe_progress(case.desk, plan.transfer(1), (case.step(plan),))
    assert (case.step(plan).state, state.missing) == ("signing", 1)
    assert [each.account for each in state.done] == ["owner-two"]
    case.sign(plan, "one")
    assert case.step(plan).state == "signed"
    case.send(plan)
    step = case.settle(plan)
    assert (step.state, case.state(plan)) == ("done", "done")
    assert case.balance(asset, "cold") == units
    assert case.balance("ETH", "gas") == ETHER - int(step.facts["gas_paid"])
    whole = {"ETH": 5 * ETHER, "USDC": 10_000 * 10**6}[asset]
    assert case.balance(asset, "vault") == whole - units


def test_an_owner_outside_signs_by_file_and_is_never_enough_beside_one_who_saw_only_hashes(
    case: EthereumCase,
) -> None:
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    case.approve(plan)
    case.sign(plan, "two")
    sign_outside(case, plan)
    state = safe_progress(case.desk, plan.transfer(1), (case.step(plan),))
    saw = {each.account: each.saw for each in state.owners}
    if saw["owner-two"] == "data":
        assert not state.missing
    else:
        assert state.blind and state.missing == 1
    case.sign(plan)
    case.send(plan)
    assert case.settle(plan).state == "done"


def test_the_plan_shows_owners_hashes_and_the_decoded_call(case: EthereumCase) -> None:
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    (report,) = inspect_plan(case.desk, plan).transfers
    assert report.error is None and report.call is not None and report.call.safe is not None
    text = "\n".join(report.call.lines)
    assert COLD.address in text and "transfer(address,uint256)" in text
    for each in (report.call.safe.domain_hash, report.call.safe.message_hash, report.call.safe.safe_hash):
        assert each in text


def test_the_implementation_swapped_after_approval_is_refused_at_sign_and_at_propose(
    case: EthereumCase,
) -> None:
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    case.approve(plan)
    case.chain.set_storage(case.address("vault"), 0, int(deploy.USDC_IMPLEMENTATION, 16))
    shown = {name: len(hand.screens) for name, hand in case.hands.items()}
    with pytest.raises(SafeError) as caught:
        case.sign(plan)
    assert caught.value.code in {"safe.implementation_changed", "safe.unknown_version"}
    assert {name: len(hand.screens) for name, hand in case.hands.items()} == shown
    with pytest.raises(SafeError):
        case.pay("vault", "cold-usdc", "250", "USDC")


def test_an_owner_who_says_no_freezes_the_plan(case: EthereumCase) -> None:
    plan = case.pay("vault", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.hands["two"].yes = False
    with pytest.raises(DeviceRefusedError):
        case.sign(plan, "two")
    assert case.state(plan) == "frozen"


def test_a_stuck_execution_is_bumped_with_the_signatures_of_a_plan_of_its_own(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-eth", "1", "ETH")
    case.out(plan)
    second = made(bump_ethereum(case.desk, plan, 1))
    assert second.transfer(1).ethereum.safe == plan.transfer(1).ethereum.safe
    case.out(second)
    case.chain.mine()
    assert case.settle(second).state == "done"
    assert case.step(plan).state == "replaced"
    assert case.balance("ETH", "cold") == ETHER


def test_a_cancelled_execution_also_uses_the_nonce_of_the_safe(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-eth", "1", "ETH")
    case.out(plan)
    second = made(cancel_ethereum(case.desk, plan, 1))
    before, after = plan.transfer(1).ethereum.safe, second.transfer(1).ethereum.safe
    assert before is not None and after is not None
    assert (after.to, after.value, after.nonce) == (before.address, 0, before.nonce)
    case.out(second)
    case.chain.mine()
    assert case.settle(second).state == "done"
    assert case.balance("ETH", "vault") == 5 * ETHER


def test_a_change_of_the_owners_is_a_plan_of_its_own_action(case: EthereumCase) -> None:
    case.chain.automine(True)
    new = COLD.address
    plan = made(
        reconfigure(
            case.desk,
            "vault",
            lambda state: changes.swap_owner(state, address_of(OUTSIDE), new),
        )
    )
    case.out(plan)
    assert case.settle(plan).state == "done"
    from vault.treasury.ethereum.safes import safe_report

    found = safe_report(case.desk, "vault")
    assert new in found.state.owners
    assert [each.code for each in found.differences] == ["safe.owners_changed"]


def test_a_payment_that_is_really_a_change_of_the_safe_is_refused(case: EthereumCase) -> None:
    from vault.errors import VaultError
    from vault.treasury.ethereum.check import verify_offline

    transfer = case.pay("vault", "cold-eth", "1", "ETH").transfer(1)
    call = transfer.ethereum
    assert call.safe is not None
    flipped = replace(call.safe, to=call.safe.address, value=0, data="0x694e80c3" + f"{1:064x}")
    with pytest.raises(VaultError) as caught:
        verify_offline(case.desk, replace(transfer, call=replace(call, safe=flipped)))
    assert caught.value.code.startswith(("ethereum.", "safe."))


def test_what_somebody_else_executes_with_the_owners_signatures_is_found_and_done(case: EthereumCase) -> None:
    from vault.ethereum.safe.execute import exec_data
    from vault.treasury.ethereum.safes import kept

    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    case.approve(plan)
    case.sign(plan, "one")
    sign_outside(case, plan)
    transfer = plan.transfer(1)
    call = transfer.ethereum
    assert call.safe is not None and case.step(plan).state == "signing"
    data = exec_data(1, call.safe, kept(transfer, case.step(plan)))
    case.chain.ground.send(call.safe.address, data)
    case.chain.mine()
    notes = case.reconcile()
    assert any("books.sent_outside" in note for note in notes), notes
    step = case.settle(plan)
    assert (step.state, case.state(plan), step.facts["gas_paid"]) == ("done", "done", "0"), case.reconcile()
    assert case.balance("USDC", "cold") == 250 * 10**6
    assert case.balance("ETH", "gas") == ETHER


def test_an_execution_that_somebody_else_was_faster_with_is_done_once(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("vault", "cold-usdc", "250", "USDC")
    step = case.out(plan)
    data = bytes.fromhex(step.facts["raw"])
    from vault.evm.transaction import parse_signed

    transaction, _ = parse_signed(data)
    assert case.chain.chain is not None
    case.chain.ground.send(transaction.to, transaction.data)
    case.chain.mine()
    step = case.settle(plan)
    assert (step.state, case.state(plan)) == ("done", "done"), case.reconcile()
    assert int(step.facts["gas_paid"]) > 0 and step.facts["executed_by"] != step.facts["txid"]
    assert case.balance("USDC", "cold") == 250 * 10**6
    assert case.balance("ETH", "gas") == ETHER - int(step.facts["gas_paid"])
