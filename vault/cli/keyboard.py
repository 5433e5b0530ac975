"""The person at the terminal, asked for what a device needs. No secret typed is echoed, kept or logged.

Where standard input is no terminal nobody is asked: PIN, passphrase and consent never come from a pipe.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from vault.cli.edge import say

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
        confirm=_same_address,
    )


def _same_address(address: str) -> bool:
    """Whether the device showed it. What was typed before the question is no answer to it."""
    import termios

    say(f"    {address}")
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    while True:
        sys.stderr.write("Did the device show exactly this address? [y/N] ")
        sys.stderr.flush()
        typed = sys.stdin.readline()
        if not typed:
            raise KeyboardInterrupt
        answer = typed.strip().lower()
        if answer in {"y", "yes"}:
            return True
        if answer in {"", "n", "no"}:
            return False


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
