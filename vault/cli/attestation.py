"""`vault attestation`: what a device signed, verified with the public key alone; approvals as files.

Refuses a file that differs by one byte from what was written when it was signed. The key comes from the
caller or from treasury.toml, never from the file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from vault.cli.command import Answer, Call, command
from vault.cli.edge import print_json
from vault.errors import AttestationError

if TYPE_CHECKING:
    from vault.attestation import SignedStatement, Statement
    from vault.cli.page import Page

MAX_FILE_BYTES: Final = 100_000  # a statement has at most 4096 characters
_PUBLIC_KEY: Final = re.compile(r"0[23][0-9a-f]{64}")


@click.group("attestation")
def attestation() -> None:
    """Verify what a device signed, offline, or export an approval."""


@command("verify")
@click.argument("file", metavar="FILE|-")
@click.option("--public-key", metavar="HEX", help="The signer's compressed public key: 66 hex digits.")
@click.option("--attester", metavar="NAME", help="Whose key it must be, as pinned in treasury.toml.")
def verify(call: Call, file: str, public_key: str | None, attester: str | None) -> Answer:
    """Check a signed statement: the .sig file of a policy or address book, or an exported approval.

    With --public-key no treasury, device or network is needed. It says what was signed, and by whom; that a
    document beside it is the one meant is for `vault policy show` and `vault book show`. Refused (17) unless
    every byte is what the device signed.
    """
    if (public_key is None) == (attester is None):
        raise click.UsageError("Give either --public-key HEX or --attester NAME.")
    if public_key is not None and not _PUBLIC_KEY.fullmatch(public_key):
        raise click.BadParameter(
            "expected 66 lower-case hex digits that begin with 02 or 03.", param_hint="--public-key"
        )
    signed = _load(file)
    key = str(public_key) if attester is None else _pinned(call, signed, attester)
    try:
        return _answer(signed, key)
    except AttestationError as error:
        if attester is not None or error.code != "attestation.wrong_signer":
            raise
        raise AttestationError(
            "wrong_signer",
            f"the {signed.statement.kind} statement of {signed.attester!r} is not signed by the key given",
            hint="It was altered, or another key signed it: compare the key with its owner. Do not go on.",
        ) from None


@command("export")
@click.argument("ident", metavar="PLAN")
@click.option("--attester", required=True, metavar="NAME", help="Whose approval, as in `vault show`.")
def export(call: Call, ident: str, attester: str) -> Answer:
    """Print an approval of a plan as the JSON file that `vault attestation verify` reads.

    Refused (17) unless its signature holds against the pinned key.
    """
    from vault.attestation import SignedStatement
    from vault.store import records
    from vault.treasury.authority import check_approval
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        with desk.store.read() as connection:
            given = dict(records.approvals(connection, plan.plan_id))
        if attester not in given:
            raise AttestationError(
                "no_approval",
                f"plan {plan.plan_id}: expected an approval by one of {', '.join(given) or 'nobody yet'}, "
                f"found {attester!r}",
            )
        signed = SignedStatement.from_json(given[attester])
        check_approval(desk.treasury, plan, signed)
    document = signed.as_json()
    return Answer(document, lambda _page: print_json(document))


def _load(file: str) -> SignedStatement:
    from vault.attestation import SignedStatement

    try:
        if file == "-":
            content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise AttestationError("too_large", f"{file}: expected at most {MAX_FILE_BYTES} bytes")
        text = content.decode("ascii")
    except (OSError, ValueError) as error:
        raise AttestationError("unreadable", f"{file}: {error}") from None
    return SignedStatement.load(text, what=file)


def _pinned(call: Call, signed: SignedStatement, name: str) -> str:
    """The key pinned for that attester; the statement must name him, this treasury and its network."""
    treasury = call.treasury()
    config = treasury.config
    found = (signed.attester, signed.statement.treasury_id, signed.statement.network)
    expected = (name, config.treasury_id, config.bitcoin.network)
    if found != expected:
        raise AttestationError(
            "foreign",
            f"expected a statement by {' for '.join(expected[:2])} on {expected[2]}, "
            f"found one by {' for '.join(found[:2])} on {found[2]}",
            hint="To check a statement of another treasury, give the signer's --public-key.",
        )
    return treasury.attester(name).public_key


def _answer(signed: SignedStatement, public_key: str) -> Answer:
    from vault.attestation import verify as check

    statement = check(signed, public_key)
    document = {
        "valid": True,
        "kind": statement.kind,
        "treasury_id": statement.treasury_id,
        "network": statement.network,
        "fields": dict(statement.fields),
        "attester": signed.attester,
        "public_key": public_key,
        "text": signed.text(),
    }
    return Answer(document, lambda page: _render(page, statement, signed.attester, public_key))


def _render(page: Page, statement: Statement, attester: str, public_key: str) -> None:
    page.lines(statement.parts)
    page.line()
    page.line(f"The signature holds: by {attester}, with the key")
    page.line(public_key)


attestation.add_command(verify)
attestation.add_command(export)
