"""Recorded real answers of the exchanges that are only read. Skips without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.recorded.fixtures import Recording
from tests.recorded.read_only import DYDX_ADDRESS, DYDX_HEIGHT, bitget_account, gate_account
from tests.support.readonly_answers import CONTEXT, kucoin_contract
from vault.errors import VenueError
from vault.venues.common.notes import Notes
from vault.venues.hyperliquid import margin as hyperliquid_margin
from vault.venues.read_only import (
    bitget_margin,
    coinbase,
    dydx,
    kucoin_margin,
)

Methods = dict[str, Any]


@pytest.fixture
def recorded(recording: Callable[[str], Recording]) -> Any:
    return lambda exchange, method, number=0: recording(exchange).answer(method, number)


def text(value: object) -> Decimal:
    return Decimal(str(value))


def test_bitget_classic_account_and_position(recorded: Any) -> None:
    accounts, positions = (
        bitget_account(recorded("bitget", "fetchMarginMode")),
        recorded("bitget", "fetchPositions"),
    )
    line, held = accounts["data"][0], positions["data"][0]
    account = bitget_margin.classic_account(
        bitget_margin.Answers(accounts, {"USDT-FUTURES": positions}, {}, ()), CONTEXT
    )
    assert account.equity == text(line["accountEquity"])
    assert account.available_to_withdraw == text(line["maxTransferOut"])
    assert account.ratio is not None
    assert account.ratio.value == text(line["crossedRiskRate"])
    (position,) = account.positions
    assert (position.size, position.entry_price, position.mark_price) == (
        text(held["total"]),
        text(held["openPriceAvg"]),
        text(held["markPrice"]),
    )
    assert position.initial_margin == text(held["marginSize"])
    assert position.leverage == text(held["leverage"])
    assert position.venue_liquidation_price is None
    assert {"brackets:LTCUSDT", "mark_price:LTCUSDT"} <= set(account.missing)
    rate = text(held["keepMarginRate"])
    assert account.maintenance_margin == position.size * position.mark_price * rate
    assert "maintenance_margin" in account.derived


def test_bitget_account_without_a_position(recorded: Any) -> None:
    positions = recorded("bitget", "fetchPosition")
    answers = bitget_margin.Answers(
        bitget_account(recorded("bitget", "fetchMarginMode")), {"USDT-FUTURES": positions}, {}, ()
    )
    account = bitget_margin.classic_account(answers, CONTEXT)
    assert (account.positions, account.maintenance_margin) == ((), 0)


def test_bitget_tiers_of_the_unified_account(recorded: Any) -> None:
    raw = recorded("bitget", "fetchMarketLeverageTiers")
    brackets = bitget_margin._brackets("BTCUSDT", raw, bitget_margin.UNIFIED, Notes())
    assert [(one.floor, one.cap, one.rate) for one in brackets] == [
        (text(row["minTierValue"]), text(row["maxTierValue"]), text(row["mmr"])) for row in raw["data"]
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_bitget_spot_wallets_are_no_futures_account(recorded: Any, number: int) -> None:
    positions = recorded("bitget", "fetchPosition")
    spot = recorded("bitget", "fetchBalance", number)
    with pytest.raises(VenueError) as caught:
        bitget_margin.classic_account(
            bitget_margin.Answers(spot, {"USDT-FUTURES": positions}, {}, ()), CONTEXT
        )
    assert caught.value.code == "venue.incomplete_answer"


@pytest.mark.parametrize("number", [0, 1])
def test_gate_positions_whose_margins_are_not_filled(recorded: Any, number: int) -> None:
    """The venue says maintenance margin 0 of an open position: it is not taken for zero."""
    raw = recorded("gate", "fetchPositions", number)
    line = raw[0]
    account = gate_account(raw)
    (position,) = account.positions
    assert (position.entry_price, position.mark_price) == (
        text(line["entry_price"]),
        text(line["mark_price"]),
    )
    assert position.notional == text(line["value"]) == position.size * position.mark_price
    assert position.isolated
    assert position.isolated_margin == text(line["margin"])
    assert position.venue_liquidation_price == text(line["liq_price"])
    assert position.leverage == text(line["leverage"])
    assert position.adl_rank == 1  # the venue's 5: last to be deleveraged
    assert position.venue_maintenance_margin is None
    assert account.maintenance_margin == text(line["value"]) * text(line["maintenance_rate"])
    assert "maintenance_margin:LTC_USDT" in account.missing
    assert "maintenance_margin" in account.derived


def test_kucoin_futures_account(recorded: Any) -> None:
    raw = recorded("kucoin", "fetchBalance", 0)
    line = raw["data"]
    nothing = {"code": "200000", "data": []}
    account = kucoin_margin.classic_account(kucoin_margin.Answers(raw, nothing, nothing, {}), CONTEXT)
    assert account.equity == line["accountEquity"]
    assert account.balance == line["marginBalance"]
    assert account.available_to_withdraw == line["maxWithdrawAmount"]
    assert account.initial_margin == line["positionMargin"] + line["orderMargin"]
    assert account.ratio is not None
    assert account.ratio.value == line["riskRatio"]


@pytest.mark.parametrize(
    ("exchange", "method", "multiplier", "base"),
    [("kucoin", "fetchPositions", "0.01", "ETH"), ("kucoinfutures", "fetchPositionADLRank", "0.001", "XBT")],
)
def test_kucoin_positions(recorded: Any, exchange: str, method: str, multiplier: str, base: str) -> None:
    raw = recorded(exchange, method)
    (line,) = raw["data"]
    contract = kucoin_contract(
        symbol=line["symbol"], baseCurrency=base, multiplier=multiplier, markPrice=line["markPrice"]
    )
    account = kucoin_margin.classic_account(
        kucoin_margin.Answers(
            recorded("kucoin", "fetchBalance", 0), raw, {"code": "200000", "data": [contract]}, {}
        ),
        CONTEXT,
    )
    (position,) = account.positions
    assert position.size * position.mark_price == position.notional == line["markValue"]
    assert position.entry_price == line["avgEntryPrice"]
    assert position.venue_maintenance_margin == account.maintenance_margin == line["posMaint"]
    assert position.venue_liquidation_price == line["liquidationPrice"]
    assert position.initial_margin == line["posInit"]
    assert position.adl_rank == {"kucoin": 5, "kucoinfutures": 2}[exchange]
    assert int(account.observed_at.timestamp() * 1000) <= line["currentTimestamp"]
    (bracket,) = position.brackets
    assert bracket.rate == line["maintMarginReq"]


def test_kucoin_position_of_a_unified_account(recorded: Any) -> None:
    raw = recorded("kucoin", "fetchPosition")
    (line,) = raw["data"]
    contract = kucoin_contract(
        symbol="DOGEUSDTM", baseCurrency="DOGE", multiplier="100", markPrice=text(line["markPrice"])
    )
    overview = {"adjustedEquity": "10", "im": "3.06", "mm": line["maintenanceMargin"], "riskRatio": "0.006"}
    balances = {"ts": 1774469753178, "accounts": [{"currencies": []}]}
    account = kucoin_margin.unified_account(
        kucoin_margin.Answers(
            {"code": "200000", "data": overview}, raw, {"code": "200000", "data": [contract]}, {}
        ),
        {"code": "200000", "data": balances},
        {"code": "200000", "data": []},
        CONTEXT,
    )
    (position,) = account.positions
    assert position.size * position.mark_price == position.notional == text(line["positionValue"])
    assert position.venue_maintenance_margin == text(line["maintenanceMargin"])
    assert position.initial_margin == text(line["initialMargin"])
    assert position.brackets[0].rate == text(line["mmr"])


def test_kucoin_spot_margin_is_not_the_futures_account(recorded: Any) -> None:
    nothing = {"code": "200000", "data": []}
    with pytest.raises(VenueError) as caught:
        kucoin_margin.classic_account(
            kucoin_margin.Answers(recorded("kucoin", "fetchBalance", 1), nothing, nothing, {}), CONTEXT
        )
    assert caught.value.code == "venue.incomplete_answer"


@pytest.mark.parametrize(
    ("method", "number"), [("fetchBalance", 1), ("fetchPositions", 0), ("fetchPositions", 1)]
)
def test_hyperliquid_states(recorded: Any, method: str, number: int) -> None:
    raw = recorded("hyperliquid", method, number)
    account = hyperliquid_margin.standard_account(hyperliquid_margin.Dex("", raw, None), CONTEXT)
    assert account.equity == text(raw["crossMarginSummary"]["accountValue"])
    assert account.initial_margin == text(raw["crossMarginSummary"]["totalMarginUsed"])
    assert account.maintenance_margin == text(raw["crossMaintenanceMarginUsed"])
    assert account.available_to_withdraw == text(raw["withdrawable"])
    assert int(account.observed_at.timestamp() * 1000) <= int(raw["time"])
    lines = [entry["position"] for entry in raw["assetPositions"]]
    for position, line in zip(account.positions, lines, strict=True):
        assert position.size == abs(text(line["szi"]))
        assert position.side == ("long" if text(line["szi"]) > 0 else "short")
        assert position.entry_price == text(line["entryPx"])
        assert position.notional == text(line["positionValue"]) == position.size * position.mark_price
        assert position.initial_margin == text(line["marginUsed"])
        assert f"brackets:{position.symbol}" in account.missing
    isolated = [position for position in account.positions if position.isolated]
    assert len(isolated) == (1 if (method, number) == ("fetchPositions", 0) else 0)
    for position in isolated:
        assert position.isolated_margin == Decimal("3.478942")  # margin used less the loss it holds


def test_hyperliquid_maintenance_is_half_the_initial_margin_at_the_highest_leverage(recorded: Any) -> None:
    """The rule that brackets are made by, against the venue's own sum over two real positions."""
    raw = recorded("hyperliquid", "fetchPositions", 1)
    names = [entry["position"]["coin"] for entry in raw["assetPositions"]]
    market = [
        {
            "universe": [{"name": name, "maxLeverage": 50, "marginTableId": 50} for name in names],
            "marginTables": [[50, {"marginTiers": [{"lowerBound": "0.0", "maxLeverage": 50}]}]],
            "collateralToken": 0,
        },
        [{} for _ in names],
    ]
    account = hyperliquid_margin.standard_account(hyperliquid_margin.Dex("", raw, market), CONTEXT)
    ours = sum((one.notional or Decimal(0)) * one.brackets[0].rate for one in account.positions)
    assert ours == account.maintenance_margin


def test_hyperliquid_spot_state_is_the_unified_accounts_money(recorded: Any) -> None:
    spot, state = recorded("hyperliquid", "fetchBalance", 0), recorded("hyperliquid", "fetchBalance", 1)
    account = hyperliquid_margin.unified_account(
        (hyperliquid_margin.Dex("", state, None),), spot, (), CONTEXT
    )
    assert account.equity == account.balance == text(spot["balances"][0]["total"])
    assert account.available_to_withdraw == text(spot["balances"][0]["total"])


def dydx_answers(recorded: Any, subaccounts: list[Any]) -> dydx.Answers:
    markets = recorded("dydx", "fetchMarkets")
    return dydx.Answers(DYDX_ADDRESS, 0, {"subaccounts": subaccounts}, markets, DYDX_HEIGHT)


def test_dydx_account_with_a_position(recorded: Any) -> None:
    (raw,) = recorded("dydx", "fetchAccounts")["subaccounts"]
    market = recorded("dydx", "fetchMarkets")["markets"]["BTC-USD"]
    line = raw["openPerpetualPositions"]["BTC-USD"]
    account = dydx.subaccount(dydx_answers(recorded, [raw]), CONTEXT)
    assert account.equity == text(raw["equity"])
    assert account.available_to_withdraw == text(raw["freeCollateral"])
    assert account.initial_margin == text(raw["equity"]) - text(raw["freeCollateral"])
    (position,) = account.positions
    assert (position.side, position.size) == ("short", -text(line["size"]))
    assert position.entry_price == text(line["entryPrice"])
    assert position.mark_price == text(market["oraclePrice"])
    assert account.maintenance_margin == (
        position.size * position.mark_price * text(market["maintenanceMarginFraction"])
    )
    assert "maintenance_margin" in account.derived


def test_dydx_account_whose_parts_were_left_out_is_flagged(recorded: Any) -> None:
    raw = recorded("dydx", "fetchBalance")["subaccount"]
    account = dydx.subaccount(dydx_answers(recorded, [raw]), CONTEXT)
    assert account.equity == text(raw["equity"])
    assert account.available_to_withdraw == text(raw["freeCollateral"])
    assert [flag.split(":")[0] for flag in account.flags] == ["equity_mismatch"]


@pytest.mark.parametrize("method", ["fetchPositions", "fetchPosition"])
def test_dydx_positions_of_the_other_endpoint(recorded: Any, method: str) -> None:
    (raw,) = recorded("dydx", "fetchAccounts")["subaccounts"]
    (line,) = recorded("dydx", method)["positions"]
    account = dydx.subaccount(
        dydx_answers(recorded, [raw | {"openPerpetualPositions": {line["market"]: line}}]), CONTEXT
    )
    assert (account.positions[0].size, account.positions[0].entry_price) == (
        -text(line["size"]),
        text(line["entryPrice"]),
    )


def test_dydx_server_time(recorded: Any) -> None:
    raw = recorded("dydx", "fetchTime")
    line = dydx.Fields.of(raw, "time")
    assert int(dydx._seconds(line, "epoch").timestamp()) == raw["epoch"]


def test_coinbase_spot_wallets_are_no_margin_account(recorded: Any) -> None:
    with pytest.raises(VenueError) as caught:
        coinbase.check_margin_account(recorded("coinbase", "fetchBalance"))
    assert caught.value.code == "venue.no_margin_account"


def test_coinbase_international_perpetual_is_refused_by_name(recorded: Any) -> None:
    from tests.support.readonly_answers import COINBASE

    with pytest.raises(VenueError) as caught:
        COINBASE.read(COINBASE.fresh() | {"positions": recorded("coinbase", "fetchPositions")})
    assert caught.value.code == "venue.unsupported_position"
    assert "ADA-PERP-INTX" in str(caught.value)


def test_the_age_of_an_account_is_that_of_its_oldest_answer(recorded: Any) -> None:
    raw = recorded("hyperliquid", "fetchBalance", 1)
    late = replace(CONTEXT, server_time=CONTEXT.server_time.replace(year=2030))
    account = hyperliquid_margin.standard_account(hyperliquid_margin.Dex("", raw, None), late)
    assert int(account.observed_at.timestamp() * 1000) == int(raw["time"])
