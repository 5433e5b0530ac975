"""The clock of the story: its days pass between two scenes, and between them it runs as any clock does.

Told to the venue worker through a file in the demo's folder. Never goes back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from vault.files import write_private

VENUE_WORKER: Final = "vault.cli.demo.venue_worker"
# Names the file for it.
VARIABLE: Final = "VAULT_DEMO_CLOCK"
MILLISECOND: Final = timedelta(milliseconds=1)


class StoryClock:
    """The machine's clock, off by what stands in a file (in milliseconds)."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    @contextmanager
    def starting(cls, file: Path, at: datetime) -> Iterator[StoryClock]:
        """A new one, which says `at` now; processes that are started within can follow it."""
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        clock = cls(file)
        clock._set(at - datetime.now(UTC))
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(file)
        try:
            yield clock
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before

    @property
    def offset(self) -> timedelta:
        """How far it is ahead of the machine's clock."""
        return int(self._file.read_text(encoding="ascii")) * MILLISECOND

    def now(self) -> datetime:
        instant = datetime.now(UTC) + self.offset
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def move_to(self, instant: datetime) -> None:
        """Let time pass until `instant`; nothing where it has passed already."""
        if instant > self.now():
            self._set(instant - datetime.now(UTC))

    def _set(self, offset: timedelta) -> None:
        write_private(self._file, b"%d" % -(-offset // MILLISECOND))
