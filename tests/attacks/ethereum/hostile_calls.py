"""Before the device: calls that are not the planned one, each in its own way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
    address_of,
    call_of,
    planned,
    safe_call_of,
    text,
)
from tests.support.hostile import Collection
from vault.ethereum.build import CallPart, cancel, payment, revoke
from vault.ethereum.contracts import erc20
from vault.ethereum.fees import require_replacement
from vault.ethereum.nonces import require_nonce
from vault.ethereum.safe.transaction import from_typed, safe_tx, typed_data
from vault.ethereum.tokens import token_of
from vault.ethereum.verify import ExpectedCancel, ExpectedPayment, ExpectedRevoke, verify_call
from vault.evm.abi import function
from vault.evm.address import checksum_address
from vault.money import ETH, USDC, Amount

hostile_call = Collection()
ROBBER = address_of(THIEF)
USDC_1 = token_of(1, USDC)
PART, EXPECTED = planned(USDC_1500)
UNITS = USDC_1500.units


def call(name: str, code: str, **changes: Any) -> None:
    """The planned payment of USDC with some fields changed."""
    hostile_call.add(name, code, lambda: verify_call(call_of(PART, **changes), EXPECTED, CAPS))


def calldata(name: str, code: str, data: bytes) -> None:
    call(name, code, data=text(data))


def pays(name: str, code: str, amount: Amount, recipient: str) -> None:
    """A plan that is wrong itself."""
    part, expected = planned(amount, recipient)
    made = call_of(part)
    hostile_call.add(name, code, lambda: verify_call(made, expected, CAPS))


def alike(address: str) -> str:
    """An address with the same first and last four digits."""
    digits = address[2:].lower()
    return checksum_address(bytes.fromhex(digits[:4] + "5e" * 16 + digits[-4:]))


GOOD = erc20.TRANSFER.encode(RECIPIENT, UNITS)
calldata("calldata appended to a transfer", "bad_calldata", GOOD + bytes(32))
calldata("one byte appended to a transfer", "bad_calldata", GOOD + b"\x01")
calldata("calldata cut short (the short address attack)", "bad_calldata", GOOD[:-1])
calldata("dirty upper bits of the recipient", "bad_calldata", GOOD[:4] + b"\x01" + GOOD[5:])
call("calldata in capitals", "bad_calldata", data=text(GOOD).upper().replace("0X", "0x"))
calldata("a function of the token that no table knows", "unknown_call", b"\xde\xad\xbe\xef" + GOOD[4:])
calldata("fewer bytes than a selector", "unknown_call", b"\xa9\x05\x9c")
calldata("transferFrom", "refused_function",
         function("transferFrom(address a, address b, uint256 c)").encode(SENDER, ROBBER, UNITS))  # fmt: skip
calldata("increaseAllowance", "refused_function",
         function("increaseAllowance(address a, uint256 b)").encode(ROBBER, UNITS))  # fmt: skip
calldata("permit", "refused_function",
         function("permit(address a,address b,uint256 c,uint256 d,uint8 e,bytes32 f,bytes32 g)")
         .encode(SENDER, ROBBER, UNITS, 2**64, 27, b"\x01" * 32, b"\x02" * 32))  # fmt: skip
calldata("an allowance without end in place of a payment", "grants_allowance",
         erc20.APPROVE.encode(RECIPIENT, 2**256 - 1))  # fmt: skip
calldata("a recipient out of a poisoned history", "lookalike_recipient",
         erc20.TRANSFER.encode(alike(RECIPIENT), UNITS))  # fmt: skip
calldata("the robber as recipient", "wrong_recipient", erc20.TRANSFER.encode(ROBBER, UNITS))
calldata("the zero address as recipient", "wrong_recipient", erc20.TRANSFER.encode("0x" + "0" * 40, UNITS))
calldata("one unit more", "wrong_amount", erc20.TRANSFER.encode(RECIPIENT, UNITS + 1))
calldata("an amount for 18 decimals", "wrong_amount", erc20.TRANSFER.encode(RECIPIENT, UNITS * 10**12))
calldata("an amount of all 256 bits", "wrong_amount", erc20.TRANSFER.encode(RECIPIENT, 2**256 - 1))
calldata("nothing, so that the history shows it", "zero_amount", erc20.TRANSFER.encode(RECIPIENT, 0))

call("a destination that is no hex: creation of a contract", "creates_contract", to="0x" + "zz" * 20)
call("a destination of 40 letters: creation of a contract", "creates_contract", to="z" * 40)
call("no destination: creation of a contract", "creates_contract", to="")
call("a destination of 21 bytes", "creates_contract", to=USDC_1.address + "00")
call("a wrong EIP-55 checksum", "bad_address", to=USDC_1.address[:-1] + "b")
call("no EIP-55 checksum", "bad_address", to=USDC_1.address.lower())
call("the zero address", "bad_address", to="0x" + "0" * 40)
call("another chain's id", "wrong_chain_id", chain_id=11155111)
call("a chain that nobody configured", "unknown_chain", chain_id=56)
call("a token at an address with the same ends", "lookalike", to=alike(USDC_1.address))
call("a token that nobody registered", "unknown_token", to=ROBBER)
call("another token of the same amount", "wrong_asset", to=token_of(1, USDT_99.asset).address)
call("ether with a token's call", "value_with_call", value=1)
call("ether to the token's contract", "to_token_contract", value=UNITS, data="0x")
call("another payer", "wrong_payer", sender=ROBBER)
call("a tip above the fee", "tip_above_fee", max_priority_fee=30 * GWEI + 1)
call("a fee bomb by price", "fee_too_high", max_fee=100_000 * GWEI)
call("a fee bomb by gas and price", "cost_too_high", gas_limit=2**24, max_fee=200 * GWEI)
call("a gas limit beyond every block's", "bad_gas_limit", gas_limit=2**63)
call("too little gas for its own data", "bad_gas_limit", gas_limit=21_000)
call("no gas at all", "bad_gas_limit", gas_limit=0)
call("a nonce that can never be reached", "bad_field", nonce=2**64 - 1)

pays("a payment to oneself", "self_transfer", USDC_1500, SENDER)
pays("a payment to the token's own contract", "to_token_contract", USDC_1500, USDC_1.address)
pays("ether to another token's contract", "to_token_contract", ONE_ETHER, token_of(1, USDT_99.asset).address)


@hostile_call("calldata with an ether payment", "unknown_call")
def _() -> object:
    part, expected = planned(ONE_ETHER)
    return verify_call(call_of(part, data=text(GOOD[:4][::-1])), expected, CAPS)


@hostile_call("more ether than there is", "bad_field")
def _() -> object:
    part, expected = planned(ONE_ETHER)
    return verify_call(call_of(part, value=2**255), expected, CAPS)


@hostile_call("the bridged cousin of USDC on Arbitrum", "lookalike")
def _() -> object:
    part, expected = planned(USDC_1500, chain_id=42161)
    cousin = call_of(part, chain_id=42161, to="0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8")
    return verify_call(cousin, expected, CAPS)


@hostile_call("mainnet's USDC address on Arbitrum, where it may be anybody's", "lookalike")
def _() -> object:
    expected = ExpectedPayment(42161, SENDER, USDC_1500, RECIPIENT)
    return verify_call(call_of(PART, chain_id=42161), expected, CAPS)


@hostile_call("an allowance that is raised where it should be revoked", "grants_allowance")
def _() -> object:
    part = replace(revoke(1, USDC, RECIPIENT), data=text(erc20.APPROVE.encode(RECIPIENT, 1)))
    return verify_call(call_of(part), ExpectedRevoke(1, SENDER, USDC, RECIPIENT), CAPS)


@hostile_call("a revoke that names another spender", "wrong_spender")
def _() -> object:
    return verify_call(call_of(revoke(1, USDC, ROBBER)), ExpectedRevoke(1, SENDER, USDC, RECIPIENT), CAPS)


@hostile_call("a cancel that pays somebody", "not_planned")
def _() -> object:
    part = payment(1, Amount(ETH, 1), ROBBER)
    return verify_call(call_of(part), ExpectedCancel(1, SENDER), CAPS)


@hostile_call("a Safe's transaction with data of its own", "safe_outer")
def _() -> object:
    part, expected = planned(USDC_1500, payer=SAFE)
    return verify_call(replace(safe_call_of(part), data=text(GOOD)), expected, CAPS)


@hostile_call("a Safe's transaction with ether of the executor", "safe_outer")
def _() -> object:
    part, expected = planned(USDC_1500, payer=SAFE)
    return verify_call(replace(safe_call_of(part), value=1), expected, CAPS)


@hostile_call("a Safe's transaction to another contract", "safe_outer")
def _() -> object:
    part, expected = planned(USDC_1500, payer=SAFE)
    return verify_call(replace(safe_call_of(part), to=ROBBER), expected, CAPS)


@hostile_call("another Safe pays", "wrong_payer")
def _() -> object:
    part, expected = planned(USDC_1500, payer=ROBBER)
    return verify_call(safe_call_of(part), expected, CAPS)


@hostile_call("a Safe is asked to run a batch of calls", "unknown_call")
def _() -> object:
    batch = function("multiSend(bytes transactions)").encode(GOOD)
    part = CallPart("0x38869bf66a61cF6bDB996A6aE40D5853Fd43B526", 0, text(batch))
    return verify_call(safe_call_of(part), ExpectedPayment(1, SAFE, USDC_1500, RECIPIENT), CAPS)


@hostile_call("a Safe is asked to make the robber an owner", "unknown_call")
def _() -> object:
    change = function("addOwnerWithThreshold(address owner, uint256 threshold)").encode(ROBBER, 1)
    part = CallPart(SAFE, 0, text(change))
    return verify_call(safe_call_of(part), ExpectedPayment(1, SAFE, USDC_1500, RECIPIENT), CAPS)


@hostile_call("a cancelled Safe transaction that is the executor's own", "wrong_payer")
def _() -> object:
    return verify_call(call_of(cancel(SENDER)), ExpectedCancel(1, SAFE), CAPS)


def typed_safe_tx(**changes: Any) -> object:
    """What a hostile host would have the owners sign: the planned call with other fields around it."""
    call = safe_call_of(planned(USDC_1500, payer=SAFE)[0]).safe
    assert call is not None
    data = typed_data(safe_tx(1, call))
    names = [each.name for each in data.struct("SafeTx").members]
    values = dict(zip(names, data.message, strict=True)) | changes
    return from_typed(replace(data, message=tuple(values.values())))


hostile_call.add(
    "a Safe's call turned into a delegatecall", "safe.delegatecall", lambda: typed_safe_tx(operation=1)
)
hostile_call.add("gas that a Safe refunds", "safe.refund", lambda: typed_safe_tx(gasPrice=1))
hostile_call.add(
    "gas that a Safe refunds to the robber in tokens", "safe.refund",
    lambda: typed_safe_tx(gasToken=bytes.fromhex(USDC_1.address[2:])),
)  # fmt: skip
hostile_call.add("a stale nonce", "stale_nonce", lambda: require_nonce(6, 7, 7))
hostile_call.add("a nonce that leaves a gap", "nonce_gap", lambda: require_nonce(8, 7, 7))
hostile_call.add(
    "a replacement that every node drops", "underpriced_replacement",
    lambda: require_replacement((30 * GWEI, GWEI), (33 * GWEI, GWEI + 1)),
)  # fmt: skip
