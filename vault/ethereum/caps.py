"""The most that gas may cost, as the policy says it for a chain, and the most of it that protocols allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_GAS: Final = 1 << 24  # the most that any transaction may use (EIP-7825)


@dataclass(frozen=True, slots=True)
class FeeCaps:
    """In wei: the price of one gas, and what a whole transaction may cost beside its value."""

    max_fee_per_gas: int
    max_cost: int
