"""Sets the stage of the demo: a treasury of its own in front of an emulated world.

Everything is made the way a treasurer makes it: devices are enrolled, keys go to an encrypted keyring,
policy and address book are signed on a device. Refuses nothing; the world is thrown away afterwards.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vault.address import network_of
from vault.bitcoin.descriptor import Descriptor
from vault.clock import SystemClock
from vault.config import Treasury, load_treasury
from vault.device.attest import attestation_public_key, sign_statement
from vault.device.paths import parse_path
from vault.device.session import open_device
from vault.money import BTC, Amount
from vault.policy.book import AddressBook, Entry, dump_book
from vault.secrets import CRYPTFILE_PASSWORD, Secret, venue_secret_names, write_secret
from vault.store.database import Store
from vault.treasury import authority

if TYPE_CHECKING:
    from emulator.world_client import WorldDevice, WorldProcess
    from vault.device.features import DeviceKind
    from vault.treasury.desk import Desk

TREASURY_ID = "demo"
ACCOUNT = "trading"  # what the policy calls the account that the treasury protects
PROTECTED = "protected"  # what the scenario calls it
TWIN = "twin"
TREASURER = "treasurer"
COLD, STAGING = "cold", "staging"
NETWORK = network_of("regtest")
POLICY = Path(__file__).resolve().parents[3] / "policies" / "default.toml"
# Every wallet's first account, native segwit.
ACCOUNT_PATH = f"m/84'/{NETWORK.coin_type}'/0'"

_TREASURY = """\
# The treasury of the demo: an emulated device, chain and venue on this machine.
schema = 1
treasury_id = "{treasury_id}"
emulated = true

[bitcoin]
network = "regtest"
esplora = "{esplora}"
confirmations = 2

[[attester]]
name = "{treasurer}"
device = "{cold}"
public_key = "{public_key}"
roles = ["policy", "address-book", "approve"]

[[venue]]
name = "{account}"
exchange = "binance"
account_uid = "{uid}"
url = "{venue}"
"""

_WALLET = """
[[device]]
name = "{name}"
kind = "{kind}"
path = "{path}"
root_fingerprint = "{fingerprint}"

[[wallet]]
name = "{name}"
role = "{name}"
descriptor = "{descriptor}"
device = "{name}"
"""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a device told about itself: the wallet's configuration and its attestation key."""

    toml: str
    public_key: str


@contextmanager
def own_keyring(folder: Path) -> Iterator[None]:
    """An encrypted keyring in the demo's folder, with a password that is never written anywhere."""
    import keyring
    from keyrings.cryptfile.cryptfile import CryptFileKeyring

    ours = {
        CRYPTFILE_PASSWORD: secrets.token_urlsafe(24),
        "PYTHON_KEYRING_BACKEND": "keyrings.cryptfile.cryptfile.CryptFileKeyring",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    before = {name: os.environ.get(name) for name in ours}
    previous = keyring.get_keyring()
    os.environ.update(ours)
    keyring.set_keyring(CryptFileKeyring())
    try:
        yield
    finally:
        keyring.set_keyring(previous)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def enrol(device: WorldDevice) -> Enrolled:
    """Read fingerprint, account key and attestation key from a device."""
    kind: DeviceKind = "onekey" if device.persona.startswith("onekey") else "trezor"
    with open_device(
        device.path, kind=kind, expected_fingerprint=device.root_fingerprint, timeout_s=60
    ) as session:
        xpub = session.xpub(ACCOUNT_PATH, NETWORK)
        public_key = attestation_public_key(session, NETWORK)
        fingerprint = session.fingerprint
    descriptor = Descriptor.build("p2wpkh", NETWORK, fingerprint, parse_path(ACCOUNT_PATH), xpub)
    toml = _WALLET.format(
        name=device.label,
        kind=kind,
        path=device.path,
        fingerprint=fingerprint,
        descriptor=descriptor.text(),
    )
    return Enrolled(toml, public_key)


def make_treasury(world: WorldProcess, folder: Path) -> Treasury:
    """Enrol the devices, write treasury.toml and policy.toml, store the API keys, make the store."""
    enrolled = {device.label: enrol(device) for device in world.devices}
    account = world.account(PROTECTED)
    text = _TREASURY.format(
        treasury_id=TREASURY_ID,
        esplora=world.esplora_url,
        treasurer=TREASURER,
        cold=COLD,
        public_key=enrolled[COLD].public_key,
        account=ACCOUNT,
        uid=account.uid,
        venue=world.venue_url,
    )
    path = folder / "treasury.toml"
    path.write_text(text + "".join(each.toml for each in enrolled.values()), encoding="utf-8")
    treasury = load_treasury(path)
    shutil.copyfile(POLICY, treasury.policy_path)
    for role, pair in (("read", account.read), ("withdraw", account.withdraw)):
        for name, value in zip(venue_secret_names(ACCOUNT, role), (pair.key, pair.secret), strict=True):
            write_secret(TREASURY_ID, name, Secret(value))
    Store.open(treasury.store_url, TREASURY_ID, SystemClock(), create=True).close()
    return treasury


def fund(desk: Desk, world: WorldProcess) -> None:
    """The coins that the wallets start with, confirmed."""
    amounts = world.scenario.funding_of_wallets
    for name, amount in ((COLD, amounts.cold), (STAGING, amounts.staging)):
        address = desk.descriptor(name).address(False, 0)
        world.chain.fund(address, Amount.from_decimal(amount, BTC).units, confirmations=6)


def write_book(desk: Desk) -> AddressBook:
    """The address book: our cold address, shown on the device, and the venue's deposit address."""
    cold = desk.descriptor(COLD)
    with desk.device(COLD) as session:
        shown = session.show_address(NETWORK, cold.path(False, 0), cold.kind, expected=cold.address(False, 0))
    deposit = desk.venues.deposit_address(ACCOUNT, BTC.symbol, "BTC").address
    now = desk.clock.now()
    network = f"bitcoin:{NETWORK.name}"
    book = AddressBook(
        1,
        (
            Entry("cold-1", BTC.symbol, network, shown, None, "cold", COLD, 0, None, now, True, None),
            Entry(
                "trading-deposit",
                BTC.symbol,
                network,
                deposit,
                None,
                "venue_deposit",
                None,
                None,
                ACCOUNT,
                now,
                True,
                None,
            ),
        ),
    )
    desk.treasury.book_path.write_text(dump_book(book), encoding="utf-8")
    return book


def sign_documents(desk: Desk, book: AddressBook) -> None:
    """Policy and address book, signed by the treasurer's device."""
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
