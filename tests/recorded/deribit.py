"""Readers of Deribit's recorded answers."""

from __future__ import annotations

from typing import Any

from tests.recorded.fixtures import Recording
from tests.recorded.reading import (
    Reader,
    Reading,
    account_numbers,
    collateral_number,
    joined,
    of_account,
    position_numbers,
)
from tests.support.deribit_answers import CONTEXT, envelope, index, instrument, summary
from vault.model import MarginAccount
from vault.venues.deribit.margin import AccountAnswers, margin_account

PRICES = {"BTC": index("109470.55"), "ETH": index("4012.19"), "USDC": index("1")}
ACCOUNT = {
    "equity": "margin_balance",
    "balance": "balance",
    "initial_margin": "initial_margin",
    "maintenance_margin": "maintenance_margin",
    "available_to_withdraw": "available_withdrawal_funds",
}
POSITION = {
    "entry_price": "average_price",
    "mark_price": "mark_price",
    "leverage": "leverage",
    "initial_margin": "initial_margin",
    "venue_maintenance_margin": "maintenance_margin",
    "venue_liquidation_price": "estimated_liquidation_price",
}


def contracts(lines: list[dict[str, Any]]) -> tuple[Any, ...]:
    """The instruments were not recorded with the positions: what their names say."""
    found = []
    for line in lines:
        pair = line["instrument_name"].split("-")[0]
        base, _, settle = pair.partition("_")
        found.append(instrument(line["instrument_name"], base, settle or base))
    return tuple(found)


def currency_account(raw: Any, currency: str) -> MarginAccount:
    """One currency's margin, at an index price of one: then its dollars are the raw numbers."""
    given = AccountAnswers(raw, envelope([]), indexes={currency: index("1")})
    return margin_account(given, CONTEXT, currency)


def positions_account(raw: Any, currency: str) -> MarginAccount:
    """The positions with summaries made by hand: the real ones were recorded of another account."""
    summaries = envelope({"summaries": [summary(name) for name in PRICES]})
    return margin_account(AccountAnswers(summaries, raw, contracts(raw["result"]), PRICES), CONTEXT, currency)


def readers(recording: Recording) -> dict[tuple[str, int], Reader]:
    return {("fetchBalance", 0): of_summaries, ("fetchPositions", 0): of_positions}


def of_summaries(raw: Any) -> Reading:
    """Every currency is a margin account of its own there."""
    found = []
    for row, line in enumerate(raw["result"]["summaries"]):
        name, place = line["currency"], ("result", "summaries", row)
        account = currency_account(raw, name)
        (held,) = account.collateral
        numbers = [
            *account_numbers(account, place, ACCOUNT),
            collateral_number(held, "balance", (*place, "equity")),
            collateral_number(held, "max_withdraw", (*place, "available_withdrawal_funds")),
        ]
        found.append(of_account(account, numbers, only=name))
    return joined(found)


def of_positions(raw: Any) -> Reading:
    rows = {line["instrument_name"]: number for number, line in enumerate(raw["result"])}
    found = []
    for currency in PRICES:
        account = positions_account(raw, currency)
        numbers = [
            number
            for position in account.positions
            for number in position_numbers(
                position,
                ("result", rows[position.symbol]),
                {**POSITION, "size": "size" if position.inverse else "size_currency"},
                {"size": abs},
                none={"venue_liquidation_price": ""},  # null: no price liquidates
            )
        ]
        found.append(of_account(account, numbers, "positions", only=currency))
    return joined(found)
