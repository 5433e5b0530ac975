"""`vault init`: a new treasury's folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page


def _next(folder: Path) -> list[str]:
    """The commands that lead from here to a treasury that works, in the order in which they can be given."""
    return [
        f"cd {shlex.quote(str(folder))}",
        "vault device add cold --path PATH --wallet cold=cold --attester NAME --write",
        "vault venue add trading --exchange NAME --uid UID --url URL --write",
        "vault book add cold-1 --wallet cold --index 0",
        "vault book add trading-deposit --venue trading",
        "vault book sign --attester NAME",
        "read policy.toml, change what must be changed (its wallet `staging` too), then vault policy test",
        "vault policy sign --attester NAME",
        "vault doctor",
    ]


@command("init", interrupted="Nothing was left behind unless the folder has a treasury.toml.")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--id", "treasury_id", help="The treasury's id (default: the folder's name).")
@click.option("--emulated", is_flag=True, help="A treasury of the emulated world: devices may be emulators.")
@click.option("--esplora", metavar="URL", help="The Esplora server (default: http://127.0.0.1:3002).")
def init(call: Call, folder: str, treasury_id: str | None, emulated: bool, esplora: str | None) -> Answer:
    """Make a new treasury in DIR (default: here): treasury.toml, policy.toml with its tests, an empty store.

    Never overwrites. Exit status 11 when something is already there.
    """
    from vault.clock import SystemClock
    from vault.treasury.setup import DEFAULT_ESPLORA, init_treasury

    place = Path(call.config).parent if call.config and folder == "." else Path(folder)
    made = init_treasury(
        place,
        treasury_id or place.resolve().name,
        SystemClock(),
        emulated=emulated,
        esplora=esplora or DEFAULT_ESPLORA,
    )

    def render(page: Page) -> None:
        page.line(f"Made a treasury in {made.folder}:")
        page.lines((str(path) for path in made.files), "  ")
        page.line()
        page.line("Next:")
        page.lines(_next(made.folder), "  ")

    return Answer({"folder": str(made.folder), "files": [str(path) for path in made.files]}, render)
