"""Fixtures for dollars and ether at exchanges: the exchanges, a desk, somebody who pays in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.chains.ethereum.deploy import USDC, USDT, mint
from tests.support.ethereum_venues import (
    Payer,
    TokenBench,
    TokenDesk,
    keyring_of_venues,
    token_bench,
    token_desk,
)
from vault.errors import BooksError, VaultError
from vault.treasury import preconditions
from vault.treasury.plan import Plan
from vault.venues.client import VenueClient

Pay = Callable[[int, str], str]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenBench]:
    with keyring_of_venues(tmp_path_factory.mktemp("keyring")), token_bench() as made:
        yield made


@pytest.fixture(scope="module")
def venues(bench: TokenBench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueClient]:
    """One worker for all of them."""
    with token_desk(bench, tmp_path_factory.mktemp("first")) as made:
        yield made.desk.venues


@pytest.fixture
def desk(
    bench: TokenBench, venues: VenueClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TokenDesk]:
    monkeypatch.setattr(preconditions, "check_meanwhile", lambda *_: None)
    bench.chain.automine = True
    with token_desk(bench, tmp_path, venues) as made:
        yield made


@pytest.fixture
def refused(desk: TokenDesk) -> Callable[..., VaultError]:
    def settle(plan: Any, transfer: int = 1, kind: type[VaultError] = BooksError) -> VaultError:
        before = desk.step(plan, transfer)
        with pytest.raises(kind) as caught:
            desk.settle(plan, transfer)
        assert desk.step(plan, transfer).state in {before.state, "accepted"}
        return caught.value

    return settle


@pytest.fixture(scope="module")
def payer(bench: TokenBench) -> Payer:
    """Somebody who pays in the venue's place."""
    made = Payer(bench.chain, "somebody")
    for token in (USDC, USDT):
        mint(bench.chain, token, made.address, 10**12)
    return made


@pytest.fixture
def told(desk: TokenDesk, bench: TokenBench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """A withdrawal from binance whose transaction is what `pay` (units, address) says it is."""

    def make(pay: Pay, asset: str = "USDC", asked: str = "1000", cold: str = "") -> Plan:
        plan = desk.plan("binance", (asset, asked, cold or bench.cold()))
        monkeypatch.setattr(bench.port("binance", asset), "pay", lambda to, units, _tag="": pay(units, to))
        desk.paid(plan, "binance")
        return plan

    return make
