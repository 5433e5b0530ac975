"""`python -m vault` and the `vault` command: hands over to the command line and ends with its exit status."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line with the process's arguments; returns the exit status."""
    from vault.cli.edge import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
