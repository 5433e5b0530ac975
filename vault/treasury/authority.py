"""Who may change what: the one place that is asked before anything is believed or moved.

Refuses every network but regtest and every venue but a loopback one until the root of trust is built;
refuses policies, address books and approvals that are unsigned, altered, older or foreign. Keys come
from treasury.toml only, never from the document that is checked.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vault.attestation import SignedStatement, Statement, verify
from vault.canonical import canonical_json, digest_bytes, read_json
from vault.clock import to_iso
from vault.config import AttesterSettings, Role, Treasury, TreasuryConfig
from vault.errors import AttestationError, DeniedError, GuardError
from vault.store import records

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.policy.book import AddressBook
    from vault.policy.document import Policy
    from vault.store.database import Store
    from vault.treasury.plan import Plan

MAX_SIGNED_BYTES = 1_000_000
SIGNATURE_SUFFIX = ".sig"

_HINT = "This version is real but not yet safe for money: use the emulated world (`vault demo`)."


# -- which world may be touched ----------------------------------------------------------------------


def require_permitted_world(config: TreasuryConfig) -> None:
    """Raises `GuardError` for any network but regtest, any venue or backend but a loopback one."""
    if config.bitcoin.network != "regtest":
        raise GuardError("network", f"expected regtest, found {config.bitcoin.network}", hint=_HINT)
    _require_loopback("bitcoin.esplora", config.bitcoin.esplora)
    for venue in config.venue:
        if venue.url is None:
            raise GuardError(
                "venue", f"{venue.name}: the real {venue.exchange} is not permitted yet", hint=_HINT
            )
        _require_loopback(f"venue {venue.name}", venue.url)
    for device in config.device:
        if device.path.startswith("udp:") and not config.emulated:
            raise GuardError(
                "emulated_device",
                f"{device.name}: {device.path} is an emulator, and this treasury is not marked emulated",
                hint="Set `emulated = true` for a treasury that holds nothing of value.",
            )


def _require_loopback(what: str, url: str) -> None:
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise GuardError("not_loopback", f"{what}: expected a loopback address, found {url}", hint=_HINT)


# -- statements --------------------------------------------------------------------------------------


def document_statement(treasury: Treasury, kind: str, name: str, version: int, content: bytes) -> Statement:
    """The statement that binds a policy or an address book to this treasury, its version and its hash."""
    return Statement(
        kind,
        treasury.config.treasury_id,
        treasury.config.bitcoin.network,
        (("name", name), ("version", str(version)), ("sha256", digest_bytes(content))),
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
        number = transfer.number
        fields += [
            (f"{number} action", f"{transfer.action.replace('_', '-')} from {transfer.source}"),
            (f"{number} amount", str(transfer.amount)),
            (f"{number} to", transfer.address),
            (f"{number} fee at most", str(transfer.fee)),
        ]
    fields = [(f"transfer {label}" if label[0].isdigit() else label, value) for label, value in fields]
    return Statement("approval", body.treasury_id, body.network, tuple(fields))


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
    from vault.policy.document import parse_policy

    content = _read(treasury.policy_path)
    policy = parse_policy(content.decode("utf-8"), name=str(treasury.policy_path))
    attester = _check_document(treasury, "policy", policy.policy_id, policy.version, content)
    _accept_version(store, "policy", policy.policy_id, policy.version, digest_bytes(content))
    return SignedPolicy(policy, digest_bytes(content), attester)


def load_book(treasury: Treasury, store: Store) -> SignedBook:
    """The address book in force. Raises `AttestationError` or `DocumentError`."""
    from vault.policy.book import parse_book

    content = _read(treasury.book_path)
    book = parse_book(content.decode("utf-8"), name=str(treasury.book_path))
    attester = _check_document(treasury, "address-book", "address-book", book.version, content)
    _accept_version(store, "address-book", "address-book", book.version, digest_bytes(content))
    return SignedBook(book, digest_bytes(content), attester)


def check_approval(treasury: Treasury, plan: Plan, signed: SignedStatement) -> str:
    """The attester whose device approved exactly this plan. Raises `AttestationError`."""
    attester = _pinned(treasury, signed.attester, "approve")
    if verify(signed, attester.public_key) != approval_statement(plan):
        raise AttestationError(
            "other_statement", f"the approval of {signed.attester} is not for plan {plan.plan_id}"
        )
    return attester.name


def require_approvals(treasury: Treasury, plan: Plan, connection: Connection) -> tuple[str, ...]:
    """Names of the attesters whose approvals hold. Raises `DeniedError` when they are too few."""
    names = []
    keys = set()
    for _, value in records.approvals(connection, plan.plan_id):
        name = check_approval(treasury, plan, SignedStatement.from_json(value))
        names.append(name)
        keys.add(treasury.attester(name).public_key)
    if len(keys) < plan.body.approvals_required:
        raise DeniedError(
            "not_approved",
            f"plan {plan.plan_id}: expected {plan.body.approvals_required} approvals, found {len(keys)}",
            hint=f"Run `vault approve {plan.plan_id}` with an approver's device.",
        )
    return tuple(names)


def _pinned(treasury: Treasury, name: str, role: Role) -> AttesterSettings:
    for attester in treasury.config.attester:
        if attester.name == name and role in attester.roles:
            return attester
    raise AttestationError(
        "not_permitted",
        f"treasury.toml pins no attester {name!r} with the role {role!r}",
        hint="Only keys pinned in treasury.toml count.",
    )


def _check_document(treasury: Treasury, kind: Role, name: str, version: int, content: bytes) -> str:
    path = treasury.policy_path if kind == "policy" else treasury.book_path
    signature_path = path.with_name(path.name + SIGNATURE_SUFFIX)
    if not signature_path.is_file():
        raise AttestationError(
            "unsigned",
            f"{path} has no signature {signature_path.name}",
            hint=f"Run `vault {'policy' if kind == 'policy' else 'book'} sign` with an attester's device.",
        )
    signed = SignedStatement.from_json(read_json(_read(signature_path).decode("utf-8", "replace")))
    attester = _pinned(treasury, signed.attester, kind)
    if verify(signed, attester.public_key) != document_statement(treasury, kind, name, version, content):
        raise AttestationError(
            "other_document",
            f"{path} is not the document that {attester.name} signed",
            hint="The file was changed after it was signed, or belongs to another treasury. "
            "Look at the difference, raise its version, and sign it anew.",
        )
    return attester.name


def _accept_version(store: Store, kind: str, name: str, version: int, content_digest: str) -> None:
    with store.read() as connection:
        seen = records.highest_version(connection, kind, name)
    if seen == (version, content_digest):
        return
    if seen is not None and version <= seen[0]:
        raise AttestationError(
            "older",
            f"{kind} {name}: version {seen[0]} was in force, found version {version}"
            + (" with other content" if version == seen[0] else ""),
            hint="An older signed document must not come back. Raise the version and sign it anew.",
        )
    with store.write() as writer:
        records.remember_version(writer, kind, name, version, content_digest)


def write_signature(path: Path, signed: SignedStatement) -> Path:
    """Put the signature beside its document."""
    target = path.with_name(path.name + SIGNATURE_SUFFIX)
    target.write_text(canonical_json(signed.as_json()) + "\n", encoding="utf-8")
    return target


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AttestationError("unreadable", f"{path}: {error.strerror}", hint="Run `vault init`.") from None
    if len(content) > MAX_SIGNED_BYTES:
        raise AttestationError("too_large", f"{path}: expected at most {MAX_SIGNED_BYTES} bytes")
    return content
