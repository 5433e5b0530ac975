"""What a failed request means, decided from evidence and not from an exception's name.

For a send the default is UNKNOWN: it is called refused only when the venue itself said so in a parsed
4xx answer, and unreachable only when no connection was made. Sources: Binance "General Information on
Endpoints" (5XX: the execution status is unknown) and "Error codes".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Protocol

from vault.errors import OutcomeUnknownError, VaultError, VenueError

# Codes by which the venue itself says that it does not know, or that an earlier request took effect:
# UNKNOWN, DISCONNECTED, UNEXPECTED_RESP, TIMEOUT, SERVER_BUSY, duplicated client id.
UNCERTAIN_CODES: Final = frozenset({-1000, -1001, -1006, -1007, -1008, -4115})
KEY_CODES: Final = frozenset({-1002, -1022, -2008, -2014, -2015})
TIME_CODES: Final = frozenset({-1021})
MAX_MESSAGE: Final = 200  # of a venue's text in an error of ours


class RequestEvidence(Protocol):
    """What the transport knows about a request."""

    left: bool
    status: int | None
    body: str | None
    timed_out: bool
    not_connected: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A venue's own error code and text, out of a parsed answer."""

    code: int
    text: str


def refusal_of(evidence: RequestEvidence) -> Refusal | None:
    """The venue's error in the answer, None when the answer carries none that can be read."""
    try:
        answer = json.loads(evidence.body or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or type(answer.get("code")) is not int or answer["code"] >= 0:
        return None
    text = "".join(char for char in str(answer.get("msg", "")) if char.isprintable())
    return Refusal(answer["code"], text[:MAX_MESSAGE])


def read_failure(error: Exception, evidence: RequestEvidence, what: str) -> VaultError:
    """The error of a failed read; nothing at the venue changed because of it."""
    if isinstance(error, VaultError):
        return error
    if (refusal := refusal_of(evidence)) is not None:
        return _refused(refusal, what)
    if not evidence.left:
        return _not_sent(error, evidence, what)
    if evidence.timed_out:
        return VenueError("timeout", f"{what}: no answer in time", hint="Try again later.")
    if evidence.status is None:
        return VenueError("dropped", f"{what}: the connection was closed before an answer came")
    return VenueError(
        "bad_answer", f"{what}: expected a JSON answer, found HTTP {evidence.status} ({type(error).__name__})"
    )


def send_failure(error: Exception, evidence: RequestEvidence, what: str) -> VaultError:
    """The error of a failed send: `VenueError` when nothing was accepted, else `OutcomeUnknownError`."""
    if not evidence.left:
        return error if isinstance(error, VaultError) else _not_sent(error, evidence, what)
    refusal = refusal_of(evidence)
    definite = refusal is not None and evidence.status is not None and 400 <= evidence.status < 500
    if refusal is not None and definite and refusal.code not in UNCERTAIN_CODES:
        return _refused(refusal, what)
    if evidence.status is None:
        came = "no answer came in time" if evidence.timed_out else "the connection ended without an answer"
    elif refusal is not None:
        came = f"the venue answered HTTP {evidence.status} with {refusal.code} {refusal.text}"
    else:
        came = f"the answer (HTTP {evidence.status}) cannot be read"
    return OutcomeUnknownError(
        "no_answer",
        f"{what}: it was sent and {came}; it may have happened",
        hint="Run `vault reconcile`. It is never sent again by itself.",
    )


def _refused(refusal: Refusal, what: str) -> VenueError:
    hint = ""
    if refusal.code in KEY_CODES:
        hint = "Check the API key, its permissions and its IP list at the venue."
    if refusal.code in TIME_CODES:
        hint = "Synchronise this machine's clock."
    return VenueError(
        "refused",
        f"{what}: the venue refused it: {refusal.code} {refusal.text}",
        hint=hint,
        venue_code=str(refusal.code),
    )


def _not_sent(error: Exception, evidence: RequestEvidence, what: str) -> VenueError:
    if not evidence.not_connected:
        return VenueError("not_sent", f"{what}: the request could not be made ({type(error).__name__})")
    return VenueError(
        "unreachable",
        f"{what}: no connection could be made; nothing was sent",
        hint="Check the venue's url and the network.",
    )
