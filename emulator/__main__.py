"""`python -m emulator PART`: starts one part of the outside world, or all of it.

A part is imported only when it is asked for; an unknown one gets the usage text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

PARTS = {
    "device": ("emulator.device.cli", "a Trezor-protocol device on UDP"),
    "bitcoin": ("emulator.chains.cli", "a Bitcoin regtest behind Esplora's API"),
    "ethereum": ("emulator.chains.ethereum.cli", "an Ethereum chain behind JSON-RPC"),
    "feeds": ("emulator.feeds.cli", "ETF flows, metals, equities, VIX, stablecoins on HTTP"),
    "world": ("emulator.world", "all of them together, from a scenario"),
}
VENUES = "emulator.venues.cli"
EXIT_USAGE = 2


def exchanges() -> list[str]:
    """The exchanges there are: folders of `emulator.venues` with endpoints."""
    folders = Path(__file__).parent / "venues"
    return sorted(file.parent.name for file in folders.glob("*/endpoints.py"))


def usage() -> str:
    lines = [f"  {name:<8} {told}" for name, (_, told) in PARTS.items()]
    lines += [f"  {name:<8} an exchange on HTTP" for name in exchanges()]
    return "\n".join(["usage: python -m emulator PART [options]", "", "parts:", *lines, ""])


def main(argv: Sequence[str]) -> int:
    """Run a part with the remaining arguments; the usage text and status 2 for an unknown one."""
    if argv and argv[0] in ("-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if argv and argv[0] in exchanges():
        return _run(VENUES, argv)
    if not argv or argv[0] not in PARTS:
        sys.stderr.write(usage())
        return EXIT_USAGE
    return _run(PARTS[argv[0]][0], argv[1:])


def _run(module: str, argv: Sequence[str]) -> int:
    return cast("Callable[[Sequence[str]], int]", import_module(module).main)(argv)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
