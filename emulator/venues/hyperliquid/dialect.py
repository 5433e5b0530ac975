"""How Hyperliquid talks: bare answers, ``{"status": "err", "response": TEXT}`` with HTTP 200 for a refusal.

A body that does not parse is answered with plain text and 400 or 422. Sources: Hyperliquid "Exchange
endpoint", "Nonces and API wallets", "Signing"; texts as the venue has been seen to write them.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.dialect import HTML_504
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.routing import Caller, Security
from emulator.venues.serving.wire import Json, dumps

ERR = "err"
NOT_JSON = "Failed to parse the request body as JSON"
NO_TYPE = "Failed to deserialize the JSON body into the target type"
POOR = "Insufficient balance for withdrawal."

WORDS: Mapping[Reason, str] = {
    Reason.UNKNOWN_ASSET: "Unknown token",
    Reason.UNKNOWN_NETWORK: "Unknown token",
    Reason.UNKNOWN_SYMBOL: "Unknown asset",
    Reason.BAD_KEY: "Must deposit before performing actions. User: {address}",
    Reason.BAD_SIGNATURE: "Unable to recover signer.",
    Reason.BAD_NONCE: "Invalid nonce: duplicate nonce {sent}",
    Reason.DUPLICATE_CLIENT_ID: "Invalid nonce: duplicate nonce {client_id}",
    Reason.BELOW_MINIMUM: "Invalid number of decimals",
    Reason.NOT_A_MULTIPLE: "Invalid number of decimals",
    Reason.TOO_FINE: "Invalid number of decimals",
    Reason.BAD_AMOUNT: "Invalid decimal number",
    Reason.BELOW_FEE: POOR,
    Reason.ABOVE_MAXIMUM: POOR,
    Reason.INSUFFICIENT: POOR,
    Reason.LOCKED: POOR,
    Reason.MARGIN: POOR,
    Reason.BAD_ADDRESS: "Invalid destination",
    Reason.SUSPENDED: "Withdrawals are temporarily disabled.",
    Reason.MAINTENANCE: "Cannot process API request while only posting is allowed.",
    Reason.TOO_FREQUENT: "Too many cumulative requests sent",
}
PLAIN: Mapping[Reason, tuple[int, str]] = {
    Reason.MISSING_PARAMETER: (422, NO_TYPE),
    Reason.BAD_PARAMETER: (422, NO_TYPE),
    Reason.REPEATED_PARAMETER: (422, NO_TYPE),
    Reason.UNKNOWN_PATH: (404, "null"),
}
PLAIN_CODES = frozenset({400, 404, 422})


def parameters(raw: Incoming) -> dict[str, str]:
    """None: handlers read the body, which is JSON of any depth."""
    return {}


def authenticate(raw: Incoming, params: dict[str, str], venue: Venue, security: Security) -> Caller:
    """No endpoint has a key: an action's own signature says whose it is."""
    raise Refusal(Reason.BAD_SIGNATURE)


class HyperliquidDialect:
    """A `Dialect`."""

    def api_key(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        return None

    def success(self, incoming: Incoming, result: Json) -> Json:
        return result

    def worded(self, incoming: Incoming, refusal: Refusal) -> VenueError:
        if refusal.reason in PLAIN:
            status, text = PLAIN[refusal.reason]
            return VenueError(status, text, status)
        text = WORDS.get(refusal.reason, "Invalid action")
        return VenueError(ERR, text.format_map(dict(refusal.facts)), 200)

    def failure(self, incoming: Incoming, error: VenueError) -> Answer:
        if error.code in PLAIN_CODES:
            return Answer(error.status, error.message, error.code)
        return Answer(error.status, dumps({"status": ERR, "response": error.message}), error.code)

    def gateway_timeout(self, incoming: Incoming) -> Answer:
        return HTML_504

    def internal_error(self, incoming: Incoming) -> Answer:
        return Answer(500, "null", 500)
