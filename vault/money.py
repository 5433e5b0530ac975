"""Exact money: an `Amount` is an integer number of an `Asset`'s base units.

Refuses floats everywhere, digits that the asset does not have, and sums over different assets.
Prices and ratios are `Decimal`, read with `exact_decimal`.
"""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vault.errors import MoneyError

# No treasury holds more base units than this; a larger number is a mistake or an attack on arithmetic.
MAX_BASE_UNITS: Final = 10**36
# The longest decimal literal that is read: enough for 36 digits before and 18 after the point.
MAX_LITERAL: Final = 64

_LITERAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
# Venues also write an exponent, a leading point or a trailing one; nothing that only Python reads.
_VENUE_LITERAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)

# All arithmetic on Decimals runs in this context: wide enough to be exact for products of amounts and
# prices, and it raises instead of returning NaN or infinity.
CONTEXT: Final = decimal.Context(
    prec=60,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
# Moving the point of a number takes as many digits as it may have: in fewer it would be rounded, also up.
_EVERY_DIGIT: Final = decimal.Context(
    prec=4 * MAX_LITERAL, traps=[decimal.InvalidOperation, decimal.Overflow, decimal.Inexact]
)


@dataclass(frozen=True, slots=True, order=True)
class Asset:
    """A unit of account: `symbol` as the field writes it, `decimals` digits after the point."""

    symbol: str
    decimals: int

    def __str__(self) -> str:
        return self.symbol

    @property
    def one(self) -> int:
        """Base units in one whole unit (100,000,000 satoshi in a bitcoin)."""
        return int(10**self.decimals)


BTC: Final = Asset("BTC", 8)
ETH: Final = Asset("ETH", 18)
USDT: Final = Asset("USDT", 6)
USDC: Final = Asset("USDC", 6)

SOL: Final = Asset("SOL", 9)
XRP: Final = Asset("XRP", 6)
XLM: Final = Asset("XLM", 7)
ATOM: Final = Asset("ATOM", 6)
TON: Final = Asset("TON", 9)

ASSETS: Final[dict[str, Asset]] = {
    asset.symbol: asset for asset in (BTC, ETH, USDT, USDC, SOL, XRP, XLM, ATOM, TON)
}


def asset_of(symbol: str) -> Asset:
    """The asset of that symbol. Raises `MoneyError` (``money.unknown_asset``)."""
    try:
        return ASSETS[symbol]
    except KeyError:
        raise MoneyError(
            "unknown_asset",
            f"expected one of {', '.join(ASSETS)}, found {symbol!r}",
            hint="Use the asset's symbol in capitals.",
        ) from None


def exact_decimal(text: object, *, what: str = "number") -> Decimal:
    """Read a plain decimal literal exactly.

    Accepts `int`, `Decimal` and strings such as ``-12.50``; no exponent, no sign ``+``, no spaces,
    no float (a float has already lost the digits that matter). Raises `MoneyError`.
    """
    if isinstance(text, bool) or not isinstance(text, (int, str, Decimal)):
        raise MoneyError(
            "not_exact",
            f"{what}: expected a decimal string or an integer, found {type(text).__name__} {text!r}",
            hint='Write amounts as strings: "0.25".',
        )
    if isinstance(text, Decimal):
        if not text.is_finite():
            raise MoneyError("not_exact", f"{what}: expected a finite number, found {text}")
        return _bounded(text, what)
    if isinstance(text, int) and text.bit_length() > 256:  # str() of such an integer may itself raise
        raise MoneyError("out_of_range", f"{what}: expected a magnitude within 1e±36, found far more")
    literal = str(text)
    if len(literal) > MAX_LITERAL or not _LITERAL.fullmatch(literal):
        shown = literal if len(literal) <= MAX_LITERAL else literal[:MAX_LITERAL] + "…"
        raise MoneyError(
            "not_a_number",
            f"{what}: expected a plain decimal number such as 12.5, found {shown!r}",
            hint="No exponent, no thousands separator, no currency sign.",
        )
    return _bounded(Decimal(literal), what)


def venue_decimal(text: object, *, what: str = "number") -> Decimal:
    """Read a number out of a venue's raw answer exactly.

    Venues also write ``1e-05`` and ``.5``; both are exact as strings. Floats are still refused, as
    are NaN and infinity. Raises `MoneyError`.
    """
    if isinstance(text, str):
        if len(text) > MAX_LITERAL or not _VENUE_LITERAL.fullmatch(text):
            raise MoneyError("not_a_number", f"{what}: expected a number, found {text[:MAX_LITERAL]!r}")
        return _bounded(Decimal(text), what)
    return exact_decimal(text, what=what)


def _bounded(number: Decimal, what: str) -> Decimal:
    if not number and abs(number.adjusted()) > 36:
        return Decimal(0)  # 0E-400 would print as four hundred zeros
    if len(number.as_tuple().digits) > MAX_LITERAL:
        raise MoneyError("out_of_range", f"{what}: expected at most {MAX_LITERAL} digits, found more")
    if number and (number.adjusted() > 36 or number.adjusted() < -36):
        raise MoneyError("out_of_range", f"{what}: expected a magnitude within 1e±36, found {number:.3e}")
    return number


def plain(number: Decimal) -> str:
    """A Decimal as a plain literal, without exponent and without a negative zero."""
    return f"{abs(number) if number.is_zero() else number:f}"


@dataclass(frozen=True, slots=True)
class Amount:
    """`units` base units of `asset`. May be negative only as a difference; parsing refuses a minus."""

    asset: Asset
    units: int

    def __post_init__(self) -> None:
        if type(self.units) is not int:
            raise MoneyError(
                "not_exact", f"expected an integer of base units, found {type(self.units).__name__}"
            )
        if abs(self.units) > MAX_BASE_UNITS:
            raise MoneyError("out_of_range", f"expected at most {MAX_BASE_UNITS} base units, found more")

    @classmethod
    def zero(cls, asset: Asset) -> Amount:
        return cls(asset, 0)

    @classmethod
    def parse(cls, text: object, asset: Asset) -> Amount:
        """Read a non-negative amount in whole units, exactly: ``"0.25"`` BTC is 25,000,000 satoshi.

        Raises `MoneyError` for floats, signs, exponents, and digits beyond the asset's decimals.
        """
        number = exact_decimal(text, what=f"{asset} amount")
        if number < 0:
            raise MoneyError("negative", f"expected an amount of zero or more, found {text} {asset}")
        return cls.from_decimal(number, asset)

    @classmethod
    def from_decimal(cls, number: Decimal, asset: Asset) -> Amount:
        """Exact conversion from whole units; raises `MoneyError` when digits would be lost."""
        scaled = _EVERY_DIGIT.scaleb(number, asset.decimals)
        units = int(scaled)
        if units != scaled:
            raise MoneyError(
                "too_many_digits",
                f"expected at most {asset.decimals} digits after the point for {asset}, found {number:f}",
                hint="Round down to the asset's base unit yourself; nothing is rounded silently.",
            )
        return cls(asset, units)

    @classmethod
    def floor(cls, number: Decimal, asset: Asset) -> Amount:
        """The largest amount not above `number` whole units (`number` >= 0)."""
        if number < 0:
            raise MoneyError("negative", f"expected zero or more, found {number:f} {asset}")
        scaled = _EVERY_DIGIT.scaleb(number, asset.decimals)
        return cls(asset, int(scaled))  # cuts towards zero: down, for what is not negative

    def quantise_down(self, step: Amount) -> Amount:
        """The largest multiple of `step` that is not above this amount; `step` must be positive."""
        self._same(step)
        if step.units <= 0:
            raise MoneyError("bad_step", f"expected a positive step, found {step}")
        if self.units < 0:
            raise MoneyError("negative", f"expected an amount of zero or more, found {self}")
        return Amount(self.asset, self.units - self.units % step.units)

    def to_decimal(self) -> Decimal:
        """Whole units with exactly the asset's number of digits after the point."""
        return Decimal(self.units).scaleb(-self.asset.decimals, context=CONTEXT)

    @property
    def number(self) -> str:
        """Whole units as a plain literal with all digits: ``0.25000000``."""
        return f"{self.to_decimal():f}"

    def as_json(self) -> dict[str, str]:
        return {"asset": self.asset.symbol, "amount": self.number}

    @classmethod
    def from_json(cls, value: object) -> Amount:
        """Read what `as_json` wrote; anything else raises `MoneyError`."""
        if not isinstance(value, dict) or set(value) != {"asset", "amount"}:
            raise MoneyError("not_an_amount", 'expected {"asset": …, "amount": "…"}')
        if not isinstance(value["amount"], str):
            raise MoneyError("not_exact", "expected the amount as a string")
        return cls.parse(value["amount"], asset_of(str(value["asset"])))

    def _same(self, other: Amount) -> None:
        if self.asset != other.asset:
            raise MoneyError("mixed_assets", f"expected {self.asset}, found {other.asset}")

    def __str__(self) -> str:
        return f"{self.number} {self.asset}"

    def __bool__(self) -> bool:
        return self.units != 0

    def __add__(self, other: Amount) -> Amount:
        self._same(other)
        return Amount(self.asset, self.units + other.units)

    def __sub__(self, other: Amount) -> Amount:
        self._same(other)
        return Amount(self.asset, self.units - other.units)

    def __neg__(self) -> Amount:
        return Amount(self.asset, -self.units)

    def __lt__(self, other: Amount) -> bool:
        self._same(other)
        return self.units < other.units

    def __le__(self, other: Amount) -> bool:
        self._same(other)
        return self.units <= other.units

    def __gt__(self, other: Amount) -> bool:
        return other < self

    def __ge__(self, other: Amount) -> bool:
        return other <= self


def total(amounts: list[Amount], asset: Asset) -> Amount:
    """Sum of amounts of one asset; the sum of none is zero."""
    result = Amount.zero(asset)
    for amount in amounts:
        result = result + amount
    return result
