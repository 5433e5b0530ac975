"""`python -m emulator binance`: one venue on loopback until standard input ends or SIGTERM.

Prints one JSON line when it is ready. Without a chain a withdrawal fails and there is no deposit address.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from emulator.lifetime import wait_for_end
from emulator.venues.server import BinanceServer


def main(argv: Sequence[str]) -> int:
    """Run a Binance-shaped venue; returns 0 when it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m emulator binance", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 for a free one")
    parser.add_argument("--tick-seconds", type=float, default=None, help="let time work by itself")
    parser.add_argument("--forever", action="store_true", help="do not end when standard input ends")
    options = parser.parse_args(argv)
    with BinanceServer(port=options.port, tick_seconds=options.tick_seconds) as server:
        sys.stdout.write(json.dumps({"binance": server.url, "port": server.port}) + "\n")
        sys.stdout.flush()
        wait_for_end(follow_stdin=not options.forever)
    return 0
