"""How Deribit talks: a JSON-RPC envelope with the microseconds of the answer; errors with HTTP status 400.

Source: Deribit "JSON-RPC", "RPC Error Codes".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from emulator.venues.deribit.auth import credentials
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.dialect import HTML_504
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.wire import Json, dumps

TOOK_US = 191
INVALID = (-32602, "Invalid params")

# Reason -> (code, text, the parameter that is wrong or the reason in the error's data).
WORDS: Mapping[Reason, tuple[int, str, str]] = {
    Reason.MISSING_PARAMETER: (*INVALID, "value required"),
    Reason.BAD_PARAMETER: (*INVALID, "wrong format"),
    Reason.REPEATED_PARAMETER: (*INVALID, "duplicated"),
    Reason.UNKNOWN_PATH: (-32601, "Method not found", ""),
    Reason.UNKNOWN_ASSET: (*INVALID, "invalid currency"),
    Reason.UNKNOWN_NETWORK: (*INVALID, "invalid currency"),
    Reason.UNKNOWN_SYMBOL: (*INVALID, "instrument not found"),
    Reason.BAD_KEY: (13004, "invalid_credentials", ""),
    Reason.BAD_SIGNATURE: (13004, "invalid_credentials", ""),
    Reason.BAD_PASSPHRASE: (13004, "invalid_credentials", ""),
    Reason.BAD_TIMESTAMP: (13004, "invalid_credentials", "timestamp"),
    Reason.BAD_NONCE: (13004, "invalid_credentials", "nonce"),
    Reason.BAD_SESSION: (10000, "authorization_required", ""),
    Reason.FOREIGN_IP: (13009, "unauthorized", "invalid_ip"),
    Reason.NO_RIGHT: (13021, "forbidden", ""),
    Reason.SUSPENDED: (13025, "method_switched_off_by_admin", ""),
    Reason.BELOW_MINIMUM: (*INVALID, "amount too low"),
    Reason.BELOW_FEE: (*INVALID, "amount too low"),
    Reason.ABOVE_MAXIMUM: (*INVALID, "amount too high"),
    Reason.NOT_A_MULTIPLE: (*INVALID, "amount precision"),
    Reason.BAD_AMOUNT: (*INVALID, "amount must be positive"),
    Reason.BAD_ADDRESS: (11090, "invalid_addr", ""),
    Reason.BAD_TAG: (11090, "invalid_addr", "tag"),
    Reason.NOT_WHITELISTED: (11090, "invalid_addr", "not in the address book"),
    Reason.INSUFFICIENT: (10009, "not_enough_funds", ""),
    Reason.LOCKED: (10009, "not_enough_funds", "deposits not confirmed"),
    Reason.DUPLICATE_CLIENT_ID: (*INVALID, "nonce"),
    Reason.BAD_CLIENT_ID: (*INVALID, "nonce"),
    Reason.HELD: (10019, "locked_by_admin", ""),
    Reason.TRAVEL_RULE: (11029, "invalid_arguments", "beneficiary information required"),
    Reason.TOO_FREQUENT: (10028, "too_many_requests", ""),
    Reason.NO_ROUTE: (12100, "transfer_not_allowed", ""),
    Reason.MARGIN: (10009, "not_enough_funds", "margin"),
    Reason.TOO_FINE: (*INVALID, "amount precision"),
    Reason.NO_DEPOSITS: (11095, "disabled_deposit_address_creation", ""),
    Reason.MAINTENANCE: (11051, "system_maintenance", ""),
}
STATUSES: Mapping[Reason, int] = {Reason.TOO_FREQUENT: 429, Reason.MAINTENANCE: 503}


class DeribitError(VenueError):
    """With the ``data`` that stands beside code and message."""

    def __init__(self, code: int, message: str, status: int, data: Mapping[str, Json]) -> None:
        super().__init__(code, message, status)
        self.data = data


def result(venue: Venue, value: Json) -> Json:
    """A handler's result with the venue's time: the frozen one's where a path is frozen."""
    done = venue.clock.now_ms() * 1000
    return {"result": value, "usIn": done - TOOK_US, "usOut": done, "usDiff": TOOK_US}


class DeribitDialect:
    """A `Dialect`."""

    def api_key(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        return credentials(headers).get("id")

    def success(self, incoming: Incoming, result: Json) -> Json:
        return {"jsonrpc": "2.0", **cast("Mapping[str, Json]", result), "testnet": True}

    def worded(self, incoming: Incoming, refusal: Refusal) -> VenueError:
        code, text, reason = WORDS[refusal.reason]
        data: dict[str, Json] = {"reason": reason} if reason else {}
        if "name" in refusal.facts:
            data["param"] = refusal.facts["name"]
        return DeribitError(code, text, STATUSES.get(refusal.reason, 400), data)

    def failure(self, incoming: Incoming, error: VenueError) -> Answer:
        told: dict[str, Json] = {"code": error.code, "message": error.message}
        if isinstance(error, DeribitError) and error.data:
            told["data"] = error.data
        return Answer(error.status, dumps({"jsonrpc": "2.0", "error": told, "testnet": True}), error.code)

    def gateway_timeout(self, incoming: Incoming) -> Answer:
        return HTML_504

    def internal_error(self, incoming: Incoming) -> Answer:
        return self.failure(incoming, VenueError(11094, "internal_server_error", 500))
