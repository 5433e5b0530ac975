"""Readers of Binance's recorded answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.recorded.fixtures import Recording
from tests.recorded.reading import (
    Number,
    Reader,
    Reading,
    account_numbers,
    collateral_number,
    of_account,
    position_numbers,
)
from vault.model import MarginAccount
from vault.money import ASSETS
from vault.venues.binance import wallet
from vault.venues.binance.margin import AccountAnswers, margin_account
from vault.venues.binance.portfolio_margin import portfolio_collateral
from vault.venues.common.reading import ReadingContext

NOW = datetime(2024, 7, 28, 10, 6, tzinfo=UTC)
CONTEXT = ReadingContext("main", "1", NOW, NOW + timedelta(seconds=1), 0)
POSITION = {
    "size": "positionAmt",
    "entry_price": "entryPrice",
    "mark_price": "markPrice",
    "notional": "notional",
    "initial_margin": "initialMargin",
    "venue_maintenance_margin": "maintMargin",
    "venue_liquidation_price": "liquidationPrice",
    "adl_rank": "adl",
}
ACCOUNT = {
    "equity": "totalMarginBalance",
    "balance": "totalWalletBalance",
    "initial_margin": "totalInitialMargin",
    "maintenance_margin": "totalMaintMargin",
    "available_to_withdraw": "maxWithdrawAmount",
    "open_order_margin": "totalOpenOrderInitialMargin",
}


def read(account: Any, risk: Any, index: Any = None, config: Any = None) -> MarginAccount:
    answers = AccountAnswers(account, risk, None, {"multiAssetsMargin": True}, index, (), config)
    return margin_account(answers, CONTEXT)


def unit_index(account: Any) -> list[dict[str, str]]:
    """Index prices were not recorded: each asset at one, so that its balance shows."""
    return [{"symbol": f"{line['asset']}USD", "index": "1", "bidBuffer": "0"} for line in account["assets"]]


def readers(recording: Recording) -> dict[tuple[str, int], Reader]:
    account = recording.answer("fetchPositions", 1)
    risk = recording.answer("fetchPositions", 0)

    def of_risk(raw: Any) -> Reading:
        found = read(account, raw, config=recording.answer("fetchMarginMode"))
        numbers = [
            number
            for row, position in enumerate(found.positions)
            for number in position_numbers(
                position,
                (row,),
                POSITION,
                {"size": abs, "notional": abs, "adl_rank": lambda quantile: quantile + 1},
                none={"venue_liquidation_price": "0"},
            )
        ]
        return of_account(found, numbers, "positions")

    def of_account_answer(raw: Any) -> Reading:
        if any("walletBalance" not in line for line in raw["assets"]):
            return of_account(read(raw, []), ())
        found = read(raw, risk, unit_index(raw))
        rows = {line["asset"]: number for number, line in enumerate(raw["assets"])}
        numbers = list(account_numbers(found, (), ACCOUNT))
        for held in found.collateral:
            place = ("assets", rows[held.asset])
            numbers.append(collateral_number(held, "balance", (*place, "walletBalance")))
            numbers.append(collateral_number(held, "max_withdraw", (*place, "maxWithdrawAmount")))
        return of_account(found, numbers)

    return {
        ("fetchPositions", 0): of_risk,
        ("fetchPositions", 1): of_account_answer,
        ("fetchPositions", 2): of_account_answer,
        ("fetchBalance", 0): of_spot,
        ("fetchBalance", 1): of_portfolio,
        ("fetchMarginMode", 0): lambda raw: of_symbol_config(raw, account, risk),
        ("fetchADLRank", 0): lambda raw: of_account(read(account, raw), (), "positions"),
        ("fetchPositionADLRank", 0): lambda raw: of_account(read(account, raw), (), "positions"),
    }


def of_symbol_config(raw: Any, account: Any, risk: Any) -> Reading:
    found = read(account, risk, config=raw)
    (position,) = found.positions
    (number,) = position_numbers(position, (0,), {"leverage": "leverage"})
    return Reading("part", (number,), absent=tuple(name for name in found.missing if "leverage" in name))


def of_spot(raw: Any) -> Reading:
    """The assets that can be moved; the wallet holds others."""
    numbers = []
    for row, line in enumerate(raw["balances"]):
        if line.get("asset") in ASSETS:
            found = wallet.spot_balance(raw, line["asset"], NOW)
            for name, amount in (("free", found.free), ("locked", found.locked)):
                where = ("balances", row, name)
                numbers.append(Number(f"{name}:{line['asset']}", amount.to_decimal(), where))
    return Reading("part", tuple(numbers))


def of_portfolio(raw: Any) -> Reading:
    """Balances of a portfolio margin account, at prices and rates of one: they were not recorded."""
    names = [line["asset"] for line in raw]
    missing: list[str] = []
    held = portfolio_collateral(
        raw,
        [{"asset": name, "collateralRate": "1"} for name in names],
        [{"asset": name, "assetIndexPrice": "1"} for name in names],
        missing,
    )
    numbers = []
    for one in held:
        row = names.index(one.asset)
        borrowed = one.borrowed or 0
        numbers.append(
            Number(
                f"balance:{one.asset}",
                one.balance,
                (row, "totalWalletBalance"),
                lambda total, less=borrowed: total - less,  # type: ignore[misc]
            )
        )
        interest = Number("", None, (row, "crossMarginInterest")).theirs(raw)
        numbers.append(
            Number(
                f"borrowed:{one.asset}",
                one.borrowed,
                (row, "crossMarginBorrowed"),
                lambda part, more=interest: part + type(part)(more),  # type: ignore[misc]
            )
        )
    return Reading("part", tuple(numbers), ("collateral.balance",), tuple(missing))
