"""Funding stamps of local time are read as such, with a note, and checked against another source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vault.clock import from_iso, from_milliseconds, to_milliseconds
from vault.markets.reading.files import FileReport, read_folder
from vault.series import DAY, HOUR, MarketHistory

NOW = to_milliseconds(from_iso("2026-02-15T00:00:00.000Z"))
START = to_milliseconds(from_iso("2023-01-01T00:00:00.000Z"))


def rate(number: int) -> float:
    return round(((number * 7919) % 1000 - 300) * 1e-6, 8)


def funding(
    hours_ahead: int, first: int, count: int, *, rates: Callable[[int], float] = rate, zone: str = ""
) -> str:
    rows = ["Symbol,Date,Funding Rate"]
    for number in range(first, first + count):
        moment = from_milliseconds(START + number * 8 * HOUR + hours_ahead * HOUR)
        rows.append(f"BTC-USDT,{moment:%Y-%m-%d %H:%M:%S}{zone},{rates(number):.8f}")
    return "\n".join(rows)


def read(folder: Path, **files: str) -> tuple[MarketHistory, dict[str, FileReport]]:
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    history, reports = read_folder(folder, NOW)
    return history, {report.path.removesuffix(".csv"): report for report in reports}


@pytest.mark.parametrize("ahead", [1, 2, 3, -1, -2, -3])
def test_stamps_off_the_grid_are_moved_onto_it_and_the_report_says_so(tmp_path: Path, ahead: int) -> None:
    history, reports = read(tmp_path, funding_btc_binance=funding(ahead, 0, 60))
    ((key, series),) = history.series("funding", "BTC")
    assert (key.source, key.step) == ("binance", 8 * HOUR)
    assert int(series.times[0]) == START
    found = reports["funding_btc_binance"].recognised[0]
    assert found.offset_minutes == ahead * 60
    assert any(f"read as UTC{ahead:+d}" in note for note in found.notes)
    assert any("not confirmed" in note for note in found.notes)


def test_a_second_source_of_the_venue_confirms_the_zone_and_both_become_one_history(tmp_path: Path) -> None:
    history, reports = read(
        tmp_path, funding_btc_binance_old=funding(3, 0, 60), funding_btc_binance_new=funding(0, 40, 60)
    )
    ((_, series),) = history.series("funding", "BTC")
    assert len(series) == 100
    notes = reports["funding_btc_binance_old"].recognised[0].notes
    assert "agrees with another source of this venue on 20 of 20 shared settlements" in notes
    assert not any("differ" in note for note in notes)


def test_the_other_zone_is_taken_where_only_it_agrees(tmp_path: Path) -> None:
    """Three hours after the grid is UTC+3 or UTC-5: here the overlap says the latter."""
    history, reports = read(
        tmp_path, funding_btc_binance_old=funding(-5, 0, 60), funding_btc_binance_new=funding(0, 40, 60)
    )
    found = reports["funding_btc_binance_old"].recognised[0]
    assert found.offset_minutes == -300
    ((_, series),) = history.series("funding", "BTC")
    assert int(series.times[0]) == START
    assert len(series) == 100


def test_sources_that_contradict_each_other_are_disputed_and_named(tmp_path: Path) -> None:
    history, reports = read(
        tmp_path,
        funding_btc_binance_a=funding(3, 0, 60),
        funding_btc_binance_b=funding(0, 40, 60, rates=lambda number: rate(number + 1)),
    )
    ((_, series),) = history.series("funding", "BTC")
    disputed = int(np.sum(np.isnan(series.values)))
    assert 0 < disputed <= 21
    notes = reports["funding_btc_binance_a"].recognised[0].notes
    assert any("contradicts another source of this venue" in note for note in notes)
    assert any("moments in which two sources differ" in note for note in notes)


def test_a_stated_zone_is_believed(tmp_path: Path) -> None:
    history, reports = read(tmp_path, funding_btc_binance=funding(3, 0, 60, zone="+03:00"))
    ((_, series),) = history.series("funding", "BTC")
    assert int(series.times[0]) == START
    assert reports["funding_btc_binance"].recognised[0].offset_minutes == 0


def test_bitmex_settles_at_four_and_is_not_moved(tmp_path: Path) -> None:
    history, _ = read(tmp_path, funding_btc_bitmex=funding(4, 0, 60))
    ((_, series),) = history.series("funding", "BTC")
    assert int(series.times[0]) == START + 4 * HOUR


def test_daily_means_of_three_rates_become_the_rate_of_the_day(tmp_path: Path) -> None:
    rows = ["date,funding_mean,funding_abs"] + [f"2024-01-{day:02},1e-04,1e-04" for day in range(1, 20)]
    history, reports = read(tmp_path, funding_btc=("\n".join(rows)))
    ((key, series),) = history.series("funding", "BTC")
    assert key.step == DAY
    assert float(series.values[0]) == pytest.approx(3e-4)
    assert int(series.times[0]) == to_milliseconds(from_iso("2024-01-02T00:00:00.000Z"))
    assert "times 3" in reports["funding_btc"].recognised[0].rule


def test_percent_is_told_from_shares_by_the_usual_rate(tmp_path: Path) -> None:
    history, reports = read(
        tmp_path, funding_btc_okx=funding(0, 0, 60, rates=lambda number: 0.01 if number % 3 else 0.02)
    )
    ((_, series),) = history.series("funding", "BTC")
    assert float(series.values[1]) == pytest.approx(1e-4)
    assert "percent" in reports["funding_btc_okx"].recognised[0].rule


def prices(hours_ahead: int, count: int = 200) -> str:
    moves = np.random.default_rng(7).normal(0, 0.01, count)
    closes = 40_000 * np.exp(np.cumsum(moves))
    rows = ["timestamp,open,high,low,close"]
    for number, close in enumerate(closes.tolist()):
        moment = from_milliseconds(START + (number + hours_ahead) * HOUR)
        rows.append(f"{moment:%Y-%m-%d %H:%M:%S},{close:.1f},{close:.1f},{close:.1f},{close:.1f}")
    return "\n".join(rows)


def test_prices_whose_clocks_differ_are_named_and_left_as_they_are(tmp_path: Path) -> None:
    history, reports = read(tmp_path, btc_binance=prices(0), btc_bybit=prices(3), btc_okx=prices(0))
    assert len(history.recorded) == 3
    notes = {name: report.recognised[0].notes for name, report in reports.items()}
    assert notes["btc_bybit"] == (
        "agrees with price:BTC:binance only if its own times are +3 h off: one clock is no UTC",
        "agrees with price:BTC:okx only if its own times are +3 h off: one clock is no UTC",
    )
    assert len(notes["btc_binance"]) == 1
    assert "-3 h" in notes["btc_binance"][0]
