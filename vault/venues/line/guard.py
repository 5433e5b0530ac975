"""Which hosts this version may talk to: loopback only, asked in this one place.

Refuses every other host, and a venue without a configured address, until the root of trust exists.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from vault.config import VenueSettings
from vault.errors import GuardError


def venue_address(settings: VenueSettings) -> str:
    """The base address of the venue's server. Raises `GuardError` (``guard.real_venue``)."""
    if settings.url is None:
        raise GuardError(
            "real_venue",
            f"{settings.name}: expected a loopback url, found none (the real {settings.exchange} is meant)",
            hint='This version talks only to an emulated venue; set url = "http://127.0.0.1:PORT".',
        )
    host = urlsplit(settings.url).hostname or ""
    if not is_loopback(host):
        raise GuardError(
            "real_venue",
            f"{settings.name}: expected a loopback url, found {settings.url}",
            hint="This version talks only to an emulated venue on this machine.",
        )
    return settings.url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its address."""
    # Names are not resolved: "localhost" may be mapped to anything, an address cannot.
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
