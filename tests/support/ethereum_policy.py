"""A treasury with a USDC band, a Safe, a device account, and an account that pays gas for the Safe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.support.judgements import judgement
from vault.evm.address import checksum_address
from vault.evm.hashing import keccak
from vault.model import Collateral, Decision, MarginAccount, Outflow, Snapshot, WalletBalance
from vault.money import ETH, USDC, Amount, asset_of
from vault.policy.book import AddressBook, Entry
from vault.policy.document import Policy, parse_policy
from vault.policy.engine import decide
from vault.policy.gas import GasCost
from vault.policy.requests import Request, decide_request
from vault.risk.assess import RiskParameters, assess
from vault.risk.indicators.registry import NAMES
from vault.risk.markets import findings

D = Decimal
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
NETWORK = "eip155:1"

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
GAS = """
[[gas]]
chain = 1
max_cost = "0.05"
max_fee_per_gas = "100"
window_hours = 24
window_amount = "0.12"
"""
BAND = """
[[band]]
account = "main"
asset = "USDC"
venue_network = "ETH"
floor = "10000"
target = "250000"
ceiling = "350000"
min_change = "50.25"
min_wait_minutes = 60
cold = "safe-usdc"
top_up_from = "safe"
top_up_to = "main-deposit"
"""
EVACUATION = """
[[evacuation]]
wallet = "hot"
to = "safe-ASSET"
asset = "ASSET"
when = "wallet.pending >= 0"
min_change = "0.01"
"""
RULES = """
[[rule]]
id = "allow"
effect = "allow"
action = "*"
when = "transfer.amount >= 0"
"""


def limit(asset: str, action: str = "*", per_transfer: str = "1000000", window: str = "1000000") -> str:
    return (
        f'[[limit]]\nid = "{asset.lower()}-{"all" if action == "*" else action.replace("_", "-")}"\n'
        f'action = "{action}"\nasset = "{asset}"\n'
        f'per_transfer = "{per_transfer}"\nwindow_hours = 24\nwindow_amount = "{window}"\n'
    )


LIMITS = limit("USDC") + limit("USDT") + limit("ETH", per_transfer="100", window="100") + limit(
    "BTC", per_transfer="10", window="10"
)  # fmt: skip


def text(
    *, gas: str = GAS, band: str = BAND, evacuation: str = "", rules: str = RULES, limits: str = LIMITS
) -> str:
    return HEAD + gas + band + evacuation + rules + limits


def policy(**parts: str) -> tuple[Policy, str]:
    return parse_policy(text(**parts).encode(), name="test.toml")


def address(label: str) -> str:
    return checksum_address(keccak(label.encode())[:20])


def entry(entry_id: str, asset: str, **changes: Any) -> Entry:
    made: dict[str, Any] = {
        "id": entry_id,
        "asset": asset,
        "network": NETWORK,
        "address": address(changes.get("venue") or changes.get("wallet") or "safe"),
        "memo": None,
        "purpose": "venue_deposit" if changes.get("venue") else "cold",
        "wallet": None if changes.get("venue") else "safe",
        "index": None,
        "venue": None,
        "added_at": AT - timedelta(days=30),
        "in_first_version": True,
        "retired_at": None,
        **changes,
    }
    return Entry(**made)


BOOK = AddressBook(
    1,
    (
        entry("safe-usdc", "USDC"),
        entry("safe-usdt", "USDT"),
        entry("safe-eth", "ETH"),
        entry("main-deposit", "USDC", venue="main"),
    ),
)


def held(name: str, symbol: str, number: str, **changes: Any) -> WalletBalance:
    """What an account holds of an asset; "safe" is cold and "gas" pays for it."""
    asset = asset_of(symbol)
    given: dict[str, Any] = {
        "network": NETWORK,
        "gas_from": "gas" if name == "safe" else name,
        **changes,
    }
    role: Any = given.pop("role", {"safe": "cold", "gas": "gas"}.get(name, "staging"))
    seen = given.pop("observed_at", AT)
    return WalletBalance.of_account(
        name, role, Amount.parse(number, asset), Amount.zero(asset), 100, seen, **given
    )


WALLETS = (
    held("safe", "USDC", "900000"),
    held("safe", "ETH", "5"),
    held("gas", "ETH", "1"),
    held("hot", "USDC", "40000"),
    held("hot", "ETH", "2"),
)


def account(balance: str = "600000", **changes: Any) -> MarginAccount:
    """An account without positions: its stress excess is what it holds."""
    held_there = (Collateral("USDC", D(balance), D(1), D(1), D(balance)),)
    made = MarginAccount(
        "main", "binance", "1", D(balance), D(0), D(0), None, held_there, (), AT, AT, 0, (), ()
    )
    return dataclasses.replace(made, **changes)


def snapshot(balance: str = "300000", wallets: tuple[WalletBalance, ...] = WALLETS, **more: Any) -> Snapshot:
    return Snapshot("t", AT, (account(balance),), (), wallets, (), **more)


def decisions(
    seen: Snapshot,
    *,
    rulebook: tuple[Policy, str] | None = None,
    book: AddressBook = BOOK,
    history: tuple[Outflow, ...] = (),
    in_flight: tuple[str, ...] = (),
    gas: Mapping[int, GasCost] | None = None,
) -> dict[tuple[str, str], Decision]:
    document, digest = rulebook or policy()
    calm = findings((judgement(dict.fromkeys(NAMES, 0.0), "BTC"),))
    assessment = assess(seen, RiskParameters(D("0.10"), D(1), 300), AT, calm)
    found = decide(document, digest, assessment, seen, book, history, in_flight, AT, gas=gas)
    return {(each.action, each.subject): each for each in found}


def cost(number: str = "0.01", gwei: int = 40, **changes: Any) -> GasCost:
    return GasCost(**{"chain_id": 1, "max_cost": ether(number), "max_fee": gwei * 10**9, **changes})


def ether(number: str) -> Amount:
    return Amount.parse(number, ETH)


def usdc(number: str) -> Amount:
    return Amount.parse(number, USDC)


def request(action: str = "pay", **changes: Any) -> Request:
    made: dict[str, Any] = {
        "action": action,
        "wallet": "safe",
        "destinations": ("safe-usdc",),
        "venue": None,
        "amount": usdc("100"),
        "fee": usdc("0"),
        "moved": usdc("100"),
        "fee_rate": D(0),
        "coins": 0,
        "gas": cost(),
        **changes,
    }
    return Request(**made)


def nothing_moves(action: str, **changes: Any) -> Request:
    """A request that only changes something on chain."""
    zero = Amount.zero(ETH)
    return request(action, **{"destinations": (), "amount": zero, "fee": zero, "moved": zero, **changes})


def asked(
    made: Request,
    *,
    rulebook: tuple[Policy, str] | None = None,
    seen: Snapshot | None = None,
    history: tuple[Outflow, ...] = (),
    in_flight: tuple[str, ...] = (),
) -> Decision:
    document, digest = rulebook or policy()
    seen = seen or snapshot()
    assessment = assess(seen, RiskParameters(D("0.10"), D(1), 300), AT)
    return decide_request(document, digest, made, assessment, seen, BOOK, history, in_flight, AT)


def past(symbol: str, number: str, *, gas: str = "0", chain: int = 1, **changes: Any) -> Outflow:
    amount = Amount.parse(number, asset_of(symbol))
    made = Outflow(AT - timedelta(hours=1), "pay", "else", "", amount, "done", gas=ether(gas), chain_id=chain)
    return dataclasses.replace(made, **changes)
