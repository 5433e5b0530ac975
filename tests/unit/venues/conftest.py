"""What was recorded of an exchange; tests that ask for it skip without the recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recorded.fixtures import Recording, fixtures_path


@pytest.fixture
def recording(shared_dir: Path) -> Callable[[str], Recording]:
    def of(exchange: str) -> Recording:
        found = Recording(fixtures_path(shared_dir), exchange)
        if not found.exists:
            pytest.skip(f"no recorded answers of {exchange} at {found.folder}")
        return found

    return of
