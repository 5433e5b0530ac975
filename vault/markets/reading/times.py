"""A column of times as Unix milliseconds, whatever it is written in; what could be two dates is not guessed.

Refuses a column in which less than nine of ten cells are times, and days written ``03/04/2024`` whose order
nothing in the file decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import numpy as np

from vault.markets.reading.table import Column, numbers, unusable
from vault.series import DAY, HOUR, BoolArray, FloatArray, IntArray

Resolution = Literal["month", "day", "instant"]

# Whole numbers since 1970 from 1975 to 2100, by unit; the ranges do not touch.
_FIRST, _LAST = 157_680_000, 4_102_444_800
_UNITS: Final = (("seconds", 1_000, 1), ("milliseconds", 1, 1), ("microseconds", 1, 1_000),
                 ("nanoseconds", 1, 1_000_000))  # fmt: skip
_SIZE: Final = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
# Nothing that is traded has a history before this, and numpy's milliseconds reach much further.
EARLIEST: Final = -5_364_662_400_000  # 1800-01-01
_LEAST_SHARE: Final = 0.9
_FORMS: Final = (
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y", "%d.%m.%Y",
    "%Y/%m/%d", "%Y.%m.%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y.%m.%d %H:%M", "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %I-%p", "%Y%m%d %H%M%S", "%Y%m%d %H:%M", "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S.%f UTC", "%b %Y", "%B %Y", "%Y/%m",
)  # fmt: skip
_SLASHED: Final = ("%m/%d/%Y", "%d/%m/%Y")
_SLASHED_TIMES: Final = ("", " %H:%M", " %H:%M:%S")
_MONTHS: Final = frozenset({"%b %Y", "%B %Y", "%Y/%m"})


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """`times` (n,) in Unix ms, those of no use 0; `ok` (n,) says which are times.

    `zoned`: the text says its zone, or the number is one since 1970; without, UTC is taken. `form` in words.
    """

    times: IntArray
    ok: BoolArray
    resolution: Resolution
    zoned: bool
    form: str


def read_times(column: Column, form: str = "auto") -> Moments:
    """Read a column of times in `form` (a unit, ``iso``, a ``%`` pattern, or ``auto``).

    Raises `MarketDataError` (``market.no_times``, ``market.ambiguous_dates``).
    """
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return _from_dates(column)
    found = _by_form(column, form)
    share = float(np.mean(found.ok)) if found.ok.size else 0.0
    if share < _LEAST_SHARE and not _footer_only(found.ok):
        raise unusable(
            "no_times", f"expected times, found {share:.0%} of {found.ok.size} cells readable as such"
        )
    return found


def _by_form(column: Column, form: str) -> Moments:
    if form in _SIZE:
        return _from_numbers(column, only=form)
    if form == "iso":
        return _from_iso(column)
    if "%" in form:
        return _from_pattern(column, form)
    if isinstance(column, np.ndarray) or all(_numeric(cell) for cell in list(column)[:20]):
        return _from_numbers(column)
    cells = [str(cell).strip() for cell in column if cell not in {None, ""}]
    sample = cells[:50]
    if sum(re.match(r"\d{4}-\d{2}(-\d{2})?([T ]\d{2}:|$)", cell) is not None for cell in sample) * 2 > len(
        sample
    ):
        return _from_iso(column)
    return _from_pattern(column, _pattern(cells))


def _footer_only(ok: BoolArray) -> bool:
    """A table of a few days with a few lines of totals around it."""
    return int(np.sum(ok)) >= 2 and int(np.sum(~ok)) <= 8


def _numeric(cell: object) -> bool:
    return isinstance(cell, int | float) or (
        isinstance(cell, str) and re.fullmatch(r"\s*\d+(\.\d+)?\s*", cell) is not None
    )


def _from_dates(column: np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]) -> Moments:
    ok = ~np.isnat(column)
    times = np.where(ok, column.astype("datetime64[ms]").astype(np.int64), 0)
    return _made(times, ok, zoned=False, form="date and time of the file")


def _from_numbers(column: Column, only: str = "") -> Moments:
    values, _ = numbers(column)
    times, ok, seen = np.zeros(values.shape, dtype=np.int64), np.zeros(values.shape, dtype=np.bool_), []
    with np.errstate(invalid="ignore"):
        for unit, up, down in _UNITS:
            size = _SIZE[unit]
            inside = (values >= _FIRST * size) & (values <= _LAST * size)
            if only:
                inside = np.isfinite(values) & (np.abs(values) <= _LAST * size) & (unit == only)
            if bool(np.any(inside)):
                times[inside] = np.floor(values[inside] * up / down).astype(np.int64)
                seen.append(unit)
            ok |= inside
    if not only and not bool(np.any(ok)):
        return _from_compact(values)
    return _made(times, ok, zoned=True, form=" and ".join(seen) + " since 1970")


def _from_compact(values: FloatArray) -> Moments:
    """``20240131``."""
    ok, times = np.zeros(values.shape, dtype=np.bool_), np.zeros(values.shape, dtype=np.int64)
    for place, value in enumerate(values):
        if 18_000_101 <= value <= 21_001_231 and value == int(value):
            moment = _one(str(int(value)), "%Y%m%d")
            if moment is not None:
                ok[place], times[place] = True, moment
    return _made(times, ok, zoned=False, form="days written 20240131")


def _from_iso(column: Column) -> Moments:
    cells = [str(cell).strip() if cell is not None else "" for cell in column]
    if (fast := _uniform_iso(cells)) is not None:
        return fast
    times, ok = np.zeros(len(cells), dtype=np.int64), np.zeros(len(cells), dtype=np.bool_)
    months = zoned = 0
    for place, cell in enumerate(cells):
        months += (is_month := re.fullmatch(r"\d{4}-\d{2}", cell) is not None)
        try:
            moment = datetime.fromisoformat(cell + "-01" if is_month else cell.replace(" UTC", "+00:00"))
        except ValueError:
            continue
        zoned += moment.tzinfo is not None
        times[place], ok[place] = _milliseconds(moment), True
    found = _made(times, ok, zoned=bool(zoned), form="ISO 8601")
    if months and months == int(np.sum(ok)):
        return Moments(found.times, found.ok, "month", False, "months")
    return found


def _uniform_iso(cells: list[str]) -> Moments | None:
    """The same through numpy, where all cells are of one form; None where they are not."""
    if not cells:
        return None
    match = re.fullmatch(
        r"(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)(Z|\+00:00|\+0000)?", cells[0]
    )
    if match is None:
        return None
    zone = match[2] or ""
    cut = -len(zone) if zone else None
    if zone and not all(cell.endswith(zone) for cell in cells):
        return None
    if not zone and any(map(_says_zone, cells)):
        return None  # numpy would warn of it, or drop it
    try:
        times = np.array([cell[:cut] for cell in cells], dtype="datetime64[ms]").astype(np.int64)
    except ValueError:
        return None
    ok = np.array([len(cell) >= 10 for cell in cells], dtype=np.bool_)
    return _made(times, ok, zoned=bool(zone), form="ISO 8601")


def _says_zone(cell: str) -> bool:
    """Whether a date with a time of day ends in a zone: ``Z``, ``+08:00``, ``-0500``."""
    return ":" in cell and (cell[-1] in "Zz" or cell[-6:-5] in {"+", "-"} or cell[-5:-4] in {"+", "-"})


def _pattern(cells: list[str]) -> str:
    """The one form all cells but a few have. Raises `MarketDataError` where two fit, or none."""
    sample = cells[:200]
    fits = [form for form in _FORMS if _share(sample, form) >= _LEAST_SHARE or _few_fail(sample, form)]
    if fits:
        return fits[0]
    for suffix in _SLASHED_TIMES:
        orders = [form + suffix for form in _SLASHED if _share(cells, form + suffix) >= _LEAST_SHARE]
        if len(orders) == 1:
            return orders[0]
        if len(orders) == 2:
            return _by_order(cells, orders)
    example = next((cell for cell in cells if cell), "")[:40]
    raise unusable("no_times", f"expected times, found such as {example!r}")


def _share(cells: list[str], form: str) -> float:
    return sum(_one(cell, form) is not None for cell in cells) / max(1, len(cells))


def _few_fail(cells: list[str], form: str) -> bool:
    good = sum(_one(cell, form) is not None for cell in cells)
    return good >= 2 and len(cells) - good <= 8


def _by_order(cells: list[str], orders: list[str]) -> str:
    """Day before month or after: the one in which the file runs in one direction, if only one does."""
    running = []
    for form in orders:
        times = np.array([moment for cell in cells if (moment := _one(cell, form)) is not None])
        steps = np.diff(times)
        if bool(np.all(steps >= 0)) or bool(np.all(steps <= 0)):
            running.append(form)
    if len(running) == 1:
        return running[0]
    raise unusable(
        "ambiguous_dates",
        f"dates such as {cells[0]!r} could be day first or month first, and nothing in the file decides",
        'Give the order with a mapping: time_format = "%d/%m/%Y" or "%m/%d/%Y".',
    )


def _from_pattern(column: Column, form: str) -> Moments:
    known: dict[str, int | None] = {}
    times, ok = np.zeros(len(column), dtype=np.int64), np.zeros(len(column), dtype=np.bool_)
    for place, cell in enumerate(column):
        text = str(cell).strip()
        if text not in known:
            known[text] = _one(text, form)
        moment = known[text]
        if moment is not None:
            times[place], ok[place] = moment, True
    found = _made(times, ok, zoned="%z" in form or form.endswith("UTC"), form=f"written {form}")
    return Moments(found.times, found.ok, "month", False, found.form) if form in _MONTHS else found


def _one(text: str, form: str) -> int | None:
    try:
        return _milliseconds(datetime.strptime(text, form))  # noqa: DTZ007 -- the zone is judged by callers
    except (ValueError, OverflowError):
        return None


def _milliseconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _made(times: IntArray, ok: BoolArray, *, zoned: bool, form: str) -> Moments:
    """Moments whose resolution is that of their steps: days when all stand at one time of day."""
    ok = ok & (times >= EARLIEST)
    good = np.unique(times[ok])
    steps = np.diff(good)
    same_hour = good.size > 0 and bool(np.all(good % DAY == good[0] % DAY))
    sparse = bool(np.all(steps >= DAY)) if steps.size else bool(good.size and good[0] % DAY == 0)
    midnight = good.size > 0 and int(good[0] % DAY) % HOUR == 0
    days = same_hour and sparse and midnight
    return Moments(np.where(ok, times, 0), ok, "day" if days else "instant", zoned, form)
