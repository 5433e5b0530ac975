"""How Bybit answers: an envelope with ``retCode`` and ``time``, and HTTP 200 for errors too.

Source: Bybit V5 "Integration Guidance" and "Error Codes".
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from emulator.venues.bybit.auth import KEY_HEADER
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.serving.dialect import HTML_504
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.routing import Call
from emulator.venues.serving.wire import Json, dumps

SERVER_ERROR = VenueError(10016, "Server error.", status=200)
WORDS: Mapping[Reason, tuple[int, str]] = {
    Reason.MISSING_PARAMETER: (10001, "params error: {name} is required"),
    Reason.BAD_PARAMETER: (10001, "params error: {name} invalid"),
    Reason.REPEATED_PARAMETER: (10001, "params error: {name} repeated"),
    Reason.UNKNOWN_PATH: (10017, "Route not found."),
    Reason.UNKNOWN_ASSET: (131002, "Parameter error: coin {asset}"),
    Reason.UNKNOWN_NETWORK: (131002, "Parameter error: chain {network}"),
    Reason.UNKNOWN_SYMBOL: (10001, "params error: symbol invalid {symbol}"),
    Reason.BAD_KEY: (10003, "API key is invalid."),
    Reason.BAD_SIGNATURE: (10004, "Error sign, please check your signature generation algorithm."),
    Reason.BAD_PASSPHRASE: (10007, "User authentication failed."),
    Reason.BAD_TIMESTAMP: (
        10002,
        "invalid request, please check your server timestamp or recv_window param. "
        "req_timestamp[{sent}],server_timestamp[{now}]",
    ),
    Reason.BAD_NONCE: (10014, "Invalid duplicate request."),
    Reason.BAD_SESSION: (10007, "User authentication failed."),
    Reason.FOREIGN_IP: (10010, "Unmatched IP, please check your API key's bound IP addresses."),
    Reason.NO_RIGHT: (10005, "Permission denied, please check your API key permissions."),
    Reason.SUSPENDED: (131097, "Withdrawal of this currency has been closed"),
    Reason.BELOW_MINIMUM: (131096, "Withdraw amount does not satify the lower limit or upper limit"),
    Reason.BELOW_FEE: (131096, "Withdraw amount does not satify the lower limit or upper limit"),
    Reason.ABOVE_MAXIMUM: (131096, "Withdraw amount does not satify the lower limit or upper limit"),
    Reason.NOT_A_MULTIPLE: (131002, "Parameter error: amount accuracy"),
    Reason.BAD_AMOUNT: (131002, "Parameter error: amount"),
    Reason.BAD_ADDRESS: (131002, "Parameter error: address"),
    Reason.BAD_TAG: (131002, "Withdraw address chain or destination tag are not equal"),
    Reason.NOT_WHITELISTED: (131093, "The withdrawal address is not in the whitelist"),
    Reason.INSUFFICIENT: (131001, "the available balance is not sufficient to cover the handling fee"),
    Reason.LOCKED: (131085, "Withdrawal amount is greater than your availale balance"),
    Reason.DUPLICATE_CLIENT_ID: (131082, "Do not repeat the request"),
    Reason.BAD_CLIENT_ID: (131002, "Parameter error: requestId"),
    Reason.HELD: (131089, "User sensitive operation, withdrawal is prohibited within 24 hours"),
    Reason.TRAVEL_RULE: (
        131068,
        "Travel rule information is insufficient, please provide additional details.",
    ),
    Reason.TOO_FREQUENT: (10006, "Too many visits. Exceeded the API Rate Limit."),
    Reason.NO_ROUTE: (131208, "Forbid transfer"),
    Reason.MARGIN: (131086, "Withdrawal amount exceeds risk limit"),
    Reason.TOO_FINE: (131210, "Amount accuracy error"),
    Reason.NO_DEPOSITS: (131002, "Parameter error: deposits of {asset} on {network} are closed"),
    Reason.MAINTENANCE: (SERVER_ERROR.code, SERVER_ERROR.message),  # type: ignore[dict-item]
}
# The same reasons in the words of transfers between wallets.
TRANSFER_WORDS: Mapping[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT: (131212, "Insufficient balance"),
    Reason.MARGIN: (131212, "Insufficient balance"),
    Reason.BAD_AMOUNT: (131215, "Amount error"),
    Reason.UNKNOWN_ASSET: (131203, "Request parameter error"),
}


class BybitDialect:
    """`serving.dialect.Dialect` of Bybit V5. Handlers return `answered(call, result)`."""

    def api_key(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        return headers.get(KEY_HEADER)

    def success(self, incoming: Incoming, result: Json) -> Json:
        return {"retCode": 0, "retMsg": "OK", **_mapping(result), "retExtInfo": {}}

    def worded(self, incoming: Incoming, refusal: Refusal) -> VenueError:
        transfer = TRANSFER_WORDS.get(refusal.reason) if "/transfer/" in incoming.path else None
        code, words = transfer or WORDS[refusal.reason]
        facts = {**dict.fromkeys(("name", "asset", "network", "symbol", "sent", "now"), ""), **refusal.facts}
        status = 404 if refusal.reason is Reason.UNKNOWN_PATH else 200
        return VenueError(code, words.format(**facts), status=status)

    def failure(self, incoming: Incoming, error: VenueError) -> Answer:
        body: Json = {
            "retCode": error.code,
            "retMsg": error.message,
            "result": {},
            "retExtInfo": {},
            "time": time.time_ns() // 1_000_000,
        }
        return Answer(error.status, dumps(body), error.code)

    def gateway_timeout(self, incoming: Incoming) -> Answer:
        return HTML_504

    def internal_error(self, incoming: Incoming) -> Answer:
        return self.failure(incoming, SERVER_ERROR)


def answered(call: Call, result: Json) -> Json:
    """What a handler returns: the result and the venue's time."""
    return {"result": result, "time": call.venue.clock.now_ms()}


def _mapping(result: Json) -> Mapping[str, Json]:
    if not isinstance(result, Mapping):
        raise TypeError("expected a handler to return answered(call, result)")
    return result
