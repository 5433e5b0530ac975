"""Gives the tests of this folder the test keys of tests/support."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.support import bitcoin_keys as keys
from vault.bitcoin.scripts import KINDS


@pytest.fixture(scope="session")
def bitcoin_keys() -> ModuleType:
    return keys


@pytest.fixture(scope="session", params=KINDS)
def sample(request: pytest.FixtureRequest, bitcoin_keys: ModuleType) -> object:
    return bitcoin_keys.sample_of(request.param)
