"""How Kraken says no: on the spot host a list of texts with HTTP 200, on the futures host a word. Pure.

Of a send only the errors listed here are the venue's word that nothing was accepted: a busy service, an
internal error and whatever is not listed say nothing. Sources: Kraken "Spot REST: Errors", "Futures REST:
Errors".
"""

from __future__ import annotations

from typing import Any, Final

from vault.venues.line.outcome import Dialect, Refusal, holds

_SPOT_KEY: Final = frozenset({"EAPI:Invalid key", "EAPI:Invalid signature", "EGeneral:Permission denied"})
_SPOT_NONCE: Final = frozenset({"EAPI:Invalid nonce"})
_SPOT_PACE: Final = frozenset(
    {
        "EAPI:Rate limit exceeded",
        "EGeneral:Temporary lockout",
        "EGeneral:Too many requests",
    }
)
# All of these are looked at before a withdrawal or a transfer is recorded.
_SPOT_REFUSED: Final = frozenset(
    {
        "EFunding:Unknown withdraw key",
        "EFunding:Invalid amount",
        "EFunding:Insufficient funds",
        "EFunding:Unknown asset",
        "EFunding:No funding method",
        "EFunding:Invalid address",
        "EFunding:Invalid withdrawal address",
        "EFunding:Max fee exceeded",
        "EGeneral:Invalid arguments",
        "EQuery:Unknown asset",
        "ETrade:User Locked",
    }
)
_SPOT_DEFINITE: Final = _SPOT_REFUSED | _SPOT_KEY | _SPOT_NONCE | _SPOT_PACE

_FUTURES_KEY: Final = frozenset({"authenticationError", "accountInactive"})
_FUTURES_NONCE: Final = frozenset({"nonceBelowThreshold", "nonceDuplicate"})
_FUTURES_PACE: Final = frozenset({"apiLimitExceeded"})
_FUTURES_REFUSED: Final = frozenset(
    {
        "insufficientFunds",
        "insufficientAvailableFunds",
        "invalidAccount",
        "invalidAmount",
        "invalidArgument",
        "invalidUnit",
        "requiredArgumentMissing",
        "notFound",
    }
)


def find_spot(answer: Any) -> Refusal | None:
    """The error that leaves most open: one beside a result, then one that says nothing, then the first."""
    errors = [str(each) for each in answer.get("error") or () if not str(each).startswith("W")]
    if not errors:
        return None
    coded = [(":".join(each.split(":")[:2]), each) for each in errors]
    if answer.get("result"):
        return Refusal("error beside a result", errors[0], beside_result=True)
    code, text = next((each for each in coded if each[0] not in _SPOT_DEFINITE), coded[0])
    return Refusal(code, text.removeprefix(code))


def find_futures(answer: Any) -> Refusal | None:
    """``{"result": "error", "error": word}``, or a list of ``errors`` from the history service."""
    listed = answer.get("errors") or ()
    if answer.get("result") != "error" and not listed:
        return None
    text = str(answer.get("error") or (listed[0].get("message") if listed else "") or "unknownError")
    code = text.split(":", maxsplit=1)[0].strip()
    beside = any(holds(answer.get(name)) for name in ("uid", "transfer", "transferId"))
    return Refusal(code, text.removeprefix(code).lstrip(": "), beside)


SPOT: Final = Dialect(
    find=find_spot,
    uncertain=frozenset(),
    key=_SPOT_KEY,
    clock=_SPOT_NONCE,
    passing=_SPOT_KEY | _SPOT_NONCE | _SPOT_PACE,
    pace=_SPOT_PACE,
    http_200=True,
    definite=_SPOT_DEFINITE,
)
FUTURES: Final = Dialect(
    find=find_futures,
    uncertain=frozenset(),
    key=_FUTURES_KEY,
    clock=_FUTURES_NONCE,
    passing=_FUTURES_KEY | _FUTURES_NONCE | _FUTURES_PACE,
    pace=_FUTURES_PACE,
    http_200=True,
    definite=_FUTURES_REFUSED | _FUTURES_KEY | _FUTURES_NONCE | _FUTURES_PACE,
)
