"""Margin truth under attack: impossible sizes, things twice, a position in one answer only, old prices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from vault.clock import SystemClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import Bracket, Collateral, MarginAccount, Position
from vault.secrets import Secret
from vault.venues.binance.account import Binance
from vault.venues.binance.margin import amount_flags
from vault.venues.common.sanity import checked
from vault.venues.line.connection import Connection
from vault.venues.line.raw import Fields, parse

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
ONE, TWO = Decimal(1), Decimal(2)
POSITION = Position(
    "BTCUSDT", "BTC", "long", ONE, Decimal(60_000), Decimal(61_000), False,
    (Bracket(Decimal(0), None, Decimal("0.004"), Decimal(0)),), None, Decimal(240), settle="USDT",
)  # fmt: skip
COIN = Collateral("BTC", TWO, Decimal(61_000), Decimal("0.95"), ONE)
ACCOUNT = MarginAccount(
    "a", "binance", "1", Decimal(100_000), Decimal(6000), Decimal(240), None, (COIN,), (POSITION,), NOW, NOW,
    0, (), (),
)  # fmt: skip


def test_an_ordinary_account_passes_as_it_is() -> None:
    assert checked(ACCOUNT) is ACCOUNT
    debt = replace(COIN, balance=Decimal(-5), borrowed=Decimal(5), debt_ratio=ONE)
    assert checked(replace(ACCOUNT, equity=Decimal(-1), collateral=(debt,))).equity == -1
    short = replace(POSITION, side="short")
    assert checked(replace(ACCOUNT, positions=(POSITION, short, replace(POSITION, isolated=True))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": Decimal(-1)},
        {"size": Decimal(0)},
        {"mark_price": Decimal(0)},
        {"mark_price": Decimal(-61_000)},
        {"entry_price": Decimal(0)},
        {"venue_maintenance_margin": Decimal(-240)},
        {"initial_margin": Decimal(-1)},
        {"brackets": (Bracket(Decimal(0), None, Decimal("-0.004"), Decimal(0)),)},
        {"brackets": (Bracket(Decimal(0), None, Decimal(4), Decimal(0)),)},
        {"brackets": (Bracket(Decimal(10), Decimal(5), Decimal("0.004"), Decimal(0)),)},
    ],
)
def test_a_position_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(VenueError) as caught:
        checked(replace(ACCOUNT, positions=(replace(POSITION, **wrong),)))
    assert caught.value.code == "venue.bad_answer"


@pytest.mark.parametrize(
    "wrong",
    [
        {"maintenance_margin": Decimal(-1)},
        {"initial_margin": Decimal(-1)},
        {"positions": (POSITION, replace(POSITION, size=TWO))},
        {"collateral": (COIN, replace(COIN, balance=ONE))},
        {"collateral": (replace(COIN, price=Decimal(0)),)},
        {"collateral": (replace(COIN, price=Decimal(-1)),)},
        {"collateral": (replace(COIN, ratio=Decimal("1.5")),)},
        {"collateral": (replace(COIN, ratio=Decimal("-0.1")),)},
    ],
)
def test_an_account_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(VenueError) as caught:
        checked(replace(ACCOUNT, **wrong))
    assert caught.value.code == "venue.bad_answer"


def test_no_maintenance_margin_beside_an_open_position_is_told() -> None:
    (flag,) = checked(replace(ACCOUNT, maintenance_margin=Decimal(0))).flags
    assert flag.startswith("maintenance_zero")
    assert checked(replace(ACCOUNT, maintenance_margin=Decimal(0), positions=())).flags == ()


@pytest.mark.parametrize(
    "text",
    [
        "1e400",
        "-1e400",
        '"1e400"',
        "NaN",
        "Infinity",
        '"NaN"',
        '"1,5"',
        '"0x10"',
        "true",
        '"٣"',
        '" 1"',
        "[1]",
    ],
)
def test_a_number_that_is_none_is_a_bad_answer(text: str) -> None:
    with pytest.raises(VenueError) as caught:
        Fields.of(parse('{"n": ' + text + "}", what="w"), "w").decimal("n")
    assert caught.value.code == "venue.bad_answer"


@pytest.mark.parametrize("digits", [5000, 100_000])
def test_a_number_of_endless_digits_is_a_bad_answer_at_once(digits: int) -> None:
    for text in ("9" * digits, f'"{"9" * digits}"', "0." + "1" * digits):
        with pytest.raises(VenueError) as caught:
            Fields.of(parse('{"n": ' + text + "}", what="w"), "w").integer("n")
        assert caught.value.code == "venue.bad_answer"


def test_a_position_that_one_answer_leaves_out_is_told() -> None:
    here = (Fields({"symbol": "BTCUSDT", "positionAmt": "-3"}, "a"),)
    assert amount_flags(here, here) == []
    assert amount_flags(here, ())[0].startswith("positions_mismatch")
    other = (Fields({"symbol": "BTCUSDT", "positionAmt": "3"}, "r"),)
    assert amount_flags(here, other)[0].startswith("positions_mismatch")


@contextmanager
def portfolio() -> Iterator[tuple[Binance, VenueControl]]:
    """A portfolio margin account that is short bitcoin in USD-M and in COIN-M."""
    with VenueServer("binance") as server:
        control = VenueControl(server.url)
        uid = control.create_account(
            "main",
            mode="portfolio",
            keys=[{"key": "read-key", "secret": "read-secret"}],
            wallets={"portfolio": {"USDT": "500000", "BTC": "2"}},
            positions=[
                {"symbol": "BTCUSDT", "quantity": "-1", "entry_price": "60000", "leverage": 10},
                {"symbol": "BTCUSD_PERP", "quantity": "-150", "entry_price": "60000", "leverage": 10},
            ],
        )
        settings = VenueSettings(
            name="a", exchange="binance", product="portfolio", account_uid=str(uid), url=server.url,
            timeout_seconds=5, max_clock_skew_ms=60_000,
        )  # fmt: skip
        keys = {"key": Secret("read-key"), "secret": Secret("read-secret")}

        @contextmanager
        def lend(_role: Any) -> Iterator[Connection]:
            yield Connection(settings, keys, SystemClock(), Binance.endpoints())

        yield Binance(settings, lend, SystemClock()), control


def test_portfolio_margin_with_a_coin_margined_position_is_read() -> None:
    """What the venue answers of such a position says nothing of its margin mode: it is cross."""
    with portfolio() as (account, _):
        read = account.read_account()
    assert read.flags == ()
    by_name = {position.symbol: position for position in read.positions}
    assert (by_name["BTCUSD_PERP"].side, by_name["BTCUSD_PERP"].size) == ("short", 15_000)
    assert not any(position.isolated for position in read.positions)
    assert all(position.venue_maintenance_margin for position in read.positions)


def test_portfolio_margin_of_a_frozen_venue_shows_its_age() -> None:
    with portfolio() as (account, control):
        control.clock(offset_ms=-500)
        control.freeze()
        before = account.read_account().observed_at
        control.clock(offset_ms=0)
        assert account.read_account().observed_at == before


@pytest.mark.parametrize("path", ["/papi/v1/um/positionRisk", "/papi/v1/cm/positionRisk"])
def test_a_position_that_portfolio_margin_leaves_out_is_told(path: str) -> None:
    with portfolio() as (account, control):
        control.fault("partial_answer", path, count=1)
        assert any(flag.startswith("positions_mismatch") for flag in account.read_account().flags)
