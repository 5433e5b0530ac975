"""Every refusal has Binance's own code, and those that clients rely on are the documented ones."""

from __future__ import annotations

from decimal import Decimal

import pytest

from emulator.venues.binance.dialect import CODES, BinanceDialect
from emulator.venues.engine.refusals import Fact, Reason, Refusal
from emulator.venues.serving.messages import Incoming

ASKED = Incoming("POST", "/sapi/v1/capital/withdraw/apply", "", "", "key", "127.0.0.1")
FACTS: dict[str, Fact] = {
    "name": "amount",
    "minimum": Decimal("0.0001"),
    "step": Decimal("1E-8"),
    "locked": Decimal("0.5"),
    "sent": 1,
    "now": 2,
    "path": "/x",
    "method": "GET",
}


@pytest.mark.parametrize("reason", list(Reason))
def test_no_reason_is_without_words(reason: Reason) -> None:
    error = BinanceDialect().worded(ASKED, Refusal(reason, **FACTS))
    assert isinstance(error.code, int)
    assert error.code < 0
    assert "{" not in error.message
    assert BinanceDialect().failure(ASKED, error).status >= 400


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.UNKNOWN_ASSET, -4018),
        (Reason.UNKNOWN_NETWORK, -4019),
        (Reason.SUSPENDED, -4019),
        (Reason.BELOW_MINIMUM, -4022),
        (Reason.NOT_A_MULTIPLE, -4021),
        (Reason.ABOVE_MAXIMUM, -4023),
        (Reason.BELOW_FEE, -4028),
        (Reason.BAD_AMOUNT, -1100),
        (Reason.INSUFFICIENT, -4026),
        (Reason.BAD_ADDRESS, -4033),
        (Reason.NOT_WHITELISTED, -4035),
        (Reason.LOCKED, -4060),
        (Reason.NO_DEPOSITS, -4040),
        (Reason.DUPLICATE_CLIENT_ID, -4115),
        (Reason.TRAVEL_RULE, -4104),
        (Reason.MARGIN, -5013),
        (Reason.NO_ROUTE, -5001),
        (Reason.TOO_FINE, -1111),
    ],
)
def test_a_refusal_carries_the_documented_code(reason: Reason, code: int) -> None:
    assert CODES[reason](FACTS).code == code


def test_numbers_in_a_message_are_plain_digits() -> None:
    assert CODES[Reason.NOT_A_MULTIPLE](FACTS).message.endswith("0.00000001.")


def test_a_timestamp_ahead_and_one_behind_have_different_words() -> None:
    ahead = CODES[Reason.BAD_TIMESTAMP]({"sent": 9, "now": 2}).message
    behind = CODES[Reason.BAD_TIMESTAMP]({"sent": 1, "now": 2}).message
    assert "ahead" in ahead
    assert "recvWindow" in behind
