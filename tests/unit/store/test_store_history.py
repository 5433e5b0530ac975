"""Market history in the store: the same bytes for the same history; nothing twice, nothing lost."""

from __future__ import annotations

import math
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from vault.clock import ManualClock
from vault.errors import MarketDataError, StoreError
from vault.series import DAY, HOUR, Candles, Fault, Provenance, Recorded, Series, SeriesKey
from vault.store import history, schema
from vault.store.database import Store
from vault.store.history import Appended
from vault.store.packing import pack, unpack

CLOCK = ManualClock(datetime(2026, 1, 31, 5, tzinfo=UTC))
FUNDING = SeriesKey("funding", "BTC", "binance", 8 * HOUR)
PRICE = SeriesKey("price", "BTC", "binance", HOUR)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path / 'vault.db'}", "ours", CLOCK, create=True)


def series(first: int, count: int, *, step: int = 8 * HOUR, value: float = 1e-4) -> Series:
    places = np.arange(first, first + count, dtype=np.int64)
    return Series(places * step, np.round(value * (places + 1), 8))


def candles(first: int, count: int) -> Candles:
    opens = np.arange(first, first + count, dtype=np.int64) * HOUR
    prices = np.round(40_000 + (opens // HOUR) * 0.25, 2)
    return Candles(opens, HOUR, prices, prices + 1, prices - 1, prices, np.full(count, 1.5))


def recorded(
    key: SeriesKey, data: Series | Candles, *faults: Fault, origin: str = "a.csv", licence: str = ""
) -> Recorded:
    return Recorded(key, data, Provenance(origin, licence), faults)


def keep(store: Store, *items: Recorded) -> list[Appended]:
    with store.write() as writer:
        return [history.append(writer, item) for item in items]


def loaded(store: Store, key: SeriesKey) -> Recorded:
    with store.read() as connection:
        return history.load(connection).recorded[key]


def rows(store: Store) -> list[tuple[object, ...]]:
    with store.read() as connection:
        found = connection.execute(select(schema.history).order_by(schema.history.c.period)).all()
        return [tuple(row) for row in found] + [
            tuple(row) for row in connection.execute(select(schema.history_origin))
        ]


NUMBERS = st.one_of(
    st.floats(allow_infinity=False),
    st.sampled_from([0.0, -0.0, math.nan, 5e-324, 1.7e308, 42283.58, 0.0001, 2**53 + 0.0]),
    st.integers(-(10**9), 10**9).map(lambda value: value / 10**4),
)


@given(st.dictionaries(st.integers(-(2**45), 2**45), NUMBERS, min_size=1, max_size=30))
def test_what_is_unpacked_is_what_was_packed_to_the_bit(points: dict[int, float]) -> None:
    times = np.array(sorted(points), dtype=np.int64)
    packed = Series(times, np.array([points[at] for at in times.tolist()], dtype=np.float64))
    found = unpack(pack(packed), 0)
    assert isinstance(found, Series)
    np.testing.assert_array_equal(found.times, packed.times)
    np.testing.assert_array_equal(found.values, packed.values)
    assert (
        np.signbit(found.values[found.values == 0]).tolist()
        == np.signbit(packed.values[packed.values == 0]).tolist()
    )
    assert pack(found) == pack(packed), "the same history, the same bytes"


@given(st.binary(max_size=80), st.integers(0, 60), st.integers(1, 255))
def test_damaged_bytes_are_refused_or_are_some_history_but_never_crash(
    noise: bytes, at: int, flip: int
) -> None:
    good = bytearray(pack(series(0, 20)))
    good[at % len(good)] ^= flip
    for data in (noise, bytes(good)):
        try:
            unpack(data, 0)
        except (StoreError, MarketDataError) as error:
            assert error.code in {"store.history_damaged", "market.bad_series"}


def test_a_history_comes_back_as_it_was_kept_across_periods(store: Store) -> None:
    with store:
        long = candles(-5000, 12_000)
        assert keep(store, recorded(PRICE, long, licence="MIT")) == [Appended(12_000, 0, 0)]
        found = loaded(store, PRICE)
        assert isinstance(found.data, Candles)
        for name in ("opens", "open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(getattr(found.data, name), getattr(long, name))
        assert (found.provenance.origin, found.provenance.licence) == ("a.csv", "MIT")


def test_repeating_an_import_changes_not_a_byte(store: Store) -> None:
    with store:
        item = recorded(FUNDING, series(0, 500), Fault("duplicate", 1, 0, "1 time twice"))
        keep(store, item)
        before = rows(store)
        assert keep(store, item) == [Appended(0, 500, 0)]
        assert keep(store, recorded(FUNDING, series(100, 50))) == [Appended(0, 50, 0)]
        assert rows(store) == before


def test_overlapping_imports_make_the_same_store_in_any_order(tmp_path: Path) -> None:
    parts = [series(0, 300), series(250, 300), series(900, 10)]
    stores = []
    for number, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 2, 0, 1))):
        with Store.open(f"sqlite:///{tmp_path / str(number)}.db", "ours", CLOCK, create=True) as store:
            for place in order:
                keep(store, recorded(FUNDING, parts[place]))
            with store.read() as connection:
                stores.append([row.data for row in connection.execute(select(schema.history))])
    assert stores[0] == stores[1] == stores[2]


def test_a_contradicted_point_stays_disputed_and_is_named(store: Store) -> None:
    with store:
        keep(store, recorded(FUNDING, series(0, 10)))
        other = series(0, 10)
        other = Series(other.times, np.where(other.times == 8 * HOUR, 0.03, other.values))
        assert keep(store, recorded(FUNDING, other, origin="b.csv")) == [Appended(0, 9, 1)]
        for again in (series(0, 10), other):
            assert keep(store, recorded(FUNDING, again)) == [Appended(0, 10, 0)]
        found = loaded(store, FUNDING)
        assert isinstance(found.data, Series)
        assert np.flatnonzero(np.isnan(found.data.values)).tolist() == [1]
        assert [(fault.kind, fault.count) for fault in found.faults] == [("contradiction", 1)]
        assert found.provenance.origin == "a.csv, b.csv"
        with store.read() as connection:
            (line,) = history.overview(connection)
        assert line.unusable == 1


def test_the_overview_knows_gaps_and_forgives_weekends(store: Store) -> None:
    hourly = candles(0, 100)
    holes = Candles(
        *(
            value if isinstance(value, int) else np.delete(value, [10, 11, 50])
            for value in (
                hourly.opens,
                hourly.step,
                hourly.open,
                hourly.high,
                hourly.low,
                hourly.close,
                hourly.volume,
            )
        )
    )
    days = np.array([day for day in range(100) if (day + 3) % 7 < 5], dtype=np.int64) * DAY
    weekdays = SeriesKey("close", "VIX", "cboe", DAY)
    with store:
        keep(store, recorded(PRICE, holes), recorded(weekdays, Series(days, np.ones(days.size))))
        with store.read() as connection:
            lines = {line.key: line for line in history.overview(connection)}
        assert [(fault.count, fault.detail) for fault in lines[PRICE].gaps] == [
            (2, "2 gaps, about 3 missing")
        ]
        assert lines[weekdays].gaps == ()
        assert lines[PRICE].points == 97
        assert 0 < lines[PRICE].bytes < 97 * 40


def test_only_what_is_asked_for_is_loaded(store: Store) -> None:
    eth = SeriesKey("funding", "ETH", "binance", 8 * HOUR)
    with store:
        keep(
            store,
            recorded(FUNDING, series(0, 9000)),
            recorded(eth, series(0, 10)),
            recorded(PRICE, candles(0, 9000)),
        )
        with store.read() as connection:
            assert set(history.load(connection, ["funding"]).recorded) == {FUNDING, eth}
            assert set(history.load(connection, names=["ETH"]).recorded) == {eth}
            part = history.load(connection, ["price"], None, 5000 * HOUR, 5010 * HOUR).recorded[PRICE].data
            assert isinstance(part, Candles)
            assert part.closes().times.tolist() == [hour * HOUR for hour in range(5001, 5011)]
            assert history.load(connection, start=10**15).recorded == {}
            everything = history.load(connection, ["funding"], ["BTC"], -(10**15), 10**15).recorded[FUNDING]
            assert len(everything.data) == 9000


def test_a_write_that_fails_half_way_leaves_nothing(store: Store) -> None:
    class FailedError(Exception):
        """Something went wrong meanwhile."""

    with store:
        with pytest.raises(FailedError), store.write() as writer:
            history.append(writer, recorded(FUNDING, series(0, 100)))
            raise FailedError
        assert rows(store) == []


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vault.db'}"
    Store.open(url, "ours", CLOCK, create=True).close()

    def work(first: int) -> None:
        with Store.open(url, "ours", CLOCK) as mine:
            for start in range(first, 400, 40):
                keep(mine, recorded(FUNDING, series(start, 20)))

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 20, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    with Store.open(url, "ours", CLOCK) as store:
        data = loaded(store, FUNDING).data
        assert isinstance(data, Series)
        np.testing.assert_array_equal(data.times, series(0, 400).times)
        assert not np.any(np.isnan(data.values))


def test_a_forgotten_history_is_gone_whole(store: Store) -> None:
    with store:
        keep(store, recorded(FUNDING, series(0, 9000)), recorded(PRICE, candles(0, 5)))
        with store.write() as writer:
            assert history.forget(writer, FUNDING) == 9000
            assert history.forget(writer, FUNDING) == 0
        with store.read() as connection:
            assert [line.key for line in history.overview(connection)] == [PRICE]


def test_a_damaged_row_is_named(store: Store, tmp_path: Path) -> None:
    with store:
        keep(store, recorded(FUNDING, series(0, 10)))
        with sqlite3.connect(tmp_path / "vault.db") as raw:
            raw.execute("UPDATE history SET data = x'00'")
        raw.close()
        with pytest.raises(StoreError) as caught, store.read() as connection:
            history.load(connection)
        assert caught.value.code == "store.history_damaged"


def test_candles_and_values_do_not_share_a_key(store: Store) -> None:
    with store:
        keep(store, recorded(PRICE, candles(0, 10)))
        with pytest.raises(MarketDataError):
            keep(store, recorded(PRICE, series(0, 10, step=HOUR)))


def test_an_hour_of_candles_takes_few_bytes() -> None:
    steps = np.random.default_rng(1).normal(0, 0.006, 4096)
    close = np.round(40_000 * np.exp(np.cumsum(steps)), 2)
    opens = np.arange(4096, dtype=np.int64) * HOUR
    volume = np.round(np.abs(steps) * 1e5, 5)
    made = Candles(opens, HOUR, close, np.round(close * 1.003, 2), np.round(close * 0.997, 2), close, volume)
    assert len(pack(made)) / 4096 < 16


def test_postgresql_has_the_tables_too() -> None:
    text = str(CreateTable(schema.history).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "data BYTEA NOT NULL" in text
    assert "step BIGINT NOT NULL" in text


def live(store: Store, data: Series) -> Appended:
    with store.write() as writer:
        return history.append(writer, recorded(FUNDING, data), live=True)


def test_an_import_can_only_add_to_the_time_before_the_program_asked_the_source_itself(store: Store) -> None:
    live(store, series(100, 20))
    (appended,) = keep(store, recorded(FUNDING, series(90, 40, value=2e-4)))
    assert (appended.new, appended.contradicted) == (10, 0)
    found = loaded(store, FUNDING)
    assert isinstance(found.data, Series)
    told = dict(zip(found.data.times.tolist(), found.data.values.tolist(), strict=True))
    for place in range(100, 120):
        assert told[place * 8 * HOUR] == round(1e-4 * (place + 1), 8)
    assert max(told) == 119 * 8 * HOUR
    assert [fault.kind for fault in found.faults] == ["out_of_range"]


def test_what_a_source_says_otherwise_today_stands_and_is_named(store: Store) -> None:
    live(store, series(100, 20))
    appended = live(store, series(110, 15, value=2e-4))
    assert (appended.new, appended.contradicted) == (5, 10)
    found = loaded(store, FUNDING)
    assert isinstance(found.data, Series)
    assert np.all(np.isfinite(found.data.values))
    assert found.data.values[-1] == round(2e-4 * 125, 8)
    assert [fault.kind for fault in found.faults] == ["contradiction"]


def test_two_imports_that_differ_still_dispute_each_other(store: Store) -> None:
    keep(store, recorded(FUNDING, series(0, 10)), recorded(FUNDING, series(0, 10, value=2e-4)))
    found = loaded(store, FUNDING)
    assert isinstance(found.data, Series)
    assert np.all(np.isnan(found.data.values))
