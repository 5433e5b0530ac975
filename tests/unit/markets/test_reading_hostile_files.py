"""Files that are damaged, too large or built to harm end in a named reason; nothing is guessed."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vault.clock import from_iso, to_milliseconds
from vault.errors import MarketDataError
from vault.markets.reading import limits
from vault.markets.reading.files import FileReport, read_file, read_folder
from vault.markets.reading.text import read_text
from vault.series import Candles

NOW = to_milliseconds(from_iso("2026-02-15T00:00:00.000Z"))
GOOD = "date,gold\n2024-01-02,2064.4\n2024-01-03,2034.2\n"


def report_of(folder: Path, name: str, content: bytes) -> FileReport:
    (folder / name).write_bytes(content)
    history, reports = read_file(folder / name, NOW)
    assert len(history.recorded) == len(reports[0].recognised)
    return reports[0]


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


BOMB = b"0" * (20 * 1024 * 1024)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "bomb.zip": (zipped(("gold.csv", BOMB)), "times its size"),
    "bomb.csv.gz": (gzip.compress(BOMB), "times its size"),
    "nested.zip": (zipped(("gold.zip", zipped(("gold.csv", GOOD.encode())))), "archive in an archive"),
    "cut.zip": (zipped(("gold.csv", GOOD.encode()))[:-30], "damaged zip archive"),
    "cut.csv.gz": (gzip.compress(GOOD.encode() * 50)[:-20], "damaged gzip data"),
    "empty.zip": (zipped(), "empty archive"),
    "named_only.zip": (b"not packed at all", "expected a zip archive"),
    "gold.csv.xz": (b"\xfd7zXZ\x00", "only gzip and zip"),
    "wide.csv": (b"date," + b"a," * 10**6 + b"\n", "columns"),
    "deep.json": (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
    "deep_objects.json": (b'{"a":' * 60 + b"1" + b"}" * 60, "expected a list of rows"),
    "cut.json": (b'{"a": [1, 2', "expected JSON"),
    "huge_number.json": (b"[" + b"9" * 10_000 + b"]", "expected JSON"),
    "zero.csv": (b"date,gold\n2024-01-02,\x002064\n", "zero byte"),
    "latin.csv": ("date,gold\n2024-01-02,2064\n# Köln\n".encode("latin-1"), "UTF-8"),
    "empty.csv": (b"", "empty file"),
    "blank.csv": (b" \n\n", "empty file"),
    "words.csv": (b"once upon a time\nthere was gold\n", "at least two columns"),
    "header_only.csv": (b"date,gold\n", "at least two columns"),
    "stats_gold.csv": (b"column,count,mean\ngold,1,2\nsilver,3,4\n", "expected a column of times"),
    "gold.feather": (b"ARROW1" + b"\x00" * 40, "gold.feather"),
    "gold.parquet": (b"PAR1" + b"\xff" * 40 + b"PAR1", "gold.parquet"),
    "stream.csv": (b'1737918843893903000 {"channel": "l2Book"}\n', "messages of a stream"),
    "notes.md": (b"# gold", "no data"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_named_with_the_reason(tmp_path: Path, name: str) -> None:
    content, reason = HOSTILE[name]
    report = report_of(tmp_path, name, content)
    assert not report.used
    assert len(report.reasons) == 1
    assert reason in report.reasons[0]


def test_one_bad_file_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    (tmp_path / "bomb.zip").write_bytes(HOSTILE["bomb.zip"][0])
    (tmp_path / "gold.csv").write_text(GOOD, encoding="utf-8")
    (tmp_path / ".hidden.csv").write_text(GOOD, encoding="utf-8")
    history, reports = read_folder(tmp_path, NOW)
    assert [(report.path, report.used) for report in reports] == [("bomb.zip", False), ("gold.csv", True)]
    assert [str(key) for key in history.recorded] == ["close:XAU:gold"]


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES", 20)
    assert "at most 20 bytes" in report_of(tmp_path, "gold.csv", GOOD.encode()).reasons[0]


def test_more_cells_than_the_bound_are_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CELLS", 4)
    with pytest.raises(MarketDataError) as caught:
        read_text("gold.csv", GOOD.encode())
    assert caught.value.code == "market.too_large"


def test_without_pyarrow_a_feather_file_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    report = report_of(tmp_path, "BTC_USDT-1h.feather", b"ARROW1" + b"\x00" * 40)
    assert "Install the extra: vault[history]" in report.reasons[0]


AMBIGUOUS = {
    "gold_dates.csv": (
        "date,gold\n03/04/2024,2064\n01/04/2024,2065\n04/04/2024,2070\n05/03/2024,2071\n",
        "day first",
    ),
    "prices.csv": (
        "timestamp,open,high,low,close\n2024-01-01 00:00:00,9,10,8,9\n2024-01-01 01:00:00,9,10,8,9\n",
        "name of one asset",
    ),
    "btc_eth.csv": ("timestamp,close\n2024-01-01 00:00:00,9\n2024-01-01 01:00:00,9\n", "name of one asset"),
    "btc_funding_4h.csv": (
        "date,funding_rate\n"
        + "".join(f"2024-01-0{1 + n // 3} {4 + 8 * (n % 3):02}:00:00,0.0001\n" for n in range(9)),
        "UTC+4, UTC-4",
    ),
    "btc_funding_daily.csv": (
        "date,funding\n" + "".join(f"2024-01-0{n},0.000{n}\n" for n in range(1, 9)),
        "a mean or a sum",
    ),
    "btc_funding_unit.csv": (
        "date,funding_rate\n"
        + "".join(f"2024-01-0{1 + n // 3} {8 * (n % 3):02}:00:00,0.0{n + 11}\n" for n in range(9)),
        "shares or percent",
    ),
    "btc_oi.csv": (
        "timestamp,open_interest\n2024-01-01 00:00:00,9000000000\n2024-01-01 01:00:00,9100000000\n",
        "open interest in dollars",
    ),
    "usdt_supply.csv": (
        "date,USDT\n2024-01-01,91.5\n2024-01-02,92\n",
        "neither a price of a stablecoin nor its supply",
    ),
    "btc_etf_small.csv": ("date,net_flow\n2024-01-11,0.5\n2024-01-12,-0.25\n", "dollars or millions"),
    "mixed_etf.csv": ("date,IBIT,ETHA,total\n2024-07-23,1.0,2.0,3.0\n2024-07-24,1.0,2.0,3.0\n", ""),
    "total_crypto.csv": (
        "date,market_cap\n2024-01-01,1700000000000\n2024-01-02,1710000000000\n",
        "expected columns",
    ),
    "gold_negative.csv": ("date,gold\n2024-01-02,-5\n2024-01-03,-6\n", "prices above zero"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_could_be_two_things_is_named_and_not_guessed(tmp_path: Path, name: str) -> None:
    content, reason = AMBIGUOUS[name]
    report = report_of(tmp_path, name, content.encode())
    assert reason in " ".join(report.reasons) or not reason
    assert not any(each.key.kind != "etf_flow" for each in report.recognised)
    if reason:
        assert not report.used


def test_day_before_month_is_decided_by_the_direction_the_file_runs_in(tmp_path: Path) -> None:
    content = (
        "date,gold\n01/04/2024,2064\n02/04/2024,2065\n03/04/2024,2066\n12/04/2024,2070\n01/05/2024,2071\n"
    )
    found = report_of(tmp_path, "gold.csv", content.encode()).recognised[0]
    assert found.last == to_milliseconds(from_iso("2024-05-02T00:00:00.000Z"))


def test_a_total_that_is_not_the_sum_of_its_funds_is_unusable_that_day(tmp_path: Path) -> None:
    content = "Date,IBIT,FBTC,Total\n11 Jan 2024,100.0,50.0,150.0\n12 Jan 2024,100.0,50.0,500.0\n"
    (tmp_path / "farside.csv").write_text(content, encoding="utf-8")
    history, reports = read_file(tmp_path / "farside.csv", NOW)
    ((_, series),) = history.series("etf_flow", "BTC")
    assert series.values[0] == 150e6
    assert series.values[1] != series.values[1], "a day that contradicts itself is not a number"
    assert "contradiction" in {fault.kind for fault in reports[0].recognised[0].faults}


def test_faults_of_a_source_are_counted_and_its_future_is_dropped(tmp_path: Path) -> None:
    rows = [
        "2024-01-01 01:00:00,9,10,8,9",
        "2024-01-01 00:00:00,9,10,8,9",
        "2024-01-01 00:00:00,9,10,8,9",
        "2024-01-01 02:00:00,9,10,8,9",
        "2024-01-01 02:00:00,9,11,8,9",
        "2024-01-01 03:00:00,9,,8,9",
        "2024-01-01 04:00:00,9,7,8,9",
        "2099-01-01 00:00:00,9,10,8,9",
        "soon,9,10,8,9",
    ]
    rows += [f"2024-01-02 {hour:02}:00:00,9,10,8,9" for hour in range(24)]
    (tmp_path / "btc.csv").write_text("timestamp,open,high,low,close\n" + "\n".join(rows), encoding="utf-8")
    history, reports = read_file(tmp_path / "btc.csv", NOW)
    ((_, candles),) = history.candles("price", "BTC")
    assert isinstance(candles, Candles)
    assert int(candles.opens[-1]) < NOW
    kinds = {fault.kind: fault.count for fault in reports[0].recognised[0].faults}
    assert kinds == {
        "not_a_number": 1,
        "unsorted": 2,
        "out_of_range": 1,
        "duplicate": 1,
        "contradiction": 1,
        "future": 1,
        "gap": 1,
        "stamp": 32,
    }


CELL = st.one_of(
    st.sampled_from(
        [
            "",
            "-",
            "nan",
            "2024-01-01",
            "2024-01-02",
            "1e999",
            "-5",
            "0",
            "42000",
            "(3)",
            "1,000.5",
            "\ufeff",
            "x",
        ]
    ),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
)
NAMES = st.sampled_from(
    [
        "date",
        "timestamp",
        "open",
        "high",
        "low",
        "close",
        "gold",
        "BTC",
        "USDT",
        "Total",
        "IBIT",
        "funding",
        "symbol",
        "volume",
        "supply",
        "open_interest",
        "long_liquidations",
        "spread",
        "",
        "x",
    ]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(NAMES, min_size=2, max_size=6), st.lists(st.lists(CELL, min_size=2, max_size=6), max_size=8))
def test_no_table_of_whatever_cells_crashes_the_reading(
    tmp_path: Path, names: list[str], rows: list[list[str]]
) -> None:
    lines = [",".join(names), *(",".join(cell.replace("\n", " ") for cell in row) for row in rows)]
    report = report_of(tmp_path, "btc_data.csv", "\n".join(lines).encode())
    assert report.used or report.reasons


PACKED = {
    "gold.zip": zipped(("gold.csv", GOOD.encode() * 5)),
    "gold.csv.gz": gzip.compress(GOOD.encode() * 5),
}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(sorted(PACKED)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.none() | st.integers(0, 400),
)
def test_no_damage_to_an_archive_crashes_the_reading(
    tmp_path: Path, name: str, flips: list[tuple[int, int]], cut: int | None
) -> None:
    content = bytearray(PACKED[name])
    for place, byte in flips:
        content[place % len(content)] = byte
    report = report_of(tmp_path, name, bytes(content[:cut]))
    assert report.used or report.reasons


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=5)
    | st.just(1_704_067_200_000),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["date", "t", "close", "data", "x"]), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(VALUE)
def test_no_json_document_crashes_the_reading(tmp_path: Path, value: object) -> None:
    report = report_of(tmp_path, "btc.json", json.dumps([value, value]).encode())
    assert report.used or report.reasons
