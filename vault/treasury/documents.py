"""Signing of policy and address book on an attester's device, and new entries of the book.

Refuses to have signed what could not be in force: an older version, a version with other content, a book
that alters or drops what an earlier one said, an address of ours that was not proven, one that looks like
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vault.attestation import Statement
from vault.clock import to_iso
from vault.codec import decode
from vault.errors import AddressError, AttestationError, PolicyError
from vault.files import write_document
from vault.store import records
from vault.treasury import authority, shown
from vault.treasury.authority import BOOK_NAME, DocumentKind
from vault.treasury.devices import derived_address, show_address
from vault.treasury.entries import NewEntry, bitcoin_network, new_entry, prove, purpose_of
from vault.treasury.lookalikes import known_addresses, refuse_lookalike
from vault.treasury.shown import not_shown, require_proven, require_shown

if TYPE_CHECKING:
    from vault.policy.book import AddressBook, Entry
    from vault.treasury.desk import Desk


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document that was just signed, and where its signature lies."""

    kind: DocumentKind
    name: str
    version: int
    digest: str
    attester: str
    path: Path
    signature_path: Path


@dataclass(frozen=True, slots=True)
class DocumentState:
    """How a document stands: `code` is empty when its signature holds, else the error's code."""

    kind: DocumentKind
    name: str
    version: int
    digest: str
    path: Path
    attester: str
    code: str
    message: str


# -- signing -----------------------------------------------------------------------------------------


def sign_policy(
    desk: Desk, attester: str, show: Callable[[Statement], None], *, untested: bool = False
) -> SignedDocument:
    """Have an attester's device sign the policy file as it stands; `show` gets the statement first.

    The tests beside it must pass, unless it is to be signed `untested`; the journal says which it was.
    Raises `PolicyError` (``policy.untested``, ``policy.tests_failed``), `AttestationError`, `DocumentError`,
    `DeviceError`.
    """
    policy, digest = authority.read_policy(desk.treasury)
    passed = None if untested else _require_tested(desk.treasury.policy_path)
    signed = _sign(
        desk,
        attester,
        kind="policy",
        name=policy.policy_id,
        version=policy.version,
        digest=digest,
        show=show,
    )
    with desk.store.write() as writer:
        tests = "signed untested" if passed is None else f"{passed} passed"
        facts = {"version": policy.version, "digest": digest, "attester": attester, "tests": tests}
        writer.journal("policy_signed", policy.policy_id, facts)
    desk.policy()
    return signed


def _require_tested(path: Path) -> int:
    """How many tests stand beside a policy; all of them pass."""
    from vault.policy.testing import cases_path, run_policy_tests

    results = run_policy_tests(path) if cases_path(path).is_file() else ()
    override = "or sign it all the same with --untested, which the journal keeps."
    if not results:
        raise PolicyError(
            "untested",
            f"expected tests of {path.name} in {cases_path(path)}, found none",
            hint=f"Write tests, {override}",
        )
    if failed := [each.name for each in results if not each.passed]:
        raise PolicyError(
            "tests_failed",
            f"expected every test of {path.name} to pass, found {len(failed)} of {len(results)} that fail: "
            + ", ".join(failed),
            hint=f"`vault policy test` shows what differs. Mend policy or tests, {override}",
        )
    return len(results)


def sign_book(desk: Desk, attester: str, show: Callable[[Statement], None]) -> SignedDocument:
    """Have an attester's device sign the address book as it stands.

    Raises `AttestationError`, `DocumentError`, `AddressError`, `DeviceError`.
    """
    book = authority.read_book(desk.treasury)
    _check_book(desk, book)
    signed = _sign(
        desk,
        attester,
        kind="address-book",
        name=BOOK_NAME,
        version=book.version,
        digest=book.digest(),
        show=show,
    )
    desk.book()
    return signed


def _sign(
    desk: Desk,
    attester_name: str,
    *,
    kind: DocumentKind,
    name: str,
    version: int,
    digest: str,
    show: Callable[[Statement], None],
) -> SignedDocument:
    from vault.device.attest import sign_statement

    attester = desk.treasury.attester(attester_name)
    if kind not in attester.roles:
        raise AttestationError(
            "not_permitted",
            f"{attester.name} has the roles {', '.join(attester.roles)}, and not {kind!r}",
            hint="Only an attester with that role in treasury.toml may sign it.",
        )
    _refuse_older(desk, kind, name, version, digest)
    statement = authority.document_statement(desk.treasury, kind, name, version, digest)
    show(statement)
    with desk.device(attester.device) as session:
        signed = sign_statement(session, statement, attester.name, attester.public_key, desk.network)
    path = authority.document_path(desk.treasury, kind)
    signature = authority.write_signature(path, signed)
    return SignedDocument(kind, name, version, digest, attester.name, path, signature)


def _refuse_older(desk: Desk, kind: DocumentKind, name: str, version: int, digest: str) -> None:
    with desk.store.read() as connection:
        seen = records.highest_version(connection, kind, name)
    if seen is not None and (version < seen[0] or (version == seen[0] and digest != seen[1])):
        raise AttestationError(
            "older",
            f"{authority.title(kind, name)}: version {seen[0]} was in force, found version {version}"
            + (" with other content" if version == seen[0] else ""),
            hint=f"Write version = {seen[0] + 1} into the document, then sign it.",
        )


def _check_book(desk: Desk, book: AddressBook) -> None:
    """Entries are ours where they say so, on this treasury's network, and follow the book in force."""
    from vault.policy.book import AddressBook, check_successor

    for entry in book.entries:
        _check_entry(desk, entry)
    with desk.store.read() as connection:
        seen = records.highest_version(connection, "address-book", BOOK_NAME)
        before = records.document(connection, seen[1]) if seen and seen[0] < book.version else None
    old = None if before is None else decode(before, AddressBook)
    if old is not None:
        check_successor(old, book, desk.clock.now())
    signed = set() if seen is None else {entry.id for entry in (old or book).entries}
    for entry in (each for each in book.entries if each.id not in signed):
        refuse_lookalike(entry.address, known_addresses(desk, book))


def _check_entry(desk: Desk, entry: Entry) -> None:
    authority.require_known_network(desk.treasury.config, entry)
    if entry.wallet is not None and entry.chain_id is not None:
        require_proven(desk, entry)
    elif entry.wallet is not None and entry.index is not None:
        require_shown(desk, entry.wallet)
        ours = desk.descriptor(entry.wallet).address(False, entry.index)
        if ours != entry.address:
            raise AddressError(
                "not_ours",
                f"{entry.id}: expected {ours} (receive address {entry.index} of {entry.wallet}), "
                f"found {entry.address}",
                hint="Somebody changed the address book. Do not sign it.",
            )
    if entry.venue is not None:
        desk.treasury.venue(entry.venue)


def document_states(desk: Desk) -> tuple[DocumentState, ...]:
    """Whether the signatures of policy and address book hold now. Raises only when a file cannot be read."""
    policy, digest = authority.read_policy(desk.treasury)
    states = [_state(desk, "policy", policy.policy_id, policy.version, digest)]
    if desk.treasury.book_path.exists():
        book = authority.read_book(desk.treasury)
        states.append(_state(desk, "address-book", BOOK_NAME, book.version, book.digest()))
    return tuple(states)


def policy_state(desk: Desk) -> DocumentState:
    """Whether the policy's signature holds now."""
    policy, digest = authority.read_policy(desk.treasury)
    return _state(desk, "policy", policy.policy_id, policy.version, digest)


def book_state(desk: Desk) -> DocumentState:
    """Whether the address book's signature holds now."""
    book = authority.read_book(desk.treasury)
    return _state(desk, "address-book", BOOK_NAME, book.version, book.digest())


def _state(desk: Desk, kind: DocumentKind, name: str, version: int, digest: str) -> DocumentState:
    attester = code = message = ""
    try:
        attester = desk.policy().attester if kind == "policy" else desk.book().attester
    except AttestationError as error:
        code, message = error.code, error.message
    path = authority.document_path(desk.treasury, kind)
    return DocumentState(kind, name, version, digest, path, attester, code, message)


# -- new entries -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddedEntry:
    """An entry that now stands in the (still unsigned) book."""

    entry: Entry
    version: int
    path: Path


def add_own_address(desk: Desk, entry_id: str, wallet: str, index: int) -> AddedEntry:
    """Add receive address `index` of a wallet of ours, shown on its device and compared there.

    A p2wpkh address is first derived a second time, by an independent implementation.

    Raises `AddressError`, `AttestationError`, `DeviceError`, `DeviceRefusedError`.
    """
    settings = desk.treasury.wallet(wallet)
    if settings.role != "cold":
        raise AddressError(
            "not_cold",
            f"expected a cold wallet, found {wallet} of role {settings.role}",
            hint="Coins go home to cold wallets only.",
        )
    require_shown(desk, wallet)
    address = derived_address(desk, wallet, index)
    book = _open_version(desk)
    entry = new_entry(
        desk, book, NewEntry(entry_id, "BTC", bitcoin_network(desk), address, wallet=wallet, index=index)
    )
    new = replace(book, entries=(*book.entries, entry))
    # A group's devices that showed it before are not asked again: they need not be in one place.
    waiting = not_shown(desk, wallet, index) if settings.group else settings.signers
    for device in waiting:
        show_address(desk, wallet, index, change=False, device=device)
    return _write(desk, new, entry)


def add_account_address(desk: Desk, entry_id: str, account: str, asset: str) -> AddedEntry:
    """Add an account of ours on Ethereum for one asset, proven: shown on its device, or its owners on chain.

    Raises `AddressError` (``address.watch_only``, ``address.not_cold``, ``address.wrong_asset``,
    ``address.lookalike``), `DeviceError`, `SafeError`, `EthereumError`.
    """
    settings = desk.treasury.account(account)
    purpose = purpose_of(desk.treasury, settings, asset)
    network = f"eip155:{desk.treasury.chain(settings.chain).id}"
    book = _open_version(desk)
    new = NewEntry(entry_id, asset, network, settings.address, purpose, wallet=account)
    entry = new_entry(desk, book, new)
    # Whether the book takes it is found out before a device is asked for.
    added = replace(book, entries=(*book.entries, entry))
    prove(desk, settings)
    shown.record_account(desk, entry)
    return _write(desk, added, entry)


def add_venue_deposit(desk: Desk, entry_id: str, venue: str, asset: str, network: str) -> AddedEntry:
    """Add the deposit address a venue gives now. A person must compare it by another channel.

    Raises `AddressError`, `AttestationError`, `VenueError`.
    """
    from vault.venues.registry import asset_network

    desk.treasury.venue(venue)
    book = _open_version(desk)
    kept_as = asset_network(desk.treasury.venue(venue).exchange, asset, network)
    found = desk.venues.deposit_address(venue, asset, network)
    entry = new_entry(
        desk,
        book,
        NewEntry(
            entry_id,
            asset,
            kept_as.network_id(desk.network.name),
            found.address,
            purpose="venue_deposit",
            venue=venue,
            memo=found.tag or None,
        ),
    )
    return _write(desk, replace(book, entries=(*book.entries, entry)), entry)


def _open_version(desk: Desk) -> AddressBook:
    """The version of the book that new entries go into: one above the signed one, not yet signed itself."""
    from vault.policy.book import AddressBook

    if not desk.treasury.book_path.exists():
        _refuse_lost_book(desk)
        return AddressBook(1, ())
    book = authority.read_book(desk.treasury)
    try:
        desk.book()
    except AttestationError as error:
        with desk.store.read() as connection:
            seen = records.highest_version(connection, "address-book", BOOK_NAME)
        if error.code not in {"attestation.unsigned", "attestation.other_document"}:
            raise
        if book.version != (seen[0] + 1 if seen else 1):
            raise
        return book
    return replace(book, version=book.version + 1)


def _refuse_lost_book(desk: Desk) -> None:
    with desk.store.read() as connection:
        seen = records.highest_version(connection, "address-book", BOOK_NAME)
    if seen is not None:
        raise AttestationError(
            "older",
            f"{desk.treasury.book_path} is gone, and version {seen[0]} was in force",
            hint="Restore the file; a new first version would forget every entry.",
        )


def _write(desk: Desk, book: AddressBook, entry: Entry) -> AddedEntry:
    from vault.policy.book import dump_book

    path = desk.treasury.book_path
    write_document(path, dump_book(book).encode())
    with desk.store.write() as writer:
        writer.journal(
            "book_entry",
            entry.id,
            {"address": entry.address, "version": book.version, "added_at": to_iso(entry.added_at)},
        )
    return AddedEntry(entry, book.version, path)
