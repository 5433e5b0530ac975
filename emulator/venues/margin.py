"""The margin engine: cross margin over one account's balances and positions, exact, with no I/O and no clock.

Multi-asset mode counts every asset at its haircut rate; single-asset mode counts only the settlement asset.
Refuses unknown symbols and assets; it never guesses a price. Formulas: Binance "How to Calculate Liquidation
Price of USDⓈ-M Futures Contracts" and "Multi-Assets Mode"; asset rates as in `GET /fapi/v1/assetIndex`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.brackets import Bracket, BracketTable
from emulator.venues.exact import ONE, ZERO, down, exact, nearest


@dataclass(frozen=True, slots=True)
class Position:
    """A one-way cross position of a linear contract; `quantity` is negative when short."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    leverage: int
    settle: str = "USDT"


@dataclass(frozen=True, slots=True)
class AssetRule:
    """How an asset counts as margin: positive at index*(1-haircut), negative at index*(1+haircut)."""

    asset: str
    haircut: Decimal


@dataclass(frozen=True, slots=True)
class MarginRules:
    """A venue's rules for one account."""

    brackets: Mapping[str, BracketTable]
    assets: Mapping[str, AssetRule]
    multi_asset: bool = True


@dataclass(frozen=True, slots=True)
class Prices:
    """Mark prices by contract, and index prices of margin assets in USD."""

    marks: Mapping[str, Decimal]
    indexes: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class PositionMargin:
    """One position as margined now; `notional` carries the position's sign."""

    position: Position
    mark_price: Decimal
    notional: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    bracket: Bracket
    liquidation_price: Decimal | None


@dataclass(frozen=True, slots=True)
class AssetMargin:
    """One asset, in its own units; `rate` is USD of margin a unit counts for."""

    asset: str
    balance: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    rate: Decimal
    available: Decimal
    max_withdraw: Decimal


@dataclass(frozen=True, slots=True)
class MarginReport:
    """The whole account in USD; `margin_balance` is after haircuts, `equity` before them."""

    assets: tuple[AssetMargin, ...]
    positions: tuple[PositionMargin, ...]
    equity: Decimal
    wallet_balance: Decimal
    unrealised: Decimal
    margin_balance: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal

    @property
    def must_liquidate(self) -> bool:
        """True when there is a position and the margin balance no longer exceeds the maintenance margin."""
        return bool(self.positions) and self.margin_balance <= self.maintenance_margin


@dataclass(frozen=True, slots=True)
class _Totals:
    equity: Decimal
    wallet: Decimal
    unrealised: Decimal
    initial: Decimal
    maintenance: Decimal


@exact
def unrealised_pnl(position: Position, mark: Decimal) -> Decimal:
    """quantity * (mark - entry), in the settlement asset, exact."""
    return position.quantity * (mark - position.entry_price)


@exact
def funding_payment(position: Position, mark: Decimal, rate: Decimal) -> Decimal:
    """What the account receives (negative: pays): -quantity * mark * rate, booked to 8 decimals."""
    return nearest(-position.quantity * mark * rate)


@exact
def margin_rate(index: Decimal, haircut: Decimal, net: Decimal) -> Decimal:
    """USD of margin per unit: the bid rate for a credit, the ask rate for a debt."""
    return index * (ONE - haircut) if net >= ZERO else index * (ONE + haircut)


@exact
def liquidation_price(
    collateral: Decimal,
    other_maintenance: Decimal,
    other_unrealised: Decimal,
    position: Position,
    bracket: Bracket,
) -> Decimal | None:
    """(WB - TMM + UPNL + cum - side*q*EP) / (q*MMR - side*q); None when no positive price liquidates.

    `collateral` is the wallet balance in the settlement asset. Other assets are held at their present value
    and the present bracket is kept: this is what the venue shows, and it flatters an account that holds BTC.
    """
    size = abs(position.quantity)
    side = ONE if position.quantity > ZERO else -ONE
    if size == ZERO:
        return None
    numerator = (
        collateral - other_maintenance + other_unrealised + bracket.cum - side * size * position.entry_price
    )
    price = numerator / (size * bracket.rate - side * size)
    return price if price > ZERO else None


@exact
def assess(
    balances: Mapping[str, Decimal], positions: Sequence[Position], prices: Prices, rules: MarginRules
) -> MarginReport:
    """Margin of one account; raises KeyError for an asset or symbol without a rule or a price."""
    lines = [_margin_position(position, prices, rules) for position in positions]
    counted = _counted_assets(balances, lines, rules)
    nets = {a: balances.get(a, ZERO) + _by_settle(lines, a)[0] for a in _all_assets(balances, lines)}
    rates = {a: margin_rate(prices.indexes[a], rules.assets[a].haircut, net) for a, net in nets.items()}
    totals = _totals(balances, lines, counted, rates, prices)
    margin_balance = totals.wallet + totals.unrealised
    available = max(ZERO, margin_balance - max(totals.initial, totals.maintenance))
    priced = tuple(_with_liquidation(line, lines, totals, rates, prices) for line in lines)
    assets = tuple(
        _asset_line(a, balances.get(a, ZERO), lines, rates[a], available=available, counted=a in counted)
        for a in sorted(nets)
    )
    return MarginReport(
        assets=assets,
        positions=priced,
        equity=totals.equity,
        wallet_balance=totals.wallet,
        unrealised=totals.unrealised,
        margin_balance=margin_balance,
        initial_margin=totals.initial,
        maintenance_margin=totals.maintenance,
        available=available,
    )


def _margin_position(position: Position, prices: Prices, rules: MarginRules) -> PositionMargin:
    mark = prices.marks[position.symbol]
    notional = position.quantity * mark
    brackets = rules.brackets[position.symbol]
    return PositionMargin(
        position=position,
        mark_price=mark,
        notional=notional,
        unrealised=unrealised_pnl(position, mark),
        initial_margin=abs(notional) / position.leverage,
        maintenance_margin=brackets.maintenance_margin(notional),
        bracket=brackets.at(notional),
        liquidation_price=None,
    )


def _all_assets(balances: Mapping[str, Decimal], lines: Sequence[PositionMargin]) -> set[str]:
    return set(balances) | {line.position.settle for line in lines}


def _counted_assets(
    balances: Mapping[str, Decimal], lines: Sequence[PositionMargin], rules: MarginRules
) -> frozenset[str]:
    if rules.multi_asset:
        return frozenset(_all_assets(balances, lines))
    return frozenset({line.position.settle for line in lines} or {"USDT"})


def _by_settle(lines: Sequence[PositionMargin], asset: str) -> tuple[Decimal, Decimal, Decimal]:
    """(unrealised, initial, maintenance) of the positions settled in `asset`."""
    mine = [line for line in lines if line.position.settle == asset]
    return (
        sum((line.unrealised for line in mine), ZERO),
        sum((line.initial_margin for line in mine), ZERO),
        sum((line.maintenance_margin for line in mine), ZERO),
    )


def _totals(
    balances: Mapping[str, Decimal],
    lines: Sequence[PositionMargin],
    counted: frozenset[str],
    rates: Mapping[str, Decimal],
    prices: Prices,
) -> _Totals:
    equity = wallet = unrealised = initial = maintenance = ZERO
    for asset in rates:
        pnl, needed, kept = _by_settle(lines, asset)
        index = prices.indexes[asset]
        balance = balances.get(asset, ZERO)
        equity += (balance + pnl) * index
        if asset in counted:
            wallet += balance * rates[asset]
            unrealised += pnl * rates[asset]
            initial += needed * index
            maintenance += kept * index
    return _Totals(equity, wallet, unrealised, initial, maintenance)


def _with_liquidation(
    line: PositionMargin,
    lines: Sequence[PositionMargin],
    totals: _Totals,
    rates: Mapping[str, Decimal],
    prices: Prices,
) -> PositionMargin:
    settle = line.position.settle
    index = prices.indexes[settle]
    others = [other for other in lines if other is not line and other.position.settle == settle]
    price = liquidation_price(
        totals.wallet / rates[settle],
        totals.maintenance / index - line.maintenance_margin,
        sum((other.unrealised for other in others), ZERO),
        line.position,
        line.bracket,
    )
    return PositionMargin(
        line.position,
        line.mark_price,
        line.notional,
        line.unrealised,
        line.initial_margin,
        line.maintenance_margin,
        line.bracket,
        price,
    )


def _asset_line(
    asset: str,
    balance: Decimal,
    lines: Sequence[PositionMargin],
    rate: Decimal,
    *,
    available: Decimal,
    counted: bool,
) -> AssetMargin:
    pnl, needed, kept = _by_settle(lines, asset)
    free = available / rate if counted else balance
    # Compared before dividing, so that an account without positions can take out its last satoshi.
    covered = not counted or available >= balance * rate
    withdrawable = balance if covered else down(free)
    return AssetMargin(
        asset=asset,
        balance=balance,
        unrealised=pnl,
        initial_margin=needed,
        maintenance_margin=kept,
        rate=rate,
        available=free,
        max_withdraw=max(ZERO, withdrawable),
    )
