"""A small treasury to decide about: one account, a cold and a staging wallet, one market, one book."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.support.judgements import judgement
from vault.address import segwit_encode
from vault.model import (
    Bracket,
    Collateral,
    Decision,
    MarginAccount,
    MarketReading,
    Outflow,
    Position,
    Snapshot,
    WalletBalance,
)
from vault.money import BTC, Amount
from vault.policy.book import AddressBook, Entry
from vault.policy.document import Policy, parse_policy
from vault.policy.engine import decide
from vault.risk.assess import RiskParameters, assess
from vault.risk.indicators.judge import Judgement
from vault.risk.indicators.registry import NAMES
from vault.risk.margin import equity, maintenance_margin
from vault.risk.markets import findings

D = Decimal
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ENROLLED = AT - timedelta(days=30)
PARAMETERS = RiskParameters(D("0.10"), D(1), 300)
BRACKETS = (
    Bracket(D(0), D(50_000), D("0.004"), D(0)),
    Bracket(D(50_000), D(250_000), D("0.005"), D(50)),
    Bracket(D(250_000), D(3_000_000), D("0.01"), D(1_300)),
    Bracket(D(3_000_000), D(20_000_000), D("0.025"), D(46_300)),
    Bracket(D(20_000_000), None, D("0.05"), D(546_300)),
)

HEAD = """
schema = 1
policy_id = "test"
version = 3
description = "A policy to test with."
[freshness]
max_age_seconds = 300
[plan]
expires_minutes = 30
approvals_required = 1
[fees]
max_fee = "0.001"
max_fee_rate = "100"
max_fee_share = "0.01"
window_amount = "0.01"
window_share = "0.01"
[address_book]
cooling_hours = 24
"""
BAND = """
[[band]]
account = "main"
asset = "BTC"
venue_network = "BTC"
floor = "10000"
target = "250000"
ceiling = "350000"
min_change = "0.05"
min_wait_minutes = 60
cold = "cold-1"
top_up_from = "cold"
top_up_to = "main-deposit"
"""
EVACUATION = """
[[evacuation]]
wallet = "staging"
to = "cold-1"
asset = "BTC"
when = "market.fragility >= 0.45"
min_change = "0.01"
"""
RULES = """
[[rule]]
id = "allow-sweep"
effect = "allow"
action = "sweep"
when = "account.equity > account.maintenance_margin"
[[rule]]
id = "allow-evacuate"
effect = "allow"
action = "evacuate"
when = "transfer.amount > 0"
[[rule]]
id = "allow-top-up"
effect = "allow"
action = "top_up"
when = "account.equity > 0"
"""
LIMITS = """
[[limit]]
id = "all"
action = "*"
asset = "BTC"
per_transfer = "1000"
window_hours = 24
window_amount = "1000"
"""


def policy_text(
    *,
    head: str = HEAD,
    band: str = BAND,
    evacuation: str = EVACUATION,
    rules: str = RULES,
    limits: str = LIMITS,
) -> str:
    return head + band + evacuation + rules + limits


def policy(**parts: str) -> tuple[Policy, str]:
    return parse_policy(policy_text(**parts).encode(), name="test.toml")


def rule(rule_id: str, effect: str, action: str, when: str) -> str:
    return f'\n[[rule]]\nid = "{rule_id}"\neffect = "{effect}"\naction = "{action}"\nwhen = \'{when}\'\n'


def limit(limit_id: str, action: str, per_transfer: str, hours: int, amount: str) -> str:
    return (
        f'\n[[limit]]\nid = "{limit_id}"\naction = "{action}"\nasset = "BTC"\n'
        f'per_transfer = "{per_transfer}"\nwindow_hours = {hours}\nwindow_amount = "{amount}"\n'
    )


def account(
    coins: str = "14",
    mark: str = "89240",
    index: str = "89200",
    *,
    usdt: str = "78167",
    size: str = "50",
    entry: str = "88000",
    max_withdraw: str | None = "14",
    name: str = "main",
    **changes: object,
) -> MarginAccount:
    """Long `size` BTC; equity and maintenance margin are what a venue would say of these parts."""
    held = (
        Collateral("BTC", D(coins), D(index), D("0.95"), None if max_withdraw is None else D(max_withdraw)),
        Collateral("USDT", D(usdt), D(1), D(1), D(0)),
    )
    long = Position(
        "BTCUSDT", "BTC", "long", D(size), D(entry), D(mark), False, BRACKETS, None, None, settle="USDT"
    )
    made = MarginAccount(name, "binance", "1", D(0), D(0), D(0), None, held, (long,), AT, AT, 0, (), ())
    told = dataclasses.replace(
        made, equity=equity(made, D(0)), maintenance_margin=maintenance_margin(made, D(0))
    )
    return dataclasses.replace(told, **changes)  # type: ignore[arg-type]


CALM = account()
FALLEN = account(coins="8", mark="84100", index="84128", max_withdraw="0")


# What has to be sold and a book that has emptied, at their worst: half of the weight.
CROWDED = {"open_interest": 1.0, "liquidation_clusters": 1.0, "depth": 1.0}


def market(*, crowded: bool = False, asset: str = "BTC", **scores: float | None) -> Judgement:
    """A calm market, or a crowded one with an empty book; None: that feed is dead."""
    return judgement({**dict.fromkeys(NAMES, 0.0), **(CROWDED if crowded else {}), **scores}, asset)


def reading(**changes: object) -> MarketReading:
    """A market as an observation keeps it; rules do not look at it."""
    made = MarketReading(
        venue="binance",
        symbol="BTCUSDT",
        mark_price=D(89_240),
        index_price=D(89_200),
        funding_rate=D("0.00005"),
        funding_interval_hours=8,
        open_interest=D(90_000),
        spot_volume_24h=D(30_000),
        perp_volume_24h=D(180_000),
        depth_bid_10bp=D(90),
        depth_bid_1pct=D(900),
        spread=D("0.1"),
        observed_at=AT,
        missing=(),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def wallet(name: str = "cold", role: str = "cold", confirmed: str = "16", **changes: object) -> WalletBalance:
    made = WalletBalance(name, role, Amount.parse(confirmed, BTC), Amount.zero(BTC), 100, AT)  # type: ignore[arg-type]
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


WALLETS = (wallet(), wallet("staging", "staging", "2.5"))


def address(label: str, hrp: str = "bcrt") -> str:
    return segwit_encode(hrp, 0, hashlib.sha256(label.encode()).digest()[:20])


def entry(entry_id: str = "cold-1", **changes: object) -> Entry:
    made = Entry(
        id=entry_id,
        asset="BTC",
        network="bitcoin:regtest",
        address=address(entry_id),
        memo=None,
        purpose="cold",
        wallet="cold",
        index=0,
        venue=None,
        added_at=ENROLLED,
        in_first_version=True,
        retired_at=None,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def deposit(entry_id: str = "main-deposit", venue: str = "main", **changes: object) -> Entry:
    return entry(entry_id, purpose="venue_deposit", wallet=None, index=None, venue=venue, **changes)


BOOK = AddressBook(1, (entry(), deposit()))


def outflow(action: str, subject: str, amount: str, minutes_ago: int, state: str = "settled") -> Outflow:
    moment = AT - timedelta(minutes=minutes_ago)
    return Outflow(moment, action, subject, "", Amount.parse(amount, BTC), state)  # type: ignore[arg-type]


def snapshot(
    accounts: tuple[MarginAccount, ...] = (CALM,),
    wallets: tuple[WalletBalance, ...] = WALLETS,
) -> Snapshot:
    return Snapshot("t", AT, accounts, (), wallets, ())


def decisions(
    seen: Snapshot | None = None,
    *,
    rulebook: tuple[Policy, str] | None = None,
    book: AddressBook = BOOK,
    history: tuple[Outflow, ...] = (),
    in_flight: Collection[str] = (),
    at: datetime = AT,
    markets: tuple[Judgement, ...] = (market(),),
) -> dict[tuple[str, str], Decision]:
    """Assess and decide as the treasury does; decisions by (action, subject)."""
    seen = snapshot() if seen is None else seen
    document, digest = rulebook or policy()
    assessment = assess(seen, PARAMETERS, at, findings(markets))
    found = decide(document, digest, assessment, seen, book, history, in_flight, at)
    return {(decision.action, decision.subject): decision for decision in found}
