"""How answers of `vault history` read, as JSON and as text."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Final

from vault.cli.command import Answer
from vault.clock import from_milliseconds, to_iso
from vault.series import DAY, Candles
from vault.treasury.market_history import key_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.cli.page import Page
    from vault.markets.reading.files import FileReport
    from vault.series import Fault, Recorded
    from vault.store.history import HistoryLine
    from vault.treasury.market_history import Fetched, Imported, Kept

UNUSABLE: Final = 26


def _at(moment: int) -> str:
    return to_iso(from_milliseconds(moment))


def _day(moment: int) -> str:
    """A moment for a person: the day, and the minute where it is not midnight."""
    text = _at(moment)
    return text[:10] if moment % DAY == 0 else f"{text[:10]} {text[11:16]}"


def _faults(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return [{"kind": f.kind, "count": f.count, "first": _at(f.first), "detail": f.detail} for f in faults]


def _kept(kept: Kept) -> dict[str, Any]:
    done = kept.appended
    return {
        "key": key_text(kept.key),
        "new": done.new,
        "known": done.repeated,
        "disputed": done.contradicted,
        "faults": _faults(kept.faults),
    }


def _file(report: FileReport) -> dict[str, Any]:
    return {
        "file": report.path,
        "used": report.used,
        "reasons": list(report.reasons),
        "histories": [
            {
                "key": key_text(each.key),
                "points": each.points,
                "first": _at(each.first),
                "last": _at(each.last),
                "rule": each.rule,
                "notes": list(each.notes),
                "utc_offset_minutes": each.offset_minutes,
                "faults": _faults(each.faults),
            }
            for each in report.recognised
        ],
    }


def imported(found: Imported, *, dry_run: bool) -> Answer:
    """Every file with what it is, then what the store made of it."""
    used = sum(report.used for report in found.files)
    document = {
        "dry_run": dry_run,
        "used": used,
        "not_used": len(found.files) - used,
        "files": [_file(report) for report in found.files],
        "kept": [_kept(each) for each in found.kept],
    }

    def render(page: Page) -> None:
        for report in found.files:
            _render_file(page, report)
        page.line()
        page.line(
            f"{used} of {len(found.files)} files read" + ("; nothing was kept (--dry-run)" if dry_run else "")
        )
        _render_kept(page, found.kept)

    return Answer(document, render, exit_status=0 if used else UNUSABLE)


def _render_file(page: Page, report: FileReport) -> None:
    page.line(report.path)
    for each in report.recognised:
        page.line(f"    {key_text(each.key)}  {each.points} points, {_day(each.first)} to {_day(each.last)}")
        page.lines([each.rule, *each.notes], indent="        ")
        page.lines((f"fault: {fault.kind}: {fault.detail}" for fault in each.faults), indent="        ")
    for reason in report.reasons:
        page.line(f"    not read: {reason}")


def _render_kept(page: Page, kept: tuple[Kept, ...]) -> None:
    if kept:
        rows = [
            (
                key_text(each.key),
                str(each.appended.new),
                str(each.appended.repeated),
                str(each.appended.contradicted),
            )
            for each in kept
        ]
        page.table(("history", "new", "known", "disputed"), rows, right=(1, 2, 3))


def fetched(found: Fetched) -> Answer:
    """What sources gave, and which gave nothing."""
    document = {
        "kept": [_kept(each) for each in found.histories],
        "failures": [
            {"key": each.key, "reason": each.reason, "error": each.code, "message": each.message}
            for each in found.failures
        ],
    }

    def render(page: Page) -> None:
        _render_kept(page, found.histories)
        for failed in found.failures:
            page.line(f"{failed.key}: {failed.reason}: {failed.code}: {failed.message}")
        if not found.histories and not found.failures:
            page.line("No source is configured, or none is due: see docs/history.md.")

    missing = any(each.reason != "not_offered" for each in found.failures)
    return Answer(document, render, exit_status=UNUSABLE if missing else 0)


def shown(lines: tuple[HistoryLine, ...], *, words: bool) -> Answer:
    """The histories of the store."""
    document = {
        "histories": [
            {
                "key": key_text(line.key),
                "kind": line.key.kind,
                "asset": line.key.name,
                "source": line.key.source,
                "step_seconds": line.key.step // 1000,
                "points": line.points,
                "unusable": line.unusable,
                "first": _at(line.first),
                "last": _at(line.last),
                "gaps": _faults(line.gaps),
                "faults": _faults(line.faults),
                "licence": line.licence,
                "origin": line.origin,
                "bytes": line.bytes,
            }
            for line in lines
        ]
    }

    def render(page: Page) -> None:
        if not lines:
            page.line("No history in the store: `vault history import PATH` or `vault history fetch`.")
            return
        page.table(
            ("history", "points", "first", "last", "gaps", "faults", "licence"),
            [_row(line) for line in lines],
            right=(1, 4, 5),
        )
        size = sum(line.bytes for line in lines)
        page.line(f"{sum(line.points for line in lines)} points in {size} bytes")
        if words:
            _render_words(page, lines)

    return Answer(document, render)


def _row(line: HistoryLine) -> tuple[str, ...]:
    return (
        key_text(line.key),
        str(line.points),
        _at(line.first)[:10],
        _at(line.last)[:10],
        str(sum(fault.count for fault in line.gaps)),
        str(sum(fault.count for fault in line.faults)),
        line.licence or "unknown",
    )


def _render_words(page: Page, lines: tuple[HistoryLine, ...]) -> None:
    for line in lines:
        faults = (*line.gaps, *line.faults)
        page.line()
        page.line(f"{key_text(line.key)}  from {line.origin or 'unknown'}")
        page.lines(
            (f"{fault.kind}, first {_at(fault.first)}: {fault.detail}" for fault in faults)
            if faults
            else ("nothing",),
            indent="    ",
        )


def exported(recorded: Recorded) -> Answer:
    """A history point by point; an unusable value is empty."""
    data = recorded.data
    if isinstance(data, Candles):
        names = ["opens", "known_at", "open", "high", "low", "close", "volume"]
        moments = [data.opens, data.opens + data.step]
        columns = [data.open, data.high, data.low, data.close, data.volume]
    else:
        names, moments, columns = ["known_at", "value"], [data.times], [data.values]
    cells = [[_at(moment) for moment in column.tolist()] for column in moments]
    cells += [["" if math.isnan(value) else repr(value) for value in column.tolist()] for column in columns]
    rows = list(zip(*cells, strict=True))
    document = {
        "key": key_text(recorded.key),
        "licence": recorded.provenance.licence,
        "origin": recorded.provenance.origin,
        "columns": names,
        "rows": [list(row) for row in rows],
    }

    def render(_: Page) -> None:
        sys.stdout.write(",".join(names) + "\n")
        sys.stdout.writelines(",".join(row) + "\n" for row in rows)

    return Answer(document, render)
