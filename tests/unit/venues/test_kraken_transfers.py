"""Moves between Kraken's wallets: known by both their ends, never taken for absent when one is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.kraken_answers import NOW, futures, spot
from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VaultError, VenueError
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer
from vault.venues.kraken import transfers
from vault.venues.kraken.account import Kraken
from vault.venues.line.raw import Fields


def btc(text: str) -> Amount:
    return Amount.parse(text, BTC)


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(VaultError) as caught:
        call()
    return caught.value.code


def kraken() -> Kraken:
    settings = VenueSettings(name="desk", exchange="kraken", account_uid="AA/f")

    def lend(_role: Any) -> Any:
        raise AssertionError("nothing is asked")

    return Kraken(settings, lend, ManualClock(NOW))


def log(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"accountUid": "f", "logs": list(rows)}


def row(number: int, account: str, old: str, new: str, kind: str = "transfer", **more: Any) -> dict[str, Any]:
    return {
        "id": number, "booking_uid": "b", "asset": "xbt", "info": kind, "margin_account": account,
        "old_balance": old,
        "new_balance": new, "date": "2026-03-01T12:00:00.000Z", **more,
    }  # fmt: skip


def move(source: str = "flex", destination: str = "cash", amount: str = "0.3") -> InternalTransfer:
    return InternalTransfer(source, destination, btc(amount), NOW)


def ledger(
    subtype: str, amount: str, refid: str = "R1", moment: str = "1772366400.1234"
) -> dict[str, Fields]:
    line = {
        "refid": refid,
        "time": moment,
        "type": "transfer",
        "subtype": subtype,
        "asset": "XXBT",
        "amount": amount,
    }
    return {f"L{refid}": Fields(line, "ledger")}


def test_a_move_inside_has_both_its_ends_in_the_log() -> None:
    both = log(row(1, "flex", "0.6", "0.3"), row(2, "cash", "0", "0.3"))
    (found,) = transfers.matched(transfers.log_legs(both, btc("0.3")), move()).found
    assert (found.venue_id, found.state) == ("b/1", "confirmed")
    assert transfers.matched(transfers.log_legs(both, btc("0.3")), move("cash", "flex")).found == ()
    assert transfers.matched(transfers.log_legs(both, btc("0.3")), move(amount="0.30000001")).found == ()


def test_floating_point_balances_lose_no_move() -> None:
    noisy = log(row(1, "flex", "0.6", "0.29999999999999993"), row(2, "cash", "0.1", "0.40000000000000002"))
    assert len(transfers.matched(transfers.log_legs(noisy, btc("0.3")), move()).found) == 1


@pytest.mark.parametrize("kept", [0, 1])
def test_an_end_that_an_answer_leaves_out_makes_it_incomplete(kept: int) -> None:
    rows = [row(1, "flex", "0.6", "0.3"), row(2, "cash", "0", "0.3")]
    assert not transfers.matched(transfers.log_legs(log(rows[kept]), btc("0.3")), move()).complete


def test_a_move_to_spot_is_pending_until_it_arrived() -> None:
    legs = transfers.log_legs(log(row(1, "cash", "0.6", "0.3", "cross-exchange transfer")), btc("0.3"))
    wanted = move("cash", "spot")
    (pending,) = transfers.matched(legs, wanted).found
    assert pending.state == "pending"
    legs += transfers.ledger_legs(ledger("spotfromfutures", "0.3"), "BTC")
    (done,) = transfers.matched(legs, wanted).found
    assert done.state == "confirmed"


def test_what_arrived_without_having_left_is_incomplete() -> None:
    legs = transfers.ledger_legs(ledger("spotfromfutures", "0.3"), "BTC")
    assert not transfers.matched(legs, move("cash", "spot")).complete


def test_moves_of_another_kind_and_the_same_amount_are_told_apart() -> None:
    both = log(
        row(1, "flex", "0.6", "0.3"),
        row(2, "cash", "0", "0.3"),
        row(3, "cash", "0.3", "0", "cross-exchange transfer"),
        row(4, "cash", "0", "0.3", "cross-exchange transfer"),
    )
    legs = transfers.log_legs(both, btc("0.3"))
    legs += transfers.ledger_legs(ledger("spotfromfutures", "0.3"), "BTC")
    legs += transfers.ledger_legs(ledger("spottofutures", "-0.3", "R2"), "BTC")
    for way, venue_id in (
        (("flex", "cash"), "b/1"),
        (("cash", "spot"), "b/3"),
        (("spot", "cash"), "R2"),
    ):
        history = transfers.matched(legs, move(*way))
        assert [(each.venue_id, each.state) for each in history.found] == [(venue_id, "confirmed")]
        assert history.complete


def test_a_move_from_spot_is_known_by_the_ledger() -> None:
    legs = transfers.ledger_legs(ledger("spottofutures", "-0.3"), "BTC")
    (found,) = transfers.matched(legs, move("spot", "cash")).found
    assert (found.venue_id, found.state) == ("R1", "pending")
    assert code(lambda: transfers.ledger_legs(ledger("spottofutures", "0.3"), "BTC")) == "venue.bad_answer"
    assert transfers.ledger_legs(ledger("spotfromstaking", "0.3"), "BTC") == ()


def test_a_wallet_nobody_knows_is_not_passed_over() -> None:
    odd = log(row(1, "vault", "0.6", "0.3"))
    new = log(row(1, "flex", "0.6", "0.3", "wallet move"))
    assert code(lambda: transfers.log_legs(new, btc("0.3"))) == "venue.bad_answer"
    assert transfers.log_legs(new, btc("0.4")) == ()
    across = log(row(1, "flex", "0.6", "0.3", "cross-exchange transfer"))
    assert code(lambda: transfers.log_legs(across, btc("0.3"))) == "venue.bad_answer"
    assert code(lambda: transfers.log_legs(odd, btc("0.3"))) == "venue.bad_answer"
    assert transfers.log_legs(log(row(1, "flex", "1", "2", "futures trade")), btc("0.3")) == ()


@pytest.mark.parametrize(
    ("way", "method", "parameters"),
    [
        (
            ("flex", "cash"),
            "privatePostTransfer",
            {"fromAccount": "flex", "toAccount": "cash", "unit": "XBT", "amount": "0.00001"},
        ),
        (("cash", "spot"), "privatePostWithdrawal", {"currency": "XBT", "amount": "0.00001"}),
        (
            ("spot", "cash"),
            "privatePostWalletTransfer",
            {"asset": "XBT", "from": "Spot Wallet", "to": "Futures Wallet", "amount": "0.00001"},
        ),
    ],
)
def test_each_hop_has_its_own_order(way: tuple[str, str], method: str, parameters: dict[str, str]) -> None:
    order = kraken().transfer_order(move(*way, amount="0.00001"))
    assert (order.method, order.parameters) == (method, parameters)
    assert order.beside == ("" if way[0] == "spot" else "krakenfutures")
    answer = spot({"refid": "BOIUSIF"}) if way[0] == "spot" else futures()
    assert order.receipt(Fields(answer, "receipt")) == ""
    with pytest.raises(VenueError):
        order.receipt(Fields({"result": "error", "error": ["EFunding:Failed"]}, "receipt"))
