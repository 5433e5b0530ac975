"""An emulated OKX with chains on paper and one account, and the real worker that talks to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.venues.control.client import VenueControl
from emulator.venues.engine.chain_port import Deposit
from emulator.venues.engine.paper_chain import Family, PaperChain
from emulator.venues.serving.server import VenueServer
from vault.address import network_of, segwit_encode
from vault.config import VenueSettings
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer, WithdrawRequest
from vault.venues.client import VenueClient

TREASURY = "test-treasury"
ACCOUNT = "okx-main"
NETWORK = "BTC-Bitcoin"
READ = {"key": "okx-read-5c1f0a", "secret": "okx-read-secret-77aa01", "password": "okx-read-phrase-31"}
SEND = {"key": "okx-send-9b2e4d", "secret": "okx-send-secret-88bb02", "password": "okx-send-phrase-42"}


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
        return regtest_address(f"deposit {len(self.seen)}")

    def pay(self, address: str, amount_sat: int) -> str:
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
class OkxWorld:
    server: VenueServer
    control: VenueControl
    bitcoin: Bitcoin
    ripple: PaperChain
    settings: VenueSettings
    client: VenueClient

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
            "network": NETWORK,
            "address": COLD,
            "tag": "",
            "bitcoin_network": "regtest",
            "not_after": soon(),
        }
        return WithdrawRequest(**{**fields, **changes})

    def transfer(self, amount: str = "0.5", *, back: bool = False) -> InternalTransfer:
        source, target = ("funding", "trading") if back else ("trading", "funding")
        return InternalTransfer(source, target, Amount.parse(amount, BTC), soon())

    def withdrawals(self) -> list[dict[str, Any]]:
        """What the exchange has recorded, whatever it answered."""
        return list(self.control.state("main")["withdrawals"])


def soon(seconds: int = 60) -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(seconds=seconds)


def fill(backend: Any, password: str) -> None:
    """Store both keys in the keyring that the worker opens."""
    backend.keyring_key = password
    for role, secrets in (("read", READ), ("withdraw", SEND)):
        for part, text in secrets.items():
            backend.set_password(f"vault:{TREASURY}", f"venue/{ACCOUNT}/{role}/{part}", text)


def api_key(secrets: dict[str, str], **rights: object) -> dict[str, object]:
    return {
        "key": secrets["key"],
        "secret": secrets["secret"],
        "passphrase": secrets["password"],
        **rights,
    }


@contextmanager
def okx_world(mode: str = "multi_currency") -> Iterator[OkxWorld]:
    """Two bitcoin and 11 million tether as margin, ten bitcoin and some ripple to withdraw."""
    bitcoin, ripple = Bitcoin(), PaperChain("XRP", Family.XRP)
    with VenueServer("okx", chain=bitcoin, chains={("XRP", "XRP-Ripple"): ripple}) as server:
        control = VenueControl(server.url)
        uid = control.create_account(
            "main",
            mode=mode,
            keys=[
                api_key(READ, transfer=False),
                api_key(SEND, withdraw=True, ip_list=["127.0.0.1"]),
            ],
            wallets={
                "trading": {"BTC": "2", "USDT": "11000000"},
                "funding": {"BTC": "100", "XRP": "1000"},
            },
            positions=[
                {"symbol": "BTC-USDT-SWAP", "quantity": "100", "entry_price": "59000", "leverage": 10}
            ],
        )
        settings = VenueSettings(
            name=ACCOUNT, exchange="okx", account_uid=str(uid), url=server.url, timeout_seconds=1
        )
        with VenueClient(TREASURY, settings) as client:
            yield OkxWorld(server, control, bitcoin, ripple, settings, client)
