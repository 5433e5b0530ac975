"""What each exchange can and cannot do, where the code that is common to all has to know. Pure.

What an exchange cannot say is never assumed: a plan names it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from vault.errors import VenueError

KEY_PAIR: Final = ("key", "secret")
KEY_PAIR_AND_PASSWORD: Final = (*KEY_PAIR, "password")
HASHED_LENGTH: Final = 32  # of 64: still 128 bits


@dataclass(frozen=True, slots=True)
class ClientIds:
    """The ids a venue takes from us; one that it would refuse is sent as the same hash of ours each time."""

    pattern: re.Pattern[str]

    def of(self, ours: str) -> str:
        """The venue's form of one of our ids."""
        if self.pattern.fullmatch(ours):
            return ours
        return hashlib.sha256(ours.encode()).hexdigest()[:HASHED_LENGTH]


@dataclass(frozen=True, slots=True)
class Traits:
    """One exchange.

    `secrets`: what of a key is kept in the keyring. `lists_client_ids`: whether its history shows our ids, so
    that one without ours proves something. `fee` says what the venue's own amount of a withdrawal
    means: ``included``, the fee is taken out of it; ``added``, it comes on top. `history` is how far back a
    search reaches, with a client id only `client_id_history`. `accept_window`: how long after it was made a
    request can still be accepted, None: as long as the receive window that we send with it. `reads` names
    what the venue tells: "permissions", "whitelist", "ip_list" (the addresses) or "ip_restricted" (only
    whether there is a list), "holds", "key_expiry". `moves_by_trading`: only a key that may trade moves money
    inside. `signed_by`: "device" where no key exists and each withdrawal is signed on the account's hardware.
    """

    exchange: str
    ships: Literal["full", "read_only"]
    secrets: tuple[str, ...] = KEY_PAIR
    client_ids: ClientIds | None = None
    lists_client_ids: bool = True
    fee: Literal["included", "added"] = "included"
    history: timedelta = timedelta(days=89)
    client_id_history: timedelta | None = None
    accept_window: timedelta | None = None
    rising_nonces: bool = False
    reads: frozenset[str] = frozenset()
    moves_by_trading: bool = False
    signed_by: Literal["key", "device"] = "key"

    @property
    def known_by(self) -> Literal["client_id", "details"]:
        """What a withdrawal of ours is found by in the venue's history."""
        return "client_id" if self.client_ids is not None and self.lists_client_ids else "details"


_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)

TRAITS: Final[dict[str, Traits]] = {
    each.exchange: each
    for each in (
        Traits(
            "binance",
            "full",
            client_ids=ClientIds(re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)),
            # The search by client id reaches back 7 days, without it 90.
            client_id_history=timedelta(days=6, hours=23),
            reads=frozenset({"permissions", "whitelist", "ip_restricted", "key_expiry"}),
        ),
        Traits(
            "bybit",
            "full",
            client_ids=ClientIds(_ALPHANUMERIC),
            lists_client_ids=False,
            history=timedelta(days=29),
            reads=frozenset({"permissions", "whitelist", "ip_list", "key_expiry"}),
        ),
        Traits(
            "okx",
            "full",
            secrets=KEY_PAIR_AND_PASSWORD,
            client_ids=ClientIds(_ALPHANUMERIC),
            fee="added",
            # A request expires 30 s after its timestamp (error 50102).
            accept_window=timedelta(seconds=30),
            reads=frozenset({"permissions", "ip_list"}),
            moves_by_trading=True,
        ),
        Traits(
            "deribit",
            "full",
            # Sent as the idempotency nonce of `private/withdraw`; the history is read by details too.
            client_ids=ClientIds(re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)),
            lists_client_ids=False,
            fee="added",
            # A signed request's timestamp may be a minute old.
            accept_window=timedelta(seconds=60),
            reads=frozenset({"permissions", "whitelist", "ip_list"}),
        ),
        Traits(
            "kraken",
            "full",
            secrets=(*KEY_PAIR, "futures_key", "futures_secret"),
            # No time of its own in a request: a minute covers a connection that was closed long ago.
            accept_window=timedelta(seconds=60),
            rising_nonces=True,
            reads=frozenset({"permissions", "whitelist", "ip_list", "key_expiry"}),
        ),
        Traits(
            "hyperliquid",
            "full",
            secrets=(),
            signed_by="device",
            # The nonce of the signed action, which the ledger shows; a nonce is taken once.
            client_ids=ClientIds(re.compile(r"[0-9]{13}", re.ASCII)),
            # "Nonces must be within (T - 2 days, T + 1 day)": until then anybody who has it can post it.
            accept_window=timedelta(days=2),
        ),
        Traits("bitget", "read_only", secrets=KEY_PAIR_AND_PASSWORD),
        Traits("gate", "read_only"),
        Traits("kucoin", "read_only", secrets=KEY_PAIR_AND_PASSWORD),
        Traits("dydx", "read_only", secrets=()),
        Traits("coinbase", "read_only"),
    )
}


def traits_of(exchange: str) -> Traits:
    """The traits of an exchange. Raises `VenueError` (``venue.unknown_exchange``)."""
    try:
        return TRAITS[exchange]
    except KeyError:
        raise VenueError(
            "unknown_exchange", f"expected one of {', '.join(TRAITS)}, found {exchange[:40]!r}"
        ) from None
