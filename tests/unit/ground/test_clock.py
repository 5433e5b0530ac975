"""Time is UTC, in milliseconds, and comes from one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.clock import ManualClock, SystemClock, from_iso, from_milliseconds, to_iso, to_milliseconds
from vault.errors import DocumentError

instants = st.integers(0, 4_102_444_800_000).map(from_milliseconds)


@given(instants)
def test_an_instant_reads_back_equal_as_text_and_as_milliseconds(instant: datetime) -> None:
    assert from_iso(to_iso(instant)) == instant
    assert from_milliseconds(to_milliseconds(instant)) == instant


@pytest.mark.parametrize("value", [-1, -999, -1000, -62_135_596_800_000])
def test_milliseconds_before_1970_keep_their_order(value: int) -> None:
    assert to_milliseconds(from_milliseconds(value)) == value


def test_writes_utc_whatever_the_zone() -> None:
    tokyo = datetime(2026, 1, 31, 9, 0, tzinfo=timezone(timedelta(hours=9)))
    assert to_iso(tokyo) == "2026-01-31T00:00:00.000Z"


def test_refuses_a_naive_instant() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_iso(datetime(2026, 1, 31))  # noqa: DTZ001 -- the naive one is the point


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T05:00:00Z",
        "2026-01-31T05:00:00.000",
        "2026-01-31T05:00:00.000+00:00",
        "2026-01-31 05:00:00.000Z",
        "2026-01-31T05:00:00.000000Z",
        "2026-01-31T05:00:00.0001Z",
        "2026-1-31T05:00:00.000Z",
        "2026-02-30T05:00:00.000Z",
        "2026-01-31T24:00:00.000Z",
        "2026-01-31T05:00:60.000Z",
        " 2026-01-31T05:00:00.000Z",
        "2026-01-31T05:00:00.000Z\n",
        "٢٠٢٦-01-31T05:00:00.000Z",
        "",
        "now",
    ],
)
def test_refuses_every_other_spelling(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        from_iso(text)
    assert caught.value.code == "document.bad_instant"


@pytest.mark.parametrize("value", [None, 5, 1769835600.0, b"2026-01-31T05:00:00.000Z"])
def test_refuses_what_is_no_text(value: object) -> None:
    with pytest.raises(DocumentError):
        from_iso(value)  # type: ignore[arg-type]


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
    before = clock.now()
    assert clock.now() == before
    clock.sleep(1.5)
    assert clock.now() - before == timedelta(seconds=1.5)


def test_the_system_clock_gives_what_reads_back_equal() -> None:
    now = SystemClock().now()
    assert from_iso(to_iso(now)) == now
