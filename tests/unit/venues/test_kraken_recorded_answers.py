"""Recorded real Kraken answers: numbers equal the raw strings, what is not margin is named. Skips without."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.recorded.fixtures import Recording
from tests.support.kraken_answers import (
    CONTEXT,
    account_answers,
    accounts,
    flex,
    futures,
    position,
    spot,
    without,
)
from vault.errors import VenueError
from vault.money import Amount, asset_of
from vault.risk.margin import maintenance_margin
from vault.venues.base import WithdrawRequest
from vault.venues.kraken import names, wallet
from vault.venues.kraken.answers import spot_rows
from vault.venues.kraken.margin import margin_account
from vault.venues.kraken.positions import Level, marginal, mark_price

Recordings = Callable[[str], Recording]

USDT = asset_of("USDT")
WAYS = spot([{"asset": "USDT", "method": "Tether USD (TRC20)", "network": "Tron", "minimum": "5"}])


def test_real_spot_margin_positions_are_named_and_never_taken_for_none(recording: Recordings) -> None:
    raw = recording("kraken").answer("fetchPositions")
    account = margin_account(account_answers(spot_positions=raw), CONTEXT)
    assert account.missing == tuple(f"spot_margin:{line['pair']}" for line in raw["result"])
    for name in ("result", "error"):
        with pytest.raises(VenueError):
            margin_account(account_answers(spot_positions=without(raw, (name,))), CONTEXT)
    with pytest.raises(VenueError):
        margin_account(account_answers(spot_positions=without(raw, ("result", 0, "pair"))), CONTEXT)


def test_a_real_withdrawal_reads_as_its_strings(recording: Recordings) -> None:
    raw = recording("kraken").answer("fetchWithdrawals")
    (line,) = raw["result"]
    gross = Amount.from_decimal(Decimal(line["amount"]) + Decimal(line["fee"]), USDT)
    wanted = WithdrawRequest(
        "", "USDT", gross, "Tron", line["info"], "", "mainnet", CONTEXT.server_time, None
    )
    (found,) = wallet.withdrawals(spot_rows(raw, "w"), WAYS, (), wanted)
    assert (found.venue_id, found.txid, found.address) == (line["refid"], line["txid"], line["info"])
    assert (found.amount.to_decimal(), found.fee.to_decimal()) == (
        Decimal(line["amount"]),
        Decimal(line["fee"]),
    )
    assert found.gross.to_decimal() == Decimal(line["amount"]) + Decimal(line["fee"])
    assert (found.network, found.state, found.raw_status) == (line["network"], "completed", line["status"])
    assert found.applied_at.timestamp() == int(line["time"])
    for name in set(line) - {"aclass", "txid", "key", "network"}:
        with pytest.raises(VenueError):
            rows = spot_rows(without(raw, ("result", 0, name)), "w")
            wallet.withdrawals(rows, WAYS, (), wanted)


def test_a_real_deposit_reads_as_its_strings(recording: Recordings) -> None:
    raw = recording("kraken").answer("fetchDeposits")
    (line,) = raw["result"]
    (found,) = wallet.deposits(spot_rows(raw, "d"), "USDT", "Tron", line["txid"])
    assert (found.state, found.unlocked, found.address) == ("credited", True, line["info"])
    assert found.amount.to_decimal() == Decimal(line["amount"])
    for name in set(line) - {"method", "aclass", "refid", "fee", "txid"}:
        with pytest.raises(VenueError):
            rows = spot_rows(without(raw, ("result", 0, name)), "d")
            wallet.deposits(rows, "USDT", "Tron", line["txid"])
    # Without its transaction it is nobody's deposit.
    untold = spot_rows(without(raw, ("result", 0, "txid")), "d")
    assert wallet.deposits(untold, "USDT", "Tron", line["txid"]) == ()


def test_every_recorded_asset_has_one_name(recording: Recordings) -> None:
    for recorded in ("kraken", "krakenfutures"):
        for code, currency in recording(recorded).currencies.items():
            if "." not in code:
                assert names.ours(currency["id"]) == code


def test_a_real_ticker_gives_the_mark_as_its_string(recording: Recordings) -> None:
    raw = recording("krakenfutures").answer("fetchFundingRates")
    line = raw["tickers"][0]
    alone = {**{name: raw[name] for name in ("result", "serverTime")}, "ticker": line}
    mark, at = mark_price(alone, line["symbol"])
    assert format(mark, "f") == line["markPrice"]
    assert at.isoformat(timespec="milliseconds").replace("+00:00", "Z") == raw["serverTime"]
    for name in ("markPrice", "symbol"):
        with pytest.raises(VenueError):
            mark_price(without(alone, ("ticker", name)), line["symbol"])


@pytest.mark.parametrize("market", ["BTC/USD:USD", "ETH/USD:USD", "DOGE/USD:USD", "BTC/USD:BTC"])
def test_real_margin_levels_give_their_own_margin(recording: Recordings, market: str) -> None:
    raw = recording("krakenfutures").market(market)
    symbol, inverse = raw["symbol"], raw["type"] == "futures_inverse"
    size = "700000" if inverse else "12"
    counted = "contracts" if inverse else "numNonContractUnits"
    levels = tuple(
        Level(Decimal(each[counted]), Decimal(each["maintenanceMargin"])) for each in raw["marginLevels"]
    )
    amount = Decimal(size) if inverse else Decimal(size) * 60_000
    stated = marginal(levels, amount)
    account = margin_account(
        account_answers(
            accounts=accounts(flex(maintenanceMargin=format(stated, "f"))),
            positions=futures(openPositions=[position(symbol, size, "60000")]),
            instruments=futures(instruments=[raw]),
            tickers={symbol: futures(ticker={"symbol": symbol, "markPrice": "60000"})},
        ),
        CONTEXT,
    )
    assert "brackets (marginLevels at the mark price)" in account.derived
    if inverse or account.positions[0].base == "BTC":
        assert abs(maintenance_margin(account, Decimal(0)) - stated) < Decimal("0.0001")
    if not inverse:
        (held,) = account.positions
        assert [bracket.floor for bracket in held.brackets] == [level.floor for level in levels]
        assert [bracket.rate for bracket in held.brackets] == [level.rate for level in levels]
