"""Gives the tests of this folder the test keys of tests/support and the forgeries."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

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


@pytest.fixture(scope="session")
def sample(request: pytest.FixtureRequest, bitcoin_keys: ModuleType) -> object:
    return bitcoin_keys.sample_of(request.param)


def _forgeries(which: str) -> dict[str, Any]:
    load(SUPPORT / "bitcoin_keys.py")
    return dict(getattr(load(Path(__file__).with_name(f"forged_{which}.py")), f"FORGED_{which.upper()}"))


@pytest.fixture(scope="session")
def forgeries() -> dict[str, Any]:
    return {**_forgeries("psbts"), **_forgeries("answers")}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test for both kinds of wallet, forgeries only for the kinds they apply to."""
    for argument, which in (("psbt_forgery", "psbts"), ("answer_forgery", "answers")):
        if argument in metafunc.fixturenames:
            cases = [
                pytest.param(kind, forgery, id=f"{kind}-{name}")
                for name, forgery in _forgeries(which).items()
                for kind in forgery.kinds
            ]
            metafunc.parametrize(("sample", argument), cases, indirect=["sample"])
            return
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", ["p2wpkh", "p2tr"], indirect=True)
