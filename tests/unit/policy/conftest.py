"""Gives the tests of the policy their small treasury."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_world() -> ModuleType:
    name = "policy_world"
    if name not in sys.modules:
        path = Path(__file__).with_name("policy_world.py")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def world() -> ModuleType:
    """The builders of policy_world.py."""
    return load_world()
