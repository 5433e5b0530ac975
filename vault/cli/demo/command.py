"""`vault demo`: a liquidation day from first to last, in front of an emulated world.

Refuses nothing, sends nothing beyond loopback, and leaves nothing behind unless `--keep` says where.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from vault.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console

    from emulator.world_client import WorldProcess
    from vault.cli.demo.scenes import Outcome, Scene
    from vault.cli.demo.story import Story
    from vault.device.connection.keyboard import Keyboard

    AnsweringPerson = Callable[[WorldProcess], AbstractContextManager[Keyboard]]

# The emulator's personas, by name: importing them would cost every `--help` a second.
DEVICES: Final = ("onekey-pro", "onekey-classic1s", "trezor-core", "trezor-one")
DEFAULT_DEVICE: Final = "onekey-classic1s"
# The day with Bitcoin and Ethereum.
DEFAULT_SCENARIO: Final = "2026-01-31-ethereum"
KEPT: Final = """
Everything is left in {keep}. Look at it with `cd {keep}` and then `vault status`, `vault why --last`,
`vault show PLAN`, `vault audit log`. The emulated world has ended: check and plan would find nobody.
Its dates are the story's: `vault risk --at` and `vault cascade --at` look at a moment of it."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Leave everything in this folder."
)
@click.option(
    "--step", is_flag=True, help="Wait for a key at every scene and confirm on the device yourself."
)
@click.option(
    "--device",
    type=click.Choice(DEVICES),
    default=DEFAULT_DEVICE,
    show_default=True,
    help="The hardware wallet that the devices of the story play; the Safe's third owner is a trezor-core.",
)
@click.option(
    "--scenario",
    default=DEFAULT_SCENARIO,
    show_default=True,
    help="A market day by name, or a TOML file; 2026-01-31 is its Bitcoin alone.",
)
def demo(as_json: bool, keep: Path | None, step: bool, device: str, scenario: str) -> None:
    """Play a liquidation day against the emulated world and bring the coins home."""
    import json

    from rich.console import Console

    from vault.cli.demo.person import Person
    from vault.cli.demo.screen import show

    if step and not sys.stdin.isatty():
        raise click.UsageError("--step asks a person: it needs a terminal to ask on")
    console = Console(stderr=as_json, highlight=False)
    person = Person(console) if step else None

    def tell(scene: Scene) -> None:
        show(console, scene)
        if person is not None:
            person.wait()

    with _folder(keep) as folder, _progress(console, live=not step) as progress:
        answering = person.answering if person else None
        outcome = play(folder, scenario, device, tell=tell, progress=progress, person=answering)
    if as_json:
        click.echo(json.dumps(_json(outcome, keep), indent=2))
    else:
        if keep:
            console.print(KEPT.format(keep=keep), soft_wrap=True)
        if outcome.beside:
            console.print(f"\n{outcome.beside}", style="green", soft_wrap=True)
        console.print(f"\n{outcome.closing}", style="bold green", soft_wrap=True)
        if outcome.caution:
            console.print(f"{outcome.persona}: {outcome.caution}", style="bold yellow", soft_wrap=True)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="vault-demo-") as folder:
            yield Path(folder)
        return
    if keep.exists() and any(keep.iterdir()):
        raise ConfigError("not_empty", f"expected an empty or new folder, found files in {keep}")
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield keep


def play(
    folder: Path,
    scenario: str,
    device: str = DEFAULT_DEVICE,
    *,
    tell: Callable[[Scene], None],
    progress: Callable[[str], None] = lambda _line: None,
    person: AnsweringPerson | None = None,
) -> Outcome:
    """Set the stage in `folder` (see `staged`) and play the day, telling scene after scene.

    Raises `VaultError`; the world is stopped in any case.
    """
    with staged(folder, scenario, device, progress=progress, person=person) as story:
        for scene in story.play():
            tell(scene)
        return story.outcome


@contextlib.contextmanager
def staged(
    folder: Path,
    scenario: str,
    device: str = DEFAULT_DEVICE,
    *,
    progress: Callable[[str], None] = lambda _line: None,
    person: AnsweringPerson | None = None,
) -> Iterator[Story]:
    """A running world with a treasury in `folder` in front of it: the day can begin.

    All devices are of one persona, `device`, but those that the scenario keeps. With a `person` they wait for
    that person's decisions; without one they confirm. Raises `VaultError`.
    """
    from emulator.scenario import load_scenario
    from emulator.strict_toml import ScenarioError
    from emulator.world_client import WorldProcess
    from vault.cli.demo import stage
    from vault.cli.demo.clock import VENUE_WORKER, StoryClock
    from vault.cli.demo.past import import_record
    from vault.cli.demo.story import Story
    from vault.treasury.desk import Desk

    try:
        begins = load_scenario(scenario).steps[0].time - stage.SETTING_UP
    except ScenarioError as error:
        raise ConfigError("scenario", str(error), hint="Give 2026-01-31, or a TOML file like it.") from None
    mode = "scripted" if person else "thorough"
    with contextlib.ExitStack() as stack:
        progress("starting the world")
        stack.enter_context(stage.own_keyring(folder / "keyring"))
        clock = stack.enter_context(StoryClock.starting(folder / "world" / "clock", begins))
        world = stack.enter_context(
            WorldProcess.start(
                scenario=scenario,
                directory=folder / "world",
                device_mode=mode,
                persona=device,
                offset=clock.offset,
            )
        )
        keyboard = stack.enter_context(person(world)) if person else stage.comparing(world)
        progress("adding the devices")
        treasury = stage.make_treasury(world, folder, keyboard, clock)
        desk = stack.enter_context(
            Desk(treasury, clock=clock, progress=progress, keyboard=keyboard, venue_worker=VENUE_WORKER)
        )
        stage.fund(desk, world)
        progress("signing policy and address book")
        stage.sign_documents(desk, world)
        stage.allow_home(desk, world)
        progress("importing the desk's record of the order book")
        import_record(desk, world.scenario, folder)
        yield Story(desk, world, clock, progress)


@contextlib.contextmanager
def _progress(console: Console, *, live: bool) -> Iterator[Callable[[str], None]]:
    """A live status line on a terminal, plain lines where a person is asked, nothing where nobody looks."""
    if not console.is_terminal:
        yield lambda _line: None
    elif live:
        with console.status("…") as status:
            yield status.update
    else:
        yield lambda line: console.print(f"· {line}", style="dim")


def _json(outcome: Outcome, keep: Path | None) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "balanced": outcome.balanced,
        "message": outcome.closing,
        "persona": outcome.persona,
        "measured_against": outcome.measured_against,
        "caution": outcome.caution,
        "payments": [encode(payment) for payment in outcome.payments],
        "before": {place: amount.as_json() for place, amount in outcome.before.items()},
        "after": {place: amount.as_json() for place, amount in outcome.after.items()},
        "fees": encode(outcome.fees),
        "others": {asset: encode(books) for asset, books in outcome.others.items()},
        "account": "liquidated" if outcome.account_liquidated else "survived",
        "twin": "liquidated" if outcome.twin_liquidated else "survived",
        "journal": {"rows": outcome.journal_rows, "head": outcome.journal_head},
        "kept_in": str(keep) if keep else None,
    }
