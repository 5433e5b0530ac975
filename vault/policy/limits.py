"""Limits: the most one transfer, and all transfers of a rolling window together, may move.

Refuses nothing silently: an amount above a limit is denied, not cut. Whatever may have happened counts
as if it had: pending and UNKNOWN transfers, those dated ahead of the clock, and those allowed a moment
ago in the same decision round, so that splitting a transfer does not pass where the whole would not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from vault.errors import MoneyError
from vault.money import Amount, asset_of

if TYPE_CHECKING:
    from vault.model import Action, Outflow
    from vault.policy.document import Limit, Policy

# These bring coins from venues to us: what left a wallet must not keep them there.
_INWARD: Final = frozenset({"sweep", "return"})


@dataclass(frozen=True, slots=True)
class LimitResult:
    """One limit judged: within it or not, and the numbers."""

    name: str
    within: bool
    reason: str
    facts: tuple[tuple[str, str], ...]


def check_limits(
    policy: Policy, action: Action, amount: Amount, history: tuple[Outflow, ...], at: datetime
) -> tuple[LimitResult, ...]:
    """Every limit that covers the transfer. None at all is for the caller to refuse."""
    return tuple(
        _check(limit, amount, history, at)
        for limit in policy.limit
        if limit.covers(action, amount.asset.symbol)
    )


def _check(limit: Limit, amount: Amount, history: tuple[Outflow, ...], at: datetime) -> LimitResult:
    asset = asset_of(limit.asset)
    single = Amount.from_decimal(limit.per_transfer, asset)
    window = Amount.from_decimal(limit.window_amount, asset)
    spent = spent_in_window(limit, history, at)
    try:
        after = spent + amount
    except MoneyError:
        after = None
    facts = (
        ("amount", str(amount)),
        ("per_transfer", str(single)),
        (f"moved in {limit.window_hours} h", str(spent)),
        ("window_amount", str(window)),
    )
    if amount > single:
        return LimitResult(limit.name, False, f"{amount} is above {single} for one transfer", facts)
    if after is None or after > window:
        reason = f"{spent} already moved in {limit.window_hours} h; with {amount} above {window}"
        return LimitResult(limit.name, False, reason, facts)
    return LimitResult(limit.name, True, f"within {single} and {window} in {limit.window_hours} h", facts)


def spent_in_window(limit: Limit, history: tuple[Outflow, ...], at: datetime) -> Amount:
    """What the limit's window already holds; magnitudes count, so no entry can lower the sum.

    What left a wallet by nobody's plan counts in every limit but those of what comes into our hands.
    """
    since = at - timedelta(hours=limit.window_hours)
    spent = Amount.zero(asset_of(limit.asset))
    for outflow in history:
        if outflow.at >= since and _counts(limit, outflow):
            spent += Amount(spent.asset, abs(outflow.amount.units))
    return spent


def _counts(limit: Limit, outflow: Outflow) -> bool:
    if outflow.action == "foreign":
        return limit.asset == outflow.amount.asset.symbol and limit.action not in _INWARD
    return limit.covers(outflow.action, outflow.amount.asset.symbol)
