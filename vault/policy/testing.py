"""Tests beside a policy: facts in, decision out. `default.toml` is tested by `default.test.toml`.

Builds an assessment, a snapshot and an address book from each case and asks the real engine. Refuses
a test file that tests another policy's names: what a case does not say is absent, not invented.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from vault.address import segwit_encode
from vault.canonical import digest
from vault.codec import encode
from vault.errors import VaultError
from vault.evm.address import checksum_address
from vault.model import (
    AccountRisk,
    Action,
    Assessment,
    Collateral,
    Decision,
    MarginAccount,
    Outflow,
    ScenarioResult,
    Snapshot,
    WalletBalance,
    WalletRole,
)
from vault.money import CONTEXT, ETH, Amount, asset_of
from vault.policy.book import AddressBook, Entry
from vault.policy.document import GWEI_DIGITS, MovableAsset, Policy, load_policy
from vault.policy.engine import decide
from vault.policy.gas import GasCost
from vault.policy.requests import Request, decide_request
from vault.toml_strict import ExactDecimal, StrictModel, read_toml

# Every case is judged at this instant; ages are given relative to it.
AT: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NETWORK: Final = "bitcoin:regtest"
# What the joint shock moves; a dollar stays one.
_MOVING: Final = frozenset({"BTC", "ETH"})
EntryState = Literal["proposed", "cooling", "active", "retired", "absent"]


class AccountCase(StrictModel):
    """An account as risk assessed it; `fall` and `rise` are the stress excess in the two joint scenarios.

    Its collateral is `balance` of one `asset`; a dollar is worth the same in both.
    """

    name: str
    asset: MovableAsset = "BTC"
    equity: ExactDecimal
    maintenance_margin: ExactDecimal
    distance: ExactDecimal | None = None
    fall: ExactDecimal
    rise: ExactDecimal
    shock: ExactDecimal = Field(default=Decimal("0.10"))
    price: ExactDecimal
    ratio: ExactDecimal
    balance: ExactDecimal
    max_withdraw: ExactDecimal | None = None
    age_seconds: int = 0
    flags: tuple[str, ...] = Field(default=(), strict=False)


class MarketCase(StrictModel):
    """Fragility over the indicators present, its upper value, and the share that was present."""

    fragility: ExactDecimal | None = None
    fragility_upper: ExactDecimal = Field(default=Decimal(1))
    coverage: ExactDecimal = Field(default=Decimal(0))


class WalletCase(StrictModel):
    """A wallet, or one asset of an account: on the case's chain unless it is bitcoin.

    `gas_from` names the account that pays for its transactions: itself where it is not said, nobody when "".
    """

    name: str
    role: WalletRole
    asset: MovableAsset = "BTC"
    confirmed: ExactDecimal
    gas_from: str | None = None
    age_seconds: int = 0


class GasCase(StrictModel):
    """What a transaction on a chain would cost now: ETH, and gwei for a gas."""

    chain: int = 1
    max_cost: ExactDecimal
    max_fee: ExactDecimal


class PastCase(StrictModel):
    action: Action
    subject: str
    asset: MovableAsset = "BTC"
    amount: ExactDecimal
    fee: ExactDecimal = Decimal(0)
    gas: ExactDecimal = Decimal(0)
    minutes_ago: int
    state: str = "settled"


class ExpectCase(StrictModel):
    """What must come out; `amount` and `decided_by` are checked where they are given."""

    action: Action
    subject: str
    outcome: Literal["allow", "deny", "none"]
    amount: ExactDecimal | None = None
    decided_by: str | None = None


class RequestCase(StrictModel):
    """What a person asks for; `moved` is all that is no fee where it is not given.

    With `gas` (ETH at most) it is a transaction on the case's chain, at `gas_fee` gwei for a gas.
    """

    action: Action
    wallet: str
    to: tuple[str, ...] = Field(default=(), strict=False)
    venue: str | None = None
    asset: MovableAsset = "BTC"
    amount: ExactDecimal
    fee: ExactDecimal = Decimal(0)
    gas: ExactDecimal | None = None
    gas_fee: ExactDecimal = Decimal(1)
    moved: ExactDecimal | None = None
    fee_rate: ExactDecimal = Decimal(1)
    coins: int = 1


class EntryCase(StrictModel):
    """An entry of the policy in another state than active, or one of an `asset` the policy does not say."""

    id: str
    state: EntryState = "active"
    asset: MovableAsset | None = None


class Case(StrictModel):
    name: str = Field(min_length=1)
    chain: int = 1
    account: tuple[AccountCase, ...] = Field(default=(), strict=False)
    market: MarketCase = MarketCase()
    wallet: tuple[WalletCase, ...] = Field(default=(), strict=False)
    past: tuple[PastCase, ...] = Field(default=(), strict=False)
    entry: tuple[EntryCase, ...] = Field(default=(), strict=False)
    gas: tuple[GasCase, ...] = Field(default=(), strict=False)
    in_flight: tuple[str, ...] = Field(default=(), strict=False)
    request: tuple[RequestCase, ...] = Field(default=(), strict=False)
    expect: tuple[ExpectCase, ...] = Field(min_length=1, strict=False)


class CaseFile(StrictModel):
    schema_version: Literal[1] = Field(alias="schema")
    test: tuple[Case, ...] = Field(min_length=1, strict=False)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: passed, or what differed; `decisions` are there to be explained."""

    name: str
    passed: bool
    problems: tuple[str, ...]
    decisions: tuple[Decision, ...]


def cases_path(policy_path: Path) -> Path:
    """default.toml is tested by default.test.toml in the same folder."""
    return policy_path.with_name(f"{policy_path.stem}.test.toml")


def run_policy_tests(policy_path: Path) -> tuple[CaseResult, ...]:
    """Run every case. Raises `DocumentError` when policy or tests cannot be read."""
    policy, digest_of_policy = load_policy(policy_path)
    cases = read_toml(cases_path(policy_path), CaseFile)
    return tuple(_run(policy, digest_of_policy, case) for case in cases.test)


def _run(policy: Policy, policy_digest: str, case: Case) -> CaseResult:
    try:
        snapshot = _snapshot(case)
        assessment, book = _assessment(case, snapshot), _book(policy, case)
        past = tuple(_outflow(each, case.chain) for each in case.past)
        gas = {each.chain: _cost(each.chain, each.max_cost, each.max_fee) for each in case.gas}
        decisions = decide(
            policy, policy_digest, assessment, snapshot, book, past, case.in_flight, AT, gas=gas
        )
        decisions += tuple(
            decide_request(policy, policy_digest, asked, assessment, snapshot, book, past, case.in_flight, AT)
            for asked in (_request(each, case.chain) for each in case.request)
        )
    except VaultError as error:
        return CaseResult(case.name, False, (f"{error.code}: {error.message}",), ())
    problems: list[str] = []
    for expected in case.expect:
        problems += _differences(expected, decisions)
    return CaseResult(case.name, not problems, tuple(problems), decisions)


def _differences(expected: ExpectCase, decisions: tuple[Decision, ...]) -> list[str]:
    what = f"{expected.action} {expected.subject}"
    found = [d for d in decisions if d.action == expected.action and d.subject == expected.subject]
    if len(found) != 1:
        return [f"{what}: expected one decision, found {len(found)}"]
    decision, problems = found[0], []
    if decision.outcome != expected.outcome:
        problems.append(
            f"{what}: expected {expected.outcome}, found {decision.outcome}"
            f" by {decision.decided_by}: {decision.reason}"
        )
    if expected.amount is not None:
        amount = decision.amount.to_decimal() if decision.amount is not None else None
        if amount != expected.amount:
            problems.append(f"{what}: expected {expected.amount:f}, found {decision.amount}")
    if expected.decided_by is not None and decision.decided_by != expected.decided_by:
        problems.append(
            f"{what}: expected to be decided by {expected.decided_by}, found {decision.decided_by}"
        )
    return problems


def _ago(seconds: int) -> datetime:
    return AT - timedelta(seconds=seconds)


def _snapshot(case: Case) -> Snapshot:
    wallets = tuple(_wallet(wallet, case.chain) for wallet in case.wallet)
    return Snapshot("policy-test", AT, tuple(_account(a) for a in case.account), (), wallets, ())


def _wallet(case: WalletCase, chain: int) -> WalletBalance:
    asset, seen = asset_of(case.asset), _ago(case.age_seconds)
    confirmed, nothing = Amount.parse(case.confirmed, asset), Amount.zero(asset)
    if case.asset == "BTC":
        return WalletBalance(case.name, case.role, confirmed, nothing, 1, seen)
    return WalletBalance.of_account(
        case.name,
        case.role,
        confirmed,
        nothing,
        1,
        seen,
        network=f"eip155:{chain}",
        gas_from=case.name if case.gas_from is None else case.gas_from,
    )


def _account(case: AccountCase) -> MarginAccount:
    held = Collateral(case.asset, case.balance, case.price, case.ratio, case.max_withdraw)
    seen = _ago(case.age_seconds)
    return MarginAccount(
        name=case.name,
        exchange="binance",
        uid="1",
        equity=case.equity,
        initial_margin=Decimal(0),
        maintenance_margin=case.maintenance_margin,
        available_to_withdraw=None,
        collateral=(held,),
        positions=(),
        observed_at=seen,
        received_at=seen,
        clock_skew_ms=0,
        missing=(),
        flags=case.flags,
    )


def _risk(case: AccountCase) -> AccountRisk:
    scenarios = []
    for name, excess, shock in (
        ("joint fall", case.fall, -case.shock),
        ("joint rise", case.rise, case.shock),
    ):
        with localcontext(CONTEXT):
            value = case.price * (1 + shock * (case.asset in _MOVING)) * case.ratio
            equity = excess + case.maintenance_margin
        scenarios.append(
            ScenarioResult(name, equity, case.maintenance_margin, excess, ((case.asset, value),))
        )
    worst = min(scenarios, key=lambda result: result.excess)
    return AccountRisk(
        account=case.name,
        observed_at=_ago(case.age_seconds),
        equity=case.equity,
        maintenance_margin=case.maintenance_margin,
        stress_excess=worst.excess,
        binding_scenario=worst.scenario,
        scenarios=tuple(scenarios),
        joint_distance=case.distance,
        flags=(),
    )


def _assessment(case: Case, snapshot: Snapshot) -> Assessment:
    return Assessment(
        snapshot_digest=digest(encode(snapshot)),
        treasury_id=snapshot.treasury_id,
        taken_at=AT,
        accounts=tuple(_risk(account) for account in case.account),
        indicators=(),
        fragility=case.market.fragility,
        fragility_upper=case.market.fragility_upper,
        coverage=case.market.coverage,
        missing=(),
        fragility_least=(case.market.fragility or Decimal(0)) * case.market.coverage,
    )


def _outflow(past: PastCase, chain: int) -> Outflow:
    moment, asset = AT - timedelta(minutes=past.minutes_ago), asset_of(past.asset)
    amount, fee, gas = Amount.parse(past.amount, asset), Amount.parse(past.fee, asset), _ether(past.gas)
    return Outflow(
        moment,
        past.action,
        past.subject,
        "",
        amount,
        past.state,
        fee,
        amount - fee,
        gas,
        chain if gas.units else 0,
    )


def _request(case: RequestCase, chain: int) -> Request:
    asset = asset_of(case.asset)
    amount, fee = Amount.parse(case.amount, asset), Amount.parse(case.fee, asset)
    moved = amount - fee if case.moved is None else Amount.parse(case.moved, asset)
    return Request(
        case.action,
        case.wallet,
        case.to,
        case.venue,
        amount,
        fee,
        moved,
        case.fee_rate,
        case.coins,
        gas=None if case.gas is None else _cost(chain, case.gas, case.gas_fee),
    )


def _cost(chain: int, max_cost: Decimal, gwei: Decimal) -> GasCost:
    return GasCost(chain, _ether(max_cost), int(gwei.scaleb(GWEI_DIGITS)))


def _ether(number: Decimal) -> Amount:
    return Amount.parse(number, ETH)


@dataclass(frozen=True, slots=True)
class _Named:
    """An entry as policy and case name it: whose deposit it is, or ours, and of what."""

    asset: MovableAsset
    venue: str | None = None


def _named(policy: Policy, case: Case) -> dict[str, _Named]:
    found = {item.to: _Named(item.asset) for item in policy.evacuation}
    found |= {band.cold: _Named(band.asset) for band in policy.band}
    found |= {band.top_up_to: _Named(band.asset, band.account) for band in policy.band if band.top_up_to}
    for each in case.entry:
        if each.asset is not None:
            found[each.id] = _Named(each.asset, found[each.id].venue if each.id in found else None)
    return found


def _book(policy: Policy, case: Case) -> AddressBook:
    """Every entry the policy names, active unless the case says otherwise, at addresses of its own."""
    states: dict[str, EntryState] = {entry.id: entry.state for entry in case.entry}
    cooling = timedelta(hours=policy.address_book.cooling_hours)
    added = {"proposed": AT + cooling, "cooling": AT - cooling / 2}
    entries = []
    for index, (entry_id, named) in enumerate(sorted(_named(policy, case).items())):
        state, bitcoin = states.get(entry_id, "active"), named.asset == "BTC"
        if state == "absent":
            continue
        program = hashlib.sha256(entry_id.encode()).digest()[:20]
        ours = named.venue is None
        entries.append(
            Entry(
                id=entry_id,
                asset=named.asset,
                network=NETWORK if bitcoin else f"eip155:{case.chain}",
                address=segwit_encode("bcrt", 0, program) if bitcoin else checksum_address(program),
                memo=None,
                purpose="cold" if ours else "venue_deposit",
                wallet="cold" if ours else None,
                index=index if ours and bitcoin else None,
                venue=named.venue,
                added_at=added.get(state, AT - 2 * cooling),
                in_first_version=False,
                retired_at=AT if state == "retired" else None,
            )
        )
    return AddressBook(2, tuple(entries))
