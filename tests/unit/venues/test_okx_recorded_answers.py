"""Recorded real OKX answers: numbers equal the raw strings, absences are named. Skips without."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.recorded.fixtures import Recording
from tests.recorded.okx import instruments as contracts
from tests.recorded.okx import read
from tests.support.okx_answers import NOW
from vault.errors import VenueError
from vault.money import Amount, asset_of
from vault.venues.okx import wallet
from vault.venues.okx.margin import read_mode

POSITIONS = [("fetchPositions", 0), ("fetchPosition", 0), ("fetchPosition", 1)]


@pytest.fixture
def recorded(recording: Callable[[str], Recording]) -> Recording:
    return recording("okx")


@pytest.fixture
def instruments(recorded: Recording) -> tuple[Any, ...]:
    return contracts(recorded)


def test_a_real_balance_reads_as_its_strings(recorded: Recording) -> None:
    raw = recorded.answer("fetchBalance", 1)
    line, account = raw["data"][0], read(raw)
    assert account.equity == Decimal(line["adjEq"])
    assert account.initial_margin == Decimal(line["imr"])
    assert account.maintenance_margin == Decimal(line["mmr"])
    assert account.open_order_margin == Decimal(line["ordFroz"])
    assert account.ratio is not None
    assert (account.ratio.value, account.ratio.bad) == (Decimal(line["mgnRatio"]), "down")
    balances = {item["ccy"]: Decimal(item["cashBal"]) for item in line["details"]}
    assert {item.asset: item.balance for item in account.collateral} == balances
    debts = {item["ccy"]: Decimal(item["liab"]) for item in line["details"]}
    assert {item.asset: item.borrowed for item in account.collateral} == debts
    assert account.flags == ()
    assert [name for name in account.missing if ":" not in name] == ["available_to_withdraw"]


def test_a_real_balance_s_prices_and_haircuts_are_derived_and_fit_the_strings(
    recorded: Recording,
) -> None:
    raw = recorded.answer("fetchBalance", 1)
    account = read(raw)
    for item, line in zip(account.collateral, raw["data"][0]["details"], strict=True):
        worth = item.price * Decimal(line["eq"])
        assert abs(worth - Decimal(line["eqUsd"])) <= Decimal("1e-9") * Decimal(line["eqUsd"])
        assert abs(worth * item.ratio - Decimal(line["disEq"])) <= Decimal("1e-9") * worth
        assert {f"price:{item.asset}", f"ratio:{item.asset}"} <= set(account.derived)
    assert account.collateral[1].ratio == Decimal("0.98")


@pytest.mark.parametrize(("method", "number"), POSITIONS)
def test_real_positions_read_as_their_strings(
    recorded: Recording, instruments: tuple[Any, ...], method: str, number: int
) -> None:
    raw = recorded.answer(method, number)
    line = raw["data"][0]
    account = read(recorded.answer("fetchBalance", 1), raw, instruments)
    (found,) = account.positions
    assert (found.symbol, found.side) == (line["instId"], line["posSide"])
    assert found.entry_price == Decimal(line["avgPx"])
    assert found.mark_price == Decimal(line["markPx"])
    assert found.venue_maintenance_margin == Decimal(line["mmr"])
    assert found.notional == Decimal(line["notionalUsd"])
    assert (found.leverage, found.adl_rank) == (Decimal(line["lever"]), int(line["adl"]))
    for ours, theirs in (
        (found.initial_margin, line["imr"]),
        (found.isolated_margin, line["margin"]),
        (found.venue_liquidation_price, line["liqPx"]),
    ):
        assert ours == (Decimal(theirs) if theirs else None)
    contract = next(each["data"][0] for each in instruments if each["data"][0]["instId"] == found.symbol)
    assert found.size == Decimal(line["pos"]) * Decimal(contract["ctVal"])
    assert f"brackets:{found.symbol}" in account.missing


def test_a_real_position_that_does_not_fit_its_contract_is_flagged(
    recorded: Recording, instruments: tuple[Any, ...]
) -> None:
    # It was recorded when a contract was a thousandth of a coin; the contract of today is a whole one.
    account = read(recorded.answer("fetchBalance", 1), recorded.answer("fetchPositions"), instruments)
    assert any(flag.startswith("notional_mismatch LTC-USDT-SWAP") for flag in account.flags)


def test_a_real_position_without_its_contract_is_refused(recorded: Recording) -> None:
    with pytest.raises(VenueError) as caught:
        read(recorded.answer("fetchBalance", 1), recorded.answer("fetchPositions"))
    assert caught.value.details["missing"] == "instruments.LTC-USDT-SWAP"


def test_a_real_funding_balance_is_of_an_asset_we_do_not_move(recorded: Recording) -> None:
    raw = recorded.answer("fetchBalance")
    assert wallet.funding_balance(raw, "BTC", NOW).free.units == 0
    assert raw["data"][0]["ccy"] == "TUSD"


def test_a_real_configuration_says_mode_account_and_rights(recorded: Recording) -> None:
    raw = recorded.answer("fetchAccounts")
    assert read_mode(raw) == "spot"
    found = wallet.key_permissions(raw, "read")
    assert found.account_uid == raw["data"][0]["uid"]
    assert (found.can_read, found.can_trade, found.can_withdraw) == (True, True, True)
    assert found.ip_restricted is False


def test_every_real_chain_of_a_known_asset_reads_as_its_strings(recorded: Recording) -> None:
    raw = recorded.answer("fetchCurrencies")
    count = 0
    for line in raw["data"]:
        if line["ccy"] not in {"BTC", "ETH", "USDT", "USDC", "XRP"}:
            continue
        kind = asset_of(line["ccy"])
        try:
            found = wallet.withdraw_network(raw, line["ccy"], line["chain"], NOW)
        except VenueError as error:
            assert error.code == "venue.bad_answer", line["chain"]  # a fee finer than the asset
            continue
        assert found.fee == Amount.parse(line["fee"], kind)
        assert found.minimum == Amount.parse(line["minWd"], kind)
        assert (found.enabled, found.deposit_enabled) == (line["canWd"], line["canDep"])
        count += 1
    assert count > 10


@pytest.mark.parametrize(
    ("number", "asset", "network"),
    [(0, "USDT", "USDT-TRC20"), (1, "ETH", "ETH-ERC20"), (0, "USDT", "USDT-TON")],
)
def test_real_deposit_addresses_credit_the_trading_account(
    recorded: Recording, number: int, asset: str, network: str
) -> None:
    raw = recorded.answer("fetchDepositAddress", number)
    selected = [line for line in raw["data"] if line["chain"] == network and line["selected"]]
    found = wallet.deposit_place(raw, asset, network)
    assert (found.address, found.wallet) == (selected[0]["addr"], "trading")
    assert found.tag == selected[0].get("addrEx", {}).get("comment", "")
