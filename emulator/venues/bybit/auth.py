"""Bybit request signing: HMAC-SHA256 over timestamp, key, receive window and the raw query or body.

Source: Bybit V5 "Integration Guidance"; the timestamp lies in [server - window, server + 1000).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import parse_qsl

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Caller, Security

KEY_HEADER = "x-bapi-api-key"
TIME_HEADER = "x-bapi-timestamp"
WINDOW_HEADER = "x-bapi-recv-window"
SIGN_HEADER = "x-bapi-sign"
DEFAULT_WINDOW_MS = 5000
AHEAD_ALLOWED_MS = 1000


def parameters(raw: Incoming) -> dict[str, str]:
    """The query of a GET, the JSON object of a POST; raises Refusal for anything else and for repetitions."""
    if raw.method == "GET":
        return _once(parse_qsl(raw.query, keep_blank_values=True))
    try:
        pairs = json.loads(
            raw.body or "{}", object_pairs_hook=_Pairs, parse_float=str, parse_int=str, parse_constant=str
        )
    except (ValueError, RecursionError):
        raise Refusal(Reason.BAD_PARAMETER, name="body") from None
    if not isinstance(pairs, _Pairs):
        raise Refusal(Reason.BAD_PARAMETER, name="body")
    return _once([(name, value if isinstance(value, str) else json.dumps(value)) for name, value in pairs])


class _Pairs(list[tuple[str, object]]):
    """A JSON object with its repetitions."""


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Refusal(Reason.REPEATED_PARAMETER, name=name)
        found[name] = value
    return found


def authenticate(raw: Incoming, params: dict[str, str], venue: Venue, security: Security) -> Caller:
    """The caller of a signed request; raises Refusal for the first thing that is wrong."""
    found = venue.find_key(raw.api_key) if raw.api_key else None
    if found is None:
        raise Refusal(Reason.BAD_KEY)
    account, key = found
    sent, window = raw.headers.get(TIME_HEADER, ""), raw.headers.get(WINDOW_HEADER, str(DEFAULT_WINDOW_MS))
    _check_time(sent, window, venue)
    text = sent + key.key + window + (raw.query if raw.method == "GET" else raw.body)
    expected = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), raw.headers.get(SIGN_HEADER, "").encode()):
        raise Refusal(Reason.BAD_SIGNATURE)
    key.check_ip(raw.ip)
    if security.right is not None:
        key.check_right(security.right)
    return Caller(account, key)


def _check_time(sent: str, window: str, venue: Venue) -> None:
    if not (sent.isascii() and sent.isdigit() and window.isascii() and window.isdigit()):
        raise Refusal(Reason.BAD_PARAMETER, name="timestamp")
    now = venue.clock.now_ms()
    if not now - int(window) <= int(sent) < now + AHEAD_ALLOWED_MS:
        raise Refusal(Reason.BAD_TIMESTAMP, sent=int(sent), now=now)
