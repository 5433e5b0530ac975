"""Binance request signing: HMAC-SHA256 over the raw query and body, timestamp window, IP list, permissions.

Sources: Binance "SIGNED endpoint examples", "Timing security"; error codes -1021, -1022, -1102, -2014, -2015.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Caller, Security

DEFAULT_RECV_WINDOW_MS = 5000
MAX_RECV_WINDOW_MS = 60000
AHEAD_ALLOWED_MS = 1000


def parameters(raw: Incoming) -> dict[str, str]:
    """Query and body parameters; raises Refusal REPEATED_PARAMETER when one is sent twice."""
    found: dict[str, str] = {}
    for text in (raw.query, raw.body):
        for name, value in parse_qsl(text, keep_blank_values=True):
            if name in found:
                raise Refusal(Reason.REPEATED_PARAMETER, name=name)
            found[name] = value
    return found


def signed_text(raw: Incoming) -> tuple[str, str]:
    """(what was signed, the signature): everything but the signature, query first, nothing between them."""
    signature = ""
    kept: list[str] = []
    for text in (raw.query, raw.body):
        pairs: list[str] = []
        for pair in text.split("&") if text else []:
            if pair.startswith("signature="):
                signature = pair.removeprefix("signature=")
            else:
                pairs.append(pair)
        kept.append("&".join(pairs))
    return "".join(kept), signature


def authenticate(raw: Incoming, params: dict[str, str], venue: Venue, security: Security) -> Caller:
    """The caller of a request; raises Refusal or VenueError for the first thing that is wrong."""
    if not raw.api_key:
        raise VenueError(-2014, "API-key format invalid.", status=401)
    found = venue.find_key(raw.api_key)
    if found is None:
        raise Refusal(Reason.BAD_KEY)
    account, key = found
    key.check_ip(raw.ip)
    if security is not Security.KEY:
        _check_time(params, venue)
        payload, signature = signed_text(raw)
        if not signature:
            raise Refusal(Reason.MISSING_PARAMETER, name="signature")
        expected = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise Refusal(Reason.BAD_SIGNATURE)
    if security.right is not None:
        key.check_right(security.right)
    return Caller(account, key)


def _check_time(params: dict[str, str], venue: Venue) -> None:
    timestamp, window = params.get("timestamp", ""), params.get("recvWindow", str(DEFAULT_RECV_WINDOW_MS))
    if not timestamp:
        raise Refusal(Reason.MISSING_PARAMETER, name="timestamp")
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise Refusal(Reason.BAD_PARAMETER, name="timestamp")
    if not (window.isascii() and window.isdigit()) or int(window) > MAX_RECV_WINDOW_MS:
        raise VenueError(-1131, "recvWindow must be less than 60000")
    now, sent = venue.clock.now_ms(), int(timestamp)
    if sent >= now + AHEAD_ALLOWED_MS or now - sent > int(window):
        raise Refusal(Reason.BAD_TIMESTAMP, sent=sent, now=now)
