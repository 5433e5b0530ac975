"""How Binance words its refusals: `{"code": …, "msg": …}` with its documented codes.

Sources: Binance "Error codes" of spot, USDⓈ-M futures and wallet; a few as the venue was seen to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from emulator.venues.engine.exact import plain
from emulator.venues.engine.refusals import Fact, Reason, Refusal
from emulator.venues.serving.dialect import HTML_504
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.wire import Json, dumps

KEY_HEADER = "x-mbx-apikey"
FORBIDDEN = "Invalid API-key, IP, or permissions for action."
OUTSIDE = "Timestamp for this request is outside of the recvWindow."
AHEAD = "Timestamp for this request was 1000ms ahead of the server's time."
NO_MONEY = "Asset transfer failed: insufficient balance"

Facts = Mapping[str, Fact]


def _number(facts: Facts, name: str) -> str:
    value = facts[name]
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else plain(value)


def _locked(facts: Facts) -> VenueError:
    return VenueError(
        -4060,
        "As your deposit has not reached the required block confirmations, "
        f"we have temporarily locked {_number(facts, 'locked')} asset",
    )


def _timestamp(facts: Facts) -> VenueError:
    return VenueError(-1021, AHEAD if int(facts["sent"]) > int(facts["now"]) else OUTSIDE)


def _fixed(code: int, message: str, status: int = 400) -> Callable[[Facts], VenueError]:
    return lambda facts: VenueError(code, message, status)


def _told(code: int, message: str, status: int = 400) -> Callable[[Facts], VenueError]:
    """`{name}` in the message is a fact of the refusal."""
    return lambda facts: VenueError(
        code, message.format(**{name: _number(facts, name) for name in facts}), status
    )


CODES: Mapping[Reason, Callable[[Facts], VenueError]] = {
    Reason.MISSING_PARAMETER: _told(
        -1102, "Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    ),
    Reason.BAD_PARAMETER: _told(-1100, "Illegal characters found in parameter '{name}'."),
    Reason.REPEATED_PARAMETER: _told(-1101, "Duplicate values for parameter '{name}'."),
    Reason.UNKNOWN_PATH: _told(-5000, "Path {path}, Method {method} is invalid", 404),
    Reason.UNKNOWN_ASSET: _fixed(-4018, "We don't have this asset."),
    Reason.UNKNOWN_NETWORK: _fixed(-4019, "Current asset is not open for withdrawal."),
    Reason.UNKNOWN_SYMBOL: _fixed(-1121, "Invalid symbol."),
    Reason.BAD_KEY: _fixed(-2015, FORBIDDEN, 401),
    Reason.BAD_PASSPHRASE: _fixed(-2015, FORBIDDEN, 401),
    Reason.BAD_SESSION: _fixed(-1125, "This listenKey does not exist."),
    Reason.BAD_NONCE: _fixed(-1021, OUTSIDE),
    Reason.FOREIGN_IP: _fixed(-2015, FORBIDDEN, 401),
    Reason.NO_RIGHT: _fixed(-2015, FORBIDDEN, 401),
    Reason.BAD_SIGNATURE: _fixed(-1022, "Signature for this request is not valid."),
    Reason.BAD_TIMESTAMP: _timestamp,
    Reason.SUSPENDED: _fixed(-4019, "Current asset is not open for withdrawal."),
    Reason.BELOW_MINIMUM: _told(-4022, "Not less than the minimum pick-up quantity {minimum}."),
    Reason.BELOW_FEE: _fixed(-4028, "The amount of withdrawal must be greater than the Commission."),
    Reason.ABOVE_MAXIMUM: _fixed(-4023, "Within 24 hours, the withdrawal exceeds the maximum amount."),
    Reason.NOT_A_MULTIPLE: _told(-4021, "Asset withdrawal must be an integer multiple of {step}."),
    Reason.BAD_AMOUNT: _fixed(-1100, "Illegal characters found in parameter 'amount'."),
    Reason.BAD_ADDRESS: _fixed(-4033, "Illegal address."),
    Reason.BAD_TAG: _fixed(-4008, "Address tag validation is not passed."),
    Reason.NOT_WHITELISTED: _fixed(-4035, "This address is not on the whitelist. Please join and try again."),
    Reason.INSUFFICIENT: _fixed(-4026, "You have insufficient balance."),
    Reason.LOCKED: _locked,
    Reason.DUPLICATE_CLIENT_ID: _fixed(-4115, "clientTranId is duplicated"),
    Reason.BAD_CLIENT_ID: _fixed(-1100, "Illegal characters found in parameter 'withdrawOrderId'."),
    Reason.HELD: _fixed(-4010, "You changed your security settings. Withdrawals are suspended for 24 hours."),
    Reason.TRAVEL_RULE: _fixed(
        -4104, "This withdrawal needs travel rule information. Please use the local entity's endpoint."
    ),
    Reason.TOO_FREQUENT: _fixed(-1003, "Too many requests; current limit was exceeded.", 429),
    Reason.NO_ROUTE: _fixed(-5001, "Don't allow transfer to micro assets."),
    Reason.MARGIN: _fixed(-5013, NO_MONEY),
    Reason.TOO_FINE: _fixed(-1111, "Precision is over the maximum defined for this asset."),
    Reason.NO_DEPOSITS: _fixed(-4040, "This address not charged."),
    Reason.MAINTENANCE: _fixed(
        -1001, "Internal error; unable to process your request. Please try again.", 503
    ),
}


class BinanceDialect:
    """Answers stand bare; errors are an object with `code` and `msg`."""

    def api_key(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        return headers.get(KEY_HEADER)

    def success(self, incoming: Incoming, result: Json) -> Json:
        return result

    def worded(self, incoming: Incoming, refusal: Refusal) -> VenueError:
        return CODES[refusal.reason](refusal.facts)

    def failure(self, incoming: Incoming, error: VenueError) -> Answer:
        return Answer(error.status, dumps({"code": error.code, "msg": error.message}), error.code)

    def gateway_timeout(self, incoming: Incoming) -> Answer:
        return HTML_504

    def internal_error(self, incoming: Incoming) -> Answer:
        error = VenueError(-1000, "An unknown error occured while processing the request.", 500)
        return self.failure(incoming, error)
