"""`python -m vault.cli.demo.venue_worker`: the venue worker, by the clock of the story."""

from __future__ import annotations

import os
from pathlib import Path

from vault.cli.demo.clock import VARIABLE, StoryClock
from vault.clock import to_milliseconds
from vault.venues import worker


def main() -> None:
    """Serve as the venue worker does."""
    import ccxt

    clock = StoryClock(Path(os.environ[VARIABLE]))
    ccxt.Exchange.milliseconds = staticmethod(lambda: to_milliseconds(clock.now()))
    worker.main(clock)


if __name__ == "__main__":
    main()
