"""eth_call and eth_estimateGas: what would happen, on the state of a block, with go-ethereum's answers.

Nothing of it stays. A revert is error 3 with its data; the reason of Error(string) stands in the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eth.abc import StateAPI
from eth_typing import Address

from emulator.chains.ethereum.blocks import Alteration, Block
from emulator.chains.ethereum.chain import CALL_GAS, EthereumChain
from emulator.chains.ethereum.errors import REVERTED, RpcRefusal, invalid_params
from emulator.chains.ethereum.evm import Outcome, execute
from emulator.chains.ethereum.hexes import (
    checksummed,
    data,
    parse_address,
    parse_data,
    parse_quantity,
    parse_slot,
)
from emulator.chains.ethereum.transaction import Execution

ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256)
ZERO_ADDRESS = b"\0" * 20
TRANSFER_GAS = 21_000
CALL_STIPEND = 2_300
ESTIMATE_ERROR_RATIO = 0.015  # how near go-ethereum's search goes
_CALL_KEYS = {
    "from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value", "nonce", "data",
    "input", "chainId", "type", "accessList",
}  # fmt: skip


def parse_call(given: object, *, gas: int, nonce: int = 0) -> Execution:
    """A call object; `gas` and `nonce` are what it has when it names none. Raises RpcRefusal."""
    if not isinstance(given, dict):
        raise invalid_params("invalid argument 0: expected an object")
    call: Mapping[str, object] = given
    if unknown := sorted(set(call) - _CALL_KEYS):
        raise invalid_params(f"invalid argument 0: unknown field {unknown[0]}")
    if call.get("gasPrice") is not None and call.get("maxFeePerGas") is not None:
        raise RpcRefusal("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    price = _optional(call, "gasPrice")
    fee = price if price is not None else _optional(call, "maxFeePerGas") or 0
    tip = price if price is not None else _optional(call, "maxPriorityFeePerGas") or 0
    if tip > fee:
        raise RpcRefusal(
            f"max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, "
            f"maxFeePerGas: {fee}"
        )
    to = call.get("to")
    asked = _optional(call, "nonce")
    return Execution(
        sender=parse_address(call["from"], "from") if call.get("from") is not None else ZERO_ADDRESS,
        to=parse_address(to, "to") if to is not None else b"",
        value=_optional(call, "value") or 0,
        data=_input(call),
        gas=gas if _optional(call, "gas") is None else _optional(call, "gas") or 0,
        nonce=nonce if asked is None else asked,
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=tip,
        access_list=_access_list(call.get("accessList")),
    )


def _optional(call: Mapping[str, object], key: str) -> int | None:
    value = call.get(key)
    parsed = None if value is None else parse_quantity(value, key)
    if parsed is not None and key in ("gas", "nonce") and parsed >= 2**64:
        raise invalid_params(f"invalid argument: {key}: hex number > 64 bits")
    return parsed


def _input(call: Mapping[str, object]) -> bytes:
    first, second = call.get("input"), call.get("data")
    if first is not None and second is not None and first != second:
        raise RpcRefusal(
            'both "data" and "input" are set and not equal. Please use "input" to pass transaction call data'
        )
    chosen = first if first is not None else second
    return b"" if chosen is None else parse_data(chosen, "input")


def _access_list(given: object) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    return tuple(
        (
            parse_address(as_object(each, "accessList").get("address")),
            tuple(parse_slot(slot) for slot in as_list(each.get("storageKeys"), "storageKeys")),
        )
        for each in as_list(given, "accessList")
    )


def as_list(given: object, name: str) -> list[Any]:
    """Nothing is an empty one. Raises RpcRefusal."""
    if given is not None and not isinstance(given, list):
        raise invalid_params(f"invalid argument: {name}: expected an array")
    return given or []


def as_object(given: object, name: str) -> dict[str, object]:
    """Nothing is an empty one. Raises RpcRefusal."""
    if given is not None and not isinstance(given, dict):
        raise invalid_params(f"invalid argument: {name}: expected an object")
    return given or {}


def apply_overrides(state: StateAPI, given: object) -> None:
    """State overrides: balance, nonce, code, stateDiff, state of any account."""
    for key, each in as_object(given, "state overrides").items():
        address, override = parse_address(key), as_object(each, "state overrides")
        if unknown := sorted(set(override) - {"balance", "nonce", "code", "stateDiff", "state"}):
            raise invalid_params(f"invalid argument: state overrides: {unknown[0]} is not supported")
        if "state" in override and "stateDiff" in override:
            raise RpcRefusal(f"account {checksummed(address)} has both 'state' and 'stateDiff'")
        code = parse_data(override["code"], "code") if "code" in override else None
        Alteration(address, code, _optional(override, "balance"), _optional(override, "nonce")).apply(state)
        if "state" in override:
            state.delete_storage(Address(address))
        slots = as_object(override.get("state") or override.get("stateDiff"), "state")
        for slot, value in slots.items():
            state.set_storage(Address(address), parse_slot(slot), parse_slot(value, "value"))


def call(chain: EthereumChain, block: Block, given: object, overrides: object = None) -> str:
    """eth_call. Raises RpcRefusal."""
    execution = parse_call(given, gas=CALL_GAS)
    try:
        outcome = _run(chain, block, execution, overrides)
    except Unaffordable as reason:
        raise RpcRefusal(f"err: {reason} (supplied gas {execution.gas})") from reason
    if outcome.error is not None:
        raise failed(outcome)
    return data(outcome.output)


class Unaffordable(Exception):  # noqa: N818  a reason, which the caller puts into the node's words
    """The call cannot even begin: fee, balance or gas."""


def check_funds(state: StateAPI, execution: Execution, base_fee: int) -> None:
    """Raises Unaffordable."""
    who = checksummed(execution.sender)
    fee, gas = execution.max_fee_per_gas, execution.gas
    if fee < base_fee:
        raise Unaffordable(
            f"max fee per gas less than block base fee: address {who}, maxFeePerGas: {fee}, "
            f"baseFee: {base_fee}"
        )
    have, want = state.get_balance(Address(execution.sender)), gas * fee + execution.value
    if have < want:
        raise Unaffordable(
            f"insufficient funds for gas * price + value: address {who} have {have} want {want}"
        )
    if gas < execution.intrinsic_gas:
        raise Unaffordable(f"intrinsic gas too low: have {gas}, want {execution.intrinsic_gas}")


def _run(chain: EthereumChain, block: Block, execution: Execution, overrides: object) -> Outcome:
    base_fee = block.base_fee if execution.max_fee_per_gas else 0
    state = chain.state_on(block, base_fee=base_fee)
    apply_overrides(state, overrides)
    check_funds(state, execution, base_fee)
    return execute(state, execution)


def failed(outcome: Outcome) -> RpcRefusal:
    """The error a node answers for an execution that failed."""
    if not outcome.reverted:
        return RpcRefusal(outcome.error or "execution failed")
    reason = revert_reason(outcome.output)
    message = "execution reverted" if reason is None else f"execution reverted: {reason}"
    return RpcRefusal(message, REVERTED, data(outcome.output))


def revert_reason(output: bytes) -> str | None:
    """The text of Error(string), or the meaning of Panic(uint256)."""
    if output[:4] == ERROR_SELECTOR and len(output) >= 68:
        length = int.from_bytes(output[36:68], "big")
        return output[68 : 68 + length].decode(errors="replace")
    if output[:4] == PANIC_SELECTOR and len(output) == 36:
        return _PANICS.get(output[-1], f"unknown panic code: {output[-1]:#x}")
    return None


_PANICS = {
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
}


def estimate(chain: EthereumChain, block: Block, given: object, overrides: object = None) -> int:
    """eth_estimateGas: go-ethereum's search for the least gas limit that succeeds. Raises RpcRefusal."""
    wanted = parse_call(given, gas=0)
    highest = wanted.gas if wanted.gas >= TRANSFER_GAS else block.gas_limit
    if wanted.max_fee_per_gas:
        left = chain.balance(checksummed(wanted.sender), block) - wanted.value
        if left < 0:
            raise RpcRefusal("insufficient funds for transfer")
        highest = min(highest, left // wanted.max_fee_per_gas)

    def attempt(gas: int) -> Outcome | None:
        if gas < wanted.intrinsic_gas or gas < wanted.floor_gas:
            return None
        try:
            return _run(chain, block, replace(wanted, gas=gas), overrides)
        except Unaffordable as reason:
            raise RpcRefusal(f"failed with {gas} gas: {reason}") from reason

    plain = bool(wanted.to) and not wanted.data and not chain.code(checksummed(wanted.to), block)
    if plain and highest >= TRANSFER_GAS and (first := attempt(TRANSFER_GAS)) and first.error is None:
        return TRANSFER_GAS
    outcome = attempt(highest)
    if outcome is None or outcome.error == "out of gas":
        raise RpcRefusal(f"gas required exceeds allowance ({highest})")
    if outcome.error is not None:
        raise failed(outcome)
    lowest = outcome.gas_used - 1
    optimistic = (outcome.gas_used + outcome.refunded + CALL_STIPEND) * 64 // 63
    middle = optimistic if optimistic < highest else None
    while lowest + 1 < highest:
        if middle is None:
            if (highest - lowest) / highest < ESTIMATE_ERROR_RATIO:
                break
            middle = min((highest + lowest) // 2, lowest * 2)
        outcome = attempt(middle)
        if outcome is None or outcome.error is not None:
            lowest = middle
        else:
            highest = middle
        middle = None
    return highest
