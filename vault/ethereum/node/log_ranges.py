"""All events of a range of blocks, however few blocks a node is ready to answer for at once.

Refuses answers that hold what was not asked for, stand in another order, or name two hashes for one block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vault.errors import EthereumError
from vault.ethereum.node import refusals
from vault.ethereum.node.answers import nonsense, quantity, require_address, to_list, to_log
from vault.ethereum.node.base import Log, LogFilter
from vault.ethereum.node.line import NodeRefusedError

# What most nodes answer at once; it is halved where one refuses, and kept so for the rest of the range.
SPAN: Final = 10_000
# More than any history of an owner's approvals; a node that finds more does not tell the truth, or floods us.
MAX_LOGS: Final = 100_000
# Longer than the fastest of the known chains; a node with a tip above it would have us ask for ever.
MAX_BLOCKS: Final = 2_000_000_000


def collect_logs(ask: Callable[[dict[str, object]], Any], wanted: LogFilter) -> tuple[Log, ...]:
    """Every event that `wanted` describes, by block and index. Raises `EthereumError`; never cut off."""
    found: list[Log] = []
    start, span = wanted.first, SPAN
    if wanted.last - wanted.first > MAX_BLOCKS:
        raise EthereumError("too_many", f"expected logs of at most {MAX_BLOCKS} blocks, found {wanted}")
    while start <= wanted.last:
        end = min(start + span - 1, wanted.last)
        try:
            value = ask(_filter(wanted, start, end))
        except EthereumError as error:
            if end == start or not _may_split(error):
                raise
            span = (end - start + 1) // 2
            continue
        part = [to_log(each) for each in to_list(value, "logs")]
        for log in part:
            _require_wanted(log, wanted, start, end)
        found += part
        if len(found) > MAX_LOGS:
            raise EthereumError("too_many", f"expected at most {MAX_LOGS} logs, found more")
        start = end + 1
    _require_order(found)
    return tuple(found)


def _may_split(error: EthereumError) -> bool:
    if isinstance(error, NodeRefusedError):
        return refusals.too_much(error.rpc_code, error.rpc_message)
    return error.details.get("too_long") == "yes"


def _filter(wanted: LogFilter, start: int, end: int) -> dict[str, object]:
    asked: dict[str, object] = {
        "fromBlock": quantity(start),
        "toBlock": quantity(end),
        "topics": [
            None if each is None else ["0x" + topic.hex() for topic in each] for each in wanted.topics
        ],
    }
    if wanted.addresses:
        asked["address"] = [require_address(each) for each in wanted.addresses]
    return asked


def _require_wanted(log: Log, wanted: LogFilter, start: int, end: int) -> None:
    fits = start <= log.block_number <= end and (not wanted.addresses or log.address in wanted.addresses)
    fits = fits and len(log.topics) >= len(wanted.topics)
    if not fits or any(
        each is not None and topic not in each for topic, each in zip(log.topics, wanted.topics, strict=False)
    ):
        raise nonsense("logs", f"only what was asked for in blocks {start} to {end}", log)


def _require_order(found: list[Log]) -> None:
    places = [(log.block_number, log.index) for log in found]
    hashes: dict[int, str] = {}
    if places != sorted(set(places)):
        raise nonsense("logs", "each once, by block and index", "another order")
    for log in found:
        if hashes.setdefault(log.block_number, log.block_hash) != log.block_hash:
            raise nonsense(f"logs of block {log.block_number}", "one block hash", log.block_hash)
