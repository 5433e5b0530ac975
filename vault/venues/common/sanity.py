"""What no margin account can say, whichever exchange it is at. Pure.

Refuses sizes and prices that are not above zero, margins below zero, ratios outside of 0 to 1, and a position
or an asset that is there twice: each would be taken for less risk than there is.
"""

from __future__ import annotations

from dataclasses import replace

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position


def checked(account: MarginAccount) -> MarginAccount:
    """The account, flagged where it keeps no margin at all. Raises `VenueError` (``venue.bad_answer``)."""
    for name in ("initial_margin", "maintenance_margin"):
        if getattr(account, name) < 0:
            raise _bad(account, f"{name} of zero or more, found {getattr(account, name):f}")
    for position in account.positions:
        _check_position(account, position)
    for item in account.collateral:
        _check_collateral(account, item)
    held = [(each.symbol, each.side, each.isolated) for each in account.positions]
    assets = [item.asset for item in account.collateral]
    if len(set(held)) != len(held) or len(set(assets)) != len(assets):
        raise _bad(account, "each position and each asset once, found one twice")
    flag = "maintenance_zero: the venue says none beside open positions"
    cross = any(not position.isolated for position in account.positions)
    if account.maintenance_margin or not cross or flag in account.flags:
        return account
    return replace(account, flags=(*account.flags, flag))


def _check_position(account: MarginAccount, position: Position) -> None:
    where = f"position {position.symbol[:40]}"
    for name in ("size", "mark_price", "entry_price"):
        if getattr(position, name) <= 0:
            raise _bad(account, f"{where} with {name} above zero, found {getattr(position, name):f}")
    for bracket in position.brackets:
        if not 0 <= bracket.rate <= 1 or bracket.floor < 0 or (bracket.cap or bracket.floor) < bracket.floor:
            raise _bad(account, f"{where} with rates of 0 to 1 in tiers that rise, found {bracket.rate:f}")
    margins = (position.venue_maintenance_margin, position.initial_margin)
    if any(margin is not None and margin < 0 for margin in margins):
        raise _bad(account, f"{where} with margins of zero or more")


def _check_collateral(account: MarginAccount, item: Collateral) -> None:
    ratios = (item.ratio, *(tier.ratio for tier in item.tiers))
    if item.price <= 0 or not all(0 <= ratio <= 1 for ratio in ratios):
        raise _bad(
            account,
            f"{item.asset[:20]} at a price above zero and a ratio of 0 to 1, found {item.price:f} at "
            f"{item.ratio:f}",
        )


def _bad(account: MarginAccount, expected: str) -> VenueError:
    return VenueError("bad_answer", f"{account.name}: expected {expected}")
