"""Recorded real Deribit answers: numbers equal the raw strings, absences are named. Skips without."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.recorded.deribit import currency_account, positions_account
from tests.recorded.fixtures import Recording
from tests.support.deribit_answers import CONTEXT, INSTRUMENTS, NOW, envelope, index, summary
from vault.codec import decode, encode
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.money import BTC, USDC, Amount
from vault.risk.contract import position_margin
from vault.risk.margin import contradictions
from vault.venues.deribit import wallet
from vault.venues.deribit.margin import AccountAnswers, margin_account

MARGIN_ACCOUNTS = (
    "BTC",
    "ETH",
    "USDC",
    "USDT",
    "SOL",
    "EURR",
    "XRP",
    "MATIC",
    "STETH",
    "USYC",
    "PAXG",
    "ETHW",
)


@pytest.fixture
def recorded(recording: Callable[[str], Recording]) -> Recording:
    return recording("deribit")


@pytest.mark.parametrize("currency", MARGIN_ACCOUNTS)
def test_every_real_margin_account_reads_as_its_strings(recorded: Recording, currency: str) -> None:
    raw = recorded.answer("fetchBalance")
    line = next(each for each in raw["result"]["summaries"] if each["currency"] == currency)
    account = currency_account(raw, currency)
    assert account.equity == Decimal(line["margin_balance"]) == Decimal(line["equity"])
    assert account.initial_margin == Decimal(line["initial_margin"])
    assert account.maintenance_margin == Decimal(line["maintenance_margin"])
    assert account.available_to_withdraw == Decimal(line["available_withdrawal_funds"])
    assert account.balance == Decimal(line["balance"])
    (held,) = account.collateral
    assert (held.asset, held.balance, held.max_withdraw) == (
        currency,
        Decimal(line["equity"]),
        Decimal(line["available_withdrawal_funds"]),
    )
    assert (account.mode, account.missing, account.flags) == ("segregated", (), ())


def test_real_margin_accounts_are_not_added_up(recorded: Recording) -> None:
    with pytest.raises(VenueError) as caught:
        margin_account(AccountAnswers(recorded.answer("fetchBalance"), envelope([])), CONTEXT)
    assert caught.value.code == "venue.margin_currency"


def read(recorded: Recording, currency: str) -> tuple[MarginAccount, dict[str, Any]]:
    raw = recorded.answer("fetchPositions")
    return positions_account(raw, currency), {line["instrument_name"]: line for line in raw["result"]}


@pytest.mark.parametrize(("currency", "count"), [("BTC", 1), ("ETH", 1), ("USDC", 4)])
def test_every_real_position_reads_as_its_strings(recorded: Recording, currency: str, count: int) -> None:
    account, lines = read(recorded, currency)
    assert len(account.positions) == count
    for position in account.positions:
        line = lines[position.symbol]
        size = line["size"] if position.inverse else line["size_currency"]
        assert position.size == abs(Decimal(size))
        assert position.side == ("long" if line["direction"] == "buy" else "short")
        assert position.entry_price == Decimal(line["average_price"])
        assert position.mark_price == Decimal(line["mark_price"])
        assert position.venue_maintenance_margin == Decimal(line["maintenance_margin"])
        assert position.initial_margin == Decimal(line["initial_margin"])
        assert position.leverage == Decimal(line["leverage"])
        liquidation = line["estimated_liquidation_price"]
        assert position.venue_liquidation_price == (None if liquidation is None else Decimal(liquidation))
    assert decode(encode(account), MarginAccount, what="account") == account


def test_real_margins_of_positions_follow_from_rates_and_slopes(recorded: Recording) -> None:
    """Within the digits that the venue writes, also where only its own number says the rate."""
    for currency in ("BTC", "ETH", "USDC"):
        account, _ = read(recorded, currency)
        for position in account.positions:
            ours = position_margin(position, position.mark_price)
            theirs = position.venue_maintenance_margin
            assert theirs is not None
            assert abs(ours - theirs) < Decimal("1e-9") + theirs * Decimal("1e-4")
        assert not [flag for flag in account.flags if flag.startswith(("maintenance", "size"))]


def test_positions_that_no_summary_speaks_of_contradict_it(recorded: Recording) -> None:
    account, _ = read(recorded, "USDC")
    assert [flag.split(":")[0] for flag in contradictions(account)] == ["maintenance_mismatch"]


def test_a_real_answer_without_its_instruments_is_refused_and_says_which(recorded: Recording) -> None:
    raw = recorded.answer("fetchPositions")
    summaries = envelope({"summaries": [summary("BTC")]})
    with pytest.raises(VenueError) as caught:
        margin_account(AccountAnswers(summaries, raw, (), {"BTC": index("1")}), CONTEXT, "BTC")
    assert caught.value.code == "venue.incomplete_answer"
    assert caught.value.details["missing"] == "instruments.BTC-PERPETUAL"


def test_real_networks_read_as_their_strings(recorded: Recording) -> None:
    raw = recorded.answer("fetchCurrencies")
    bitcoin = wallet.withdraw_network(raw, "BTC", "BTC", NOW)
    assert bitcoin.fee == Amount.parse("0.00001229", BTC)
    assert bitcoin.confirmations == 1
    coins = wallet.withdraw_network(raw, "USDC", "USDC", NOW)
    assert (coins.fee, coins.confirmations) == (Amount.parse("5", USDC), 50)
    for asset in ("ETH", "USDT", "SOL", "XRP"):
        assert wallet.withdraw_network(raw, asset, asset, NOW).fee.units > 0


def test_the_recorded_instruments_have_the_fields_that_are_read(recorded: Recording) -> None:
    markets = [line["info"] for line in recorded.markets.values()]
    futures = [line for line in markets if line["kind"] == "future"]
    assert futures
    wanted = set(INSTRUMENTS["BTC-PERPETUAL"]["result"])
    assert all(wanted <= set(line) for line in futures)
