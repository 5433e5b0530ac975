"""An emulated Bybit with one account, its keys in a keyring, and the client whose worker talks to it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.engine.chain_port import Deposit
from emulator.venues.engine.paper_chain import Family, PaperChain
from emulator.venues.serving.server import VenueServer
from tests.support.warm_server import WarmServer
from vault.address import network_of, segwit_encode
from vault.config import VenueSettings
from vault.money import BTC, Amount, asset_of
from vault.venues import client as venue_client
from vault.venues.base import InternalTransfer, WithdrawalSearch, WithdrawRequest
from vault.venues.client import VenueClient

ACCOUNT = "bybit-main"
KEYS = {
    "read": ("bybit-read-key-41", "bybit-read-secret-52"),
    "withdraw": ("bybit-withdraw-key-63", "bybit-withdraw-secret-74"),
}
CREATE, RECORDS = "/v5/asset/withdraw/create", "/v5/asset/withdraw/query-record"
MOVE, MOVES = "/v5/asset/transfer/inter-transfer", "/v5/asset/transfer/query-inter-transfer-list"


def regtest_address(label: str) -> str:
    program = hashlib.sha256(label.encode()).digest()[:20]
    return segwit_encode(network_of("regtest").hrp, 0, program)


COLD = regtest_address("bybit cold")
RIPPLE_ADDRESS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"  # of the ledger's first account


@dataclass
class PaidChain:
    """A chain port that keeps what it is told to pay; depths are set by the test."""

    paid: list[tuple[str, int]] = field(default_factory=list)
    seen: list[Deposit] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def new_deposit_address(self) -> str:
        return regtest_address("bybit deposit")

    def pay(self, address: str, amount_sat: int, tag: str = "", /) -> str:
        with self.lock:
            self.paid.append((address, amount_sat))
            txid = hashlib.sha256(f"{len(self.paid)} {address}".encode()).hexdigest()
            self.depth[txid] = 0
            return txid

    def deposits(self) -> list[Deposit]:
        return list(self.seen)

    def confirmations(self, txid: str) -> int | None:
        return self.depth.get(txid)

    def receive(self, address: str, amount_sat: int, confirmations: int) -> str:
        txid = hashlib.sha256(f"deposit {len(self.seen)}".encode()).hexdigest()
        self.seen.append(Deposit(txid, 0, address, amount_sat, confirmations))
        return txid

    def confirm(self, confirmations: int) -> None:
        self.seen = [replace(deposit, confirmations=confirmations) for deposit in self.seen]
        self.depth = dict.fromkeys(self.depth, confirmations)


def fill(backend: Any, treasury: str) -> None:
    """Store both keys of the account."""
    for role, (key, secret) in KEYS.items():
        backend.set_password(f"vault:{treasury}", f"venue/{ACCOUNT}/{role}/key", key)
        backend.set_password(f"vault:{treasury}", f"venue/{ACCOUNT}/{role}/secret", secret)


def create_account(control: VenueControl, mode: str | None = None) -> str:
    """1.5 BTC and 20,000 USDT of margin, 100 BTC and 1,000 XRP in the funding wallet, three positions."""
    read, withdraw = KEYS["read"], KEYS["withdraw"]
    uid = control.create_account(
        "trading",
        keys=[
            {"key": read[0], "secret": read[1], "transfer": False},
            {"key": withdraw[0], "secret": withdraw[1], "withdraw": True, "ip_list": ["127.0.0.1"]},
        ],
        wallets={
            "unified": {"BTC": "1.5", "USDT": "20000", "USDC": "500"},
            "funding": {"BTC": "100", "XRP": "1000"},
        },
        positions=[
            {"symbol": "BTCUSDT", "quantity": "0.5", "entry_price": "79000", "leverage": 10},
            {"symbol": "BTCPERP", "quantity": "-0.1", "entry_price": "81000", "leverage": 20},
            {"symbol": "BTCUSD", "quantity": "4000", "entry_price": "78000", "leverage": 5},
        ],
        mode=mode,
    )
    return str(uid)


def settings_for(server: VenueServer, uid: str) -> VenueSettings:
    return VenueSettings(name=ACCOUNT, exchange="bybit", account_uid=uid, url=server.url, timeout_seconds=1)


@dataclass
class BybitWorld:
    server: VenueServer
    control: VenueControl
    chain: PaidChain
    ripple: PaperChain
    uid: str
    settings: VenueSettings
    client: VenueClient

    def request(
        self, amount: str | Amount = "0.25", client_id: str = "intent-0001", **changes: Any
    ) -> WithdrawRequest:
        fields: dict[str, Any] = {
            "client_id": client_id,
            "asset": "BTC",
            "amount": amount if isinstance(amount, Amount) else Amount.parse(amount, BTC),
            "network": "BTC",
            "address": COLD,
            "tag": "",
            "bitcoin_network": "regtest",
            "not_after": soon(),
        }
        return WithdrawRequest(**{**fields, **changes})

    def ripple_request(self, amount: str = "25.5", tag: str = "7", **changes: Any) -> WithdrawRequest:
        """A withdrawal on a chain whose accounts share addresses, told apart by tags."""
        self.control.network("XRP", withdraw_enabled=True, deposit_enabled=True)
        told = {"asset": "XRP", "network": "XRP", "address": RIPPLE_ADDRESS, "tag": tag}
        return self.request(Amount.parse(amount, asset_of("XRP")), **{**told, **changes})

    def transfer(self, amount: str = "0.25") -> InternalTransfer:
        return InternalTransfer("unified", "funding", Amount.parse(amount, BTC), soon())

    def search(self, request: WithdrawRequest) -> WithdrawalSearch:
        return self.client.search_withdrawal(ACCOUNT, request, soon(-300))

    def recorded(self) -> list[dict[str, Any]]:
        """The withdrawals the exchange has recorded, whatever it answered."""
        return list(self.control.state("trading")["withdrawals"])

    def sent(self, path: str) -> list[dict[str, Any]]:
        return list(self.control.requests(method="POST", path=path))

    def at_once(self) -> None:
        """Let withdrawals follow each other without the ten seconds between them."""
        self.server.venue.withdrawals.settings.spacing_ms = 0


def soon(seconds: int = 60) -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(seconds=seconds)


@contextmanager
def bybit_world(
    treasury: str, backend: Any, warm: WarmServer, monkeypatch: pytest.MonkeyPatch, mode: str | None = None
) -> Iterator[BybitWorld]:
    """A running server, its keys in `backend`, and a client whose worker is forked from the warm one."""
    fill(backend, treasury)
    monkeypatch.setattr(venue_client, "_start", warm.worker)
    chain, ripple = PaidChain(), PaperChain("XRP", Family.XRP)
    with VenueServer("bybit", chain=chain, chains={("XRP", "XRP"): ripple}) as server:
        control = VenueControl(server.url)
        uid = create_account(control, mode)
        settings = settings_for(server, uid)
        with VenueClient(treasury, settings) as client:
            yield BybitWorld(server, control, chain, ripple, uid, settings, client)
