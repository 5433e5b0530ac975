"""What OKX is asked and told: few questions for many contracts, orders ready to leave, known endpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.support.okx_answers import (
    CONTEXT,
    DISCOUNTS,
    NOW,
    balance,
    config,
    envelope,
    instrument,
    position,
    tier,
)
from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.money import BTC, XRP, Amount
from vault.venues.base import InternalTransfer, WithdrawNetwork, WithdrawRequest
from vault.venues.line.connection import Connection
from vault.venues.line.raw import Fields
from vault.venues.okx.account import Okx, transfer_id

SETTINGS = VenueSettings(name="main", exchange="okx", account_uid="446556270")
TRANSFER = InternalTransfer("trading", "funding", Amount.parse("0.00000001", BTC), NOW)


def okx() -> Okx:
    return Okx(SETTINGS, cast("Any", None), ManualClock(NOW))


@dataclass
class Script:
    """A connection that answers from functions and keeps what it was asked."""

    answers: dict[str, Any]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def get(self, method: str, parameters: Any = None) -> Any:
        self.asked.append((method, dict(parameters or {})))
        answer = self.answers[method]
        return answer(dict(parameters or {})) if callable(answer) else answer

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)


def held(count: int) -> Script:
    """An account with positions in so many contracts, each of a family of its own."""
    names = [f"C{number}" for number in range(count)]
    contracts = {
        f"{name}-USDT-SWAP": instrument(
            f"{name}-USDT-SWAP", ctValCcy=name, uly=f"{name}-USDT", instFamily=f"{name}-USDT"
        )["data"][0]
        for name in names
    }
    marks = {name: {"instId": name, "markPx": "60000", "ts": "1788264000000"} for name in contracts}
    broken = {"instId": "ETH-USD_UM-SWAP", "state": "preopen"}

    def some(table: dict[str, Any]) -> Any:
        return lambda asked: (
            envelope(table[asked["instId"]]) if "instId" in asked else envelope(*table.values(), broken)
        )

    return Script(
        {
            "privateGetAccountConfig": config(),
            "privateGetAccountBalance": balance(notionalUsdForSwap=str(60_000 * count)),
            "privateGetAccountPositions": envelope(
                *(position(posId=name, instId=f"{name}-USDT-SWAP") for name in names)
            ),
            "privateGetAccountMaxWithdrawal": envelope(),
            "publicGetPublicInstruments": some(contracts),
            "publicGetPublicMarkPrice": some(marks),
            "publicGetPublicDiscountRateInterestFreeQuota": DISCOUNTS,
            "publicGetPublicPositionTiers": lambda asked: envelope(
                *(tier(name, 1, "0", "1000", "0.004") for name in asked["instFamily"].split(","))
            ),
        }
    )


@pytest.mark.parametrize(("count", "each", "tiers"), [(1, 1, 1), (4, 4, 1), (5, 1, 1), (20, 1, 4)])
def test_many_contracts_are_asked_for_at_once(count: int, each: int, tiers: int) -> None:
    script = held(count)
    account = okx().account(cast("Connection", script), CONTEXT)
    assert len(account.positions) == count
    assert all(len(item.brackets) == 1 for item in account.positions)
    assert account.flags == ()
    assert script.count("publicGetPublicInstruments") == each
    assert script.count("publicGetPublicMarkPrice") == each
    assert script.count("publicGetPublicPositionTiers") == tiers
    assert len(script.asked) <= 22


def test_every_question_stands_in_a_table_and_is_an_endpoint_of_the_library() -> None:
    import ccxt

    script = held(5)
    okx().account(cast("Connection", script), CONTEXT)
    assert {method for method, _ in script.asked} <= Okx.READS | Okx.PUBLIC
    known = ccxt.okx()
    for method in (Okx.READS | Okx.SENDS | Okx.PUBLIC) - set(Okx.UNNAMED):
        assert hasattr(known, method), method
    assert all("Post" in method for method in Okx.SENDS)
    assert not Okx.SENDS & (Okx.READS | Okx.PUBLIC)


def network(fee: str = "0.00002") -> WithdrawNetwork:
    return WithdrawNetwork(
        asset="BTC",
        network="BTC-Bitcoin",
        enabled=True,
        deposit_enabled=True,
        fee=Amount.parse(fee, BTC),
        minimum=Amount(BTC, 1),
        maximum=None,
        step=Amount(BTC, 1),
        confirmations=1,
        observed_at=NOW,
    )


def request(**changes: Any) -> WithdrawRequest:
    fields: dict[str, Any] = {
        "client_id": "intent1",
        "asset": "BTC",
        "amount": Amount.parse("0.25", BTC),
        "network": "BTC-Bitcoin",
        "address": "bc1q",
        "tag": "",
        "bitcoin_network": "mainnet",
        "not_after": NOW,
    }
    return WithdrawRequest(**{**fields, **changes})


def test_a_withdrawal_asks_for_what_is_to_arrive() -> None:
    order = okx().withdraw_order(request(), network())
    assert order.method in Okx.SENDS
    assert order.parameters == {
        "ccy": "BTC",
        "amt": "0.24998",
        "dest": "4",
        "toAddr": "bc1q",
        "chain": "BTC-Bitcoin",
        "clientId": "intent1",
    }


def test_a_tag_is_written_behind_the_address() -> None:
    order = okx().withdraw_order(
        request(asset="XRP", amount=Amount.parse("1", XRP), tag="7"),
        cast("Any", type("N", (), {"fee": Amount.parse("0.1", XRP), "asset": "XRP", "network": "X"})),
    )
    assert (order.parameters["toAddr"], order.parameters["amt"]) == ("bc1q:7", "0.9")


def test_a_transfer_has_an_id_of_its_own_for_each_attempt() -> None:
    order = okx().transfer_order(TRANSFER)
    assert order.parameters == {
        "type": "0",
        "ccy": "BTC",
        "amt": "0.00000001",
        "from": "18",
        "to": "6",
        "clientId": transfer_id(TRANSFER),
    }
    assert re.fullmatch(r"[0-9a-f]{32}", transfer_id(TRANSFER))
    later = InternalTransfer("trading", "funding", TRANSFER.amount, NOW + timedelta(milliseconds=1))
    back = InternalTransfer("funding", "trading", TRANSFER.amount, NOW)
    assert len({transfer_id(each) for each in (TRANSFER, later, back)}) == 3


@pytest.mark.parametrize("order", ["withdraw", "transfer"])
def test_a_receipt_without_its_id_is_no_receipt(order: str) -> None:
    made = (
        okx().withdraw_order(request(), network()) if order == "withdraw" else okx().transfer_order(TRANSFER)
    )
    name = "wdId" if order == "withdraw" else "transId"
    assert made.receipt(Fields.of(envelope({name: "67485"}), "receipt")) == "67485"
    for answer in (envelope(), envelope({}), envelope({name: ""}), {"code": "1", "data": [{name: "1"}]}):
        with pytest.raises(VenueError):
            made.receipt(Fields.of(answer, "receipt"))


# Searches


def withdrawal(**fields: Any) -> dict[str, Any]:
    return {
        "amt": "0.24998",
        "ccy": "BTC",
        "chain": "BTC-Bitcoin",
        "clientId": "intent1",
        "fee": "0.00002",
        "feeCcy": "BTC",
        "state": "2",
        "to": "bc1q",
        "ts": "1788264000000",
        "txId": "",
        "wdId": "67485",
        **fields,
    }


def history(first: list[Any], second: list[Any]) -> Script:
    """What the history says when asked by client id, and when not."""
    return Script(
        {
            "privateGetAssetWithdrawalHistory": lambda asked: envelope(
                *(first if "clientId" in asked else second)
            )
        }
    )


def searched(script: Script) -> Any:
    return okx().withdrawals(cast("Connection", script), request(), NOW - timedelta(hours=1), NOW)


def test_a_withdrawal_is_asked_for_by_its_id_and_once_more_without_when_that_finds_nothing() -> None:
    found = searched(script := history([withdrawal()], []))
    assert ([each.venue_id for each in found.found], len(script.asked)) == (["67485"], 1)
    assert script.asked[0][1] == {
        "ccy": "BTC",
        "type": "4",
        "before": "1788260399999",
        "limit": 100,
        "clientId": "intent1",
    }
    found = searched(script := history([], [withdrawal(clientId="other", state="?"), withdrawal()]))
    assert ([each.venue_id for each in found.found], len(script.asked)) == (["67485"], 2)
    found = searched(history([], []))
    assert (found.found, found.complete) == ((), True)


def test_a_full_page_is_not_the_whole_history() -> None:
    others = [withdrawal(clientId="other", wdId=str(number)) for number in range(100)]
    assert not searched(history([], others)).complete


def state(client_id: str, **fields: Any) -> dict[str, Any]:
    line = {"amt": "0.00000001", "ccy": "BTC", "from": "18", "to": "6", "state": "success", "transId": "9"}
    return {**line, "clientId": client_id, **fields}


def moves(bills: list[Any], states: dict[str, Any]) -> Script:
    def asked_state(asked: dict[str, Any]) -> Any:
        if asked["clientId"] not in states:
            raise VenueError("refused", "no such transfer", venue_code="58129")
        return envelope(states[asked["clientId"]])

    return Script({"privateGetAssetBills": envelope(*bills), "privateGetAssetTransferState": asked_state})


def bill(client_id: str, **fields: Any) -> dict[str, Any]:
    line = {"billId": "1", "ccy": "BTC", "balChg": "0.00000001", "type": "130", "ts": "1788264000000"}
    return {**line, "clientId": client_id, **fields}


def moved(script: Script, since: timedelta = timedelta(hours=1)) -> Any:
    return okx().transfers(cast("Connection", script), TRANSFER, NOW - since)


def test_a_transfer_is_found_by_bill_and_named_by_the_venue_s_id() -> None:
    ours = transfer_id(TRANSFER)
    found = moved(moves([bill(ours)], {ours: state(ours)})).found
    assert [(each.venue_id, each.state, each.at) for each in found] == [("9", "confirmed", NOW)]


@pytest.mark.parametrize(("said", "expected"), [("pending", "pending"), ("failed", "failed")])
def test_a_transfer_without_a_bill_is_found_by_our_own_id(said: str, expected: str) -> None:
    ours = transfer_id(TRANSFER)
    found = moved(moves([], {ours: state(ours, state=said)})).found
    assert [(each.venue_id, each.state) for each in found] == [("9", expected)]


def test_a_transfer_that_another_hand_made_is_listed_beside_ours() -> None:
    ours = transfer_id(TRANSFER)
    script = moves([bill("", billId="2"), bill(ours)], {ours: state(ours)})
    assert [each.venue_id for each in moved(script).found] == ["bill 2", "9"]


def test_no_transfer_is_none_and_bills_that_do_not_reach_back_are_no_proof() -> None:
    history = moved(moves([], {}))
    assert (history.found, history.complete) == ((), True)
    assert not moved(moves([], {}), timedelta(days=28)).complete
    assert not moved(moves([bill("", billId=str(n), balChg="1") for n in range(100)], {})).complete


def test_another_refusal_than_no_such_transfer_is_not_absence() -> None:
    def refuse(asked: dict[str, Any]) -> Any:
        raise VenueError("refused", "busy", venue_code="50013")

    script = Script({"privateGetAssetBills": envelope(), "privateGetAssetTransferState": refuse})
    with pytest.raises(VenueError):
        moved(script)


def test_another_token_under_the_same_name_is_refused_before_anything_is_sent() -> None:
    line = {
        "ccy": "USDT",
        "chain": "USDT-TRC20",
        "ctAddr": "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC",
        "needTag": False,
    }
    script = Script({"privateGetAssetCurrencies": envelope(line)})
    with pytest.raises(VenueError) as caught:
        okx().network(cast("Connection", script), "USDT", "USDT-TRC20")
    assert caught.value.code == "venue.other_token"
