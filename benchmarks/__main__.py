"""Ratios measured side by side in one run: `python -m benchmarks` (or `make bench`).

Each pair runs in turn, A B A B …, ten times after a warm-up; the medians and their ratio are printed.
Only ratios are compared with a bound: a single time says more about the machine than about the code.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import (
    bitcoin_wallet,
    cascade,
    command_line,
    device_overhead,
    device_signing,
    ethereum,
    indicators,
    psbt_verify,
    venues,
)
from benchmarks.alone import add_options, specs_of
from benchmarks.measure import Bound, report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    arguments = parser.parse_args()
    genuine = specs_of(arguments)
    bounds: list[Bound] = command_line.measure(arguments.runs)
    bounds += psbt_verify.measure(arguments.runs)
    bounds += bitcoin_wallet.measure(arguments.runs)
    bounds += ethereum.measure(arguments.runs)
    bounds += device_signing.measure(arguments.runs, genuine)
    bounds += device_overhead.measure(arguments.runs, genuine)
    bounds += venues.measure(arguments.runs)
    bounds += cascade.measure(arguments.runs)
    bounds += indicators.measure(arguments.runs)
    return report(bounds)


if __name__ == "__main__":
    sys.exit(main())
