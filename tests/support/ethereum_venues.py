"""Exchanges whose ether and dollars go over one emulated Ethereum, and a treasury that withdraws there.

Everything is real but the signatures on policy and book: exchange servers, the venue worker, the node, the
store, and the treasury's own functions for sending and settling.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from eth_keys import keys

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import SAFE_MULTISEND_CALL_ONLY, USDC, USDT, calldata, mint, prepare
from emulator.chains.ethereum.hexes import hashed, parse_address
from emulator.chains.ethereum.hot_wallet import EthereumPort
from emulator.chains.ethereum.server import EthereumServer
from emulator.chains.ethereum.transaction import sign
from emulator.scenario_accounts import (
    KeyPair,
    account_uid,
    allow_on_ethereum,
    ethereum_networks,
    open_account,
    profile,
)
from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from vault.canonical import canonical_json
from vault.clock import SystemClock, to_iso
from vault.codec import encode
from vault.config import load_treasury
from vault.evm.address import checksum_address
from vault.money import Amount, asset_of
from vault.store import records
from vault.store.database import Store
from vault.store.records import IntentRow, PlanRow
from vault.treasury import execute, settle_withdrawal
from vault.treasury.desk import Desk
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer
from vault.treasury.steps import ensure_intents
from vault.venues.traits import traits_of

EXCHANGES: Final = ("binance", "bybit", "okx", "deribit", "kraken")
ASSETS: Final = ("USDC", "USDT", "ETH")
TOKENS: Final = {"USDC": USDC, "USDT": USDT, "ETH": None}
STOCK: Final = {"USDC": 10**13, "USDT": 10**13, "ETH": 5_000 * 10**18}
HELD: Final = {"USDC": "100000", "USDT": "100000", "ETH": "200"}
ASKED: Final = {"USDC": "1234.567890", "USDT": "2345.678900", "ETH": "1.23456789"}
DEPTH: Final = 3
NETWORK: Final = "eip155:1"
TREASURY: Final = "tokens"
PASSWORD: Final = "only for tests"
QUICK_KEYRING: Final = Path(__file__).resolve().parents[1] / "integration" / "venues"
COLD: Final = checksum_address(hashed(b"cold")[12:])

_CONFIG = """\
schema = 1
treasury_id = "tokens"
emulated = true

[bitcoin]
network = "regtest"
esplora = "http://127.0.0.1:9"
confirmations = 2

[[chain]]
name = "ethereum"
id = 1
rpc = "{rpc}"
confirmations = {depth}
"""
_VENUE = """
[[venue]]
name = "{exchange}"
exchange = "{exchange}"
account_uid = "{uid}"
url = "{url}"
history_lag_seconds = 0
"""


def amount(asset: str, text: str) -> Amount:
    return Amount.parse(text, asset_of(asset))


@dataclass
class TokenBench:
    """The chain, the exchanges on it, and a new desk for each test (`fresh`)."""

    chain: EthereumChain
    node: EthereumServer
    servers: dict[str, VenueServer]
    hot_keys: dict[str, str]
    uids: dict[str, str]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def control(self, exchange: str) -> VenueControl:
        return VenueControl(self.servers[exchange].url)

    def place(self, exchange: str, asset: str) -> str:
        """The exchange's code for the asset on Ethereum."""
        return dict(ethereum_networks(exchange))[asset]

    def port(self, exchange: str, asset: str) -> Any:
        return self.servers[exchange].venue.chains[asset, self.place(exchange, asset)]

    def tick(self, exchange: str, times: int = 1) -> None:
        for _ in range(times):
            self.servers[exchange].venue.pump()

    def cold(self) -> str:
        """A new address of nobody's."""
        return checksum_address(hashed(f"cold {next(self.numbers)}".encode())[12:])

    def allow(self, exchange: str, address: str) -> None:
        """Register the address for every asset, in place of any other."""
        places = {asset: (address, f"cold {asset}") for asset in ASSETS}
        allow_on_ethereum(self.control(exchange), "main", exchange, places)

    def holds(self, asset: str, address: str) -> int:
        token = TOKENS[asset]
        if token is None:
            return self.chain.balance(address)
        return int.from_bytes(self.chain.call(token, calldata("balanceOf(address)", address)), "big")

    def record(self, exchange: str) -> Any:
        """The last withdrawal of the exchange, as it keeps it: a test may make it say something else."""
        return self.servers[exchange].venue.withdrawals.records[-1]


@dataclass
class TokenDesk:
    """One treasury with its store."""

    bench: TokenBench
    desk: Desk
    made: Iterator[int] = field(default_factory=lambda: count(1))

    def plan(self, exchange: str, *payments: tuple[str, str, str], network: str = NETWORK) -> Plan:
        """A plan of withdrawals (asset, what the venue is asked for, address), on its way already."""
        self.bench.allow(exchange, payments[0][2])
        transfers = tuple(
            self._transfer(number, exchange, *payment, network=network)
            for number, payment in enumerate(payments, start=1)
        )
        now = self.desk.clock.now()
        plan = Plan.of(
            PlanBody(
                PLAN_SCHEMA, TREASURY, "regtest", now, now + timedelta(minutes=30), "default",
                next(self.made), "1" * 64, 1, "2" * 64, "3" * 64, "4" * 64, 1, (), transfers,
            )
        )  # fmt: skip
        body = canonical_json(encode(plan.body))
        row = PlanRow(plan.plan_id, plan.digest, to_iso(now), to_iso(plan.body.expires_at), "sending", body)
        with self.desk.store.write() as writer:
            records.save_plan(writer, row)
        ensure_intents(self.desk.store, plan)
        return plan

    def _transfer(
        self, number: int, exchange: str, asset: str, asked: str, address: str, *, network: str
    ) -> Transfer:
        place = self.bench.place(exchange, asset)
        info = self.desk.venues.network_info(exchange, asset, place)
        rule = traits_of(exchange).fee
        wanted = amount(asset, asked).quantise_down(info.step)
        return Transfer(
            number=number,
            action="sweep",
            kind="venue_withdrawal",
            source=exchange,
            venue_account=exchange,
            network=network,
            venue_network=place,
            payments=(Payment("cold-1", address, wanted if rule == "added" else wanted - info.fee),),
            fee=info.fee,
            fee_rule=rule,
        )

    def step(self, plan: Plan, transfer: int = 1) -> IntentRow:
        with self.desk.store.read() as connection:
            return next(
                each for each in records.intents(connection, plan.plan_id) if each.transfer == transfer
            )

    def send(self, plan: Plan, transfer: int = 1) -> IntentRow:
        execute._send_withdrawal(self.desk, plan, plan.transfer(transfer), self.step(plan, transfer))
        return self.step(plan, transfer)

    def settle(self, plan: Plan, transfer: int = 1) -> IntentRow:
        """As `reconcile` does; raises what it would note."""
        step = self.step(plan, transfer)
        return settle_withdrawal.settle_withdrawal(self.desk, plan.transfer(transfer), step)

    def paid(self, plan: Plan, exchange: str, transfer: int = 1) -> str:
        """Send, let the exchange pay, and return the transaction's id."""
        self.send(plan, transfer)
        self.bench.tick(exchange, 2)
        txid = str(self.bench.record(exchange).tx_id)
        assert txid, self.bench.record(exchange).info
        return txid


class Payer:
    """Somebody with ether who signs what a test wants on chain."""

    def __init__(self, chain: EthereumChain, name: str) -> None:
        self.chain = chain
        self.key = keys.PrivateKey(hashed(name.encode()))
        self.address = self.key.public_key.to_checksum_address()
        chain.fund(self.address, 5_000 * 10**18)

    def send(self, to: str, *, value: int = 0, data: bytes = b"") -> str:
        """In a block of its own; it may fail there."""
        raw = self.signed(to, value=value, data=data)
        self.chain.mine(transactions=[raw], include_mempool=False)
        return "0x" + hashed(raw).hex()

    def pay(self, asset: str, to: str, units: int) -> str:
        token = TOKENS[asset]
        if token is None:
            return self.send(to, value=units)
        return self.send(token, data=calldata("transfer(address,uint256)", to, units))

    def batch(self, asset: str, payments: Sequence[tuple[str, int]], *beside: bytes) -> str:
        """Several payments in one transaction, by a contract that calls for others.

        What is signed already and to be in the same block stands `beside`.
        """
        token, calls = TOKENS[asset], b""
        for to, units in payments:
            target, value, data = to, units, b""
            if token is not None:
                target, value, data = token, 0, calldata("transfer(address,uint256)", to, units)
            calls += b"\0" + parse_address(target) + value.to_bytes(32, "big") + len(data).to_bytes(32, "big")
            calls += data
        whole = sum(units for _, units in payments)
        if token is not None:
            mint(self.chain, token, SAFE_MULTISEND_CALL_ONLY, whole)
        order = calldata("multiSend(bytes)", calls)
        raw = self.signed(SAFE_MULTISEND_CALL_ONLY, value=0 if token else whole, data=order)
        self.chain.mine(transactions=[*beside, raw], include_mempool=False)
        return "0x" + hashed(raw).hex()

    def signed(self, to: str, *, value: int = 0, data: bytes = b"") -> bytes:
        return sign(
            self.key,
            chain_id=self.chain.chain_id,
            nonce=self.chain.nonce(self.address),
            to=parse_address(to),
            value=value,
            data=data,
            gas=1_000_000,
            max_fee=3 * 10**9,
            max_tip=10**9,
        )


def _key(exchange: str, role: str) -> KeyPair:
    parts = {name: f"{exchange}-{role}-{name}" for name in KeyPair.__slots__}
    if exchange == "kraken":
        for name in ("secret", "futures_secret"):
            parts[name] = base64.b64encode(parts[name].encode()).decode()
    wanted = traits_of(exchange).secrets
    return KeyPair(**{name: text for name, text in parts.items() if name in wanted})


@contextmanager
def token_bench() -> Iterator[TokenBench]:
    """Five exchanges with an account each, whose withdrawals of ETH, USDC and USDT go over one chain."""
    with ExitStack() as stack:
        chain = EthereumChain()
        prepare(chain)
        node = stack.enter_context(EthereumServer(chain))
        bench = TokenBench(chain, node, {}, {}, {})
        for exchange in EXCHANGES:
            _open(bench, stack, exchange)
        yield bench


def _open(bench: TokenBench, stack: ExitStack, exchange: str) -> None:
    server = stack.enter_context(VenueServer(exchange))
    bench.servers[exchange] = server
    for asset, code in ethereum_networks(exchange):
        port = EthereumPort(bench.chain, exchange.encode(), token=TOKENS[asset])
        server.venue.chains[asset, code] = port
        network = server.venue.network(asset, code)
        network.withdraw_enabled = network.deposit_enabled = True
        network.min_confirm, network.unlock_confirm = 2, 4
        bench.hot_keys[exchange] = port.funding_address
    server.venue.withdrawals.settings.spacing_ms = 0
    for asset, units in STOCK.items():
        token = TOKENS[asset]
        if token is None:
            bench.chain.fund(bench.hot_keys[exchange], units)
        else:
            mint(bench.chain, token, bench.hot_keys[exchange], units)
    control = VenueControl(server.url)
    pairs = {role: _key(exchange, role) for role in ("read", "withdraw")}
    uid = open_account(control, exchange, "main", read=pairs["read"], withdraw=pairs["withdraw"], margin={})
    wallet = profile(exchange).withdraw_wallet
    for asset, held in HELD.items():
        control.call("credit", account="main", wallet=wallet, asset=asset, amount=held)
    bench.uids[exchange] = account_uid(exchange, uid)


@contextmanager
def keyring_of_venues(folder: Path) -> Iterator[None]:
    """An encrypted file keyring with the accounts' keys, that the worker, a process of its own, opens too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEYRING_CRYPTFILE_PASSWORD", PASSWORD)
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        patch.setenv("PYTHONPATH", str(QUICK_KEYRING))
        patch.setenv("PYTHON_KEYRING_BACKEND", "quick_keyring.QuickCryptFileKeyring")
        patch.syspath_prepend(str(QUICK_KEYRING))
        from quick_keyring import QuickCryptFileKeyring

        backend = QuickCryptFileKeyring()
        backend.keyring_key = PASSWORD
        for exchange in EXCHANGES:
            for role in ("read", "withdraw"):
                for part, text in _key(exchange, role).parts().items():
                    backend.set_password(f"vault:{TREASURY}", f"venue/{exchange}/{role}/{part}", text)
        yield


@contextmanager
def token_desk(bench: TokenBench, folder: Path, venues: Any = None, more: str = "") -> Iterator[TokenDesk]:
    """A treasury of its own; `venues` is the client of another one, whose worker runs already."""
    text = _CONFIG.format(rpc=bench.node.url, depth=DEPTH) + more
    for exchange in EXCHANGES:
        url = bench.servers[exchange].url
        text += _VENUE.format(exchange=exchange, uid=bench.uids[exchange], url=url)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "treasury.toml").write_text(text, encoding="utf-8")
    treasury = load_treasury(folder / "treasury.toml")
    Store.open(treasury.store_url, TREASURY, SystemClock(), create=True).close()
    with Desk(treasury) as desk:
        if venues is not None:
            desk._venues = venues
        yield TokenDesk(bench, desk)


def said(step: IntentRow, **facts: str) -> IntentRow:
    """A step with facts as something else would have written them."""
    return replace(step, body=canonical_json({**step.facts, **facts}))
