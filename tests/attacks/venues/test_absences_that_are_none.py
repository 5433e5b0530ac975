"""A history that hides a withdrawal of ours: ids cut or recased, other units of time, a clock far ahead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.venues.base import WithdrawRequest
from vault.venues.binance.account import Binance
from vault.venues.bybit import wallet as bybit_wallet
from vault.venues.bybit.paging import Listing, read_pages
from vault.venues.kraken.answers import seconds
from vault.venues.line.raw import Fields
from vault.venues.okx.account import Okx
from vault.venues.read_only.gate import MAX_PAGES, PAGE, Gate

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
OURS = "vault1234567890abcdef1234567890a"
COLD = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
HISTORY = {
    "binance": "sapiGetCapitalWithdrawHistory",
    "okx": "privateGetAssetWithdrawalHistory",
}


def binance_row(client_id: str | None, **changes: Any) -> dict[str, Any]:
    row = {
        "id": "b6ae", "amount": "0.2499", "transactionFee": "0.0001", "coin": "BTC", "status": 6,
        "address": COLD, "txId": "ab" * 32, "applyTime": "2026-01-31 05:00:10", "network": "BTC",
    }  # fmt: skip
    return {**row, **({} if client_id is None else {"withdrawOrderId": client_id}), **changes}


def okx_row(client_id: str | None, **changes: Any) -> dict[str, Any]:
    row = {
        "amt": "0.2499", "ccy": "BTC", "chain": "BTC-Bitcoin", "fee": "0.0001", "feeCcy": "BTC",
        "state": "2", "to": COLD, "ts": str(MS + 10_000), "txId": "ab" * 32, "wdId": "67485",
    }  # fmt: skip
    return {**row, **({} if client_id is None else {"clientId": client_id}), **changes}


class Venue:
    """Filters by the id it is asked for, as exchanges do, and shows everything when asked for none."""

    def __init__(self, exchange: str, *rows: dict[str, Any], ahead: timedelta = timedelta(0)) -> None:
        self.exchange, self.rows, self.ahead = exchange, rows, ahead
        self.verified = False

    def get(self, method: str, parameters: Any = None) -> Any:
        asked = dict(parameters or {})
        if method == "privateGetAccount":
            return {"uid": 1}
        if method == "privateGetAccountConfig":
            return {"code": "0", "data": [{"uid": "1", "acctLv": "3"}]}
        if method == "fapiPublicGetTime":
            return {"serverTime": MS + self.ahead // timedelta(milliseconds=1)}
        if method == "publicGetPublicTime":
            return {"code": "0", "data": [{"ts": str(MS + self.ahead // timedelta(milliseconds=1))}]}
        assert method == HISTORY[self.exchange]
        name = "withdrawOrderId" if self.exchange == "binance" else "clientId"
        listed = [row for row in self.rows if name not in asked or row.get(name) == asked[name]]
        return listed if self.exchange == "binance" else {"code": "0", "data": listed}


def account(venue: Venue) -> Any:
    @contextmanager
    def lend(_role: Any) -> Iterator[Any]:
        yield venue

    settings = VenueSettings(name="a", exchange=venue.exchange, account_uid="1")
    return {"binance": Binance, "okx": Okx}[venue.exchange](settings, lend, ManualClock(NOW))


def request(exchange: str) -> WithdrawRequest:
    return WithdrawRequest(
        OURS, "BTC", Amount.parse("0.25", BTC), {"binance": "BTC", "okx": "BTC-Bitcoin"}[exchange], COLD, "",
        "mainnet", NOW + timedelta(minutes=1), Amount.parse("0.0001", BTC),
    )  # fmt: skip


ROW = {"binance": binance_row, "okx": okx_row}


def search(venue: Venue) -> Any:
    return account(venue).search_withdrawal(request(venue.exchange), NOW - timedelta(minutes=5))


@pytest.mark.parametrize("theirs", [OURS.upper(), OURS[:20], "", None])
@pytest.mark.parametrize("exchange", ROW)
def test_our_payment_under_an_id_that_was_cut_recased_or_lost_is_for_a_person(
    exchange: str, theirs: str | None
) -> None:
    assert search(Venue(exchange, ROW[exchange](OURS))).found is not None
    with pytest.raises(VenueError) as caught:
        search(Venue(exchange, ROW[exchange](theirs)))
    assert caught.value.code == "venue.ambiguous_withdrawal"


@pytest.mark.parametrize("exchange", ROW)
def test_another_payment_without_an_id_and_one_with_another_s_id_are_not_ours(exchange: str) -> None:
    size = "amount" if exchange == "binance" else "amt"
    place = "address" if exchange == "binance" else "to"
    row = ROW[exchange]
    others = (
        row(None, **{size: "0.2498"}),
        row(None, **{place: "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"}),
        row("another1"),
    )
    assert search(Venue(exchange, *others)).found is None


@pytest.mark.parametrize("exchange", ROW)
def test_a_state_nobody_knows_counts_only_in_a_record_that_can_be_ours(exchange: str) -> None:
    row, odd = ROW[exchange], {"status": 9} if exchange == "binance" else {"state": "99"}
    size = "amount" if exchange == "binance" else "amt"
    for other in (row("another1", **odd), row(None, **odd, **{size: "0.3"})):
        assert search(Venue(exchange, other, row(OURS))).found is not None
        assert search(Venue(exchange, other)).found is None
    for ours in (row(OURS, **odd), row(None, **odd), row(OURS.upper(), **odd), row("", **odd, fee="0.1")):
        with pytest.raises(VenueError) as caught:
            search(Venue(exchange, ours))
        assert caught.value.code == "venue.unknown_status"


@pytest.mark.parametrize("exchange", ROW)
def test_a_venue_s_clock_that_runs_ahead_proves_no_absence(exchange: str) -> None:
    """Nothing is said of a request that may still be on its way, whatever time the venue announces."""
    late = NOW + timedelta(minutes=1)
    for ahead in (timedelta(0), timedelta(hours=1), timedelta(days=20)):
        found = search(Venue(exchange, ahead=ahead))
        assert found.found is None
        assert not found.proves_absence(late)
        assert not found.proves_absence(NOW - timedelta(seconds=50))


@pytest.mark.parametrize("value", [MS // 1000, MS * 1000, 0, -MS, 1, 10**12 - 1, 10**13])
def test_a_time_in_another_unit_is_a_bad_answer_and_not_long_ago(value: int) -> None:
    with pytest.raises(VenueError) as caught:
        Fields({"time": value}, "w").instant("time")
    assert caught.value.code == "venue.bad_answer"
    with pytest.raises(VenueError) as caught:
        seconds(Fields({"time": value if value != MS // 1000 else MS}, "w"), "time")
    assert caught.value.code == "venue.bad_answer"


def bybit_rows(*rows: dict[str, Any]) -> list[Any]:
    usual = {
        "coin": "BTC", "chain": "BTC", "amount": "0.2499", "withdrawFee": "0.0001", "withdrawType": 0,
        "status": "success", "toAddress": COLD, "tag": "", "withdrawId": "1", "createTime": str(MS),
        "updateTime": str(MS), "txID": "ab" * 32,
    }  # fmt: skip
    return [{"retCode": 0, "time": MS, "result": {"rows": [{**usual, **row} for row in rows]}}]


def test_a_record_to_elsewhere_need_not_be_understood_and_one_to_us_must() -> None:
    elsewhere = {"status": "BrandNew", "toAddress": "someone@example.com", "amount": "1e-12"}
    wanted = WithdrawRequest(
        OURS, "BTC", Amount.parse("0.25", BTC), "BTC", COLD, "", "mainnet", NOW, Amount.parse("0.0001", BTC)
    )
    other = {"status": "BrandNew", "amount": "0.3"}
    (found,) = bybit_wallet.withdrawals(bybit_rows(elsewhere, other, {}), "BTC", wanted)
    assert found.venue_id == "1"
    for odd in ({"status": "BrandNew"}, {"toAddress": ""}, {"createTime": str(MS // 1000)}):
        with pytest.raises(VenueError):
            bybit_wallet.withdrawals(bybit_rows(odd), "BTC", wanted)


@pytest.mark.parametrize("text", ["x" * 1001, "a\x1b[2J", "a\n", "\u202ebc1q", "\x9b", "\x00"])
def test_a_text_that_would_act_on_a_terminal_is_a_bad_answer(text: str) -> None:
    with pytest.raises(VenueError) as caught:
        Fields({"address": text}, "w").text("address")
    assert caught.value.code == "venue.bad_answer"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


class Pages:
    """Hands out pages of rows with cursors; what comes after them is empty."""

    def __init__(self, *pages: tuple[int, str]) -> None:
        self.pages, self.asked = list(pages), 0

    def get(self, _method: str, _parameters: Any) -> Any:
        self.asked += 1
        rows, cursor = self.pages.pop(0) if self.pages else (0, "")
        return {"retCode": 0, "time": MS, "result": {"list": [{}] * rows, "nextPageCursor": cursor}}


@pytest.mark.parametrize("pages", [[(3, "a"), (3, "b"), (1, "")], [(200, "a"), (20, "b"), (7, "b")]])
def test_short_pages_that_name_a_next_one_hide_nothing(pages: list[tuple[int, str]]) -> None:
    venue = Pages(*pages)
    listed = read_pages(cast("Any", venue), Listing("privateGetV5PositionList", {}, 200, "list"))
    assert listed.complete
    assert sum(len(page["result"]["list"]) for page in listed.pages) == sum(rows for rows, _ in pages)


def test_a_cursor_that_never_ends_is_no_whole_list() -> None:
    venue = Pages(*[(1, str(number)) for number in range(1000)])
    assert not read_pages(cast("Any", venue), Listing("privateGetV5PositionList", {}, 200, "list")).complete
    assert venue.asked <= 20


@pytest.mark.parametrize("held", [99, 100, 250])
def test_positions_of_gate_beyond_the_first_page_are_read(held: int) -> None:
    every = [{"contract": f"C{number}_USDT", "size": "1"} for number in range(held)]

    def get(_method: str, asked: dict[str, Any]) -> Any:
        return every[asked["offset"] : asked["offset"] + asked["limit"]]

    assert len(Gate._positions(cast("Any", SimpleNamespace(get=get)), "usdt")) == held


def test_positions_of_gate_without_end_are_refused() -> None:
    asked: list[Any] = []

    def get(_method: str, parameters: Any) -> Any:
        asked.append(parameters)
        return [{"contract": "BTC_USDT", "size": "1"}] * PAGE

    with pytest.raises(VenueError) as caught:
        Gate._positions(cast("Any", SimpleNamespace(get=get)), "usdt")
    assert (caught.value.code, len(asked)) == ("venue.incomplete_answer", MAX_PAGES)


def test_transfers_that_the_venue_counts_and_does_not_list_prove_nothing() -> None:
    from vault.venues.base import InternalTransfer

    transfer = InternalTransfer("futures", "spot", Amount.parse("1", BTC), NOW)
    for total, whole in ((0, True), (1, False), (100, False)):
        answer = {"rows": [], "total": total}
        asked = SimpleNamespace(get=lambda *_, answer=answer: answer)
        binance = account(Venue("binance"))
        assert binance.transfers(cast("Any", asked), transfer, NOW).complete is whole
