"""The person at the terminal, asked for what a device needs. Nothing typed is echoed, kept or logged.

Where standard input is no terminal nobody is asked: PIN and passphrase never come from a pipe.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vault.device.connection.keyboard import Keyboard
    from vault.secrets import Secret


def terminal(*, twice: bool = False) -> Keyboard:
    """How to ask; `twice` has a passphrase typed twice, where nothing is known to compare it with."""
    from vault.device.connection.keyboard import NOBODY, Keyboard

    if not sys.stdin.isatty():
        return NOBODY
    return Keyboard(
        pin=lambda: _ask("Places of the PIN"),
        passphrase=lambda: _ask("Passphrase", twice=twice),
        code=lambda: _ask("Code on the device"),
    )


def _ask(what: str, *, twice: bool = False) -> Secret:
    from vault.secrets import Secret

    again = f"{what} again" if twice else False
    try:
        typed = click.prompt(
            what, default="", show_default=False, hide_input=True, confirmation_prompt=again, err=True
        )
    except click.Abort:
        # The device is waiting: as Ctrl-C this passes through whatever is talking to it.
        raise KeyboardInterrupt from None
    return Secret(str(typed))
