"""Deribit request signing: ``Authorization: deri-hmac-sha256 id=…,ts=…,sig=…,nonce=…``.

The signature is hex HMAC-SHA256 over time, nonce, method, URI with its query, and body, a line each. Sources:
Deribit "Authentication", "RPC Error Codes" (10000, 13004).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Caller, Security

SCHEME = "deri-hmac-sha256 "
FIELDS = ("id", "ts", "sig", "nonce")
OLDEST_MS = 60_000
_PAIR = re.compile(r"(id|ts|sig|nonce)=([^,\s]+)", re.ASCII)


def parameters(raw: Incoming) -> dict[str, str]:
    """The query's; raises Refusal REPEATED_PARAMETER when one is sent twice."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(raw.query, keep_blank_values=True):
        if name in found:
            raise Refusal(Reason.REPEATED_PARAMETER, name=name)
        found[name] = value
    return found


def credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """What the header names, empty for another scheme."""
    header = headers.get("authorization", "")
    if not header.startswith(SCHEME):
        return {}
    return dict(_PAIR.findall(header.removeprefix(SCHEME)))


def signature(secret: str, raw: Incoming, moment: str, nonce: str) -> str:
    """What ``sig`` must be for the request as it came."""
    uri = raw.path + (f"?{raw.query}" if raw.query else "")
    text = f"{moment}\n{nonce}\n{raw.method}\n{uri}\n{raw.body}\n"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def authenticate(raw: Incoming, params: dict[str, str], venue: Venue, security: Security) -> Caller:
    """The caller of a signed request; raises Refusal for the first thing that is wrong."""
    given = credentials(raw.headers)
    if set(given) != set(FIELDS):
        raise Refusal(Reason.BAD_SESSION)
    found = venue.find_key(given["id"])
    if found is None:
        raise Refusal(Reason.BAD_KEY)
    account, key = found
    key.check_ip(raw.ip)
    now = venue.clock.now_ms()
    if not given["ts"].isdecimal() or abs(now - int(given["ts"])) > OLDEST_MS:
        raise Refusal(Reason.BAD_TIMESTAMP, sent=given["ts"][:20], now=now)
    expected = signature(key.secret, raw, given["ts"], given["nonce"])
    if not hmac.compare_digest(expected.encode(), given["sig"].encode()):
        raise Refusal(Reason.BAD_SIGNATURE)
    if security.right is not None:
        key.check_right(security.right)
    return Caller(account, key)
