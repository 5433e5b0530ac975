"""A snapshot asks every venue at once: one that hangs with all it was asked holds up nobody else."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import Snapshot
from vault.money import BTC, USDT, Amount
from vault.treasury import observe
from vault.venues.base import SpotBalance

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
HUNG = "account-7"
NAMES = tuple(f"account-{number}" for number in range(12))
SECONDS = 30


class Venues:
    """Answers spot balances; the hung account answers nothing until the gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.hanging = 0
        self.answered = threading.Semaphore(0)

    def _pass(self, name: str) -> None:
        if name == HUNG:
            self.hanging += 1
            self.gate.wait(SECONDS)
            raise VenueError("timeout", f"{name}: no answer in time")

    def public(self, *_: object) -> Any:
        raise AssertionError("markets are read by a stand-in")

    def read_account(self, name: str) -> Any:
        self._pass(name)
        self.answered.release()
        raise VenueError("refused", f"{name}: said at once")

    def spot_balance(self, name: str, asset: str) -> SpotBalance:
        self._pass(name)
        kind = BTC if asset == "BTC" else USDT
        self.answered.release()
        return SpotBalance(asset, Amount.zero(kind), Amount.zero(kind), NOW)


def desk(venues: Venues) -> Any:
    contracts = tuple(f"C{number}" for number in range(40))
    settings = tuple(
        VenueSettings(name=name, exchange="binance", account_uid=name, contracts=contracts) for name in NAMES
    )
    config = SimpleNamespace(treasury_id="t", venue=settings, wallet=(), account=())

    @contextmanager
    def write() -> Any:
        yield None

    return SimpleNamespace(
        treasury=SimpleNamespace(config=config, venue={each.name: each for each in settings}.__getitem__),
        venues=venues,
        clock=ManualClock(NOW),
        progress=lambda _: None,
        store=SimpleNamespace(write=write),
    )


def test_a_venue_that_hangs_with_all_its_calls_takes_no_thread_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venues = Venues()

    def market(_desk: Any, settings: VenueSettings, *_: object) -> None:
        venues._pass(settings.name)
        venues.answered.release()
        raise VenueError("refused", "said at once")

    monkeypatch.setattr(observe, "_market", market)
    monkeypatch.setattr(observe, "_spot_assets", lambda _: dict.fromkeys(NAMES, observe.SPOT_ASSETS))
    monkeypatch.setattr(observe, "gather", lambda *_: ())
    monkeypatch.setattr(observe.records, "save_document", lambda *_: "")
    taken: list[Snapshot] = []
    thread = threading.Thread(target=lambda: taken.append(observe.take_snapshot(desk(venues))))
    thread.start()
    try:
        # All that the eleven others were asked is answered while the twelfth still holds all of its own.
        for _ in range(11 * (1 + 2 + 40)):
            assert venues.answered.acquire(timeout=SECONDS)
        assert venues.hanging > 0
        assert not taken
    finally:
        venues.gate.set()
        thread.join()
    (snapshot,) = taken
    assert {each.account for each in snapshot.spot} == set(NAMES) - {HUNG}
    late = [each.source for each in snapshot.failures if each.code == "venue.timeout"]
    assert len(late) == 43
    assert all(HUNG in source for source in late)
