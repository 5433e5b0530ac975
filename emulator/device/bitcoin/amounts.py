"""Amounts and fee rates as the display shows them. Integers only; no float is involved."""

from __future__ import annotations

from trezorlib.messages import AmountUnit

from .coins import Coin

DECIMALS = 8


def format_decimal(amount: int, decimals: int) -> str:
    """A number of smallest units as text, thousands separated, without trailing zeros."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    whole, rest = divmod(amount, 10**decimals)
    fraction = f"{rest:0{decimals}d}".rstrip("0") if decimals else ""
    return f"{sign}{whole:,}" + (f".{fraction}" if fraction else "")


def format_amount(amount: int, coin: Coin, unit: AmountUnit = AmountUnit.BITCOIN) -> str:
    """Satoshi as text in the unit the host chose, e.g. `0.0123 BTC`."""
    if unit == AmountUnit.SATOSHI:
        suffix = "" if coin.shortcut == "BTC" else f" {coin.shortcut}"
        return f"{format_decimal(amount, 0)} sat{suffix}"
    shift, prefix = {AmountUnit.MICROBITCOIN: (6, "u"), AmountUnit.MILLIBITCOIN: (3, "m")}.get(unit, (0, ""))
    return f"{format_decimal(amount, DECIMALS - shift)} {prefix}{coin.shortcut}"


def format_fee_rate(fee: int, virtual_size: int) -> str:
    """Fee rate rounded to two decimals, e.g. `12.5 sat/vB`."""
    hundredths = (200 * fee + virtual_size) // (2 * virtual_size)
    return f"{format_decimal(hundredths, 2)} sat/vB"
