"""Makes a treasury on a running world, as small as each kind of plan needs, and knows what must become of it.

Every treasury has its own folder, keyring, venue account and account of the devices' wallets, so that many
stand side by side on one world. What is true is asked of the exchange and of the chain, never of the vault.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from emulator import scenario_accounts
from emulator.chains.control import ChainControl
from emulator.scenario_accounts import Holding, KeyPair, new_key
from emulator.venues.control.client import VenueControl
from emulator.world_client import WorldProcess
from vault.address import network_of
from vault.bitcoin.descriptor import Descriptor
from vault.clock import SystemClock
from vault.config import Treasury, load_treasury
from vault.device.attest import attestation_public_key
from vault.device.paths import parse_path
from vault.device.session import open_device
from vault.money import BTC, Amount
from vault.policy.book import AddressBook, Entry, dump_book
from vault.secrets import venue_secret_names
from vault.store.database import Store
from vault.treasury import authority
from vault.treasury.desk import Desk

Kind = Literal["withdrawal", "evacuation", "top-up", "mixed", "bump"]
KINDS: Final[tuple[Kind, ...]] = ("withdrawal", "evacuation", "top-up", "mixed")  # one plan each

ROOT: Final = Path(__file__).resolve().parents[3]
HELPERS: Final = ROOT / "tests" / "integration" / "venues"  # the quick keyring is a module there
NETWORK: Final = network_of("regtest")
TREASURER: Final = "treasurer"
PASSWORD: Final = "only for tests"
LABELS: Final = ("cold", "staging")
USED_ADDRESSES: Final = 8
HOME_INDEX: Final = 5  # the receive address of the cold wallet that the address book knows
COIN_SAT: Final = 2_500_000  # each of the two coins that a funded wallet starts with
CREDIT_SAT: Final = 20_000_000

# The default policy in small: an evacuation needs no fragility, and a few hundred dollars are a floor.
_SMALLER: Final = (
    ('floor = "10000"', 'floor = "100"'),
    ('target = "250000"', 'target = "2500"'),
    ('ceiling = "350000"', 'ceiling = "3500"'),
    ('min_change = "0.05"', 'min_change = "0.005"'),
    ("when = 'market.fragility >= 0.45'", "when = 'wallet.confirmed > 0'"),
)
# Collateral in BTC that puts an account above its ceiling, into its band, or below its floor.
_COLLATERAL: Final[dict[Kind, str]] = {
    "withdrawal": "0.14",
    "evacuation": "0.05",
    "top-up": "0.012",
    "mixed": "0.14",
    "bump": "0.012",
}

# What is margined in bitcoin falls twice when bitcoin does.
_INVERSE: Final[dict[Kind, str]] = {"top-up": "0.02", "bump": "0.02"}

_CONFIG = """\
schema = 1
treasury_id = "{treasury_id}"
emulated = true

[bitcoin]
network = "regtest"
esplora = "{esplora}"
confirmations = 1
timeout_seconds = {chain_timeout}

[[venue]]
name = "trading"
exchange = "{exchange}"
product = "{product}"
account_uid = "{uid}"
url = "{venue}"
timeout_seconds = {venue_timeout}
history_lag_seconds = {history_lag}
submit_seconds = 5
recv_window_ms = 1000
max_clock_skew_ms = {clock_skew_ms}

[[attester]]
name = "treasurer"
device = "cold"
public_key = "{public_key}"
roles = ["policy", "address-book", "approve"]
"""

_WALLET = """
[[device]]
name = "{name}"
kind = "{kind}"
path = "{path}"
root_fingerprint = "{fingerprint}"
timeout_seconds = 20

[[wallet]]
name = "{name}"
role = "{name}"
descriptor = "{descriptor}"
device = "{name}"
"""


@dataclass(frozen=True, slots=True)
class Market:
    """Where the account trades: an exchange and, where it has several, its product."""

    exchange: str
    product: str = "usdm"

    @property
    def inverse(self) -> bool:
        """Whether what it trades is settled in bitcoin itself."""
        return self.product == "coinm"

    @property
    def margin_wallet(self) -> str:
        return scenario_accounts.margin_wallet(self.exchange, inverse=self.inverse)


USUAL: Final = Market("binance")


@dataclass(frozen=True, slots=True)
class Place:
    """A device of the world."""

    label: str
    kind: Literal["trezor", "onekey"]
    path: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the world's parts are, in a form that another process can be told."""

    esplora: str
    venues: tuple[tuple[str, str], ...]  # exchange, where it is
    devices: tuple[Place, ...]

    @classmethod
    def of(cls, world: WorldProcess) -> Scene:
        places = tuple(
            Place(
                device.label,
                "onekey" if device.persona.startswith("onekey") else "trezor",
                device.path,
                device.root_fingerprint,
            )
            for device in world.devices
        )
        venues = tuple((each.exchange, each.url) for each in world.report.venues)
        return cls(world.esplora_url, venues, places)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Scene:
        venues = tuple((name, url) for name, url in value["venues"])
        return cls(value["esplora"], venues, tuple(Place(**each) for each in value["devices"]))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def chain(self) -> ChainControl:
        return ChainControl(self.esplora)

    @property
    def venue(self) -> str:
        """Where the first exchange is."""
        return self.venues[0][1]

    @property
    def exchange(self) -> VenueControl:
        return VenueControl(self.venue)

    def at(self, exchange: str) -> Scene:
        """The same world with that exchange alone."""
        return replace(self, venues=((exchange, dict(self.venues)[exchange]),))


@dataclass(frozen=True, slots=True)
class Staged:
    """A treasury that is ready: what it was made of."""

    folder: str
    kind: Kind
    account: str
    descriptors: tuple[tuple[str, str], ...]
    deposit: str
    futures_sat: int
    cold_sat: int
    staging_sat: int
    market: Market = USUAL
    idle_sat: int = 0  # in the wallet that withdrawals leave from: enough for a second one

    @property
    def config(self) -> Path:
        return Path(self.folder) / "treasury.toml"

    def treasury(self) -> Treasury:
        return load_treasury(self.config)

    def address(self, wallet: str, change: bool, index: int) -> str:
        return self._descriptor(wallet).address(change, index)

    def addresses(self, wallet: str, change: bool) -> list[str]:
        """As many as a plan ever comes to."""
        descriptor = self._descriptor(wallet)
        return [descriptor.address(change, index) for index in range(USED_ADDRESSES)]

    def _descriptor(self, wallet: str) -> Descriptor:
        return Descriptor.parse(dict(self.descriptors)[wallet], NETWORK)

    def save(self) -> None:
        (Path(self.folder) / "staged.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Staged:
        value = json.loads((folder / "staged.json").read_text(encoding="utf-8"))
        value["descriptors"] = tuple((name, text) for name, text in value["descriptors"])
        value["market"] = Market(**value["market"])
        return cls(**value)


def own_keyring(folder: Path) -> dict[str, str]:
    """The environment of an encrypted keyring in `folder`, with a cheap key derivation."""
    helpers = str(HELPERS)
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {
        "KEYRING_CRYPTFILE_PASSWORD": PASSWORD,
        "PYTHON_KEYRING_BACKEND": "quick_keyring.QuickCryptFileKeyring",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([helpers, *(item for item in inherited if item and item != helpers)]),
    }


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """These variables, and afterwards what was there before."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def store_keys(folder: Path, treasury_id: str, keys: Mapping[str, Mapping[str, str]]) -> None:
    """API keys into the encrypted keyring of `folder`, which only the worker opens again."""
    helpers = str(HELPERS)
    if helpers not in sys.path:
        sys.path.append(helpers)
    with environment(own_keyring(folder)):
        from quick_keyring import QuickCryptFileKeyring  # type: ignore[import-not-found]

        backend = QuickCryptFileKeyring()
        backend.keyring_key = PASSWORD
        for role, parts in keys.items():
            names = venue_secret_names("trading", role, tuple(parts))
            for name, value in zip(names, parts.values(), strict=True):
                backend.set_password(f"vault:{treasury_id}", name, value)


def make_treasury(
    scene: Scene,
    folder: Path,
    kind: Kind,
    number: int,
    *,
    venue_timeout: int = 10,
    chain_timeout: int = 10,
    history_lag: int = 0,
    clock_skew_ms: int = 1000,
    expires_minutes: int = 30,
    collateral: str = "",
    keyring: Path | None = None,
    market: Market = USUAL,
    idle_sat: int = 0,
) -> Staged:
    """Account, wallets, configuration, keys, policy and store; the documents are not signed yet."""
    folder.mkdir(parents=True, exist_ok=True)
    account, treasury_id = f"{kind}-{number}", f"{kind}-{number}"
    scene = scene.at(market.exchange)
    keys = {role: _key(market.exchange, f"{role}-key-{account}") for role in ("read", "withdraw")}
    futures = collateral or (_INVERSE if market.inverse else _COLLATERAL).get(kind, _COLLATERAL[kind])
    uid = scenario_accounts.open_account(
        scene.exchange,
        market.exchange,
        account,
        read=keys["read"],
        withdraw=keys["withdraw"],
        margin={"BTC": futures},
        holdings=[Holding("BTC", Decimal("0.1"), Decimal(89_000), 20, market.inverse)],
    )
    if idle_sat:
        idle = Amount(BTC, idle_sat).to_decimal()
        wallet = scenario_accounts.profile(market.exchange).withdraw_wallet
        scene.exchange.call("credit", account=account, wallet=wallet, asset="BTC", amount=str(idle))
    deposit = scene.exchange.deposit_address(account)
    wallets, descriptors, public_key = [], [], ""
    for place in scene.devices:
        path = f"m/84h/1h/{number}h"
        with open_device(
            place.path, kind=place.kind, expected_fingerprint=place.fingerprint, timeout_s=20
        ) as session:
            xpub = session.xpub(path, NETWORK)
            if place.label == "cold":
                public_key = attestation_public_key(session, NETWORK)
        text = Descriptor.build("p2wpkh", NETWORK, place.fingerprint, parse_path(path), xpub).text()
        descriptors.append((place.label, text))
        wallets.append(
            _WALLET.format(
                name=place.label,
                kind=place.kind,
                path=place.path,
                fingerprint=place.fingerprint,
                descriptor=text,
            )
        )
    home = Descriptor.parse(dict(descriptors)["cold"], NETWORK).address(False, HOME_INDEX)
    scenario_accounts.allow_address(scene.exchange, account, market.exchange, home, "cold-1")
    config = _CONFIG.format(
        treasury_id=treasury_id,
        esplora=scene.esplora,
        exchange=market.exchange,
        product=market.product,
        venue=scene.venue,
        uid=scenario_accounts.account_uid(market.exchange, uid),
        public_key=public_key,
        venue_timeout=venue_timeout,
        history_lag=history_lag,
        clock_skew_ms=clock_skew_ms,
        chain_timeout=chain_timeout,
    )
    (folder / "treasury.toml").write_text(config + "".join(wallets), encoding="utf-8")
    treasury = load_treasury(folder / "treasury.toml")
    policy = (ROOT / "policies" / "default.toml").read_text(encoding="utf-8")
    network = scenario_accounts.bitcoin_network(market.exchange).network
    for before, after in (
        *_SMALLER,
        ("expires_minutes = 30", f"expires_minutes = {expires_minutes}"),
        ('venue_network = "BTC"', f'venue_network = "{network}"'),
    ):
        assert before in policy, before
        policy = policy.replace(before, after)
    treasury.policy_path.write_text(policy, encoding="utf-8")
    store_keys(keyring or folder, treasury_id, {role: key.parts() for role, key in keys.items()})
    Store.open(treasury.store_url, treasury_id, SystemClock(), create=True).close()
    staged = Staged(
        str(folder),
        kind,
        account,
        tuple(descriptors),
        deposit,
        Amount.from_decimal(Decimal(futures), BTC).units,
        CREDIT_SAT if kind in {"top-up", "bump"} else 0,
        2 * COIN_SAT if kind in {"evacuation", "mixed"} else 0,
        market,
        idle_sat,
    )
    staged.save()
    return staged


def _key(exchange: str, name: str) -> KeyPair:
    """A key with a name that tests can know."""
    return replace(new_key(exchange), key=name)


def fund(scene: Scene, staged: Staged) -> None:
    """The coins the wallets start with, confirmed; the staging wallet holds two."""
    if staged.cold_sat:
        scene.chain.fund(staged.address("cold", False, 0), staged.cold_sat)
    for index in range(2 if staged.staging_sat else 0):
        scene.chain.fund(staged.address("staging", False, index), COIN_SAT)


def write_book(staged: Staged, treasury: Treasury) -> AddressBook:
    """Home is an address of the cold wallet that nothing was paid to yet; the deposit is the account's."""
    network = f"bitcoin:{NETWORK.name}"
    now = SystemClock().now()
    cold = staged.address("cold", False, HOME_INDEX)
    book = AddressBook(
        1,
        (
            Entry("cold-1", "BTC", network, cold, None, "cold", "cold", HOME_INDEX, None, now, True, None),
            Entry(
                "trading-deposit",
                "BTC",
                network,
                staged.deposit,
                None,
                "venue_deposit",
                None,
                None,
                "trading",
                now,
                True,
                None,
            ),
        ),
    )
    treasury.book_path.write_text(dump_book(book), encoding="utf-8")
    return book


def sign_documents(desk: Desk, book: AddressBook) -> None:
    """Policy and address book, signed by the treasurer's device."""
    from vault.device.attest import sign_statement

    policy, policy_digest = authority.read_policy(desk.treasury)
    attester = desk.treasury.attester(TREASURER)
    documents: tuple[tuple[authority.DocumentKind, str, int, str], ...] = (
        ("policy", policy.policy_id, policy.version, policy_digest),
        ("address-book", authority.BOOK_NAME, book.version, book.digest()),
    )
    with desk.device(attester.device) as session:
        for kind, name, version, digest in documents:
            statement = authority.document_statement(desk.treasury, kind, name, version, digest)
            signed = sign_statement(session, statement, attester.name, attester.public_key, NETWORK)
            authority.write_signature(authority.document_path(desk.treasury, kind), signed)
