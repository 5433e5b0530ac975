"""Readers of KuCoin's recorded answers; its futures were recorded under a name of their own, too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.recorded.fixtures import Recording
from tests.recorded.read_only import Readers, of_positions
from tests.recorded.reading import Change, Path, Reading, account_numbers, of_account
from tests.support.readonly_answers import CONTEXT, kucoin_contract
from vault.venues.read_only import kucoin_margin

NOTHING = {"code": "200000", "data": []}
# Contracts were not recorded: base coin and multiplier as the venue publishes them.
CONTRACTS = {"ETHUSDTM": ("ETH", "0.01"), "XBTUSDTM": ("XBT", "0.001"), "DOGEUSDTM": ("DOGE", "100")}
CLASSIC: dict[str, str | Path] = {
    "size": "currentQty",
    "entry_price": "avgEntryPrice",
    "mark_price": "markPrice",
    "notional": "markValue",
    "leverage": "leverage",
    "initial_margin": "posInit",
    "venue_maintenance_margin": "posMaint",
    "venue_liquidation_price": "liquidationPrice",
    "adl_rank": "delevPercentage",
}
UNIFIED: dict[str, str | Path] = {
    "size": "size",
    "entry_price": "entryPrice",
    "mark_price": "markPrice",
    "notional": "positionValue",
    "leverage": "leverage",
    "initial_margin": "initialMargin",
    "venue_maintenance_margin": "maintenanceMargin",
}


def described(raw: Any) -> tuple[Any, Decimal]:
    """The contract of the one position of an answer, at the position's own mark, and its multiplier."""
    (line,) = raw["data"]
    base, unit = CONTRACTS[line["symbol"]]
    contract = kucoin_contract(
        symbol=line["symbol"], baseCurrency=base, multiplier=unit, markPrice=line.get("markPrice")
    )
    return {"code": "200000", "data": [contract]}, Decimal(unit)


def fifth(share: Decimal) -> Decimal:
    """The venue's percentile in the queue as a rank of 1 to 5."""
    return max(Decimal(1), (share * 5).to_integral_value("ROUND_CEILING"))


def readers(recording: Recording) -> Readers:
    return {
        ("fetchBalance", 0): of_overview,
        ("fetchBalance", 1): of_overview,
        ("fetchMarginMode", 0): lambda raw: of_listed(recording, raw),
        ("fetchPositions", 0): lambda raw: of_listed(recording, raw),
        ("fetchPosition", 0): of_unified,
        ("fetchPositionsHistory", 0): lambda raw: of_listed(recording, raw),
    }


def futures_readers(recording: Recording) -> Readers:
    kucoin = Recording(recording.folder, "kucoin")
    return {
        ("fetchMarginMode", 0): lambda raw: of_listed(kucoin, raw),
        ("fetchPositionADLRank", 0): lambda raw: of_listed(kucoin, raw),
    }


def of_overview(raw: Any) -> Reading:
    found = kucoin_margin.classic_account(kucoin_margin.Answers(raw, NOTHING, NOTHING, {}), CONTEXT)
    fields = {
        "equity": "accountEquity",
        "balance": "marginBalance",
        "available_to_withdraw": "maxWithdrawAmount",
        "open_order_margin": "orderMargin",
        "ratio": "riskRatio",
    }
    return of_account(found, account_numbers(found, ("data",), fields))


def of_listed(kucoin: Recording, raw: Any) -> Reading:
    """Positions of the classic interface, beside the recorded futures account."""
    overview = kucoin.answer("fetchBalance", 0)
    if not isinstance(raw["data"], list):
        answers = kucoin_margin.Answers(overview, raw, NOTHING, {})
        return of_account(kucoin_margin.classic_account(answers, CONTEXT), (), "positions")
    contracts, unit = described(raw)
    answers = kucoin_margin.Answers(overview, raw, contracts, {})
    found = kucoin_margin.classic_account(answers, CONTEXT)
    of: dict[str, Change] = {"size": lambda count: abs(count) * unit, "notional": abs, "adl_rank": fifth}
    none = {"venue_liquidation_price": "0"}
    numbers = of_positions(found, raw, ("data",), lambda line: line["symbol"], CLASSIC, of, none)
    return of_account(found, numbers, "positions")


def of_unified(raw: Any) -> Reading:
    """The unified account's other answers were not recorded."""
    contracts, unit = described(raw)
    overview = {"adjustedEquity": "10", "im": "3.06", "mm": "0.064267", "riskRatio": "0.006"}
    balances = {"ts": 1774469753178, "accounts": [{"currencies": []}]}
    found = kucoin_margin.unified_account(
        kucoin_margin.Answers({"code": "200000", "data": overview}, raw, contracts, {}),
        {"code": "200000", "data": balances},
        NOTHING,
        CONTEXT,
    )
    numbers = of_positions(
        found, raw, ("data",), lambda line: line["symbol"], UNIFIED, {"size": lambda count: abs(count) * unit}
    )
    return of_account(found, numbers, "positions")
