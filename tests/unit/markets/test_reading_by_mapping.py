"""A mapping says what a file or an answer holds; what is not as it says is refused with what was found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vault.clock import from_iso, to_milliseconds
from vault.config_feeds import FeedFile, FeedSettings
from vault.errors import MarketDataError
from vault.markets.reading.files import read_folder
from vault.markets.reading.mapped import read_mapped, read_mapped_file
from vault.series import DAY, HOUR, Candles, Series
from vault.toml_strict import parse_toml

NOW = to_milliseconds(from_iso("2026-02-15T00:00:00.000Z"))
BASE = {
    "name": "a-feed",
    "kind": "close",
    "asset": "XAU",
    "where": "gold.csv",
    "format": "csv",
    "time": "day",
    "value": "fix",
}


def feed(**settings: object) -> FeedSettings:
    return FeedSettings.model_validate({**BASE, **settings})


def values(data: bytes, settings: FeedSettings) -> dict[int, float]:
    found = read_mapped(data, settings, NOW, "a file").data
    assert isinstance(found, Series)
    return dict(zip(found.times.tolist(), found.values.tolist(), strict=True))


def at(text: str) -> int:
    return to_milliseconds(from_iso(f"{text}:00.000Z"))


def test_a_column_is_read_with_its_scale_zone_and_lag() -> None:
    data = b"day;fix;other\n02/01/2024 09:00;2.0645;x\n03/01/2024 09:00;2.0342;y\n"
    settings = feed(
        delimiter=";",
        scale="1000",
        time_format="%d/%m/%Y %H:%M",
        utc_offset_minutes=540,
        lag_seconds=3600,
        step_seconds=86400,
        licence="CC0-1.0",
    )
    assert values(data, settings) == pytest.approx(
        {at("2024-01-03T01:00"): 2064.5, at("2024-01-04T01:00"): 2034.2}
    )
    assert read_mapped(data, settings, NOW, "a file").provenance.licence == "CC0-1.0"


@pytest.mark.parametrize("newest", ["NaN", "null", "broken!", "n/a", "-1e400", "1e999"])
def test_a_newest_value_that_is_none_hides_the_older_one_and_is_named(newest: str) -> None:
    settings = feed(step_seconds=86400)
    data = f"day,fix\n2024-01-02,5\n2024-01-03,6\n2024-01-04,{newest}\n".encode()
    found = read_mapped(data, settings, NOW, "a file")
    assert isinstance(found.data, Series)
    assert found.data.times.tolist()[-1] == at("2024-01-05T00:00")
    assert np.isnan(found.data.values).tolist() == [False, False, True]
    assert [(fault.kind, fault.count) for fault in found.faults] == [("not_a_number", 1)]


@pytest.mark.parametrize("value", [None, "x", {"a": 1}, [1], True])
def test_so_does_a_value_of_json_that_is_none(value: object) -> None:
    rows = [{"d": "2024-01-02", "v": 5}, {"d": "2024-01-03", "v": value}]
    settings = feed(format="json", time="/d", value="/v", step_seconds=86400)
    found = read_mapped(json.dumps(rows).encode(), settings, NOW, "a file").data
    assert isinstance(found, Series)
    assert np.isnan(found.values).tolist() == [False, True]


@pytest.mark.parametrize("nothing", ["", ".", "-", " "])
def test_a_day_of_which_nothing_is_told_is_no_value(nothing: str) -> None:
    settings = feed(step_seconds=86400)
    found = read_mapped(f"day,fix\n2024-01-02,5\n2024-01-03,{nothing}\n".encode(), settings, NOW, "a file")
    assert len(found.data) == 1
    assert not found.faults


def test_without_a_lag_that_of_the_kind_is_taken() -> None:
    settings = feed(kind="etf_flow", asset="BTC", step_seconds=86400, scale="1000000")
    assert values(b"day,fix\n2024-01-11,655.3\n", settings) == {at("2024-01-12T12:00"): 655.3e6}


def test_a_table_without_a_header_is_read_by_number() -> None:
    data = b"1704153600,x,5\n1704240000,x,6\n"
    settings = feed(header=False, time="1", value="3", step_seconds=86400)
    assert list(values(data, settings).values()) == [5.0, 6.0]


def test_candles_are_mapped_with_every_column() -> None:
    data = b"t,o,h,l,c,v\n1704067200000,9,10,8,9.5,3\n1704070800000,9,10,8,9.6,4\n"
    settings = feed(
        kind="price",
        asset="BTC",
        value=None,
        time="t",
        step_seconds=3600,
        time_format="milliseconds",
        candle={"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"},
    )
    found = read_mapped(data, settings, NOW, "a file").data
    assert isinstance(found, Candles)
    assert found.closes().times.tolist() == [at("2024-01-01T01:00"), at("2024-01-01T02:00")]
    assert found.volume.tolist() == [3.0, 4.0]
    assert found.step == HOUR


ROWS = {
    "data": {
        "list": [
            {"d": "2024-01-02", "v": {"x": "5"}},
            {"d": "2024-01-03", "v": {"x": "6"}},
            {"d": "2024-01-04"},
        ]
    }
}


@pytest.mark.parametrize(
    ("document", "settings"),
    [
        (ROWS, {"rows": "/data/list", "time": "/d", "value": "/v/x"}),
        (
            {"a/b": [{"d~": "2024-01-02", "v": 5}, {"d~": "2024-01-03", "v": 6}]},
            {"rows": "/a~1b", "time": "/d~0", "value": "/v"},
        ),
        ({"2024-01-02": [5], "2024-01-03": [6]}, {"time": "@key", "value": "/0"}),
        (
            {"t": ["2024-01-02", "2024-01-03"], "v": [5, 6]},
            {"layout": "columns", "time": "/t", "value": "/v"},
        ),
        ([["2024-01-02", 5], ["2024-01-03", 6]], {"time": "/0", "value": "/1"}),
    ],
)
def test_json_is_read_by_pointers(document: object, settings: dict[str, object]) -> None:
    settings = {"format": "json", "step_seconds": 86400, **settings}
    expected = {at("2024-01-03T00:00"): 5.0, at("2024-01-04T00:00"): 6.0}
    assert values(json.dumps(document).encode(), feed(**settings)) == expected


def test_one_value_without_a_time_is_of_the_moment_of_asking() -> None:
    settings = feed(format="json", layout="one", time=None, value="/vix/last")
    assert values(b'{"vix": {"last": 17.5}}', settings) == {NOW: 17.5}


@pytest.mark.parametrize(
    ("data", "settings", "found"),
    [
        (b"day,close\n2024-01-02,5\n", {}, "expected a column 'fix', found 'day', 'close'"),
        (b"day,fix\nsoon,5\nlater,6\n", {"time_format": "iso"}, "expected times"),
        (b"{}", {"format": "json", "rows": "/data", "time": "/d", "value": "/v"}, "expected '/data'"),
        (
            b'{"data": 5}',
            {"format": "json", "rows": "/data", "time": "/d", "value": "/v"},
            "expected a list of rows",
        ),
        (
            b'{"t": [1], "v": [1, 2]}',
            {"format": "json", "layout": "columns", "time": "/t", "value": "/v"},
            "one length",
        ),
        (b"<html>", {"format": "json", "time": "/d", "value": "/v"}, "expected JSON"),
    ],
)
def test_what_is_not_as_the_mapping_says_is_refused(
    data: bytes, settings: dict[str, object], found: str
) -> None:
    with pytest.raises(MarketDataError) as caught:
        read_mapped(data, feed(**settings), NOW, "a file")
    assert found in caught.value.message
    assert caught.value.exit_status == 26


def test_a_mapping_reads_what_recognition_would_not(tmp_path: Path) -> None:
    (tmp_path / "x-1.csv").write_text("day,fix,fix2\n2024-01-02,5,7\n2024-01-03,6,8\n", encoding="utf-8")
    text = "".join(
        f'[[feed]]\nname = "{name}"\nkind = "close"\nasset = "{asset}"\nwhere = "x-*.csv"\nformat = "csv"\n'
        f'time = "day"\n'
        f'value = "{column}"\nstep_seconds = 86400\nsource = "lbma"\n'
        for name, asset, column in (("gold", "XAU", "fix"), ("silver", "XAG", "fix2"))
    )
    history, reports = read_folder(tmp_path, NOW, parse_toml(text, FeedFile, name="mapping"))
    assert sorted(str(key) for key in history.recorded) == ["close:XAG:lbma", "close:XAU:lbma"]
    assert [each.rule for each in reports[0].recognised] == ["mapping gold", "mapping silver"]
    ((_, series),) = history.series("close", "XAG")
    np.testing.assert_array_equal(series.times, [at("2024-01-03T00:00"), at("2024-01-03T00:00") + DAY])
    whole = read_mapped_file(tmp_path / "x-1.csv", feed(value="fix2"), NOW)
    assert len(whole.data) == 2
