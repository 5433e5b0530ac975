"""An emulated Hyperliquid with one account, software keys for its actions, and the worker's own calls."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from coincurve import PrivateKey

from emulator.venues.control.client import VenueControl
from emulator.venues.engine.chain_port import ChainPort
from emulator.venues.engine.paper_chain import Family, PaperChain
from emulator.venues.serving.server import VenueServer
from tests.support.ccxt_hosts import rewrite_hosts
from vault.clock import SystemClock
from vault.codec import decode, encode
from vault.config import VenueSettings
from vault.errors import VaultError
from vault.ethereum.hyperliquid.actions import Action, SignedAction, Withdraw, typed_data
from vault.evm.address import checksum_address
from vault.evm.hashing import keccak
from vault.evm.transaction import EthereumSignature
from vault.money import USDC, Amount
from vault.venues import protocol
from vault.venues.base import WithdrawRequest
from vault.venues.protocol import error_of
from vault.venues.worker import Worker

ACCOUNT = "hyperliquid-main"
NETWORK = ("USDC", "Arbitrum")
COLD = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
FEE = Amount.parse("1", USDC)
KEY = PrivateKey(b"\x11" * 32)


def address_of(key: PrivateKey) -> str:
    return checksum_address(keccak(key.public_key.format(compressed=False)[1:])[12:])


OWNER = address_of(KEY)


def now_ms() -> int:
    return int(time.time() * 1000)


def signed(action: Action, key: PrivateKey = KEY, chain_id: int = 42161) -> SignedAction:
    """As the owner's device would."""
    raw = key.sign_recoverable(typed_data(action, chain_id).digest(), hasher=None)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    return SignedAction(action, EthereumSignature(raw[64], 27 + raw[64], r, s), chain_id)


def withdrawal(amount: str = "25000.5", to: str = COLD, nonce: int | None = None) -> Withdraw:
    return Withdraw(to, Amount.parse(amount, USDC), now_ms() if nonce is None else nonce)


def request_of(made: SignedAction, **changes: Any) -> WithdrawRequest:
    """What the treasury would ask the venue for, with a deadline a minute ahead."""
    action = made.action
    assert isinstance(action, Withdraw)
    fields: dict[str, Any] = {
        "client_id": "vault-intent-1",
        "asset": "USDC",
        "amount": action.amount,
        "network": "Arbitrum",
        "address": action.destination,
        "tag": "",
        "bitcoin_network": "",
        "not_after": datetime.now(UTC) + timedelta(seconds=60),
        "fee": FEE,
        "signed_action": made.text(),
    }
    return WithdrawRequest(**fields | changes)


@dataclass
class HyperliquidWorld:
    server: VenueServer
    control: VenueControl
    chain: ChainPort
    settings: VenueSettings

    def ask(self, call: protocol.Call[Any, Any], arguments: object = protocol.NoArguments()) -> Any:
        """One call as the worker process answers it; raises its typed error."""
        line = {
            "id": 1,
            "call": call.name,
            "treasury_id": "t",
            "venue": json.loads(self.settings.model_dump_json()),
            "args": encode(arguments),
        }
        answer = Worker(SystemClock()).handle(json.dumps(line))
        if "error" in answer:
            raise error_of(answer["error"])
        return decode(answer["ok"], call.result, what=call.name)

    def withdraw(self, request: WithdrawRequest) -> Any:
        return self.ask(protocol.WITHDRAW, protocol.WithdrawArguments(request))

    def search(self, request: WithdrawRequest) -> Any:
        since = datetime.now(UTC) - timedelta(minutes=10)
        return self.ask(protocol.SEARCH_WITHDRAWAL, protocol.WithdrawalSearchArguments(request, since))

    def refusal(self, request: WithdrawRequest) -> VaultError:
        """The error of a withdrawal that must not go through."""
        try:
            self.withdraw(request)
        except VaultError as error:
            return error
        raise AssertionError("it was accepted")

    def held(self) -> Mapping[str, Any]:
        wallets: Mapping[str, Any] = self.control.state("main")["wallets"]
        return wallets

    def posts(self) -> list[Any]:
        """Every body that reached /exchange."""
        return [json.loads(row["body"]) for row in self.control.requests(path="/exchange")]

    def ccxt(self) -> Any:
        """Unmodified ccxt that reads the account."""
        import ccxt

        exchange = ccxt.hyperliquid({"walletAddress": self.settings.account_uid, "enableRateLimit": False})
        exchange.urls["api"] = rewrite_hosts(exchange.urls["api"], self.server.url)
        return exchange


@contextmanager
def hyperliquid_world(chain: ChainPort | None = None, owner: str = OWNER) -> Iterator[HyperliquidWorld]:
    """100,000 USDC, a long of 0.5 BTC and a short of 100 SOL, both in profit of nothing."""
    port = PaperChain("USDC", Family.EVM) if chain is None else chain
    with VenueServer("hyperliquid", chains={NETWORK: port}) as server:
        control = VenueControl(server.url)
        control.create_account(
            "main",
            keys=[{"key": owner.lower(), "secret": "none"}],
            wallets={"perp": {"USDC": "100000"}, "spot": {"USDC": "250.25"}},
            positions=[
                {"symbol": "BTC", "quantity": "0.5", "entry_price": "98000", "leverage": 10},
                {"symbol": "SOL", "quantity": "-100", "entry_price": "205", "leverage": 5},
            ],
        )
        settings = VenueSettings(
            name=ACCOUNT, exchange="hyperliquid", account_uid=owner, url=server.url, timeout_seconds=5
        )
        yield HyperliquidWorld(server, control, port, settings)
