"""Binance portfolio margin: the unified account out of raw answers. Pure: no I/O, no clock.

Refuses an account without its equity, margins or uniMMR. Sources: Binance Portfolio Margin "Account
Information", "Account Balance", "UM/CM Account Detail", "Query UM/CM Position Information", "UM/CM Notional
and Leverage Brackets", "Portfolio Margin Collateral Rate", "Query Portfolio Margin Asset Index Price".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position, Reading, VenueRatio
from vault.money import CONTEXT
from vault.venues.binance.coin_margin import coin_positions
from vault.venues.binance.margin import (
    amount_flags,
    bracket_tables,
    linear_position,
    mark_flags,
    position_margins,
    read_marks,
    with_margins,
)
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields, rows

# The venue's own word for an account that it leaves alone; any other is a fact a plan must see.
NORMAL: Final = "NORMAL"
CROSS: Final = "cross"  # every position of a portfolio margin account; its answers do not say so
QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD")


@dataclass(frozen=True, slots=True)
class PortfolioAnswers:
    """The parsed JSON of the endpoints. `coin_info` is COIN-M's exchange information (contract sizes).

    `premium_index` of each contract that is held: the account itself says no time.
    """

    account: Any
    balances: Any
    um_account: Any
    cm_account: Any
    um_positions: Any
    cm_positions: Any
    um_brackets: Any
    cm_brackets: Any
    collateral_rates: Any
    index_prices: Any
    coin_info: Any
    premium_index: tuple[Any, ...] = ()


def margin_account(answers: PortfolioAnswers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``venue.incomplete_answer``, ``venue.bad_answer``)."""
    account = Fields.of(answers.account, "papiAccount")
    missing: list[str] = ["open_order_margin", "balance"]
    available = account.optional_decimal("virtualMaxWithdrawAmount")
    if available is None:
        missing.append("available_to_withdraw")
    status = account.text("accountStatus")
    updated = account.instant("updateTime")
    collateral = portfolio_collateral(
        answers.balances, answers.collateral_rates, answers.index_prices, missing
    )
    of_um = Fields.of(answers.um_account, "umAccount").rows("positions")
    of_cm = Fields.of(answers.cm_account, "cmAccount").rows("positions")
    um_lines = rows(answers.um_positions, "umPositionRisk")
    cm_lines = rows(answers.cm_positions, "cmPositionRisk")
    positions = (
        *_um_positions(answers, missing),
        *coin_positions(
            [{"marginType": CROSS, **line.data} for line in cm_lines],
            of_cm,
            answers.coin_info,
            answers.cm_brackets,
            missing,
        ),
    )
    marks = read_marks(answers.premium_index, missing)
    return MarginAccount(
        name=context.name,
        exchange="binance",
        uid=context.uid,
        equity=account.decimal("accountEquity"),
        initial_margin=account.decimal("accountInitialMargin"),
        maintenance_margin=account.decimal("accountMaintMargin"),
        available_to_withdraw=available,
        collateral=collateral,
        positions=positions,
        # `updateTime` is of the account's last change, not of its prices: it says nothing about age.
        observed_at=min([context.server_time, *(mark.at for mark in marks.values())]),
        received_at=context.received_at,
        clock_skew_ms=context.clock_skew_ms,
        missing=tuple(missing),
        flags=(
            *(() if status == NORMAL else (f"account_status: the venue says {status[:40]}",)),
            *amount_flags(of_um, um_lines),
            *amount_flags(of_cm, cm_lines),
            *mark_flags(positions, marks),
        ),
        ratio=VenueRatio("uniMMR", account.decimal("uniMMR"), "down"),
        mode="portfolio",
        derived=("collateral.balance",),
        sources=(
            Reading("account", "papi/v1/account", context.server_time),
            Reading("last change", "papi/v1/account", updated),
            *(Reading(f"mark {symbol}", "premiumIndex", mark.at) for symbol, mark in marks.items()),
        ),
    )


def portfolio_collateral(
    balances: Any, collateral_rates: Any, index_prices: Any, missing: list[str]
) -> tuple[Collateral, ...]:
    """Balances net of what was borrowed and of its interest; without rate or price an asset is named.

    ``totalWalletBalance`` is the cross margin asset plus both futures wallets.
    """
    rates = {
        line.text("asset"): line.decimal("collateralRate")
        for line in rows(collateral_rates, "collateralRate")
    }
    prices = {
        line.text("asset"): line.decimal("assetIndexPrice") for line in rows(index_prices, "assetIndexPrice")
    }
    found = []
    for line in rows(balances, "papiBalance"):
        asset, total = line.text("asset"), line.decimal("totalWalletBalance")
        borrowed = CONTEXT.add(line.decimal("crossMarginBorrowed"), line.decimal("crossMarginInterest"))
        if not total and not borrowed:
            continue
        if asset not in rates or asset not in prices:
            missing.append(f"collateral:{asset}")
            continue
        missing.append(f"max_withdraw:{asset}")
        found.append(
            Collateral(
                asset, CONTEXT.subtract(total, borrowed), prices[asset], rates[asset], None, borrowed=borrowed
            )
        )
    return tuple(found)


def _um_positions(answers: PortfolioAnswers, missing: list[str]) -> tuple[Position, ...]:
    tables = bracket_tables(answers.um_brackets)
    margins = position_margins(Fields.of(answers.um_account, "umAccount").rows("positions"))
    found = []
    for line in rows(answers.um_positions, "umPositionRisk"):
        if not line.decimal("positionAmt"):
            continue
        pair = line.text("symbol").split("_", maxsplit=1)[0]
        quote = next((each for each in QUOTES if pair.endswith(each) and pair != each), None)
        if quote is None:
            raise VenueError(
                "bad_answer", f"{line.where}: expected a contract in a stable coin, found {pair}"
            )
        # The answer has no isolated fields.
        crossed = Fields(
            {"isolatedWallet": "0", "isolatedMargin": "0", **with_margins(line, margins).data}, line.where
        )
        found.append(linear_position(crossed, pair.removesuffix(quote), quote, tables, {}, missing))
    return tuple(found)
