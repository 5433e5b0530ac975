"""How often a cascade reaches an account, given shocks: never a forecast that there will be one.

Joins an account's distance to the cascade model's Monte Carlo. What is fed in (shocks, books, ladders) has
to be printed beside the answer. Refuses a probability for an account without a distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.risk.cascade.monte_carlo import Threshold, simulate
from vault.risk.exact import ZERO, rounded
from vault.risk.exposure.distance import log_distance, side_distances
from vault.risk.margin import unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.model import MarginAccount
    from vault.risk.cascade.ladder import Side
    from vault.risk.cascade.monte_carlo import AssetModel, ShockModel
    from vault.risk.exposure.move import Shares

PROBABILITY_DIGITS: Final = 6
# The market that betas are of: the first asset of the model.
MARKET: Final = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """P(x* >= distance) for one account, under the shocks that were assumed.

    `fall` and `rise` are the market's moves (shares) that liquidate it; the cascade of either side counts.
    `at_most`: what the count of scenarios is consistent with (95 %), so that none reached is not "never".
    None with a `reason`: nothing can be said.
    """

    account: str
    fall: Decimal | None
    rise: Decimal | None
    probability: Decimal | None
    at_most: Decimal | None
    reason: str


def reach(
    accounts: Sequence[MarginAccount],
    assets: Sequence[AssetModel],
    shocks: ShockModel,
    *,
    scenarios: int,
    seed: int,
    betas: Shares = (),
) -> tuple[Reach, ...]:
    """One simulation for all accounts; what they hold follows the first asset by its beta.

    A scenario is a fall or a rise, so that the two sides of an account add up. Raises `MarketDataError`.
    """
    asked: list[Threshold] = []
    of: dict[str, list[int]] = {}
    known: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    for account in accounts:
        if unusable(account):
            continue
        fall, rise = known[account.name] = side_distances(account, betas)
        sides: tuple[tuple[Side, Decimal | None], ...] = (("long", fall), ("short", rise))
        for side, distance in sides:
            if distance is not None and distance != 0:
                of.setdefault(account.name, []).append(len(asked))
                asked.append(Threshold(MARKET, side, log_distance(distance)))
    answer = simulate(tuple(assets), shocks, accounts=tuple(asked), scenarios=scenarios, seed=seed)
    found = []
    for account in accounts:
        if reason := unusable(account):
            found.append(Reach(account.name, None, None, None, None, reason))
            continue
        fall, rise = known[account.name]
        if fall == 0:
            text = "equity does not exceed maintenance margin now"
            found.append(Reach(account.name, fall, rise, Decimal(1), Decimal(1), text))
        elif not (places := of.get(account.name)):
            text = "no move of the market liquidates it"
            found.append(Reach(account.name, None, None, ZERO, ZERO, text))
        else:
            often = sum(float(answer.reached[place]) for place in places)
            most = min(1.0, sum(float(answer.at_most[place]) for place in places))
            text = f"under the assumed shocks, {scenarios} scenarios"
            found.append(Reach(account.name, fall, rise, _decimal(often), _decimal(most), text))
    return tuple(found)


def _decimal(value: float) -> Decimal:
    return rounded(Decimal(value), PROBABILITY_DIGITS)
