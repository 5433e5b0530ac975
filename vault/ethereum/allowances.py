"""Who may take an account's tokens: allowances that were given, as far as the chain's events tell.

What events say is only where to look; what counts is allowance() now. Anybody can emit events in our name:
tokens that are not known are read last, no more than `MAX_FOREIGN` of them, and what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, cast

from vault.errors import EthereumError
from vault.ethereum.balances import PARALLEL
from vault.ethereum.contracts.erc20 import ALLOWANCE, APPROVAL_EVENT
from vault.ethereum.node.base import Block, EthereumNode, Log, LogFilter
from vault.ethereum.view import CallRequest
from vault.evm.address import address_bytes, checksum_address

MAX_FOREIGN: Final = 200
# No supply reaches it; and what Uniswap's UNI and Permit2 mean by "all" (uint96, uint160).
_NO_SUPPLY: Final = 1 << 255
_ALL: Final = frozenset({(1 << 96) - 1, (1 << 160) - 1})


@dataclass(frozen=True, slots=True)
class Allowance:
    """`spender` may take `units` of `token`; None where a token that is not `known` does not say."""

    token: str
    spender: str
    units: int | None
    known: bool

    @property
    def unlimited(self) -> bool:
        return self.units is not None and (self.units >= _NO_SUPPLY or self.units in _ALL)


@dataclass(frozen=True, slots=True)
class Allowances:
    """Those that are not zero at `block`, known tokens first; `left_out` foreign ones were not read."""

    owner: str
    first: int
    block: Block
    found: tuple[Allowance, ...]
    left_out: int


def list_allowances(
    node: EthereumNode, owner: str, tokens: Sequence[str], *, first: int, block: Block | None = None
) -> Allowances:
    """Allowances of `owner` given since block `first`, for `tokens` (known contracts) and any other.

    Raises `EthereumError`; ``ethereum.bad_log``/``ethereum.bad_calldata`` where a known token does not say.
    """
    with node.session():
        block = block or node.tip()
        topics = ((APPROVAL_EVENT.topic,), (bytes(12) + address_bytes(owner, "owner"),))
        span = (first, block.number)
        known = _pairs(node.logs(LogFilter(*span, tuple(tokens), topics))) if tokens else []
        every = _pairs(node.logs(LogFilter(*span, (), topics)))
        foreign = [pair for pair in every if pair[0] not in tokens]
        asked = [*known, *foreign[:MAX_FOREIGN]]
        with ThreadPoolExecutor(PARALLEL) as pool:
            answers = pool.map(lambda pair: _allowance(node, owner, pair, pair[0] in tokens, block), asked)
            found = tuple(each for each in answers if each.units != 0)
    return Allowances(owner, first, block, found, len(foreign) - len(foreign[:MAX_FOREIGN]))


def _pairs(logs: Sequence[Log]) -> list[tuple[str, str]]:
    """(token, spender), each once. An event with a fourth topic is of a token of single pieces (ERC-721)."""
    return list(
        dict.fromkeys(
            (log.address, checksum_address(log.topics[2][12:]))
            for log in logs
            if len(log.topics) == 3 and not any(log.topics[2][:12])
        )
    )


def _allowance(node: EthereumNode, owner: str, pair: tuple[str, str], known: bool, block: Block) -> Allowance:
    token, spender = pair
    outcome = node.call(CallRequest(token, ALLOWANCE.encode(owner, spender)), block)
    units: int | None = None
    if outcome.succeeded or known:
        try:
            units = cast("int", ALLOWANCE.result(outcome.output)[0])
        except EthereumError:
            if known:
                raise
    return Allowance(token, spender, units, known)
