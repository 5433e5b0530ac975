"""How Deribit says no: HTTP 400 with a JSON-RPC ``error`` object. Pure.

Of a send only the codes listed here are the venue's word that nothing was accepted. A general failure
(10001, 13008), "retry" (10040), a settlement or maintenance under way (10041, 11051), an internal error
(11094) and a timeout (13888) say nothing. Source: Deribit "RPC Error Codes".
"""

from __future__ import annotations

from typing import Any, Final

from vault.venues.line.outcome import Dialect, Refusal, holds

NO_SUCH_INDEX: Final = "-32602"
# api_not_enabled, authorization_required, permission_denied, invalid_credentials, unauthorized,
# unavailable_in_subaccount, forbidden.
KEY_CODES: Final = frozenset({"9999", "10000", "11042", "13004", "13009", "13012", "13021"})
RATE_CODES: Final = frozenset({"10028"})
# Parameters, funds, locks, addresses, second factors: all are looked at before a withdrawal is recorded.
_REFUSED: Final = frozenset(
    {
        "-32700", "-32602", "-32601", "-32600", "-32000",
        "10009", "10019", "11029", "11043", "11047", "11049", "11050", "11090", "11091", "11096",
        "12000", "12998", "12999", "13002", "13003", "13010", "13011", "13016", "13025", "13668",
    }
)  # fmt: skip


def find(answer: Any) -> Refusal | None:
    """The error of a parsed body, with the reason that stands beside it."""
    error = answer.get("error")
    if not isinstance(error, dict) or isinstance(error.get("code"), bool):
        return None
    if not isinstance(error.get("code"), (int, str)):
        return None
    data = error.get("data")
    reason = str(data.get("reason", "")) if isinstance(data, dict) else ""
    text = f"{error.get('message', '')} {reason}".strip()
    return Refusal(str(error["code"]), text, holds(answer.get("result")))


DIALECT: Final = Dialect(
    find=find,
    uncertain=frozenset(),
    key=KEY_CODES,
    clock=frozenset(),  # an old timestamp is answered like a wrong secret, with 13004
    passing=KEY_CODES | RATE_CODES,
    pace=RATE_CODES,
    definite=_REFUSED | KEY_CODES | RATE_CODES,
)
