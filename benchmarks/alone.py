"""Runs one benchmark of devices on its own, beside genuine emulators if some are named."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from benchmarks.measure import Bound, report
from tests.conformance.devices import Spec, parse

Measure = Callable[[int, Sequence[Spec]], list[Bound]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every benchmark of devices can be told."""
    parser.add_argument("--runs", type=int, default=10, help="counted runs (default 10)")
    parser.add_argument(
        "--emulator",
        action="append",
        default=[],
        metavar="KIND=PATH",
        help="a genuine device emulator to measure ours against, e.g. trezor-legacy=PATH",
    )


def specs_of(options: argparse.Namespace) -> list[Spec]:
    """The genuine emulators that were named."""
    return [spec for text in options.emulator for spec in parse(text)]


def run_alone(doc: str | None, measure: Measure) -> int:
    """Parse the options, measure and print; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    options = parser.parse_args()
    return report(measure(options.runs, specs_of(options)))
