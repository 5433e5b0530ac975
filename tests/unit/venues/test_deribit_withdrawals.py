"""What is asked of Deribit, what its receipt must say, and which record of its history is ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deribit_answers import CURRENCIES, NOW, envelope
from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.venues.base import WithdrawRequest
from vault.venues.common.reading import unix_milliseconds
from vault.venues.deribit import wallet
from vault.venues.deribit.account import PAGE, Deribit
from vault.venues.line.raw import Fields
from vault.venues.traits import traits_of

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
TXID = "ab" * 32
FEE = Amount.parse("0.00001229", BTC)
REQUEST = WithdrawRequest(
    client_id="intent-0001",
    asset="BTC",
    amount=Amount.parse("0.25001229", BTC),
    network="BTC",
    address=ADDRESS,
    tag="",
    bitcoin_network="regtest",
    not_after=NOW + timedelta(seconds=15),
    fee=FEE,
)
RECORD = {
    "id": 301, "currency": "BTC", "address": ADDRESS, "amount": Decimal("0.25"),
    "fee": Decimal("0.00001229"), "priority": Decimal("0.15"), "state": "unconfirmed",
    "transaction_id": None, "created_timestamp": unix_milliseconds(NOW),
    "updated_timestamp": unix_milliseconds(NOW), "confirmed_timestamp": None,
}  # fmt: skip


@dataclass
class Desk:
    """Answers a connection would bring; a history page by page."""

    records: list[dict[str, Any]] = field(default_factory=list)
    count: int | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def get(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        given = parameters or {}
        self.asked.append((method, given))
        if method == "publicGetGetCurrencies":
            return CURRENCIES
        start = given.get("offset", 0)
        rows = self.records[start : start + given.get("count", 10)]
        return envelope({"count": len(self.records) if self.count is None else self.count, "data": rows})


def account() -> Deribit:
    settings = VenueSettings(name="d", exchange="deribit", account_uid="57101")

    @contextmanager
    def none(role: Any) -> Iterator[Any]:
        raise AssertionError("no connection is opened here")
        yield

    return Deribit(settings, none, ManualClock(NOW))


def record(**changes: Any) -> dict[str, Any]:
    return {**RECORD, **changes}


def found(records: list[dict[str, Any]], request: WithdrawRequest = REQUEST, **more: Any) -> Any:
    since = NOW - timedelta(minutes=5)
    history = account().withdrawals(Desk(records, **more), request, since, NOW)  # type: ignore[arg-type]
    assert history.complete
    return history.found[0] if history.found else None


def test_a_record_with_our_nonce_is_found() -> None:
    status = found([record(nonce="intent-0001")])
    assert (status.venue_id, status.client_id) == ("301", "intent-0001")
    assert status.gross == REQUEST.amount


def test_a_record_without_a_nonce_is_told_by_its_details() -> None:
    status = found(
        [record(), record(id=302, amount=Decimal("0.26")), record(id=303, address="2N" + "1" * 33)]
    )
    assert (status.venue_id, status.client_id) == ("301", "intent-0001")


def test_two_records_with_the_same_details_are_for_a_person() -> None:
    with pytest.raises(VenueError) as caught:
        found([record(), record(id=302)])
    assert caught.value.code == "venue.ambiguous_withdrawal"
    with pytest.raises(VenueError) as caught:
        found([record(nonce="intent-0001"), record(id=302)])
    assert caught.value.code == "venue.ambiguous_withdrawal"


def test_a_record_with_another_s_nonce_is_another_s() -> None:
    assert found([record(nonce="intent-0002")]) is None
    assert found([record(nonce="intent-0002"), record(id=302, nonce="intent-0001")]).venue_id == "302"


@pytest.mark.parametrize(
    "changes",
    [{"amount": Decimal("0.26")}, {"address": "2N" + "1" * 33}, {"created_timestamp": 1_500_000_000_000}],
)
def test_our_nonce_on_other_details_is_for_a_person(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueError) as caught:
        found([record(nonce="intent-0001", **changes)])
    assert caught.value.code == "venue.ambiguous_withdrawal"


@pytest.mark.parametrize("seconds", [-600, 3600])
def test_a_record_of_another_time_is_not_ours(seconds: int) -> None:
    moment = unix_milliseconds(NOW + timedelta(seconds=seconds))
    assert found([record(created_timestamp=moment)]) is None


ODD = {"id": 302, "state": "shelved"}


@pytest.mark.parametrize(
    "changes", [{"nonce": "intent-0002"}, {"amount": Decimal("0.26")}, {"address": "2N" + "1" * 33}]
)
def test_a_status_of_a_record_that_cannot_be_ours_is_not_read(changes: dict[str, Any]) -> None:
    assert found([record(**ODD, **changes), record()]).venue_id == "301"
    assert found([record(**ODD, **changes)]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nonce": "intent-0001"},
        {"nonce": "intent-0001", "address": "2N" + "1" * 33},
        {"amount": Decimal("0.25001229")},
        {"fee": Decimal("0.00002")},
        {"address": None},
        {"amount": None},
        {"fee": None},
    ],
)
def test_a_status_of_a_record_that_may_be_ours_must_be_known(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueError) as caught:
        found([record(**ODD, **changes), record(id=303, amount=Decimal("0.26"))])
    assert caught.value.code == "venue.unknown_status"


def test_the_same_record_twice_is_one() -> None:
    assert found([record(), record()], count=1).venue_id == "301"


def test_a_fee_that_the_venue_changed_does_not_hide_the_record() -> None:
    status = found([record(fee=Decimal("0.00002"))])
    assert status.amount == REQUEST.amount - FEE
    assert status.fee == Amount.parse("0.00002", BTC)


def test_a_history_that_is_not_whole_proves_nothing() -> None:
    with pytest.raises(VenueError) as caught:
        found([], count=1)
    assert caught.value.code == "venue.history_incomplete"
    with pytest.raises(VenueError) as caught:
        found([record(nonce="intent-0001")], count=2)
    assert caught.value.code == "venue.history_incomplete"


def test_a_long_history_is_read_page_by_page() -> None:
    others = [record(id=1000 + number, amount=Decimal(number + 1)) for number in range(PAGE + 7)]
    desk = Desk([*others, record()])
    history = account().withdrawals(desk, REQUEST, NOW - timedelta(minutes=5), NOW)  # type: ignore[arg-type]
    assert [status.venue_id for status in history.found] == ["301"]
    assert [asked["offset"] for _, asked in desk.asked] == [0, PAGE]


def test_a_request_without_a_planned_fee_is_neither_sent_nor_looked_for() -> None:
    unplanned, network = replace(REQUEST, fee=None), wallet.withdraw_network(CURRENCIES, "BTC", "BTC", NOW)
    for call in (
        lambda: account().withdraw_order(unplanned, network),
        lambda: account().search_withdrawal(unplanned, NOW),
    ):
        with pytest.raises(VenueError) as caught:
            call()
        assert caught.value.code == "venue.fee_not_planned"


@given(units=st.integers(1, 10**12))
def test_what_is_asked_for_is_the_amount_without_the_fee_in_plain_digits(units: int) -> None:
    network = wallet.withdraw_network(CURRENCIES, "BTC", "BTC", NOW)
    request = replace(REQUEST, amount=Amount(BTC, units) + FEE)
    order = account().withdraw_order(request, network)
    text = str(order.parameters["amount"])
    assert Amount.parse(text, BTC) == Amount(BTC, units)
    assert set(text) <= set("0123456789.")
    assert order.parameters == {
        "currency": "BTC",
        "address": ADDRESS,
        "amount": text,
        "nonce": "intent-0001",
    }
    assert order.method in Deribit.SENDS


def test_a_fee_that_changed_since_the_plan_is_refused() -> None:
    network = wallet.withdraw_network(CURRENCIES, "BTC", "BTC", NOW)
    with pytest.raises(VenueError) as caught:
        account().withdraw_order(replace(REQUEST, fee=FEE + FEE), network)
    assert caught.value.code == "venue.fee_changed"


def test_a_tag_is_refused_because_nothing_would_carry_it() -> None:
    network = wallet.withdraw_network(CURRENCIES, "BTC", "BTC", NOW)
    with pytest.raises(VenueError) as caught:
        account().withdraw_order(replace(REQUEST, tag="7"), network)
    assert caught.value.code == "venue.tag_not_offered"


def test_a_receipt_must_be_of_what_was_asked_for() -> None:
    order = account().withdraw_order(REQUEST, wallet.withdraw_network(CURRENCIES, "BTC", "BTC", NOW))
    assert order.receipt(Fields(envelope(RECORD), "withdraw")) == "301"
    for changes in (
        {"amount": Decimal("0.26")},
        {"address": "2N" + "1" * 33},
        {"nonce": "intent-0002"},
        {"currency": "ETH"},
    ):
        with pytest.raises((VenueError, ValueError)):
            order.receipt(Fields(envelope(record(**changes)), "withdraw"))


@pytest.mark.parametrize("ours", ["a", "intent", "x" * 64])
def test_a_nonce_has_the_form_that_the_venue_takes(ours: str) -> None:
    ids = traits_of("deribit").client_ids
    assert ids is not None
    assert 8 <= len(ids.of(ours)) <= 128
    assert ids.of(ours) == ids.of(ours)


def test_the_send_is_a_get_and_stands_in_no_other_table() -> None:
    assert {"privateGetWithdraw"} == Deribit.SENDS
    assert not Deribit.SENDS & (Deribit.READS | Deribit.PUBLIC)
    endpoints = Deribit.endpoints()
    assert endpoints.kind("privateGetWithdraw") == "send"


def test_every_endpoint_is_one_that_the_library_has() -> None:
    import ccxt

    assert all(hasattr(ccxt.deribit, name) for name in Deribit.READS | Deribit.SENDS | Deribit.PUBLIC)
