"""What a new entry of the address book says, and how an account of ours on Ethereum is proven to be ours.

Refuses an account that nobody here signs for, an asset that the account is not for, and an address that looks
like one we know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.errors import AddressError
from vault.treasury import authority
from vault.treasury.lookalikes import known_addresses, refuse_lookalike

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.config_chains import AccountSettings
    from vault.policy.book import AddressBook, Entry, Purpose
    from vault.treasury.desk import Desk

# What an account of that role is entered as.
_PURPOSES: Final[dict[str, Purpose]] = {"cold": "cold", "staging": "staging"}


def purpose_of(treasury: Treasury, settings: AccountSettings, asset: str) -> Purpose:
    """What an account may be entered as. Raises `AddressError`."""
    from vault.treasury.ethereum.accounts import asset_names

    if settings.kind == "watch":
        raise AddressError(
            "watch_only",
            f"expected an account of a device or a Safe, found {settings.name}, which is only watched",
            hint="Nothing proves that an address is ours which nobody here signs for.",
        )
    if settings.role not in _PURPOSES:
        raise AddressError(
            "not_cold",
            f"expected a cold or staging account, found {settings.name} of role {settings.role}",
            hint="Coins go home to accounts that hold them.",
        )
    known = asset_names(treasury, settings)
    if asset not in known:
        raise AddressError(
            "wrong_asset", f"{settings.name}: expected one of {', '.join(known)}, found {asset}"
        )
    return _PURPOSES[settings.role]


def prove(desk: Desk, settings: AccountSettings) -> None:
    """That the address is ours: its device shows it, or the Safe there has exactly the owners we know."""
    if settings.kind == "safe":
        from vault.treasury.ethereum.safes import require_safe_as_configured

        desk.progress(f"asking the chain who owns {settings.name}")
        require_safe_as_configured(desk, settings.name)
        return
    from vault.treasury.ethereum.accounts import show_account

    said = show_account(desk, settings.name)
    if said != settings.address:
        raise AddressError(
            "not_ours",
            f"{settings.name}: expected {settings.address}, its device says {said}",
            hint="Somebody changed treasury.toml, or it is another device's account. Do not use it.",
        )


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What a new entry says; the rest is the book's."""

    entry_id: str
    asset: str
    network: str
    address: str
    purpose: Purpose = "cold"
    wallet: str | None = None
    index: int | None = None
    venue: str | None = None
    memo: str | None = None


def bitcoin_network(desk: Desk) -> str:
    """The treasury's Bitcoin network as the book names it."""
    return f"bitcoin:{desk.network.name}"


def new_entry(desk: Desk, book: AddressBook, new: NewEntry) -> Entry:
    """An entry for this version of the book. Raises `AddressError`."""
    from vault.policy.book import Entry

    first = book.version == 1
    added_at = book.entries[0].added_at if first and book.entries else desk.clock.now()
    entry = Entry(
        id=new.entry_id,
        asset=new.asset,
        network=new.network,
        address=new.address,
        memo=new.memo,
        purpose=new.purpose,
        wallet=new.wallet,
        index=new.index,
        venue=new.venue,
        added_at=added_at,
        in_first_version=first,
        retired_at=None,
    )
    authority.require_known_network(desk.treasury.config, entry)
    refuse_lookalike(entry.address, known_addresses(desk, book))
    return entry
