"""eth_getLogs: by range or block hash, addresses and topics, with the limits of a hosted node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emulator.chains.ethereum import views
from emulator.chains.ethereum.blocks import Block
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.errors import LIMIT_EXCEEDED, RpcRefusal, invalid_params
from emulator.chains.ethereum.evm import Log
from emulator.chains.ethereum.hexes import parse_address, parse_word

MAX_TOPICS = 4
_KEYS = {"fromBlock", "toBlock", "blockHash", "address", "topics"}


@dataclass(slots=True)
class LogLimits:
    """Beyond them the question is refused, as hosted nodes do."""

    blocks: int = 10_000
    results: int = 10_000


@dataclass(frozen=True, slots=True)
class LogFilter:
    """`topics` None at a position matches anything."""

    addresses: frozenset[bytes]
    topics: tuple[frozenset[int] | None, ...]

    def matches(self, log: Log) -> bool:
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(
            wanted is None or found in wanted for wanted, found in zip(self.topics, log.topics, strict=False)
        )


def logs(
    chain: EthereumChain,
    height: int,
    given: object,
    find: Callable[[object], Block | None],
    limits: LogLimits,
) -> list[views.Json]:
    """Raises RpcRefusal."""
    if not isinstance(given, dict) or set(given) - _KEYS:
        raise invalid_params("invalid argument 0: expected a filter object")
    wanted = LogFilter(_addresses(given.get("address")), _topics(given.get("topics")))
    found: list[views.Json] = []
    for block in _blocks(chain, height, given, find, limits):
        for mined in block.transactions:
            shown = views.log_views(block, mined)
            found += [view for log, view in zip(mined.logs, shown, strict=True) if wanted.matches(log)]
        if len(found) > limits.results:
            raise RpcRefusal(f"query returned more than {limits.results} results", LIMIT_EXCEEDED)
    return found


def _blocks(
    chain: EthereumChain,
    height: int,
    given: dict[str, object],
    find: Callable[[object], Block | None],
    limits: LogLimits,
) -> Sequence[Block]:
    if given.get("blockHash") is not None:
        if given.get("fromBlock") is not None or given.get("toBlock") is not None:
            raise invalid_params(
                "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"
            )
        block = find({"blockHash": given["blockHash"]})
        if block is None:
            raise RpcRefusal("unknown block")
        return [block]
    first, last = find(given.get("fromBlock") or "latest"), find(given.get("toBlock") or "latest")
    if first is None:
        return []
    end = height if last is None else last.number
    if end < first.number:
        raise invalid_params("invalid block range params")
    if end - first.number + 1 > limits.blocks:
        raise RpcRefusal(f"exceed maximum block range: {limits.blocks}", LIMIT_EXCEEDED)
    found = (chain.block_at(number) for number in range(first.number, end + 1))
    return [block for block in found if block is not None]


def _addresses(given: object) -> frozenset[bytes]:
    if given is None:
        return frozenset()
    each = given if isinstance(given, list) else [given]
    return frozenset(parse_address(item) for item in each)


def _topics(given: object) -> tuple[frozenset[int] | None, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MAX_TOPICS:
        raise invalid_params("exceed max topics")
    return tuple(_position(item) for item in given)


def _position(given: object) -> frozenset[int] | None:
    if given is None or given == []:
        return None
    each = given if isinstance(given, list) else [given]
    if any(item is None for item in each):
        return None
    return frozenset(int.from_bytes(parse_word(item, "topic"), "big") for item in each)
