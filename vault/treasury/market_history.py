"""Market history into the store: from files of others, or fetched by `market_feeds`; imports are journaled.

Refuses nothing that was read: what is contradicted stays, disputed. Only a person removes a history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.clock import to_milliseconds
from vault.errors import MarketDataError
from vault.markets.reading.files import FileReport, listed, read_files
from vault.store import history

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from vault.config_feeds import FeedFile
    from vault.markets.feeds.base import Failed
    from vault.series import Fault, Recorded, SeriesKey
    from vault.store.database import Store, Writer
    from vault.treasury.desk import Desk

_STEPS = (("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


@dataclass(frozen=True, slots=True)
class Kept:
    """One history that was given to the store, and what it did there."""

    key: SeriesKey
    appended: history.Appended
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What sources gave, and what could not be had, by name."""

    histories: tuple[Kept, ...]
    failures: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of every file, and of every history in them (none when nothing was to be kept)."""

    files: tuple[FileReport, ...]
    kept: tuple[Kept, ...]


def keep(store: Store, recorded: Iterable[Recorded], what: str, *, live: bool = False) -> tuple[Kept, ...]:
    """Append histories in one transaction, journaled when anything was new or became disputed."""
    with store.write() as writer:
        kept = tuple(
            Kept(each.key, history.append(writer, each, live=live), each.faults) for each in recorded
        )
        _journal(writer, what, kept)
    return kept


def _journal(writer: Writer, what: str, kept: tuple[Kept, ...]) -> None:
    changed = [each for each in kept if each.appended.new or each.appended.contradicted]
    if changed:
        body = {
            key_text(each.key): {"new": each.appended.new, "disputed": each.appended.contradicted}
            for each in changed
        }
        writer.journal("history", what, body)


def import_files(
    store: Store, paths: Iterable[Path], at: datetime, *, mapping: FeedFile | None = None, licence: str = "",
    dry_run: bool = False, progress: Callable[[str], None],
) -> Imported:  # fmt: skip
    """Read files and folders and keep what was recognised. Raises `MarketDataError`, `StoreError`."""
    files = [each for path in paths for each in listed(path)]
    found, reports = read_files(files, to_milliseconds(at), mapping, licence=licence, progress=progress)
    recorded = found.recorded.values()
    return Imported(reports, () if dry_run or not recorded else keep(store, recorded, "import"))


def fetch(desk: Desk, since: datetime | None) -> Fetched:
    """Ask every configured source and venue, and keep what they give.

    Raises `MarketDataError`, `StoreError`.
    """
    from vault.treasury.market_feeds import collect

    recorded, failures = collect(desk, since)
    return Fetched(keep(desk.store, recorded, "fetch", live=True) if recorded else (), tuple(failures))


def find(store: Store, text: str) -> history.HistoryLine:
    """The one history of a key as text, with its step or without. Raises `MarketDataError`."""
    with store.read() as connection:
        lines = history.overview(connection)
    found = [line for line in lines if text in {key_text(line.key), str(line.key)}]
    if len(found) == 1:
        return found[0]
    known = ", ".join(key_text(line.key) for line in found or lines) or "none"
    raise MarketDataError(
        "no_history",
        f"expected one history of the store, found {len(found)} named {text!r}",
        hint=f"There are: {known}"[:2000],
    )


def load_one(store: Store, key: SeriesKey) -> Recorded:
    """One history of the store. Raises `MarketDataError` when it is not there."""
    with store.read() as connection:
        found = history.load(connection, [key.kind], [key.name]).recorded.get(key)
    if found is None:
        raise MarketDataError("no_history", f"the store has no history {key_text(key)}")
    return found


def forget(store: Store, key: SeriesKey) -> int:
    """Remove a history that was imported by mistake; how many points it had."""
    with store.write() as writer:
        points = history.forget(writer, key)
        writer.journal("history", "forget", {key_text(key): {"points": points}})
    return points


def key_text(key: SeriesKey) -> str:
    """``price:BTC:binance:1h``."""
    return f"{key}:{step_text(key.step)}" if key.step else str(key)


def step_text(step: int) -> str:
    """A step in words of candles: 5m, 1h, 1d; "" for none."""
    for unit, size in _STEPS:
        if step and step % size == 0 and (unit != "w" or step == size):
            return f"{step // size}{unit}"
    return f"{step}ms" if step else ""
