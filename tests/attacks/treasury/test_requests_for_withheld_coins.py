"""Requests that name a coin which is frozen or in quarantine: asked for by its name it stays where it is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.coin_desk import CoinDesk, coin_of
from vault.bitcoin.transaction import OutPoint
from vault.errors import PlanError
from vault.store import records
from vault.treasury import coins, marks
from vault.treasury.requests import build

RATE = Decimal(2)


def refused(made: CoinDesk, *named: OutPoint) -> str:
    with pytest.raises(PlanError) as caught:
        build.consolidate(made.desk, "cold", named, RATE)
    with made.desk.store.read() as connection:
        assert not records.all_plans(connection)
    return caught.value.code


def spendable(made: CoinDesk) -> OutPoint:
    known = coins.of_wallet(made.desk, "cold").known()
    return next(each.coin.outpoint for each in known if each.state == "spendable")


def test_a_frozen_coin_is_not_consolidated_by_its_name(made: CoinDesk) -> None:
    mine = made.pay((made.address("cold", 6), 70_000))
    made.look()
    coin = coin_of(made, mine).outpoint
    marks.accept(made.desk, str(coin), "rent")
    marks.freeze(made.desk, str(coin), "set aside")
    assert refused(made, spendable(made), coin) == "plan.coin_frozen"


def test_a_coin_in_quarantine_is_not_consolidated_by_its_name(made: CoinDesk) -> None:
    """Dust among our coins in one transaction tells the sender which addresses are one wallet."""
    dust = made.pay((made.address("cold", 0), 1_000))
    made.look()
    assert refused(made, spendable(made), coin_of(made, dust).outpoint) == "plan.coin_quarantined"


def test_a_strangers_payment_that_waits_is_not_sped_up_with_our_coins(made: CoinDesk) -> None:
    """Their fee would be ours, and their coin among ours."""
    txid = made.pay((made.address("cold", 0), 60_000), blocks=0)
    made.look()
    with pytest.raises(PlanError) as caught:
        build.speed_up(made.desk, "cold", coin_of(made, txid).outpoint, Decimal(50))
    assert caught.value.code == "plan.coin_quarantined"
    with made.desk.store.read() as connection:
        assert not records.all_plans(connection)
