"""Amounts of ether and tokens as the firmwares write them on their screens."""

from __future__ import annotations

from .networks import UNKNOWN_TOKEN, Network, Token

ETHER_DECIMALS = 18
GWEI_DECIMALS = 9
_SMALL = 9  # amounts below a billionth are written in the smallest unit


def format_amount(amount: int, decimals: int) -> str:
    """1234500 with 3 decimals is 1,234.5 ."""
    whole, part = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    digits = f"{part:0{decimals}}" if decimals else ""
    return f"{sign}{whole:,}.{digits}".rstrip("0").rstrip(".") if digits else f"{sign}{whole:,}"


def core_amount(value: int, token: Token | None, network: Network) -> str:
    """As core firmware writes it: small amounts in "Wei XYZ"."""
    symbol = network.symbol if token is None else token.symbol
    decimals = ETHER_DECIMALS if token is None else token.decimals
    if decimals > _SMALL and value < 10 ** (decimals - _SMALL):
        return f"{format_amount(value, 0)} Wei {symbol}"
    return f"{format_amount(value, decimals)} {symbol}"


def gwei(value: int) -> str:
    """A price of gas."""
    return f"{format_amount(value, GWEI_DECIMALS)} Gwei"


def legacy_amount(value: int, token: Token | None, network: Network) -> str:
    """As Trezor One writes it: below a gwei in plain "Wei"."""
    if token is not None:
        return f"{format_amount(value, token.decimals)} {token.symbol}"
    if value < 10**GWEI_DECIMALS:
        return f"{format_amount(value, 0)} Wei"
    return f"{format_amount(value, ETHER_DECIMALS)} {network.symbol}"


def onekey_amount(value: int, token: Token | None, network: Network) -> str:
    """As OneKey Classic writes it: nothing is said of an unknown token's value."""
    if token is UNKNOWN_TOKEN:
        return "Unknown token value"
    if token is None and value == 0:
        return f"0 {network.symbol}"
    return legacy_amount(value, token, network)
