"""`python -m emulator PART`: starts one part of the outside world, or all of it.

A part is imported only when it is asked for; an unknown one gets the usage text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

PARTS = {
    "device": ("emulator.device.cli", "a Trezor-protocol device on UDP"),
    "binance": ("emulator.venues.cli", "a Binance-shaped exchange on HTTP"),
    "bitcoin": ("emulator.chains.cli", "a Bitcoin regtest behind Esplora's API"),
    "world": ("emulator.world", "all of them together, from a scenario"),
}
EXIT_USAGE = 2


def usage() -> str:
    lines = [f"  {name:<8} {told}" for name, (_, told) in PARTS.items()]
    return "\n".join(["usage: python -m emulator PART [options]", "", "parts:", *lines, ""])


def main(argv: Sequence[str]) -> int:
    """Run a part with the remaining arguments; the usage text and status 2 for an unknown one."""
    if argv and argv[0] in ("-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if not argv or argv[0] not in PARTS:
        sys.stderr.write(usage())
        return EXIT_USAGE
    part = import_module(PARTS[argv[0]][0])
    return cast("Callable[[Sequence[str]], int]", part.main)(argv[1:])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
