"""Ratios measured side by side in one run: `python -m benchmarks` (or `make bench`).

Each pair runs in turn, A B A B …, ten times after a warm-up; the medians and their ratio are printed.
Only ratios are compared with a bound: a single time says more about the machine than about the code.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import command_line
from benchmarks.measure import Bound, report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="counted runs of each command (default 10)")
    arguments = parser.parse_args()
    bounds: list[Bound] = command_line.measure(arguments.runs)
    return report(bounds)


if __name__ == "__main__":
    sys.exit(main())
