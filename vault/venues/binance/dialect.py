"""How Binance says no: ``{"code": -N, "msg": …}`` with HTTP 4XX. Pure.

Sources: Binance "General Information on Endpoints" (5XX: the execution status is unknown), "Error codes".
"""

from __future__ import annotations

from typing import Any, Final

from vault.venues.line.outcome import Dialect, Refusal, holds

NO_SUCH_SYMBOL: Final = "-1121"


def _find(answer: Any) -> Refusal | None:
    if not isinstance(answer, dict) or type(answer.get("code")) is not int or answer["code"] >= 0:
        return None
    recorded = holds(answer.get("id")) or holds(answer.get("tranId"))
    return Refusal(str(answer["code"]), str(answer.get("msg", "")), recorded)


DIALECT: Final = Dialect(
    find=_find,
    # UNKNOWN, DISCONNECTED, UNEXPECTED_RESP, TIMEOUT, SERVER_BUSY, duplicated client id: the venue itself
    # does not know, or an earlier request took effect.
    uncertain=frozenset({"-1000", "-1001", "-1006", "-1007", "-1008", "-4115"}),
    key=frozenset({"-1002", "-1022", "-2008", "-2014", "-2015"}),
    clock=frozenset({"-1021"}),
    # Too many requests, the request's time, key or signature.
    passing=frozenset({"-1002", "-1003", "-1015", "-1021", "-1022", "-2008", "-2014", "-2015"}),
)
