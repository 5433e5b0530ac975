"""Margin of one venue account when all prices move: equity after haircuts, maintenance margin.

Pure and exact. Refuses to compute with numbers it cannot use (no brackets, no price): it names them.
Isolated positions stand apart: their margin is taken out of the balance that all others share.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.risk.contract import base_size, position_margin, profit_line, unrealised_pnl
from vault.risk.exact import ONE, ZERO, exact, trimmed
from vault.risk.haircut import best_ratio, counted_units, tiers_join
from vault.risk.liquidation import liquidation_price
from vault.risk.pool import cross_positions, prices_of, shared_balance

if TYPE_CHECKING:
    from vault.model import Collateral, MarginAccount, Position

# Assets that a fall of the market does not move; the shock scenarios leave their price alone. A depeg is
# another scenario, not a small version of this one.
STABLE_ASSETS: Final = frozenset({"USD", "USDT", "USDC", "FDUSD", "BFUSD", "TUSD", "USDP", "DAI"})

# Pegged to a dollar, yet not trusted to hold it in a fall: a falling market takes them along, a rising one
# does not lift them above a dollar.
SOFT_DOLLARS: Final = frozenset({"USDE", "SUSDE", "USDS", "USD1", "PYUSD", "RLUSD", "USDD"})

# Larger than any price, size or balance there is; beyond it a number is a mistake, not a treasury.
MAX_MAGNITUDE: Final = Decimal(10) ** 18

# How far our own sum may differ from the venue's word before they contradict each other: prices are read
# some hundred milliseconds apart, so equity may differ by this share of everything the account holds...
EQUITY_TOLERANCE: Final = Decimal("0.005")
# ... and maintenance margin by this share of itself; both at least by a dollar, for rounding.
MAINTENANCE_TOLERANCE: Final = Decimal("0.01")
MIN_TOLERANCE_USD: Final = ONE
# A liquidation price may differ by this share of the mark: venues add fees to close and round tiers.
LIQUIDATION_TOLERANCE: Final = Decimal("0.03")
# Modes whose liquidation price comes from a scenario model of the whole portfolio, not from a formula.
SCENARIO_MODES: Final = frozenset({"portfolio"})


def unusable(account: MarginAccount) -> str | None:
    """Why this account's margin cannot be computed, or None. Nothing is filled in by guessing."""
    seen: set[str] = set()
    for item in account.collateral:
        if not _sound(item.price, item.ratio, abs(item.balance)) or item.price <= 0 or item.ratio > 1:
            return f"collateral {item.asset}: balance, price or ratio out of range"
        if item.debt_ratio is not None and not 1 <= item.debt_ratio <= 2:
            return f"collateral {item.asset}: a debt counts at {item.debt_ratio}, expected 1 to 2"
        if not tiers_join(item):
            return f"collateral {item.asset}: haircut tiers do not join"
        if item.asset in seen:
            return f"collateral {item.asset} is listed twice"
        seen.add(item.asset)
    for position in account.positions:
        if reason := _unusable_position(position):
            return f"position {position.symbol}: {reason}"
        if position.settle not in seen:
            return f"position {position.symbol}: its settlement asset is not among the collateral"
    return None


def _unusable_position(position: Position) -> str | None:
    numbers = (position.size, position.entry_price, position.mark_price, position.rate_per_unit)
    if not _sound(*numbers) or position.mark_price <= 0:
        return "size, entry or mark price out of range"
    if position.inverse and position.entry_price <= 0:
        return "size, entry or mark price out of range"
    if position.inverse == (position.settle in STABLE_ASSETS):
        return (
            f"settled in {position.settle or 'nothing'}: expected a stable asset for a linear contract, "
            "a coin for an inverse one"
        )
    if position.inverse and position.settle != position.base:
        return f"an inverse contract on {position.base} settled in {position.settle}"
    return _unusable_brackets(position)


def _sound(*numbers: Decimal) -> bool:
    return all(number.is_finite() and 0 <= number <= MAX_MAGNITUDE for number in numbers)


def _unusable_brackets(position: Position) -> str | None:
    if not position.brackets:
        return "no margin brackets"
    expected = ZERO
    for index, bracket in enumerate(position.brackets):
        last = index == len(position.brackets) - 1
        numbers = (bracket.floor, bracket.rate, abs(bracket.cum), bracket.cap or ZERO)
        if not _sound(*numbers) or bracket.rate > 1 or bracket.floor != expected:
            return "margin brackets do not join"
        if bracket.cap is None or bracket.cap <= bracket.floor:
            return None if last and bracket.cap is None else "margin brackets do not join"
        expected = bracket.cap
    return None


def shock_of(asset: str, shock: Decimal) -> Decimal:
    """The relative move of an asset's price when all prices move by `shock`: none for stable assets."""
    if asset in STABLE_ASSETS:
        return ZERO
    return min(shock, ZERO) if asset in SOFT_DOLLARS else shock


@exact
def unit_value(item: Collateral, shock: Decimal) -> Decimal:
    """USD that one whole unit adds to equity after the shock, at most: price * (1 + shock) * first ratio."""
    return trimmed(item.price * (ONE + shock_of(item.asset, shock)) * best_ratio(item))


@exact
def equity(account: MarginAccount, shock: Decimal) -> Decimal:
    """Shared margin balance in USD after all non-stable prices moved by `shock`, after haircuts.

    Per asset, net = balance + unrealised profit settled in it; a credit counts after its haircut, a debt at
    its full value or more. Isolated positions and their margin are not part of it.
    """
    profits: dict[str, Decimal] = {}
    prices = prices_of(account)
    for position in cross_positions(account):
        profit = profit_line(position, prices.get(position.settle, ONE)).at(shock)
        profits[position.settle] = profits.get(position.settle, ZERO) + profit
    total = ZERO
    for item in account.collateral:
        price = item.price * (ONE + shock_of(item.asset, shock))
        net = shared_balance(account, item) + profits.pop(item.asset, ZERO) / price
        total += counted_units(item, net) * price
    return trimmed(sum(profits.values(), total))


@exact
def maintenance_margin(account: MarginAccount, shock: Decimal) -> Decimal:
    """Maintenance margin in USD of all cross positions after all prices moved by `shock`."""
    return trimmed(_maintenance(account, cross_positions(account), shock))


def _maintenance(account: MarginAccount, positions: list[Position], shock: Decimal) -> Decimal:
    prices = prices_of(account)
    total = ZERO
    for position in positions:
        price = prices.get(position.settle, ONE) * (ONE + shock_of(position.settle, shock))
        total += position_margin(position, position.mark_price * (ONE + shock)) * price
    return total


@exact
def isolated_equity(account: MarginAccount) -> Decimal:
    """What isolated positions are worth now in USD, their margin included."""
    prices = prices_of(account)
    total = ZERO
    for position in account.positions:
        if position.isolated and position.isolated_margin is not None:
            worth = position.isolated_margin + unrealised_pnl(position, position.mark_price)
            total += worth * prices.get(position.settle, ONE)
    return total


@exact
def contradictions(account: MarginAccount) -> tuple[str, ...]:
    """Where the venue's totals and the sum of its own parts cannot both be true.

    A position or a balance that was left out of the answer shows here, and so does one that is there
    but does not count. Venues count isolated positions in their totals or leave them out: either may fit.
    """
    found = [
        f"isolated_position:{position.symbol}"
        for position in account.positions
        if position.isolated and position.isolated_margin is None
    ]
    prices = prices_of(account)
    gross = sum((abs(item.balance) * item.price for item in account.collateral), ZERO)
    for position in account.positions:
        price = prices.get(position.settle, ONE)
        value = position.size if position.inverse else position.size * position.mark_price * price
        gross += value
    ours = equity(account, ZERO)
    allowed = max(MIN_TOLERANCE_USD, EQUITY_TOLERANCE * gross)
    if min(abs(ours - account.equity), abs(ours + isolated_equity(account) - account.equity)) > allowed:
        found.append(f"equity_mismatch: venue {account.equity:f}, parts {ours:f}")
    ours = maintenance_margin(account, ZERO)
    whole = _maintenance(account, list(account.positions), ZERO)
    allowed = max(MIN_TOLERANCE_USD, MAINTENANCE_TOLERANCE * max(ours, abs(account.maintenance_margin)))
    theirs = account.maintenance_margin
    if min(abs(ours - theirs), abs(whole - theirs)) > allowed:
        found.append(f"maintenance_mismatch: venue {theirs:f}, parts {ours:f}")
    return (*found, *_liquidation_flags(account))


def _liquidation_flags(account: MarginAccount) -> list[str]:
    if account.mode in SCENARIO_MODES:
        return []
    found = []
    for position in account.positions:
        theirs = position.venue_liquidation_price
        if theirs is None or base_size(position) == 0:
            continue
        ours = liquidation_price(account, position)
        # A price far from the mark is an extrapolation on both sides.
        if ours is None or not ZERO < theirs < 2 * position.mark_price:
            continue
        if abs(ours - theirs) > LIQUIDATION_TOLERANCE * position.mark_price:
            found.append(
                f"liquidation_price_mismatch {position.symbol}: venue {theirs:f}, ours {trimmed(ours):.2f}"
            )
    return found
