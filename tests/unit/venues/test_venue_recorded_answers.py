"""Recorded real Binance answers: numbers equal the raw strings, absences are named. Skips without."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.money import BTC, Amount
from vault.venues.binance import wallet as binance_wallet
from vault.venues.binance.margin import AccountAnswers, margin_account
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import parse

NOW = datetime(2024, 7, 28, 10, 6, tzinfo=UTC)


@pytest.fixture
def recorded(shared_dir: Path) -> dict[str, Any]:
    path = shared_dir / "fixtures" / "ccxt" / "response" / "binance.json"
    if not path.is_file():
        pytest.skip(f"no recorded answers at {path}")
    return dict(json.loads(path.read_text())["methods"])


def answer(recorded: dict[str, Any], method: str, number: int = 0) -> Any:
    return parse(json.dumps(recorded[method][number]["httpResponse"]), what=method)


def read(account: Any, risk: Any, index: Any = None) -> MarginAccount:
    answers = AccountAnswers(account, risk, None, {"multiAssetsMargin": True}, index, ())
    return margin_account(answers, ReadingContext("main", "1", NOW, NOW + timedelta(seconds=1), 0))


def test_a_real_account_reads_as_its_strings(recorded: dict[str, Any]) -> None:
    raw = answer(recorded, "fetchPositions", 1)
    index = [{"symbol": f"{line['asset']}USD", "index": "1", "bidBuffer": "0"} for line in raw["assets"]]
    account = read(raw, answer(recorded, "fetchPositions"), index)
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


def test_without_index_prices_collateral_is_named_as_missing_not_worth_zero(recorded: dict[str, Any]) -> None:
    account = read(answer(recorded, "fetchPositions", 1), answer(recorded, "fetchPositions"))
    assert account.collateral == ()
    assert "collateral:USDT" in account.missing
    assert any(flag.startswith("equity_mismatch") for flag in account.flags)


def test_a_partial_account_is_refused_and_says_what_is_missing(recorded: dict[str, Any]) -> None:
    with pytest.raises(VenueError) as caught:
        read(answer(recorded, "fetchPositions", 2), [])
    assert caught.value.code == "venue.incomplete_answer"
    assert caught.value.details["missing"].startswith("account.")


def test_real_networks_read_as_their_strings(recorded: dict[str, Any]) -> None:
    raw = answer(recorded, "fetchCurrencies")
    line = next(
        n for coin in raw if coin["coin"] == "BTC" for n in coin["networkList"] if n["network"] == "BTC"
    )
    network = binance_wallet.withdraw_network(raw, "BTC", "BTC", NOW)
    assert network.fee == Amount.from_decimal(Decimal(line["withdrawFee"]), BTC)
    assert network.minimum == Amount.from_decimal(Decimal(line["withdrawMin"]), BTC)
    assert network.step == Amount.from_decimal(Decimal(line["withdrawIntegerMultiple"]), BTC)


def test_real_histories_are_read(recorded: dict[str, Any]) -> None:
    raw = answer(recorded, "fetchDeposits")[0]
    (deposit,) = binance_wallet.deposits([raw], raw["network"], raw["txId"], raw["address"])
    assert (deposit.state, deposit.unlocked, deposit.amount.to_decimal()) == ("credited", True, Decimal("10"))
    row = answer(recorded, "fetchWithdrawals")[0]
    (withdrawal,) = binance_wallet.withdrawals([{**row, "withdrawOrderId": "mine"}], "mine")
    assert (withdrawal.state, withdrawal.gross.to_decimal()) == ("completed", Decimal("10"))


def test_a_real_spot_account_is_read(recorded: dict[str, Any]) -> None:
    raw = answer(recorded, "fetchBalance")
    line = next(row for row in raw["balances"] if row["asset"] == "BTC")
    assert binance_wallet.spot_balance(raw, "BTC", NOW).free.to_decimal() == Decimal(line["free"])
