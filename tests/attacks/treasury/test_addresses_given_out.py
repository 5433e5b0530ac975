"""A receive address is given out once, after its device showed it, and found again by everybody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.coin_desk import CoinDesk, coin_of, give, state_of
from vault.address import network_of
from vault.bitcoin.transaction import OutPoint
from vault.errors import DeviceRefusedError, DocumentError, StoreError
from vault.treasury import coins, devices, marks, receive

REGTEST = network_of("regtest")


def test_no_address_is_given_out_twice(made: CoinDesk) -> None:
    give(made, 6)
    with pytest.raises(StoreError) as caught:
        give(made, 6)
    assert caught.value.code == "store.address_given"


def test_an_address_the_device_did_not_show_is_not_given_out(
    made: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def show(desk: Any, wallet: str, index: int, **options: Any) -> None:
        shown.append(index)
        if len(shown) == 1:
            raise DeviceRefusedError("refused", "the person said no")

    monkeypatch.setattr(devices, "show_address", show)
    with pytest.raises(DeviceRefusedError):
        receive.give_address(made.desk, "cold", "rent")
    given = [receive.give_address(made.desk, "cold", "") for _ in range(3)]
    # The wallet's coins lie at 0 and 1, and the address book has 4.
    assert shown == [2, 2, 3, 5]
    assert [each.place for each in given] == [2, 3, 5]
    assert [each.address for each in given] == [made.address("cold", index) for index in (2, 3, 5)]


def test_no_more_addresses_are_given_out_than_a_restored_wallet_finds(
    made: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "show_address", lambda *arguments, **options: None)
    with pytest.raises(StoreError) as caught:
        for _ in range(30):
            last = receive.give_address(made.desk, "cold", "")
    assert caught.value.code == "store.address_gap"
    assert last.place == 21
    with pytest.raises(DocumentError):
        receive.give_address(made.desk, "cold", "a \x1b[2J note")


def test_an_address_that_another_operator_gave_out_is_watched_here(made: CoinDesk) -> None:
    """Beyond the gap that a scan would look at by itself."""
    address = give(made, 24)
    txid = made.pay((address, 100_000))
    assert made.look().balanced
    assert state_of(made, txid) == "spendable"
    assert OutPoint(txid, coin_of(made, txid).outpoint.vout) not in coins.withheld(made.desk, "cold")


def test_a_coin_in_quarantine_does_not_wear_the_name_of_the_address_as_its_own(made: CoinDesk) -> None:
    address = give(made, 6, "rent")
    first, second = made.pay((address, 300_000)), made.pay((address, 300_000))
    made.look()
    assert (coin_of(made, first).label, coin_of(made, second).label) == ("rent", "address: rent")
    marks.set_label(made.desk, address, "rent of the shop")
    assert coin_of(made, second).label == "address: rent of the shop"
    marks.set_label(made.desk, str(coin_of(made, second).outpoint), "paid twice")
    assert (coin_of(made, second).label, state_of(made, second)) == ("paid twice", "quarantined")
    marks.accept(made.desk, str(coin_of(made, second).outpoint), "the tenant says so")
    marks.set_label(made.desk, str(coin_of(made, second).outpoint), "")
    assert coin_of(made, second).label == "rent of the shop"
