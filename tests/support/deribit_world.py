"""An emulated Deribit with a bitcoin chain and chains on paper, one account, and the real worker for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from vault.money import BTC, Amount
from vault.venues import client as venue_client
from vault.venues.base import WithdrawRequest
from vault.venues.client import VenueClient

TREASURY = "test-treasury"
ACCOUNT = "deribit-main"
SEND = "private/withdraw"
HISTORY = "private/get_withdrawals"
READ_KEY = {"key": "drb-read-5c1f0a", "secret": "drb-read-secret-77aa01"}
SEND_KEY = {"key": "drb-send-9b2e4d", "secret": "drb-send-secret-88bb02"}
FEE = Amount.parse("0.00001229", BTC)
ETHER = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"


def regtest_address(label: str) -> str:
    program = hashlib.sha256(label.encode()).digest()[:20]
    return segwit_encode(network_of("regtest").hrp, 0, program)


COLD = regtest_address("cold")


@dataclass
class Bitcoin:
    """A chain port that keeps what it is told."""

    paid: list[tuple[str, int]] = field(default_factory=list)
    seen: list[Deposit] = field(default_factory=list)

    def new_deposit_address(self) -> str:
        return regtest_address("deposit")

    def pay(self, address: str, amount_sat: int, tag: str = "", /) -> str:
        self.paid.append((address, amount_sat))
        return hashlib.sha256(f"{len(self.paid)} {address}".encode()).hexdigest()

    def deposits(self) -> list[Deposit]:
        return list(self.seen)

    def confirmations(self, txid: str) -> int | None:
        return 0

    def receive(self, address: str, units: int, confirmations: int) -> str:
        """Replaces what was received before: one deposit, ever deeper."""
        self.seen = [Deposit("ab" * 32, 0, address, units, confirmations)]
        return "ab" * 32


@dataclass
class DeribitWorld:
    server: VenueServer
    control: VenueControl
    bitcoin: Bitcoin
    settings: VenueSettings
    client: VenueClient

    def open(self, **changes: Any) -> VenueClient:
        """Another client, with the settings changed."""
        return VenueClient(TREASURY, VenueSettings(**{**self.settings.model_dump(), **changes}))

    def request(self, net: str = "0.25", client_id: str = "intent-0001", **changes: Any) -> WithdrawRequest:
        """`net` is what the address receives; the fee comes on top."""
        fields: dict[str, Any] = {
            "client_id": client_id,
            "asset": "BTC",
            "amount": Amount.parse(net, BTC) + FEE,
            "network": "BTC",
            "address": COLD,
            "tag": "",
            "bitcoin_network": "regtest",
            "not_after": soon(),
            "fee": FEE,
        }
        return WithdrawRequest(**{**fields, **changes})

    def withdrawals(self) -> list[dict[str, Any]]:
        """What the exchange has recorded, whatever it answered."""
        return list(self.control.state("main")["withdrawals"])

    def sends(self) -> list[dict[str, Any]]:
        """Every request for a withdrawal that reached the exchange."""
        return [row for row in self.control.requests(path=SEND) if row["path"].endswith(SEND)]

    def allow(self, *entries: dict[str, Any]) -> None:
        """Replace the address book."""
        self.control.call("whitelist", account="main", entries=list(entries))


def soon(seconds: int = 60) -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(seconds=seconds)


def fill(backend: Any, password: str) -> None:
    """Store both keys in the keyring that the worker opens."""
    backend.keyring_key = password
    for role, secrets in (("read", READ_KEY), ("withdraw", SEND_KEY)):
        for part, text in secrets.items():
            backend.set_password(f"vault:{TREASURY}", f"venue/{ACCOUNT}/{role}/{part}", text)


def use_worker(warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients start a worker that finds both keys in the keyring of its environment."""
    from quick_keyring import QuickCryptFileKeyring

    fill(QuickCryptFileKeyring(), "only for tests")
    monkeypatch.setattr(venue_client, "_start", warm.worker)


@contextmanager
def deribit_world(mode: str = "segregated_sm") -> Iterator[DeribitWorld]:
    """Two hundred bitcoin and 300,000 USDC, a position in each, and one cold address for each."""
    bitcoin, dollars = Bitcoin(), PaperChain("USDC", Family.EVM)
    with VenueServer("deribit", chain=bitcoin, chains={("USDC", "USDC"): dollars}) as server:
        control = VenueControl(server.url)
        uid = control.create_account(
            "main",
            mode=mode,
            keys=[{**READ_KEY}, {**SEND_KEY, "withdraw": True, "ip_list": ["127.0.0.1"]}],
            wallets={"margin": {"BTC": "200", "USDC": "300000"}},
            positions=[
                {"symbol": "BTC-PERPETUAL", "quantity": "50000", "entry_price": "80000"},
                {"symbol": "BTC_USDC-PERPETUAL", "quantity": "-1.5", "entry_price": "101000"},
            ],
        )
        settings = VenueSettings(
            name=ACCOUNT,
            exchange="deribit",
            account_uid=str(uid),
            url=server.url,
            timeout_seconds=1,
            margin_currency="" if mode == "cross_sm" else "BTC",
        )
        with VenueClient(TREASURY, settings) as client:
            world = DeribitWorld(server, control, bitcoin, settings, client)
            world.allow(
                {"coin": "BTC", "network": "BTC", "address": COLD, "name": "cold"},
                {"coin": "USDC", "network": "USDC", "address": ETHER, "name": "cold"},
            )
            yield world
