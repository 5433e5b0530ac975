"""What a margin model is, and what it answers. An exchange folder brings its own model; there is none here.

A model is pure: balances, positions and prices in, a report out; no clock, no guess at a price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.brackets import Bracket
from emulator.venues.engine.collateral import CollateralRule
from emulator.venues.engine.exact import ONE, ZERO
from emulator.venues.engine.market import Market
from emulator.venues.engine.positions import Position


@dataclass(frozen=True, slots=True)
class Prices:
    """Mark prices by contract, and index prices of margin assets in USD."""

    marks: Mapping[str, Decimal]
    indexes: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class PositionMargin:
    """One position as margined now, in its settlement asset; `notional` carries the position's sign."""

    position: Position
    mark_price: Decimal
    notional: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_price: Decimal | None = None
    bracket: Bracket | None = None

    @property
    def isolated(self) -> bool:
        return self.position.isolated_margin is not None

    @property
    def isolated_failed(self) -> bool:
        """True when an isolated position's own margin no longer exceeds what it must keep."""
        own = self.position.isolated_margin
        return own is not None and own + self.unrealised <= self.maintenance_margin


@dataclass(frozen=True, slots=True)
class AssetMargin:
    """One asset, in its own units; `rate` is how much margin, in the report's currency, a unit counts for.

    `balance` includes what isolated positions hold; `facts` are figures that only one exchange shows.
    """

    asset: str
    balance: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    rate: Decimal
    available: Decimal
    max_withdraw: Decimal
    facts: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarginReport:
    """One margin group in its `currency`; `margin_balance` is after haircuts, `equity` before them.

    Margins and `margin_balance` are those of the cross positions; isolated positions answer for themselves.
    `facts` are totals that only one exchange shows, by its own names.
    """

    assets: tuple[AssetMargin, ...]
    positions: tuple[PositionMargin, ...]
    equity: Decimal
    wallet_balance: Decimal
    unrealised: Decimal
    margin_balance: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal
    currency: str = "USD"
    liquidate_at: Decimal = ONE  # the share of the maintenance margin at which the exchange closes
    facts: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def must_liquidate(self) -> bool:
        """True when a cross position stands and the margin balance no longer exceeds what closes it."""
        crossed = any(not line.isolated for line in self.positions)
        return crossed and self.margin_balance <= self.maintenance_margin * self.liquidate_at

    @property
    def failed(self) -> tuple[PositionMargin, ...]:
        """The positions to be closed by force now."""
        cross = self.must_liquidate
        return tuple(line for line in self.positions if (line.isolated_failed if line.isolated else cross))

    def asset(self, name: str) -> AssetMargin | None:
        return next((line for line in self.assets if line.asset == name), None)


class MarginModel(Protocol):
    """An exchange's rules for one margin group of one account."""

    def assess(
        self, balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices
    ) -> MarginReport:
        """Raises KeyError for an asset or a symbol without a rule or a price."""
        ...


@dataclass(frozen=True, slots=True)
class MarginGroup:
    """Balances and positions that answer for each other.

    The balances of all `wallets` count together; positions belong to a group by the wallet their contract is
    margined in. `assets` narrows both to some currencies (None: all), as where every coin stands for itself.
    """

    name: str
    wallets: tuple[str, ...]
    model: MarginModel
    assets: frozenset[str] | None = None

    def takes(self, asset: str) -> bool:
        return self.assets is None or asset in self.assets


# (account, its market, the rules of collateral) -> the groups the account is reckoned in now.
MarginGroups = Callable[[Account, Market, Mapping[str, CollateralRule]], tuple[MarginGroup, ...]]


def by_settle(lines: Sequence[PositionMargin], asset: str) -> tuple[Decimal, Decimal, Decimal]:
    """(unrealised, initial, maintenance) of the cross positions settled in `asset`."""
    mine = [line for line in lines if line.position.settle == asset and not line.isolated]
    return (
        sum((line.unrealised for line in mine), ZERO),
        sum((line.initial_margin for line in mine), ZERO),
        sum((line.maintenance_margin for line in mine), ZERO),
    )


def isolated_in(lines: Sequence[PositionMargin], asset: str) -> Decimal:
    """What isolated positions have set aside of `asset`."""
    return sum(
        (line.position.isolated_margin or ZERO for line in lines if line.position.settle == asset), ZERO
    )
