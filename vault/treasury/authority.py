"""Who may change what: the one place that is asked before anything is believed or moved.

Refuses every network but regtest and every venue but a loopback one until the root of trust is built;
refuses policies, address books and approvals that are unsigned, altered, older or foreign. Keys come
from treasury.toml only, never from the document that is checked.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from vault.attestation import SignedStatement, Statement, verify
from vault.clock import to_iso
from vault.config import AttesterSettings, Role, Treasury, TreasuryConfig
from vault.errors import AddressError, AttestationError, GuardError, PlanError
from vault.files import write_document
from vault.store import records

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.policy.book import AddressBook, Entry
    from vault.policy.document import Policy
    from vault.store.database import Store
    from vault.treasury.plan import Plan, Transfer

MAX_SIGNED_BYTES = 1_000_000
SIGNATURE_SUFFIX = ".sig"
BOOK_NAME = "address-book"
DocumentKind = Literal["policy", "address-book"]

_HINT = "This version is real but not yet safe for money: use the emulated world (`vault demo`)."


# -- which world may be touched ----------------------------------------------------------------------


def require_permitted_world(config: TreasuryConfig) -> None:
    """Raises `GuardError` for any network but regtest, any venue, backend or node but a loopback one."""
    if config.bitcoin.network != "regtest":
        raise GuardError("network", f"expected regtest, found {config.bitcoin.network}", hint=_HINT)
    for table, backend in config.bitcoin.backends:
        _require_loopback(f"{table}.{backend.kind}", backend.address)
        if backend.proxy is not None:
            _require_loopback(f"{table}.proxy", backend.proxy)
    for source in config.bitcoin.fee_source:
        for what, url in (("url", source.url), ("proxy", source.proxy)):
            if url is not None:
                _require_loopback(f"bitcoin.fee_source {source.name}.{what}", url)
    for table, node in (each for chain in config.chain for each in chain.nodes):
        _require_loopback(f"{table}.rpc", node.rpc)
    for venue in config.venue:
        _require_emulated(f"venue {venue.name}", venue.name, venue.exchange, venue.url)
    for price in config.price:
        _require_emulated(f"price {price.name}", f"price {price.name}", price.exchange, price.url)
    for device in config.device:
        if device.path.startswith("udp:") and not config.emulated:
            raise GuardError(
                "emulated_device",
                f"{device.name}: {device.path} is an emulator, and this treasury is not marked emulated",
                hint="Set `emulated = true` for a treasury that holds nothing of value.",
            )


def _require_emulated(what: str, name: str, exchange: str, url: str | None) -> None:
    if url is None:
        raise GuardError("venue", f"{name}: the real {exchange} is not permitted yet", hint=_HINT)
    _require_loopback(what, url)


def _require_loopback(what: str, url: str) -> None:
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise GuardError("not_loopback", f"{what}: expected a loopback address, found {url}", hint=_HINT)


# -- statements --------------------------------------------------------------------------------------


def document_statement(
    treasury: Treasury, kind: DocumentKind, name: str, version: int, digest: str
) -> Statement:
    """The statement that binds a policy or an address book to this treasury, its version and its hash."""
    return Statement(
        kind,
        treasury.config.treasury_id,
        treasury.config.bitcoin.network,
        (("name", name), ("version", str(version)), ("sha256", digest)),
    )


def approval_statement(plan: Plan) -> Statement:
    """What an approver reads and signs: every transfer in full, the fee, the policy and the expiry."""
    body = plan.body
    fields = [
        ("plan", plan.plan_id),
        ("sha256", plan.digest),
        ("policy", f"{body.policy_id} version {body.policy_version}"),
        ("expires", to_iso(body.expires_at)),
    ]
    for transfer in body.transfers:
        fields += _transfer_fields(transfer)
    return Statement("approval", body.treasury_id, body.network, tuple(fields))


def _transfer_fields(transfer: Transfer) -> list[tuple[str, str]]:
    """Every payment in full; of a transaction that pays nobody, what it takes and what comes back."""
    number, verb = transfer.number, transfer.action.replace("_", "-")
    if transfer.call is not None:
        from vault.treasury.ethereum.approval import call_fields

        return call_fields(transfer, transfer.call)
    fields = []
    if transfer.kind == "venue_move":
        way = [transfer.moves[0].source, *(move.destination for move in transfer.moves)]
        fields.append((f"{number}", f"{verb} {transfer.returned} at {transfer.venue_account}"))
        fields.append((f"{number} moves", " to ".join(way)))
    elif len(transfer.payments) == 1:
        fields.append((f"{number}", f"{verb} {transfer.amount} from {transfer.source}"))
        fields.append((f"{number} to", transfer.payments[0].address))
    elif transfer.payments:
        many = f"{len(transfer.payments)} payments"
        fields.append((f"{number}", f"{verb} {transfer.amount} from {transfer.source} in {many}"))
        for each, payment in enumerate(transfer.payments, start=1):
            fields.append((f"{number} pays {each}", str(payment.amount)))
            fields.append((f"{number} to {each}", payment.address))
    else:
        coins = "1 coin" if len(transfer.coins) == 1 else f"{len(transfer.coins)} coins"
        fields.append((f"{number}", f"{verb} {coins} of {transfer.source}"))
        fields.append((f"{number} returns", f"{transfer.returned} to wallet {transfer.source}"))
    if not transfer.network.startswith("bitcoin:"):
        # The same address is another account on another chain.
        fields.append((f"{number} chain", transfer.network))
    if transfer.replaces:
        fields.append((f"{number} replaces", transfer.replaces))
    return [*fields, (f"{number} max fee", str(transfer.fee))]


# -- checking ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignedPolicy:
    """A policy that a pinned device signed, with the digest of its bytes."""

    policy: Policy
    digest: str
    attester: str


@dataclass(frozen=True, slots=True)
class SignedBook:
    """An address book that a pinned device signed, with the digest of its bytes."""

    book: AddressBook
    digest: str
    attester: str


def load_policy(treasury: Treasury, store: Store) -> SignedPolicy:
    """The policy in force. Raises `AttestationError` or `DocumentError`; nothing unsigned is returned."""
    policy, digest = read_policy(treasury)
    attester = _check_document(treasury, "policy", policy.policy_id, policy.version, digest)
    _accept_version(store, "policy", policy.policy_id, policy.version, digest)
    return SignedPolicy(policy, digest, attester)


def read_policy(treasury: Treasury) -> tuple[Policy, str]:
    """The policy file as it stands, signed or not, with the digest of its bytes."""
    from vault.policy.document import parse_policy

    return parse_policy(_read(treasury.policy_path), name=str(treasury.policy_path))


def load_book(treasury: Treasury, store: Store, at: datetime) -> SignedBook:
    """The address book in force. Raises `AttestationError` or `DocumentError`."""
    from vault.codec import decode, encode
    from vault.policy.book import AddressBook, check_successor

    book = read_book(treasury)
    for entry in book.entries:
        require_known_network(treasury.config, entry)
    digest = book.digest()
    attester = _check_document(treasury, "address-book", BOOK_NAME, book.version, digest)
    with store.read() as connection:
        seen = records.highest_version(connection, "address-book", BOOK_NAME)
        before = records.document(connection, seen[1]) if seen and seen[0] < book.version else None
    if before is not None:
        check_successor(decode(before, AddressBook), book, at)
    if seen is None or seen[0] < book.version:
        with store.write() as writer:
            records.save_document(writer, "address_book", encode(book))
    _accept_version(store, "address-book", BOOK_NAME, book.version, digest)
    return SignedBook(book, digest, attester)


def require_known_network(config: TreasuryConfig, entry: Entry) -> None:
    """The entry is on this treasury's Bitcoin network, or on a chain of it. Raises `AddressError`."""
    known = {f"bitcoin:{config.bitcoin.network}", *(f"eip155:{chain.id}" for chain in config.chain)}
    if entry.network not in known:
        raise AddressError(
            "wrong_network", f"{entry.id}: expected {' or '.join(sorted(known))}, found {entry.network}"
        )


def last_signed_book(store: Store) -> AddressBook | None:
    """The newest version that was ever in force, whatever the file says now. Raises `StoreError`."""
    from vault.codec import decode
    from vault.policy.book import AddressBook

    with store.read() as connection:
        seen = records.highest_version(connection, "address-book", BOOK_NAME)
        return None if seen is None else decode(records.document(connection, seen[1]), AddressBook)


def read_book(treasury: Treasury) -> AddressBook:
    """The address book file as it stands, signed or not."""
    from vault.policy.book import load_book as parse

    return parse(_text(treasury.book_path), what=str(treasury.book_path))


def check_approval(treasury: Treasury, plan: Plan, signed: SignedStatement) -> str:
    """The attester whose device approved exactly this plan. Raises `AttestationError`."""
    attester = pinned_attester(treasury, signed.attester, "approve")
    if verify(signed, attester.public_key) != approval_statement(plan):
        raise AttestationError(
            "other_statement", f"the approval of {signed.attester} is not for plan {plan.plan_id}"
        )
    return attester.name


def require_approvals(treasury: Treasury, plan: Plan, connection: Connection) -> tuple[str, ...]:
    """Names of the attesters whose approvals hold. Raises `PlanError` when they are too few."""
    names = []
    keys = set()
    for _, value in records.approvals(connection, plan.plan_id):
        name = check_approval(treasury, plan, SignedStatement.from_json(value))
        names.append(name)
        keys.add(treasury.attester(name).public_key)
    if len(keys) < plan.body.approvals_required:
        raise PlanError(
            "not_approved",
            f"plan {plan.plan_id}: expected {plan.body.approvals_required} approvals, found {len(keys)}",
            hint=f"Run `vault approve {plan.plan_id} --attester NAME` with an approver's device.",
        )
    return tuple(names)


def pinned_attester(treasury: Treasury, name: str, role: Role) -> AttesterSettings:
    """The attester of that name, when treasury.toml gives it that role. Raises `AttestationError`."""
    for attester in treasury.config.attester:
        if attester.name == name and role in attester.roles:
            return attester
    raise AttestationError(
        "not_permitted",
        f"treasury.toml pins no attester {name!r} with the role {role!r}",
        hint="Only keys pinned in treasury.toml count.",
    )


def _check_document(treasury: Treasury, kind: DocumentKind, name: str, version: int, digest: str) -> str:
    path = document_path(treasury, kind)
    signature_path = path.with_name(path.name + SIGNATURE_SUFFIX)
    if not signature_path.is_file():
        raise AttestationError(
            "unsigned",
            f"{path} has no signature {signature_path.name}",
            hint=f"Run `vault {'policy' if kind == 'policy' else 'book'} sign` with an attester's device.",
        )
    signed = SignedStatement.load(_text(signature_path), what=str(signature_path))
    attester = pinned_attester(treasury, signed.attester, kind)
    if verify(signed, attester.public_key) != document_statement(treasury, kind, name, version, digest):
        raise AttestationError(
            "other_document",
            f"{path} is not the document that {attester.name} signed",
            hint="The file was changed after it was signed, or belongs to another treasury. "
            "Look at the difference, raise its version, and sign it anew.",
        )
    return attester.name


def document_path(treasury: Treasury, kind: DocumentKind) -> Path:
    """Where the signed document of that kind lies; its signature lies beside it."""
    return treasury.policy_path if kind == "policy" else treasury.book_path


def _accept_version(store: Store, kind: str, name: str, version: int, content_digest: str) -> None:
    with store.read() as connection:
        seen = records.highest_version(connection, kind, name)
    if seen == (version, content_digest):
        return
    if seen is not None and version <= seen[0]:
        raise AttestationError(
            "older",
            f"{title(kind, name)}: version {seen[0]} was in force, found version {version}"
            + (" with other content" if version == seen[0] else ""),
            hint="An older signed document must not come back. Raise the version and sign it anew.",
        )
    with store.write() as writer:
        records.remember_version(writer, kind, name, version, content_digest)


def title(kind: str, name: str) -> str:
    """How a document is called in a sentence; there is one address book, and it needs no name."""
    return "address book" if kind == "address-book" else f"{kind} {name}"


def write_signature(path: Path, signed: SignedStatement) -> Path:
    """Put the signature beside its document, whole or not at all; returns its path."""
    target = path.with_name(path.name + SIGNATURE_SUFFIX)
    write_document(target, signed.dump().encode())
    return target


def _text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise AttestationError("unreadable", f"{path}: {error}") from None


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AttestationError(
            "unreadable",
            f"{path}: {error.strerror}",
            hint="`vault init` writes a policy, `vault book add` an address book.",
        ) from None
    if len(content) > MAX_SIGNED_BYTES:
        raise AttestationError("too_large", f"{path}: expected at most {MAX_SIGNED_BYTES} bytes")
    return content
