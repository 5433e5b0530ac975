"""`python -m emulator device`: run one device until it is interrupted.

Prints one JSON line when it answers: {"path": "udp:127.0.0.1:N", "control": "http://127.0.0.1:M"}.
The mnemonic comes from a file, never from the command line, where others could read it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from .control import ControlServer
from .personas import PERSONAS
from .server import MODES, DeviceEmulator

EXIT_USAGE = 2


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
    parser.add_argument("--mnemonic-file", type=Path, help="BIP39 words; without it the device has no seed")
    parser.add_argument("--label", default="")
    parser.add_argument("--passphrase-protection", action="store_true")
    return parser


def _read_mnemonic(path: Path) -> str:
    return " ".join(path.read_text(encoding="utf-8").split())


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; 0 after a clean end, 2 when it cannot start."""
    args = _parser().parse_args(argv)
    try:
        device = DeviceEmulator(
            mnemonic=None if args.mnemonic_file is None else _read_mnemonic(args.mnemonic_file),
            persona=args.persona,
            mode=args.mode,
            port=args.port,
            label=args.label,
            passphrase_protection=args.passphrase_protection,
        )
        control = ControlServer(device, args.control_port)
    except (OSError, ValueError, OverflowError) as error:
        sys.stderr.write(f"cannot start the device: {error}\n")
        return EXIT_USAGE
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    with device:
        control.start()
        sys.stdout.write(json.dumps({"path": device.path, "control": control.url}) + "\n")
        sys.stdout.flush()
        ended.wait()
        control.stop()
    return 0
