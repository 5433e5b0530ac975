"""Deposits: outputs to our addresses, watched through the chain port, credited once when confirmed enough.

An output is known by its outpoint and never credited twice; money on an address (or a tag) of nobody is never
credited.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from emulator.venues.engine.accounts import Account, DepositPlace
from emulator.venues.engine.chain_port import ChainPort, SeenDeposit
from emulator.venues.engine.coins import CoinNetwork
from emulator.venues.engine.exact import ZERO, from_base_units

FIRST_TAG = 300_000_001


class DepositStatus(StrEnum):
    PENDING = "pending"
    CREDITED_LOCKED = "credited_locked"  # credited but cannot be withdrawn
    SUCCESS = "success"


@dataclass(slots=True)
class DepositRecord:
    id: str
    uid: int
    coin: str
    network: str
    address: str
    tag: str
    tx_id: str
    vout: int
    amount: Decimal
    insert_ms: int
    status: DepositStatus = DepositStatus.PENDING
    confirmations: int = 0
    credited_ms: int | None = None
    wallet: str = ""  # that it was credited to


@dataclass(slots=True)
class DepositDesk:
    """All deposits of a venue. Mutable; guarded by the venue's lock."""

    wallet: str  # the wallet that deposits arrive in, unless an account says another
    credits_sender: bool = False  # to one address, where the tag is the sender's address and an account's key
    records: dict[tuple[str, str, str, int], DepositRecord] = field(default_factory=dict)
    owners: dict[tuple[str, str, DepositPlace], int] = field(default_factory=dict)  # coin, network -> uid

    def address_of(self, account: Account, coin: str, rules: CoinNetwork, chain: ChainPort) -> DepositPlace:
        """Where the account is paid: made on first use, then stable unless a scenario shows another."""
        key = (coin, rules.network)
        if key not in account.deposit_addresses:
            self.renew(account, coin, rules, chain)
        return account.shown_addresses.get(key, account.deposit_addresses[key])

    def renew(self, account: Account, coin: str, rules: CoinNetwork, chain: ChainPort) -> DepositPlace:
        """Give the account a new place; payments to the old ones are still credited."""
        tag = str(FIRST_TAG + len(self.owners)) if rules.tag_required else ""
        place = DepositPlace(chain.new_deposit_address(), tag)
        account.deposit_addresses[coin, rules.network] = place
        self.owners[coin, rules.network, place] = account.uid
        return place

    def pump(
        self, accounts: dict[int, Account], coin: str, rules: CoinNetwork, chain: ChainPort, now_ms: int
    ) -> None:
        """Look at the chain once: new outputs are recorded, confirmed ones credited, deep ones unlocked."""
        for seen in chain.deposits():
            place = DepositPlace(seen.address, getattr(seen, "tag", "") if rules.tag_required else "")
            uid = self._owner(accounts, coin, rules, place)
            if uid is None or from_base_units(seen.amount_sat, rules.decimals) < rules.deposit_dust:
                continue
            record = self._record(seen, place, uid, coin, rules, now_ms=now_ms)
            record.confirmations = seen.confirmations
            if not rules.deposit_enabled:
                continue
            if record.credited_ms is None and seen.confirmations >= rules.min_confirm:
                record.wallet = self.wallet_of(accounts[uid])
                accounts[uid].credit(record.wallet, coin, record.amount, now_ms)
                record.credited_ms = now_ms
                record.status = DepositStatus.CREDITED_LOCKED
            if record.credited_ms is not None and seen.confirmations >= rules.unlock_confirm:
                record.status = DepositStatus.SUCCESS

    def _owner(
        self, accounts: dict[int, Account], coin: str, rules: CoinNetwork, place: DepositPlace
    ) -> int | None:
        if not self.credits_sender:
            return self.owners.get((coin, rules.network, place))
        sender = place.tag.lower()
        return next((a.uid for a in accounts.values() for key in a.keys if key.key == sender), None)

    def _record(
        self,
        seen: SeenDeposit,
        place: DepositPlace,
        uid: int,
        coin: str,
        rules: CoinNetwork,
        *,
        now_ms: int,
    ) -> DepositRecord:
        outpoint = (coin, rules.network, seen.txid, seen.vout)
        if outpoint not in self.records:
            label = hashlib.sha256(f"{seen.txid}:{seen.vout}".encode()).hexdigest()
            self.records[outpoint] = DepositRecord(
                id=str(int(label[:15], 16)),
                uid=uid,
                coin=coin,
                network=rules.network,
                address=seen.address,
                tag=place.tag,
                tx_id=seen.txid,
                vout=seen.vout,
                amount=from_base_units(seen.amount_sat, rules.decimals),
                insert_ms=now_ms,
            )
        return self.records[outpoint]

    def of(self, uid: int) -> list[DepositRecord]:
        """An account's deposits, newest first."""
        return [r for r in reversed(self.records.values()) if r.uid == uid]

    def wallet_of(self, account: Account) -> str:
        """Where the account's deposits are credited."""
        return account.deposit_wallet or self.wallet

    def locked(self, uid: int, coin: str, wallet: str = "") -> Decimal:
        """Credited (to one wallet, or to any) but not yet withdrawable."""
        return sum(
            (
                r.amount
                for r in self.records.values()
                if (r.uid, r.coin, wallet or r.wallet) == (uid, coin, r.wallet)
                and r.status is DepositStatus.CREDITED_LOCKED
            ),
            ZERO,
        )
