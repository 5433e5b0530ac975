"""Reading a node's answers strictly: hex quantities, data, hashes, addresses, blocks, receipts, logs, fees.

Refuses what does not have exactly the form of the execution APIs (``ethereum.bad_answer``): leading zeros,
odd digits, missing fields, logs of another transaction. Nothing is rounded, defaulted or guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vault.errors import AddressError, EthereumError
from vault.ethereum.node.base import Block, ChainTransaction, FeeHistory, Log, Receipt
from vault.ethereum.node.strict_json import printable
from vault.ethereum.view import CallOutcome, EventLog
from vault.evm.address import address_bytes, checksum_address

WORD: Final = 256
# Blocks, times, nonces, gas and indices: no chain has come near it.
SMALL: Final = 64
MAX_DATA: Final = 8_000_000

_QUANTITY: Final = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)", re.ASCII)
_DATA: Final = re.compile(r"0x([0-9a-fA-F]{2})*", re.ASCII)
_HASH: Final = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def nonsense(what: str, expected: str, found: object) -> EthereumError:
    """The error for an answer of another form than the one asked for."""
    return EthereumError(
        "bad_answer",
        f"{what}: expected {expected}, found {printable(str(found))!r}",
        hint="Is this node what treasury.toml says it is? Nothing was concluded from the answer.",
    )


def to_quantity(value: Any, what: str, bits: int = WORD) -> int:
    """A number as nodes write it: ``0x0``, ``0x41``; never ``0x041``, never a JSON number."""
    if not isinstance(value, str) or len(value) > 66 or not _QUANTITY.fullmatch(value):
        raise nonsense(what, "a hex quantity without leading zeros", value)
    number = int(value, 16)
    if number >> bits:
        raise nonsense(what, f"a number of at most {bits} bits", value)
    return number


def to_data(value: Any, what: str, size: int | None = None) -> bytes:
    """Bytes of an even number of digits; of exactly `size` bytes where one is given."""
    if not isinstance(value, str) or len(value) > 2 * MAX_DATA + 2 or not _DATA.fullmatch(value):
        raise nonsense(what, "0x and an even number of hex digits", value)
    found = bytes.fromhex(value[2:])
    if size is not None and len(found) != size:
        raise nonsense(what, f"{size} bytes", value)
    return found


def to_hash(value: Any, what: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise nonsense(what, "0x and 64 lower-case hex digits", value)
    return value


def to_address(value: Any, what: str) -> str:
    """EIP-55 of an address in lower case, or in the letter case of EIP-55."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise nonsense(what, "an address", value)
    found = checksum_address(bytes.fromhex(value[2:]))
    if value not in {found, found.lower()}:
        raise nonsense(what, f"an address in lower case or {found}", value)
    return found


def to_object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise nonsense(what, "an object", value)
    return value


def to_list(value: Any, what: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise nonsense(what, "a list", value)
    return value


def to_flag(value: Any, what: str) -> bool:
    if not isinstance(value, str) or value not in {"0x0", "0x1"}:
        raise nonsense(what, "0x1 or 0x0", value)
    return bool(value == "0x1")


def quantity(number: int) -> str:
    """A number as nodes read it."""
    return hex(number)


def require_hash(text: str, what: str) -> str:
    """A hash that we ask for: 0x and 64 lower-case digits. Raises `EthereumError` (``ethereum.bad_hash``)."""
    if not _HASH.fullmatch(text):
        raise EthereumError(
            "bad_hash", f"{what}: expected 0x and 64 lower-case hex digits, found {text[:80]!r}"
        )
    return text


def require_address(text: str) -> str:
    """An address that we ask about, in EIP-55 or, like zero, without letters."""
    try:
        address_bytes(text)
    except AddressError as error:
        if error.code != "address.nobody":
            raise EthereumError("bad_address", error.message) from None
    return text


# -- what blocks hold ----------------------------------------------------------------------------------


def to_block(value: Any) -> Block:
    found = to_object(value, "block")
    base_fee = found.get("baseFeePerGas")
    return Block(
        number=to_quantity(found.get("number"), "block number", SMALL),
        hash=to_hash(found.get("hash"), "block hash"),
        parent=to_hash(found.get("parentHash"), "hash of the block before"),
        timestamp=to_quantity(found.get("timestamp"), "block time", SMALL),
        base_fee=None if base_fee is None else to_quantity(base_fee, "base fee"),
        gas_limit=to_quantity(found.get("gasLimit"), "block gas limit", SMALL),
        gas_used=to_quantity(found.get("gasUsed"), "block gas used", SMALL),
    )


def to_log(value: Any) -> Log:
    found = to_object(value, "log")
    if found.get("removed", False) is not False:
        raise nonsense("log", "one that is in the chain", "removed")
    event = to_event(found)
    return Log(
        event.address,
        event.topics,
        event.data,
        to_quantity(found.get("blockNumber"), "block of a log", SMALL),
        to_hash(found.get("blockHash"), "block hash of a log"),
        to_hash(found.get("transactionHash"), "transaction of a log"),
        to_quantity(found.get("logIndex"), "index of a log", SMALL),
    )


def to_event(value: Any) -> EventLog:
    """The event alone: a simulated one is in no block."""
    found = to_object(value, "log")
    topics = to_list(found.get("topics"), "topics")
    if len(topics) > 4:
        raise nonsense("topics", "at most 4", len(topics))
    return EventLog(
        to_address(found.get("address"), "address of a log"),
        tuple(to_data(each, "topic", 32) for each in topics),
        to_data(found.get("data"), "data of a log"),
    )


def to_receipt(value: Any, transaction_hash: str) -> Receipt:
    """The receipt of that transaction. Raises `EthereumError`; ``ethereum.unknown_fee`` for a fee part that
    is known by name only, because the sum could not be told.
    """
    found = to_object(value, "receipt")
    named = to_hash(found.get("transactionHash"), "transaction of a receipt")
    if named != transaction_hash:
        raise nonsense("receipt", f"that of {transaction_hash}", named)
    # Parts of the price that the OP stack may switch on (operator fee), whose formula changed between forks.
    for part in ("operatorFeeScalar", "operatorFeeConstant"):
        if found.get(part) not in (None, "0x0"):
            raise EthereumError(
                "unknown_fee", f"receipt: expected no {part}, found {str(found[part])[:40]!r}"
            )
    to, contract, l1_fee = found.get("to"), found.get("contractAddress"), found.get("l1Fee")
    receipt = Receipt(
        transaction_hash=named,
        block_number=to_quantity(found.get("blockNumber"), "block of a receipt", SMALL),
        block_hash=to_hash(found.get("blockHash"), "block hash of a receipt"),
        index=to_quantity(found.get("transactionIndex"), "place of a transaction", SMALL),
        sender=to_address(found.get("from"), "sender of a receipt"),
        to=None if to is None else to_address(to, "recipient of a receipt"),
        contract=None if contract is None else to_address(contract, "contract of a receipt"),
        succeeded=to_flag(found.get("status"), "status of a receipt"),
        gas_used=to_quantity(found.get("gasUsed"), "gas used", SMALL),
        gas_price=to_quantity(found.get("effectiveGasPrice"), "effective gas price"),
        l1_fee=0 if l1_fee is None else to_quantity(l1_fee, "L1 fee"),
        logs=tuple(to_log(each) for each in to_list(found.get("logs"), "logs of a receipt")),
    )
    for log in receipt.logs:
        place = (log.transaction_hash, log.block_hash, log.block_number)
        if place != (named, receipt.block_hash, receipt.block_number):
            raise nonsense("log of a receipt", f"one of {named}", f"one of {log.transaction_hash}")
    if receipt.logs and not receipt.succeeded:
        raise nonsense("receipt", "no logs of a transaction that was reverted", len(receipt.logs))
    return receipt


def to_transaction(value: Any, transaction_hash: str) -> ChainTransaction:
    found = to_object(value, "transaction")
    named = to_hash(found.get("hash"), "transaction hash")
    if named != transaction_hash:
        raise nonsense("transaction", transaction_hash, named)
    to, block = found.get("to"), found.get("blockHash")
    price = found.get("maxFeePerGas")
    tip = found.get("maxPriorityFeePerGas")
    if (block is None) != (found.get("blockNumber") is None) or (price is None) != (tip is None):
        raise nonsense("transaction", "block hash and number, and both fees, or neither of two", str(found))
    return ChainTransaction(
        hash=named,
        sender=to_address(found.get("from"), "sender"),
        to=None if to is None else to_address(to, "recipient"),
        nonce=to_quantity(found.get("nonce"), "nonce", SMALL),
        value=to_quantity(found.get("value"), "value"),
        data=to_data(found.get("input"), "input"),
        gas_limit=to_quantity(found.get("gas"), "gas limit", SMALL),
        max_fee=to_quantity(found.get("gasPrice") if price is None else price, "fee per gas"),
        max_priority_fee=None if tip is None else to_quantity(tip, "priority fee"),
        block_number=None if block is None else to_quantity(found["blockNumber"], "block number", SMALL),
        block_hash=None if block is None else to_hash(block, "block hash"),
    )


# -- what is asked before sending ------------------------------------------------------------------------


def to_fee_history(value: Any, blocks: int, percentiles: Sequence[int]) -> FeeHistory:
    """Shares of gas used are JSON fractions; nothing is built on them, so they are not read."""
    found = to_object(value, "fee history")
    base_fees = tuple(
        to_quantity(each, "base fee") for each in to_list(found.get("baseFeePerGas"), "base fees")
    )
    rows = to_list(found.get("reward"), "rewards")
    rewards = tuple(tuple(to_quantity(each, "reward") for each in to_list(row, "rewards")) for row in rows)
    if not 1 <= len(rewards) <= blocks or len(base_fees) != len(rewards) + 1:
        shape = f"{len(base_fees)} base fees and {len(rewards)} rows of rewards"
        raise nonsense("fee history", f"1 to {blocks} blocks, and a base fee more", shape)
    if any(len(row) != len(percentiles) or list(row) != sorted(row) for row in rewards):
        raise nonsense("rewards", f"{len(percentiles)} that rise in each block", str(rewards))
    oldest = to_quantity(found.get("oldestBlock"), "oldest block", SMALL)
    return FeeHistory(oldest, base_fees, rewards, tuple(percentiles))


def to_simulation(value: Any, count: int) -> tuple[CallOutcome, ...]:
    """The outcomes of `count` calls in one simulated block (``eth_simulateV1``)."""
    blocks = to_list(value, "simulation")
    if len(blocks) != 1:
        raise nonsense("simulation", "one block", len(blocks))
    calls = to_list(to_object(blocks[0], "simulated block").get("calls"), "simulated calls")
    if len(calls) != count:
        raise nonsense("simulation", f"{count} calls", len(calls))
    return tuple(_outcome(to_object(each, "simulated call")) for each in calls)


def _outcome(found: Mapping[str, Any]) -> CallOutcome:
    succeeded = to_flag(found.get("status"), "status of a simulated call")
    output = to_data(found.get("returnData"), "output of a simulated call")
    error = found.get("error")
    if succeeded == (error is not None):
        raise nonsense("simulated call", "an error if it failed, and only then", str(error))
    if not output and isinstance(error, dict) and isinstance(error.get("data"), str):
        output = to_data(error["data"], "reason of a simulated call")
    logs = tuple(to_event(each) for each in to_list(found.get("logs", []), "logs of a simulated call"))
    gas_used = to_quantity(found.get("gasUsed"), "gas of a simulated call", SMALL)
    return CallOutcome(succeeded, output, logs if succeeded else (), gas_used)
