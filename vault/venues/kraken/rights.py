"""Whose a Kraken key is, and what it may do. Pure.

Only the spot key is described; of the futures key the account log tells whose it is, and nothing tells its
rights. Source: Kraken "Get API Key Info".
"""

from __future__ import annotations

from typing import Any, Final

from vault.errors import VenueError
from vault.venues.base import KeyPermissions, Role
from vault.venues.kraken.answers import seconds, spot_object

_TRADING: Final = frozenset({"modify-trades", "close-trades"})
_READING: Final = frozenset({"query-funds", "query-ledger"})


def identity(answer: Any) -> str:
    """The account's own number (IIBAN) as the spot key's info says it, without spaces."""
    return spot_object(answer, "apiKeyInfo").text("iban").replace(" ", "")


def key_permissions(answer: Any, role: Role, uid: str) -> KeyPermissions:
    """The rights of the spot key; those of the futures key are said by nothing that is reached.

    It only moves money inside the account, and may trade: so `can_trade` is never False.
    """
    line = spot_object(answer, "apiKeyInfo")
    rights = line.data.get("permissions")
    if not isinstance(rights, list) or not all(isinstance(each, str) for each in rights):
        raise VenueError("bad_answer", f"{line.where}.permissions: expected a list of rights")
    places = line.data.get("ip_allowlist")
    known = isinstance(places, list) and all(isinstance(each, str) for each in places)
    listed = tuple(each for each in places if each) if known and places is not None else None
    withdraws = "withdraw-funds" in rights
    return KeyPermissions(
        role=role,
        account_uid=uid,
        can_read=set(rights) >= _READING,
        can_withdraw=withdraws,
        can_trade=True if _TRADING & set(rights) else None,
        can_transfer=withdraws,
        ip_restricted=None if listed is None else bool(listed),
        created_at=seconds(line, "created_time") if line.has("created_time") else None,
        ip_list=listed,
        expires_at=seconds(line, "valid_until") if line.decimal("valid_until") else None,
        withdraw_whitelist_on=True,
    )
