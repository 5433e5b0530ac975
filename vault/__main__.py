"""`python -m vault` and the `vault` command: hands over to the command line and ends with its exit status."""

from __future__ import annotations

import gc
import sys
from typing import Final

# Importing makes many objects and no garbage; collecting less often saves a tenth of a short command.
COLLECT_AFTER: Final = 50_000


def main() -> int:
    """Run the command line with the process's arguments; returns the exit status."""
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    from vault.cli.edge import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
