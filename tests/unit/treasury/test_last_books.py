"""Books that did not balance are remembered until a later comparison, made whole, says that they do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vault.clock import ManualClock
from vault.money import BTC, Amount
from vault.store.database import Store
from vault.treasury.books import BookLine, Books
from vault.treasury.last_books import TOTAL, Difference, Unbalanced, differences, keep, last
from vault.treasury.overview import overview

NOW = datetime(2026, 1, 31, tzinfo=UTC)
ZERO, HELD = Amount.zero(BTC), Amount(BTC, 800_000_000)


def books(more: int = 0, *, unread: tuple[str, ...] = (), unsettled: tuple[str, ...] = ()) -> Books:
    """One venue account that holds so many satoshi more, or less, than it should."""
    difference = Amount(BTC, more)
    line = BookLine("venue:trading", HELD, ZERO, ZERO, ZERO, HELD, HELD + difference, difference)
    return Books((line,), ZERO, ZERO, ZERO, HELD, HELD + difference, unsettled, unread)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", "desk-one", clock, create=True) as found:
        yield found


def known(store: Store) -> Unbalanced | None:
    with store.read() as connection:
        return last(connection)


@pytest.mark.parametrize(("more", "short"), [(200_000_000, False), (-1, True)])
def test_what_differs_is_kept_with_its_amount_until_the_books_balance(
    store: Store, clock: ManualClock, more: int, short: bool
) -> None:
    keep(store, NOW, books(more), whole=True)
    found = known(store)
    assert found == Unbalanced(NOW, (Difference("venue:trading", Amount(BTC, abs(more)), short),))
    assert found.short is short
    seen = overview(store, NOW + timedelta(seconds=32))
    assert seen.unbalanced == found
    assert "32 s ago" in found.line(seen.at)
    clock.advance(60)
    keep(store, clock.now(), books(), whole=True)
    assert known(store) is None
    assert overview(store, clock.now()).unbalanced is None
    store.verify()


@pytest.mark.parametrize("after", [books(unread=("wallet:cold",)), books(unsettled=("x/1/spend: unknown",))])
def test_books_that_were_not_compared_whole_take_nothing_back(
    store: Store, clock: ManualClock, after: Books
) -> None:
    keep(store, NOW, books(-5), whole=True)
    clock.advance(60)
    keep(store, clock.now(), after, whole=not after.unread)
    found = known(store)
    assert found is not None
    assert found.at == NOW


def test_a_newer_difference_takes_the_place_of_the_older(store: Store, clock: ManualClock) -> None:
    keep(store, NOW, books(-5), whole=True)
    clock.advance(60)
    keep(store, clock.now(), books(7), whole=True)
    found = known(store)
    assert found is not None
    assert (found.short, [each.amount.units for each in found.differences]) == (False, [7])


def test_books_that_always_balanced_write_nothing(store: Store) -> None:
    before = overview(store, NOW).journal
    keep(store, NOW, books(), whole=True)
    assert overview(store, NOW).journal == before


def test_totals_that_differ_while_every_place_fits_are_a_difference_too() -> None:
    line = books().lines[0]
    found = Books((line,), Amount(BTC, 3), ZERO, ZERO, HELD, HELD, (), ())
    assert differences(found, whole=True) == (Difference(TOTAL, Amount(BTC, 3), missing=False),)
    assert differences(found, whole=False) == ()


def test_the_advice_is_one_that_a_person_can_follow() -> None:
    surplus = Difference("venue:trading", Amount(BTC, 200_000_000), missing=False)
    assert surplus.line == "venue:trading 2.00000000 BTC too much"
    for part in ("no command books it", "history of trading at the venue", "where it came from", "withdrawn"):
        assert part in surplus.advice
    missing = Difference("wallet:cold", Amount(BTC, 1), missing=True)
    assert missing.line == "wallet:cold 0.00000001 BTC MISSING"
    for part in ("`vault wallet history cold`", "where it went", "brought back"):
        assert part in missing.advice
