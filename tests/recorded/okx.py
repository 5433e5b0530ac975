"""Readers of OKX's recorded answers."""

from __future__ import annotations

from decimal import Decimal
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
from tests.support.okx_answers import CONTEXT, NOW, config, envelope
from vault.model import MarginAccount
from vault.money import ASSETS
from vault.venues.okx import wallet
from vault.venues.okx.margin import AccountAnswers, margin_account, read_mode

CONTRACTS = ("LTC/USDT:USDT", "BTC/USD:BTC")
ACCOUNT = {
    "equity": "adjEq",
    "initial_margin": "imr",
    "maintenance_margin": "mmr",
    "open_order_margin": "ordFroz",
    "ratio": "mgnRatio",
}
POSITION = {
    "size": "pos",
    "entry_price": "avgPx",
    "mark_price": "markPx",
    "notional": "notionalUsd",
    "leverage": "lever",
    "venue_maintenance_margin": "mmr",
    "venue_liquidation_price": "liqPx",
    "adl_rank": "adl",
}
CROSS = {"initial_margin": "imr"}
ISOLATED = {"isolated_margin": "margin"}
# An empty text is how OKX says that there is none.
NONE = {"venue_liquidation_price": "", "leverage": "", "adl_rank": "", "ratio": ""}


def instruments(recording: Recording) -> tuple[Any, ...]:
    return tuple(envelope(recording.market(name)) for name in CONTRACTS)


def read(balance: Any, positions: Any = None, contracts: tuple[Any, ...] = ()) -> MarginAccount:
    return margin_account(AccountAnswers(config("3"), balance, positions or envelope(), contracts), CONTEXT)


def readers(recording: Recording) -> dict[tuple[str, int], Reader]:
    balance, contracts = recording.answer("fetchBalance", 1), instruments(recording)
    units = {each["data"][0]["instId"]: Decimal(each["data"][0]["ctVal"]) for each in contracts}

    def of_positions(raw: Any) -> Reading:
        found = read(balance, raw, contracts)
        rows = {line["instId"]: number for number, line in enumerate(raw["data"])}
        numbers = [
            number
            for position in found.positions
            for number in position_numbers(
                position,
                ("data", rows[position.symbol]),
                {**POSITION, **(ISOLATED if position.isolated else CROSS)},
                {"size": lambda count, unit=units[position.symbol]: abs(count) * unit},  # type: ignore[misc]
                none=NONE,
            )
        ]
        return of_account(found, numbers, "positions")

    return {
        ("fetchBalance", 0): of_funding,
        ("fetchBalance", 1): of_balance,
        ("fetchAccounts", 0): of_configuration,
        ("fetchPositions", 0): of_positions,
        ("fetchPosition", 0): of_positions,
        ("fetchPosition", 1): of_positions,
    }


def of_balance(raw: Any) -> Reading:
    found = read(raw)
    lines = raw["data"][0]["details"]
    rows = {line["ccy"]: number for number, line in enumerate(lines)}
    numbers = list(account_numbers(found, ("data", 0), ACCOUNT, NONE))
    for held in found.collateral:
        place = ("data", 0, "details", rows[held.asset])
        numbers.append(collateral_number(held, "balance", (*place, "cashBal")))
        numbers.append(collateral_number(held, "borrowed", (*place, "liab")))
    return of_account(found, numbers)


def of_funding(raw: Any) -> Reading:
    """The assets that can be moved; one that cannot is not looked for in this wallet."""
    numbers = []
    for row, line in enumerate(raw["data"]):
        if line["ccy"] in ASSETS:
            found = wallet.funding_balance(raw, line["ccy"], NOW)
            numbers.append(Number(f"free:{line['ccy']}", found.free.to_decimal(), ("data", row, "availBal")))
    others = tuple(line["ccy"] for line in raw["data"] if line["ccy"] not in ASSETS)
    return Reading("part", tuple(numbers), absent=tuple(f"not moved:{name}" for name in others))


def of_configuration(raw: Any) -> Reading:
    rights = wallet.key_permissions(raw, "read")
    return Reading("part", (), (f"mode {read_mode(raw)}", f"UID {rights.account_uid}", "rights", "IP list"))
