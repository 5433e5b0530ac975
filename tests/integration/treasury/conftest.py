"""The bench of tests/faults/treasury: one world, one venue worker, devices in this process."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    # In front: a dependency installs a package called `tests` of its own.
    sys.path.insert(0, ROOT)

from tests.faults.treasury.conftest import bench, make, session_bench  # noqa: E402

__all__ = ["bench", "make", "session_bench"]
