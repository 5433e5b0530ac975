"""`vault history`: market history of the store: import, fetch, show, export, forget."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.kinds import Kind

KEPT_OR_NOT = "What was read is kept whole or not at all: `vault history show`."


@click.group("history")
def history() -> None:
    """Market history: import, fetch, show, export and forget it."""


@command("import", interrupted=KEPT_OR_NOT)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--mapping", type=click.Path(path_type=Path), metavar="FILE", help="[[feed]] tables, by file name."
)
@click.option("--licence", default="", metavar="TEXT", help="Under which licence the files are.")
@click.option("--dry-run", is_flag=True, help="Say what the files are; keep nothing.")
def import_(
    call: Call, paths: tuple[Path, ...], *, mapping: Path | None, licence: str, dry_run: bool
) -> Answer:
    """Read files and folders of market history into the store.

    CSV, JSON, feather, Parquet, gzip and zip. Every file is recognised by its columns and by what its numbers
    can be, or named with the reason why not. Importing again changes nothing; points that files contradict
    each other in are kept as disputed. Exit status 26 when nothing was recognised.
    """
    from vault.cli.history_answers import imported
    from vault.clock import SystemClock
    from vault.config_feeds import read_mapping
    from vault.treasury.market_history import import_files

    feeds = read_mapping(mapping) if mapping is not None else None
    with call.store() as (_, store):
        found = import_files(
            store, paths, SystemClock().now(), mapping=feeds, licence=licence, dry_run=dry_run,
            progress=call.progress,
        )  # fmt: skip
    return imported(found, dry_run=dry_run)


@command("fetch", interrupted=KEPT_OR_NOT)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="From this day on (UTC, 2026-01-31), where a source has it.",
)
def fetch(call: Call, since: datetime | None) -> Answer:
    """Ask the configured feeds and venues, and keep what they give.

    Exit status 26 when a source gave nothing or not all; what the others gave is kept. What an exchange does
    not offer is named and is no failure.
    """
    from vault.cli.history_answers import fetched
    from vault.treasury.market_history import fetch as ask

    with call.desk() as desk:
        return fetched(ask(desk, since.replace(tzinfo=UTC) if since else None))


@command("show")
@click.argument("kind", required=False, metavar="[KIND]")
@click.option("--asset", metavar="NAME", help="Only this asset.")
@click.option("--gaps", is_flag=True, help="Gaps and faults in words.")
def show(call: Call, kind: str | None, *, asset: str | None, gaps: bool) -> Answer:
    """The histories of the store: points, span, gaps, faults, licence and source. Asks nobody."""
    from vault.cli.history_answers import shown
    from vault.store.history import overview

    _kind(kind)
    with call.store() as (_, store), store.read() as connection:
        lines = overview(connection)
    chosen = [
        line for line in lines
        if kind in {None, line.key.kind} and (asset is None or line.key.name == asset.upper())
    ]  # fmt: skip
    return shown(tuple(chosen), words=gaps)


@command("export")
@click.argument("key", metavar="KEY")
@click.option("--csv", "as_csv", is_flag=True, help="CSV on stdout; so it is without --json too.")
def export(call: Call, key: str, *, as_csv: bool) -> Answer:
    """Print a history, such as price:BTC:binance:1h. Times are those from which a value could be known."""
    from vault.cli.history_answers import exported
    from vault.treasury.market_history import find, load_one

    if as_csv and call.as_json:
        raise click.UsageError("--csv and --json are two forms of one answer")
    with call.store() as (_, store):
        return exported(load_one(store, find(store, key).key))


@command("forget", interrupted="The history is removed whole or not at all: `vault history show`.")
@click.argument("key", metavar="KEY")
@click.option("--write", is_flag=True, help="Remove it.")
def forget(call: Call, key: str, *, write: bool) -> Answer:
    """Remove a history that was imported by mistake; without --write only say which."""
    from vault.treasury.market_history import find, key_text
    from vault.treasury.market_history import forget as remove

    with call.store() as (_, store):
        line = find(store, key)
        points = remove(store, line.key) if write else line.points
    document: dict[str, Any] = {"key": key_text(line.key), "points": points, "removed": write}

    def render(page: Page) -> None:
        page.line(
            f"{document['key']}: {points} points {'removed' if write else 'would be removed with --write'}"
        )

    return Answer(document, render)


def _kind(kind: str | None) -> Kind | None:
    """The kind, if it is one."""
    from typing import get_args

    from vault.kinds import Kind

    if kind is not None and kind not in get_args(Kind):
        raise click.UsageError(f"expected one of {', '.join(get_args(Kind))}, found {kind!r}")
    return kind  # type: ignore[return-value]


for each in (import_, fetch, show, export, forget):
    history.add_command(each)
