"""Coins that wait at a venue outside of margin, back into it: a plan of internal moves like every other plan.

Refuses an account whose margin is withdrawn directly, and one that nothing is moved at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import DeniedError
from vault.money import BTC, Amount
from vault.treasury.plan import Transfer
from vault.treasury.precautions import movable
from vault.treasury.requests.make import make_plan
from vault.treasury.venue_requests import inward

if TYPE_CHECKING:
    from vault.treasury.desk import Desk
    from vault.treasury.propose import Proposal


def return_to_margin(desk: Desk, account: str) -> Proposal:
    """All bitcoin that is free in the wallet that withdrawals leave from, back into margin.

    Raises `DeniedError` (``denied.nothing_to_return``, ``denied.not_allowed``, …).
    """
    settings = desk.treasury.venue(account)
    movable(settings)

    def build() -> Transfer:
        moves = inward(settings)
        held = desk.venues.spot_balance(account, BTC.symbol).free if moves else Amount.zero(BTC)
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
