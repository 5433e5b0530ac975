"""`vault demo`: a liquidation day from first to last, in front of an emulated world.

Refuses nothing, sends nothing beyond loopback, and leaves nothing behind unless `--keep` says where.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from vault.cli.demo.scenes import Outcome

CLOSING = "The books balance to the satoshi"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Leave everything in this folder."
)
@click.option(
    "--step", is_flag=True, help="Wait for a key at every scene and confirm on the device yourself."
)
@click.option(
    "--scenario", default="2026-01-31", show_default=True, help="A market day by name, or a TOML file."
)
def demo(as_json: bool, keep: Path | None, step: bool, scenario: str) -> None:
    """Play a liquidation day against the emulated world and bring the coins home."""
    import json

    from rich.console import Console

    console = Console(stderr=as_json, highlight=False)
    with _folder(keep) as folder:
        outcome = _play(console, folder, scenario, step=step)
        if as_json:
            click.echo(json.dumps(_json(outcome, keep), indent=2))
        else:
            if keep:
                console.print(f"\nEverything is left in {folder}", soft_wrap=True)
            console.print(f"\n{_closing(outcome)}", style="bold green")


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="vault-demo-") as folder:
            yield Path(folder)
        return
    from vault.errors import ConfigError

    if keep.exists() and any(keep.iterdir()):
        raise ConfigError("not_empty", f"expected an empty or new folder, found files in {keep}")
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield keep


def _play(console: Console, folder: Path, scenario: str, *, step: bool) -> Outcome:
    from emulator.world_client import WorldProcess
    from vault.cli.demo import stage
    from vault.cli.demo.person import Person
    from vault.cli.demo.screen import show
    from vault.cli.demo.story import Story
    from vault.treasury.desk import Desk

    mode = "scripted" if step else "auto"
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(_progress(console))
        progress("starting the world")
        stack.enter_context(stage.own_keyring(folder / "keyring"))
        world = stack.enter_context(
            WorldProcess.start(scenario=scenario, directory=folder / "world", device_mode=mode)
        )
        person = stack.enter_context(Person(console, world)) if step else None
        progress("enrolling the devices")
        treasury = stage.make_treasury(world, folder)
        desk = stack.enter_context(Desk(treasury, progress=progress))
        stage.fund(desk, world)
        progress("signing policy and address book")
        stage.sign_documents(desk, stage.write_book(desk))
        story = Story(desk, world, progress)
        for scene in story.play():
            show(console, scene)
            if person is not None:
                person.wait()
        return story.outcome


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Callable[[str], None]]:
    """A status line on a terminal; nothing where nobody looks."""
    if not sys.stderr.isatty() or not console.is_terminal:
        yield lambda _line: None
        return
    with console.status("…") as status:
        yield status.update


def _json(outcome: Outcome, keep: Path | None) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "balanced": outcome.balanced,
        "message": _closing(outcome),
        "payments": [encode(payment) for payment in outcome.payments],
        "before": {place: amount.as_json() for place, amount in outcome.before.items()},
        "after": {place: amount.as_json() for place, amount in outcome.after.items()},
        "fees": encode(outcome.fees),
        "account": "liquidated" if outcome.account_liquidated else "survived",
        "twin": "liquidated" if outcome.twin_liquidated else "survived",
        "journal": {"rows": outcome.journal_rows, "head": outcome.journal_head},
        "kept_in": str(keep) if keep else None,
    }


def _closing(outcome: Outcome) -> str:
    account = "liquidated" if outcome.account_liquidated else "survived"
    twin = "liquidated" if outcome.twin_liquidated else "survived"
    return f"{CLOSING}; the account {account}, its twin without vault was {twin}."
