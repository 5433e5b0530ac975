"""How Binance says no: ``{"code": -N, "msg": …}`` with HTTP 4XX. Pure.

Of a send only the codes listed here are the venue's word that nothing was accepted. That it is busy, that
something broke inside, that an id is used (-4111, -4115), that a mail could not be sent again (-4037), that a
withdrawal succeeded (-4030) or a transfer is pending (-5012) may all follow one that took effect. Sources:
Binance "General Information on Endpoints" (5XX: the execution status is unknown), "Error codes" of wallet.
"""

from __future__ import annotations

from typing import Any, Final

from vault.venues.line.outcome import Dialect, Refusal, holds

NO_SUCH_SYMBOL: Final = "-1121"
# Key, signature, address of the sender; too many requests; the request's time.
_KEY: Final = frozenset({"-1002", "-1022", "-1099", "-2008", "-2014", "-2015"})
_PACE: Final = frozenset({"-1003", "-1015", "-4005", "-12014"})
_CLOCK: Final = frozenset({"-1021"})
_UNCERTAIN: Final = frozenset(
    {"-1000", "-1001", "-1004", "-1006", "-1007", "-1008", "-1010", "-1016", "-3000", "-3007", "-3029"}
    | {"-3037", "-3044", "-3045", "-4027", "-4029", "-4030", "-4031", "-4032", "-4037", "-4038", "-4041"}
    | {"-4045", "-4111", "-4115", "-5010", "-5012"}
)
_FORM: Final = frozenset({"-1013", "-1020", "-5000", *(f"-{code}" for code in range(1100, 1200))})
_WITHDRAWAL: Final = frozenset(
    {"-4104"}  # travel rule
    | {f"-{code}" for code in (*range(4001, 4027), 4028, *range(4033, 4037), 4039, 4040, 4044, 4046, 4060)}
)
_TRANSFER: Final = frozenset(
    {"-3001", "-3002", "-3003", "-3004", "-3005", "-3018", "-3019", "-3020", "-3023", "-3026", "-3041"}
    | {"-3043", "-5001", "-5002", "-5003", "-5006", "-5007", "-5011", "-5013", "-5021", "-5022", "-9000"}
)


def _find(answer: Any) -> Refusal | None:
    if not isinstance(answer, dict) or type(answer.get("code")) is not int or answer["code"] >= 0:
        return None
    recorded = holds(answer.get("id")) or holds(answer.get("tranId"))
    return Refusal(str(answer["code"]), str(answer.get("msg", "")), recorded)


DIALECT: Final = Dialect(
    find=_find,
    uncertain=_UNCERTAIN,
    key=_KEY - {"-1099"},
    clock=_CLOCK,
    passing=_KEY | _CLOCK | _PACE,
    pace=frozenset({"-1003"}),
    definite=_KEY | _CLOCK | _PACE | _FORM | _WITHDRAWAL | _TRANSFER,
)
