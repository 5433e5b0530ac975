"""Recorded real Bybit answers: numbers equal the raw strings, absences are named. Skips without."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.recorded.bybit import unit_tiers, wallet_account
from tests.recorded.fixtures import Recording
from tests.support.bybit_answers import CONTEXT
from vault.errors import VenueError
from vault.model import MarginAccount, Position
from vault.money import ASSETS, USDT, Amount
from vault.venues.base import InternalTransfer
from vault.venues.bybit.margin import read_mode
from vault.venues.bybit.positions import PositionPage, read_markets, read_positions
from vault.venues.bybit.wallet import transfers, withdraw_network

POSITIONS = [("fetchPositions", 0), ("fetchPositions", 1), ("fetchPosition", 0), ("fetchPositionADLRank", 0)]


@pytest.fixture
def recorded(recording: Callable[[str], Recording]) -> Recording:
    return recording("bybit")


def number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def account_of(recorded: Recording, wallet: Any) -> MarginAccount:
    return wallet_account(wallet, recorded.answer("fetchMarginMode"))


def test_a_real_wallet_reads_as_its_strings(recorded: Recording) -> None:
    raw = recorded.answer("fetchBalance")
    line = raw["result"]["list"][0]
    account = account_of(recorded, raw)
    assert account.equity == Decimal(line["totalMarginBalance"])
    assert account.balance == Decimal(line["totalWalletBalance"])
    assert account.initial_margin == Decimal(line["totalInitialMargin"])
    assert account.maintenance_margin == Decimal(line["totalMaintenanceMargin"])
    assert account.ratio is not None
    assert account.ratio.value == Decimal(line["accountMMRate"])
    assert account.open_order_margin == 0
    assert int(account.observed_at.timestamp() * 1000) == int(raw["time"])


def test_a_real_wallet_agrees_with_itself_save_for_the_positions_that_were_not_recorded(
    recorded: Recording,
) -> None:
    account = account_of(recorded, recorded.answer("fetchBalance"))
    assert {flag.split(":")[0] for flag in account.flags} == {
        "positions_mismatch USDC",
        "positions_mismatch XRP",
        "positions_mismatch USDT",
    }


def test_without_tiers_real_coins_are_named_as_missing_not_worth_zero(recorded: Recording) -> None:
    raw = recorded.answer("fetchBalance")
    account = account_of(recorded, raw)
    assert account.collateral == ()
    coins = {line["coin"] for line in raw["result"]["list"][0]["coin"]}
    assert {f"collateral:{coin}" for coin in coins} <= set(account.missing)
    assert "available_to_withdraw" in account.missing
    assert account.available_to_withdraw is None


def test_with_tiers_of_one_each_real_coin_reads_as_its_strings(recorded: Recording) -> None:
    raw = recorded.answer("fetchBalance")
    lines = {line["coin"]: line for line in raw["result"]["list"][0]["coin"]}
    account = wallet_account(raw, recorded.answer("fetchMarginMode"), unit_tiers(raw))
    assert {item.asset: item.balance for item in account.collateral} == {
        coin: Decimal(line["walletBalance"]) for coin, line in lines.items()
    }
    for item in account.collateral:
        line = lines[item.asset]
        assert item.borrowed == Decimal(line["borrowAmount"])
        worth = item.price * Decimal(line["equity"])
        assert abs(worth - Decimal(line["usdValue"])) < Decimal("1e-30")
    # The real account counts its bitcoin at less than one: that shows.
    assert any(flag.startswith("margin_balance_mismatch") for flag in account.flags)


@pytest.mark.parametrize(("method", "which"), POSITIONS)
def test_real_positions_read_as_their_strings(recorded: Recording, method: str, which: int) -> None:
    raw = recorded.answer(method, which)
    held = [line for line in raw["result"]["list"] if Decimal(line["size"])]
    read = read_positions([PositionPage("linear", "USDT", raw)], "REGULAR_MARGIN", {})
    assert len(read.positions) == len(held)
    for position, line in zip(read.positions, held, strict=True):
        compare(position, line)
        named = {
            name
            for field, name in (
                ("positionIM", "initial_margin"),
                ("positionMM", "maintenance_margin"),
                ("leverage", "leverage"),
            )
            if not line[field]
        }
        assert {f"{name}:{position.symbol}" for name in named | {"brackets"}} == set(read.notes.missing)
    assert read.flags == ()


def compare(position: Position, line: dict[str, Any]) -> None:
    assert position.symbol == line["symbol"]
    assert position.side == {"Buy": "long", "Sell": "short"}[line["side"]]
    assert position.size == Decimal(line["size"])
    assert position.entry_price == Decimal(line["avgPrice"])
    assert position.mark_price == Decimal(line["markPrice"])
    assert position.venue_liquidation_price == number(line["liqPrice"])
    assert position.venue_maintenance_margin == number(line["positionMM"])
    assert position.initial_margin == number(line["positionIM"])
    assert position.leverage == number(line["leverage"])
    assert position.notional == number(line["positionValue"])
    assert position.adl_rank == int(line["adlRankIndicator"])


def test_a_real_wallet_without_a_needed_number_is_refused_and_says_which(recorded: Recording) -> None:
    for field in ("totalMarginBalance", "totalInitialMargin", "totalMaintenanceMargin"):
        raw = recorded.answer("fetchBalance")
        raw["result"]["list"][0][field] = ""
        with pytest.raises(VenueError) as caught:
            account_of(recorded, raw)
        assert caught.value.code == "venue.incomplete_answer"
        assert caught.value.details["missing"].endswith(field)


def test_the_real_margin_mode_and_ticker_are_read(recorded: Recording) -> None:
    assert read_mode(recorded.answer("fetchMarginMode")) == "REGULAR_MARGIN"
    raw = recorded.answer("fetchTicker")
    market = read_markets([("linear", raw)], frozenset({"BTCUSDT"}))["BTCUSDT"]
    line = raw["result"]["list"][0]
    assert (market.mark, market.index) == (Decimal(line["markPrice"]), Decimal(line["indexPrice"]))


def test_real_networks_read_as_their_strings_or_name_what_is_missing(recorded: Recording) -> None:
    raw = recorded.answer("fetchCurrencies")
    read, refused = 0, []
    for coin in raw["result"]["rows"]:
        if coin["coin"] not in ASSETS:
            continue
        asset = ASSETS[coin["coin"]]
        for line in coin["chains"]:
            try:
                network = withdraw_network(raw, asset.symbol, line["chain"], CONTEXT.server_time)
            except VenueError as error:
                assert error.code == "venue.incomplete_answer"
                assert not line[error.details["missing"].rsplit(".", maxsplit=1)[1]]
                refused.append(line["chain"])
                continue
            read += 1
            assert network.fee.to_decimal() == Decimal(line["withdrawFee"])
            assert network.minimum.to_decimal() == Decimal(line["withdrawMin"])
            assert (network.enabled, network.deposit_enabled) == (
                line["chainWithdraw"] == "1",
                line["chainDeposit"] == "1",
            )
            assert network.confirmations == int(line["confirmation"])
            digits = min(int(line["minAccuracy"]), asset.decimals)
            assert network.step.to_decimal() == Decimal(1).scaleb(-digits)
    assert read > 20
    assert "ZKSYNC" in refused


def test_a_real_transfer_is_read(recorded: Recording) -> None:
    raw = recorded.answer("fetchTransfers")
    line = raw["result"]["list"][0]
    wanted = InternalTransfer("unified", "funding", Amount.parse("10", USDT), CONTEXT.server_time)
    (receipt,) = transfers([raw], wanted)
    assert (receipt.venue_id, receipt.state) == (line["transferId"], "confirmed")
    assert int(receipt.at.timestamp() * 1000) == int(line["timestamp"])
