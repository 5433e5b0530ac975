"""What a node says about fees: the tip it suggests, and the history of base fees and tips."""

from __future__ import annotations

from emulator.chains.ethereum.blocks import Block, next_base_fee
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.errors import invalid_params
from emulator.chains.ethereum.hexes import quantity

SAMPLED_BLOCKS = 20
SAMPLES_A_BLOCK = 3  # the lowest tips of each
PERCENTILE = 60
MAX_HISTORY = 1024
MAX_TIP = 500 * 10**9


def tip(chain: EthereumChain, newest: Block) -> int:
    """go-ethereum's oracle: of late blocks' lowest tips the one 60 % are below; a default without any."""
    samples: list[int] = []
    for number in range(max(newest.number - SAMPLED_BLOCKS + 1, 1), newest.number + 1):
        block = chain.block_at(number)
        if block is not None:
            tips = sorted(each.tx.effective_tip(block.base_fee) for each in block.transactions)
            samples += tips[:SAMPLES_A_BLOCK]
    if not samples:
        return chain.suggested_tip
    samples.sort()
    return min(samples[(len(samples) - 1) * PERCENTILE // 100], MAX_TIP)


def history(chain: EthereumChain, count: int, newest: Block, percentiles: object) -> dict[str, object]:
    """eth_feeHistory. Raises RpcRefusal."""
    asked = _percentiles(percentiles)
    count = min(count, MAX_HISTORY, newest.number + 1)
    if count < 1:
        return {"oldestBlock": "0x0", "gasUsedRatio": None}
    oldest = newest.number - count + 1
    found = [chain.block_at(number) for number in range(oldest, newest.number + 1)]
    blocks = [block for block in found if block is not None]
    following = chain.block_at(newest.number + 1)
    if following is not None:
        last = following.base_fee
    elif newest is chain.tip:
        last = chain.next_base_fee
    else:
        last = next_base_fee(newest)
    answer: dict[str, object] = {
        "oldestBlock": quantity(oldest),
        "baseFeePerGas": [*(quantity(block.base_fee) for block in blocks), quantity(last)],
        "gasUsedRatio": [block.gas_used / block.gas_limit for block in blocks],
        "baseFeePerBlobGas": ["0x1"] * (count + 1),
        "blobGasUsedRatio": [0] * count,
    }
    if asked:
        answer["reward"] = [
            [quantity(_reward(block, percentile)) for percentile in asked] for block in blocks
        ]
    return answer


def _reward(block: Block, percentile: float) -> int:
    """The tip of the transaction at that share of the block's gas, cheapest first."""
    rows = sorted((each.tx.effective_tip(block.base_fee), each.gas_used) for each in block.transactions)
    threshold, gas = block.gas_used * percentile / 100, 0
    for each, used in rows:
        gas += used
        if gas >= threshold:
            return each
    return 0


def _percentiles(given: object) -> list[float]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > 100:
        raise invalid_params("invalid argument 2: expected reward percentiles")
    previous = 0.0
    found: list[float] = []
    for item in given:
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not 0 <= item <= 100:
            raise invalid_params(f"invalid reward percentile: {item}")
        if item < previous:
            raise invalid_params(f"invalid reward percentile: not monotonically increasing: {item}")
        previous = float(item)
        found.append(previous)
    return found
