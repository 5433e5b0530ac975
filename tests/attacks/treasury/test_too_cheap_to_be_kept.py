"""A transaction that every server refuses as too cheap was kept by nobody; every other refusal may lie."""

from __future__ import annotations

from typing import Any

import pytest

from vault.bitcoin.backends.base import TxStatus
from vault.bitcoin.backends.shared import broadcast_refused
from vault.errors import ChainError
from vault.treasury import execute, history

TXID = "ab" * 32
pytestmark = pytest.mark.usefixtures("permitted")


def refused(bench: Any, monkeypatch: pytest.MonkeyPatch, why: str, *, known: bool = False) -> Any:
    """Sent once, refused with these words, and given up."""
    plan = bench.plan(bench.top_up())
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=TXID, raw="00")

    def broadcast(_raw: bytes) -> str:
        raise broadcast_refused("a server", TXID, why)

    monkeypatch.setattr(bench.chain, "test_accept", lambda _raw: None, raising=False)
    monkeypatch.setattr(bench.chain, "broadcast", broadcast, raising=False)
    if known:
        bench.chain.depth[TXID] = 0
    with pytest.raises(ChainError):
        execute.send(bench.desk, plan)
    execute.cancel(bench.desk, plan, "too cheap")
    return plan


def busy(bench: Any) -> frozenset[str]:
    with bench.desk.store.read() as connection:
        return history.in_flight(connection, bench.clock.now())


@pytest.mark.parametrize(
    "why",
    [
        "sendrawtransaction RPC error: -26: min relay fee not met, 77 < 153",
        "mempool min fee not met, 500 < 1200",
        "insufficient fee, rejecting replacement",
        "the transaction was rejected by network rules. dust",
    ],
)
def test_what_no_mempool_kept_holds_no_wallet_up(
    bench: Any, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    refused(bench, monkeypatch, why)
    assert busy(bench) == frozenset()


@pytest.mark.parametrize(
    "why", ["bad-txns-inputs-missingorspent", "txn-mempool-conflict", "no", "mandatory-script", "industry"]
)
def test_every_other_refusal_keeps_the_coins_apart(
    bench: Any, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    refused(bench, monkeypatch, why)
    assert busy(bench) == {"cold", "hedge"}


def test_a_server_that_knows_it_all_the_same_is_not_believed(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(bench, monkeypatch, "min relay fee not met", known=True)
    assert busy(bench) == {"cold", "hedge"}


def test_nor_is_a_chain_that_does_not_answer_then(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_txid: str) -> TxStatus:
        raise ChainError("no_answer", "nothing came")

    monkeypatch.setattr(bench.chain, "transaction_status", silent)
    refused(bench, monkeypatch, "min relay fee not met")
    assert busy(bench) == {"cold", "hedge"}
