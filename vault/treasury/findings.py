"""One thing that was looked at, and how it stands. `vault doctor` and `vault venue` answer in these.

A failure is one finding: it hides no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vault.errors import VaultError

Verdict = Literal["OK", "WARN", "FAIL", "SKIP"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is the error's, empty when there was none; `exit_status` that of the error's family, else 0."""

    what: str
    verdict: Verdict
    detail: str
    code: str = ""
    hint: str = ""
    exit_status: int = 0


def failure(what: str, error: VaultError) -> Finding:
    """An error as a finding."""
    return Finding(what, "FAIL", error.message, error.code, error.hint, error.exit_status)


def ask(what: str, question: Callable[[], str]) -> Finding:
    """OK with the answer, or the error."""
    try:
        return Finding(what, "OK", question())
    except VaultError as error:
        return failure(what, error)


def skipped(what: str, because: Finding) -> Finding:
    """Not asked, because something before it failed."""
    return Finding(what, "SKIP", f"not asked: {because.code}")
