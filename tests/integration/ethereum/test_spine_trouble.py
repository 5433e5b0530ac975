"""What goes wrong between the signature of an Ethereum transaction and its last confirmation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.faults import Fault, FaultKind
from tests.support.ethereum_chains import start_chain
from tests.support.ethereum_treasury import (
    CONFIRMATIONS,
    ETHER,
    MNEMONIC,
    EthereumCase,
    device_account,
    entry,
    made,
    opened_devices,
    opened_treasury,
    private_key,
)
from vault.errors import DeniedError, DeviceRefusedError, EthereumError, OutcomeUnknownError, PlanError
from vault.evm.transaction import FeeMarketTransaction, serialise, signing_digest
from vault.money import Amount, asset_of
from vault.treasury import reconcile
from vault.treasury.ethereum import observe
from vault.treasury.requests.ethereum import bump_ethereum, cancel_ethereum

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)


@pytest.fixture(scope="module")
def session() -> Iterator[object]:
    with opened_devices({"main": ("trezor-core", MNEMONIC)}) as devices:
        yield devices


@pytest.fixture
def case(session: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumCase]:
    monkeypatch.setattr(reconcile, "PATIENCE", timedelta())
    entries = tuple(entry(f"cold-{asset.lower()}", asset, COLD) for asset in ("ETH", "USDC"))
    assert isinstance(session, dict)
    session["main"][1].yes = True
    with (
        start_chain() as chain,
        opened_treasury(tmp_path / "treasury", chain, session, (HOT, COLD), entries) as case,
    ):
        chain.fund(HOT.address, 10 * ETHER)
        chain.mint(deploy.USDC, HOT.address, 10_000 * 10**6)
        chain.mine(CONFIRMATIONS)
        yield case


def paid(case: EthereumCase) -> Amount:
    return Amount(asset_of("ETH"), case.balance("ETH", "cold"))


def own_transaction(nonce: int, *, value: int = 1, max_fee: int = 50 * 10**9) -> bytes:
    """What somebody with the same key signs elsewhere."""
    from vault.evm.transaction import EthereumSignature

    tx = FeeMarketTransaction(1, nonce, 10**9, max_fee, 21_000, COLD.address, value)
    raw = private_key(MNEMONIC).sign_recoverable(signing_digest(tx), hasher=None)
    signature = EthereumSignature(
        raw[64], raw[64], int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    )
    return serialise(tx, signature)


def test_a_stuck_payment_is_found_and_bumped_and_only_the_dearer_one_is_done(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    assert case.out(plan).state == "accepted"
    case.chain.set_base_fee(20 * 10**9)
    for _ in range(12):
        case.chain.mine()
        case.chain.set_base_fee(20 * 10**9)
    look = observe.account_balances(case.desk)
    assert [each.code for each in look.findings] == ["ethereum.stuck"], look.findings
    assert f"vault request bump {plan.plan_id} 1" in look.findings[0].line

    second = made(bump_ethereum(case.desk, plan, 1))
    old, new = plan.transfer(1).ethereum, second.transfer(1).ethereum
    assert new.nonce == old.nonce
    assert new.max_fee * 10 >= old.max_fee * 11 and new.max_priority_fee * 10 >= old.max_priority_fee * 11
    case.out(second)
    assert case.step(plan).state == "displaced"
    case.chain.mine()
    step = case.settle(second)
    assert (step.state, case.step(plan).state) == ("done", "replaced")
    assert (case.state(second), case.state(plan)) == ("done", "replaced")
    assert paid(case).units == ETHER
    assert case.balance("ETH", "hot") == 9 * ETHER - int(step.facts["gas_paid"])


def test_a_payment_that_waits_is_cancelled_and_nothing_moves_but_gas(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.out(plan)
    second = made(cancel_ethereum(case.desk, plan, 1))
    case.out(second)
    case.chain.mine()
    step = case.settle(second)
    assert (step.state, case.step(plan).state, case.state(plan)) == ("done", "replaced", "replaced")
    assert paid(case).units == 0
    assert case.balance("ETH", "hot") == 10 * ETHER - int(step.facts["gas_paid"])


def test_a_payment_of_a_token_that_waits_is_cancelled_too(case: EthereumCase) -> None:
    """Its cancellation counts against the limits of the token, as the payment did."""
    case.chain.automine(False)
    plan = case.pay("hot", "cold-usdc", "100", "USDC")
    case.out(plan)
    second = made(cancel_ethereum(case.desk, plan, 1))
    assert second.transfer(1).fee == Amount.zero(asset_of("USDC"))
    case.out(second)
    case.chain.mine()
    assert (case.settle(second).state, case.state(plan)) == ("done", "replaced")
    assert case.balance("USDC", "hot") == 10_000 * 10**6
    assert case.balance("USDC", "cold") == 0


def test_an_original_that_is_mined_before_its_bump_wins(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    raw = bytes.fromhex(case.out(plan).facts["raw"])
    second = made(bump_ethereum(case.desk, plan, 1))
    case.approve(second)
    case.sign(second)
    assert case.chain.chain is not None
    case.chain.chain.mine(transactions=[raw])
    with pytest.raises(PlanError) as caught:
        case.send(second)
    assert caught.value.code == "plan.already_confirmed"
    assert case.settle(plan).state == "done"
    assert case.step(second).state == "replaced"
    assert paid(case).units == ETHER


def test_a_second_payment_waits_until_the_first_is_done(case: EthereumCase) -> None:
    case.chain.automine(False)
    case.out(case.pay("hot", "cold-eth", "1", "ETH"))
    with pytest.raises(DeniedError) as caught:
        case.pay("hot", "cold-usdc", "1", "USDC")
    assert caught.value.code == "denied.in_flight"


def test_a_transaction_that_is_reorganised_out_comes_back_and_is_done_once(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-usdc", "100", "USDC")
    case.out(plan)
    assert case.settle(plan).state == "done"
    case.chain.reorg(CONFIRMATIONS + 1, extra=0, keep_transactions=True)
    notes = case.reconcile()
    assert any("books.reorganised" in note for note in notes), notes
    assert case.step(plan).state in {"sent", "accepted"}
    assert case.state(plan) == "sending"
    step = case.settle(plan)
    assert (step.state, case.state(plan)) == ("done", "done")
    assert case.balance("USDC", "cold") == 100 * 10**6


def test_a_transaction_that_a_reorganisation_forgot_is_sent_again_as_it_was(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-usdc", "100", "USDC")
    raw = case.out(plan).facts["raw"]
    assert case.settle(plan).state == "done"
    case.chain.reorg(CONFIRMATIONS + 1, extra=1, keep_transactions=False)
    case.reconcile()
    case.reconcile()
    assert case.step(plan).state == "unsent"
    case.send(plan, resume=True)
    step = case.settle(plan)
    assert (step.state, step.facts["raw"]) == ("done", raw)
    assert case.balance("USDC", "cold") == 100 * 10**6


def test_a_reverted_transaction_is_refused_and_its_gas_is_counted(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-usdc", "100", "USDC")
    case.approve(plan)
    case.sign(plan)
    case.chain.automine(False)
    case.send(plan)
    case.chain.own(deploy.USDC, "pause()")
    case.chain.mine()
    step = case.settle(plan)
    assert (step.state, step.facts["revert"]) == ("refused", "reverted")
    assert case.state(plan) == "failed"
    assert case.balance("USDC", "hot") == 10_000 * 10**6
    assert case.balance("ETH", "hot") == 10 * ETHER - int(step.facts["gas_paid"])


def test_a_paused_token_is_refused_before_anybody_is_asked(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-usdc", "100", "USDC")
    case.approve(plan)
    case.chain.own(deploy.USDC, "pause()")
    shown = len(case.hands["main"].screens)
    with pytest.raises(EthereumError) as caught:
        case.sign(plan)
    assert caught.value.code == "ethereum.token_paused"
    assert len(case.hands["main"].screens) == shown
    assert case.step(plan).state == "planned"


def test_a_send_that_is_never_answered_is_unknown_and_found_by_reconciling(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.sign(plan)
    assert case.chain.server is not None
    case.chain.server.faults.add(Fault(FaultKind.DROP_AFTER, "eth_sendRawTransaction"))
    with pytest.raises(OutcomeUnknownError):
        case.send(plan)
    assert case.step(plan).state == "unknown"
    with pytest.raises(PlanError) as caught:
        case.send(plan)
    assert caught.value.code == "plan.already_sent"
    assert case.settle(plan).state == "done"
    assert paid(case).units == ETHER


def test_a_transaction_that_was_journaled_and_never_left_goes_on_only_at_a_persons_word(
    case: EthereumCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.sign(plan)

    def killed(_raw: bytes) -> str:
        raise KeyboardInterrupt

    node = case.desk.ethereum("mainnet")
    with monkeypatch.context() as patch:
        patch.setattr(type(node), "send_raw", lambda _node, raw: killed(raw))
        with pytest.raises(KeyboardInterrupt):
            case.send(plan)
    assert case.step(plan).state == "submitting"
    case.reconcile()
    assert case.step(plan).state == "unsent"
    assert paid(case).units == 0
    case.send(plan, resume=True)
    assert case.settle(plan).state == "done"
    assert paid(case).units == ETHER


def test_what_was_signed_and_given_up_is_found_when_somebody_sends_it_all_the_same(
    case: EthereumCase,
) -> None:
    from vault.treasury import execute
    from vault.treasury.requests.stuck import lingering

    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.sign(plan)
    execute.cancel(case.desk, plan, "not needed")
    step = case.step(plan)
    assert [each.txid for each in lingering(case.desk)] == [step.facts["txid"]]
    case.chain.rpc("eth_sendRawTransaction", "0x" + step.facts["raw"])
    notes = case.reconcile()
    assert any("books.cancelled_but_sent" in note for note in notes), notes
    assert case.settle(plan).state == "done"
    assert lingering(case.desk) == ()


def test_what_was_given_up_is_beaten_by_a_later_plan_with_the_same_nonce(case: EthereumCase) -> None:
    from vault.treasury import execute

    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.sign(plan)
    execute.cancel(case.desk, plan, "another amount")
    second = case.pay("hot", "cold-eth", "2", "ETH")
    assert second.transfer(1).uses == plan.transfer(1).uses
    case.out(second)
    assert case.settle(second).state == "done"
    assert case.reconcile() == []
    assert paid(case).units == 2 * ETHER


def test_one_sender_has_one_transaction_in_a_plan(case: EthereumCase) -> None:
    from vault.treasury.ethereum.spend import Errand, build_payment

    first = case.pay("hot", "cold-eth", "1", "ETH").transfer(1)
    entry = case.desk.book().book.find("cold-usdc")
    with pytest.raises(DeniedError) as caught:
        build_payment(
            case.desk, Errand("pay", "hot", 2), entry, Amount.parse("1", asset_of("USDC")), (first,)
        )
    assert caught.value.code == "denied.in_flight"


def test_a_nonce_that_somebody_else_used_is_a_conflict_and_never_explained_away(case: EthereumCase) -> None:
    case.chain.automine(False)
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    step = case.out(plan)
    assert case.chain.chain is not None
    case.chain.chain.mine(transactions=[own_transaction(int(step.facts["nonce"]))])
    notes = case.reconcile()
    assert any(note.startswith("books.conflicted") for note in notes), notes
    assert case.step(plan).state == "accepted"
    assert any(each.foreign for each in observe.account_balances(case.desk).findings)
    with pytest.raises(DeniedError):
        case.pay("hot", "cold-eth", "1", "ETH")


def test_what_waits_in_the_pool_and_is_in_no_plan_is_found(case: EthereumCase) -> None:
    case.chain.automine(False)
    case.chain.rpc("eth_sendRawTransaction", "0x" + own_transaction(0).hex())
    look = observe.account_balances(case.desk)
    assert [each.code for each in look.findings] == ["ethereum.foreign_nonce"]
    with pytest.raises(DeniedError) as caught:
        case.pay("hot", "cold-eth", "1", "ETH")
    assert caught.value.code in {"denied.in_flight", "denied.not_allowed"}


def test_a_plan_whose_nonce_was_used_meanwhile_is_refused_before_it_is_signed(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.chain.rpc("eth_sendRawTransaction", "0x" + own_transaction(0).hex())
    case.chain.mine()
    with pytest.raises(EthereumError) as caught:
        case.sign(plan)
    assert caught.value.code == "ethereum.stale_nonce"


def test_a_no_at_the_device_freezes_the_plan(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.hands["main"].yes = False
    with pytest.raises(DeviceRefusedError):
        case.sign(plan)
    assert case.state(plan) == "frozen"


def test_bytes_that_were_altered_in_the_store_are_not_sent(case: EthereumCase) -> None:
    from vault.store import records

    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    case.sign(plan)
    with case.desk.store.write() as writer:
        step = records.find_intent(writer.connection, case.step(plan).client_id)
        records._changed(writer, step, "signed", None, None, {"raw": own_transaction(0, value=5).hex()})
    with pytest.raises(EthereumError) as caught:
        case.send(plan)
    assert caught.value.code == "ethereum.altered_transaction"
    assert case.balance("ETH", "hot") == 10 * ETHER


def test_a_token_whose_code_changed_is_refused_until_a_person_pins_it_again(case: EthereumCase) -> None:
    from vault.treasury.ethereum.account_report import repin

    case.pay("hot", "cold-usdc", "1", "USDC")
    from emulator.chains.ethereum.artefacts import load

    case.chain.set_code(deploy.USDC_IMPLEMENTATION, load("UsdcToken").runtime + b"\0")
    with pytest.raises(EthereumError) as caught:
        case.pay("hot", "cold-usdc", "1", "USDC")
    assert caught.value.code in {"ethereum.code_changed", "ethereum.proxy_changed"}
    found = repin(case.desk, "hot", "USDC")
    assert found.before is not None and found.before != found.after
    case.pay("hot", "cold-usdc", "1", "USDC")
