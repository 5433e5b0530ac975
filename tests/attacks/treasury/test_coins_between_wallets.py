"""Coins that stopped between two hops are counted, and go back from where they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.policy import policy_world as world
from vault.errors import DeniedError, PlanError
from vault.model import Collateral, Snapshot, SpotHolding, WaitingCoins
from vault.money import BTC, Amount
from vault.treasury import books, preconditions
from vault.treasury.plan import Move
from vault.treasury.requests import venue_return

AT = datetime(2026, 3, 1, tzinfo=UTC)
WAY = (Move("spot", "cash"), Move("cash", "flex"))


def btc(text: str) -> Amount:
    return Amount.parse(text, BTC)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An account at an exchange with a stop between margin and spot; a plan is what was built."""
    found = SimpleNamespace(spot=btc("0"), waiting=())
    settings = SimpleNamespace(name="main", exchange="kraken", product="", custody="venue")
    found.treasury = SimpleNamespace(venue=lambda name: settings)
    found.network = SimpleNamespace(name="regtest")
    found.venues = SimpleNamespace(
        spot_balance=lambda name, asset: SimpleNamespace(free=found.spot),
        read_account=lambda name: SimpleNamespace(waiting=found.waiting),
    )
    monkeypatch.setattr(venue_return, "make_plan", lambda desk, build: build())
    return found


def test_the_books_count_what_waits_at_a_stop_between_margin_and_spot() -> None:
    """Else coins between two hops would show as lost, and be found again later."""
    held = Collateral("BTC", Decimal("1.5"), Decimal(1), Decimal(1), None)
    waiting = (WaitingCoins("cash", "BTC", Decimal("0.25")), WaitingCoins("cash", "ETH", Decimal(9)))
    account = replace(world.account(), collateral=(held,), waiting=waiting)
    spot = (SpotHolding("main", btc("0.5"), btc("0.125"), AT),)
    snapshot = Snapshot("ours", AT, (account,), (), (), (), spot)
    assert books.places(snapshot) == {"venue:main": btc("2.375")}


def test_a_return_begins_at_the_wallet_nearest_to_margin_that_has_coins(desk: Any) -> None:
    desk.waiting = (WaitingCoins("cash", "BTC", Decimal("0.25")),)
    made: Any = venue_return.return_to_margin(desk, "main")
    assert (made.moves, made.returned) == (WAY[1:], btc("0.25"))
    desk.spot = btc("0.5")
    assert venue_return.return_to_margin(desk, "main") == made, "one wallet at a time"
    desk.waiting = ()
    made = venue_return.return_to_margin(desk, "main")
    assert (made.moves, made.returned) == (WAY, btc("0.5"))
    desk.spot = btc("0")
    with pytest.raises(DeniedError) as caught:
        venue_return.return_to_margin(desk, "main")
    assert caught.value.code == "denied.nothing_to_return"


def test_a_return_is_checked_against_the_wallet_that_it_leaves(desk: Any) -> None:
    desk.waiting = (WaitingCoins("cash", "BTC", Decimal("0.25")),)
    made: Any = venue_return.return_to_margin(desk, "main")
    preconditions.check_route(desk, made)
    preconditions.check_return(desk, made)
    desk.waiting, desk.spot = (), btc("9")
    with pytest.raises(PlanError) as caught:
        preconditions.check_return(desk, made)
    assert caught.value.code == "plan.balance_moved"


@pytest.mark.parametrize("moves", [(), (Move("spot", "flex"),), WAY[:1], (Move("flex", "cash"),)])
def test_no_other_way_is_a_return(desk: Any, moves: tuple[Move, ...]) -> None:
    desk.spot = btc("1")
    made: Any = replace(venue_return.return_to_margin(desk, "main"), moves=moves)  # type: ignore[type-var]
    with pytest.raises(PlanError) as caught:
        preconditions.check_route(desk, made)
    assert caught.value.code == "plan.route_differs"


def test_a_sweep_never_begins_half_way(desk: Any) -> None:
    desk.spot = btc("1")
    back: Any = venue_return.return_to_margin(desk, "main")
    half = (Move("cash", "spot"),)
    sweep = replace(back, action="sweep", kind="venue_withdrawal", moves=half)
    with pytest.raises(PlanError):
        preconditions.check_route(desk, sweep)
