"""Gives the tests of this folder the test keys of tests/support."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SUPPORT = Path(__file__).resolve().parents[2] / "support"


def load(path: Path) -> ModuleType:
    """A helper module by its path, once for the whole run."""
    name = f"vault_tests_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def bitcoin_keys() -> ModuleType:
    return load(SUPPORT / "bitcoin_keys.py")


@pytest.fixture(scope="session", params=["p2wpkh", "p2tr"])
def sample(request: pytest.FixtureRequest, bitcoin_keys: ModuleType) -> object:
    return bitcoin_keys.sample_of(request.param)
