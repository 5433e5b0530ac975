"""`vault secret`: which secrets are in the keyring; a node's password or key goes there. Never shown.

Refuses a venue's API key: that is tried at the venue before it is kept (`vault venue keys --set`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command
from vault.errors import SecretError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury


@click.group("secret")
def secret() -> None:
    """See which secrets are in the keyring, or store a node's password or key."""


def _names(treasury: Treasury) -> list[str]:
    from vault.secrets import venue_secret_names
    from vault.treasury.venue_keys import roles_of
    from vault.venues.traits import traits_of

    venues = [
        name
        for venue in treasury.config.venue
        for role in roles_of(venue)
        for name in venue_secret_names(venue.name, role, traits_of(venue.exchange).secrets)
    ]
    return venues + _of_nodes(treasury)


def _of_nodes(treasury: Treasury) -> list[str]:
    passwords = [settings.secret_name for _, settings in treasury.config.bitcoin.backends if settings.user]
    keys = [
        chain.secret_name(table)
        for chain in treasury.config.chain
        for table, node in chain.nodes
        if "{key}" in node.rpc
    ]
    return passwords + keys


@command("set", interrupted="Nothing was stored.")
@click.argument("name", metavar="NAME")
def store(call: Call, name: str) -> Answer:
    """Store the password of a bitcoind's user, or the key in the URL of an Ethereum node.

    Its value is asked for, or read from stdin.
    Never give a secret as an argument: other users of this machine can read arguments.
    """
    from vault.cli.hidden import read_secret_line
    from vault.secrets import backend_name, write_secret

    treasury = call.treasury()
    known = _of_nodes(treasury)
    if name in _names(treasury) and name not in known:
        _, venue, role, _ = name.split("/")
        raise SecretError(
            "venue_key",
            f"{name}: a venue's key is tried at the venue before it is kept",
            hint=f"Run `vault venue keys {venue} --set {role}`; it asks for every part.",
        )
    if name not in known:
        raise SecretError(
            "unknown_name",
            f"expected one of {', '.join(known) or 'none (no node here needs one)'}, found {name!r}",
            hint="Keys of a venue are given to `vault venue add` and `vault venue keys`; the password of a "
            "bitcoind's user is bitcoind/USER@HOST:PORT/password, what stands for {key} in the URL of a "
            "[[chain]] rpc/chain/NAME/key, in its witness's rpc/chain/NAME/witness/key.",
        )
    backend = backend_name()
    write_secret(treasury.config.treasury_id, name, read_secret_line(name))
    return Answer(
        {"name": name, "stored": True, "keyring": backend},
        lambda page: page.line(f"{name} is stored in {backend}."),
    )


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
