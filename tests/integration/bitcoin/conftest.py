"""A regtest chain behind Esplora over real sockets, and test keys of tests/support."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from tests.support import bitcoin_keys as keys
from vault.address import network_of
from vault.bitcoin.backends.esplora import EsploraBackend


@pytest.fixture(scope="session")
def bitcoin_keys() -> ModuleType:
    return keys


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
    return EsploraBackend(server.url, timeout=5, network=network_of("regtest"))


@pytest.fixture(params=["p2wpkh", "p2tr"])
def account(request: pytest.FixtureRequest, bitcoin_keys: ModuleType) -> object:
    """A fresh wallet for each test, so that tests share the chain without meeting."""
    return bitcoin_keys.account_of(request.node.nodeid.encode(), request.param)
