"""Observes and assesses also while policy or address book wait for a signature: a fall does not wait for one.

Refuses to decide anything then: nothing unsigned is followed, and nothing is proposed. What is unsigned is
named, and an empty round is recorded, so that no earlier decision passes for a present one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.codec import encode
from vault.errors import AddressError, AttestationError, DocumentError, PolicyError, VaultError
from vault.store import records
from vault.treasury import authority, books, observe
from vault.treasury.propose import Proposal, UnsignedDocument, look

if TYPE_CHECKING:
    from vault.treasury.authority import DocumentKind
    from vault.treasury.desk import Desk
    from vault.treasury.requests.stuck import Stuck

_COMMANDS: Final[dict[DocumentKind, str]] = {"policy": "vault policy sign", "address-book": "vault book sign"}


def watch(desk: Desk) -> Proposal:
    """What `look` finds; without a decision while a document is not signed as it stands."""
    unsigned = unsigned_documents(desk)
    if not unsigned:
        return look(desk)
    snapshot = observe.take_snapshot(desk)
    books.open_books(desk, snapshot)
    blind = any(each.kind == "policy" for each in unsigned)
    parameters = desk.unsigned_parameters() if blind else desk.risk_parameters()
    assessment = observe.assess_snapshot(desk, snapshot, parameters)
    with desk.store.write() as writer:
        records.save_document(
            writer,
            "round",
            {
                "at": writer.at,
                "assessment": assessment.snapshot_digest,
                "decisions": (),
                "unsigned": [encode(each) for each in unsigned],
            },
        )
    return Proposal(snapshot, assessment, (), (), None, None, (), _stuck(desk), unsigned=unsigned)


def unsigned_documents(desk: Desk) -> tuple[UnsignedDocument, ...]:
    """Policy and address book, as far as they are not what an attester signed, or cannot be used."""
    found = []
    kinds: tuple[DocumentKind, ...] = ("policy", "address-book")
    for kind in kinds:
        try:
            desk.policy() if kind == "policy" else desk.book()
        except (AttestationError, DocumentError, PolicyError, AddressError) as error:
            path = authority.document_path(desk.treasury, kind)
            found.append(UnsignedDocument(kind, path.name, error.code, error.message, _COMMANDS[kind]))
    return tuple(found)


def _stuck(desk: Desk) -> tuple[Stuck, ...]:
    """As far as that can be told without a policy."""
    from vault.treasury.requests.stuck import stuck

    try:
        return stuck(desk)
    except VaultError:
        return ()
