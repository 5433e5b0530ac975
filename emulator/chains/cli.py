"""`python -m emulator bitcoin`: a regtest chain behind Esplora until standard input ends or SIGTERM.

Prints one JSON line with the address of the server when it is ready.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from emulator.chains.chain import START_BLOCKS, BitcoinChain
from emulator.chains.esplora import EsploraServer
from emulator.lifetime import EndSignals


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m emulator bitcoin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 for a free one")
    parser.add_argument(
        "--start-blocks", type=int, default=START_BLOCKS, help="blocks mined before the start"
    )
    parser.add_argument("--forever", action="store_true", help="do not end when standard input ends")
    options = parser.parse_args(argv)
    signals = EndSignals()
    with (
        BitcoinChain(start_blocks=options.start_blocks) as chain,
        EsploraServer(chain, options.port) as server,
    ):
        sys.stdout.write(json.dumps({"esplora": server.url, "height": chain.height}) + "\n")
        sys.stdout.flush()
        signals.wait(follow_stdin=not options.forever)
    return 0
