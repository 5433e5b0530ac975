"""`vault risk`: fragility on a screen or as a page, each indicator explained, the record of past days."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command
from vault.cli.risk_answers import asset_option, at_option, document, moment, share, shown
from vault.errors import VaultError

if TYPE_CHECKING:
    from datetime import datetime

    from vault.cli.page import Page
    from vault.report.html import Report
    from vault.store.database import Store
    from vault.treasury.views import CascadeView, IndicatorView, RecordView, RiskView


class _ShowByDefault(click.Group):
    """`vault risk` and `vault risk --json` are `vault risk show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group("risk", cls=_ShowByDefault)
def risk() -> None:
    """Show fragility and what it rests on (without a command: `show`).

    Fragility says how bad a shock would be now, never whether one comes; `record` says how it did before.
    """


@command("show")
@asset_option
@at_option
@click.option(
    "--html",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it as one HTML file with pictures, cascade and record (mode 0600).",
)
def show(call: Call, *, asset: str, at: datetime | None, target: Path | None) -> Answer:
    """Show fragility with its bounds, regime, stage, indicators, accounts, and what is missing.

    Reads the store only. The headline takes an absent indicator as what it last was, at least as a half;
    most takes it as worst; least takes it, and what nobody set up, as calm: policies act on that one. What is
    missing is named.
    """
    from vault.clock import SystemClock
    from vault.report.risk_screen import screen
    from vault.treasury.fragility import look

    now = at or SystemClock().now()
    with call.store() as (treasury, store):
        view = look(treasury, store, now, asset)
        if target is None:
            return Answer(document(view), shown(lambda **size: screen(view, **size)))
        report = _report(call, view, store, now)
    from vault.report.html import write

    write(target, report)
    said = {**document(view), "written": str(target), "not_in_it": list(report.failures)}
    return Answer(said, lambda page: _written(page, target, report))


def _report(call: Call, view: RiskView, store: Store, now: datetime) -> Report:
    """Everything for the page; a part that cannot be had is named and leaves the others."""
    from vault.cli.cascade import SHOCKS
    from vault.report.html import Report
    from vault.treasury.cascade import cascade_view
    from vault.treasury.record import replay_store

    shocks = tuple(share(text, "shock") for text in SHOCKS)
    cascades: list[CascadeView] = []
    record: RecordView | None = None
    failures = []
    for side in ("long", "short"):
        try:
            cascades.append(cascade_view(store, now, view.asset, side, shocks))
        except VaultError as error:
            failures.append(f"cascade of the {side} side: {error.code}: {error.message}")
    try:
        record = replay_store(
            store, now, view.asset, drop=share(DROP, "drop"), since=None, until=None, progress=call.progress
        )
    except VaultError as error:
        failures.append(f"record: {error.code}: {error.message}")
    return Report(view, tuple(cascades), record, tuple(failures))


def _written(page: Page, target: Path, report: Report) -> None:
    page.line(f"Written: {target}")
    page.lines((f"Not in it: {why}" for why in report.failures), "  ")


@command("explain")
@click.argument("indicator", metavar="INDICATOR")
@asset_option
def explain(call: Call, *, indicator: str, asset: str) -> Answer:
    """Explain an indicator: definition, formula, source, pitfalls, thresholds with reasons, its numbers now.

    Needs no treasury; without one only the present numbers are absent, and it says why.
    """
    from vault.codec import encode
    from vault.report.explain_screen import screen
    from vault.risk.indicators.registry import ABOUT

    name = indicator.replace("-", "_").lower()
    if name not in ABOUT:
        raise click.UsageError(f"expected one of {', '.join(ABOUT)}, found {indicator}")
    about = ABOUT[name]
    now, why = _present(call, name, asset)
    return Answer(
        {"about": encode(about), "now": encode(now), "now_absent": why or None},
        shown(lambda **size: screen(about, now, why, **size)),
    )


def _present(call: Call, name: str, asset: str) -> tuple[IndicatorView | None, str]:
    """What the indicator says now, or why that is not known."""
    from vault.clock import SystemClock
    from vault.treasury.fragility import look

    try:
        with call.store() as (treasury, store):
            view = look(treasury, store, SystemClock().now(), asset)
    except VaultError as error:
        return None, f"{error.code}: {error.message}"
    found = next((each for each in view.indicators if each.name == name), None)
    return found, "" if found else "the assessment does not have it"


# What makes a day an event, in per cent.
DROP = "10"


@command("record")
@asset_option
@click.option(
    "--data",
    "folder",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Files of market history instead of the store; needs no treasury.",
)
@click.option(
    "--drop", default=DROP, show_default=True, metavar="PERCENT", help="A day that fell so far or more."
)
@click.option("--since", metavar="DAY", help="From the beginning of this UTC day.")
@click.option("--until", metavar="DAY", help="Up to the beginning of this UTC day.")
def record(
    call: Call, *, asset: str, folder: Path | None, drop: str, since: str | None, until: str | None
) -> Answer:
    """Replay past days: hits, misses and false alarms of the composite and of each indicator.

    A signal is asked one day and one hour before each fall, with what was known then. Without input it is
    `no data`, neither hit nor miss. The days everybody speaks of are always listed, also where this data does
    not show them.
    """
    from vault.clock import SystemClock
    from vault.report.record_screen import screen
    from vault.treasury.record import replay_folder, replay_store

    fall, start, end = share(drop, "--drop"), moment(since, "--since"), moment(until, "--until")
    now = SystemClock().now()
    if folder is not None:
        view = replay_folder(folder, now, asset, drop=fall, since=start, until=end, progress=call.progress)
    else:
        with call.store() as (_, store):
            view = replay_store(store, now, asset, drop=fall, since=start, until=end, progress=call.progress)
    return Answer(document(view), shown(lambda **size: screen(view, **size)))


for each in (show, explain, record):
    risk.add_command(each)
