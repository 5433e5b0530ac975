"""Secrets typed at the terminal, unseen, or read from standard input a line each. Never from arguments.

Refuses what is no plain line of printable characters; a message never repeats what was typed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from vault.errors import SecretError

if TYPE_CHECKING:
    from vault.secrets import Secret

MAX_SECRET: Final = 4096


def read_secret_line(what: str) -> Secret:
    """One secret. Raises `SecretError` (``secret.bad_value``), KeyboardInterrupt where a person stops."""
    from vault.secrets import Secret

    if sys.stdin.isatty():
        try:
            text = str(click.prompt(what, hide_input=True, err=True))
        except click.Abort:
            raise KeyboardInterrupt from None
    else:
        text = sys.stdin.readline(MAX_SECRET + 2)
    text = text.strip("\r\n")
    if not text or len(text) > MAX_SECRET or not text.isascii() or not text.isprintable():
        raise SecretError(
            "bad_value",
            f"{what}: expected 1 to {MAX_SECRET} printable 7-bit characters on one line",
            hint="Give the value alone, without quotes; from standard input one value a line.",
        )
    return Secret(text)
