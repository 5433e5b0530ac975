"""What is asked of a venue before coins leave it or go there: its keys, lists, holds and addresses.

A venue's keys bypass every rule of ours, so its own whitelist and IP list are asked, live, when a plan is
made and again before it is sent. Refuses what is not so; what a venue cannot say is named in the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from vault.clock import to_iso
from vault.errors import DeniedError, VaultError, VenueError
from vault.policy.precautions import Precaution, Standing, code_of, judge
from vault.store import venues as known
from vault.store.venues import Way
from vault.treasury import lead_times, second_price, venue_keys, venue_whitelist
from vault.venues.registry import same_address
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from vault.config import VenueSettings
    from vault.model import AccountRisk, MarginAccount
    from vault.policy.book import Entry
    from vault.treasury.desk import Desk
    from vault.venues.base import KeyPermissions, WhitelistEntry

Check = Callable[[], Precaution]
# So many of the addresses that a venue's list has beside ours are named.
SHOWN: Final = 3
_NO_KEY: Final = "no API key exists: each withdrawal is signed on its device"
_FROM_WHERE: Final = "whether the withdraw key works from listed addresses alone"


@dataclass(frozen=True, slots=True)
class Place:
    """Where coins are withdrawn to, or deposited: an account, an asset on its network, an attested entry."""

    account: str
    asset: str
    network: str
    entry: Entry


def kept(what: str, reason: str) -> Precaution:
    return Precaution(what, "kept", reason)


def unsaid(what: str, reason: str) -> Precaution:
    return Precaution(what, "unsaid", reason)


def gathered(checks: dict[str, Check]) -> tuple[Precaution, ...]:
    """Every check's answer; one that raises is broken, under its error's code."""
    found = []
    for what, check in checks.items():
        try:
            found.append(check())
        except VaultError as error:
            found.append(Precaution(what, "broken", error.message, error.code))
    return tuple(found)


def required(
    desk: Desk, checks: dict[str, Check], said: tuple[str, ...] | None = None
) -> tuple[Precaution, ...]:
    """Every check's answer. Raises the first error, and `DeniedError` for what the policy wants said.

    `said` are the warnings that the plan was approved with: what only now cannot be said was approved by
    nobody (``denied.unsaid_since``). None: another plan was approved with them.
    """
    found = tuple(check() for check in checks.values())
    judged = judge(desk.policy().policy, found)
    for each in judged.denied:
        code = code_of(each).partition(".")[2]
        raise DeniedError(code, each.reason, hint="Only the policy's [venues] lets such a venue be used.")
    for each in judged.warned:
        if said is not None and each.reason not in said:
            raise DeniedError(
                "unsaid_since",
                f"the plan was approved without this warning: {each.reason}",
                hint="Try again later, or make a new plan, which says so.",
            )
    return found


# -- accounts that nothing is moved from or to -------------------------------------------------------


def movable(settings: VenueSettings) -> Precaution:
    """Raises `DeniedError` for an account that is only read, or whose coins are with a custodian."""
    if traits_of(settings.exchange).ships == "read_only":
        raise DeniedError(
            "read_only_venue",
            f"{settings.name}: {settings.exchange} is read and assessed only; nothing is moved there",
        )
    if settings.custody == "off_exchange":
        raise DeniedError(
            "off_exchange",
            f"{settings.name}: its coins are with {settings.custodian}; the venue holds their mirror",
            hint="Move them at the custodian.",
        )
    return kept("account", f"{settings.name}: its coins are at {settings.exchange}")


# -- before a sweep ----------------------------------------------------------------------------------


def of_sweep(desk: Desk, place: Place) -> dict[str, Check]:
    """What must hold before coins are withdrawn to an entry of the address book."""
    settings = desk.treasury.venue(place.account)
    reads = traits_of(settings.exchange).reads
    key = cache(lambda: desk.venues.permissions(place.account, "withdraw"))
    listed = cache(lambda: desk.venues.whitelist(place.account) if "whitelist" in reads else None)
    checks: dict[str, Check] = {"account": lambda: movable(settings)}
    if _stands(checks["account"]):
        checks |= {
            "key": lambda: _key(settings, reads, key),
            "ip_list": lambda: _ip_list(settings, reads, key),
            "whitelist": lambda: _whitelist(desk, settings, listed(), key, place),
            "addresses": lambda: _strangers(desk, settings, listed()),
            "holds": lambda: _hold(desk, settings, reads),
        }
    return checks


def _stands(check: Check) -> bool:
    try:
        check()
    except VaultError:
        return False
    return True


def _silent(settings: VenueSettings, what: str, about: str) -> Precaution:
    return unsaid(what, f"{settings.name}: {settings.exchange} cannot say {about}")


def _key(settings: VenueSettings, reads: frozenset[str], key: Callable[[], KeyPermissions]) -> Precaution:
    if traits_of(settings.exchange).signed_by == "device":
        return kept("key", _NO_KEY)
    if "permissions" not in reads:
        return _silent(settings, "key", "what the withdraw key may do")
    found = key()
    if found.account_uid != settings.account_uid:
        raise DeniedError(
            "wrong_account",
            f"{settings.name}: expected the withdraw key of {settings.account_uid}, found one of "
            f"{found.account_uid}",
        )
    if found.can_withdraw is False:
        raise DeniedError("key_cannot_withdraw", f"{settings.name}: its withdraw key cannot withdraw")
    return kept("key", f"the withdraw key belongs to account {found.account_uid}")


def _ip_list(settings: VenueSettings, reads: frozenset[str], key: Callable[[], KeyPermissions]) -> Precaution:
    about = _FROM_WHERE
    if traits_of(settings.exchange).signed_by == "device":
        return kept("ip_list", _NO_KEY)
    if not reads & venue_keys.SAYS_IP:
        return _silent(settings, "ip_list", about)
    found = key()
    if venue_keys.ip_unsaid(found):
        raise DeniedError(
            "ip_list_unknown",
            f"{settings.name}: {settings.exchange} can say {about}, and this time does not",
            hint="Try again later, and look at the key at the venue.",
        )
    if venue_keys.from_anywhere(found):
        raise DeniedError(
            "no_ip_list",
            f"{settings.name}: the withdraw key works from every address",
            hint="Bind it to this machine's address at the venue.",
        )
    return kept("ip_list", "the withdraw key works from listed addresses alone")


def _whitelist(
    desk: Desk,
    settings: VenueSettings,
    listed: tuple[WhitelistEntry, ...] | None,
    key: Callable[[], KeyPermissions],
    place: Place,
) -> Precaution:
    if listed is None:
        return _silent(settings, "whitelist", "which addresses its withdrawals are confined to")
    rights = "permissions" in traits_of(settings.exchange).reads
    on = key().withdraw_whitelist_on if rights else None
    if on is False:
        raise DeniedError(
            "whitelist_off",
            f"{settings.name}: its withdrawals are not confined to the venue's list of addresses",
            hint="Switch the list on at the venue: without it whoever has the key withdraws anywhere.",
        )
    fitting = [each for each in listed if _is_place(each, place)]
    usable = [each for each in fitting if each.verified is not False]
    if not usable:
        found = f"{len(fitting)} entries that are not confirmed" if fitting else f"{len(listed)} others"
        raise DeniedError(
            "not_whitelisted",
            f"{settings.name}: expected {place.entry.address} ({place.asset} on {place.network}) on the "
            f"venue's own list, found {found}",
            hint="Add exactly this address at the venue, and confirm it there.",
        )
    _require_usable(desk, settings, usable)
    if on is None:
        return _silent(settings, "whitelist", "whether withdrawals are confined to its list, which has ours")
    return kept("whitelist", f"{place.entry.address} is on the venue's own list, which confines withdrawals")


def _strangers(desk: Desk, settings: VenueSettings, listed: tuple[WhitelistEntry, ...] | None) -> Precaution:
    """Whoever has the withdraw key can send to every address of the list, not only to ours."""
    if listed is None:
        return kept("addresses", f"{settings.name}: no list to compare")
    cooling = desk.policy().policy.address_book.cooling_hours
    rows = venue_whitelist.compare(
        settings.exchange, listed, desk.book().book.entries, desk.clock.now(), cooling
    )
    strange = sorted(row.address for row in rows if row.where == "venue_only" or row.entry_state == "retired")
    if not strange:
        return kept("addresses", f"{settings.name}: the venue's own list has addresses of ours alone")
    more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
    return unsaid(
        "addresses",
        f"{settings.name}: the venue's own list also lets withdrawals go to what is not, or no longer, in "
        f"the address book: {', '.join(strange[:SHOWN])}{more}",
    )


def _is_place(each: WhitelistEntry, place: Place) -> bool:
    return (
        each.asset in {"", place.asset}
        and each.network in {"", place.network}
        and each.tag == (place.entry.memo or "")
        and same_address(each.address, place.entry.address)
    )


def _require_usable(desk: Desk, settings: VenueSettings, usable: list[WhitelistEntry]) -> None:
    now = desk.clock.now()
    waits = [each.usable_from for each in usable if each.usable_from is not None and each.usable_from > now]
    if len(waits) == len(usable):
        raise VenueError(
            "held",
            f"{settings.name}: the venue's list has this address, to be used from {to_iso(min(waits))} on",
            hint="Wait: venues hold a new address for a day or so.",
        )


def _hold(desk: Desk, settings: VenueSettings, reads: frozenset[str]) -> Precaution:
    about = "whether it holds withdrawals back after a security change"
    found = desk.venues.holds(settings.name) if "holds" in reads else None
    if found is None or found.held is None:
        return _silent(settings, "holds", about)
    if found.held:
        until = f" until {to_iso(found.until)}" if found.until else ""
        raise VenueError(
            "held",
            f"{settings.name}: the venue holds withdrawals back{until}: {found.reason}",
            hint="Wait. Find out who changed what at the venue, if nobody here did.",
        )
    return kept("holds", "the venue holds no withdrawals back")


# -- before a top-up ---------------------------------------------------------------------------------


def of_top_up(desk: Desk, place: Place, risk: AccountRisk | None) -> dict[str, Check]:
    """What must hold before coins go to a venue; `risk` is the account's at the venue's own prices."""
    settings = desk.treasury.venue(place.account)
    reads = traits_of(settings.exchange).reads
    checks: dict[str, Check] = {"account": lambda: movable(settings)}
    if _stands(checks["account"]):
        checks |= {"whitelist": lambda: _ways_out(desk, settings, reads)}
        if not reads & venue_keys.SAYS_IP:
            checks |= {"ip_list": lambda: _silent(settings, "ip_list", _FROM_WHERE)}
        checks |= {
            "frozen": lambda: not_frozen(desk, place.account),
            "uid": lambda: same_account(desk, settings),
            "deposit": lambda: deposit_place(desk, settings, place),
        }
        if risk is not None:
            checks["in_time"] = lambda: in_time(desk, place, risk)
    return checks


def _ways_out(desk: Desk, settings: VenueSettings, reads: frozenset[str]) -> Precaution:
    """Where coins that are sent there could be taken to; its withdraw key is not asked, it may be away."""
    about = "which addresses its withdrawals are confined to"
    if "whitelist" not in reads:
        return _silent(settings, "whitelist", about)
    try:
        listed = desk.venues.whitelist(settings.name)
    except VaultError:
        # No reason to let an account be liquidated; whoever approves reads it.
        return unsaid("whitelist", f"{settings.name}: its list of addresses could not be read")
    return _silent(settings, "whitelist", about) if listed is None else _strangers(desk, settings, listed)


def not_frozen(desk: Desk, account: str) -> Precaution:
    """Raises `DeniedError` (``denied.venue_frozen``) while a person has not lifted the account's freeze."""
    with desk.store.read() as connection:
        found = known.freeze_of(connection, account)
    if found is not None:
        raise DeniedError(
            "venue_frozen",
            f"{account} is frozen since {found.at}: {found.code}: {found.reason}",
            hint="Ask the venue by another channel what happened; only a person lifts the freeze.",
        )
    return kept("frozen", f"{account} is not frozen")


def freeze(desk: Desk, account: str, error: VaultError) -> None:
    """Keep an account from top-ups until a person has looked, because of what was found."""
    with desk.store.write() as writer:
        known.freeze_venue(writer, account, error.code, error.message)


def same_account(desk: Desk, settings: VenueSettings) -> Precaution:
    """The name stands for the account it stood for first; anything else freezes it.

    It stands for one once the venue itself gave that account's attested address (`deposit_place`).
    """
    with desk.store.read() as connection:
        bound = known.bound_uid(connection, settings.name)
    if bound is not None and bound != settings.account_uid:
        error = DeniedError(
            "account_changed",
            f"expected {settings.name} to be account {bound}, treasury.toml says {settings.account_uid}",
            hint="Another account gets another name, and its deposit address its own entry.",
        )
        freeze(desk, settings.name, error)
        raise error
    return kept("uid", f"{settings.name} is account {settings.account_uid}")


def deposit_place(desk: Desk, settings: VenueSettings, place: Place) -> Precaution:
    """The attested entry equals the venue's present answer, on an open network; a change freezes it."""
    try:
        return _deposit_place(desk, settings, place)
    except VenueError as error:
        if error.code == "venue.wrong_account":
            freeze(desk, settings.name, error)
        raise


def _deposit_place(desk: Desk, settings: VenueSettings, place: Place) -> Precaution:
    asset, network, entry = place.asset, place.network, place.entry
    # First: while deposits are suspended, venues do not tell the address either.
    info = desk.venues.network_info(settings.name, asset, network)
    for is_open, what in ((info.deposit_enabled, "deposits"), (info.enabled, "withdrawals")):
        if not is_open:
            raise DeniedError(
                f"{what}_suspended",
                f"{settings.name}: {what} of {asset} on {network} are suspended",
                hint="A top-up would not be credited in time, or could not come back.",
            )
    present = desk.venues.deposit_address(settings.name, asset, network)
    if entry.purpose != "venue_deposit" or entry.venue != settings.name:
        raise DeniedError("no_deposit_entry", f"{entry.id} is not the deposit address of {settings.name}")
    expected = (entry.address, entry.memo or "", asset, network, settings.account_uid)
    # An address in capitals, where a chain does not tell them apart, is the same address.
    address = entry.address if same_address(present.address, entry.address) else present.address
    found = (address, present.tag, present.asset, present.network, present.account_uid)
    if expected != found:
        error = DeniedError(
            "deposit_address_changed",
            f"expected {' '.join(filter(None, expected))} (attested), {settings.name} now says "
            f"{' '.join(filter(None, found))}",
            hint="Do not top up. Ask the venue by another channel; retire the entry if it is true.",
        )
        freeze(desk, settings.name, error)
        raise error
    with desk.store.write() as writer:
        known.bind_uid(writer, settings.name, settings.account_uid)
    return kept("deposit", f"the venue's present deposit address is the attested {entry.id}")


def in_time(desk: Desk, place: Place, risk: AccountRisk) -> Precaution:
    """Raises `DeniedError` (``denied.too_late``) when the credit is expected after the liquidation."""
    settings = desk.treasury.venue(place.account)
    info = desk.venues.network_info(place.account, place.asset, place.network)
    way = Way(place.account, place.asset, place.network, "deposit")
    wait = lead_times.expected_of(desk, way, settings.exchange, info.confirmations)
    speed = desk.treasury.config.risk.adverse_move_per_hour
    left = lead_times.seconds_to_liquidation(risk, speed)
    said = f"credited within {wait.p95_seconds} s ({wait.basis})"
    if left is not None and wait.p95_seconds > left:
        raise DeniedError(
            "too_late",
            f"{settings.name}: {said}, liquidated within {left} s at {speed} of the price an hour",
            hint="A rule, no forecast: the coins may arrive after the liquidation. Reduce the position.",
        )
    until = "no move of all prices liquidates it" if left is None else f"liquidated within {left} s"
    return kept("in_time", f"{said}; {until} at {speed} of the price an hour (a rule, no forecast)")


# -- for the policy ----------------------------------------------------------------------------------


def sweep_standing(desk: Desk, place: Place) -> Standing:
    return Standing(gathered(of_sweep(desk, place)))


def top_up_standing(desk: Desk, place: Place, risk: AccountRisk | None, seen: MarginAccount) -> Standing:
    """Precautions and, where another source has a price, the account's risk at it."""
    found = gathered(of_top_up(desk, place, risk))
    try:
        compared = second_price.compare(desk, seen)
    except VaultError as error:
        broken = Precaution("price", "broken", error.message, error.code)
        return Standing((*found, broken))
    return Standing((*found, compared.precaution), compared.risk)
