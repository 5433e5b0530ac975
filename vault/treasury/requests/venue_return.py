"""Coins that wait at a venue outside of margin, back into it: a plan of internal moves like every other plan.

Refuses an account whose margin is withdrawn directly, and one that nothing is moved at.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from vault.errors import DeniedError
from vault.money import BTC, Amount
from vault.treasury.plan import Transfer
from vault.treasury.precautions import movable
from vault.treasury.requests.make import make_plan
from vault.treasury.venue_requests import inward

if TYPE_CHECKING:
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Move
    from vault.treasury.propose import Proposal


def return_to_margin(desk: Desk, account: str) -> Proposal:
    """All bitcoin that waits outside of margin, in the wallet next to it that has any, back into margin.

    What lies in another wallet at the same time takes another return. Raises `DeniedError`
    (``denied.nothing_to_return``, ``denied.not_allowed``, …).
    """
    settings = desk.treasury.venue(account)
    movable(settings)

    def build() -> Transfer:
        held, moves = _found(desk, account, inward(settings))
        if not held.units:
            raise DeniedError(
                "nothing_to_return",
                f"{account}: expected bitcoin outside of margin, found {held}",
                hint="What is locked there is of a withdrawal that is under way.",
            )
        return Transfer(
            number=1,
            action="return",
            kind="venue_move",
            source=account,
            venue_account=account,
            network=f"bitcoin:{desk.network.name}",
            venue_network="",
            payments=(),
            fee=Amount.zero(BTC),
            returned=held,
            moves=moves,
        )

    return make_plan(desk, build)


def _found(desk: Desk, account: str, way: tuple[Move, ...]) -> tuple[Amount, tuple[Move, ...]]:
    """What waits nearest to margin, and the moves from there; nothing, where nothing does."""
    for number in range(len(way) - 1, -1, -1):
        held = free_in(desk, account, way, way[number].source)
        if held.units:
            return held, way[number:]
    return Amount.zero(BTC), way


def free_in(desk: Desk, account: str, way: tuple[Move, ...], wallet: str) -> Amount:
    """Bitcoin that is free in a wallet on the way from a deposit to margin."""
    if wallet == way[0].source:
        return desk.venues.spot_balance(account, BTC.symbol).free
    waiting = desk.venues.read_account(account).waiting
    found = [each.balance for each in waiting if (each.wallet, each.asset) == (wallet, BTC.symbol)]
    return Amount.from_decimal(sum(found, Decimal(0)), BTC)
