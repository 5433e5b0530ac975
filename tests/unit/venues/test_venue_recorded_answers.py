"""Recorded real Binance answers: numbers equal the raw strings, absences are named. Skips without."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.recorded.binance import NOW, read, unit_index
from tests.recorded.fixtures import Recording
from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.venues.binance import wallet as binance_wallet


@pytest.fixture
def recorded(recording: Callable[[str], Recording]) -> Recording:
    return recording("binance")


def test_a_real_account_reads_as_its_strings(recorded: Recording) -> None:
    raw = recorded.answer("fetchPositions", 1)
    account = read(raw, recorded.answer("fetchPositions"), unit_index(raw))
    assert account.equity == Decimal(raw["totalMarginBalance"])
    assert account.maintenance_margin == Decimal(raw["totalMaintMargin"])
    assert account.initial_margin == Decimal(raw["totalInitialMargin"])
    held = {
        line["asset"]: Decimal(line["walletBalance"])
        for line in raw["assets"]
        if Decimal(line["walletBalance"])
    }
    assert {item.asset: item.balance for item in account.collateral} == held
    assert account.positions[0].mark_price == Decimal("67502.68519858")
    assert account.positions[0].entry_price == Decimal("67445.9")
    assert account.missing == ("mark_price_time", "brackets:BTCUSDT", "leverage:BTCUSDT")


def test_without_index_prices_collateral_is_named_as_missing_not_worth_zero(recorded: Recording) -> None:
    account = read(recorded.answer("fetchPositions", 1), recorded.answer("fetchPositions"))
    assert account.collateral == ()
    assert "collateral:USDT" in account.missing
    assert any(flag.startswith("equity_mismatch") for flag in account.flags)


def test_a_partial_account_is_refused_and_says_what_is_missing(recorded: Recording) -> None:
    with pytest.raises(VenueError) as caught:
        read(recorded.answer("fetchPositions", 2), [])
    assert caught.value.code == "venue.incomplete_answer"
    assert caught.value.details["missing"].startswith("account.")


def test_real_networks_read_as_their_strings(recorded: Recording) -> None:
    raw = recorded.answer("fetchCurrencies")
    line = next(
        n for coin in raw if coin["coin"] == "BTC" for n in coin["networkList"] if n["network"] == "BTC"
    )
    network = binance_wallet.withdraw_network(raw, "BTC", "BTC", NOW)
    assert network.fee == Amount.from_decimal(Decimal(line["withdrawFee"]), BTC)
    assert network.minimum == Amount.from_decimal(Decimal(line["withdrawMin"]), BTC)
    assert network.step == Amount.from_decimal(Decimal(line["withdrawIntegerMultiple"]), BTC)


def test_real_histories_are_read(recorded: Recording) -> None:
    raw = recorded.answer("fetchDeposits")[0]
    (deposit,) = binance_wallet.deposits([raw], raw["coin"], raw["network"], raw["txId"], raw["address"])
    assert (deposit.state, deposit.unlocked, deposit.amount.to_decimal()) == ("credited", True, Decimal("10"))
    row = recorded.answer("fetchWithdrawals")[0]
    (withdrawal,) = binance_wallet.withdrawals([{**row, "withdrawOrderId": "mine"}], "mine")
    assert (withdrawal.state, withdrawal.gross.to_decimal()) == ("completed", Decimal("10"))


def test_a_real_spot_account_is_read(recorded: Recording) -> None:
    raw = recorded.answer("fetchBalance")
    line = next(row for row in raw["balances"] if row["asset"] == "BTC")
    assert binance_wallet.spot_balance(raw, "BTC", NOW).free.to_decimal() == Decimal(line["free"])
