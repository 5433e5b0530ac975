"""Margin of one venue account when all prices move: equity after haircuts, maintenance margin, distances.

Pure and exact. Refuses to compute with numbers it cannot use (no brackets, no price): it names them.
Formulas: Binance "Leverage and Margin of USD-M Futures" (brackets with cum), "How to Calculate
Liquidation Price of USD-M Futures Contracts" (cross liquidation price), "Multi-Assets Mode" (haircuts).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.risk.exact import ONE, ZERO, exact, trimmed

if TYPE_CHECKING:
    from vault.model import Bracket, Collateral, MarginAccount, Position

# Assets that a fall of the market does not move; the shock scenarios leave their price alone. A depeg is
# another scenario, not a small version of this one.
STABLE_ASSETS: Final = frozenset({"USD", "USDT", "USDC", "FDUSD", "BFUSD", "TUSD", "USDP", "DAI"})

# Larger than any price, size or balance there is; beyond it a number is a mistake, not a treasury.
MAX_MAGNITUDE: Final = Decimal(10) ** 18

# How far our own sum may differ from the venue's word before they contradict each other: prices are read
# some hundred milliseconds apart, so equity may differ by this share of everything the account holds...
EQUITY_TOLERANCE: Final = Decimal("0.005")
# ... and maintenance margin by this share of itself; both at least by a dollar, for rounding.
MAINTENANCE_TOLERANCE: Final = Decimal("0.01")
MIN_TOLERANCE_USD: Final = ONE


def quote_of(position: Position) -> str:
    """The asset a linear contract is settled in: USDT for BTCUSDT and for BTCUSDT_260327, else nothing.

    Contracts quoted in USD itself (BTCUSD_PERP) are inverse: settled in the coin, and not computed here.
    """
    rest = position.symbol.split("_", maxsplit=1)[0].removeprefix(position.base)
    return rest if rest in STABLE_ASSETS and rest != "USD" else ""


def unusable(account: MarginAccount) -> str | None:
    """Why this account's margin cannot be computed, or None. Nothing is filled in by guessing."""
    seen: set[str] = set()
    for item in account.collateral:
        if not _sound(item.price, item.ratio, abs(item.balance)) or item.price <= 0 or item.ratio > 1:
            return f"collateral {item.asset}: balance, price or ratio out of range"
        if item.asset in seen:
            return f"collateral {item.asset} is listed twice"
        seen.add(item.asset)
    for position in account.positions:
        if not _sound(position.size, position.entry_price, position.mark_price) or position.mark_price <= 0:
            return f"position {position.symbol}: size, entry or mark price out of range"
        if not quote_of(position):
            return f"position {position.symbol}: not a linear contract settled in a stable asset"
        if quote_of(position) not in seen:
            return f"position {position.symbol}: its settlement asset is not among the collateral"
        if reason := _unusable_brackets(position):
            return f"position {position.symbol}: {reason}"
    return None


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


@exact
def bracket_at(brackets: tuple[Bracket, ...], notional: Decimal) -> Bracket:
    """The bracket of an absolute notional (floor < notional <= cap); beyond the last cap, the last."""
    for bracket in brackets:
        if bracket.cap is None or notional <= bracket.cap:
            return bracket
    return brackets[-1]


@exact
def bracket_margin(brackets: tuple[Bracket, ...], notional: Decimal) -> Decimal:
    """Maintenance margin of one position: notional * rate - cum, never below zero; in quote units."""
    bracket = bracket_at(brackets, notional)
    return max(ZERO, notional * bracket.rate - bracket.cum)


@exact
def unrealised_pnl(position: Position, mark_price: Decimal) -> Decimal:
    """size * (mark - entry) for a long, the reverse for a short; in quote units."""
    move = position.size * (mark_price - position.entry_price)
    return move if position.side == "long" else -move


def shock_of(asset: str, shock: Decimal) -> Decimal:
    """The relative move of an asset's price when all prices move by `shock`: none for stable assets."""
    return ZERO if asset in STABLE_ASSETS else shock


@exact
def unit_value(item: Collateral, shock: Decimal) -> Decimal:
    """USD that one whole unit adds to equity after the shock: price * (1 + shock) * ratio."""
    return trimmed(item.price * (ONE + shock_of(item.asset, shock)) * item.ratio)


def _quote_price(account: MarginAccount, quote: str) -> Decimal:
    for item in account.collateral:
        if item.asset == quote:
            return item.price
    return ONE


@exact
def equity(account: MarginAccount, shock: Decimal) -> Decimal:
    """Margin balance in USD after all non-stable prices moved by `shock`, after haircuts.

    Per asset, net = balance + unrealised profit settled in it. A credit counts net * price * ratio; a
    debt counts net * price * (2 - ratio), the venue's ask side: a haircut never makes a debt smaller.
    Isolated positions are not part of it.
    """
    profits: dict[str, Decimal] = {}
    for position in account.positions:
        if not position.isolated:
            quote = quote_of(position)
            profit = unrealised_pnl(position, position.mark_price * (ONE + shock))
            profits[quote] = profits.get(quote, ZERO) + profit
    total = ZERO
    for item in account.collateral:
        net = item.balance + profits.pop(item.asset, ZERO)
        total += _counted(net, item.price * (ONE + shock_of(item.asset, shock)), item.ratio)
    return trimmed(sum(profits.values(), total))


def _counted(net: Decimal, price: Decimal, ratio: Decimal) -> Decimal:
    return net * price * (ratio if net >= 0 else 2 - ratio)


@exact
def maintenance_margin(account: MarginAccount, shock: Decimal) -> Decimal:
    """Maintenance margin in USD of all cross positions after all prices moved by `shock`."""
    total = ZERO
    for position in account.positions:
        if not position.isolated:
            notional = position.size * position.mark_price * (ONE + shock)
            margin = bracket_margin(position.brackets, notional)
            total += margin * _quote_price(account, quote_of(position))
    return trimmed(total)


@exact
def contradictions(account: MarginAccount) -> tuple[str, ...]:
    """Where the venue's totals and the sum of its own parts cannot both be true.

    A position or a balance that was left out of the answer shows here, and so does one that is there
    but does not count. Isolated positions are named too: their margin is not separated yet.
    """
    found = [f"isolated_position:{p.symbol}" for p in account.positions if p.isolated]
    gross = sum((abs(item.balance) * item.price for item in account.collateral), ZERO)
    gross += sum((p.size * p.mark_price for p in account.positions), ZERO)
    ours = equity(account, ZERO)
    if abs(ours - account.equity) > max(MIN_TOLERANCE_USD, EQUITY_TOLERANCE * gross):
        found.append(f"equity_mismatch: venue {account.equity:f}, parts {ours:f}")
    ours = maintenance_margin(account, ZERO)
    allowed = max(MIN_TOLERANCE_USD, MAINTENANCE_TOLERANCE * max(ours, abs(account.maintenance_margin)))
    if abs(ours - account.maintenance_margin) > allowed:
        found.append(f"maintenance_mismatch: venue {account.maintenance_margin:f}, parts {ours:f}")
    return tuple(found)


@exact
def liquidation_price(account: MarginAccount, symbol: str) -> Decimal | None:
    """The mark price at which this one cross position is liquidated while all else stands still.

    (WB - TMM' + UPNL' + cum - side*q*entry) / (q*rate - side*q), where ' is over the other positions and
    WB is the collateral after haircuts in the quote asset. The bracket is the present one, as the venue
    shows it. None when there is no such position, or no positive price does it.
    """
    mine = [p for p in account.positions if p.symbol == symbol and not p.isolated]
    if len(mine) != 1 or mine[0].size == 0:
        return None
    position = mine[0]
    price = _quote_price(account, quote_of(position))
    margin = (
        sum((_counted(item.balance, item.price, item.ratio) for item in account.collateral), ZERO) / price
    )
    for other in account.positions:
        if other is not position and not other.isolated:
            rate = _quote_price(account, quote_of(other)) / price
            margin += unrealised_pnl(other, other.mark_price) * rate
            margin -= bracket_margin(other.brackets, other.size * other.mark_price) * rate
    return _solve_single(position, margin)


@exact
def isolated_liquidation_price(position: Position, isolated_margin: Decimal) -> Decimal | None:
    """The same with the position's own margin (quote units) as the only collateral."""
    return _solve_single(position, isolated_margin) if position.size else None


def _solve_single(position: Position, margin: Decimal) -> Decimal | None:
    side = ONE if position.side == "long" else -ONE
    bracket = bracket_at(position.brackets, position.size * position.mark_price)
    slope = position.size * (bracket.rate - side)
    if slope == 0:
        return None
    price = (margin + bracket.cum - side * position.size * position.entry_price) / slope
    return price if price > 0 else None
