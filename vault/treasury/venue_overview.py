"""Venue accounts as configuration, store and the tables of the exchanges describe them. Asks nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from vault.errors import DeniedError
from vault.venues.registry import NETWORKS, AssetNetwork
from vault.venues.routes import wallets
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from vault.config import VenueSettings
    from vault.store.database import Store
    from vault.store.venues import VenueFreeze
    from vault.venues.base import Role

# Everything an exchange may be asked about keys and withdrawals, in words.
SAID: Final = (
    ("permissions", "what a key may do"),
    ("ip_list", "the IP addresses a key is bound to"),
    ("ip_restricted", "whether a key is bound to IP addresses"),
    ("key_expiry", "when a key expires"),
    ("whitelist", "its own list of addresses"),
    ("holds", "whether withdrawals are held back"),
)


@dataclass(frozen=True, slots=True)
class VenueView:
    """One account. `wallets` from margin outward to the one that withdrawals leave from.

    `mode` is ``full`` where money is moved, else ``read_only``; `unsaid` is what the exchange never tells.
    """

    name: str
    exchange: str
    account_uid: str
    url: str
    product: str
    margin_currency: str
    custody: str
    custodian: str
    contracts: tuple[str, ...]
    mode: Literal["full", "read_only"]
    keys: tuple[Role, ...]
    wallets: tuple[str, ...]
    fee: str
    client_ids: bool
    history_days: int
    networks: tuple[AssetNetwork, ...]
    unsaid: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duration:
    """How long one way took so far: nearest ranks in seconds over `records` of them."""

    asset: str
    network: str
    direction: str
    p50_seconds: int
    p95_seconds: int
    records: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the store keeps of an account: a freeze, and how long money took."""

    freeze: VenueFreeze | None
    durations: tuple[Duration, ...]


def remembered(store: Store, name: str) -> Remembered:
    """Freeze and lead times of an account, from the store alone."""
    from vault.store import venues as known
    from vault.treasury.lead_times import percentile

    durations = []
    with store.read() as connection:
        for way in known.known_ways(connection):
            if way.venue == name:
                took = known.lead_times(connection, way)
                ranks = (percentile(took, 50), percentile(took, 95), len(took))
                durations.append(Duration(way.asset, way.network, way.direction, *ranks))
        return Remembered(known.freeze_of(connection, name), tuple(durations))


def view(settings: VenueSettings) -> VenueView:
    """Raises `VenueError` for an exchange that is not known."""
    from vault.treasury.venue_keys import roles_of

    traits = traits_of(settings.exchange)
    sends = traits.ships == "full"
    return VenueView(
        name=settings.name,
        exchange=settings.exchange,
        account_uid=settings.account_uid,
        url=settings.url or "",
        product=settings.product if settings.exchange == "binance" else "",
        margin_currency=settings.margin_currency,
        custody=settings.custody,
        custodian=settings.custodian,
        contracts=settings.contracts,
        mode="full" if sends and settings.custody == "venue" else "read_only",
        keys=roles_of(settings),
        wallets=wallets(settings.exchange, settings.product) if sends else (),
        fee=traits.fee if sends else "",
        client_ids=traits.client_ids is not None,
        history_days=traits.history.days + 1,
        networks=networks(settings.exchange),
        unsaid=unsaid(settings.exchange),
    )


def networks(exchange: str | None = None) -> tuple[AssetNetwork, ...]:
    """The registry, of one exchange or of all."""
    return tuple(each for each in NETWORKS if exchange in {None, each.exchange})


def unsaid(exchange: str) -> tuple[str, ...]:
    """What the exchange does not tell, in words."""
    reads = traits_of(exchange).reads
    known = reads | ({"ip_restricted"} if "ip_list" in reads else set())
    return tuple(words for name, words in SAID if name not in known)


def freeze_of(store: Store, settings: VenueSettings) -> VenueFreeze:
    """The account's freeze. Raises `StoreError` (``store.venue_not_frozen``)."""
    from vault.store import venues as known

    with store.read() as connection:
        return known.require_freeze(connection, settings.name)


def unfreeze(store: Store, settings: VenueSettings, reason: str, code: str) -> VenueFreeze:
    """Lift the freeze by this code in a person's name, who has seen what was found.

    Raises `StoreError` (``store.venue_not_frozen``), `DeniedError` (``denied.other_freeze``).
    """
    from vault.store import venues as known
    from vault.store.coins import Said
    from vault.treasury.coins import require_words, who

    said = Said(who(), require_words(reason, "a reason"))
    with store.write() as writer:
        found = known.require_freeze(writer.connection, settings.name)
        if code != found.code:
            raise DeniedError(
                "other_freeze",
                f"{settings.name}: expected the code that it was frozen by, found {code[:80]!r}",
                hint=f"`vault venue show {settings.name}` says by what, and what was found.",
            )
        return known.lift_freeze(writer, settings.name, said)
