"""The venue's own list of addresses for withdrawals, entry by entry against our address book. Pure.

An address that only the venue knows is called suspicious: whoever holds the key can empty the account there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from vault.clock import to_iso
from vault.errors import KeyRightsError, VaultError
from vault.treasury.findings import Finding
from vault.venues.registry import asset_network, same_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.policy.book import Entry
    from vault.venues.base import WhitelistEntry

Where = Literal["both", "venue_only", "ours_only"]
_REMOVE: Final = "Take it off the venue's list, and ask who put it there; or enter it into the address book."


@dataclass(frozen=True, slots=True)
class Compared:
    """One address: `entry` is ours ("" where we have none), `name` the venue's word for it.

    `usable`: withdrawals can go there now, as far as the venue says; `entry_state` as in the address book.
    """

    where: Where
    asset: str
    network: str
    address: str
    tag: str
    entry: str
    entry_state: str
    name: str
    usable: bool | None
    usable_from: datetime | None


def compare(
    exchange: str, theirs: Sequence[WhitelistEntry], ours: Sequence[Entry], at: datetime, cooling_hours: int
) -> tuple[Compared, ...]:
    """Both lists joined. Only cold entries are missed at the venue: nothing else is ever withdrawn to."""
    rows, met = [], set()
    for line in theirs:
        mine = next((entry for entry in ours if _same(exchange, line, entry)), None)
        if mine is not None:
            met.add(mine.id)
        usable = line.verified
        if line.usable_from is not None and line.usable_from > at:
            usable = False
        rows.append(
            Compared(
                "venue_only" if mine is None else "both",
                line.asset,
                line.network,
                line.address,
                line.tag,
                "" if mine is None else mine.id,
                "" if mine is None else mine.state(at, cooling_hours),
                line.name,
                usable,
                line.usable_from,
            )
        )
    for entry in ours:
        state = entry.state(at, cooling_hours)
        if entry.purpose == "cold" and entry.id not in met and state != "retired":
            memo = entry.memo or ""
            rows.append(
                Compared(
                    "ours_only",
                    entry.asset,
                    entry.network,
                    entry.address,
                    memo,
                    entry.id,
                    state,
                    "",
                    None,
                    None,
                )
            )
    return tuple(sorted(rows, key=lambda row: ("venue_only", "ours_only", "both").index(row.where)))


def _same(exchange: str, line: WhitelistEntry, entry: Entry) -> bool:
    """The same place: address and tag, and no other asset or chain than ours."""
    if not same_address(line.address, entry.address) or line.tag != (entry.memo or ""):
        return False
    if line.asset not in {"", entry.asset}:
        return False
    if not line.network:
        return True
    try:
        listed = asset_network(exchange, entry.asset, line.network)
    except VaultError:
        return False
    return listed.network_id(entry.network.partition(":")[2]) == entry.network


def judge(what: str, rows: Sequence[Compared] | None, *, enforced: bool | None) -> tuple[Finding, ...]:
    """One finding for each thing to do; `rows` None: the venue cannot say. `enforced`: the list is on."""
    if rows is None:
        detail = "the venue does not show its list of addresses"
        return (Finding(what, "WARN", detail, "key.whitelist_unread", "Compare it there by eye."),)
    found = []
    if enforced is False:
        hint = "Switch it on at the venue: withdrawals then go to listed addresses only."
        found.append(
            Finding(
                what,
                "FAIL",
                "the venue's own whitelist is switched off",
                "key.whitelist_off",
                hint,
                KeyRightsError.exit_status,
            )
        )
    found += [finding for row in rows if (finding := _judged(what, row)) is not None]
    agreed = sum(row.where == "both" for row in rows)
    if not found:
        said = "" if enforced else "; that withdrawals are confined to it is not known here"
        detail = f"{agreed} address{'es' if agreed != 1 else ''}, the same as in the address book{said}"
        if not rows:
            detail = f"empty at the venue, and no cold entry in the address book{said}"
        found.append(Finding(what, "OK", detail))
    return tuple(found)


def _judged(what: str, row: Compared) -> Finding | None:
    place = " ".join(
        filter(None, (row.asset or "any asset", "to", row.address, row.tag and f"tag {row.tag}"))
    )
    if row.where == "venue_only":
        detail = f"SUSPICIOUS: only at the venue: {place} ({row.name or 'without a name'})"
        return Finding(what, "WARN", detail, "key.strange_address", _REMOVE)
    if row.where == "ours_only":
        hint = "Enter it at the venue, compared character by character; a new address may be held back."
        return Finding(what, "WARN", f"only in ours: {row.entry}, {place}", "key.not_whitelisted", hint)
    if row.entry_state == "retired":
        detail = f"{row.entry} is retired here and still on the venue's list: {place}"
        return Finding(what, "WARN", detail, "key.retired_address", "Take it off the venue's list.")
    if row.usable is False:
        until = f" until {to_iso(row.usable_from)}" if row.usable_from else ""
        detail = f"{row.entry} is on the venue's list and cannot be used{until}: {place}"
        return Finding(what, "WARN", detail, "key.address_held", "Wait, or confirm the address at the venue.")
    return None
