"""The two ways a Kraken request is signed, one for each host, and the nonce that may only rise.

Spot: HMAC-SHA512, with the decoded secret, of the path and SHA-256(nonce + body). Futures: of SHA-256(query +
body + nonce + path without "/derivatives"); the nonce is optional there. Sources: Kraken "Spot REST
Authentication", "Futures REST Authentication".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from urllib.parse import parse_qsl

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Caller, Security

SPOT, FUTURES = "spot", "futures"
SPOT_PATH = "/0/"
HEADERS = {SPOT: ("api-key", "api-sign"), FUTURES: ("apikey", "authent")}
NONCE = "nonce"


def realm(path: str) -> str:
    """Which of the two hosts a path belongs to."""
    return SPOT if path.startswith(SPOT_PATH) else FUTURES


def parameters(raw: Incoming) -> dict[str, str]:
    """Query and form together, or a JSON body; raises Refusal for a name that comes twice."""
    if raw.headers.get("content-type", "").startswith("application/json") and raw.body:
        try:
            found = json.loads(raw.body)
        except ValueError:
            raise Refusal(Reason.BAD_PARAMETER, name="body") from None
        if not isinstance(found, dict):
            raise Refusal(Reason.BAD_PARAMETER, name="body")
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
    pairs = [*parse_qsl(raw.query, keep_blank_values=True), *parse_qsl(raw.body, keep_blank_values=True)]
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise Refusal(Reason.REPEATED_PARAMETER, name=name)
    return dict(pairs)


def signature(secret: str, raw: Incoming, nonce: str) -> str:
    """What the header must hold for the request as it came; raises Refusal for a secret that is no base64."""
    try:
        key = base64.b64decode(secret, validate=True)
    except binascii.Error:
        raise Refusal(Reason.BAD_SIGNATURE) from None
    if realm(raw.path) == SPOT:
        message = raw.path.encode() + hashlib.sha256((nonce + raw.body).encode()).digest()
    else:
        path = raw.path.removeprefix("/derivatives")
        message = hashlib.sha256((raw.query + raw.body + nonce + path).encode()).digest()
    return base64.b64encode(hmac.new(key, message, hashlib.sha512).digest()).decode()


def authenticate(raw: Incoming, params: dict[str, str], venue: Venue, security: Security) -> Caller:
    """The caller of a signed request; raises Refusal for the first thing that is wrong."""
    side = realm(raw.path)
    key_header, sign_header = HEADERS[side]
    found = venue.find_key(raw.headers.get(key_header, ""))
    if found is None or (found[1].realm or SPOT) != side:
        raise Refusal(Reason.BAD_KEY)
    account, key = found
    nonce = params.get(NONCE, "") if side == SPOT else raw.headers.get(NONCE, "")
    if not hmac.compare_digest(signature(key.secret, raw, nonce), raw.headers.get(sign_header, "")):
        raise Refusal(Reason.BAD_SIGNATURE)
    key.check_ip(raw.ip)
    if side == SPOT or nonce:
        if not (nonce.isascii() and nonce.isdigit()):
            raise Refusal(Reason.BAD_NONCE, sent=nonce, last="")
        venue.nonces.rise(key.key, int(nonce))
    if (right := security.right) is not None:
        key.check_right(right)
    return Caller(account, key)
