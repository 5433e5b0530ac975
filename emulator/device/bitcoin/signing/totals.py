"""Sums of a transaction, in satoshi."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Totals:
    """Grows while inputs and outputs are streamed."""

    inputs: int = 0
    external_inputs: int = 0  # of someone else, as proven
    outputs: int = 0
    change: int = 0

    @property
    def fee(self) -> int:
        return self.inputs - self.outputs

    @property
    def spending(self) -> int:
        """What leaves for others, the fee included."""
        return self.inputs - self.change

    @property
    def own_spending(self) -> int:
        """What we contribute to that."""
        return self.spending - self.external_inputs
