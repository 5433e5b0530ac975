"""`vault secret`: a venue's API keys go into the keyring, and nowhere else. Values are never shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from vault.cli.command import Answer, Call, command
from vault.errors import SecretError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury

MAX_SECRET: Final = 4096
ROLES: Final = ("read", "withdraw")


@click.group("secret")
def secret() -> None:
    """Put a venue's API keys into the keyring."""


def _names(treasury: Treasury) -> list[str]:
    from vault.secrets import venue_secret_names
    from vault.venues.traits import traits_of

    venues = [
        name
        for venue in treasury.config.venue
        for role in ROLES
        for name in venue_secret_names(venue.name, role, traits_of(venue.exchange).secrets)
    ]
    nodes = [settings.secret_name for _, settings in treasury.config.bitcoin.backends if settings.user]
    return venues + nodes


@command("set", interrupted="Nothing was stored.")
@click.argument("name", metavar="NAME")
def store(call: Call, name: str) -> Answer:
    """Store a secret, for example venue/trading/read/key. Its value is asked for, or read from stdin.

    Never give a secret as an argument: other users of this machine can read arguments.
    """
    from vault.secrets import Secret, backend_name, write_secret

    treasury = call.treasury()
    known = _names(treasury)
    if name not in known:
        raise SecretError(
            "unknown_name",
            f"expected one of {', '.join(known) or 'none (no [[venue]] is configured)'}, found {name!r}",
            hint="Secrets belong to a venue of treasury.toml (venue/NAME/read or withdraw/key or secret), or "
            "to a bitcoind's user (bitcoind/USER@HOST:PORT/password).",
        )
    backend = backend_name()
    write_secret(treasury.config.treasury_id, name, Secret(_value(name)))
    return Answer(
        {"name": name, "stored": True, "keyring": backend},
        lambda page: page.line(f"{name} is stored in {backend}."),
    )


def _value(name: str) -> str:
    if sys.stdin.isatty():
        text = str(click.prompt(name, hide_input=True, err=True))
    else:
        text = sys.stdin.read(MAX_SECRET + 2)
    text = text.strip("\r\n")
    if not text or len(text) > MAX_SECRET or not text.isascii() or not text.isprintable():
        raise SecretError(
            "bad_value",
            f"expected 1 to {MAX_SECRET} printable 7-bit characters on one line",
            hint="Give the value alone, without quotes.",
        )
    return text


@command("check")
def check(call: Call) -> Answer:
    """Say which of the keys the venues need are in the keyring. Exit status 12 when one is missing."""
    from vault.secrets import backend_name, read_secret

    treasury = call.treasury()
    backend = backend_name()
    found: list[tuple[str, bool]] = []
    for name in _names(treasury):
        try:
            read_secret(treasury.config.treasury_id, name)
            found.append((name, True))
        except SecretError as error:
            if error.code != "secret.missing":
                raise
            found.append((name, False))
    complete = all(present for _, present in found)

    def render(page: Page) -> None:
        page.line(f"keyring {backend}")
        for name, present in found:
            page.line(f"{'there  ' if present else 'MISSING'}  {name}")

    document = {
        "keyring": backend,
        "complete": complete,
        "secrets": [{"name": name, "present": present} for name, present in found],
    }
    return Answer(document, render, 0 if complete else SecretError.exit_status)


secret.add_command(store)
secret.add_command(check)
