"""A desk on a real store, with a venue and a chain that answer whatever a test tells them to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from tests.support.coin_desk import CoinDesk, make_coin_desk
from vault.address import network_of
from vault.bitcoin.backends.base import TxStatus
from vault.canonical import canonical_json
from vault.clock import ManualClock, to_iso
from vault.codec import encode
from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.store import records
from vault.store.database import Store
from vault.store.records import IntentRow, PlanRow
from vault.treasury import authority, preconditions
from vault.treasury.plan import PLAN_SCHEMA, Move, Payment, Plan, PlanBody, Transfer
from vault.venues.base import (
    InternalTransfer,
    InternalTransferReceipt,
    InternalTransferSearch,
    WithdrawalSearch,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawReceipt,
    WithdrawRequest,
)

START = datetime(2026, 1, 31, 5, tzinfo=UTC)
COLD = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
TXID = "ab" * 32
LAG, WINDOW = timedelta(seconds=60), timedelta(seconds=5)


def btc(units: int) -> Amount:
    return Amount(BTC, units)


@dataclass
class FakeVenue:
    """One venue: what it has recorded shows in its history only once `shown` says so."""

    clock: ManualClock
    skew: timedelta = timedelta()
    moves: list[InternalTransferReceipt] = field(default_factory=list)
    withdrawals: dict[str, WithdrawalStatus] = field(default_factory=dict)
    shown: bool = True
    answers: list[BaseException] = field(default_factory=list)
    lost: bool = False
    network: WithdrawNetwork | None = None
    searched: list[datetime] = field(default_factory=list)

    def public(self, *_: object) -> Any:
        raise VenueError("not_public", "expected no question about markets")

    def now(self) -> datetime:
        return self.clock.now() + self.skew

    def _answer(self) -> None:
        if self.answers:
            raise self.answers.pop(0)

    def record_move(
        self, transfer: InternalTransfer, venue_id: str, **changes: Any
    ) -> InternalTransferReceipt:
        receipt = InternalTransferReceipt(
            venue_id, "confirmed", transfer.source, transfer.destination, transfer.amount, self.now()
        )
        self.moves.append(replace(receipt, **changes))
        return self.moves[-1]

    def transfer_internal(self, venue: str, transfer: InternalTransfer) -> InternalTransferReceipt:
        if self.lost:
            self.record_move(transfer, f"move-{len(self.moves)}")
        self._answer()
        return self.record_move(transfer, f"move-{len(self.moves)}")

    def find_internal_transfer(
        self, venue: str, transfer: InternalTransfer, since: datetime
    ) -> InternalTransferSearch:
        found = tuple(
            move
            for move in sorted(self.moves, key=lambda each: each.at)
            if self.shown
            and move.at >= since
            and (move.source, move.destination, move.amount)
            == (transfer.source, transfer.destination, transfer.amount)
        )
        return InternalTransferSearch(found, self.now(), self.now() - LAG - WINDOW)

    def withdraw(self, venue: str, request: WithdrawRequest) -> WithdrawReceipt:
        if self.lost:
            self.withdrawals[request.client_id] = WithdrawalStatus(
                "processing", "w1", request.client_id, None, "BTC", request.amount - btc(1_000), btc(1_000),
                request.address, "BTC", self.now(), "4",
            )  # fmt: skip
        self._answer()
        return WithdrawReceipt("w1", request.client_id, self.clock.now())

    def search_withdrawal(self, venue: str, request: WithdrawRequest, since: datetime) -> WithdrawalSearch:
        self.searched.append(since)
        found = self.withdrawals.get(request.client_id) if self.shown else None
        if found is not None and found.applied_at < since:
            found = None
        return WithdrawalSearch(found, self.now(), self.now() - LAG - WINDOW)

    def network_info(self, venue: str, asset: str, network: str) -> WithdrawNetwork:
        assert self.network is not None
        return self.network

    def deposit_address(self, venue: str, asset: str, network: str) -> Any:
        return SimpleNamespace(address=COLD, tag="")


@dataclass
class FakeChain:
    """A chain backend that knows the transactions in `depth` (0: mempool)."""

    depth: dict[str, int] = field(default_factory=dict)
    spent: dict[tuple[str, int], str] = field(default_factory=dict)
    tip: int = 1_000

    def transaction_status(self, txid: str) -> TxStatus:
        depth = self.depth.get(txid)
        height = self.tip - depth + 1 if depth else None
        return TxStatus(depth is not None, bool(depth), height, depth or 0)

    def final_status(self, txid: str) -> TxStatus:
        return self.transaction_status(txid)

    def tip_height(self) -> int:
        return self.tip

    def outspend(self, txid: str, vout: int) -> str | None:
        return self.spent.get((txid, vout))


@dataclass
class Bench:
    """Everything a test touches; `desk` is what the treasury's functions are given."""

    desk: Any
    clock: ManualClock
    venue: FakeVenue
    chain: FakeChain

    def transfer(self, number: int = 1, **changes: Any) -> Transfer:
        made = Transfer(
            number=number,
            action="sweep",
            kind="venue_withdrawal",
            source="trading",
            venue_account="trading",
            network="bitcoin:regtest",
            venue_network="BTC",
            payments=(Payment("cold-1", COLD, btc(99_000)),),
            fee=btc(1_000),
            moves=(Move("futures", "spot"),),
        )
        return replace(made, **changes)

    def top_up(self, number: int = 1, **changes: Any) -> Transfer:
        """From cold to the account ``hedge``: a spend, its credit, and the move to margin."""
        facts = {"action": "top_up", "kind": "bitcoin_spend", "source": "cold", "venue_account": "hedge"}
        facts["moves"] = (Move("spot", "futures"),)
        return self.transfer(number, **{**facts, **changes})

    def plan(self, *transfers: Transfer, state: str = "approved") -> Plan:
        now = self.clock.now()
        plan = Plan.of(
            PlanBody(
                PLAN_SCHEMA, "desk", "regtest", now, now + timedelta(minutes=30), "default", 1, "1" * 64, 1,
                "2" * 64, "3" * 64, "4" * 64, 1, (), transfers or (self.transfer(),),
            )
        )  # fmt: skip
        body = canonical_json(encode(plan.body))
        row = PlanRow(plan.plan_id, plan.digest, to_iso(now), to_iso(plan.body.expires_at), state, body)
        with self.desk.store.write() as writer:
            records.save_plan(writer, row)
        return plan

    def walk(self, plan: Plan, transfer: int, kind: str, *states: str, **facts: Any) -> IntentRow:
        """Move a step through states, as earlier commands did."""
        from vault.treasury.steps import ensure_intents

        ensure_intents(self.desk.store, plan)
        for state in states:
            with self.desk.store.write() as writer:
                step = next(
                    each
                    for each in records.intents(writer.connection, plan.plan_id)
                    if (each.transfer, each.kind) == (transfer, kind)
                )
                records.move_intent(writer, step, state, **facts)
        return self.step(plan, transfer, kind)

    def step(self, plan: Plan, transfer: int, kind: str) -> IntentRow:
        with self.desk.store.read() as connection:
            return next(
                each
                for each in records.intents(connection, plan.plan_id)
                if (each.transfer, each.kind) == (transfer, kind)
            )

    def states(self, plan: Plan) -> list[str]:
        with self.desk.store.read() as connection:
            return [step.state for step in records.intents(connection, plan.plan_id)]

    def state(self, plan: Plan) -> str:
        with self.desk.store.read() as connection:
            row = records.find_plan(connection, plan.plan_id)
        assert row is not None
        return row.state


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with opened_bench(tmp_path) as bench:
        yield bench


@pytest.fixture(scope="session")
def open_bench() -> Callable[[Path], AbstractContextManager[Bench]]:
    """For tests that need one after the other."""
    return opened_bench


@contextmanager
def opened_bench(folder: Path) -> Iterator[Bench]:
    clock = ManualClock(START)
    venue, chain = FakeVenue(clock), FakeChain()
    account = SimpleNamespace(max_clock_skew_ms=1000, submit_seconds=5, exchange="binance", product="usdm")
    with Store.open(f"sqlite:///{folder / 'state' / 'vault.db'}", "desk", clock, create=True) as store:
        bitcoin = SimpleNamespace(network="regtest", confirmations=3, reorganisation_blocks=100)
        desk = SimpleNamespace(
            treasury=SimpleNamespace(
                config=SimpleNamespace(bitcoin=bitcoin, treasury_id="desk"), venue=lambda name: account
            ),
            clock=clock,
            store=store,
            venues=venue,
            backend=lambda: chain,
            progress=lambda line: None,
            network=network_of("regtest"),
        )
        yield Bench(desk, clock, venue, chain)


@pytest.fixture
def permitted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Approvals and preconditions hold: these tests are about what is sent, not whether it may be."""
    monkeypatch.setattr(authority, "require_approvals", lambda *arguments: ())
    monkeypatch.setattr(preconditions, "check_transfer", lambda *arguments, **options: None)
    monkeypatch.setattr(preconditions, "check_meanwhile", lambda *arguments: None)
    return lambda: None


@pytest.fixture(scope="module")
def chain_server() -> Iterator[EsploraServer]:
    """A chain for each module, behind Esplora."""
    with BitcoinChain() as chain, EsploraServer(chain) as running:
        yield running


@pytest.fixture
def made(chain_server: EsploraServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CoinDesk]:
    """A treasury of its own for each test: a cold wallet with coins at 0 and 1, its books open."""
    seed = request.node.nodeid.encode()
    found = make_coin_desk(tmp_path / "desk", chain_server, seed, opening=(5_000_000, 80_000))
    yield found
    found.desk.close()
