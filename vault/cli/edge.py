"""The edge between the program and the shell: one answer or one error out, and an exit status.

Data goes to stdout, everything else to stderr. Refuses to print a traceback unless VAULT_DEBUG=1, and
then without the exception's own words, which could hold a secret.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from types import TracebackType

    from vault.errors import VaultError

USAGE_STATUS: Final = 2
INTERRUPTED_STATUS: Final = 130
BROKEN_PIPE_STATUS: Final = 141
UNEXPECTED_STATUS: Final = 70
# For a monitor 2 would be critical: a `check` that was called wrongly knows nothing.
_MONITOR: Final = "check"
_MONITOR_STATUS: Final = 3
# What a terminal would obey instead of show: control characters, and those that turn the direction of
# writing. Texts of venues and devices pass through here too.
_STEERING: Final = (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in _STEERING if code != 10}


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status and raises nothing."""
    from vault.cli.root import cli

    as_json = "--json" in arguments
    out = sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks is spelled out; no answer is lost over it.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = cli.main(args=list(arguments), prog_name="vault", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        return _usage(error, as_json, _usage_status(arguments))
    except click.ClickException as error:
        return _report("usage.refused", USAGE_STATUS, error.format_message(), "", as_json)
    except (click.Abort, KeyboardInterrupt):
        return _report("interrupted.by_user", INTERRUPTED_STATUS, "Interrupted.", "", as_json)
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as stop:
        # click makes 1 of a broken pipe before we see it, and leaves another stdout behind.
        if sys.stdout is not out:
            return _reader_gone()
        return stop.code if isinstance(stop.code, int) else UNEXPECTED_STATUS
    except Exception as error:  # noqa: BLE001 -- the last line of defence before a traceback
        return _failed(error, as_json)
    return status if isinstance(status, int) else 0


def _reader_gone() -> int:
    """Whoever read our output has gone; nothing is left to say, also not at the interpreter's exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE_STATUS


def _failed(error: Exception, as_json: bool) -> int:
    from vault.errors import VaultError

    return report_error(error if isinstance(error, VaultError) else unexpected(error), as_json)


def unexpected(error: Exception) -> VaultError:
    """A fault of the program as an error of its own (``internal.unexpected``), without its own words."""
    from vault.errors import VaultError

    if os.environ.get("VAULT_DEBUG") == "1":
        _show_frames(error.__traceback__)
    where = _innermost(error.__traceback__)
    return VaultError(
        "unexpected",
        f"{type(error).__name__} in {where}: this is a fault of the program, not of what you asked",
        hint="Set VAULT_DEBUG=1 for the stack, and run `vault status` and `vault reconcile` before going on.",
    )


def report_error(error: VaultError, as_json: bool, *, status: int | None = None) -> int:
    """Print an error of the program; returns its exit status (or `status`, where a command has its own)."""
    shown = error.as_json()
    if status is not None:
        shown["exit_status"] = status
    if as_json:
        print_json(shown)
    else:
        _words(error.code, error.message, error.hint)
    return error.exit_status if status is None else status


def _usage_status(arguments: Sequence[str]) -> int:
    named = next((each for each in arguments if not each.startswith("-")), "")
    return _MONITOR_STATUS if named == _MONITOR else USAGE_STATUS


def _usage(error: click.UsageError, as_json: bool, status: int) -> int:
    message = error.format_message()
    if as_json:
        hint = f"Try `{error.ctx.command_path} --help`." if error.ctx else "Try `vault --help`."
        return _report("usage.refused", status, message, hint, as_json)
    error.show()
    return status


def _report(code: str, status: int, message: str, hint: str, as_json: bool) -> int:
    if as_json:
        print_json({"error": code, "exit_status": status, "message": message, "hint": hint, "details": {}})
    else:
        _words(code, message, hint)
    return status


def _words(code: str, message: str, hint: str) -> None:
    say(f"{code}: {message}")
    if hint:
        say(hint)


def print_json(document: object) -> None:
    """One JSON document on stdout; amounts in it are strings already."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def clean(text: str) -> str:
    """Text without control characters: what a venue or a device said must not steer the terminal."""
    return text.translate(_CONTROL)


def say(line: str) -> None:
    """A line for the person at the terminal, on stderr."""
    sys.stderr.write(clean(line) + "\n")
    sys.stderr.flush()


def _show_frames(trace: TracebackType | None) -> None:
    import traceback

    for frame in traceback.extract_tb(trace):
        say(f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}")


def _innermost(trace: TracebackType | None) -> str:
    """Module and line of the last frame of our own code."""
    place = "the program"
    while trace is not None:
        name: Any = trace.tb_frame.f_globals.get("__name__", "")
        if str(name).startswith("vault"):
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
