"""How Kraken talks: ``{"error": [...], "result": ...}`` on the spot host, ``{"result": "success", ...}`` on
the futures host, both with HTTP 200 for a refusal. The account history has no envelope.

Sources: Kraken "Spot REST: Errors", "Futures REST: Errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.kraken.auth import FUTURES, HEADERS, SPOT, realm
from emulator.venues.serving.dialect import HTML_504
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.wire import Json, dumps

TRADING = "/derivatives/"
ARGUMENTS = "EGeneral:Invalid arguments"
# Reason -> (the spot error, the futures error); HTTP status where it is not 200.
WORDS: Mapping[Reason, tuple[str, str]] = {
    Reason.MISSING_PARAMETER: (f"{ARGUMENTS}:{{name}}", "requiredArgumentMissing"),
    Reason.BAD_PARAMETER: (f"{ARGUMENTS}:{{name}}", "invalidArgument: {name}"),
    Reason.REPEATED_PARAMETER: (f"{ARGUMENTS}:{{name}}", "invalidArgument: {name}"),
    Reason.UNKNOWN_PATH: ("EGeneral:Unknown method", "notFound"),
    Reason.UNKNOWN_ASSET: ("EFunding:Unknown asset", "invalidUnit"),
    Reason.UNKNOWN_NETWORK: ("EFunding:No funding method", "invalidUnit"),
    Reason.UNKNOWN_SYMBOL: ("EQuery:Unknown asset pair", "contractNotFound"),
    Reason.BAD_KEY: ("EAPI:Invalid key", "authenticationError"),
    Reason.BAD_SIGNATURE: ("EAPI:Invalid signature", "authenticationError"),
    Reason.BAD_PASSPHRASE: ("EAPI:Invalid signature", "authenticationError"),
    Reason.BAD_TIMESTAMP: ("EAPI:Invalid nonce", "nonceBelowThreshold"),
    Reason.BAD_NONCE: ("EAPI:Invalid nonce", "nonceBelowThreshold"),
    Reason.BAD_SESSION: ("ESession:Invalid session", "authenticationError"),
    Reason.FOREIGN_IP: ("EGeneral:Permission denied", "authenticationError"),
    Reason.NO_RIGHT: ("EGeneral:Permission denied", "authenticationError"),
    Reason.SUSPENDED: ("EFunding:No funding method", "Unavailable"),
    Reason.BELOW_MINIMUM: ("EFunding:Invalid amount", "invalidAmount"),
    Reason.BELOW_FEE: ("EFunding:Invalid amount", "invalidAmount"),
    Reason.ABOVE_MAXIMUM: ("EFunding:Invalid amount", "invalidAmount"),
    Reason.NOT_A_MULTIPLE: (f"{ARGUMENTS}:amount", "invalidAmount"),
    Reason.BAD_AMOUNT: (f"{ARGUMENTS}:amount", "invalidAmount"),
    Reason.BAD_ADDRESS: ("EFunding:Invalid withdrawal address", "invalidArgument: address"),
    Reason.BAD_TAG: ("EFunding:Invalid withdrawal address", "invalidArgument: tag"),
    Reason.NOT_WHITELISTED: ("EFunding:Unknown withdraw key", "invalidArgument: key"),
    Reason.INSUFFICIENT: ("EFunding:Insufficient funds", "insufficientFunds"),
    Reason.LOCKED: ("EFunding:Insufficient funds", "insufficientFunds"),
    Reason.DUPLICATE_CLIENT_ID: (f"{ARGUMENTS}:refid", "invalidArgument: refid"),
    Reason.BAD_CLIENT_ID: (f"{ARGUMENTS}:refid", "invalidArgument: refid"),
    Reason.HELD: ("EGeneral:Permission denied", "authenticationError"),
    Reason.TRAVEL_RULE: ("EGeneral:Permission denied", "authenticationError"),
    Reason.TOO_FREQUENT: ("EAPI:Rate limit exceeded", "apiLimitExceeded"),
    Reason.NO_ROUTE: (f"{ARGUMENTS}:to", "invalidAccount"),
    Reason.MARGIN: ("EFunding:Insufficient funds", "insufficientAvailableFunds"),
    Reason.TOO_FINE: (f"{ARGUMENTS}:amount", "invalidAmount"),
    Reason.NO_DEPOSITS: ("EFunding:No funding method", "Unavailable"),
    Reason.MAINTENANCE: ("EService:Unavailable", "Unavailable"),
}
STATUS: Mapping[Reason, int] = {Reason.UNKNOWN_PATH: 404, Reason.MAINTENANCE: 503}


class KrakenDialect:
    """A `Dialect`."""

    def api_key(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        return headers.get(HEADERS[realm(path)][0])

    def success(self, incoming: Incoming, result: Json) -> Json:
        if realm(incoming.path) == SPOT:
            return {"error": [], "result": result}
        if not incoming.path.startswith(TRADING):
            return result
        return {"result": "success", **cast("Mapping[str, Json]", result)}

    def worded(self, incoming: Incoming, refusal: Refusal) -> VenueError:
        text = WORDS[refusal.reason][realm(incoming.path) == FUTURES]
        words = text.format_map(refusal.facts)
        return VenueError(words, words, STATUS.get(refusal.reason, 200))

    def failure(self, incoming: Incoming, error: VenueError) -> Answer:
        body: Json = {"error": [error.message]}
        if realm(incoming.path) == FUTURES:
            body = {"result": "error", "error": error.message}
        return Answer(error.status, dumps(body), error.code)

    def gateway_timeout(self, incoming: Incoming) -> Answer:
        return HTML_504

    def internal_error(self, incoming: Incoming) -> Answer:
        spot = realm(incoming.path) == SPOT
        words = "EGeneral:Internal error" if spot else "Server Error"
        return self.failure(incoming, VenueError(words, words, 500))
