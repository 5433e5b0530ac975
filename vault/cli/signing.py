"""What `policy` and `book` share: how a statement, a signature and its state are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vault.cli.command import Answer
from vault.cli.edge import say

if TYPE_CHECKING:
    from vault.attestation import Statement
    from vault.cli.page import Page
    from vault.treasury.documents import DocumentState, SignedDocument


def statement_shower(statement: Statement) -> None:
    """On stderr, before a device is opened: what it will be asked to sign."""
    say("This is what the device will show and sign, with the name of the attester after it:")
    for part in statement.parts:
        say(f"    {part}")


def signed_answer(signed: SignedDocument) -> Answer:
    """A document that was just signed."""
    document = {
        "kind": signed.kind,
        "name": signed.name,
        "version": signed.version,
        "digest": signed.digest,
        "attester": signed.attester,
        "path": str(signed.path),
        "signature": str(signed.signature_path),
    }

    def render(page: Page) -> None:
        what = "address book" if signed.kind == "address-book" else f"{signed.kind} {signed.name}"
        page.line(f"{what} version {signed.version} was signed by {signed.attester}.")
        page.line(f"  digest     {signed.digest}")
        page.line(f"  signature  {signed.signature_path}")

    return Answer(document, render)


def state_json(state: DocumentState) -> dict[str, Any]:
    """Whether a signature holds."""
    return {
        "path": str(state.path),
        "version": state.version,
        "digest": state.digest,
        "valid": not state.code,
        "attester": state.attester,
        "error": state.code,
        "message": state.message,
    }


def show_state(page: Page, state: DocumentState) -> None:
    """The same for a person."""
    page.facts(
        [
            ("file", str(state.path)),
            ("digest", state.digest),
            (
                "signature",
                f"holds, by {state.attester}" if not state.code else f"{state.code}: {state.message}",
            ),
        ]
    )
