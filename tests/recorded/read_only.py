"""Readers of the recorded answers of the exchanges that are only read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.recorded.fixtures import Recording
from tests.recorded.reading import (
    Change,
    Number,
    Path,
    Reader,
    Reading,
    account_numbers,
    collateral_number,
    of_account,
    position_numbers,
)
from tests.support.readonly_answers import COINBASE, CONTEXT
from vault.model import MarginAccount
from vault.venues.common.notes import Notes
from vault.venues.hyperliquid import margin as hyperliquid_margin
from vault.venues.read_only import bitget_margin, coinbase, dydx, gate_margin

Readers = dict[tuple[str, int], Reader]

GATE_ACCOUNT = {
    "total": "100", "unrealised_pnl": "0.008", "position_margin": "1.49", "order_margin": "0",
    "available": "98", "bonus": "0", "currency": "USDT", "maintenance_margin": "0",
}  # fmt: skip
GATE_CONTRACT = {
    "name": "LTC_USDT", "type": "direct", "quanto_multiplier": "0.1", "mark_price": "74.43",
    "index_price": "74.4",
}  # fmt: skip
DYDX_ADDRESS = "dydx14zzueazeh0hj67cghhf9jypslcf9sh2n5k6art"
DYDX_HEIGHT = {"height": "1", "time": "2025-07-29T05:45:08Z"}


def of_positions(  # noqa: PLR0917  where each position stands, and how it is said
    account: MarginAccount,
    raw: Any,
    rows: Path,
    symbol: Callable[[Any], str],
    fields: dict[str, str | Path],
    of: dict[str, Change] | None = None,
    none: dict[str, str] | None = None,
) -> list[Number]:
    """The numbers of all positions of a list in the answer."""
    lines: Any = raw
    for step in rows:
        lines = lines[step]
    places = {symbol(line): number for number, line in enumerate(lines)}
    return [
        number
        for position in account.positions
        for number in position_numbers(position, (*rows, places[position.symbol]), fields, of, none)
    ]


def bitget_account(answer: Any) -> Any:
    """The classic account endpoint gives a list, that of one symbol the same object alone."""
    return {**answer, "data": [answer["data"]]}


def bitget(recording: Recording) -> Readers:
    account = bitget_account(recording.answer("fetchMarginMode"))
    nothing = recording.answer("fetchPosition")

    def read(accounts: Any, positions: Any) -> MarginAccount:
        given = bitget_margin.Answers(accounts, {"USDT-FUTURES": positions}, {}, ())
        return bitget_margin.classic_account(given, CONTEXT)

    def of_one(raw: Any) -> Reading:
        found = read(bitget_account(raw), nothing)
        fields = {
            "equity": "accountEquity",
            "available_to_withdraw": "maxTransferOut",
            "open_order_margin": "locked",
            "ratio": "crossedRiskRate",
        }
        return of_account(found, account_numbers(found, ("data",), fields))

    def of_listed(raw: Any) -> Reading:
        found = read(account, raw)
        fields: dict[str, str | Path] = {
            "size": "total",
            "entry_price": "openPriceAvg",
            "mark_price": "markPrice",
            "initial_margin": "marginSize",
            "leverage": "leverage",
            "venue_liquidation_price": "liquidationPrice",
        }
        none = {"venue_liquidation_price": "0"}
        numbers = of_positions(found, raw, ("data",), lambda line: line["symbol"], fields, none=none)
        return of_account(found, numbers, "positions")

    def of_tiers(raw: Any) -> Reading:
        notes = Notes()
        brackets = bitget_margin._brackets("BTCUSDT", raw, bitget_margin.UNIFIED, notes)
        numbers = []
        for row, one in enumerate(brackets):
            numbers.append(Number(f"cap:{row}", one.cap, ("data", row, "maxTierValue")))
            numbers.append(Number(f"rate:{row}", one.rate, ("data", row, "mmr")))
        return Reading("part", tuple(numbers), tuple(notes.derived), tuple(notes.missing))

    def of_spot(raw: Any) -> Reading:
        return of_account(read(raw, nothing), ())

    return {
        ("fetchBalance", 0): of_spot,
        ("fetchBalance", 1): of_spot,
        ("fetchMarginMode", 0): of_one,
        ("fetchLeverage", 0): of_one,
        ("fetchPositions", 0): of_listed,
        ("fetchPosition", 0): of_listed,
        ("fetchMarketLeverageTiers", 0): of_tiers,
        ("fetchPositionsHistory", 0): of_listed,
        ("fetchPositionHistory", 0): of_listed,
    }


def gate_account(positions: Any) -> MarginAccount:
    given = gate_margin.Answers(GATE_ACCOUNT, {"usdt": positions}, {"usdt": [GATE_CONTRACT]}, {})
    return gate_margin.classic_account(given, CONTEXT)


def gate(recording: Recording) -> Readers:
    def of_listed(raw: Any) -> Reading:
        found = gate_account(raw)
        fields: dict[str, str | Path] = {
            "size": "size",
            "entry_price": "entry_price",
            "mark_price": "mark_price",
            "notional": "value",
            "leverage": "leverage",
            "isolated_margin": "margin",
            "venue_maintenance_margin": "maintenance_margin",
            "initial_margin": "initial_margin",
            "venue_liquidation_price": "liq_price",
            "adl_rank": "adl_ranking",
        }
        of: dict[str, Change] = {
            "size": lambda count: count * Decimal(GATE_CONTRACT["quanto_multiplier"]),
            "adl_rank": lambda place: 6 - place,  # the venue counts down
        }
        # "0" is what this venue writes where it does not fill a margin.
        none = {"venue_maintenance_margin": "0", "initial_margin": "0", "venue_liquidation_price": "0"}
        numbers = of_positions(found, raw, (), lambda line: line["contract"], fields, of, none)
        return of_account(found, numbers, "positions")

    return {("fetchPositions", 0): of_listed, ("fetchPositions", 1): of_listed}


def hyperliquid(recording: Recording) -> Readers:
    state = recording.answer("fetchBalance", 1)
    fields: dict[str, str | Path] = {
        "size": ("position", "szi"),
        "entry_price": ("position", "entryPx"),
        "notional": ("position", "positionValue"),
        "leverage": ("position", "leverage", "value"),
        "initial_margin": ("position", "marginUsed"),
        "venue_liquidation_price": ("position", "liquidationPx"),
    }

    def of_state(raw: Any) -> Reading:
        found = hyperliquid_margin.standard_account(hyperliquid_margin.Dex("", raw, None), CONTEXT)
        numbers = [
            *account_numbers(
                found,
                ("crossMarginSummary",),
                {"equity": "accountValue", "initial_margin": "totalMarginUsed"},
            ),
            *account_numbers(
                found,
                (),
                {"maintenance_margin": "crossMaintenanceMarginUsed", "available_to_withdraw": "withdrawable"},
            ),
            *of_positions(
                found,
                raw,
                ("assetPositions",),
                lambda line: line["position"]["coin"],
                fields,
                {"size": abs},
                {"venue_liquidation_price": ""},  # null: no price liquidates
            ),
        ]
        return of_account(found, numbers)

    def of_spot(raw: Any) -> Reading:
        """The unified account's money; the perpetual state beside it is of another moment."""
        dex = hyperliquid_margin.Dex("", state, None)
        found = hyperliquid_margin.unified_account((dex,), raw, (), CONTEXT)
        rows = [line["coin"] for line in raw["balances"]]
        place = ("balances", rows.index("USDC"))
        numbers = [
            *account_numbers(
                found, place, {"equity": "total", "balance": "total", "available_to_withdraw": "total"}
            ),
            *(collateral_number(held, "balance", (*place, "total")) for held in found.collateral),
        ]
        return of_account(found, numbers)

    return {
        ("fetchBalance", 0): of_spot,
        ("fetchBalance", 1): of_state,
        ("fetchPositions", 0): of_state,
        ("fetchPositions", 1): of_state,
    }


def dydx_account(recording: Recording, subaccounts: list[Any]) -> MarginAccount:
    markets = recording.answer("fetchMarkets")
    given = dydx.Answers(DYDX_ADDRESS, 0, {"subaccounts": subaccounts}, markets, DYDX_HEIGHT)
    return dydx.subaccount(given, CONTEXT)


def dydx_readers(recording: Recording) -> Readers:
    account = {"equity": "equity", "available_to_withdraw": "freeCollateral"}
    fields: dict[str, str | Path] = {"size": "size", "entry_price": "entryPrice"}
    (whole,) = recording.answer("fetchAccounts")["subaccounts"]

    def of_accounts(raw: Any) -> Reading:
        found = dydx_account(recording, raw["subaccounts"])
        place = ("subaccounts", 0)
        numbers = list(account_numbers(found, place, account))
        for position in found.positions:
            where = (*place, "openPerpetualPositions", position.symbol)
            numbers += position_numbers(position, where, fields, {"size": abs})
        return of_account(found, numbers)

    def of_one(raw: Any) -> Reading:
        found = dydx_account(recording, [raw["subaccount"]])
        return of_account(found, account_numbers(found, ("subaccount",), account))

    def of_listed(raw: Any) -> Reading:
        lines = {line.get("market", "BTC-USD"): line for line in raw["positions"]}
        found = dydx_account(recording, [whole | {"openPerpetualPositions": lines}])
        numbers = of_positions(found, raw, ("positions",), lambda line: line["market"], fields, {"size": abs})
        return of_account(found, numbers, "positions")

    return {
        ("fetchAccounts", 0): of_accounts,
        ("fetchBalance", 0): of_one,
        ("fetchPositions", 0): of_listed,
        ("fetchPosition", 0): of_listed,
    }


def coinbase_readers(recording: Recording) -> Readers:
    """Its recorded answers are of spot wallets and of perpetuals that left this interface."""

    def of_wallets(raw: Any) -> Reading:
        coinbase.check_margin_account(raw)
        return Reading("part", ())

    def of_listed(raw: Any) -> Reading:
        return of_account(COINBASE.read(COINBASE.fresh() | {"positions": raw}), (), "positions")

    return {("fetchBalance", 0): of_wallets, ("fetchPositions", 0): of_listed}
