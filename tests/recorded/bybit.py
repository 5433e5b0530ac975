"""Readers of Bybit's recorded answers."""

from __future__ import annotations

from typing import Any

from tests.recorded.fixtures import Recording
from tests.recorded.reading import (
    Reader,
    Reading,
    account_numbers,
    collateral_number,
    of_account,
    of_positions,
    position_numbers,
)
from tests.support.bybit_answers import CONTEXT
from vault.model import MarginAccount
from vault.venues.bybit.margin import AccountAnswers, margin_account, read_mode
from vault.venues.bybit.positions import PositionPage, read_positions

ACCOUNT = {
    "equity": "totalMarginBalance",
    "balance": "totalWalletBalance",
    "initial_margin": "totalInitialMargin",
    "maintenance_margin": "totalMaintenanceMargin",
    "ratio": "accountMMRate",
}
POSITION = {
    "size": "size",
    "entry_price": "avgPrice",
    "mark_price": "markPrice",
    "notional": "positionValue",
    "leverage": "leverage",
    "initial_margin": "positionIM",
    "venue_maintenance_margin": "positionMM",
    "venue_liquidation_price": "liqPrice",
    "adl_rank": "adlRankIndicator",
}
PAGES = (
    ("fetchPositions", 0),
    ("fetchPositions", 1),
    ("fetchPosition", 0),
    ("fetchPositionADLRank", 0),
    ("fetchPositionHistory", 0),
    ("fetchPositionsHistory", 0),
)


def wallet_account(wallet: Any, info: Any, tiers: Any = None) -> MarginAccount:
    return margin_account(AccountAnswers(wallet, info, (), collateral_tiers=tiers), CONTEXT)


def unit_tiers(wallet: Any) -> dict[str, Any]:
    """Collateral tiers were not recorded: each coin at one, so that its balance shows."""
    tiers = [
        {
            "currency": line["coin"],
            "collateralRatioList": [{"minQty": "0", "maxQty": "", "collateralRatio": "1"}],
        }
        for line in wallet["result"]["list"][0]["coin"]
    ]
    return {"retCode": 0, "result": {"list": tiers}, "time": int(wallet["time"])}


def readers(recording: Recording) -> dict[tuple[str, int], Reader]:
    info = recording.answer("fetchMarginMode")

    def of_wallet(raw: Any) -> Reading:
        found = wallet_account(raw, info, unit_tiers(raw))
        place = ("result", "list", 0)
        rows = {line["coin"]: number for number, line in enumerate(raw["result"]["list"][0]["coin"])}
        numbers = list(account_numbers(found, place, ACCOUNT))
        for held in found.collateral:
            coin = (*place, "coin", rows[held.asset])
            numbers.append(collateral_number(held, "balance", (*coin, "walletBalance")))
            numbers.append(collateral_number(held, "borrowed", (*coin, "borrowAmount")))
        return of_account(found, numbers)

    return {
        ("fetchBalance", 0): of_wallet,
        ("fetchMarginMode", 0): lambda raw: Reading("part", (), (f"mode {read_mode(raw)}",)),
        **dict.fromkeys(PAGES, of_page),
    }


def of_page(raw: Any) -> Reading:
    found = read_positions([PositionPage("linear", "USDT", raw)], "REGULAR_MARGIN", {})
    lines = raw["result"]["list"]
    rows = {line["symbol"]: number for number, line in enumerate(lines)}
    numbers = [
        number
        for position in found.positions
        for number in position_numbers(
            position,
            ("result", "list", rows[position.symbol]),
            POSITION,
            none={"venue_liquidation_price": ""},
        )
    ]
    notes = found.notes
    return of_positions(
        found.positions,
        numbers,
        derived=tuple(notes.derived),
        absent=tuple(notes.missing),
        flags=found.flags,
    )
