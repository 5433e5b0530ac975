"""What a person waits for: `vault --help` against bare click, `vault status` from a filled store."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.filled_store import fill
from benchmarks.measure import Bound, side_by_side

VAULT = [str(Path(sys.executable).with_name("vault"))]
BARE_CLICK = [sys.executable, "-c", "import click"]


def measure(runs: int) -> list[Bound]:
    """Help and status, each taking turns with an import of click."""
    environment = {**os.environ, "NO_COLOR": "1"}
    helped, click = side_by_side([*VAULT, "--help"], BARE_CLICK, runs, environment)
    with tempfile.TemporaryDirectory() as folder:
        config = fill(Path(folder))
        status, beside = side_by_side(
            [*VAULT, "status", "--config", str(config)], BARE_CLICK, runs, environment
        )
    return [
        Bound(
            "vault --help against python -c 'import click'",
            helped / click,
            1.5,
            "times",
            f"medians of {runs}: {helped * 1000:.0f} ms and {click * 1000:.0f} ms",
        ),
        Bound(
            "vault status from a filled store",
            status * 1000,
            400,
            "ms",
            f"median of {runs}; bare click beside it {beside * 1000:.0f} ms",
        ),
    ]
