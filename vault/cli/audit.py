"""`vault audit`: the hash-chained journal, verified or read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page


@click.group("audit")
def audit() -> None:
    """Verify the journal, or read it."""


@command("verify")
def verify(call: Call) -> Answer:
    """Walk the whole journal and compare its end with the head kept outside the store.

    Exit status 14 and the number of the first row that was altered, removed or cut off.
    """
    from vault.cli.wording import counted

    with call.store() as (_, store):
        head = store.verify()

    def render(page: Page) -> None:
        page.line(f"{counted(head.seq, 'row')} verified")
        page.line(f"head {head.hash}")

    return Answer({"rows": head.seq, "head": head.hash}, render)


@command("log")
@click.option("--subject", metavar="ID", help="Only rows about a plan, a step or a document.")
@click.option(
    "--last", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="So many rows."
)
def log(call: Call, subject: str | None, last: int) -> Answer:
    """Print the last rows of the journal. They are not verified here: see `vault audit verify`."""
    from vault.store import journal

    with call.store() as (_, store), store.read() as connection:
        rows = journal.rows(connection, subject)[-last:]

    def render(page: Page) -> None:
        for row in rows:
            page.line(f"{row.seq:6} {row.at} {row.kind} {row.subject}")
            page.line(f"       {row.body}")

    return Answer({"rows": [row.as_json() for row in rows]}, render)


audit.add_command(verify)
audit.add_command(log)
