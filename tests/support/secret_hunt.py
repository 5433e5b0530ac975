"""Looks for key material everywhere a program can leave it: files, output, arguments and environments.

A secret is looked for as it is and as base64, hex and in a URL. A hunt that saw no process is no hunt.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

MARK = "VAULT_TEST_RUN"  # a variable that every process of one run inherits
PAUSE_S = 0.05


def spellings(secret: str) -> Iterator[bytes]:
    """The forms in which a secret could lie somewhere."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw[::-1]
    yield quote(secret, safe="").encode()
    for start in range(3):  # base64 of a text that the secret stands in the middle of
        text = base64.b64encode(b"\0" * start + raw)
        yield text[4:-4] if start else text.rstrip(b"=")[:-1]


def found_in(data: bytes, secrets: Iterable[str]) -> list[str]:
    return [secret for secret in secrets if any(form in data for form in spellings(secret))]


def found_in_files(folders: Iterable[Path], secrets: Iterable[str]) -> list[tuple[str, str]]:
    """(file, secret) for every file that holds one; also SQLite's own, also what is not text."""
    wanted = list(secrets)
    return [
        (str(path), secret)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        for secret in found_in(path.read_bytes(), wanted)
    ]


@dataclass
class ProcessWatch:
    """Reads arguments and environments of all processes of a run, again and again, while it lasts."""

    run: str
    seen: dict[int, bytes] = field(default_factory=dict)
    text: set[bytes] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(PAUSE_S):
            self.look()

    def look(self) -> None:
        mark = f"{MARK}={self.run}".encode()
        for place in Path("/proc").iterdir():
            if not place.name.isdecimal():
                continue
            try:
                environ = (place / "environ").read_bytes()
                if mark not in environ:
                    continue
                arguments = (place / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended
            self.seen[int(place.name)] = arguments
            self.text |= {arguments, environ}

    def ran(self, words: str) -> int:
        """How many processes were seen with these words in their arguments."""
        return sum(words.encode() in arguments.replace(b"\0", b" ") for arguments in self.seen.values())

    def found(self, secrets: Iterable[str]) -> list[str]:
        return [secret for secret in secrets for text in self.text if found_in(text, [secret])]
