"""What a Bybit key may do, and the addresses the venue lets withdrawals go to. Pure.

A right that is not known to be harmless counts as trading: it can move money. Sources: Bybit V5 "Get API Key
Information", "Get Withdrawal Address List", "Withdraw".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vault.clock import from_milliseconds
from vault.errors import VenueError
from vault.venues.base import KeyPermissions, Role, WhitelistEntry
from vault.venues.bybit.envelope import opened
from vault.venues.line.raw import Fields

HARMLESS: Final = frozenset({"Wallet", "Affiliate", "NFT", "ByXPost"})  # Wallet is read on its own
NEW_ADDRESS_HOLD: Final = timedelta(hours=24)
ANY_COIN: Final = "baseCoin"  # a universal address: every coin of its chain


def account_uid(answer: Any) -> str:
    """The UID of the key's account. Raises `VenueError` unless that is a unified account."""
    line = opened(answer, "apiKey").result
    if line.integer("uta") != 1:
        raise VenueError(
            "unsupported_account",
            "expected the key of a unified trading account (uta 1), found another account's",
            hint="Upgrade the account at the venue.",
        )
    return str(line.integer("userID"))


def key_permissions(answer: Any, role: Role, uid: str) -> KeyPermissions:
    """A key's rights; withdrawals by API go to the account's address book alone."""
    line = opened(answer, "apiKey").result
    rights = Fields.of(line.data.get("permissions"), f"{line.where}.permissions")
    writes = _flag(line, "readOnly") == 0
    wallet = _names(rights, "Wallet")
    addresses = _addresses(line)
    return KeyPermissions(
        role=role,
        account_uid=uid,
        can_read=True,
        can_withdraw=writes and "Withdraw" in wallet,
        can_trade=writes and any(_names(rights, group) for group in rights.data if group not in HARMLESS),
        can_transfer=writes and bool(wallet & {"AccountTransfer", "SubMemberTransfer"}),
        ip_restricted=addresses is not None,
        created_at=_moment(line, "createdAt"),
        ip_list=addresses,
        expires_at=_moment(line, "expiredAt"),
        withdraw_whitelist_on=True,
    )


def _flag(line: Fields, name: str) -> int:
    value = line.integer(name)
    if value not in {0, 1}:
        raise VenueError("bad_answer", f"{line.where}.{name}: expected 0 or 1, found {value}")
    return value


def _names(rights: Fields, group: str) -> frozenset[str]:
    names = rights.data.get(group) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise VenueError("bad_answer", f"{rights.where}.{group}: expected a list of names")
    return frozenset(names)


def _addresses(line: Fields) -> tuple[str, ...] | None:
    """The key's addresses; None when it works from anywhere: no list, or an entry that is no address."""
    listed = line.data.get("ips")
    if not isinstance(listed, list):
        raise VenueError("bad_answer", f"{line.where}.ips: expected a list")
    try:
        found = [ipaddress.ip_address(str(entry)) for entry in listed]
    except ValueError:
        return None
    if not found or any(address.is_unspecified for address in found):
        return None
    return tuple(str(address) for address in found)


def _moment(line: Fields, name: str) -> datetime | None:
    """An ISO instant; the epoch is the venue's word for none."""
    text = line.optional_text(name)
    if not text:
        return None
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise VenueError(
            "bad_answer", f"{line.where}.{name}: expected a UTC time, found {text[:40]!r}"
        ) from None
    return moment if moment.timestamp() > 0 else None


def whitelist(pages: Iterable[Any]) -> tuple[WhitelistEntry, ...]:
    """The account's address book; a new address can be used a day after it was entered."""
    return tuple(_entry(line) for page in pages for line in opened(page, "addressBook").result.rows("rows"))


def _entry(line: Fields) -> WhitelistEntry:
    coin, held = line.text("coin"), _flag(line, "status") == 1
    entered = _entered(line)
    return WhitelistEntry(
        asset="" if coin == ANY_COIN else coin,
        network=line.optional_text("chain"),
        address=line.text("address"),
        tag=line.optional_text("tag"),
        name=line.optional_text("remark"),
        verified=not held,
        usable_from=None if entered is None else entered + NEW_ADDRESS_HOLD if held else entered,
    )


def _entered(line: Fields) -> datetime | None:
    """The page names the field createAt and shows createdAt, in seconds."""
    for name in ("createdAt", "createAt"):
        if line.has(name):
            value = line.integer(name)
            return from_milliseconds(value if value > 10**11 else value * 1000)
    return None
