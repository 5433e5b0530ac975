"""A world for the venue rooms: emulated exchange, fake chain, encrypted keyring, the real worker."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.engine.chain_port import Deposit
from emulator.venues.serving.server import VenueServer
from tests.support.warm_server import WarmServer, warm_server
from vault.address import network_of, segwit_encode
from vault.config import VenueSettings
from vault.money import BTC, Amount
from vault.venues import client as venue_client
from vault.venues.base import WithdrawRequest
from vault.venues.client import VenueClient

TREASURY = "test-treasury"
PASSWORD = "only for tests"
READ_KEY, READ_SECRET = "read-key-5c1f0a", "read-secret-77aa01"
WITHDRAW_KEY, WITHDRAW_SECRET = "withdraw-key-9b2e4d", "withdraw-secret-88bb02"
SECRETS = (READ_KEY, READ_SECRET, WITHDRAW_KEY, WITHDRAW_SECRET)


def regtest_address(label: str) -> str:
    program = hashlib.sha256(label.encode()).digest()[:20]
    return segwit_encode(network_of("regtest").hrp, 0, program)


COLD_ADDRESS = regtest_address("cold")


@dataclass
class FakeChain:
    """A chain port that keeps what it is told; confirmations are set by the test."""

    paid: list[tuple[str, int]] = field(default_factory=list)
    seen: list[Deposit] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def new_deposit_address(self) -> str:
        return regtest_address(f"deposit {len(self.seen)} {id(self)}")

    def pay(self, address: str, amount_sat: int) -> str:
        with self.lock:
            self.paid.append((address, amount_sat))
            return hashlib.sha256(f"{len(self.paid)} {address}".encode()).hexdigest()

    def deposits(self) -> list[Deposit]:
        return list(self.seen)

    def confirmations(self, txid: str) -> int | None:
        return self.depth.get(txid, 0)


def fill(backend: Any, *accounts: str) -> None:
    """Store the keys of these accounts, of both without any."""
    backend.keyring_key = PASSWORD
    for account in accounts or ("binance-main", "binance-second"):
        for role, key, secret in (
            ("read", READ_KEY, READ_SECRET),
            ("withdraw", WITHDRAW_KEY, WITHDRAW_SECRET),
        ):
            backend.set_password(f"vault:{TREASURY}", f"venue/{account}/{role}/key", key)
            backend.set_password(f"vault:{TREASURY}", f"venue/{account}/{role}/secret", secret)


@dataclass
class World:
    """One exchange with one account, and the client that talks to it."""

    server: VenueServer
    control: VenueControl
    chain: FakeChain
    uid: str
    settings: VenueSettings
    client: VenueClient
    address: str = COLD_ADDRESS
    treasury: str = TREASURY
    secrets: tuple[str, ...] = (*SECRETS, PASSWORD)
    fill: Callable[..., None] = fill
    withdraw_key: str = WITHDRAW_KEY

    def soon(self, seconds: int = 60) -> datetime:
        return soon(seconds)

    def open(self, **changes: Any) -> VenueClient:
        """Another client, with the settings changed."""
        return VenueClient(TREASURY, VenueSettings(**{**self.settings.model_dump(), **changes}))

    def request(
        self, amount: str | Amount = "0.25", client_id: str = "intent-0001", **changes: Any
    ) -> WithdrawRequest:
        fields: dict[str, Any] = {
            "client_id": client_id,
            "asset": "BTC",
            "amount": amount if isinstance(amount, Amount) else Amount.parse(amount, BTC),
            "network": "BTC",
            "address": COLD_ADDRESS,
            "tag": "",
            "bitcoin_network": "regtest",
            "not_after": soon(),
        }
        return WithdrawRequest(**{**fields, **changes})

    def withdrawals(self) -> list[dict[str, Any]]:
        """What the exchange has recorded, whatever it answered."""
        return list(self.control.state("trading")["withdrawals"])


def soon(seconds: int = 60) -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def keyring_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An encrypted file keyring that the worker, a process of its own, opens too.

    Not for the session: other modules' processes must not inherit this environment.
    """
    folder = tmp_path_factory.mktemp("keyring")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEYRING_CRYPTFILE_PASSWORD", PASSWORD)
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("PYTHON_KEYRING_BACKEND", "quick_keyring.QuickCryptFileKeyring")
        patch.syspath_prepend(str(Path(__file__).parent))
        from quick_keyring import QuickCryptFileKeyring

        fill(QuickCryptFileKeyring())
        yield folder


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmServer]:
    with warm_server() as server:
        yield server


@pytest.fixture
def world(keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(venue_client, "_start", warm.worker)
    chain = FakeChain()
    with VenueServer("binance", chain=chain) as server:
        control = VenueControl(server.url)
        uid = control.create_account(
            "trading",
            keys=[
                {"key": READ_KEY, "secret": READ_SECRET},
                {"key": WITHDRAW_KEY, "secret": WITHDRAW_SECRET, "withdraw": True, "ip_list": ["127.0.0.1"]},
            ],
            wallets={"spot": {"BTC": "100"}, "futures": {"BTC": "2.5", "USDT": "20000"}},
            positions=[{"symbol": "BTCUSDT", "quantity": "3", "entry_price": "79000", "leverage": 10}],
        )
        settings = VenueSettings(
            name="binance-main", exchange="binance", account_uid=str(uid), url=server.url, timeout_seconds=1
        )
        with VenueClient(TREASURY, settings) as client:
            yield World(server, control, chain, str(uid), settings, client)
