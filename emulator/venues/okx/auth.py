"""OKX request signing: base64 HMAC-SHA256 over timestamp, method, path with query, body; and a passphrase.

Sources: OKX "REST Authentication"; error codes 50102 to 50113, 50120.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Caller, Security

EXPIRES_MS = 30_000
KEY, SIGN, TIME, PASSPHRASE = (f"ok-access-{name}" for name in ("key", "sign", "timestamp", "passphrase"))
EMPTY = {KEY: "50103", PASSPHRASE: "50104", SIGN: "50106", TIME: "50107"}


def parameters(raw: Incoming) -> dict[str, str]:
    """A GET's query, a POST's JSON object; raises VenueError 50000 or 50002 for a body that is none."""
    if raw.method == "GET":
        return dict(parse_qsl(raw.query, keep_blank_values=True))
    if not raw.body:
        raise VenueError("50000", "Body for POST request cannot be empty.")
    try:
        found = json.loads(raw.body)
    except ValueError:
        raise VenueError("50002", "JSON syntax error") from None
    if not isinstance(found, dict):
        raise VenueError("50002", "JSON syntax error")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def signature(secret: str, raw: Incoming) -> str:
    """What the header must hold for the request as it came."""
    path = raw.path + (f"?{raw.query}" if raw.query else "")
    text = f"{raw.headers.get(TIME, '')}{raw.method}{path}{raw.body}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def authenticate(raw: Incoming, params: dict[str, str], venue: Venue, security: Security) -> Caller:
    """The caller of a signed request; raises for the first thing that is wrong."""
    for name, code in EMPTY.items():
        if not raw.headers.get(name):
            raise VenueError(code, f'Request header "{name.upper()}" cannot be empty.', status=401)
    _check_time(raw.headers[TIME], venue)
    found = venue.find_key(raw.headers[KEY])
    if found is None:
        raise Refusal(Reason.BAD_KEY)
    account, key = found
    key.check_ip(raw.ip)
    if not hmac.compare_digest(key.passphrase.encode(), raw.headers[PASSPHRASE].encode()):
        raise Refusal(Reason.BAD_PASSPHRASE)
    if not hmac.compare_digest(signature(key.secret, raw).encode(), raw.headers[SIGN].encode()):
        raise Refusal(Reason.BAD_SIGNATURE)
    if (right := security.right) is not None:
        key.check_right(right)
    return Caller(account, key)


def _check_time(text: str, venue: Venue) -> None:
    try:
        sent = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise VenueError("50112", "Invalid OK-ACCESS-TIMESTAMP.", status=401) from None
    sent_ms, now = int(sent.timestamp() * 1000), venue.clock.now_ms()
    if abs(now - sent_ms) > EXPIRES_MS:
        raise Refusal(Reason.BAD_TIMESTAMP, sent=sent_ms, now=now)
