"""What gas is paid with: fees of type 2 out of a fee history, gas limits, data fees of layer 2, replacements.

Refuses what is above the caller's caps, saying both numbers: nothing is cut down to fit. Integers of wei.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from vault.errors import EthereumError
from vault.ethereum.caps import MAX_GAS
from vault.ethereum.chains import FeeKind
from vault.ethereum.node.base import Block, EthereumNode, FeeHistory
from vault.evm.abi import function

GWEI: Final = 10**9
# A run of full blocks, a minute or so, that a transaction must stand before it waits for the fee to fall.
BLOCKS: Final = 6
# Tips are read from so many blocks, at the half of their gas: enough to be in one of the next ones.
HISTORY_BLOCKS: Final = 20
TIP_PERCENTILE: Final = 50
# Below this, builders of the main chain leave transactions out; sequencers order without tips.
LEAST_TIP: Final[dict[FeeKind, int]] = {"l1": GWEI // 10, "optimism": 10**6, "arbitrum": 0}
# Percent on top of an estimate: state moves until it is mined; on Arbitrum the parent chain's price too.
GAS_MARGIN: Final[dict[FeeKind, int]] = {"l1": 20, "optimism": 20, "arbitrum": 40}
# A payment of ether to an account without code costs exactly this (yellow paper, G_transaction).
PLAIN_GAS: Final = 21_000
# Over `BLOCKS` of the parent chain its base fee and its blobs' can double.
DATA_FEE_MARGIN: Final = 2
# geth's txpool: a replacement raises both fees by at least a tenth (core/txpool/legacypool, PriceBump).
BUMP_PERCENT: Final = 10

# Optimism specs, predeploys: GasPriceOracle. It is given the transaction as it is hashed for signing.
GAS_PRICE_ORACLE: Final = "0x420000000000000000000000000000000000000F"
_GET_L1_FEE: Final = function("getL1Fee(bytes data) returns (uint256)")


@dataclass(frozen=True, slots=True)
class GasFees:
    """Fees per gas. `base_fee` is the next block's; `max_fee` stands `blocks` full blocks in a row."""

    base_fee: int
    max_fee: int
    max_priority_fee: int
    blocks: int


def projected_base_fee(base_fee: int, blocks: int) -> int:
    """The most that a base fee can be `blocks` blocks later: each an eighth more, or 1 wei (EIP-1559)."""
    for _ in range(blocks):
        base_fee += max(base_fee // 8, 1)
    return base_fee


def suggested_tip(history: FeeHistory, least: int) -> int:
    """The median over the blocks that had transactions, of what half of their gas paid at least."""
    paid = sorted(row[len(row) // 2] for row in history.rewards if any(row))
    return max(least, paid[len(paid) // 2] if paid else 0)


def gas_fees(
    history: FeeHistory, *, cap: int, blocks: int = BLOCKS, least_tip: int = LEAST_TIP["l1"]
) -> GasFees:
    """Fees with which a transaction made now is taken within `blocks` blocks, whatever the base fee does.

    Raises `EthereumError` (``ethereum.fee_too_high``) when they are above `cap` (wei per gas).
    """
    base_fee = history.next_base_fee
    tip = suggested_tip(history, least_tip)
    most = projected_base_fee(base_fee, blocks - 1) + tip
    if most > cap:
        now = f"the base fee is {gwei(base_fee)} gwei now"
        why = f"and may be {gwei(most - tip)} in {blocks} blocks, the tip {gwei(tip)}"
        raise EthereumError(
            "fee_too_high",
            f"expected at most {gwei(cap)} gwei per gas, found {gwei(most)}: {now} {why}",
            hint="Wait until the chain is cheaper, or have the policy's cap changed.",
            cap=str(cap),
            base_fee=str(base_fee),
            max_fee=str(most),
        )
    return GasFees(base_fee, most, tip, blocks)


def read_fees(node: EthereumNode) -> FeeHistory:
    return node.fee_history(HISTORY_BLOCKS, (TIP_PERCENTILE,))


def gas_limit(estimate: int, fee: FeeKind, block_gas_limit: int) -> int:
    """An estimate with its margin. Raises `EthereumError` (``ethereum.gas_too_high``) above any bound."""
    most = min(MAX_GAS, block_gas_limit)
    limit = estimate + -(-estimate * GAS_MARGIN[fee] // 100)
    if estimate == PLAIN_GAS and fee != "arbitrum":
        limit = estimate
    if estimate < PLAIN_GAS or limit > most:
        found = f"{limit} ({estimate} estimated)"
        raise EthereumError("gas_too_high", f"expected a gas limit from {PLAIN_GAS} to {most}, found {found}")
    return limit


def data_fee(node: EthereumNode, unsigned: bytes, block: Block) -> int:
    """What an OP chain takes for `unsigned` on its parent chain, with a margin.

    Raises `EthereumError`; an oracle that does not answer is never a fee of zero.
    """
    found = node.view(block).call(GAS_PRICE_ORACLE, _GET_L1_FEE.encode(unsigned))
    (fee,) = _GET_L1_FEE.result(found)
    return cast("int", fee) * DATA_FEE_MARGIN


def replacement_fees(max_fee: int, tip: int, present: GasFees | None = None) -> tuple[int, int]:
    """The least fees that replace a transaction with these, and not below what is due at `present`."""
    fees = least_replacement(max_fee), least_replacement(tip)
    if present is not None:
        fees = max(fees[0], present.max_fee), max(fees[1], present.max_priority_fee)
    return fees


def least_replacement(fee: int) -> int:
    """A tenth more, rounded up, and more in any case: nodes take no equal fee, not even zero for zero."""
    return max(-(-fee * (100 + BUMP_PERCENT) // 100), fee + 1)


def require_replacement(old: Sequence[int], new: Sequence[int]) -> None:
    """(max fee, tip) of a transaction and of its replacement.

    Raises `EthereumError` (``ethereum.underpriced_replacement``) unless both are a tenth more.
    """
    for name, before, after in zip(("max fee", "priority fee"), old, new, strict=True):
        if after < least_replacement(before):
            raise EthereumError(
                "underpriced_replacement",
                f"{name} of a replacement: expected at least {least_replacement(before)} wei, found {after}",
                hint="Nodes take a replacement only when both fees are at least 10 % higher.",
            )


def gwei(wei: int) -> str:
    """Exactly, without zeros at the end."""
    whole, rest = divmod(wei, GWEI)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
