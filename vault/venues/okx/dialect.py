"""How OKX says no: ``{"code": "58206", "msg": ..., "data": []}``, mostly with HTTP status 200. Pure.

A send counts as refused only by a code of the tables here, which say that nothing was accepted; every
other code, also a new one, leaves it unknown. Source: OKX "Error Code", public and funding classes.
"""

from __future__ import annotations

from typing import Any, Final

from vault.venues.line.outcome import Dialect, Refusal, holds

NO_SUCH_TRANSFER: Final = "58129"  # "{param} is incorrect": there is no transfer of that id
BATCH_CODES: Final = frozenset({"1", "2"})  # the reason stands at the entry

# Key, signature, passphrase, address of the sender, rights.
_KEY: Final = frozenset(
    {"50100", "50101", "50103", "50104", "50105", "50106", "50107", "50110", "50111", "50113", "50114"}
    | {"50035", "50119", "50120", "50121"}
)
_CLOCK: Final = frozenset({"50102", "50112"})
_TOO_MANY: Final = frozenset({"50011", "58102"})
# The form of the request, and an account that may do nothing.
_FORM: Final = frozenset(
    {"50000", "50002", "50006", "50007", "50008", "50014", "50015", "50016", "50024", "50027", "50029"}
    | {"50030", "50041", "50059", "50060", "50062", "50115", "51000"}
)
# 58112 failed, 58120 try again and 58124 is being processed are not here: a transfer may still happen.
_TRANSFER: Final = frozenset(
    {"58003", "58004", "58006", "58008", "58010", "58011", "58015", "58100", "58101", "58103", "58104"}
    | {"58105", "58110", "58111", "58113", "58114", "58115", "58116", "58117", "58119", "58121", "58122"}
    | {"58123", "58125", "58126", "58127", "58128", "58129", "58131", "58132"}
)
_WITHDRAWAL: Final = frozenset(
    {"58013", "58350", *(str(code) for code in range(58200, 58242))} - {"58211", "58215", "58216", "58220"}
)


def _find(answer: Any) -> Refusal | None:
    code = answer["code"]
    if not isinstance(code, str) or code == "0":
        return None
    text = str(answer.get("msg", ""))
    if code in BATCH_CODES and answer.get("data"):
        line = answer["data"][0]
        if isinstance(line.get("sCode"), str) and line["sCode"] not in {"", "0"}:
            return Refusal(line["sCode"], str(line.get("sMsg", text)), _recorded(line))
    return Refusal(code, text, any(_recorded(line) for line in answer.get("data") or ()))


def _recorded(line: Any) -> bool:
    """Whether an entry carries an id of the venue's: what has one was accepted."""
    return any(holds(line.get(name)) for name in ("wdId", "transId"))


DIALECT: Final = Dialect(
    find=_find,
    # Unavailable, timeout, offline, busy, system error, repeated request, id exists, asset interface down.
    uncertain=frozenset(
        {"50001", "50004", "50005", "50013", "50026", "50042", "50071", "58007", "58112", "58120", "58124"}
    ),
    key=_KEY,
    clock=_CLOCK,
    passing=_KEY | _CLOCK | _TOO_MANY,
    pace=_TOO_MANY,
    http_200=True,
    definite=_KEY | _CLOCK | _TOO_MANY | _FORM | _TRANSFER | _WITHDRAWAL,
)
