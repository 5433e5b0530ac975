"""`python -m emulator device`: run one device until it is interrupted.

Prints one JSON line when it answers: {"path": "udp:127.0.0.1:N", "control": "http://127.0.0.1:M", ...}.
Ends on SIGINT and SIGTERM, and when standard input does if that is a pipe. The mnemonic comes from
a file, never from the command line, where others could read it; a PIN or a passphrase may.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import stat
import sys
import threading
import time
from collections.abc import Sequence

from emulator.lifetime import STANDARD_INPUT, EndSignals

from .control import ControlServer
from .files import UnfitFileError, read_small
from .personas import PERSONAS
from .profile import ProfileError
from .server import MODES, DeviceEmulator
from .stored_values import is_utf8

EXIT_USAGE = 2
EXIT_FAILED = 1
MAX_PORT = 65_535
_STANDARD_OUTPUT = 1
_POLL_MS = 200
_PATHS = ("profile", "mnemonic_file", "pin_file", "passphrase_file")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator device", description="A Trezor-protocol device on two UDP ports."
    )
    parser.add_argument(
        "--persona",
        choices=sorted(PERSONAS),
        default="trezor-core",
        help="make and firmware (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=21324,
        help="wire port N, debuglink is N+1; 0: any free pair (default: %(default)s)",
    )
    parser.add_argument(
        "--control-port",
        type=int,
        default=0,
        help="HTTP control port; 0: any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--mode", choices=MODES, default="scripted", help="who presses the buttons (default: %(default)s)"
    )
    parser.add_argument("--profile", metavar="DIR", help="keep seed, PIN and settings here (a TEST device's)")
    parser.add_argument(
        "--mnemonic-file", metavar="FILE", help="BIP39 words; without it the device has no seed"
    )
    parser.add_argument("--pin", help="PIN of the device, which is locked at the start")
    parser.add_argument("--pin-file", metavar="FILE", help="the same from a file")
    parser.add_argument("--passphrase", help="what is typed when the device asks for a passphrase itself")
    parser.add_argument("--passphrase-file", metavar="FILE", help="the same from a file of one line")
    parser.add_argument("--passphrase-protection", action="store_true", help="ask for a passphrase at all")
    parser.add_argument("--label", help="name of the device")
    return parser


def _text_of(args: argparse.Namespace, name: str) -> str | None:
    """The text of the file an option names, None without it. ValueError names the option."""
    path = getattr(args, name)
    if path is None:
        return None
    option = _option(name)
    try:
        return read_small(path).decode()
    except UnicodeDecodeError:
        raise ValueError(f"{option} {path}: not UTF-8 text: save it as plain text") from None
    except UnfitFileError as error:
        raise ValueError(f"{option} {path}: {error}: name a small text file") from None
    except OSError as error:
        raise ValueError(f"{option} {path}: {error.strerror}: name a file you can read") from None


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _refuse_empty(args: argparse.Namespace) -> None:
    for name in _PATHS:
        path = getattr(args, name)
        if path is not None and (not path or "\0" in path):
            raise ValueError(f"{_option(name)} is empty: name a path, or leave it out")
    if args.pin == "":
        raise ValueError("--pin is empty: leave it out for a device without a PIN")


def _refuse_ports(args: argparse.Namespace) -> None:
    if not 0 <= args.port < MAX_PORT:
        raise ValueError(f"--port {args.port}: choose 1 to {MAX_PORT - 1} (debuglink is the next one), or 0")
    if not 0 <= args.control_port <= MAX_PORT:
        raise ValueError(f"--control-port {args.control_port}: choose 1 to {MAX_PORT}, or 0")
    if args.control_port and args.control_port in (args.port, args.port + 1):
        raise ValueError("--control-port is one of the device's own ports: choose another, or 0")


def _refuse_contradictions(args: argparse.Namespace) -> None:
    """ValueError for options of which one would be ignored."""
    for name in ("pin", "passphrase"):
        if getattr(args, name) is not None and getattr(args, f"{name}_file") is not None:
            raise ValueError(f"--{name} and --{name}-file contradict each other: give one")
    if args.mode == "interactive" and (args.passphrase is not None or args.passphrase_file is not None):
        raise ValueError("--passphrase is typed in modes auto and scripted; in interactive you type it")


def _refuse_no_text(args: argparse.Namespace) -> None:
    """ValueError for bytes on the command line that are no text; their value is not told."""
    for name in ("label", "passphrase", "pin"):
        if not is_utf8(getattr(args, name) or ""):
            raise ValueError(f"--{name} is not valid UTF-8 text")


def _device(args: argparse.Namespace) -> DeviceEmulator:
    for refuse in (_refuse_empty, _refuse_ports, _refuse_contradictions, _refuse_no_text):
        refuse(args)
    words, pin, passphrase = (
        _text_of(args, name) for name in ("mnemonic_file", "pin_file", "passphrase_file")
    )
    typed = args.passphrase if passphrase is None else passphrase.removesuffix("\n").removesuffix("\r")
    try:
        return DeviceEmulator(
            mnemonic=None if words is None else " ".join(words.split()),
            persona=args.persona,
            mode=args.mode,
            port=args.port,
            label=args.label or "",
            passphrase_protection=args.passphrase_protection or typed is not None,
            typed_passphrase=typed or "",
            pin=(args.pin or "") if pin is None else pin.strip(),
            profile=args.profile,
        )
    except ProfileError as error:
        raise ValueError(f"--profile: {error}") from None


def _control(device: DeviceEmulator, port: int) -> ControlServer:
    try:
        return ControlServer(device, port)
    except OSError as error:
        text = f"--control-port {port} cannot be used ({error.strerror}): choose another, or 0"
        raise OSError(text) from None


def _stdin_is_pipe() -> bool:
    try:
        mode = os.fstat(STANDARD_INPUT).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _end_with_input() -> None:
    """Interactive mode reads standard input itself: end when its other end is gone and all is read."""
    poll = select.poll()
    poll.register(STANDARD_INPUT, select.POLLIN)
    while True:
        events = dict(poll.poll(_POLL_MS)).get(STANDARD_INPUT, 0)
        if events & (select.POLLHUP | select.POLLERR) and not events & select.POLLIN:
            _end_this_process()
            return
        if events:
            time.sleep(_POLL_MS / 1000)  # typed ahead; nothing asks yet


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to end; 0 after a clean end, 2 when it cannot start, 1 when the device failed."""
    args = _parser().parse_args(argv)
    if sys.stdout is None:  # what is opened next would be taken for it
        return _failed("cannot start the device: standard output is closed, the ready line goes there")
    ends = EndSignals()
    try:
        device = _device(args)
    except (OSError, ValueError) as error:
        return _failed(f"cannot start the device: {error}", EXIT_USAGE)
    try:
        control = _control(device, args.control_port)
    except OSError as error:
        device.stop()
        return _failed(f"cannot start the device: {error}", EXIT_USAGE)
    device.when_it_dies(_end_this_process)
    with device:
        control.start()
        try:
            return _serve(device, control, args.mode, ends)
        finally:
            control.stop()


def _serve(device: DeviceEmulator, control: ControlServer, mode: str, ends: EndSignals) -> int:
    """Announce the device, and wait for its end."""
    ready = {"path": device.path, "control": control.url, "persona": device.persona, "mode": mode}
    if not _announce(json.dumps(ready)):
        return _failed("the device ends: nobody reads its ready line on standard output")
    is_pipe = _stdin_is_pipe()
    interactive = mode == "interactive"
    if interactive and is_pipe:
        threading.Thread(target=_end_with_input, name="device-input", daemon=True).start()
    ends.wait(follow_stdin=is_pipe and not interactive)
    return 0 if device.alive else _failed("the device ended by an error of its own")


def _announce(line: str) -> bool:
    """Write the ready line; False when nobody can read it."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # what is left is not tried again at exit
        os.dup2(nowhere, _STANDARD_OUTPUT)
        os.close(nowhere)
        return False
    return True


def _end_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _failed(text: str, status: int = EXIT_FAILED) -> int:
    with contextlib.suppress(OSError, AttributeError):  # standard error may be closed, too
        sys.stderr.write(f"{text}\n")
    return status
