"""A treasury on paper with accounts on Ethereum: plans and steps as recorded, balances as observed.

No chain and no venue: what a step did to the balances is said by the test, so that the books are judged
against numbers that they did not compute themselves.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import update

from vault.canonical import canonical_json
from vault.clock import ManualClock, to_iso
from vault.codec import encode
from vault.evm.address import checksum_address
from vault.evm.call import EthereumCall
from vault.evm.hashing import keccak
from vault.model import Collateral, MarginAccount, Snapshot, SpotHolding, WalletBalance
from vault.money import ETH, Amount, asset_of
from vault.policy.book import AddressBook, Entry, dump_book
from vault.store import records, schema
from vault.store.database import Store
from vault.store.records import IntentRow, PlanRow
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer
from vault.treasury.steps import ensure_intents

AT = datetime(2026, 1, 31, 5, tzinfo=UTC)
NETWORK = "eip155:1"
# Who pays the gas of whom.
PAYERS = {"safe": "gas", "hot": "hot", "gas": "gas"}
ROLES = {"safe": "cold", "hot": "staging", "gas": "gas"}
VENUE = "trading"
_ZERO, _ONE = Decimal(0), Decimal(1)


def address_of(name: str) -> str:
    return checksum_address(keccak(name.encode())[:20])


def entry(entry_id: str, asset: str, **changes: Any) -> Entry:
    """An account of ours, or with `venue` a deposit there, on Ethereum."""
    owner = changes.get("venue") or changes.get("wallet") or "safe"
    made = {
        "id": entry_id,
        "asset": asset,
        "network": NETWORK,
        "address": address_of(owner),
        "memo": None,
        "purpose": "venue_deposit" if changes.get("venue") else "cold",
        "wallet": None if changes.get("venue") else owner,
        "index": None,
        "venue": None,
        "added_at": AT - timedelta(days=9),
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
        entry("deposit-usdc", "USDC", venue=VENUE),
        entry("deposit-usdt", "USDT", venue=VENUE),
        entry("deposit-eth", "ETH", venue=VENUE),
    ),
)


def call(source: str, nonce: int, *, gas_limit: int = 100_000, max_fee: int = 10**10) -> EthereumCall:
    payer = PAYERS[source]
    return EthereumCall(
        1, payer, address_of(payer), nonce, gas_limit, max_fee, 1, address_of("token"), 0, "0x", 100
    )


def transfer(source: str, amount: Amount | None, nonce: int, *, venue: str = "", **changes: Any) -> Transfer:
    """A payment of an account to the Safe, or with `venue` a top-up; without an amount a call alone."""
    symbol = "" if amount is None else amount.asset.symbol.lower()
    entry_id = f"deposit-{symbol}" if venue else f"safe-{symbol}"
    paid = () if amount is None else (Payment(entry_id, address_of(venue or "safe"), amount),)
    made: dict[str, Any] = {
        "number": 1,
        "action": "top_up" if venue else "pay" if paid else "cancel",
        "kind": "ethereum_spend",
        "source": source,
        "venue_account": venue,
        "network": NETWORK,
        "venue_network": "ETH" if venue else "",
        "payments": paid,
        "fee": Amount.zero(ETH if amount is None else amount.asset),
        "call": call(source, nonce),
        **changes,
    }
    return Transfer(**made)


class Ledger:
    """A store with plans, and the balances that an observation finds; amounts by (place name, symbol)."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(AT)
        self.store = Store.open(f"sqlite:///{folder / 'ledger.db'}", "ours", self.clock, create=True)
        self.held: dict[tuple[str, str], int] = {}
        accounts = tuple(SimpleNamespace(name=name, role=role) for name, role in ROLES.items())
        config = SimpleNamespace(
            treasury_id="ours", venue=(SimpleNamespace(name=VENUE),), wallet=(), account=accounts
        )
        book = folder / "book.json"
        book.write_text(dump_book(BOOK), encoding="utf-8")
        self.height = 100
        self.desk: Any = SimpleNamespace(
            store=self.store,
            clock=self.clock,
            book=lambda: SimpleNamespace(book=BOOK),
            treasury=SimpleNamespace(
                config=config,
                policy_path=folder / "none.toml",
                book_path=book,
                venue=lambda name: {VENUE: SimpleNamespace(name=VENUE)}[name],
            ),
        )

    def snapshot(self) -> Snapshot:
        """What is observed now: every account in each asset, and what the venue holds."""
        now = self.clock.now()
        wallets = tuple(
            WalletBalance.of_account(
                name,
                ROLES[name],  # type: ignore[arg-type]
                Amount(asset_of(symbol), units),
                Amount.zero(asset_of(symbol)),
                self.height,
                now,
                network=NETWORK,
                gas_from=PAYERS[name],
            )
            for (name, symbol), units in self.held.items()
            if name != VENUE
        )
        at_venue = {symbol: units for (name, symbol), units in self.held.items() if name == VENUE}
        margin = tuple(
            Collateral(symbol, Amount(asset_of(symbol), units).to_decimal(), *(_ONE,) * 2, None)
            for symbol, units in at_venue.items()
        )
        spot = tuple(
            SpotHolding(VENUE, Amount.zero(asset_of(symbol)), Amount.zero(asset_of(symbol)), now)
            for symbol in at_venue
        )
        seen = MarginAccount(
            VENUE, "binance", "1", _ZERO, _ZERO, _ZERO, None, margin, (), now, now, 0, (), ()
        )
        return Snapshot("ours", now, (seen,), (), wallets, (), spot)

    def begin(self, made: Transfer, *, state: str = "sending") -> IntentRow:
        """A plan of one transfer, approved and begun; returns the step by which its coins leave."""
        self.clock.advance(60)
        zeros = ("0" * 64,) * 4
        now = self.clock.now()
        plan = Plan.of(
            PlanBody(
                PLAN_SCHEMA,
                "ours",
                "regtest",
                now,
                now + timedelta(minutes=30),
                "p",
                1,
                zeros[0],
                1,
                *zeros[1:],
                1,
                (),
                (made,),
            )
        )
        row = PlanRow(
            plan.plan_id,
            plan.digest,
            to_iso(now),
            to_iso(plan.body.expires_at),
            state,
            canonical_json(encode(plan.body)),
        )
        with self.store.write() as writer:
            records.save_plan(writer, row)
        return ensure_intents(self.store, plan)[0]

    def move(self, step: IntentRow, state: str, **facts: str) -> IntentRow:
        """A step as it would stand in the store, submitted now when it never was."""
        self.clock.advance(1)
        changed = dataclasses.replace(
            step,
            state=state,
            submitted_at=step.submitted_at or to_iso(self.clock.now()),
            body=canonical_json({**step.facts, **facts}),
        )
        with self.store.write() as writer:
            writer.connection.execute(
                update(schema.intent)
                .where(schema.intent.c.client_id == step.client_id)
                .values(state=changed.state, submitted_at=changed.submitted_at, body=changed.body)
            )
        return changed

    def close(self) -> None:
        self.store.close()
