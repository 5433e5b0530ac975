"""What is planned passes, before the device and after it; any single difference does not."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_calls import (
    CAPS,
    GWEI,
    ONE_ETHER,
    RECIPIENT,
    SAFE,
    SENDER,
    THIEF,
    USDC_1500,
    USDT_99,
    call_of,
    planned,
    safe_call_of,
    sign,
    text,
)
from vault.errors import EthereumError
from vault.ethereum.build import CallPart, cancel, revoke
from vault.ethereum.contracts.table import ContractTable, call
from vault.ethereum.verify import (
    ExpectedCancel,
    ExpectedExact,
    ExpectedPayment,
    ExpectedRevoke,
    floor_gas,
    to_transaction,
    verify_call,
    verify_signed,
)
from vault.evm.abi import function
from vault.evm.call import EthereumCall
from vault.evm.transaction import AccessEntry, FeeMarketTransaction, serialise
from vault.money import ETH, USDC, USDT, Amount


def refused(code: str) -> pytest.RaisesExc[EthereumError]:
    return pytest.raises(EthereumError, check=lambda error: error.code == f"ethereum.{code}")


PAYMENTS = [ONE_ETHER, USDC_1500, USDT_99]


@pytest.mark.parametrize("amount", PAYMENTS, ids=str)
def test_a_planned_payment_passes_and_comes_back_signed(amount: Amount) -> None:
    part, expected = planned(amount)
    payment = call_of(part)
    decoded = verify_call(payment, expected, CAPS)
    assert (decoded.asset, decoded.units, decoded.party) == (amount.asset, amount.units, RECIPIENT)
    tx = to_transaction(payment)
    verified = verify_signed(serialise(tx, sign(tx)), payment)
    assert verified.transaction == tx
    assert verified.transaction_hash.startswith("0x")
    assert len(verified.transaction_hash) == 66


@pytest.mark.parametrize("amount", PAYMENTS, ids=str)
def test_a_planned_payment_of_a_safe_passes_and_comes_back_as_its_execution(amount: Amount) -> None:
    part, expected = planned(amount, payer=SAFE)
    payment = safe_call_of(part)
    assert verify_call(payment, expected, CAPS).units == amount.units
    execution = b"\x6a\x76\x12\x02" + bytes(100)
    tx = to_transaction(payment, execution)
    assert (tx.to, tx.value, tx.data) == (SAFE, 0, execution)
    raw = serialise(tx, sign(tx))
    assert verify_signed(raw, payment, execution).transaction == tx
    with refused("altered_transaction"):
        verify_signed(raw, payment, execution + b"\0")
    with refused("bad_calldata"):
        verify_signed(raw, payment)


def test_data_of_its_own_is_only_for_a_safe() -> None:
    part, _ = planned(USDC_1500)
    with refused("bad_calldata"):
        to_transaction(call_of(part), b"\x01")


def test_a_revoked_allowance_passes() -> None:
    part = revoke(1, USDT, RECIPIENT)
    assert verify_call(call_of(part), ExpectedRevoke(1, SENDER, USDT, RECIPIENT), CAPS).units == 0
    assert verify_call(safe_call_of(part), ExpectedRevoke(1, SAFE, USDT, RECIPIENT), CAPS).units == 0


def test_a_cancel_passes_of_an_account_and_of_a_safe() -> None:
    verify_call(call_of(cancel(SENDER), gas_limit=21_000), ExpectedCancel(1, SENDER), CAPS)
    verify_call(safe_call_of(cancel(SAFE)), ExpectedCancel(1, SAFE), CAPS)


def test_a_call_that_another_module_judged_passes_to_the_byte() -> None:
    change = "changeThreshold(uint256 _threshold)"
    table = {SAFE: ContractTable("safe", "Safe", (call(change),))}
    data = text(function(change).encode(2))
    part, expected = CallPart(SAFE, 0, data), ExpectedExact(1, SAFE, SAFE, 0, data)
    assert verify_call(safe_call_of(part), expected, CAPS, table).function == function(change)
    with refused("unknown_call"):
        verify_call(safe_call_of(part), expected, CAPS)
    other = replace(part, data=text(function(change).encode(1)))
    with refused("not_planned"):
        verify_call(safe_call_of(other), expected, CAPS, table)


def other_values(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value + b"\0"
    return (AccessEntry(RECIPIENT),) if isinstance(value, tuple) else SAFE


@pytest.mark.parametrize("field", [each.name for each in fields(FeeMarketTransaction)])
def test_every_field_that_came_back_altered_is_named(field: str) -> None:
    part, _ = planned(USDC_1500)
    payment = call_of(part)
    tx = to_transaction(payment)
    altered = replace(tx, **{field: other_values(getattr(tx, field))})
    with pytest.raises(EthereumError) as error:
        verify_signed(serialise(altered, sign(altered)), payment)
    assert error.value.code == "ethereum.altered_transaction"
    assert error.value.details["field"] == field


@given(st.binary(max_size=200))
def test_no_other_bytes_are_taken_for_the_signed_transaction(raw: bytes) -> None:
    part, _ = planned(USDC_1500)
    with pytest.raises(EthereumError):
        verify_signed(raw, call_of(part))


@given(st.integers(0, 1), st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_no_signature_but_the_senders_passes(parity: int, r: int, s: int) -> None:
    part, _ = planned(USDC_1500)
    payment = call_of(part)
    tx = to_transaction(payment)
    genuine = sign(tx)
    with pytest.raises(EthereumError) as error:
        verify_signed(serialise(tx, replace(genuine, parity=parity, v=parity, r=r, s=s)), payment)
    assert error.value.code in {"ethereum.bad_signature", "ethereum.wrong_signer"}
    with refused("wrong_signer"):
        verify_signed(serialise(tx, sign(tx, THIEF)), payment)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "nonce below zero": ({"nonce": -1}, "bad_field"),
    "nonce beyond EIP-2681": ({"nonce": 2**64 - 1}, "bad_field"),
    "value below zero": ({"value": -1}, "bad_field"),
    "gas below what the data costs": ({"gas_limit": 21_500}, "bad_gas_limit"),
    "gas above EIP-7825": ({"gas_limit": 2**24 + 1}, "bad_gas_limit"),
    "price of zero": ({"max_fee": 0}, "fee_too_high"),
    "tip below zero": ({"max_priority_fee": -1}, "tip_above_fee"),
    "chain that is not known": ({"chain_id": 56}, "unknown_chain"),
    "sender without checksum": ({"sender": SENDER.lower()}, "bad_address"),
    "data in capitals": ({"data": "0xA9059CBB"}, "bad_calldata"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_fields_out_of_range_are_refused(name: str) -> None:
    changes, code = CHANGES[name]
    part, expected = planned(USDC_1500)
    with refused(code):
        verify_call(call_of(part, **changes), expected, CAPS)


def test_what_is_in_range_to_the_last_passes() -> None:
    part, expected = planned(USDC_1500)
    least = 21_000 + floor_gas(bytes.fromhex(part.data[2:]))
    for changes in ({"nonce": 0}, {"nonce": 2**64 - 2}, {"max_priority_fee": 0}, {"gas_limit": least}):
        verify_call(call_of(part, **changes), expected, CAPS)
    verify_call(call_of(part, gas_limit=2**24, max_fee=GWEI), expected, CAPS)
    with refused("bad_gas_limit"):
        verify_call(call_of(part, gas_limit=least - 1), expected, CAPS)


SAFE_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"to": "zz"}, "creates_contract"),
    "no checksum": ({"to": RECIPIENT.lower()}, "bad_address"),
    "value below zero": ({"value": -1}, "bad_field"),
    "more ether than there is": ({"value": 2**100}, "bad_field"),
    "data in capitals": ({"data": "0xAB"}, "bad_calldata"),
}


@pytest.mark.parametrize("name", SAFE_CHANGES)
def test_fields_of_a_safes_own_call_out_of_range_are_refused(name: str) -> None:
    changes, code = SAFE_CHANGES[name]
    part, expected = planned(ONE_ETHER, payer=SAFE)
    with refused(code):
        verify_call(safe_call_of(part, **changes), expected, CAPS)


def test_a_safe_does_not_pay_for_itself() -> None:
    part, expected = planned(ONE_ETHER, payer=SAFE)
    with refused("wrong_payer"):
        verify_call(replace(safe_call_of(part), sender=SAFE), expected, CAPS)


def test_a_plan_that_names_a_recipient_without_checksum_is_refused() -> None:
    part, expected = planned(USDC_1500)
    with refused("bad_address"):
        verify_call(call_of(part), replace(expected, recipient=RECIPIENT.lower()), CAPS)


def test_gas_covers_the_floor_price_of_calldata() -> None:
    assert floor_gas(bytes(10) + b"\x01" * 3) == 10 * 10 + 40 * 3


def test_caps_are_reached_but_not_passed() -> None:
    part, expected = planned(USDC_1500)
    at_cap = call_of(part, max_fee=CAPS.max_fee_per_gas, gas_limit=CAPS.max_cost // CAPS.max_fee_per_gas)
    verify_call(at_cap, expected, CAPS)
    with refused("cost_too_high"):
        verify_call(replace(at_cap, gas_limit=at_cap.gas_limit + 1), expected, CAPS)
    with refused("fee_too_high"):
        verify_call(replace(at_cap, max_fee=at_cap.max_fee + 1), expected, CAPS)
    verify_call(replace(at_cap, max_priority_fee=at_cap.max_fee), expected, CAPS)


@pytest.mark.parametrize(
    ("payment", "expected"),
    [
        (call_of(revoke(1, USDC, RECIPIENT)), ExpectedRevoke(1, SENDER, USDT, RECIPIENT)),
        (call_of(cancel(SENDER)), ExpectedRevoke(1, SENDER, USDT, RECIPIENT)),
        (
            call_of(planned(USDC_1500)[0]),
            ExpectedPayment(1, SENDER, Amount(USDT, USDC_1500.units), RECIPIENT),
        ),
        (call_of(planned(ONE_ETHER)[0]), ExpectedPayment(1, SENDER, USDC_1500, RECIPIENT)),
        (call_of(planned(USDC_1500)[0]), ExpectedPayment(1, SENDER, Amount(ETH, USDC_1500.units), RECIPIENT)),
    ],
)
def test_another_asset_than_the_planned_one_is_refused(payment: EthereumCall, expected: Any) -> None:
    with refused("wrong_asset"):
        verify_call(payment, expected, CAPS)


@pytest.mark.parametrize(
    ("payment", "expected"),
    [
        (call_of(planned(USDC_1500)[0]), ExpectedRevoke(1, SENDER, USDC, RECIPIENT)),
        (call_of(planned(USDC_1500)[0]), ExpectedCancel(1, SENDER)),
        (call_of(planned(ONE_ETHER)[0]), ExpectedCancel(1, SENDER)),
        (call_of(CallPart(RECIPIENT, 0, "0x")), ExpectedCancel(1, SENDER)),
        (call_of(replace(cancel(SENDER), value=1)), ExpectedCancel(1, SENDER)),
    ],
)
def test_another_kind_of_call_than_the_planned_one_is_refused(payment: EthereumCall, expected: Any) -> None:
    with refused("not_planned"):
        verify_call(payment, expected, CAPS)


def test_the_right_spender_loses_the_allowance() -> None:
    with refused("wrong_spender"):
        verify_call(call_of(revoke(1, USDC, SAFE)), ExpectedRevoke(1, SENDER, USDC, RECIPIENT), CAPS)
