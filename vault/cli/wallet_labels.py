"""`vault wallet receive|label|labels`: addresses given out, and names for coins, BIP329 files included."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.marks import Change, LabelImport


@command("receive", interrupted="The address was given out only if `vault wallet receive` printed it.")
@click.argument("name", metavar="NAME")
@click.option("--note", default="", metavar="TEXT", help="Who gets it; kept with the address.")
def receive(call: Call, name: str, *, note: str) -> Answer:
    """Give out a fresh receive address, once: derived here twice, and shown on the wallet's device.

    The first payment to it is expected; any further one goes into quarantine.
    """
    from vault.codec import encode
    from vault.treasury.receive import give_address

    with call.desk() as desk:
        given = give_address(desk, name, note)

    def render(page: Page) -> None:
        page.line(f"Receive address {given.place} of {name}, shown on the device, given out now:")
        page.line(given.address)
        if given.note:
            page.line(f"note: {given.note}")

    return Answer(encode(given), render)


@command("label", interrupted="The label stands if `vault wallet coins` shows it.")
@click.argument("ref", metavar="REF")
@click.argument("text", metavar="TEXT")
def label(call: Call, ref: str, text: str) -> Answer:
    """Label a coin (TXID:NUMBER), a transaction or an address; an empty text removes the label."""
    from vault.bitcoin.wallet.labels import plain_ref
    from vault.treasury.marks import label_kind, set_label

    with call.desk() as desk:
        kind = label_kind(desk, ref)
        ref = plain_ref(kind, ref, desk.network)
        changed = set_label(desk, ref, text)
    document = {"type": kind, "ref": ref, "label": text or None, "changed": changed}
    said = "labelled" if text else "label removed"
    return Answer(document, lambda page: page.line(f"{kind} {ref}: {said if changed else 'as it was'}"))


@click.group("labels")
def labels() -> None:
    """Exchange labels and frozen coins with other wallets (BIP329)."""


@command("export")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def export(call: Call, path: Path) -> Answer:
    """Write all labels as BIP329; frozen and quarantined coins are marked as not spendable.

    The file tells whoever has it which coins are yours. An existing file is not overwritten; `-` is standard
    output (with --json, the lines are in the document).
    """
    from vault.bitcoin.wallet.labels import write_labels
    from vault.treasury.marks import export_labels

    with call.desk() as desk:
        found = export_labels(desk)
    text, document = write_labels(found), {"path": None, "labels": len(found)}
    if str(path) == "-":
        return Answer({**document, "lines": text}, lambda _page: _to_stdout(text))
    _write(path, text)
    return Answer(
        {**document, "path": str(path)},
        lambda page: page.line(f"{len(found)} lines written to {path} (mode 0600)"),
    )


def _to_stdout(text: str) -> None:
    import sys

    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _write(path: Path, text: str) -> None:
    from vault.errors import ConfigError
    from vault.files import write_document

    if path.exists() or path.is_symlink():
        raise ConfigError("exists", f"{path} is already there", hint="Give another name.")
    write_document(path, text.encode())


@command("import", interrupted="Nothing was changed, or everything that the table said.")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--spendable", is_flag=True, help="Let the file set frozen coins free.")
def import_(call: Call, path: Path, *, dry_run: bool, spendable: bool) -> Answer:
    """Take over labels and frozen coins from a BIP329 file, all of it or nothing.

    A file never takes a coin out of quarantine, and without --spendable it sets none free.
    """
    from vault.codec import encode
    from vault.treasury.marks import apply_import, read_import

    with call.desk() as desk:
        found = read_import(desk, path, spendable=spendable)
        if not dry_run:
            apply_import(desk, found, path.name)
    document: dict[str, Any] = {
        "applied": not dry_run,
        "changes": encode(found.changes),
        "left_out": encode(found.left_out),
        "skipped": found.skipped,
    }
    return Answer(document, lambda page: _render(page, found, dry_run))


def _render(page: Page, found: LabelImport, dry_run: bool) -> None:
    from vault.cli.wording import counted

    page.line(f"{counted(len(found.changes), 'change')}{', not made (dry run)' if dry_run else ' made'}")
    if found.changes:
        page.table(("what", "about", "before", "after"), [_row(each) for each in found.changes])
    if found.left_out:
        page.line(f"{len(found.left_out)} left out:")
        rows = [(*_row(each), each.note) for each in found.left_out]
        page.table(("what", "about", "before", "after", "why"), rows)
    if found.skipped:
        page.line(f"{counted(found.skipped, 'line')} of a type that is not known")


def _row(each: Change) -> tuple[str, str, str, str]:
    return each.kind, f"{each.type} {each.ref}", each.before, each.after


for each in (export, import_):
    labels.add_command(each)
