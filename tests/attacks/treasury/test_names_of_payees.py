"""Names that a report on a PSBT gives to payees: an entry that still cools lends nobody its good name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.attacks.treasury.conftest import START
from tests.support.bitcoin_keys import REGTEST, foreign_script
from vault import clock as clocks
from vault.address import address_of
from vault.clock import ManualClock
from vault.policy.book import AddressBook, Entry
from vault.treasury import authority
from vault.treasury.psbt_exchange import surroundings

COOLING_HOURS = 72


def entry(number: int, hours_old: float, **changes: Any) -> Entry:
    address = address_of(foreign_script(number), REGTEST)
    added = START - timedelta(hours=hours_old)
    made = Entry(
        f"payee-{number}",
        "BTC",
        "bitcoin:regtest",
        address,
        None,
        "cold",
        "cold",
        number,
        None,
        added,
        False,
        None,
    )
    return replace(made, **changes)


def test_an_entry_that_cools_is_named_with_its_state_and_a_retired_one_not_at_all(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = AddressBook(
        2,
        (
            entry(0, 100),
            entry(1, COOLING_HOURS - 1),
            entry(2, 100, retired_at=START - timedelta(hours=1)),
            entry(3, -1),
        ),
    )
    policy = SimpleNamespace(address_book=SimpleNamespace(cooling_hours=COOLING_HOURS))
    monkeypatch.setattr(clocks, "SystemClock", lambda: ManualClock(START))
    monkeypatch.setattr(authority, "load_book", lambda *_: SimpleNamespace(book=book))
    monkeypatch.setattr(authority, "load_policy", lambda *_: SimpleNamespace(policy=policy))
    treasury = bench.desk.treasury
    treasury.config.wallet = ()
    treasury.store_url = f"sqlite:///{tmp_path / 'state' / 'vault.db'}"
    around, note = surroundings(treasury)
    assert not note
    assert [around.names.get(foreign_script(number)) for number in range(4)] == [
        "payee-0",
        "payee-1 (cooling)",
        None,
        "payee-3 (proposed)",
    ]
