"""A program on a terminal of its own, with a person who types each answer when its question appears."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60


def at_a_terminal(
    folder: Path,
    arguments: Sequence[str],
    answers: Sequence[tuple[str, Any]],
    *,
    term: str = "dumb",
    ahead: str = "",
) -> tuple[int, str]:
    """Run Python with these arguments; each question is a pattern, looked for since the last answer.

    An answer is text (a line; control characters as they are), or makes it; `ahead` lies in the terminal's
    buffer before anything is asked. Returns exit status and all that was to be seen.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "VAULT_DEBUG": "1", "TERM": term, "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_the_terminal,  # noqa: PLW1509 -- getpass asks at the controlling terminal
    )
    os.close(theirs)
    os.write(ours, ahead.encode())
    seen, since = "", 0
    waiting, deadline = list(answers), time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.05)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                chunk = os.read(ours, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk.decode(errors="replace")
            if waiting and re.search(waiting[0][0], seen[since:]):
                since = len(seen)
                _, answer = waiting.pop(0)
                text = answer() if callable(answer) else answer
                os.write(ours, text.encode() + (b"" if text == "\x03" else b"\n"))
        return process.wait(timeout=10), seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _own_the_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
