"""Beginnings and ends of intervals: values are known late, and what happened may have happened early."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pytest

from vault.clock import from_iso, to_milliseconds
from vault.markets.reading.files import read_file, read_folder
from vault.markets.reading.times import read_times
from vault.risk.record.days import days_of
from vault.series import DAY, HOUR, MarketHistory, SeriesKey

NOW = to_milliseconds(from_iso("2026-02-15T00:00:00.000Z"))
START = to_milliseconds(from_iso("2025-10-10T00:00:00.000Z"))
FALL = 14  # the hour in which it falls


def prices(step: int) -> list[tuple[int, list[float]]]:
    """Candles of two days by their true openings: a fall of a fifth in one hour of the second."""
    fall = START + DAY + FALL * HOUR
    found = []
    for at in range(START, START + 2 * DAY, step):
        first, last = 100.0 if at <= fall else 80.0, 100.0 if at + step <= fall else 80.0
        found.append((at, [first, first, last, last]))
    return found


def csv(step: int, name: str, *, shift: int = 0, volume: bool = False) -> str:
    end = ",volume" if volume else ""
    rows = [
        ",".join([str(at + shift), *(str(each * 1000) for each in four), *(["5"] if volume else [])])
        for at, four in prices(step)
    ]
    return "\n".join([f"{name},open,high,low,close{end}", *rows])


def history(folder: Path, name: str, content: str) -> MarketHistory:
    (folder / name).write_text(content, encoding="utf-8")
    found, reports = read_file(folder / name, NOW)
    assert reports[0].used, reports[0].reasons
    return found


def stamped(found: MarketHistory) -> bool:
    return any(fault.kind == "stamp" for item in found.recorded.values() for fault in item.faults)


def onset(found: MarketHistory) -> int:
    (day,) = [each for each in days_of(found, "BTC") if each.is_event()]
    assert day.onset is not None
    return day.onset


@pytest.mark.parametrize("name", ["close_time", "closeTime", "closetime", "end_time", "period_end", "end"])
def test_ends_by_name_are_candles_of_the_step_before(tmp_path: Path, name: str) -> None:
    found = history(tmp_path, "btc.csv", csv(HOUR, name, shift=HOUR))
    ((_, data),) = found.candles("price", "BTC")
    assert int(data.opens[0]) == START
    assert not stamped(found)
    assert onset(found) == START + DAY + FALL * HOUR


@pytest.mark.parametrize(
    ("name", "header", "volume"), [("btc.csv", "open_time", False), ("btc.csv", "timestamp", True)]
)
def test_openings_that_are_known_stay_exact(tmp_path: Path, name: str, header: str, volume: bool) -> None:
    found = history(tmp_path, name, csv(HOUR, header, volume=volume))
    assert not stamped(found)
    assert onset(found) == START + DAY + FALL * HOUR


@pytest.mark.parametrize("step", [HOUR, 4 * HOUR])
@pytest.mark.parametrize("ends", [False, True])
def test_a_fall_is_never_dated_after_it_began(tmp_path: Path, step: int, ends: bool) -> None:
    found = history(tmp_path, "btc.csv", csv(step, "timestamp", shift=step if ends else 0))
    assert stamped(found)
    ((_, data),) = found.candles("price", "BTC")
    assert int(data.closes().times[0]) >= START + step, "nothing is known before it was"
    assert onset(found) <= START + DAY + FALL * HOUR


@pytest.mark.parametrize("ends", [False, True])
def test_numbers_of_a_whole_day_may_be_the_midnight_after_it(tmp_path: Path, ends: bool) -> None:
    rows = [(START + n * DAY, [100.0, 100.0, 80.0 if n == 20 else 99.0, 99.0]) for n in range(30)]
    lines = [f"{at + DAY * ends},{','.join(str(each * 1000) for each in four)},5" for at, four in rows]
    found = history(tmp_path, "binance_btc.csv", "\n".join(["timestamp,open,high,low,close,volume", *lines]))
    assert stamped(found)
    assert onset(found) <= START + 20 * DAY


@pytest.mark.parametrize(
    ("name", "unsure"), [("bitcoin_ohlc.json", True), ("coingecko_btc_ohlc.json", False)]
)
def test_coingeckos_candles_are_stamped_at_their_end(tmp_path: Path, name: str, unsure: bool) -> None:
    rows = [[at + 4 * HOUR, *(each * 1000 for each in four)] for at, four in prices(4 * HOUR)]
    found = history(tmp_path, name, json.dumps(rows))
    assert stamped(found) is unsure
    assert onset(found) == START + DAY + FALL * HOUR // (4 * HOUR) * 4 * HOUR


def test_a_plain_date_is_the_day_itself_also_in_a_column_of_ends(tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text(
        "period_end,gold\n2025-01-02,2600\n2025-01-03,2610\n", encoding="utf-8"
    )
    ((_, series),) = read_file(tmp_path / "gold.csv", NOW)[0].series("close", "XAU")
    assert int(series.times[0]) == to_milliseconds(from_iso("2025-01-03T00:00:00.000Z"))


def test_the_broad_dollar_is_known_a_week_later(tmp_path: Path) -> None:
    (tmp_path / "DTWEXBGS.csv").write_text(
        "observation_date,DTWEXBGS\n2025-01-06,120\n2025-01-07,121\n", encoding="utf-8"
    )
    ((key, series),) = read_file(tmp_path / "DTWEXBGS.csv", NOW)[0].series("close")
    assert key == SeriesKey("close", "USD-BROAD", "dtwexbgs", DAY)
    assert int(series.times[0]) == to_milliseconds(from_iso("2025-01-14T00:00:00.000Z"))


@pytest.mark.parametrize("zone", ["+08:00", "-0500", "Z"])
def test_a_zone_that_comes_later_in_a_column_is_read_in_silence(zone: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_times(["2025-01-01 00:00:00", f"2025-01-01 09:00:00{zone}"])
    hours = {"+08:00": 1, "-0500": 14, "Z": 9}[zone]
    assert int(found.times[1] - found.times[0]) == hours * HOUR


GOOD = "date,gold\n2024-01-02,2064.4\n2024-01-03,2034.2\n"


def test_a_name_that_is_no_utf8_is_named_and_the_folder_goes_on(tmp_path: Path) -> None:
    (tmp_path / "silver.csv").write_text(GOOD.replace("gold", "silver"), encoding="utf-8")
    for name in (b"gold\xff.csv", b"gold\xfe.csv"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("no table", encoding="utf-8")
    found, reports = read_folder(tmp_path, NOW)
    assert [str(key) for key in found.recorded] == ["close:XAG:silver"]
    assert len({report.path for report in reports}) == 3
    for report in reports:
        report.path.encode()
        "".join(report.reasons).encode()


def test_a_name_of_two_lines_is_shown_on_one(tmp_path: Path) -> None:
    from vault.markets.reading.files import listed, read_files

    (tmp_path / "gold\nforged line.csv").write_text(GOOD, encoding="utf-8")
    lines: list[str] = []
    read_files(listed(tmp_path), NOW, progress=lines.append)
    assert len(lines) == 1
    assert "\n" not in lines[0]


def test_only_links_to_ordinary_files_of_the_folder_are_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.csv", tmp_path / "folder"
    folder.mkdir()
    outside.write_text(GOOD, encoding="utf-8")
    (folder / "gold.csv").write_text(GOOD, encoding="utf-8")
    os.mkfifo(folder / "pipe.csv")
    targets: dict[str, Path | str] = {
        "again.csv": "gold.csv", "away.csv": outside, "device.csv": "/dev/zero", "gone.csv": "nowhere",
        "kernel.csv": "/proc/kmsg", "loop.csv": "loop.csv", "piped.csv": "pipe.csv",
    }  # fmt: skip
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    _, reports = read_folder(folder, NOW)
    assert {report.path for report in reports if report.used} == {"gold.csv", "again.csv"}
    why = {report.path: report.reasons for report in reports if not report.used}
    assert set(why) == {
        "away.csv",
        "device.csv",
        "gone.csv",
        "kernel.csv",
        "loop.csv",
        "pipe.csv",
        "piped.csv",
    }
    assert all(len(reasons) == 1 for reasons in why.values())
    assert "outside of the folder" in why["away.csv"][0]


def test_a_file_that_says_it_is_empty_is_not_waited_for() -> None:
    if not Path("/proc/version").exists():
        pytest.skip("no /proc here")
    found, reports = read_file(Path("/proc/version"), NOW)
    assert not found.recorded
    assert reports[0].reasons == ("version: an empty file",)
