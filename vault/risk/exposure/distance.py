"""How far an account is from liquidation when assets do not all move alike: betas, and the spiral they make.

Pure and exact. The closed form: a long of notional N at margin rate m against collateral c_j that counts at
h_j is liquidated after a fall d = (sum c_j h_j - m N) / (N (1 - m) + sum c_j h_j beta_j).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.errors import PolicyError
from vault.risk.exact import ONE, ZERO, exact, rounded
from vault.risk.exposure.move import Move, moved
from vault.risk.margin import STABLE_ASSETS, equity, maintenance_margin
from vault.risk.stress import DISTANCE_DIGITS

if TYPE_CHECKING:
    from vault.model import MarginAccount
    from vault.risk.exposure.move import Shares

# The root is pinned down further than it is shown.
_WIDTH: Final = Decimal(10) ** -(DISTANCE_DIGITS + 4)


@dataclass(frozen=True, slots=True)
class Distances:
    """Market moves (shares; negative: a fall) at which equity meets maintenance margin; None: no move does.

    `spiral` is what falling collateral takes from it: |collateral held at its present worth| - |correlated|.
    """

    correlated: Decimal | None
    steady_collateral: Decimal | None

    @property
    @exact
    def spiral(self) -> Decimal | None:
        if self.correlated is None or self.steady_collateral is None:
            return None
        return abs(self.steady_collateral) - abs(self.correlated)


@exact
def closed_form_fall(notional: Decimal, rate: Decimal, held: tuple[tuple[Decimal, Decimal], ...]) -> Decimal:
    """The fall d of the module's formula for one linear long at entry; `held`: (USD after haircut, beta).

    Below zero: margin is not met even now. Raises `PolicyError` where no fall liquidates.
    """
    worth = sum((value for value, _ in held), ZERO)
    slope = notional * (ONE - rate) + sum((value * beta for value, beta in held), ZERO)
    if slope <= 0:
        raise PolicyError("no_fall", "the collateral gains as much as the position loses")
    return (worth - rate * notional) / slope


def distances(account: MarginAccount, betas: Shares = ()) -> Distances:
    """With the collateral moving, and as if it stood still."""
    return Distances(
        correlated_distance(account, betas), correlated_distance(account, betas, collateral_moves=False)
    )


def correlated_distance(
    account: MarginAccount, betas: Shares = (), *, collateral_moves: bool = True
) -> Decimal | None:
    """The least move of the market, as a share, at which equity meets maintenance margin.

    Each asset moves by its beta; with every beta 1 it is the joint distance. Zero: it is met already.
    """
    met = [
        root for root in side_distances(account, betas, collateral_moves=collateral_moves) if root is not None
    ]
    return min(met, key=lambda root: (abs(root), root)) if met else None


@exact
def side_distances(
    account: MarginAccount, betas: Shares = (), *, collateral_moves: bool = True
) -> tuple[Decimal | None, Decimal | None]:
    """The fall and the rise of the market that do it; both zero when it is met already.

    Headroom is concave in the move up to where a steep asset's price is nothing, and from there to the next:
    a piece that begins and ends above zero has no zero in it.
    """
    if _headroom(account, ZERO, betas, collateral_moves) <= 0:
        return (ZERO, ZERO) if account.positions else (None, None)
    nothing = {ONE / abs(beta) for _, beta in betas if abs(beta) > 1}
    ends = [*sorted(nothing), ONE - _WIDTH]
    fall, rise = (_first_root(account, sign, ends, betas, collateral_moves) for sign in (-1, 1))
    return (
        None if fall is None else rounded(fall, DISTANCE_DIGITS),
        None if rise is None else rounded(rise, DISTANCE_DIGITS),
    )


def _headroom(account: MarginAccount, move: Decimal, betas: Shares, collateral_moves: bool) -> Decimal:
    there = moved(account, Move(market=move, betas=betas))
    if not collateral_moves:
        there = dataclasses.replace(there, collateral=account.collateral)
    return equity(there, ZERO) - maintenance_margin(there, ZERO)


def _first_root(
    account: MarginAccount, sign: int, ends: list[Decimal], betas: Shares, collateral_moves: bool
) -> Decimal | None:
    """Piece by piece outwards; within a piece, halving."""
    safe = ZERO
    for end in ends:
        gone = sign * end
        if _headroom(account, gone, betas, collateral_moves) > 0:
            safe = gone
            continue
        while abs(gone - safe) > _WIDTH:
            middle = (safe + gone) / 2
            if _headroom(account, middle, betas, collateral_moves) > 0:
                safe = middle
            else:
                gone = middle
        return (safe + gone) / 2
    return None


def log_distance(distance: Decimal) -> float:
    """A distance as a log move in its direction: -ln(1 - fall), ln(1 + rise); as cascades count."""
    return abs(math.log1p(float(distance)))


@exact
def net_exposure(account: MarginAccount, betas: Shares = ()) -> Decimal:
    """USD that the positions gain when the market moves by 1, their betas counted."""
    prices = {item.asset: item.price for item in account.collateral}
    total = ZERO
    for position in account.positions:
        value = position.size
        if not position.inverse:
            value = position.size * position.mark_price * prices.get(position.settle, ONE)
        beta = ZERO if position.base in STABLE_ASSETS else dict(betas).get(position.base, ONE)
        total += value * beta * (1 if position.side == "long" else -1)
    return total


@exact
def correlated_share(account: MarginAccount, betas: Shares = ()) -> Decimal | None:
    """The share of collateral (after haircuts, debts left out) that falls when the positions lose.

    Against a net long it is what has a beta above zero; against a net short what has one below. None: there
    is no collateral to take a share of.
    """
    known = dict(betas)
    direction = net_exposure(account, betas)
    whole, falling = ZERO, ZERO
    for item in account.collateral:
        worth = max(ZERO, item.balance) * item.price * item.ratio
        beta = ZERO if item.asset in STABLE_ASSETS else known.get(item.asset, ONE)
        whole += worth
        if beta * direction > 0:
            falling += worth
    return rounded(falling / whole, 6) if whole > 0 else None
