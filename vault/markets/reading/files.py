"""Files and folders of market history: every one recognised, or named with the reason why not.

Refuses to skip in silence: there is a report for each file, also for one that is no data at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from vault.errors import MarketDataError
from vault.markets.reading import limits
from vault.markets.reading.agreement import clocks
from vault.markets.reading.arrow import form_of, read_arrow
from vault.markets.reading.funding import confirmed
from vault.markets.reading.json_text import read_json
from vault.markets.reading.names import Place, slug, words_of
from vault.markets.reading.recognise import recognise
from vault.markets.reading.sheet import Found
from vault.markets.reading.table import Table, unusable
from vault.markets.reading.text import read_text
from vault.markets.reading.unpack import Piece, read_bytes, unpack
from vault.series import Candles, Fault, MarketHistory, Provenance, Recorded, SeriesKey
from vault.series_join import join

if TYPE_CHECKING:
    from vault.config_feeds import FeedFile

_NO_DATA: Final = frozenset({
    ".md", ".txt", ".rst", ".py", ".toml", ".lock", ".cfg", ".yml", ".yaml", ".html", ".pdf", ".png", ".svg",
    ".ipynb", ".sha256", ".log",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recognised:
    """One history of a file: what as, by which rule, how much, and what was done to its times."""

    key: SeriesKey
    rule: str
    points: int
    first: int
    last: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    offset_minutes: int


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of a file: its histories, and every reason why it, or a part of it, gave none."""

    path: str
    recognised: tuple[Recognised, ...]
    reasons: tuple[str, ...]

    @property
    def used(self) -> bool:
        return bool(self.recognised)


def _quiet(_line: str) -> None:
    """Progress nobody asked for."""


def listed(path: Path) -> list[tuple[Path, Path]]:
    """A file, or every file of a folder and the folders in it, each with the name it is understood by.

    Hidden files are none of them. Raises `MarketDataError` for what is not there or cannot be listed.
    """
    if path.is_file():
        return [(path.resolve(), Path(path.name))]
    if not path.is_dir():
        raise unusable(
            "unreadable", f"{path}: no such file or folder", "Give a file or a folder that is there."
        )
    try:
        files = sorted(
            each
            for each in path.rglob("*")
            if (each.is_symlink() or not each.is_dir()) and not _hidden(each, path)
        )
    except OSError as error:
        raise unusable(
            "unreadable", f"{path}: {error.strerror}", "Check that this user may read it."
        ) from None
    if len(files) > limits.MAX_FILES:
        message = f"{path}: expected at most {limits.MAX_FILES} files, found {len(files)}"
        raise unusable("too_large", message, "Import parts of it.")
    return [(each, each.relative_to(path)) for each in files]


def read_folder(
    path: Path, now: int, mapping: FeedFile | None = None, *, licence: str = ""
) -> tuple[MarketHistory, tuple[FileReport, ...]]:
    """All files of a folder and the folders in it, in the order of their names; `now` in Unix ms.

    Raises `MarketDataError` only for a folder that cannot be listed.
    """
    return read_files(listed(path), now, mapping, licence=licence)


def read_file(
    path: Path, now: int, mapping: FeedFile | None = None, *, licence: str = ""
) -> tuple[MarketHistory, tuple[FileReport, ...]]:
    """One file, by its name alone."""
    return read_files([(path.resolve(), Path(path.name))], now, mapping, licence=licence)


def read_files(
    files: Iterable[tuple[Path, Path]], now: int, mapping: FeedFile | None = None, *, licence: str = "",
    progress: Callable[[str], None] = _quiet,
) -> tuple[MarketHistory, tuple[FileReport, ...]]:  # fmt: skip
    """Files with the names by which they are to be understood. What has the same key becomes one history."""
    everything: list[tuple[str, Found]] = []
    reasons: dict[str, list[str]] = {}
    for path, given in files:
        name = _printable(given.as_posix())
        while name in reasons:  # two names that differ in what cannot be shown
            name += "'"
        progress(name)
        reasons[name] = []
        try:
            _require_inside(path, given)
            found, problems = _one(path, Path(name), now, mapping)
            everything += [(name, each) for each in found]
            reasons[name] += [_printable(_why(error)) for error in problems]
        except MarketDataError as error:
            reasons[name].append(_printable(_why(error)))
    settled = clocks(confirmed(tuple(each for _, each in everything)))
    everything = [(name, each) for (name, _), each in zip(everything, settled, strict=True)]
    history, disputes = _merged(everything, now, licence)
    reports = []
    for name, why in reasons.items():
        parts = tuple(_recognised(each, disputes) for origin, each in everything if origin == name)
        reports.append(FileReport(name, parts, tuple(why)))
    return history, tuple(reports)


def _why(error: MarketDataError) -> str:
    told = error.code in {"market.no_pyarrow", "market.ambiguous_columns", "market.ambiguous_unit"}
    return f"{error.message}. {error.hint}" if told else error.message


def _printable(text: str) -> str:
    """A name or a reason on one line, also where it is no UTF-8."""
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "\ufffd" for each in whole)


def _require_inside(path: Path, given: Path) -> None:
    """Raise for a link that leads out of the folder, or to no ordinary file."""
    if not path.is_symlink():
        return
    root = path.parents[len(given.parts) - 1]
    try:
        inside = path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        raise unusable("unreadable", "a link to nothing") from None
    if not inside:
        raise unusable("unreadable", "a link to a file outside of the folder", "Give that file itself.")


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _one(
    path: Path, shown: Path, now: int, mapping: FeedFile | None
) -> tuple[list[Found], list[MarketDataError]]:
    feeds = mapping.of(shown) if mapping is not None else ()
    if feeds:
        from vault.markets.reading.mapped import mapped

        data = _single(path, shown)
        return [mapped(data, feed, now, shown.name) for feed in feeds], []
    if shown.suffix.lower() in _NO_DATA:
        raise unusable("no_data", f"a {shown.suffix[1:]} file is no data")
    found: list[Found] = []
    problems: list[MarketDataError] = []
    for piece in unpack(shown.name, read_bytes(path)):
        try:
            for table in tables(piece):
                reading = recognise(table, _place(shown, piece), now)
                found += reading.found
                problems += reading.problems
        except MarketDataError as error:
            problems.append(error)
    if not found and problems:
        raise problems[0]
    return found, problems


def _single(path: Path, shown: Path) -> bytes:
    pieces = unpack(shown.name, read_bytes(path))
    if len(pieces) != 1:
        raise unusable(
            "not_unpacked",
            f"{shown.name}: expected one file in the archive, found {len(pieces)}",
            "Unpack it first.",
        )
    return pieces[0].data


def tables(piece: Piece) -> tuple[Table, ...]:
    """The tables of a document, by what its bytes are. Raises `MarketDataError`."""
    if not piece.data.strip():
        raise unusable("no_table", f"{piece.name}: an empty file")
    if form_of(piece.data):
        return (read_arrow(piece.name, piece.data),)
    start = piece.data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in {b"{", b"["}:
        return read_json(piece.name, piece.data)
    return (read_text(piece.name, piece.data),)


def _place(shown: Path, piece: Piece) -> Place:
    stem = PurePosixPath(shown.name).name
    for _ in range(2):
        stem = stem.rsplit(".", 1)[0] if "." in stem.lstrip(".") else stem
    inner = PurePosixPath(piece.name).name if piece.name != shown.name else ""
    inner = "" if shown.name.startswith(inner) else inner
    around = " ".join(shown.parent.parts)
    words = dict.fromkeys((*words_of(stem), *words_of(inner.rsplit(".", 1)[0]), *words_of(around)))
    return Place(f"{stem} {inner.rsplit('.', 1)[0]}".strip(), tuple(words), slug(f"{around} {stem}"))


def _merged(
    everything: list[tuple[str, Found]], now: int, licence: str
) -> tuple[MarketHistory, dict[SeriesKey, tuple[Fault, ...]]]:
    """One history a key out of all files, and what files contradict each other in."""
    parts: dict[SeriesKey, list[tuple[str, Found]]] = {}
    for name, each in everything:
        parts.setdefault(each.key, []).append((name, each))
    recorded: list[Recorded] = []
    disputes: dict[SeriesKey, tuple[Fault, ...]] = {}
    for key, group in parts.items():
        data, faults = group[0][1].data, group[0][1].faults
        for _, other in group[1:]:
            joined = join(data, other.data)
            data, faults = joined.data, (*faults, *other.faults, *joined.faults)
            disputes[key] = (*disputes.get(key, ()), *joined.faults)
        origin = ", ".join(dict.fromkeys(name for name, _ in group))
        recorded.append(Recorded(key, data, Provenance(origin, licence, now), faults))
    return MarketHistory().with_recorded(recorded), disputes


def _recognised(found: Found, disputes: dict[SeriesKey, tuple[Fault, ...]]) -> Recognised:
    times = found.data.opens if isinstance(found.data, Candles) else found.data.times
    notes = (*found.notes, *(f"beside another file: {each.detail}" for each in disputes.get(found.key, ())))
    first, last = (int(times[0]), int(times[-1])) if times.size else (0, 0)
    return Recognised(
        found.key, found.rule, int(times.size), first, last, found.faults, notes, found.offset_minutes
    )
