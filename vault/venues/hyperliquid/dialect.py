"""How Hyperliquid says no: ``{"status": "err", "response": TEXT}`` with HTTP 200; there are no codes. Pure.

A code is made of the text's beginning. Of a send only those listed as definite are the venue's word that
nothing was accepted: a nonce that was used before may be that of our own earlier attempt. Sources:
Hyperliquid "Exchange endpoint", "Error responses", "Nonces and API wallets".
"""

from __future__ import annotations

from typing import Any, Final

from vault.venues.line.outcome import Dialect, Refusal

# The beginning of a text, lower case -> our name for it.
_WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("invalid nonce: duplicate nonce", "duplicate_nonce"),
    ("invalid nonce: nonce too low", "nonce_too_low"),
    ("invalid nonce: nonce too high", "nonce_too_high"),
    ("nonce mismatch", "nonce_mismatch"),
    ("must deposit before performing actions", "unknown_signer"),
    ("user or api wallet", "unknown_signer"),
    ("l1 error: user or api wallet", "unknown_signer"),
    ("unable to recover signer", "no_signer"),
    ("insufficient balance for withdrawal", "insufficient_balance"),
    ("too many cumulative requests", "too_many_requests"),
)
UNNAMED: Final = "err"
_USED: Final = frozenset({"duplicate_nonce", "nonce_too_low"})
_PACE: Final = frozenset({"too_many_requests"})


def find(answer: Any) -> Refusal | None:
    """The error of a parsed body: ``{"status": "err", "response": …}`` or ``{"error": …}``."""
    if not isinstance(answer, dict):
        return None
    if answer.get("status") == "err":
        text = str(answer.get("response", ""))
        return Refusal(_code(text), text)
    return Refusal("error", str(answer["error"])) if answer.get("error") else None


def _code(text: str) -> str:
    lower = text.lower()
    return next((code for start, code in _WORDS if lower.startswith(start)), UNNAMED)


DIALECT: Final = Dialect(
    find=find,
    uncertain=_USED,
    key=frozenset(),  # there are none
    clock=frozenset({"nonce_too_high"}),
    passing=frozenset({"nonce_too_high"}) | _PACE,
    http_200=True,
    definite=frozenset(code for _, code in _WORDS) - _USED,
    pace=_PACE,
)
