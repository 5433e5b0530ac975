"""A withdrawal step at an on-chain venue from end to end: signed on a device, posted, paid, found, final."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import ARBITRUM_USDC, mint, prepare, token_balance
from emulator.chains.ethereum.server import EthereumServer
from emulator.device.server import DeviceEmulator
from emulator.venues.hyperliquid.bridge import BridgePort, place_bridge
from emulator.venues.hyperliquid.profile import BRIDGE
from tests.faults.treasury.bench import ShiftedClock
from tests.support.hyperliquid_world import ACCOUNT, COLD, HyperliquidWorld, hyperliquid_world
from vault.canonical import canonical_json
from vault.clock import SystemClock, to_iso
from vault.codec import encode
from vault.config import load_treasury
from vault.errors import ConfigError, EthereumError, OutcomeUnknownError, VaultError
from vault.money import USDC, Amount
from vault.store import records
from vault.store.database import Store
from vault.store.records import IntentRow, PlanRow
from vault.treasury import execute, preconditions, settle_withdrawal
from vault.treasury.desk import Desk
from vault.treasury.ethereum import hyperliquid
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer
from vault.treasury.steps import ensure_intents

MNEMONIC = "all all all all all all all all all all all all"
OWNER = "0x73d0385F4d8E00C5e6504C6030F47BF6212736A8"
DEPTH = 3
NET = Amount.parse("24999.5", USDC)
FEE = Amount.parse("1", USDC)
TRANSFER = Transfer(
    number=1,
    action="sweep",
    kind="venue_withdrawal",
    source=ACCOUNT,
    venue_account=ACCOUNT,
    network="eip155:42161",
    venue_network="Arbitrum",
    payments=(Payment("cold-1", COLD, NET),),
    fee=FEE,
    fee_rule="included",
)
_CONFIG = """\
schema = 1
treasury_id = "onchain"
emulated = true

[bitcoin]
network = "regtest"
esplora = "http://127.0.0.1:9"

[[chain]]
name = "arbitrum"
id = 42161
rpc = "{rpc}"
confirmations = {depth}

[[device]]
name = "hand"
kind = "trezor"
path = "{path}"
root_fingerprint = "{fingerprint}"
timeout_seconds = 20

[[account]]
name = "trading"
role = "staging"
chain = "arbitrum"
address = "{owner}"
device = "hand"
path = "m/44'/60'/0'/0/0"

[[venue]]
name = "{account}"
exchange = "hyperliquid"
account_uid = "{uid}"
url = "{url}"
history_lag_seconds = 0
"""


@dataclass
class _Venues:
    """The venue worker's answers, without a process."""

    world: HyperliquidWorld

    def withdraw(self, _: str, request: Any) -> Any:
        return self.world.withdraw(request)

    def search_withdrawal(self, _: str, request: Any, since: Any) -> Any:
        return self.world.search(request)


@dataclass
class Case:
    world: HyperliquidWorld
    chain: EthereumChain
    desk: Desk
    plan: Plan

    def step(self) -> IntentRow:
        with self.desk.store.read() as connection:
            (row,) = records.intents(connection, self.plan.plan_id)
        return row

    def sign(self) -> IntentRow:
        with self.desk.device("hand") as session:
            facts = hyperliquid.sign_withdrawal(self.desk, TRANSFER, session)
        with self.desk.store.write() as writer:
            row = records.move_intent(writer, self.step(), "signing")
            return records.move_intent(writer, row, "signed", **facts)

    def send(self) -> IntentRow:
        execute._send_withdrawal(self.desk, self.plan, TRANSFER, self.step())
        return self.step()

    def settle(self) -> IntentRow:
        return settle_withdrawal.settle_withdrawal(self.desk, TRANSFER, self.step())


@contextmanager
def opened(folder: Path, persona: str = "trezor-core", uid: str = OWNER) -> Iterator[Case]:
    chain = EthereumChain(chain_id=42161)
    prepare(chain)
    place_bridge(chain)
    mint(chain, ARBITRUM_USDC, BRIDGE, 10**12)
    with ExitStack() as stack:
        node = stack.enter_context(EthereumServer(chain))
        world = stack.enter_context(hyperliquid_world(BridgePort(chain), OWNER))
        device = stack.enter_context(DeviceEmulator(mnemonic=MNEMONIC, persona=persona, mode="auto"))
        facts = {
            "rpc": node.url, "depth": DEPTH, "path": device.path, "fingerprint": device.root_fingerprint,
            "owner": OWNER, "account": ACCOUNT, "uid": uid, "url": world.server.url,
        }  # fmt: skip
        (folder / "treasury.toml").write_text(_CONFIG.format(**facts), encoding="utf-8")
        treasury = load_treasury(folder / "treasury.toml")
        Store.open(treasury.store_url, "onchain", SystemClock(), create=True).close()
        desk = stack.enter_context(Desk(treasury, clock=ShiftedClock()))
        desk._venues = _Venues(world)  # type: ignore[assignment]
        yield Case(world, chain, desk, _recorded(desk))


def _recorded(desk: Desk) -> Plan:
    now = desk.clock.now()
    plan = Plan.of(
        PlanBody(
            PLAN_SCHEMA, "onchain", "regtest", now, now + timedelta(minutes=30), "default",
            1, "1" * 64, 1, "2" * 64, "3" * 64, "4" * 64, 1, (), (TRANSFER,),
        )
    )  # fmt: skip
    body = canonical_json(encode(plan.body))
    row = PlanRow(plan.plan_id, plan.digest, to_iso(now), to_iso(plan.body.expires_at), "sending", body)
    with desk.store.write() as writer:
        records.save_plan(writer, row)
    ensure_intents(desk.store, plan)
    return plan


@pytest.fixture(autouse=True)
def no_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a policy allows is not the question here."""
    monkeypatch.setattr(preconditions, "check_meanwhile", lambda *_: None)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with opened(tmp_path) as made:
        yield made


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(VaultError) as caught:
        call(*arguments)
    return caught.value.code


def test_a_sweep_is_signed_posted_paid_and_final_to_the_base_unit(case: Case) -> None:
    assert hyperliquid.needs_device(case.desk, TRANSFER)
    case.sign()
    assert case.send().state == "accepted"
    assert case.settle().state == "accepted"  # the ledger does not have it yet
    case.world.control.tick(3)
    case.chain.mine(DEPTH)
    row = case.settle()
    assert row.state == "done"
    assert token_balance(case.chain, ARBITRUM_USDC, COLD) == NET.units
    found = case.chain.find(row.reference)
    assert found is not None
    assert row.facts["venue_id"] == row.facts[hyperliquid.NONCE]


def test_without_a_signature_nothing_is_posted(case: Case) -> None:
    assert code_of(case.send) == "ethereum.not_signed"
    assert case.world.posts() == []


def test_an_answer_that_got_lost_is_settled_by_the_chain_and_never_signed_again(case: Case) -> None:
    case.sign()
    case.world.control.fault("504_after_recording", "/exchange")
    with pytest.raises(OutcomeUnknownError):
        case.send()
    assert case.step().state == "unknown"
    assert case.settle().state == "unknown"
    case.world.control.tick(3)
    case.chain.mine(DEPTH)
    assert case.settle().state == "done"
    assert len(case.world.posts()) == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("destination", OWNER.lower(), "ethereum.altered_action"),
        ("amount", "90000", "ethereum.altered_action"),
        ("signatureChainId", "0x1", "ethereum.altered_action"),
        ("type", "usdSend", "ethereum.unknown_action"),
    ],
)
def test_a_signed_action_altered_in_the_store_is_not_posted(
    case: Case, field: str, value: str, code: str
) -> None:
    facts = case.sign().facts
    said = json.loads(facts[hyperliquid.SIGNED_ACTION])
    said["action"][field] = value
    evil = {**facts, hyperliquid.SIGNED_ACTION: canonical_json(said)}
    assert code_of(hyperliquid.signed_withdrawal, case.desk, TRANSFER, evil) == code


def test_the_signed_action_of_another_plan_is_not_this_ones(case: Case) -> None:
    facts = case.sign().facts
    other = replace(TRANSFER, payments=(replace(TRANSFER.payment, amount=Amount.parse("5", USDC)),))
    assert code_of(hyperliquid.signed_withdrawal, case.desk, other, facts) == "ethereum.altered_action"
    moved = {**facts, hyperliquid.NONCE: str(int(facts[hyperliquid.NONCE]) + 1)}
    assert code_of(hyperliquid.signed_withdrawal, case.desk, TRANSFER, moved) == "ethereum.altered_action"


def test_an_action_of_yesterday_is_not_posted_any_more(case: Case) -> None:
    facts = case.sign().facts
    hyperliquid.signed_withdrawal(case.desk, TRANSFER, facts)
    clock = case.desk.clock
    assert isinstance(clock, ShiftedClock)
    case.desk.clock = _Later(clock, timedelta(days=1, minutes=1))
    assert code_of(hyperliquid.signed_withdrawal, case.desk, TRANSFER, facts) == "ethereum.stale_action"


@dataclass
class _Later:
    clock: Any
    by: timedelta

    def now(self) -> Any:
        return self.clock.now() + self.by


def test_a_device_that_shows_only_hashes_does_not_decide_alone(tmp_path: Path) -> None:
    with opened(tmp_path, "trezor-one") as case, pytest.raises(EthereumError) as caught:
        case.sign()
    assert caught.value.code == "ethereum.blind_signer"


def test_an_account_that_no_device_owns_is_named(tmp_path: Path) -> None:
    with opened(tmp_path, uid=COLD) as case, pytest.raises(ConfigError) as caught:
        hyperliquid.owner_of(case.desk, TRANSFER)
    assert caught.value.code == "config.no_signer"


def test_a_payment_of_our_nonce_to_somebody_else_is_an_alarm(case: Case) -> None:
    facts = case.sign().facts
    port = BridgePort(case.chain)
    port.pay(OWNER, NET.units, f"{OWNER.lower()}:{facts[hyperliquid.NONCE]}")
    assert code_of(hyperliquid.payout_txid, case.desk, TRANSFER, facts) == "ethereum.bad_payout"


def test_two_payments_of_one_nonce_are_an_alarm_too(case: Case) -> None:
    facts = case.sign().facts
    port = BridgePort(case.chain)
    assert hyperliquid.payout_txid(case.desk, TRANSFER, facts) is None
    tags = (f"{OWNER.lower()}:{facts[hyperliquid.NONCE]}", f"{OWNER.lower()}:{facts[hyperliquid.NONCE]}000")
    port.pay(COLD, NET.units, tags[0])
    assert hyperliquid.payout_txid(case.desk, TRANSFER, facts) is not None
    port.pay(COLD, NET.units, tags[1])
    assert code_of(hyperliquid.payout_txid, case.desk, TRANSFER, facts) == "books.paid_twice"
