"""How Bybit says no: HTTP 200 with a ``retCode`` other than 0.

Of a send only the codes listed here are the venue's word that nothing was accepted: that a request is a
repetition (10014, 131082, 131214), that it timed out (10000), that something broke (10016, 131001, 131003,
131200, 131201, 131206), that no try is left (131080), that another exchange was asked for its receiver and
said no (131067 to 131073) or that a hot wallet can cancel it (131099) may all follow one that took effect.
HTTP 403 is a ban of our address for ten minutes. Sources: Bybit V5 "Error Codes", "Rate Limit Rules".
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from vault.venues.line.outcome import Dialect, Refusal, holds

KEY_CODES: Final = frozenset({"10003", "10004", "10005", "10007", "10010"})
CLOCK_CODES: Final = frozenset({"10002"})
RATE_CODES: Final = frozenset({"10006", "10018"})
UNCERTAIN_CODES: Final = frozenset(
    {
        "10000",
        "10014",
        "10016",
        "131001",
        "131003",
        *(str(code) for code in range(131067, 131074)),
        "131080",
        "131082",
        "131099",
        "131200",
        "131201",
        "131206",
        "131214",
    }
)
# What is refused for the request's own sake, by ranges of the page's tables.
_DEFINITE: Final = (
    {"10001", "10008", "10009", "10017", "10024", "10027", "10028", "10029", "131002", "131004"}
    | {str(code) for code in range(131065, 131099)}
    | {"131202", "131203", "131204"}
    | {str(code) for code in range(131207, 131214)}
    | {"131215", "131217", "131226", "131227", "131228", "131229", "131231", "131232"}
)


def find(answer: Any) -> Refusal | None:
    """The error of a parsed body."""
    code = answer.get("retCode")
    if isinstance(code, bool) or not isinstance(code, (int, str)) or str(code) == "0":
        return None
    return Refusal(str(code), str(answer.get("retMsg", "")), holds(answer.get("result")))


DIALECT: Final = Dialect(
    find=find,
    uncertain=UNCERTAIN_CODES,
    key=KEY_CODES,
    clock=CLOCK_CODES,
    passing=KEY_CODES | CLOCK_CODES | RATE_CODES,
    pace=RATE_CODES,
    bans={403: timedelta(minutes=10)},
    http_200=True,
    definite=frozenset(_DEFINITE) - UNCERTAIN_CODES | KEY_CODES | CLOCK_CODES | RATE_CODES,
)
