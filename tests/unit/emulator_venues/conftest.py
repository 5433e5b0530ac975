"""A venue with a chain in memory behind it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator.venues.binance.profile import PROFILE
from emulator.venues.engine.venue import Venue


def load_fake_chain() -> Any:
    """The FakeChain class, from the file beside this one (test folders are not packages)."""
    path = Path(__file__).with_name("fake_chain.py")
    spec = importlib.util.spec_from_file_location("emulator_venues_fake_chain", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.FakeChain


@pytest.fixture
def chain() -> Any:
    return load_fake_chain()()


@pytest.fixture
def venue(chain: Any) -> Venue:
    made = Venue(PROFILE)
    made.chains["BTC", "BTC"] = chain
    made.clock.fixed_ms = 1_769_817_600_000  # 31 January 2026
    return made
