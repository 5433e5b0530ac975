"""What an API key may do, judged: is it safe to keep, and fit for its role. Pure.

Refuses a key that can withdraw from any IP address, whatever its role: whoever finds it needs nothing else.
What the venue does not say is named, never taken for good.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from vault.clock import to_iso
from vault.errors import KeyRightsError, VaultError, VenueError
from vault.treasury.findings import Finding, failure
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from vault.config import VenueSettings
    from vault.venues.base import KeyPermissions, Role

ROLES: Final[tuple[Role, ...]] = ("read", "withdraw")
# Time enough to make another key, also over a holiday.
EXPIRY_WARNING: Final = timedelta(days=14)
# An office or a small provider's block; a list of more addresses than that binds a key to nobody.
WIDEST: Final = {4: 24, 6: 48}
SAYS_IP: Final = frozenset({"ip_list", "ip_restricted"})
_IP_HINT: Final = "At the venue, restrict the key to this machine's IP address, and give it here again."
_TRADING_HINT: Final = (
    "Keep it: without the right to trade it cannot sweep. Bind it to this machine's IP address alone, let "
    "withdrawals go to the venue's whitelist only, and keep what is not swept in another sub-account."
)
_RIGHTS: Final = (("read", "can_read"), ("trade", "can_trade"), ("transfer", "can_transfer"),
                  ("withdraw", "can_withdraw"))  # fmt: skip


def roles_of(settings: VenueSettings) -> tuple[Role, ...]:
    """The keys an account has here: none where the venue needs none, one where nothing is sent."""
    traits = traits_of(settings.exchange)
    if not traits.secrets:
        return ()
    sends = traits.ships == "full" and settings.custody == "venue"
    return ROLES if sends else ("read",)


def judge(what: str, settings: VenueSettings, found: KeyPermissions, at: datetime) -> tuple[Finding, ...]:
    """How a key stands; the first finding sums it up when nothing is wrong with it."""
    reads = traits_of(settings.exchange).reads
    judged = [*_refused(what, settings, found, at), *_warned(what, settings, found, at)]
    if not judged:
        judged = [Finding(what, "OK", describe(found))]
    if found.can_withdraw is not False and ip_unsaid(found):
        judged.append(_unsaid(what, "whether the key is bound to IP addresses"))
    unknown = [name for name, field in _RIGHTS if getattr(found, field) is None]
    if unknown:
        judged.append(_unsaid(what, f"whether the key may {', '.join(unknown)}"))
    if found.expires_at is None and "key_expiry" not in reads:
        judged.append(_unsaid(f"{what} expiry", "when the key expires"))
    return tuple(judged)


def require_safe(settings: VenueSettings, found: KeyPermissions, at: datetime) -> None:
    """Raise `KeyRightsError` for a key that is not to be kept."""
    for finding in _refused(f"{settings.name} {found.role} key", settings, found, at):
        reason = finding.code.partition(".")[2]
        raise KeyRightsError(reason, f"{finding.what}: {finding.detail}", hint=finding.hint)


def not_told(what: str, error: VaultError) -> tuple[Finding, ...]:
    """Permissions that could not be read: refused, or a venue that has no word for them."""
    if isinstance(error, VenueError) and error.code == "venue.not_offered":
        detail = "the venue does not tell what a key may do; the key is of the configured account"
        return (Finding(what, "WARN", detail, error.code, "Look at the key's rights and IP list there."),)
    return (failure(what, error),)


def _refused(what: str, settings: VenueSettings, found: KeyPermissions, at: datetime) -> list[Finding]:
    bad = []
    withdraws = found.can_withdraw or (found.role == "withdraw" and found.can_withdraw is None)
    if withdraws and from_anywhere(found):
        detail = "it may withdraw and works from any IP address"
        bad.append(_fail(what, "no_ip_list", detail, _IP_HINT))
    if withdraws and ip_unsaid(found) and traits_of(settings.exchange).reads & SAYS_IP:
        detail = "it may withdraw, and this time the venue does not say from where"
        bad.append(_fail(what, "ip_list_unknown", detail, "Try again later; look at the key at the venue."))
    if found.role == "withdraw":
        lacking = [word for word, may in _needed(settings, found) if may is False]
        if lacking:
            bad.append(
                _fail(
                    what,
                    "too_weak",
                    f"expected a key that may {' and '.join(lacking)}, found one that may not",
                    "Give the key these rights at the venue"
                    + (
                        " (to trade is what it takes to transfer there)"
                        if _must_trade(settings, found)
                        else ""
                    )
                    + ", bound to this machine's IP address.",
                )
            )
    if found.can_read is False:
        bad.append(_fail(what, "too_weak", "it may not read", "Let the key read at the venue."))
    if found.expires_at is not None and found.expires_at <= at:
        bad.append(_fail(what, "expired", f"it expired at {to_iso(found.expires_at)}", "Make a new key."))
    return bad


def _needed(settings: VenueSettings, found: KeyPermissions) -> tuple[tuple[str, bool | None], ...]:
    moves = _moves(settings)
    return (("withdraw", found.can_withdraw), *((("transfer", found.can_transfer),) if moves else ()))


def _moves(settings: VenueSettings) -> bool:
    """Whether money is moved inside the account before it is withdrawn."""
    from vault.venues.routes import outward

    return bool(outward(settings.exchange, settings.product))


def _must_trade(settings: VenueSettings, found: KeyPermissions) -> bool:
    """Whether the key could not do its work without the right to trade."""
    return found.role == "withdraw" and traits_of(settings.exchange).moves_by_trading and _moves(settings)


def _warned(what: str, settings: VenueSettings, found: KeyPermissions, at: datetime) -> list[Finding]:
    odd = []
    too_much = [
        word
        for word, may in (("withdraw", found.can_withdraw), ("transfer", found.can_transfer))
        if may and found.role == "read"
    ]
    if found.can_trade:
        too_much.append("trade")
    if too_much:
        detail = f"{describe(found)}: more than a {found.role} key needs"
        hint = f"Make a key without the right to {' or '.join(too_much)}."
        if _must_trade(settings, found):
            detail = f"{describe(found)}: {settings.exchange} moves money inside only by a key that may trade"
            hint = _TRADING_HINT
        odd.append(Finding(what, "WARN", detail, "key.too_strong", hint))
    if found.expires_at is not None and at < found.expires_at <= at + EXPIRY_WARNING:
        detail = f"it expires at {to_iso(found.expires_at)}"
        odd.append(Finding(what, "WARN", detail, "key.expires_soon", "Make a new key before that."))
    wide = [text for text in found.ip_list or () if _is_wide(text)]
    if found.can_withdraw and wide and not from_anywhere(found):
        hint = "Restrict the key to this machine's address alone."
        detail = f"its IP list is wide: {', '.join(wide)}"
        odd.append(Finding(what, "WARN", detail, "key.wide_ip_list", hint))
    return odd


def describe(found: KeyPermissions) -> str:
    """Rights and IP list in words."""
    may = [name for name, field in _RIGHTS if getattr(found, field)]
    if from_anywhere(found):
        bound = "from any IP address"
    elif ip_unsaid(found):
        bound = "the venue does not say from where"
    else:
        bound = "from " + (", ".join(found.ip_list) if found.ip_list else "listed IP addresses only")
    return f"may {' and '.join(may) or 'nothing'}, {bound}"


def from_anywhere(found: KeyPermissions) -> bool:
    """The key has no IP list, or one that names everybody, in one line or in many.

    False where the venue says nothing at all: see `ip_unsaid`.
    """
    if found.ip_restricted is False or (found.ip_list == () and not found.ip_restricted):
        return True
    return any(_is_everybody(text) for text in found.ip_list or ()) or _covers_much(found.ip_list or ())


def ip_unsaid(found: KeyPermissions) -> bool:
    """The venue does not say from where the key works."""
    return found.ip_restricted is None and found.ip_list is None


def _covers_much(texts: tuple[str, ...]) -> bool:
    """Several blocks that are half of all addresses or more together: a list in name only."""
    for version, bits in ((4, 32), (6, 128)):
        blocks = [each for text in texts if (each := _network(text)) is not None and each.version == version]
        joined = ipaddress.collapse_addresses(blocks)  # type: ignore[type-var]
        if sum(each.num_addresses for each in joined) >= 1 << (bits - 1):
            return True
    return False


def _is_wide(text: str) -> bool:
    network = _network(text)
    return network is None or network.prefixlen < WIDEST[network.version]


def _is_everybody(text: str) -> bool:
    return text.strip() in {"*", "*.*.*.*", "0.0.0.0", "::"}  # noqa: S104 -- what a venue may call everybody


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A block of addresses; one of IPv4 in IPv6's clothes as what it is."""
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen >= 96:
        inner = found.network_address.ipv4_mapped
        if inner is not None:
            return ipaddress.IPv4Network((inner, found.prefixlen - 96))
    return found


def _fail(what: str, reason: str, detail: str, hint: str) -> Finding:
    return Finding(what, "FAIL", detail, f"key.{reason}", hint, KeyRightsError.exit_status)


def _unsaid(what: str, detail: str) -> Finding:
    return Finding(what, "SKIP", f"the venue does not say {detail}")
