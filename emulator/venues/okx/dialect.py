"""How OKX talks: ``code``, ``msg`` and ``data`` around everything, errors mostly with HTTP status 200.

Source: OKX "Error Code", public and funding classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.okx.auth import KEY
from emulator.venues.serving.dialect import HTML_504
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.wire import Json, dumps

# Reason -> (code, text with the refusal's facts, HTTP status).
WORDS: Mapping[Reason, tuple[str, str, int]] = {
    Reason.MISSING_PARAMETER: ("50014", "Parameter {name} can not be empty.", 400),
    Reason.BAD_PARAMETER: ("51000", "Parameter {name} error", 400),
    Reason.REPEATED_PARAMETER: ("51000", "Parameter {name} error", 400),
    Reason.UNKNOWN_PATH: ("404", "Not Found", 404),
    Reason.UNKNOWN_ASSET: ("51000", "Parameter ccy error", 400),
    Reason.UNKNOWN_NETWORK: ("58010", "Chain {network} isn't supported", 200),
    Reason.UNKNOWN_SYMBOL: ("51001", "Instrument ID or Spread ID doesn't exist.", 200),
    Reason.BAD_KEY: ("50111", "Invalid OK-ACCESS-KEY.", 401),
    Reason.BAD_SIGNATURE: ("50113", "Invalid signature.", 401),
    Reason.BAD_PASSPHRASE: ("50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401),
    Reason.BAD_TIMESTAMP: ("50102", "Timestamp request expired.", 401),
    Reason.BAD_NONCE: ("50112", "Invalid OK-ACCESS-TIMESTAMP.", 401),
    Reason.BAD_SESSION: ("50114", "Invalid authorization.", 401),
    Reason.FOREIGN_IP: ("50110", "Your IP {ip} is not included in your API key's IP whitelist.", 401),
    Reason.NO_RIGHT: ("50120", "This API key doesn't have permission to use this function", 200),
    Reason.SUSPENDED: ("58214", "Withdrawals suspended due to {network} maintenance", 200),
    Reason.BELOW_MINIMUM: ("58206", "Withdrawal amount is less than the lower limit.", 200),
    Reason.BELOW_FEE: ("58206", "Withdrawal amount is less than the lower limit.", 200),
    Reason.ABOVE_MAXIMUM: ("58205", "Withdrawal amount exceeds the upper limit.", 200),
    Reason.NOT_A_MULTIPLE: ("51000", "Parameter amt error", 400),
    Reason.BAD_AMOUNT: ("51000", "Parameter amt error", 400),
    Reason.BAD_ADDRESS: ("58222", "Invalid withdrawal address", 200),
    Reason.BAD_TAG: ("58221", 'The toAddr parameter format is incorrect, it should be "address:label".', 200),
    Reason.NOT_WHITELISTED: ("58207", "Withdrawal address isn't on the verified address list.", 200),
    Reason.INSUFFICIENT: ("58350", "Insufficient balance", 200),
    Reason.LOCKED: ("58350", "Insufficient balance", 200),
    Reason.DUPLICATE_CLIENT_ID: ("50071", "clientId already exists", 200),
    Reason.BAD_CLIENT_ID: ("51000", "Parameter clientId error", 400),
    Reason.HELD: ("58219", "You cannot withdraw crypto within 24 hours after a security change.", 200),
    Reason.TRAVEL_RULE: ("58237", "Please provide accurate recipient information (rcvrInfo).", 200),
    Reason.TOO_FREQUENT: ("50011", "Rate limit reached.", 429),
    Reason.NO_ROUTE: ("58123", "The From parameter cannot be the same as the To parameter.", 200),
    Reason.MARGIN: ("58116", "Transfer exceeds the available amount.", 200),
    Reason.TOO_FINE: ("51000", "Parameter amt error", 400),
    Reason.NO_DEPOSITS: ("58014", "Deposits not supported yet, contact customer support", 200),
    Reason.MAINTENANCE: ("50001", "Service temporarily unavailable. Please try again later.", 503),
}


class OkxDialect:
    """A `Dialect`."""

    def api_key(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        return headers.get(KEY)

    def success(self, incoming: Incoming, result: Json) -> Json:
        return {"code": "0", "msg": "", "data": result}

    def worded(self, incoming: Incoming, refusal: Refusal) -> VenueError:
        code, text, status = WORDS[refusal.reason]
        return VenueError(code, text.format_map(refusal.facts), status)

    def failure(self, incoming: Incoming, error: VenueError) -> Answer:
        text = dumps({"code": str(error.code), "msg": error.message, "data": []})
        return Answer(error.status, text, error.code)

    def gateway_timeout(self, incoming: Incoming) -> Answer:
        return HTML_504

    def internal_error(self, incoming: Incoming) -> Answer:
        return self.failure(incoming, VenueError("50026", "System error. Try again later", 500))
