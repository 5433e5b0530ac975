"""What a failed request means, decided from evidence and not from an exception's name.

For a send the default is UNKNOWN: it is called refused only when the venue itself said so in an answer
that its `Dialect` can read, and unreachable only when no connection was made. A 5XX says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol

from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.venues.line.nesting import too_deep

MAX_MESSAGE: Final = 200  # of a venue's text in an error of ours
MAX_CODE: Final = 80
TOO_MANY: Final = timedelta(seconds=10)  # a breath, where a venue names no time to come back


class RequestEvidence(Protocol):
    """What the transport knows about a request."""

    left: bool
    status: int | None
    body: str | None
    timed_out: bool
    not_connected: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A venue's own error code and text, out of a parsed answer.

    `beside_result`: the same answer also says what was done, so its error is no word that nothing was.
    """

    code: str
    text: str
    beside_result: bool = False


class Halting(NamedTuple):
    """For how long a venue wants no request, unless it names a time itself; and what it said."""

    why: str
    pause: timedelta


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a venue says no.

    `find` gets the parsed body and returns the venue's error, None where the body carries none. Codes in
    `uncertain` say that the venue does not know, or that an earlier request took effect. With `definite`
    only those codes are a refusal of a send, every other is unknown. `passing` codes say nothing about the
    request itself (clock, key, too many requests). `http_200`: errors come with status 200 too. `pace` are
    the codes for too many requests, with whatever status; `bans` are statuses that ban us for a while.
    """

    find: Callable[[Any], Refusal | None]
    uncertain: frozenset[str]
    key: frozenset[str]
    clock: frozenset[str]
    passing: frozenset[str]
    http_200: bool = False
    definite: frozenset[str] | None = None
    pace: frozenset[str] = frozenset()
    bans: Mapping[int, timedelta] = field(default_factory=dict)

    def refusal(self, evidence: RequestEvidence) -> Refusal | None:
        """The venue's error in the answer, None when the answer carries none that can be read."""
        if too_deep(evidence.body or ""):
            return None
        try:
            # A body that names a field twice says two things: it is not read as either of them.
            answer = json.loads(evidence.body or "", object_pairs_hook=_once)
            found = self.find(answer)
        except (ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError):
            return None
        if found is None:
            return None
        text = "".join(char for char in found.text if char.isprintable())
        return replace(found, code=found.code[:MAX_CODE], text=text[:MAX_MESSAGE])

    def refuses(self, refusal: Refusal, status: int | None) -> bool:
        """Whether an answer to a send is the venue's word that nothing was accepted."""
        if refusal.code in self.uncertain or refusal.beside_result or status is None:
            return False
        if not (400 <= status < 500 or (status == 200 and self.http_200)):
            return False
        return self.definite is None or refusal.code in self.definite

    def halt(self, evidence: RequestEvidence) -> Halting | None:
        """The venue's word that it wants no request for a while, where the status alone does not say it."""
        if evidence.status is not None and evidence.status in self.bans:
            return Halting(f"HTTP {evidence.status}", self.bans[evidence.status])
        refusal = self.refusal(evidence) if self.pace else None
        if refusal is None or refusal.code not in self.pace:
            return None
        return Halting(refusal.code, TOO_MANY)


def holds(result: Any) -> bool:
    """Whether anything stands in a part of an answer: a number, true or a text, however deep."""
    if isinstance(result, dict):
        return any(holds(each) for each in result.values())
    if isinstance(result, list):
        return any(holds(each) for each in result)
    return result is not None and result != "" and result is not False


def _once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        raise ValueError("a field twice")
    return found


def read_failure(error: Exception, evidence: RequestEvidence, what: str, dialect: Dialect) -> VaultError:
    """The error of a failed read; nothing at the venue changed because of it."""
    if isinstance(error, VaultError):
        return error
    if (refusal := dialect.refusal(evidence)) is not None:
        return refused(refusal, what, dialect)
    if not evidence.left:
        return _not_sent(error, evidence, what)
    if evidence.timed_out:
        return VenueError("timeout", f"{what}: no answer in time", hint="Try again later.")
    if evidence.status is None:
        return VenueError("dropped", f"{what}: the connection was closed before an answer came")
    return VenueError(
        "bad_answer", f"{what}: expected a JSON answer, found HTTP {evidence.status} ({type(error).__name__})"
    )


def send_failure(error: Exception, evidence: RequestEvidence, what: str, dialect: Dialect) -> VaultError:
    """The error of a failed send: `VenueError` when nothing was accepted, else `OutcomeUnknownError`."""
    if not evidence.left:
        return error if isinstance(error, VaultError) else _not_sent(error, evidence, what)
    refusal = dialect.refusal(evidence)
    if refusal is not None and dialect.refuses(refusal, evidence.status):
        return refused(refusal, what, dialect)
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


def refused(refusal: Refusal, what: str, dialect: Dialect) -> VenueError:
    """The venue's no; ``details["passing"]`` is ``yes`` where the same request may be good a minute later."""
    hint = ""
    if refusal.code in dialect.key:
        hint = "Check the API key, its permissions and its IP list at the venue."
    if refusal.code in dialect.clock:
        hint = "Synchronise this machine's clock."
    details = {"passing": "yes"} if refusal.code in dialect.passing else {}
    return VenueError(
        "refused",
        f"{what}: the venue refused it: {refusal.code} {refusal.text}".rstrip(),
        hint=hint,
        venue_code=refusal.code,
        **details,
    )


def _not_sent(error: Exception, evidence: RequestEvidence, what: str) -> VenueError:
    if not evidence.not_connected:
        return VenueError("not_sent", f"{what}: the request could not be made ({type(error).__name__})")
    return VenueError(
        "unreachable",
        f"{what}: no connection could be made; nothing was sent",
        hint="Check the venue's url and the network.",
    )
