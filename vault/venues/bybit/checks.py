"""Where Bybit's numbers must agree with each other, and the flags when they do not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from vault.model import Position, VenueRatio
from vault.money import CONTEXT
from vault.venues.bybit.collateral import Coin, Tiers, counted
from vault.venues.bybit.positions import ISOLATED, Market, value_at

ZERO: Final = Decimal(0)
# Prices in two answers are some hundred milliseconds apart; a fast market moves less than this in that time.
PRICE_BOUND: Final = Decimal("0.005")
ROUNDING: Final = Decimal("0.01")  # USD, in sums of one answer
COIN_ROUNDING: Final = Decimal("0.00000002")  # coins are printed with eight digits
RATIO_ROUNDING: Final = Decimal("0.0001")  # rates are printed with four digits
# positionMM holds the fee to close at the bankruptcy price: at most this share of the position's value.
CLOSE_FEE: Final = Decimal("0.003")
ROUNDED_VALUE: Final = Decimal("0.0005")  # prices of one answer can be some milliseconds apart


@dataclass(frozen=True, slots=True)
class Wallet:
    """The account-wide numbers, USD; `initial_rate` and `ratio` are the venue's own, of `equity`."""

    mode: str
    equity: Decimal
    total_equity: Decimal | None
    balance: Decimal | None
    available: Decimal | None
    initial: Decimal
    maintenance: Decimal
    initial_rate: Decimal | None
    ratio: VenueRatio | None


def account_flags(wallet: Wallet, coins: tuple[Coin, ...], tiers: Tiers) -> list[str]:
    """Sums over coins against the account-wide numbers, and ratios against what they are ratios of."""
    flags = [flag for coin in coins for flag in _coin_flags(coin)]
    total = sum((coin.usd_value for coin in coins), ZERO)
    if wallet.total_equity is not None and abs(total - wallet.total_equity) > ROUNDING:
        flags.append(f"equity_mismatch: venue {wallet.total_equity:f}, coins {total:f}")
    flags += _counted_flags(wallet, coins, tiers)
    flags += _ratio_flags(wallet)
    for name, ours in (("initial", wallet.initial), ("maintenance", wallet.maintenance)):
        flags += _margin_flags(name, ours, coins)
    if (
        wallet.available is not None
        and abs(CONTEXT.subtract(wallet.equity, wallet.initial) - wallet.available) > ROUNDING
        and wallet.available > 0
    ):
        flags.append(
            f"available_mismatch: venue {wallet.available:f}, margin balance less initial margin differs"
        )
    return flags


def _coin_flags(coin: Coin) -> list[str]:
    if coin.profit is None:
        return []
    parts = CONTEXT.add(coin.balance, coin.profit)
    if abs(parts - coin.equity) <= COIN_ROUNDING:
        return []
    return [
        f"coin_equity_mismatch {coin.asset}: venue {coin.equity:f}, balance and profit {parts:f} "
        "(options are not read)"
    ]


def _counted_flags(wallet: Wallet, coins: tuple[Coin, ...], tiers: Tiers) -> list[str]:
    """The margin balance against the coins after their tiers; silent while a tier is not known.

    An isolated account has no margin balance: what stands in its place is not after tiers.
    """
    if wallet.mode == ISOLATED:
        return []
    total, gross = ZERO, ZERO
    for coin in coins:
        if not coin.equity:
            continue
        own = tiers.get(coin.asset, ())
        if coin.price is None or (coin.counts and coin.equity > 0 and not own):
            return []
        # Profit of open positions is not discounted.
        profit = coin.profit or ZERO
        held = CONTEXT.subtract(coin.equity, profit)
        amount = counted(held, own) if coin.counts or held < 0 else ZERO
        total = CONTEXT.add(total, CONTEXT.multiply(CONTEXT.add(amount, profit), coin.price))
        gross += abs(coin.usd_value)
    if abs(total - wallet.equity) <= max(ROUNDING, PRICE_BOUND * gross):
        return []
    return [f"margin_balance_mismatch: venue {wallet.equity:f}, coins after their tiers {total:f}"]


def _ratio_flags(wallet: Wallet) -> list[str]:
    if wallet.equity <= 0:
        return []
    flags = []
    for name, said, margin in (
        ("accountMMRate", None if wallet.ratio is None else wallet.ratio.value, wallet.maintenance),
        ("accountIMRate", wallet.initial_rate, wallet.initial),
    ):
        if said is None:
            continue
        ours = CONTEXT.divide(margin, wallet.equity)
        if abs(ours - said) > RATIO_ROUNDING:
            flags.append(f"ratio_mismatch {name}: venue {said:f}, margin over balance {ours:.6f}")
    return flags


def _margin_flags(name: str, total: Decimal, coins: tuple[Coin, ...]) -> list[str]:
    """A margin of the account against the margins of its coins (initial margin holds that of orders too)."""
    parts = ZERO
    for coin in coins:
        positions = coin.position_initial if name == "initial" else coin.position_maintenance
        orders = coin.order_margin if name == "initial" else ZERO
        if positions is None or orders is None:
            return []
        own = CONTEXT.add(positions, orders)
        if own and coin.price is None:
            return []
        if own and coin.price is not None:
            parts = CONTEXT.add(parts, CONTEXT.multiply(own, coin.price))
    if abs(parts - total) <= max(ROUNDING, PRICE_BOUND * abs(total)):
        return []
    return [f"{name}_margin_mismatch: venue {total:f}, coins {parts:f}"]


def position_flags(
    positions: tuple[Position, ...], coins: tuple[Coin, ...], markets: Mapping[str, Market]
) -> list[str]:
    """Positions against their coins, their brackets and the market."""
    flags = []
    for position in positions:
        market = markets.get(position.symbol)
        if market is not None and abs(position.mark_price - market.mark) > PRICE_BOUND * market.mark:
            flags.append(
                f"mark_price_mismatch {position.symbol}: account {position.mark_price:f}, "
                f"market {market.mark:f}"
            )
        flags += _bracket_flags(position)
    for coin in coins:
        flags += _settled_flags(coin, [p for p in positions if p.settle == coin.asset])
        flags += _index_flags(coin, positions, markets)
    return flags


def position_maintenance(position: Position, price: Decimal) -> Decimal | None:
    """value * rate - cum in the settle coin at a price, without the fee to close; None without brackets."""
    if not position.brackets or not price:
        return None
    value = value_at(position, price)
    bracket = next((b for b in position.brackets if b.cap is None or value <= b.cap), position.brackets[-1])
    return CONTEXT.subtract(CONTEXT.multiply(value, bracket.rate), bracket.cum)


def with_close_fee(position: Position) -> Position:
    """The same position, with the fee to close that the venue's maintenance margin holds, in its brackets.

    It grows with the value, as a rate does: without it our sum would contradict the venue's.
    """
    theirs, ours = position.venue_maintenance_margin, position_maintenance(position, position.mark_price)
    value = value_at(position, position.mark_price) if position.mark_price else ZERO
    if theirs is None or ours is None or not ZERO < theirs - ours <= CONTEXT.multiply(value, CLOSE_FEE):
        return position
    fee = CONTEXT.divide(CONTEXT.subtract(theirs, ours), value)
    brackets = tuple(replace(each, rate=CONTEXT.add(each.rate, fee)) for each in position.brackets)
    return replace(position, brackets=brackets)


def _bracket_flags(position: Position) -> list[str]:
    """Reckoned at the mark price, or at the entry price as for isolated positions."""
    theirs = position.venue_maintenance_margin
    ours = position_maintenance(position, position.mark_price)
    if theirs is None or ours is None:
        return []
    for price in (position.mark_price, position.entry_price):
        margin = position_maintenance(position, price)
        if margin is None:
            continue
        value = value_at(position, price)
        slack = CONTEXT.multiply(value, ROUNDED_VALUE)
        if margin - slack <= theirs <= margin + slack + CONTEXT.multiply(value, CLOSE_FEE):
            return []
    return [
        f"maintenance_mismatch {position.symbol}: venue {theirs:f}, brackets {ours:f} and the fee to close"
    ]


def _settled_flags(coin: Coin, positions: list[Position]) -> list[str]:
    """What the wallet says of a coin's positions against the positions listed: one left out shows here."""
    said = coin.position_maintenance
    listed = [position.venue_maintenance_margin for position in positions]
    if said is None or any(margin is None for margin in listed):
        return []
    total = sum((margin for margin in listed if margin is not None), ZERO)
    if abs(total - said) <= max(COIN_ROUNDING, PRICE_BOUND * max(abs(said), abs(total))):
        return []
    return [
        f"positions_mismatch {coin.asset}: wallet says {said:f} of maintenance margin, positions {total:f}"
    ]


def _index_flags(coin: Coin, positions: tuple[Position, ...], markets: Mapping[str, Market]) -> list[str]:
    """A coin's price in the wallet against the index of a contract on it (quotes are taken as one dollar)."""
    for position in positions:
        market = markets.get(position.symbol)
        if position.base != coin.asset or market is None or coin.price is None:
            continue
        if abs(coin.usd_value) < 1:
            return []  # too few digits to divide by
        if abs(coin.price - market.index) > 4 * PRICE_BOUND * market.index:
            return [f"price_mismatch {coin.asset}: wallet {coin.price:.8f}, index {market.index:f}"]
        return []
    return []
