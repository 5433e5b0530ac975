"""A feed's memory: order, gaps, doubt, and REST having the last word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position
from vault.venues.feeds.reading import FeedReading, Part
from vault.venues.feeds.state import BEHIND, SILENT, FeedState

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
SKEW = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def state(*, opened: bool = True) -> FeedState:
    made = FeedState(
        "main", {"marks": frozenset({"mark"}), "account": frozenset({"balance", "position"})}, SKEW
    )
    if opened:
        for line in ("marks", "account"):
            made.opened(line, NOW)
    return made


def mark(price: str, seconds: float, received: float | None = None) -> Part:
    came = seconds if received is None else received
    return Part("mark", "BTCUSDT", "", Decimal(price), at(seconds), at(came))


def balance(amount: str, seconds: float) -> Part:
    return Part("balance", "USDT", "", Decimal(amount), at(seconds), at(seconds))


def held(size: str, seconds: float, side: str = "long") -> Part:
    return Part("position", "BTCUSDT", side, Decimal(size), at(seconds), at(seconds))


def account(seconds: float, *, size: str = "2", usdt: str = "100", price: str = "80000") -> MarginAccount:
    nothing: Any = None
    position = Position(
        symbol="BTCUSDT",
        base="BTC",
        side="long",
        size=Decimal(size),
        entry_price=Decimal(1),
        mark_price=Decimal(price),
        isolated=False,
        brackets=(),
        venue_liquidation_price=None,
        venue_maintenance_margin=None,
    )
    return MarginAccount(
        name="main",
        exchange="binance",
        uid="1",
        equity=Decimal(1),
        initial_margin=Decimal(0),
        maintenance_margin=Decimal(0),
        available_to_withdraw=nothing,
        collateral=(Collateral("USDT", Decimal(usdt), Decimal(1), Decimal(1), nothing),),
        positions=(position,),
        observed_at=at(seconds),
        received_at=at(seconds + 1),
        clock_skew_ms=0,
        missing=(),
        flags=(),
    )


def price(reading: FeedReading) -> Decimal | None:
    part = reading.part("mark", "BTCUSDT")
    return None if part is None else part.value


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=10))
def test_the_newest_part_stands_whatever_the_order_and_however_often_each_comes(
    order: list[int], again: list[int]
) -> None:
    made = state()
    for number in [*order, *again]:
        made.take("marks", [mark(str(100 + number), number, received=6)])
    assert price(made.reading(at(6))) == 105


def test_a_duplicate_and_a_late_part_change_nothing_and_are_counted() -> None:
    made = state()
    for part in (mark("1", 1), mark("2", 2), mark("2", 2), mark("1", 1)):
        made.take("marks", [part])
    reading = made.reading(at(2))
    assert (price(reading), reading.ignored) == (2, 2)


def test_nothing_is_current_before_the_line_follows() -> None:
    made = state(opened=False)
    made.take("marks", [mark("1", -1)])
    reading = made.reading(NOW)
    assert (reading.current, price(reading), reading.live) == ((), None, False)
    assert [part.value for part in reading.stale] == [1]
    made.opened("marks", NOW)
    assert price(made.reading(NOW)) is None  # it came before the line followed: something may lie between
    made.take("marks", [mark("3", 1)])
    assert price(made.reading(at(1))) == 3


def test_after_a_gap_nothing_is_current_until_it_is_heard_again() -> None:
    made = state()
    made.take("account", [balance("5", 1), held("1", 1)])
    made.take("marks", [mark("9", 1)])
    made.broken("account", "the venue ended the connection")
    reading = made.reading(at(2))
    assert reading.part("balance", "USDT") is None
    assert price(reading) == 9  # the other line is its own
    assert [line.why for line in reading.lines] == ["", "the venue ended the connection"]
    made.opened("account", at(3))
    made.take("account", [balance("7", 4)])
    reading = made.reading(at(4))
    assert [(part.kind, part.value) for part in reading.stale] == [("position", 1)]
    assert (reading.breaks, reading.part("balance", "USDT")) == (1, balance("7", 4))


def test_what_was_true_before_a_gap_is_taken_again_when_it_is_told_again() -> None:
    made = state()
    made.take("marks", [mark("9", 1)])
    made.broken("marks", "x")
    made.opened("marks", at(2))
    made.take("marks", [mark("9", 1, received=3)])
    assert price(made.reading(at(3))) == 9


def test_a_silent_line_is_not_current_however_fresh_its_last_part_looked() -> None:
    made = state()
    made.take("marks", [mark("9", 1)])
    made.heard("marks", at(1))
    just, later = at(1) + SILENT, at(1) + SILENT + timedelta(seconds=1)
    assert price(made.reading(just)) == 9
    reading = made.reading(later)
    assert (reading.lines[0].status, price(reading), reading.live) == ("silent", None, False)
    made.heard("marks", later)
    assert made.reading(later).lines[0].status == "live"


def test_a_line_that_brings_old_news_is_behind() -> None:
    made = state()
    late = (BEHIND + SKEW).total_seconds() + 1
    made.take("marks", [mark("9", 1, received=1 + late)])
    made.heard("marks", at(1 + late))
    reading = made.reading(at(1 + late))
    assert (reading.lines[0].status, price(reading)) == ("behind", None)
    made.take("marks", [mark("9.1", 1 + late)])
    assert price(made.reading(at(1 + late))) == Decimal("9.1")


@pytest.mark.parametrize(
    "part",
    [mark("9", 60, received=1), Part("balance", "USDT", "", Decimal(1), at(1), at(1))],
    ids=["from the future", "of another line"],
)
def test_what_cannot_be_true_is_refused_whole(part: Part) -> None:
    made = state()
    with pytest.raises(VenueError) as caught:
        made.take("marks", [mark("8", 1), part])
    assert caught.value.code == "venue.bad_answer"
    assert price(made.reading(at(1))) is None


def test_rest_fills_what_the_feed_has_not_heard() -> None:
    made = state()
    assert made.check(account(5)) == ()
    reading = made.reading(at(6))
    assert reading.live
    assert {(part.kind, part.value) for part in reading.current} == {
        ("balance", Decimal(100)),
        ("position", Decimal(2)),
        ("mark", Decimal(80000)),
    }


def test_what_rest_said_before_the_line_followed_is_not_current() -> None:
    made = state()
    made.check(account(-1))
    assert made.reading(at(1)).current == ()


@pytest.mark.parametrize(
    ("line", "part", "told"),
    [
        ("account", balance("90", 1), "balance USDT: the feed says 90, REST 100"),
        ("account", held("3", 1), "position BTCUSDT long: the feed says 3, REST 2"),
        ("account", held("1", 1, "short"), "position BTCUSDT short: the feed says 1, REST lists none"),
        ("marks", mark("70000", 4), "mark BTCUSDT: the feed says 70000, REST 80000"),
    ],
)
def test_where_rest_says_otherwise_it_is_flagged_and_rest_is_right(line: str, part: Part, told: str) -> None:
    made = state()
    made.take(line, [part])
    assert made.check(account(5)) == (told,)
    reading = made.reading(at(6))
    assert reading.contradictions == (told,)
    assert {each.name: each.status for each in reading.lines}[line] == "contradicted"
    assert not any(each.kind == part.kind for each in reading.current)
    values = {each.key: each.value for each in reading.stale}
    expected = {"balance": Decimal(100), "position": Decimal(2), "mark": Decimal(80000)}
    assert values[part.key] == (0 if part.leg == "short" else expected[part.kind])
    assert made.check(account(7)) == ()  # both agree again
    assert made.reading(at(8)).live


def test_what_the_feed_knows_later_than_rest_is_no_contradiction() -> None:
    made = state()
    made.take("account", [balance("90", 6), held("3", 6)])
    assert made.check(account(5)) == ()
    reading = made.reading(at(6))
    assert reading.part("balance", "USDT") == balance("90", 6)
    assert reading.part("position", "BTCUSDT", "long") == held("3", 6)


def test_marks_may_differ_by_what_a_market_moves() -> None:
    made = state()
    made.take("marks", [mark("79500", 4)])
    assert made.check(account(5)) == ()


def test_a_closed_position_agrees_with_a_list_without_it() -> None:
    made = state()
    made.take("account", [held("0", 1), balance("100", 1)])
    assert made.check(replace(account(5), positions=())) == ()


def test_a_feed_that_names_endless_contracts_is_refused() -> None:
    made = state()
    many = [Part("mark", f"X{number}", "", Decimal(1), NOW, NOW) for number in range(10_001)]
    with pytest.raises(VenueError):
        made.take("marks", many)


def test_what_no_line_brings_is_rests_alone() -> None:
    made = FeedState("main", {"marks": frozenset({"mark"})}, SKEW)
    made.opened("marks", NOW)
    assert made.check(account(5)) == ()
    assert {part.kind for part in made.reading(at(6)).current} == {"mark"}
