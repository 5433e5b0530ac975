"""eth_simulateV1: several blocks of several calls each on the state of a block, none of which stays.

With `validation` nonces, balances and fees count as in a real block; with `traceTransfers` plain transfers of
ETH appear as logs. Refusals have the method's own codes (execution-apis, -38010 to -38026).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from eth.abc import StateAPI
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_typing import Address

from emulator.chains.ethereum import views
from emulator.chains.ethereum.blocks import Block, base_fee_of, next_base_fee, with_fields
from emulator.chains.ethereum.calls import (
    Unaffordable,
    apply_overrides,
    as_list,
    check_funds,
    failed,
    parse_call,
)
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.errors import REVERTED, RpcRefusal, invalid_params
from emulator.chains.ethereum.evm import execute
from emulator.chains.ethereum.hexes import checksummed, data, parse_address, parse_quantity, quantity
from emulator.chains.ethereum.mining import child_header
from emulator.chains.ethereum.transaction import Execution

NONCE_TOO_LOW, NONCE_TOO_HIGH, BASE_FEE_TOO_LOW = -38010, -38011, -38012
INTRINSIC_GAS, INSUFFICIENT_FUNDS, BLOCK_GAS_LIMIT = -38013, -38014, -38015
NUMBERS_DESCEND, TIMES_DESCEND, TOO_MANY_BLOCKS = -38020, -38021, -38026
VM_ERROR = -32015
MAX_BLOCKS = 256
BLOCK_SECONDS = 12
_OPTIONS = {"blockStateCalls", "traceTransfers", "validation", "returnFullTransactions"}
_FRAME = {"number", "time", "gasLimit", "feeRecipient"}


@dataclass(slots=True)
class _Run:
    """One simulation: the state goes from block to block."""

    chain: EthereumChain
    trace: bool
    validation: bool
    parent: Block
    ancestors: tuple[bytes, ...]  # the hashes from `parent` downwards


def simulate(chain: EthereumChain, block: Block, given: object) -> list[views.Json]:
    """Raises RpcRefusal."""
    if not isinstance(given, dict) or set(given) - _OPTIONS:
        raise invalid_params("invalid argument 0: expected blockStateCalls and options")
    wanted = given.get("blockStateCalls")
    if not isinstance(wanted, list) or not wanted:
        raise invalid_params("empty input")
    if len(wanted) > MAX_BLOCKS:
        raise RpcRefusal("too many blocks", TOO_MANY_BLOCKS)
    trace, validation = given.get("traceTransfers") is True, given.get("validation") is True
    run = _Run(chain, trace, validation, block, (block.hash, *chain.ancestors(block)))
    return [_block(run, each) for each in wanted]


def _block(run: _Run, given: object) -> views.Json:
    if not isinstance(given, dict) or set(given) - {"blockOverrides", "stateOverrides", "calls"}:
        raise invalid_params("invalid argument 0: unknown field in blockStateCalls")
    header = _frame(run, given.get("blockOverrides") or {})
    state = run.chain.state_in(header, run.parent, ancestors=run.ancestors)
    apply_overrides(state, given.get("stateOverrides"))
    used, results = 0, []
    for call in as_list(given.get("calls"), "calls"):
        result, gas = _call(run, state, header, call, used)
        used += gas
        results.append(result)
    state.persist()
    sealed = with_fields(header, gas_used=used, state_root=state.state_root)
    run.parent = Block(sealed, (), bytes(state.state_root))
    run.ancestors = (sealed.hash, *run.ancestors)
    _number_logs(results, sealed)
    return {
        **views.header_view(sealed),
        "size": quantity(run.parent.size),
        "uncles": [],
        "withdrawals": [],
        "transactions": [],
        "calls": results,
    }


def _frame(run: _Run, given: object) -> PragueBlockHeader:
    if not isinstance(given, dict) or set(given) - _FRAME:
        raise invalid_params("invalid argument 0: blockOverrides: expected " + ", ".join(sorted(_FRAME)))
    parent = run.parent
    asked = {
        key: parse_quantity(given[key], key)
        for key in ("number", "time", "gasLimit")
        if given.get(key) is not None
    }
    if asked.get("number", parent.number + 1) != parent.number + 1:
        raise RpcRefusal("block numbers must be in order", NUMBERS_DESCEND)
    if asked.get("time", parent.timestamp + 1) <= parent.timestamp:
        raise RpcRefusal("block timestamps must be in order", TIMES_DESCEND)
    base_fee = next_base_fee(parent) if run.validation else 0
    coinbase = given.get("feeRecipient")
    header = child_header(
        parent,
        asked.get("time", parent.timestamp + BLOCK_SECONDS),
        base_fee,
        parent.header.coinbase if coinbase is None else parse_address(coinbase, "feeRecipient"),
        b"",
    )
    return with_fields(header, gas_limit=asked.get("gasLimit", parent.gas_limit))


def _call(
    run: _Run, state: StateAPI, header: PragueBlockHeader, given: object, used: int
) -> tuple[views.Json, int]:
    left = header.gas_limit - used
    execution = parse_call(given, gas=left)
    if not (isinstance(given, dict) and given.get("nonce") is not None):
        execution = replace(execution, nonce=state.get_nonce(Address(execution.sender)))
    if execution.gas > left:
        raise RpcRefusal(
            f"block gas limit reached: remaining: {left}, required: {execution.gas}", BLOCK_GAS_LIMIT
        )
    _check(run, state, header, execution)
    outcome = execute(state, execution)
    result: views.Json = {
        "returnData": data(outcome.output if outcome.error is None or outcome.reverted else b""),
        "logs": [views.log_view(log) for log in (outcome.entries if run.trace else outcome.logs)],
        "gasUsed": quantity(outcome.gas_used),
        "status": quantity(int(outcome.error is None)),
    }
    if outcome.error is not None:
        refusal = failed(outcome)
        result["returnData"] = "0x"
        result["error"] = (
            {"code": REVERTED, "message": refusal.message, "data": refusal.data}
            if outcome.reverted
            else {"code": VM_ERROR, "message": refusal.message}
        )
    return result, outcome.gas_used


def _check(run: _Run, state: StateAPI, header: PragueBlockHeader, execution: Execution) -> None:
    who, nonce = checksummed(execution.sender), state.get_nonce(Address(execution.sender))
    supplied = f"(supplied gas {execution.gas})"
    if run.validation and execution.nonce != nonce:
        low = execution.nonce < nonce
        words = f"nonce too {'low' if low else 'high'}: address {who}, tx: {execution.nonce} state: {nonce}"
        raise RpcRefusal(f"err: {words} {supplied}", NONCE_TOO_LOW if low else NONCE_TOO_HIGH)
    try:
        check_funds(state, execution, base_fee_of(header) if run.validation else 0)
    except Unaffordable as reason:
        code = next(each for words, each in _REASONS.items() if str(reason).startswith(words))
        raise RpcRefusal(f"err: {reason} {supplied}", code) from reason


_REASONS = {
    "max fee per gas": BASE_FEE_TOO_LOW,
    "insufficient funds": INSUFFICIENT_FUNDS,
    "intrinsic gas": INTRINSIC_GAS,
}


def _number_logs(results: list[views.Json], header: PragueBlockHeader) -> None:
    """Give the logs of a simulated block their places in it."""
    position = 0
    for index, result in enumerate(results):
        entries = result["logs"]
        for entry in entries if isinstance(entries, list) else []:
            entry["blockHash"] = data(header.hash)
            entry["blockNumber"] = quantity(header.block_number)
            entry["blockTimestamp"] = quantity(header.timestamp)
            entry["transactionHash"] = data(index.to_bytes(32, "big"))
            entry["transactionIndex"] = quantity(index)
            entry["logIndex"] = quantity(position)
            entry["removed"] = False
            position += 1
