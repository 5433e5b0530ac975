"""What the treasury of the demo knows of the markets before its story begins, and whom it asks.

Its own record of the order book is imported as `vault history import --mapping` does; the exchange and the
feeds tell the rest when they are asked.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from vault.config_feeds import FeedFile, FeedSettings
from vault.series import DAY, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.scenario import Scenario
    from emulator.world_client import WorldProcess
    from vault.kinds import Kind
    from vault.treasury.desk import Desk

RECORD: Final = "order-book.csv"
# The desk looked at the book every two hours.
LOOKS: Final = tuple(time(hour, tzinfo=UTC) for hour in range(0, 24, 2))
SPREAD: Final = "0.0002"
_FEEDS: Final[tuple[tuple[str, Kind, str], ...]] = (
    ("etf-flows", "etf_flow", "BTC"),
    ("gold", "close", "XAU"),
    ("silver", "close", "XAG"),
    ("stablecoins", "supply", "ALL"),
)
_BOOK: Final[tuple[Kind, ...]] = ("depth_1pct", "depth_10bp", "spread")


def feed_tables(world: WorldProcess) -> str:
    """The ``[[feed]]`` tables of treasury.toml: the world's sources of daily values."""
    return "\n".join(
        f'[[feed]]\nname = "{name}"\nkind = "{kind}"\nasset = "{asset}"\n'
        f'where = "{world.report.feeds}/feeds/{name}.csv"\nformat = "csv"\ntime = "date"\nvalue = "value"\n'
        f"step_seconds = {DAY // SECOND}\n"
        for name, kind, asset in _FEEDS
    )


def import_record(desk: Desk, scenario: Scenario, folder: Path) -> None:
    """Import the desk's own record of the order book, which no exchange tells the past of."""
    from vault.treasury.market_history import import_files

    path = folder / RECORD
    path.write_text(_record(scenario, desk.clock.now()), encoding="utf-8")
    feeds = tuple(
        FeedSettings(
            name=kind.replace("_", "-"),
            kind=kind,
            asset="BTC",
            source="binance",
            where=RECORD,
            format="csv",
            time="time",
            value=kind,
        )
        for kind in _BOOK
    )
    mapping = FeedFile(feed=feeds)
    import_files(desk.store, [path], desk.clock.now(), mapping=mapping, progress=desk.progress)


def _record(scenario: Scenario, now: datetime) -> str:
    """The looks of each day, and of today as of the last one; what lies within 10 basis points is a tenth.

    The spread is that of the exchange's book.
    """
    looks = [(datetime.combine(day.date, at), day.depth) for day in scenario.history for at in LOOKS]
    if scenario.history:
        last = scenario.history[-1]
        looks += [(datetime.combine(last.date + timedelta(days=1), at), last.depth) for at in LOOKS]
    rows = [f"{at:%Y-%m-%dT%H:%M:%SZ},{bid},{bid / 10},{SPREAD}" for at, bid in looks if at < now]
    return "\n".join((",".join(("time", *_BOOK)), *rows)) + "\n"
