"""What all commands share: --config and --json, progress and prompts on stderr, one answer at the end.

A command returns an `Answer`; nothing else is printed to stdout. Ctrl-C becomes an error that says what
state things are in.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import click

from vault.cli.edge import INTERRUPTED_STATUS, print_json, say
from vault.errors import VaultError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import Prompt
    from vault.store.database import Store
    from vault.treasury.desk import Desk

# Nothing is known to be wrong, but the time of --wait was not enough.
UNDER_WAY_STATUS: Final = 22
NOTHING_CHANGED: Final = "Nothing was moved and nothing was changed."


class InterruptedByUserError(VaultError):
    """Ctrl-C; the message says what state things are in."""

    family: ClassVar[str] = "interrupted"
    exit_status: ClassVar[int] = INTERRUPTED_STATUS


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: the JSON document, how a person reads it, and the exit status.

    `printed`: the command has already said everything.
    """

    document: dict[str, Any]
    render: Callable[[Page], None]
    exit_status: int = 0
    printed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation: the options every command has, and the way to the treasury."""

    config: str | None
    as_json: bool

    def treasury(self) -> Treasury:
        """The configured treasury. Raises `ConfigError`, `DocumentError`."""
        from vault.config import find_config, load_treasury

        return load_treasury(find_config(self.config))

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The open treasury, its progress and prompts on stderr."""
        from vault.cli.signing_bar import SigningBar
        from vault.treasury.desk import Desk

        with (
            SigningBar() as bar,
            Desk(
                self.treasury(),
                progress=self.progress,
                on_prompt=self.on_prompt,
                keyboard=self.keyboard(),
                on_signing=bar,
            ) as desk,
        ):
            yield desk

    def keyboard(self, *, twice: bool = False) -> Keyboard:
        """The person at this terminal, if there is one; `twice` has a passphrase typed twice."""
        from vault.cli.keyboard import terminal

        return terminal(twice=twice)

    @contextmanager
    def store(self) -> Iterator[tuple[Treasury, Store]]:
        """The store alone: no connection to anything is made."""
        from vault.clock import SystemClock
        from vault.store.database import Store

        treasury = self.treasury()
        with Store.open(treasury.store_url, treasury.config.treasury_id, SystemClock()) as store:
            yield treasury, store

    def progress(self, line: str) -> None:
        """Something is going on."""
        say(f"... {line}")

    def on_prompt(self, prompt: Prompt) -> None:
        """A device is about to ask a person: the same facts here, to be compared line by line."""
        where = f"device {prompt.device}" if prompt.device else "the device"
        say(f"On {where} ({prompt.action.replace('_', ' ')}); compare every line, then confirm there:")
        for line in prompt.lines:
            say(f"    {line}")


def command(
    name: str, *, interrupted: str = NOTHING_CHANGED
) -> Callable[[Callable[..., Answer]], click.Command]:
    """A click command around a function ``(call, …) -> Answer``; `interrupted` is said after Ctrl-C."""

    def wrap(work: Callable[..., Answer]) -> click.Command:
        @functools.wraps(work)
        def invoke(config: str | None, as_json: bool, **parameters: Any) -> int:
            try:
                answer = work(Call(config, as_json), **parameters)
            except KeyboardInterrupt:
                raise InterruptedByUserError("by_user", f"Interrupted. {interrupted}") from None
            if not answer.printed:
                deliver(answer, as_json)
            return answer.exit_status

        options = (
            click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
            click.option(
                "--config",
                type=click.Path(),
                metavar="FILE",
                help="treasury.toml or its folder (default: $VAULT_CONFIG, else here or above).",
            ),
        )
        decorated: Callable[..., int] = invoke
        for option in options:
            decorated = option(decorated)
        return click.command(name)(decorated)

    return wrap


def deliver(answer: Answer, as_json: bool) -> None:
    """Print the answer in the form that was asked for."""
    if as_json:
        print_json(answer.document)
        return
    from vault.cli.page import Page

    answer.render(Page())
