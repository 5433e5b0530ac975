"""Asks a venue account everything that a treasury relies on, one finding each. Reads only.

What cannot be asked because of an earlier failure is skipped with the reason; a slow or hostile answer is a
finding of its own and hides no other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.clock import to_iso
from vault.errors import KeyRightsError, VaultError, VenueError
from vault.treasury import authority, venue_keys, venue_whitelist
from vault.treasury.findings import Finding, ask, failure, skipped
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from datetime import datetime

    from vault.config import VenueSettings
    from vault.policy.book import Entry
    from vault.policy.document import Policy
    from vault.treasury.desk import Desk
    from vault.treasury.venue_whitelist import Compared
    from vault.venues.base import HoldStatus, KeyPermissions, Role
    from vault.venues.client import VenueClient
    from vault.venues.registry import AssetNetwork

# The asset whose networks are asked for where neither address book nor policy names any.
USUAL_ASSET: Final = "BTC"


@dataclass(frozen=True, slots=True)
class KeysReport:
    """What the venue says of the keys and of its own list of addresses; None: it could not be asked."""

    venue: str
    keys: tuple[KeyPermissions, ...]
    whitelist: tuple[Compared, ...] | None
    hold: HoldStatus | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ComparedBook:
    """The address book that the venue's answers are compared with; `version` 0: none was ever signed.

    `policy` is read as it stands: it names a network of a venue before the book has an address there.
    `bitcoin` is Bitcoin's network.
    """

    entries: tuple[Entry, ...] = ()
    version: int = 0
    in_force: bool = False
    policy: Policy | None = None
    bitcoin: str = ""

    @property
    def called(self) -> str:
        if not self.version:
            return "no signed address book"
        return "the address book" if self.in_force else f"version {self.version}, the last that was signed"


def book_to_compare(desk: Desk) -> tuple[ComparedBook, VaultError | None]:
    """The book in force, else the last that was; and why it is not the one in force."""
    policy, bitcoin = None, desk.treasury.config.bitcoin.network
    with contextlib.suppress(VaultError):
        policy = authority.read_policy(desk.treasury)[0]
    try:
        book = desk.book().book
    except VaultError as error:
        last = authority.last_signed_book(desk.store)
        entries, version = ((), 0) if last is None else (last.entries, last.version)
        return ComparedBook(entries, version, policy=policy, bitcoin=bitcoin), error
    return ComparedBook(book.entries, book.version, in_force=True, policy=policy, bitcoin=bitcoin), None


def probe(
    client: VenueClient, settings: VenueSettings, at: datetime, book: ComparedBook
) -> Iterator[Finding]:
    """Clock, keys with their account and rights, the margin account, a hold, networks and deposit address."""
    clock = ask("clock", lambda: _clock(client, settings))
    yield clock
    roles = venue_keys.roles_of(settings)
    if clock.verdict == "FAIL":
        for what in (*(f"{role} key" for role in roles), "account", "networks", "deposit address"):
            yield skipped(what, clock)
        return
    readable = True
    for role in roles:
        _, findings = permissions(client, settings, role, at)
        yield from findings
        # A key of another account, or none at all: nothing else that it is asked for can be read.
        readable = readable and not (role == "read" and _unusable(findings))
        if role == "read" and not readable:
            for what in ("account", "networks", "deposit address"):
                yield skipped(what, findings[0])
    if not readable:
        return
    yield _account(client, settings)
    if "withdraw" in roles:
        yield _hold(client, settings)[1]
    yield from _networks(client, settings, book)


def _unusable(findings: tuple[Finding, ...]) -> bool:
    return any(each.verdict == "FAIL" and not each.code.startswith("key.") for each in findings)


def permissions(
    client: VenueClient, settings: VenueSettings, role: Role, at: datetime
) -> tuple[KeyPermissions | None, tuple[Finding, ...]]:
    """What the venue says of a key, and how that is judged."""
    what = f"{role} key"
    try:
        found = client.permissions(settings.name, role)
    except VaultError as error:
        return None, venue_keys.not_told(what, error)
    return found, venue_keys.judge(what, settings, found, at)


def examine_keys(desk: Desk, name: str) -> KeysReport:
    """The account's keys, the venue's list of addresses against ours, and what it holds back."""
    settings, at = desk.treasury.venue(name), desk.clock.now()
    keys: list[KeyPermissions] = []
    findings: list[Finding] = []
    for role in venue_keys.roles_of(settings):
        desk.progress(f"asking {name} about the {role} key")
        found, judged = permissions(desk.venues, settings, role, at)
        findings += judged
        keys += [found] if found is not None else []
    findings += same_key(desk.treasury.config.treasury_id, settings)
    if not venue_keys.roles_of(settings):
        findings.append(Finding("keys", "SKIP", f"{settings.exchange} is read without a key"))
    rows, judged = examine_addresses(desk, settings, tuple(keys))
    findings += judged
    hold: HoldStatus | None = None
    if "withdraw" in venue_keys.roles_of(settings):
        hold, held = _hold(desk.venues, settings)
        findings.append(held)
    return KeysReport(name, tuple(keys), rows, hold, tuple(findings))


def same_key(treasury_id: str, settings: VenueSettings) -> tuple[Finding, ...]:
    """A finding where one key is kept for both roles, however it came there; nothing of it is shown."""
    from vault.secrets import find_secret, venue_secret_names

    parts = tuple(part for part in traits_of(settings.exchange).secrets if part.endswith("key"))
    kept: dict[str, set[str]] = {}
    try:
        for role in venue_keys.roles_of(settings):
            names = venue_secret_names(settings.name, role, parts)
            found = [find_secret(treasury_id, name) for name in names]
            kept[role] = {each.reveal() for each in found if each is not None}
    except VaultError:
        return ()  # what cannot be read is a finding of the keys themselves
    if not kept.get("read", set()) & kept.get("withdraw", set()):
        return ()
    error = KeyRightsError(
        "same_key",
        f"{settings.name}: expected a read key and a withdraw key, found one key for both",
        hint="Make two keys at the venue: one that only reads, one that withdraws and transfers.",
    )
    return (failure("keys", error),)


def examine_addresses(
    desk: Desk, settings: VenueSettings, keys: tuple[KeyPermissions, ...]
) -> tuple[tuple[Compared, ...] | None, tuple[Finding, ...]]:
    """Where the venue lets withdrawals go, against the address book; nothing where nothing is withdrawn."""
    if "withdraw" not in venue_keys.roles_of(settings):
        return None, ()
    desk.progress(f"asking {settings.name} for its list of addresses")
    return _whitelist(desk, settings, keys)


def _whitelist(
    desk: Desk, settings: VenueSettings, keys: tuple[KeyPermissions, ...]
) -> tuple[tuple[Compared, ...] | None, tuple[Finding, ...]]:
    what = "whitelist"
    try:
        theirs = desk.venues.whitelist(settings.name)
    except VaultError as error:
        return None, (failure(what, error),)
    if theirs is None:
        return None, venue_whitelist.judge(what, None, enforced=None)
    try:
        book, cooling = desk.book().book, desk.policy().policy.address_book.cooling_hours
    except VaultError as error:
        detail = f"{len(theirs)} addresses at the venue, not compared: {error.message}"
        return None, (Finding(what, "WARN", detail, error.code, error.hint),)
    rows = venue_whitelist.compare(settings.exchange, theirs, book.entries, desk.clock.now(), cooling)
    said = {key.withdraw_whitelist_on for key in keys} - {None}
    enforced = None if not said else all(said)
    return rows, venue_whitelist.judge(what, rows, enforced=enforced)


def _hold(client: VenueClient, settings: VenueSettings) -> tuple[HoldStatus | None, Finding]:
    """Withdrawals held back after a change of security settings."""
    what = "hold"
    try:
        hold = client.holds(settings.name)
    except VaultError as error:
        return None, failure(what, error)
    if hold.held is None:
        return hold, Finding(what, "SKIP", "the venue does not say whether withdrawals are held back")
    if not hold.held:
        return hold, Finding(what, "OK", "withdrawals are not held back")
    until = f" until {to_iso(hold.until)}" if hold.until else ""
    reason = f": {hold.reason}" if hold.reason else ""
    hint = "Wait. Whoever did not change a security setting should ask the venue what changed."
    return hold, Finding(what, "WARN", f"withdrawals are held back{until}{reason}", "key.held", hint)


def _clock(client: VenueClient, settings: VenueSettings) -> str:
    reading = client.read_clock(settings.name)
    return (
        f"{settings.url or settings.exchange}, {reading.skew_ms:+d} ms from ours, "
        f"answered in {reading.round_trip_ms} ms"
    )


def _account(client: VenueClient, settings: VenueSettings) -> Finding:
    """The margin account of the configured UID; what it lacks is named."""
    try:
        account = client.read_account(settings.name)
    except VaultError as error:
        return failure("account", error)
    count = len(account.positions)
    detail = f"UID {account.uid}, equity {account.equity} USD, {count} position{'s' if count != 1 else ''}"
    if account.missing:
        detail += f"; the venue does not say {', '.join(account.missing)}"
    if account.flags:
        hint = "Look at the account at the venue: two of its numbers do not fit together."
        return Finding("account", "WARN", f"{detail}; {'; '.join(account.flags)}", "venue.flagged", hint)
    return Finding("account", "OK", detail)


def _networks(client: VenueClient, settings: VenueSettings, book: ComparedBook) -> Iterator[Finding]:
    """Flags, fee and deposit address of every network that the treasury can use."""
    if traits_of(settings.exchange).ships == "read_only":
        yield Finding("networks", "SKIP", f"{settings.exchange} is only read here: nothing is moved")
        return
    for entry in usable_networks(settings, book):
        place = f"{entry.asset} on {entry.network}"
        yield _network(client, settings, entry, place)
        if settings.custody == "venue":
            yield _deposit(client, settings, entry, book, place)


def usable_networks(settings: VenueSettings, book: ComparedBook) -> tuple[AssetNetwork, ...]:
    """The exchange's networks on which something can go to or from this account, by book and policy.

    One asset has many networks at an exchange; none is asked for because another one of it is used.
    """
    from vault.venues.registry import NETWORKS

    places = {
        (each.asset, each.network)
        for each in book.entries
        if each.retired_at is None and each.venue in {None, settings.name}
    }
    band = None if book.policy is None else book.policy.band_of(settings.name)
    named = None if band is None else (band.asset, band.venue_network)
    usual = USUAL_ASSET if not places and named is None else ""
    return tuple(
        each
        for each in NETWORKS
        if each.exchange == settings.exchange
        and (
            (each.asset, each.network_id(book.bitcoin)) in places
            or (each.asset, each.network) == named
            or each.asset == usual
        )
    )


def _network(client: VenueClient, settings: VenueSettings, entry: AssetNetwork, place: str) -> Finding:
    what = f"network {place}"
    try:
        found = client.network_info(settings.name, entry.asset, entry.network)
    except VaultError as error:
        return failure(what, error)
    added = traits_of(settings.exchange).fee == "added"
    detail = (
        f"fee {found.fee} ({'on top' if added else 'taken out'}), minimum {found.minimum}, "
        f"step {found.step}, a deposit takes {found.confirmations} "
        f"confirmation{'s' if found.confirmations != 1 else ''}"
    )
    closed = [
        word for word, on in (("withdrawals", found.enabled), ("deposits", found.deposit_enabled)) if not on
    ]
    if closed:
        detail = f"{' and '.join(closed)} suspended by the venue; {detail}"
        return Finding(what, "WARN", detail, "venue.suspended", "Nothing is planned there until it is open.")
    return Finding(what, "OK", detail)


def _deposit(
    client: VenueClient, settings: VenueSettings, entry: AssetNetwork, book: ComparedBook, place: str
) -> Finding:
    """The venue's present deposit address must be the one that was signed into the address book."""
    what = f"deposit address {place}"
    try:
        found = client.deposit_address(settings.name, entry.asset, entry.network)
    except VaultError as error:
        return failure(what, error)
    shown = found.address + (f" tag {found.tag}" if found.tag else "")
    signed = [
        each
        for each in book.entries
        if each.venue == settings.name
        and (each.asset, each.network) == (entry.asset, entry.network_id(book.bitcoin))
        and each.retired_at is None
    ]
    if not signed:
        return Finding(what, "OK", f"{shown}, {_absent(book)}: nothing is sent there")
    if any((each.address, each.memo or "") == (found.address, found.tag) for each in signed):
        return Finding(what, "OK", f"{shown}, as in {book.called}")
    return failure(
        what,
        VenueError(
            "deposit_address_changed",
            f"expected {signed[0].address} ({signed[0].id} in {book.called}), the venue says {shown}",
            hint="Send nothing there. Ask the venue by another channel which address is right.",
        ),
    )


def _absent(book: ComparedBook) -> str:
    return f"not in {book.called}" if book.version else f"in {book.called}"
