"""The venue as a process of its own: one JSON line when ready, gone when its parent's pipe is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from emulator.venues.control.client import VenueControl

START = "import sys; from emulator.venues.cli import main; sys.exit(main(['binance']))"


def test_the_process_prints_its_address_and_ends_with_its_input(repo_root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START], cwd=repo_root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert VenueControl(ready["binance"]).tick() == 1
        _, _ = process.communicate(timeout=20)
    assert process.returncode == 0
