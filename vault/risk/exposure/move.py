"""A move of the world as one account feels it: prices of assets, and what collateral counts at.

Applied to an account it gives the account as it would stand there, so that every margin formula holds for it.
Refuses prices of zero or less and shares that are no numbers.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.errors import PolicyError
from vault.risk.exact import ONE, ZERO, exact
from vault.risk.margin import SOFT_DOLLARS, STABLE_ASSETS, shock_of

if TYPE_CHECKING:
    from vault.model import Collateral, MarginAccount, Position

# Tokens that stand for a coin and are worth it only while somebody redeems them.
WRAPPED: Final = frozenset({"WBETH", "BETH", "STETH", "WSTETH", "CBETH", "RETH", "WBTC", "CBBTC", "BNSOL"})
# No coin or peg: a currency in a bank.
FIAT: Final = frozenset({"USD"})

# More than a thousandfold is no price of this world but a slip of a key.
GREATEST_RISE: Final = Decimal(1000)
GREATEST_BETA: Final = Decimal(10)
# All of a price but what keeps it one that can be divided by.
NEARLY_ALL: Final = ONE - Decimal("1e-15")

Shares = tuple[tuple[str, Decimal], ...]


def pegged(asset: str) -> bool:
    """Whether the asset's price rests on a promise: dollars outside of a bank, wrapped coins."""
    return asset in (STABLE_ASSETS | SOFT_DOLLARS | WRAPPED) - FIAT


@dataclass(frozen=True, slots=True)
class Move:
    """Relative moves of USD prices, and cuts of collateral ratios.

    An asset in `prices` moves by its share; a stable one stays; any other by `market` times its beta (1 where
    `betas` does not name it). Marks of contracts move with their base and stand in quote units: a depeg of
    the quote leaves them. A collateral ratio is lowered by the share in `ratio_cuts`.
    """

    market: Decimal = ZERO
    prices: Shares = ()
    betas: Shares = ()
    ratio_cuts: Shares = ()

    def __post_init__(self) -> None:
        for asset, share in (("market", self.market), *self.prices):
            if not share.is_finite() or not -1 < share <= GREATEST_RISE:
                raise PolicyError("bad_move", f"{asset}: expected a share above -1, found {share}")
        for asset, beta in self.betas:
            if not beta.is_finite() or abs(beta) > GREATEST_BETA:
                raise PolicyError("bad_move", f"beta of {asset}: expected -10 to 10, found {beta}")
        for asset, cut in self.ratio_cuts:
            if not cut.is_finite() or not 0 <= cut <= 1:
                raise PolicyError("bad_move", f"cut of {asset}: expected 0 to 1, found {cut}")

    @exact
    def share_of(self, asset: str) -> Decimal:
        """The relative move of an asset's price, above -1."""
        for name, share in self.prices:
            if name == asset:
                return share
        share = shock_of(asset, self.market * dict(self.betas).get(asset, ONE))
        # Only a beta above 1 takes a price this far; nothing is worth less than nothing.
        return max(share, -NEARLY_ALL)

    def cut_of(self, asset: str) -> Decimal:
        """The share by which an asset's collateral ratio is lowered."""
        return dict(self.ratio_cuts).get(asset, ZERO)


@exact
def moved(account: MarginAccount, move: Move) -> MarginAccount:
    """The account after the move, nothing traded: other marks, collateral prices and ratios.

    What the venue says in totals (`equity`, liquidation prices) stays the word about the present.
    """
    return dataclasses.replace(
        account,
        collateral=tuple(_collateral(item, move) for item in account.collateral),
        positions=tuple(_position(each, move) for each in account.positions),
    )


def _position(position: Position, move: Move) -> Position:
    share = move.share_of(position.base)
    return dataclasses.replace(position, mark_price=position.mark_price * (ONE + share))


def _collateral(item: Collateral, move: Move) -> Collateral:
    kept = ONE - move.cut_of(item.asset)
    return dataclasses.replace(
        item,
        price=item.price * (ONE + move.share_of(item.asset)),
        ratio=item.ratio * kept,
        tiers=tuple(dataclasses.replace(tier, ratio=tier.ratio * kept) for tier in item.tiers),
    )
