"""Treasuries with accounts on an emulated Ethereum chain and on emulated devices, without any venue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from coincurve import PrivateKey, PublicKey

from emulator.chains.ethereum.deploy import USDC, USDT
from emulator.device.server import DeviceEmulator
from emulator.device.ui.display import Decision
from emulator.device.ui.screens import Screen
from tests.faults.treasury.bench import ShiftedClock
from tests.faults.treasury.stage import NETWORK
from tests.support.ethereum_chains import RunningChain
from vault.clock import SystemClock
from vault.config import load_treasury
from vault.device.attest import attestation_public_key
from vault.device.connection.keyboard import Keyboard
from vault.device.session import open_device
from vault.evm.address import checksum_address
from vault.evm.hashing import keccak
from vault.money import Amount, asset_of
from vault.policy.book import AddressBook, Entry, dump_book
from vault.store import records
from vault.store.database import Store
from vault.store.records import IntentRow
from vault.treasury import approve, execute, reconcile
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan
from vault.treasury.propose import Proposal
from vault.treasury.requests.ethereum import pay_from_account

MNEMONIC: Final = "all all all all all all all all all all all all"
OTHER: Final = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
HARD: Final = 0x80000000
CONFIRMATIONS: Final = 3
TOKENS: Final = {"USDC": USDC, "USDT": USDT}
ETHER: Final = 10**18
ACTIONS: Final = ("pay", "bump", "cancel", "revoke", "reconfigure")
ADDED: Final = SystemClock().now()
AGREEING: Final = Keyboard(confirm=lambda _address: True)

_POLICY: Final = """\
schema = 1
policy_id = "ethereum"
version = 1
description = "What a person asks for, on Ethereum."

[freshness]
max_age_seconds = 120

[plan]
expires_minutes = 30
approvals_required = 1

[fees]
max_fee = "0.002"
max_fee_rate = "300"
max_fee_share = "0.02"
window_hours = 24
window_amount = "0.005"
window_share = "0.02"
stuck_after_blocks = 6

[address_book]
cooling_hours = 24

[venues]
unsaid = "warn"
independent_price = "wanted"

[[gas]]
chain = 1
max_cost = "0.05"
max_fee_per_gas = "100"
window_amount = "1"
"""


def private_key(mnemonic: str, index: int = 0) -> PrivateKey:
    """The key at m/44'/60'/0'/0/index, derived by a code of the tests."""
    from embit import bip32, bip39

    root = bip32.HDKey.from_seed(bip39.mnemonic_to_seed(mnemonic))
    return PrivateKey(root.derive([44 | HARD, 60 | HARD, HARD, 0, index]).key.serialize())


def address_of(key: PrivateKey | PublicKey) -> str:
    public = key.public_key if isinstance(key, PrivateKey) else key
    return checksum_address(keccak(public.format(compressed=False)[1:])[12:])


@dataclass
class Hand:
    """The person at one device: reads everything and says yes to it, or no."""

    yes: bool = True
    screens: list[Screen] = field(default_factory=list)

    def answer(self, screen: Screen) -> Decision:
        self.screens.append(screen)
        return Decision(self.yes, info=bool(screen.info))

    @property
    def text(self) -> str:
        return " ".join("".join(screen.text for screen in self.screens).split())


@dataclass
class EthereumCase:
    """A treasury at work, and the chain and the devices that it works with."""

    chain: RunningChain
    desk: Desk
    clock: ShiftedClock
    hands: dict[str, Hand]
    devices: dict[str, DeviceEmulator]

    def address(self, account: str) -> str:
        return self.desk.treasury.account(account).address

    def balance(self, asset: str, account: str) -> int:
        """As the chain says, not the program."""
        address = self.address(account)
        if asset == "ETH":
            return int(str(self.chain.rpc("eth_getBalance", address, "latest")), 16)
        return self.chain.token_balance(TOKENS[asset], address)

    def pay(self, account: str, entry: str, amount: str, asset: str) -> Plan:
        return made(pay_from_account(self.desk, account, entry, Amount.parse(amount, asset_of(asset))))

    def approve(self, plan: Plan) -> None:
        approve.approve(self.desk, plan, "alice")

    def sign(self, plan: Plan, device: str | None = None) -> None:
        approve.sign(self.desk, plan, device)

    def send(self, plan: Plan, *, resume: bool = False) -> list[IntentRow]:
        return execute.send(self.desk, plan, resume=resume)

    def out(self, plan: Plan) -> IntentRow:
        """Approved, signed and sent."""
        self.approve(plan)
        self.sign(plan)
        self.send(plan)
        return self.step(plan)

    def reconcile(self) -> list[str]:
        """What was said."""
        return [each.note for each in reconcile.reconcile(self.desk) if each.note]

    def settle(self, plan: Plan) -> IntentRow:
        """Blocks pass until what was sent is as deep as is asked for."""
        self.chain.mine(CONFIRMATIONS)
        self.reconcile()
        return self.step(plan)

    def step(self, plan: Plan, number: int = 1) -> IntentRow:
        with self.desk.store.read() as connection:
            rows = records.intents(connection, plan.plan_id)
        return next(row for row in rows if (row.transfer, row.kind) == (number, "spend"))

    def state(self, plan: Plan) -> str:
        with self.desk.store.read() as connection:
            row = records.find_plan(connection, plan.plan_id)
        assert row is not None
        return row.state


def made(found: Proposal) -> Plan:
    assert found.plan is not None
    return found.plan


@dataclass(frozen=True)
class AccountSpec:
    """An account as it goes into treasury.toml; `more` are lines of its own."""

    name: str
    role: str
    address: str
    more: str = ""


def device_account(name: str, role: str, device: str, mnemonic: str, index: int = 0) -> AccountSpec:
    more = f'device = "{device}"\npath = "m/44\'/60\'/0\'/0/{index}"\n'
    return AccountSpec(name, role, address_of(private_key(mnemonic, index)), more)


def entry(name: str, asset: str, account: AccountSpec) -> Entry:
    purpose: Any = "staging" if account.role == "staging" else "cold"
    return Entry(
        name, asset, "eip155:1", account.address, None, purpose, account.name, None, None, ADDED, True, None
    )


@contextlib.contextmanager
def opened_devices(personas: dict[str, tuple[str, str]]) -> Iterator[dict[str, tuple[DeviceEmulator, Hand]]]:
    """Emulated devices by name, each with its person: (persona, mnemonic)."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name, (persona, mnemonic) in personas.items():
            hand = Hand()
            device = DeviceEmulator(
                mnemonic=mnemonic, persona=persona, mode="interactive", label=name, on_screen=hand.answer
            )
            found[name] = (stack.enter_context(device), hand)
        yield found


@contextlib.contextmanager
def opened_treasury(
    folder: Path,
    chain: RunningChain,
    devices: dict[str, tuple[DeviceEmulator, Hand]],
    accounts: tuple[AccountSpec, ...],
    entries: tuple[Entry, ...],
    *,
    policy: str = "",
    config: str = "",
) -> Iterator[EthereumCase]:
    """A treasury whose documents the first device has signed; nothing of it is Bitcoin.

    `policy` and `config` are what else stands in policy and treasury.toml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first = next(iter(devices))
    text = _config(chain, devices, accounts, first) + config
    (folder / "treasury.toml").write_text(text, encoding="utf-8")
    treasury = load_treasury(folder / "treasury.toml")
    treasury.policy_path.write_text(policy_text() + policy, encoding="utf-8")
    book = AddressBook(1, entries)
    treasury.book_path.write_text(dump_book(book), encoding="utf-8")
    Store.open(treasury.store_url, "ethereum", SystemClock(), create=True).close()
    clock = ShiftedClock()
    with Desk(treasury, clock=clock, keyboard=AGREEING) as desk:
        desk._venues = no_venues()
        sign_documents_of(desk, book)
        hands = {name: hand for name, (_, hand) in devices.items()}
        yield EthereumCase(chain, desk, clock, hands, {name: each for name, (each, _) in devices.items()})


def policy_text() -> str:
    rules = "".join(
        f'\n[[rule]]\nid = "allow-{name}"\neffect = "allow"\naction = "{name}"\n'
        f"when = 'transfer.amount >= 0'\n"
        for name in ACTIONS
    )
    limits = "".join(
        f'\n[[limit]]\nid = "{action}-{asset.lower()}"\naction = "{action}"\nasset = "{asset}"\n'
        f'per_transfer = "1000000"\nwindow_hours = 24\nwindow_amount = "2000000"\n'
        for action in ("pay", "bump", "cancel")
        for asset in ("ETH", "USDC", "USDT")
    )
    return _POLICY + rules + limits


def sign_documents_of(desk: Desk, book: AddressBook) -> None:
    from vault.device.attest import sign_statement
    from vault.treasury import authority

    policy, policy_digest = authority.read_policy(desk.treasury)
    attester = desk.treasury.attester("alice")
    documents: tuple[tuple[authority.DocumentKind, str, int, str], ...] = (
        ("policy", policy.policy_id, policy.version, policy_digest),
        ("address-book", authority.BOOK_NAME, book.version, book.digest()),
    )
    with desk.device(attester.device) as session:
        for kind, name, version, digest in documents:
            statement = authority.document_statement(desk.treasury, kind, name, version, digest)
            signed = sign_statement(session, statement, attester.name, attester.public_key, NETWORK)
            authority.write_signature(authority.document_path(desk.treasury, kind), signed)


def _config(
    chain: RunningChain,
    devices: dict[str, tuple[DeviceEmulator, Hand]],
    accounts: tuple[AccountSpec, ...],
    first: str,
) -> str:
    lines = [
        'schema = 1\ntreasury_id = "ethereum"\nemulated = true\n',
        '[bitcoin]\nnetwork = "regtest"\nesplora = "http://127.0.0.1:9"\n',
        f'[[chain]]\nname = "mainnet"\nid = 1\nrpc = "{chain.url}"\nconfirmations = {CONFIRMATIONS}\n',
    ]
    public_key = ""
    for name, (device, _) in devices.items():
        kind: Literal["trezor", "onekey"] = "onekey" if device.persona.startswith("onekey") else "trezor"
        lines.append(
            f'[[device]]\nname = "{name}"\nkind = "{kind}"\npath = "{device.path}"\n'
            f'root_fingerprint = "{device.root_fingerprint}"\ntimeout_seconds = 20\n'
        )
        if name == first:
            with open_device(
                device.path, kind=kind, expected_fingerprint=device.root_fingerprint, timeout_s=20
            ) as session:
                public_key = attestation_public_key(session, NETWORK)
    lines.append(
        f'[[attester]]\nname = "alice"\ndevice = "{first}"\npublic_key = "{public_key}"\n'
        'roles = ["policy", "address-book", "approve"]\n'
    )
    lines += [
        f'[[account]]\nname = "{each.name}"\nrole = "{each.role}"\nchain = "mainnet"\n'
        f'address = "{each.address}"\n{each.more}'
        for each in accounts
    ]
    return "\n".join(lines)


class _NoVenues:
    """No trading account is configured, and no market data."""

    def public(self, *_: object, **__: object) -> object:
        raise AssertionError("no venue is asked")


def no_venues() -> Any:
    return _NoVenues()
