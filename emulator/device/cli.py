"""`python -m emulator device`: run one device until it is interrupted.

Prints one JSON line when it answers: {"path": "udp:127.0.0.1:N", "control": "http://127.0.0.1:M", ...}.
Ends on SIGINT and SIGTERM, and when standard input does if that is a pipe. The mnemonic comes from
a file, never from the command line, where others could read it; a PIN or a passphrase may.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import stat
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from emulator.lifetime import STANDARD_INPUT, EndSignals

from .control import ControlServer
from .personas import PERSONAS
from .server import MODES, DeviceEmulator

EXIT_USAGE = 2
_POLL_MS = 200


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator device", description="A Trezor-protocol device on two UDP ports."
    )
    parser.add_argument("--persona", choices=sorted(PERSONAS), default="trezor-core")
    parser.add_argument(
        "--port", type=int, default=21324, help="wire port N, debuglink is N+1; 0: any free pair"
    )
    parser.add_argument("--control-port", type=int, default=0, help="HTTP control port; 0: any free one")
    parser.add_argument("--mode", choices=MODES, default="scripted")
    parser.add_argument(
        "--profile", type=Path, metavar="DIR", help="keep seed, PIN and settings here (a TEST device's)"
    )
    parser.add_argument("--mnemonic-file", type=Path, help="BIP39 words; without it the device has no seed")
    parser.add_argument("--pin", help="PIN of the device, which is locked at the start")
    parser.add_argument("--pin-file", type=Path, help="the same from a file")
    parser.add_argument("--passphrase", help="what is typed when the device asks for a passphrase itself")
    parser.add_argument("--passphrase-protection", action="store_true", help="ask for a passphrase at all")
    parser.add_argument("--label", help="name of the device")
    return parser


def _read_words(path: Path) -> str:
    return " ".join(path.read_text(encoding="utf-8").split())


def _refuse_contradictions(args: argparse.Namespace) -> None:
    """ValueError for options of which one would be ignored."""
    if args.pin is not None and args.pin_file is not None:
        raise ValueError("--pin and --pin-file contradict each other: give one")
    if args.pin == "":
        raise ValueError("--pin is empty: leave it out for a device without a PIN")
    if args.mode == "interactive" and args.passphrase is not None:
        raise ValueError("--passphrase is typed in modes auto and scripted; in interactive you type it")
    if args.control_port and args.control_port in (args.port, args.port + 1):
        raise ValueError("--control-port is one of the device's own ports")


def _device(args: argparse.Namespace) -> DeviceEmulator:
    _refuse_contradictions(args)
    pin = args.pin or ""
    if args.pin_file is not None:
        pin = args.pin_file.read_text(encoding="utf-8").strip()
    return DeviceEmulator(
        mnemonic=None if args.mnemonic_file is None else _read_words(args.mnemonic_file),
        persona=args.persona,
        mode=args.mode,
        port=args.port,
        label=args.label or "",
        passphrase_protection=args.passphrase_protection or args.passphrase is not None,
        typed_passphrase=args.passphrase or "",
        pin=pin,
        profile=args.profile,
    )


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
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if events:
            time.sleep(_POLL_MS / 1000)  # typed ahead; nothing asks yet


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to end; 0 after a clean end, 2 when it cannot start."""
    args = _parser().parse_args(argv)
    ends = EndSignals()
    try:
        device = _device(args)
    except (OSError, ValueError, OverflowError) as error:
        return _cannot_start(error)
    try:
        control = ControlServer(device, args.control_port)
    except (OSError, OverflowError) as error:
        device.stop()
        return _cannot_start(error)
    is_pipe = _stdin_is_pipe()
    interactive = args.mode == "interactive"
    with device:
        control.start()
        ready = {"path": device.path, "control": control.url, "persona": device.persona, "mode": args.mode}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        if interactive and is_pipe:
            threading.Thread(target=_end_with_input, name="device-input", daemon=True).start()
        ends.wait(follow_stdin=is_pipe and not interactive)
        control.stop()
    return 0


def _cannot_start(error: Exception) -> int:
    sys.stderr.write(f"cannot start the device: {error}\n")
    return EXIT_USAGE
