"""`python -m emulator ethereum`: a chain behind JSON-RPC until standard input ends or SIGTERM.

Prints one JSON line with the address of the server when it is ready.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import prepare
from emulator.chains.ethereum.server import EthereumServer
from emulator.lifetime import EndSignals


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m emulator ethereum", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 for a free one")
    parser.add_argument("--chain-id", type=int, default=1, help="chain id; 42161 has Arbitrum's tokens")
    parser.add_argument("--no-automine", action="store_true", help="blocks only when they are asked for")
    parser.add_argument("--bare", action="store_true", help="without tokens and Safe contracts")
    parser.add_argument("--forever", action="store_true", help="do not end when standard input ends")
    options = parser.parse_args(argv)
    signals = EndSignals()
    chain = EthereumChain(chain_id=options.chain_id, automine=not options.no_automine)
    if not options.bare:
        prepare(chain)
    with EthereumServer(chain, options.port) as server:
        ready = {"ethereum": server.url, "chain_id": chain.chain_id, "height": chain.height}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        signals.wait(follow_stdin=not options.forever)
    return 0
