"""`python -m emulator feeds`: sources of daily values on loopback until standard input ends or SIGTERM.

Prints one JSON line when it is ready.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from emulator.feeds.server import FeedServer
from emulator.feeds.shelf import NAMES
from emulator.lifetime import wait_for_end


def main(argv: Sequence[str]) -> int:
    """Run all sources; returns 0 when it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m emulator feeds", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 for a free one")
    parser.add_argument("--forever", action="store_true", help="do not end when standard input ends")
    options = parser.parse_args(argv)
    with FeedServer(port=options.port) as server:
        sys.stdout.write(json.dumps({"feeds": server.url, "port": server.port, "names": NAMES}) + "\n")
        sys.stdout.flush()
        wait_for_end(follow_stdin=not options.forever)
    return 0
