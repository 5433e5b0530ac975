"""Adding a venue account: its table of treasury.toml, and its keys, which are tried before they are kept.

Both appear or neither does. Refuses a key of another account, one that may withdraw from any IP address, one
key for both roles, and names that are taken; there is no way round that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.config import Treasury, VenueSettings
from vault.errors import ConfigError, KeyRightsError, VaultError
from vault.files import write_document
from vault.secrets import Secret, find_secret, venue_secret_names, write_secrets
from vault.treasury import venue_keys
from vault.treasury.add_device import check_candidate
from vault.treasury.findings import Finding
from vault.treasury.templates import table
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from datetime import datetime

    from vault.clock import Clock
    from vault.venues.base import KeyPermissions, Role
    from vault.venues.client import VenueClient

Keys = Mapping[str, Secret]
"""One key by its parts, as `vault.venues.traits` names them."""


@dataclass(frozen=True, slots=True)
class VenueRequest:
    """What a person gives; "" and () stand for the usual."""

    name: str
    exchange: str
    uid: str
    url: str = ""
    product: str = ""
    margin_currency: str = ""
    custodian: str = ""
    contracts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewVenue:
    """A venue account that can stand in treasury.toml, and the text that says so."""

    settings: VenueSettings
    text: str


@dataclass(frozen=True, slots=True)
class TriedKey:
    """A key the venue was asked about; `permissions` None: it does not tell."""

    role: Role
    permissions: KeyPermissions | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Intake:
    """How keys come in: `secret` asks for one part of one key, unseen; `progress` says what is going on."""

    secret: Callable[[Role, str], Secret]
    clock: Clock
    progress: Callable[[str], None]


def new_venue(treasury: Treasury, wanted: VenueRequest) -> NewVenue:
    """The table of a new account; nothing is asked or written.

    Raises `ConfigError` (``config.name_taken``), `DocumentError`, `GuardError`.
    """
    if wanted.name in {venue.name for venue in treasury.config.venue}:
        raise ConfigError(
            "name_taken",
            f"{treasury.path} already has a venue named {wanted.name!r}",
            hint=f"Its keys are changed with `vault venue keys {wanted.name} --set read` or `withdraw`.",
        )
    values: list[tuple[str, str | tuple[str, ...]]] = [
        ("name", wanted.name),
        ("exchange", wanted.exchange),
        ("account_uid", wanted.uid),
        ("url", wanted.url),
        ("product", wanted.product),
        ("margin_currency", wanted.margin_currency),
        ("custody", "off_exchange" if wanted.custodian else ""),
        ("custodian", wanted.custodian),
        ("contracts", wanted.contracts),
    ]
    text = table("venue", [(key, value) for key, value in values if value])
    _, config = check_candidate(treasury, text)
    return NewVenue(next(each for each in config.venue if each.name == wanted.name), text)


def try_key(client: VenueClient, settings: VenueSettings, role: Role, keys: Keys, at: datetime) -> TriedKey:
    """Ask the venue about a key that is kept nowhere yet.

    Raises `KeyRightsError` for one that must not be kept, `VenueError` for one of another account or that
    does not work.
    """
    what = f"{role} key"
    try:
        found = client.try_keys(settings.name, role, keys)
    except VaultError as error:
        if error.code != "venue.not_offered":
            raise
        return TriedKey(role, None, venue_keys.not_told(what, error))
    venue_keys.require_safe(settings, found, at)
    return TriedKey(role, found, venue_keys.judge(what, settings, found, at))


def enrol(
    treasury: Treasury,
    added: NewVenue,
    roles: tuple[Role, ...],
    intake: Intake,
) -> tuple[TriedKey, ...]:
    """Ask for the key of each role, try it, and keep table and keys together; what the venue said of them."""
    from vault.venues.client import VenueClient

    settings, kept = added.settings, dict[str, Secret]()
    tried: list[TriedKey] = []
    with VenueClient(treasury.config.treasury_id, settings) as client:
        for role in roles:
            keys = _ask_parts(settings, role, intake)
            names = _names(settings, role)
            _require_own(settings, role, keys, kept)
            intake.progress(f"asking {settings.name} about the {role} key")
            tried.append(try_key(client, settings, role, keys, intake.clock.now()))
            kept |= {names[part]: secret for part, secret in keys.items()}
    with write_secrets(treasury.config.treasury_id, kept):
        text, _ = check_candidate(treasury, added.text)
        write_document(treasury.path, text.encode())
    return tuple(tried)


def replace_key(
    treasury: Treasury,
    settings: VenueSettings,
    role: Role,
    intake: Intake,
) -> TriedKey:
    """Ask for another key of a role, try it, and keep it in the place of the one before."""
    from vault.venues.client import VenueClient

    if role not in venue_keys.roles_of(settings):
        raise ConfigError(
            "no_such_key",
            f"{settings.name}: expected {' or '.join(venue_keys.roles_of(settings)) or 'no key'}, "
            f"found {role!r}",
            hint="Nothing is sent from this account, or its exchange is read without a key.",
        )
    treasury_id = treasury.config.treasury_id
    other = {
        name: secret
        for each in venue_keys.roles_of(settings)
        if each != role
        for name in _names(settings, each).values()
        if (secret := find_secret(treasury_id, name)) is not None
    }
    keys = _ask_parts(settings, role, intake)
    _require_own(settings, role, keys, other)
    intake.progress(f"asking {settings.name} about the {role} key")
    with VenueClient(treasury_id, settings) as client:
        tried = try_key(client, settings, role, keys, intake.clock.now())
    names = _names(settings, role)
    with write_secrets(treasury_id, {names[part]: secret for part, secret in keys.items()}):
        pass
    return tried


def _ask_parts(settings: VenueSettings, role: Role, intake: Intake) -> dict[str, Secret]:
    """Every part of a key, in the order of the traits."""
    return {part: intake.secret(role, part) for part in traits_of(settings.exchange).secrets}


def _names(settings: VenueSettings, role: Role) -> dict[str, str]:
    parts = traits_of(settings.exchange).secrets
    return dict(zip(parts, venue_secret_names(settings.name, role, parts), strict=True))


def _require_own(settings: VenueSettings, role: Role, keys: Keys, others: Keys) -> None:
    """The read key is another than the withdraw key: what only watches must not be able to send."""
    public = {secret.reveal() for name, secret in others.items() if name.endswith("key")}
    if any(secret.reveal() in public for part, secret in keys.items() if part.endswith("key")):
        raise KeyRightsError(
            "same_key",
            f"{settings.name}: expected another {role} key than that of the other role",
            hint="Make two keys at the venue: one that only reads, one that withdraws and transfers.",
        )
