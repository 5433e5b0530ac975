"""The risk part of treasury.toml: stress parameters, and prices that are asked of somebody else.

Refuses bounds that would switch a check off, and a source of prices for an exchange without public marks.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from vault.config_values import Name, Url
from vault.toml_strict import ExactDecimal, StrictModel

# A percent an hour is a quiet day, the whole price in an hour has not happened to a large coin.
SLOWEST: Final = Decimal("0.001")
FASTEST: Final = Decimal(1)
# Two honest venues differ by less; above a tenth nothing would be compared any more.
MAX_DIFFERENCE: Final = Decimal("0.1")


def _speed(value: Decimal) -> Decimal:
    if not SLOWEST <= value <= FASTEST:
        raise ValueError(f"expected a share of the price an hour from {SLOWEST} to {FASTEST}")
    return value


def _difference(value: Decimal) -> Decimal:
    if not 0 < value <= MAX_DIFFERENCE:
        raise ValueError(f"expected a share above 0 and at most {MAX_DIFFERENCE}")
    return value


class RiskSettings(StrictModel):
    """Stress parameters (see docs/risk-model.md).

    `adverse_move_per_hour` turns a distance to liquidation into a time, and a lead time into the margin that
    has to wait at the venue: a rule, no forecast. Prices of two sources that differ by more than
    `max_price_difference` (a share) call for a person.
    """

    joint_shock: ExactDecimal = Field(default="0.10", validate_default=True)
    maintenance_multiple: ExactDecimal = Field(default="1", validate_default=True)
    adverse_move_per_hour: Annotated[ExactDecimal, AfterValidator(_speed)] = Field(
        default="0.05", validate_default=True
    )
    max_price_difference: Annotated[ExactDecimal, AfterValidator(_difference)] = Field(
        default="0.01", validate_default=True
    )


class PriceSettings(StrictModel):
    """A mark price of `base` in dollars at an exchange beside the one that is asked for margin; no key."""

    name: Name
    exchange: Literal["binance", "bybit", "okx", "deribit"]
    symbol: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")
    base: str = Field(default="BTC", pattern=r"^[A-Z0-9]{2,10}$")
    url: Url | None = None
    timeout_seconds: int = Field(default=10, ge=1, le=120)
