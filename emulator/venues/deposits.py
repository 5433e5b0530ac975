"""Deposits: outputs to our addresses, watched through the chain port, credited once when confirmed enough.

An output is known by its outpoint and never credited twice; money on an address of nobody is never credited.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum

from emulator.venues.accounts import Account, Wallet
from emulator.venues.chain_port import ChainPort, SeenDeposit
from emulator.venues.coins import CoinNetwork
from emulator.venues.exact import ZERO, from_base_units


class DepositStatus(IntEnum):
    """`GET /sapi/v1/capital/deposit/hisrec`."""

    PENDING = 0
    SUCCESS = 1
    CREDITED_LOCKED = 6  # credited but cannot be withdrawn


@dataclass(slots=True)
class DepositRecord:
    id: str
    uid: int
    coin: str
    network: str
    address: str
    tx_id: str
    vout: int
    amount: Decimal
    insert_ms: int
    status: DepositStatus = DepositStatus.PENDING
    confirmations: int = 0
    credited_ms: int | None = None


@dataclass(slots=True)
class DepositDesk:
    """All deposits of a venue. Mutable; guarded by the venue's lock."""

    records: dict[tuple[str, int], DepositRecord] = field(default_factory=dict)
    owners: dict[tuple[str, str, str], int] = field(default_factory=dict)  # coin, network, address -> uid

    def address_of(self, account: Account, coin: str, network: str, chain: ChainPort) -> str:
        """The account's deposit address: made on first use, then stable unless a scenario shows another."""
        place = (coin, network)
        if place not in account.deposit_addresses:
            self.renew(account, coin, network, chain)
        return account.shown_addresses.get(place, account.deposit_addresses[place])

    def renew(self, account: Account, coin: str, network: str, chain: ChainPort) -> str:
        """Give the account a new address; payments to the old ones are still credited."""
        address = chain.new_deposit_address()
        account.deposit_addresses[coin, network] = address
        self.owners[coin, network, address] = account.uid
        return address

    def pump(
        self, accounts: dict[int, Account], coin: str, rules: CoinNetwork, chain: ChainPort, now_ms: int
    ) -> None:
        """Look at the chain once: new outputs are recorded, confirmed ones credited, deep ones unlocked."""
        for seen in chain.deposits():
            uid = self.owners.get((coin, rules.network, seen.address))
            if uid is None or from_base_units(seen.amount_sat) < rules.deposit_dust:
                continue
            record = self._record(seen, uid, coin, rules.network, now_ms)
            record.confirmations = seen.confirmations
            if not rules.deposit_enabled:
                continue
            if record.credited_ms is None and seen.confirmations >= rules.min_confirm:
                accounts[uid].credit(Wallet.SPOT, coin, record.amount, now_ms)
                record.credited_ms = now_ms
                record.status = DepositStatus.CREDITED_LOCKED
            if record.credited_ms is not None and seen.confirmations >= rules.unlock_confirm:
                record.status = DepositStatus.SUCCESS

    def _record(self, seen: SeenDeposit, uid: int, coin: str, network: str, now_ms: int) -> DepositRecord:
        outpoint = (seen.txid, seen.vout)
        if outpoint not in self.records:
            label = hashlib.sha256(f"{seen.txid}:{seen.vout}".encode()).hexdigest()
            self.records[outpoint] = DepositRecord(
                id=str(int(label[:15], 16)),
                uid=uid,
                coin=coin,
                network=network,
                address=seen.address,
                tx_id=seen.txid,
                vout=seen.vout,
                amount=from_base_units(seen.amount_sat),
                insert_ms=now_ms,
            )
        return self.records[outpoint]

    def of(self, uid: int) -> list[DepositRecord]:
        """An account's deposits, newest first."""
        return [r for r in reversed(self.records.values()) if r.uid == uid]

    def locked(self, uid: int, coin: str) -> Decimal:
        """Credited but not yet withdrawable."""
        return sum(
            (
                r.amount
                for r in self.records.values()
                if r.uid == uid and r.coin == coin and r.status is DepositStatus.CREDITED_LOCKED
            ),
            ZERO,
        )
