"""The budget of fees: what networks and venues may keep in a rolling window, in all.

Refuses nothing silently: a fee above what is left is denied, not lowered. Pending and UNKNOWN transfers
count, and a replacement counts with what it costs more than the transaction it replaces. Fees of one asset
are held against what was moved of it; the budget in coins is one of bitcoin. Gas has its own (see `gas`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.errors import MoneyError
from vault.money import BTC, CONTEXT, Amount
from vault.policy.limits import LimitResult

if TYPE_CHECKING:
    from vault.model import Outflow
    from vault.policy.document import Policy

NAME: Final = "fee_budget"


def check_fee_budget(
    policy: Policy, fee: Amount, moved: Amount, history: tuple[Outflow, ...], at: datetime
) -> LimitResult:
    """Whether `fee`, paid to move `moved`, is within what the window has left."""
    if fee.asset != BTC:
        return _share_of(policy, fee, moved, history, at)
    fees = policy.fees
    since = at - timedelta(hours=fees.window_hours)
    window = [outflow for outflow in history if outflow.at >= since and outflow.amount.asset == BTC]
    paid, most = sum(abs(outflow.fee.units) for outflow in window), fees.window_amount
    whole = sum(abs(outflow.moved.units) for outflow in window) + moved.units
    allowed = CONTEXT.multiply(fees.window_share, Decimal(whole))
    cap = Amount.from_decimal(most, BTC)
    try:
        after = Amount(BTC, paid) + fee
    except MoneyError:
        after = None
    facts = (
        ("fee", str(fee)),
        (f"fees in {fees.window_hours} h", str(Amount(BTC, paid))),
        ("window_amount", str(cap)),
        (f"moved in {fees.window_hours} h", str(Amount(BTC, whole))),
        ("window_share", f"{fees.window_share:f}"),
    )
    before = f"fees of {Amount(BTC, paid)} in {fees.window_hours} h; with {fee}"
    if after is None or after > cap:
        return LimitResult(NAME, False, f"{before} above {cap}", facts)
    if Decimal(after.units) > allowed:
        share = f"{fees.window_share:f} of the {Amount(BTC, whole)} moved"
        return LimitResult(NAME, False, f"{before} above {share}", facts)
    return LimitResult(NAME, True, f"{before} within {cap} and the share of what was moved", facts)


def _share_of(
    policy: Policy, fee: Amount, moved: Amount, history: tuple[Outflow, ...], at: datetime
) -> LimitResult:
    """Of another asset than bitcoin: fees of the window as a share of what was moved of that asset."""
    if not fee.units:
        return LimitResult(NAME, True, f"no fee is paid in {fee.asset}", ())
    fees = policy.fees
    since = at - timedelta(hours=fees.window_hours)
    window = [each for each in history if each.at >= since and each.amount.asset == fee.asset]
    paid = sum(abs(each.fee.units) for each in window) + fee.units
    whole = sum(abs(each.moved.units) for each in window) + moved.units
    within = Decimal(paid) <= CONTEXT.multiply(fees.window_share, Decimal(whole))
    facts = (
        ("fee", str(fee)),
        (f"fees in {fees.window_hours} h, with it", str(Amount(fee.asset, paid))),
        (f"moved in {fees.window_hours} h, with it", str(Amount(fee.asset, whole))),
        ("window_share", f"{fees.window_share:f}"),
    )
    said = "within" if within else "above"
    reason = (
        f"fees of {Amount(fee.asset, paid)} {said} {fees.window_share:f} of the {Amount(fee.asset, whole)}"
    )
    return LimitResult(NAME, within, f"{reason} moved in {fees.window_hours} h", facts)
