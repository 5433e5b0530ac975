"""A regtest chain behind Esplora over real sockets, and test keys of tests/support."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from vault.bitcoin.backend import EsploraBackend

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


@pytest.fixture(scope="module")
def server() -> Iterator[EsploraServer]:
    """A chain of its own for each module, behind an Esplora server on a free loopback port."""
    with BitcoinChain() as chain, EsploraServer(chain) as running:
        yield running


@pytest.fixture
def chain(server: EsploraServer) -> Iterator[BitcoinChain]:
    yield server.chain
    server.faults.clear()


@pytest.fixture
def backend(server: EsploraServer) -> EsploraBackend:
    return EsploraBackend(server.url, timeout=5)


@pytest.fixture(params=["p2wpkh", "p2tr"])
def account(request: pytest.FixtureRequest, bitcoin_keys: ModuleType) -> object:
    """A fresh wallet for each test, so that tests share the chain without meeting."""
    return bitcoin_keys.account_of(request.node.nodeid.encode(), request.param)
