"""An emulated Kraken, spot and futures, with chains on paper and one account, and the real worker."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.venues.control.client import VenueControl
from emulator.venues.engine.chain_port import Deposit
from emulator.venues.engine.paper_chain import Family, PaperChain
from emulator.venues.kraken.names import account_uid
from emulator.venues.serving.server import VenueServer
from vault.address import network_of, segwit_encode
from vault.config import VenueSettings
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer, WithdrawRequest
from vault.venues.client import VenueClient

TREASURY = "test-treasury"
ACCOUNT = "kraken-main"
NETWORK = "Bitcoin"
COLD_KEY = "cold one"
RIPPLE = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"


def secret(label: str) -> str:
    return base64.b64encode(hashlib.sha512(label.encode()).digest()).decode()


def key_pairs(role: str) -> dict[str, str]:
    return {
        "key": f"kraken-{role}-5c1f0a",
        "secret": secret(f"{role} spot"),
        "futures_key": f"kraken-futures-{role}-9b2e4d",
        "futures_secret": secret(f"{role} futures"),
    }


READ, SEND = key_pairs("read"), key_pairs("withdraw")


def regtest_address(label: str) -> str:
    program = hashlib.sha256(label.encode()).digest()[:20]
    return segwit_encode(network_of("regtest").hrp, 0, program)


COLD = regtest_address("cold")
OTHER, UNCONFIRMED = regtest_address("other"), regtest_address("unconfirmed")


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
class KrakenWorld:
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

    def transfer(self, amount: str = "0.5", way: tuple[str, str] = ("flex", "cash")) -> InternalTransfer:
        return InternalTransfer(*way, Amount.parse(amount, BTC), soon())

    def withdrawals(self) -> list[dict[str, Any]]:
        """What the exchange has recorded, whatever it answered."""
        return list(self.control.state("main")["withdrawals"])

    def sent(self, path: str) -> list[dict[str, Any]]:
        """The raw requests of a path."""
        return [row for row in self.control.requests() if row["path"].endswith(path)]


def soon(seconds: int = 60) -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(seconds=seconds)


def fill(backend: Any, password: str) -> None:
    """Store both keys' pairs in the keyring that the worker opens."""
    backend.keyring_key = password
    for role, secrets in (("read", READ), ("withdraw", SEND)):
        for part, text in secrets.items():
            backend.set_password(f"vault:{TREASURY}", f"venue/{ACCOUNT}/{role}/{part}", text)


def api_keys(secrets: dict[str, str], **rights: object) -> list[dict[str, object]]:
    return [
        {"key": secrets["key"], "secret": secrets["secret"], "realm": "spot", **rights},
        {"key": secrets["futures_key"], "secret": secrets["futures_secret"], "realm": "futures", **rights},
    ]


def addresses() -> list[dict[str, object]]:
    """What is registered for withdrawals."""
    bitcoin = {"coin": "BTC", "network": "Bitcoin"}
    return [
        {**bitcoin, "address": OTHER, "name": "another"},
        {**bitcoin, "address": COLD, "name": COLD_KEY},
        {**bitcoin, "address": UNCONFIRMED, "name": "unconfirmed", "usable": False},
        {"coin": "XRP", "network": "Ripple", "address": RIPPLE, "tag": "12345", "name": "ripple desk"},
    ]


@contextmanager
def kraken_world() -> Iterator[KrakenWorld]:
    """Two bitcoin and 20,000 dollars as margin, a hundred bitcoin and some ripple to withdraw."""
    bitcoin, ripple = Bitcoin(), PaperChain("XRP", Family.XRP)
    with VenueServer("kraken", chain=bitcoin, chains={("XRP", "Ripple"): ripple}) as server:
        control = VenueControl(server.url)
        uid = control.create_account(
            "main",
            keys=[
                *api_keys(READ, transfer=False),
                *api_keys(SEND, withdraw=True, ip_list=["127.0.0.1"]),
            ],
            wallets={
                "flex": {"BTC": "2.5", "USD": "20000"},
                "cash": {"BTC": "1"},
                "spot": {"BTC": "100", "XRP": "1000"},
            },
            positions=[{"symbol": "PF_XBTUSD", "quantity": "3", "entry_price": "59000", "leverage": 10}],
        )
        control.call("whitelist", account="main", on=True, entries=addresses())
        settings = VenueSettings(
            name=ACCOUNT,
            exchange="kraken",
            account_uid=account_uid(uid),
            url=server.url,
            timeout_seconds=1,
        )
        with VenueClient(TREASURY, settings) as client:
            yield KrakenWorld(server, control, bitcoin, ripple, settings, client)
