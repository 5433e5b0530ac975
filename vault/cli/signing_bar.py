"""How far a device is with signing: a bar on stderr where it is a terminal, plain lines where it is not.

Nothing goes to stdout. Nothing is called signed before every signature of the run was checked. Leaving the
block, also by Ctrl-C, takes the bar off the terminal.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final, Self

from vault.cli.edge import say

if TYPE_CHECKING:
    from vault.device.prompt import SigningProgress

_LINES: Final = 10  # a run at most; a log needs no line for each of 500 inputs
_DUMB: Final = frozenset({"", "dumb", "unknown"})


class SigningBar:
    """Hears of a device's signatures (an `OnSigning`)."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._tenths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def __call__(self, progress: SigningProgress) -> None:
        if progress.proven:
            self._clear()
            say(
                f"... signed {progress.inputs} of {progress.inputs} inputs{_run(progress)}, "
                "each signature checked"
            )
        elif sys.stderr.isatty() and os.environ.get("TERM", "") not in _DUMB:
            self._draw(progress)
        else:
            self._tell(progress)

    def _draw(self, progress: SigningProgress) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            console = Console(file=sys.stderr)
            self._bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
            self._task = self._bar.add_task(f"inputs answered{_run(progress)}, not checked yet")
            self._bar.start()
        self._bar.update(self._task, completed=progress.answered, total=progress.inputs)

    def _tell(self, progress: SigningProgress) -> None:
        tenths = progress.answered * _LINES // progress.inputs
        if progress.answered and tenths != self._tenths:
            say(
                f"... the device answered {progress.answered} of {progress.inputs} inputs{_run(progress)}, "
                "not checked yet"
            )
        self._tenths = tenths

    def _clear(self) -> None:
        bar, self._bar, self._tenths = self._bar, None, 0
        if bar is not None:
            bar.stop()


def _run(progress: SigningProgress) -> str:
    return f" (run {progress.run} of {progress.runs})" if progress.runs > 1 else ""
