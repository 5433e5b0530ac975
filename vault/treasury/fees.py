"""The fee rate a transaction is built at: several sources joined, below the policy's cap, by a deadline.

Refuses what `vault.bitcoin.fees.estimate` refuses: too few sources, sources far apart, stale rates.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from vault.money import CONTEXT

if TYPE_CHECKING:
    from vault.bitcoin.fees.estimate import FeeEstimate
    from vault.policy.document import Policy
    from vault.treasury.desk import Desk

# Building rounds the fee up. A transaction built at the cap itself would be refused for its last satoshi, on
# the very day on which fees are at the cap.
BELOW_CAP = Decimal("0.99")


def ceiling(policy: Policy) -> Decimal:
    """The highest rate in sat/vB that is built at."""
    return CONTEXT.multiply(policy.fees.max_fee_rate, BELOW_CAP)


def estimate(desk: Desk, highest: Decimal | None) -> FeeEstimate:
    """Ask every source now, and join what they say, at most `highest`."""
    from vault.bitcoin.fees.estimate import combine, rules_of
    from vault.bitcoin.fees.sources import read_sources

    rules = rules_of(desk.treasury.config.bitcoin, highest)
    desk.progress("asking the sources of fee rates")
    readings = read_sources(desk.treasury, desk.clock)
    for each in readings:
        if each.code:
            desk.progress(f"fee source {each.source}: {each.code}: {each.message}")
    return combine(readings, rules, desk.clock.now())
