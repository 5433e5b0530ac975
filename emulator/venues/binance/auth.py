"""Binance request signing: HMAC-SHA256 over the raw query and body, timestamp window, IP list, permissions.

Sources: Binance "SIGNED endpoint examples", "Timing security"; error codes -1021, -1022, -1102, -2014, -2015.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl

from emulator.venues.dispatch import Incoming
from emulator.venues.errors import VenueError, bad_key, illegal_parameter, missing_parameter
from emulator.venues.routing import Caller, Security
from emulator.venues.venue import Venue

DEFAULT_RECV_WINDOW_MS = 5000
MAX_RECV_WINDOW_MS = 60000
AHEAD_ALLOWED_MS = 1000
KEY_HEADER = "X-MBX-APIKEY"
PERMISSIONS = {
    Security.READ: "can_read",
    Security.TRANSFER: "can_transfer",
    Security.WITHDRAW: "can_withdraw",
}


def parameters(raw: Incoming) -> dict[str, str]:
    """Query and body parameters; raises VenueError -1101 when one is sent twice."""
    found: dict[str, str] = {}
    for text in (raw.query, raw.body):
        for name, value in parse_qsl(text, keep_blank_values=True):
            if name in found:
                raise VenueError(-1101, f"Duplicate values for parameter '{name}'.")
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
    """The caller of a signed request; raises VenueError for the first thing that is wrong."""
    if not raw.api_key:
        raise VenueError(-2014, "API-key format invalid.", status=401)
    found = venue.find_key(raw.api_key)
    if found is None:
        raise bad_key()
    account, key = found
    if key.ip_list and raw.ip not in key.ip_list:
        raise bad_key()
    _check_time(params, venue)
    payload, signature = signed_text(raw)
    if not signature:
        raise missing_parameter("signature")
    expected = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
        raise VenueError(-1022, "Signature for this request is not valid.")
    if not getattr(key, PERMISSIONS[security]):
        raise bad_key()
    return Caller(account, key)


def _check_time(params: dict[str, str], venue: Venue) -> None:
    timestamp, window = params.get("timestamp", ""), params.get("recvWindow", str(DEFAULT_RECV_WINDOW_MS))
    if not timestamp:
        raise missing_parameter("timestamp")
    if not timestamp.isdigit():
        raise illegal_parameter("timestamp")
    if not window.isdigit() or int(window) > MAX_RECV_WINDOW_MS:
        raise VenueError(-1131, "recvWindow must be less than 60000")
    now, sent = venue.clock.now_ms(), int(timestamp)
    if sent >= now + AHEAD_ALLOWED_MS:
        raise VenueError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - sent > int(window):
        raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")
