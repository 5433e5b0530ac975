"""What `status` reads of several assets: balances with their asset, idle coins, nonces, plans in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.asset_ledger import VENUE, Ledger, transfer
from vault.codec import encode
from vault.model import AccountFinding, Snapshot, SourceFailure, SpotHolding
from vault.money import USDC, USDT, Amount
from vault.store import records
from vault.treasury import books, observe
from vault.treasury.overview import overview


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path)
    made.held = {
        ("safe", "USDC"): 900_000_000_000,
        ("gas", "ETH"): 10**18,
        (VENUE, "BTC"): 1,
        (VENUE, "USDC"): 5,
    }
    yield made
    made.close()


def keep(ledger: Ledger, seen: Snapshot) -> None:
    with ledger.store.write() as writer:
        records.save_document(writer, "snapshot", encode(seen))


def idle(ledger: Ledger, asset: str) -> SpotHolding:
    amount = Amount.parse("7", {"USDC": USDC, "USDT": USDT}[asset])
    return SpotHolding(VENUE, amount, Amount.zero(amount.asset), ledger.clock.now())


def test_each_balance_is_there_with_its_asset(ledger: Ledger) -> None:
    keep(ledger, ledger.snapshot())
    found = overview(ledger.store, ledger.clock.now())
    assert {(each.name, str(each.confirmed)) for each in found.wallets} == {
        ("safe", "900000.000000 USDC"),
        ("gas", "1.000000000000000000 ETH"),
    }


def test_coins_of_an_asset_that_has_books_are_idle_and_others_are_nobodys_business(ledger: Ledger) -> None:
    books.open_books(ledger.desk, ledger.snapshot())
    both = (idle(ledger, "USDC"), idle(ledger, "USDT"))
    keep(ledger, replace(ledger.snapshot(), spot=both))
    found = overview(ledger.store, ledger.clock.now()).idle
    assert [str(each.free) for each in found] == ["7.000000 USDC"]


def test_what_is_wrong_with_a_nonce_is_kept_and_a_snapshot_of_before_is_still_read(ledger: Ledger) -> None:
    finding = AccountFinding("gas", "ethereum.stuck", "gas: it waits", "0x" + "ab" * 32)
    keep(ledger, replace(ledger.snapshot(), findings=(finding,)))
    assert overview(ledger.store, ledger.clock.now()).findings == (finding,)
    older = encode(ledger.snapshot())
    del older["findings"]
    for wallet in older["wallets"]:
        del wallet["network"], wallet["gas_from"]
    ledger.clock.advance(1)
    with ledger.store.write() as writer:
        records.save_document(writer, "snapshot", older)
    found = overview(ledger.store, ledger.clock.now())
    assert found.findings == ()
    assert {each.network for each in found.wallets} == {""}


def test_a_plan_says_what_a_call_pays_and_what_gas_it_may_cost(ledger: Ledger) -> None:
    ledger.begin(transfer("safe", Amount.parse("50.25", USDC), 7))
    ledger.begin(transfer("hot", None, 8, action="revoke"))
    said = [line for plan in overview(ledger.store, ledger.clock.now()).plans for line in plan.what]
    assert said == [
        "pay safe: 50.250000 USDC to safe-usdc, gas at most 0.001000000000000000 ETH",
        "revoke hot: nothing leaves, gas at most 0.001000000000000000 ETH",
    ]


# -- the snapshot -----------------------------------------------------------------------------------------


def observed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *accounts: Any) -> Snapshot:
    monkeypatch.setattr(observe, "gather", lambda *_: ())
    monkeypatch.setattr(observe, "_account", lambda *_: ledger.snapshot().accounts[0])
    monkeypatch.setattr(
        observe,
        "_spot",
        lambda _desk, _name, asset: idle(ledger, asset) if asset in {"USDC", "USDT"} else None,
    )
    desk = ledger.desk
    desk.treasury.config = SimpleNamespace(
        treasury_id="ours",
        venue=(SimpleNamespace(name=VENUE, exchange="binance", contracts=()),),
        wallet=(),
        account=accounts,
    )
    desk.venues, desk.progress = SimpleNamespace(public=None), lambda _line: None
    return observe.take_snapshot(desk)


def test_without_an_account_nothing_that_reads_a_chain_is_loaded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "vault.treasury.ethereum.observe"
    monkeypatch.delitem(sys.modules, name, raising=False)
    assert observed(ledger, monkeypatch).wallets == ()
    assert name not in sys.modules


def test_accounts_stand_beside_wallets_with_what_failed_and_what_is_wrong(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vault.treasury.ethereum import observe as chains

    finding = AccountFinding("gas", "ethereum.stuck", "gas: it waits", "")
    failure = SourceFailure("wallet:hot", "ethereum.no_answer", "no answer")
    held = ledger.snapshot().wallets
    monkeypatch.setattr(
        chains, "account_balances", lambda _: chains.AccountLook(held, (failure,), (finding,))
    )
    found = observed(ledger, monkeypatch, SimpleNamespace(name="gas"))
    assert (found.wallets, found.findings) == (held, (finding,))
    assert failure in found.failures


def test_a_fault_of_all_chains_is_a_failure_and_no_empty_account(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vault.treasury.ethereum import observe as chains

    def broken(_desk: object) -> chains.AccountLook:
        raise RuntimeError("a fault nobody thought of")

    monkeypatch.setattr(chains, "account_balances", broken)
    found = observed(ledger, monkeypatch, SimpleNamespace(name="gas"))
    assert found.wallets == ()
    assert [each.source for each in found.failures if each.source == "accounts"] == ["accounts"]


def test_spot_wallets_are_read_for_every_asset_that_an_entry_names(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    seen = observed(ledger, monkeypatch)
    assert {each.free.asset.symbol for each in seen.spot} == {"USDC", "USDT"}
    monkeypatch.setattr(observe, "_spot", lambda _desk, _name, asset: asked.append(asset))
    observe.take_snapshot(ledger.desk)
    assert sorted(asked) == ["BTC", "ETH", "USDC", "USDT"]
