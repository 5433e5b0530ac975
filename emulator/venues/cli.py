"""`python -m emulator EXCHANGE`: one exchange on loopback until standard input ends or SIGTERM.

Prints one JSON line when it is ready. Without a chain a withdrawal fails and there is no deposit address;
`--paper` puts a chain on paper behind every asset but bitcoin.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from emulator.lifetime import wait_for_end
from emulator.venues.engine.paper_chain import paper_chains
from emulator.venues.serving.exchange import known, load
from emulator.venues.serving.server import VenueServer


def main(argv: Sequence[str]) -> int:
    """Run the exchange that the first argument names; returns 0 when it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m emulator", description=__doc__)
    parser.add_argument("exchange", choices=known())
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 for a free one")
    parser.add_argument("--tick-seconds", type=float, default=None, help="let time work by itself")
    parser.add_argument("--paper", action="store_true", help="chains on paper for all assets but bitcoin")
    parser.add_argument("--forever", action="store_true", help="do not end when standard input ends")
    options = parser.parse_args(argv)
    exchange = load(options.exchange)
    chains = paper_chains(exchange.profile.coins()) if options.paper else {}
    with VenueServer(exchange, chains=chains, port=options.port, tick_seconds=options.tick_seconds) as server:
        sys.stdout.write(json.dumps({options.exchange: server.url, "port": server.port}) + "\n")
        sys.stdout.flush()
        wait_for_end(follow_stdin=not options.forever)
    return 0
