"""The venue world of tests/integration/venues, with faults on the wire."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2] / "integration" / "venues" / "conftest.py"
_NAME = "venue_world_for_faults"
_SPEC = importlib.util.spec_from_file_location(_NAME, _SOURCE)
assert _SPEC is not None
assert _SPEC.loader is not None
_world = importlib.util.module_from_spec(_SPEC)
sys.modules[_NAME] = _world  # dataclasses look their module up
_SPEC.loader.exec_module(_world)

keyring_environment = _world.keyring_environment
warm = _world.warm
world = _world.world
