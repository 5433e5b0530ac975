"""`vault verify`: a plan, a Safe transaction or a signed transaction judged on a machine that asks nobody."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.command import Answer, Call, command
from vault.errors import ConfigError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.policy.book import AddressBook
    from vault.treasury.ethereum.offline import FileReport, VerifiedItem

MAX_BOOK: Final = 2_000_000


@command("verify")
@click.argument("source", metavar="FILE")
@click.option("--book", metavar="FILE", help="An address book: every recipient must be an entry of it.")
@click.option("--chain-id", type=click.IntRange(1), metavar="N", help="It must be of this chain.")
@click.option(
    "--safe-nonce", type=click.IntRange(0), metavar="N", help="Of a signed execTransaction: the Safe's nonce."
)
def verify(
    call: Call, source: str, *, book: str | None, chain_id: int | None, safe_nonce: int | None
) -> Answer:
    """Judge a file on a second machine: hashes made again, calls decoded, nobody asked.

    FILE (- is standard input) is a plan, a Safe document of `vault safe export`, a transaction of Safe's
    transaction service, typed data (EIP-712) of a Safe transaction, or a signed transaction in hex. Neither
    store nor network is used; --config is read only if it is given: a Safe's owners and threshold must then
    be the configured ones.

    What to compare. Do this on a machine that did not make the plan. Trezor Model T and Safe: they show the
    values only when you choose "Show full message", and no hash; compare to, value, data and nonce with the
    lines here: data is nothing but hex there, digit by digit. OneKey: the same values, and its hashes. Trezor
    One signs by hashes: its domain hash and message hash with those here; the groups of four are for that.
    Safe's own web page and other wallets: the safeTxHash. If a single digit differs, do not sign.

    Refused, each with its own code: an operation other than CALL and refunds of gas (36), an implementation
    that Safe did not publish (36), hashes that are not of the fields beside them (36), calls that cannot be
    read in full (35), recipients that are not in --book (35). Exit status 0 if and only if nothing is.
    """
    from vault.treasury.ethereum.offline import Known, verify_file

    treasury = call.treasury() if call.config is not None else None
    known = Known(_book(book), treasury)
    report = verify_file(read_source(source), source, known, chain_id=chain_id, safe_nonce=safe_nonce)
    failed = report.first_error
    return Answer(
        _document(report), lambda page: _render(page, report), 0 if failed is None else failed.exit_status
    )


def read_source(source: str) -> str:
    """The text of a file, or of standard input. Raises `ConfigError` (``config.unreadable``)."""
    from vault.treasury.ethereum.offline import MAX_FILE

    return _read(source, MAX_FILE)


def _read(source: str, most: int) -> str:
    try:
        if source == "-":
            content = sys.stdin.buffer.read(most + 1)
        else:
            with Path(source).open("rb") as opened:
                content = opened.read(most + 1)
        if len(content) > most:
            raise ConfigError("unreadable", f"{source}: expected at most {most} bytes")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("unreadable", f"{source}: {error}", hint="Give a file of text.") from None


def _book(path: str | None) -> AddressBook | None:
    if path is None:
        return None
    from vault.policy.book import load_book

    return load_book(_read(path, MAX_BOOK), what=path)


def _document(report: FileReport) -> dict[str, Any]:
    return {
        "valid": report.first_error is None,
        "kind": report.kind,
        "title": report.title,
        "transactions": [_item(each) for each in report.items],
        "notes": list(report.notes),
    }


def _item(item: VerifiedItem) -> dict[str, Any]:
    return {
        "title": item.title,
        "valid": item.error is None,
        "error": item.error.as_json() if item.error is not None else None,
        "hashes": {name.replace(" ", "_"): text for name, text in item.hashes},
        "lines": list(item.lines),
    }


def _render(page: Page, report: FileReport) -> None:
    page.title(report.title)
    for item in report.items:
        page.line(item.title)
        page.lines(item.lines, "  ")
        if item.error is not None:
            page.line(f"  REFUSED {item.error.code}: {item.error.message}")
            if item.error.hint:
                page.line(f"  {item.error.hint}")
        elif report.kind == "transaction":
            page.lines((f"{name}: {text}" for name, text in item.hashes[:1]), "  ")
    if not report.items:
        page.line("Nothing is in it.")
    page.lines(report.notes, "note: ")
    if report.first_error is None and report.items:
        page.line("Nothing was found against it. Compare every line with the screens that are asked to sign.")
