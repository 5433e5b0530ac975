"""Kills its own process with SIGKILL at a chosen stop: just before and just after each journaled commit.

Test-only: wraps `Store.write` and the writing of the journal's head from outside. The stop after a commit
lies before the head file is written, the worst moment for it.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vault.store import journal
from vault.store.database import Store, Writer


class Stops:
    """The stops of this process, each by what is written there; the process dies at one of them, or at none.

    A stop is chosen by its name or, as ``#7``, by its number. Its name is stable between runs, as a number
    is not: ``after planned to submitting #2``.
    """

    def __init__(self, at: str, note: Path) -> None:
        self.passed: list[str] = []
        self._at = at
        self._note = note
        self._rows: list[str] = []
        self._seen: Counter[str] = Counter()
        self._armed = False

    def disarm(self) -> None:
        """What comes now is no part of the plan."""
        self._armed = False

    def arm(self) -> None:
        """From now on, every journaled commit of this process has two stops."""
        self._armed = True
        write, journal_row, write_head = Store.write, Writer.journal, journal.write_head_file

        @contextmanager
        def stopping_write(store: Store) -> Iterator[Writer]:
            with write(store) as writer:
                self._rows = []
                yield writer
                if writer.head is not None:
                    self._stop("before")

        def noting_journal(writer: Writer, kind: str, subject: str, body: object) -> None:
            self._rows.append(_label(kind, body))
            journal_row(writer, kind, subject, body)

        def stopping_head(path: Path, value: Any) -> None:
            self._stop("after")
            write_head(path, value)

        Store.write = stopping_write  # type: ignore[method-assign,assignment]
        Writer.journal = noting_journal  # type: ignore[method-assign,assignment]
        journal.write_head_file = stopping_head

    def _stop(self, side: str) -> None:
        if not self._armed:
            return
        what = f"{side} {', '.join(self._rows)}"
        self._seen[what] += 1
        self.passed.append(what if self._seen[what] == 1 else f"{what} #{self._seen[what]}")
        if self._at not in {self.passed[-1], f"#{len(self.passed)}"}:
            return
        with self._note.open("w", encoding="utf-8") as stream:
            json.dump(self.passed, stream)
            stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()


def _label(kind: str, body: object) -> str:
    if kind == "intent_state" and isinstance(body, dict):
        return f"{body['from']} to {body['to']}"
    if kind == "plan_state" and isinstance(body, dict):
        return f"plan {body['state']}"
    return kind
