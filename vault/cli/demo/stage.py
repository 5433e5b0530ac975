"""Sets the stage of the demo: a treasury of its own in front of an emulated world.

Everything is made the way a treasurer makes it, by the functions behind `vault init`, `device add`,
`secret set`, `book add`, `policy sign` and `book sign`; only the keyring is thrown away afterwards.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from vault.cli.demo import ethereum_stage
from vault.cli.demo.past import feed_tables
from vault.config import Treasury, load_treasury
from vault.device.connection.keyboard import Keyboard
from vault.files import write_private
from vault.money import BTC, Amount
from vault.secrets import CRYPTFILE_PASSWORD, Secret, venue_secret_names, write_secret
from vault.treasury import add_device, documents, setup
from vault.treasury.desk import Desk
from vault.treasury.templates import table

if TYPE_CHECKING:
    from emulator.world_client import WorldProcess
    from vault.clock import Clock
    from vault.device.prompt import Prompt

TREASURY_ID: Final = "demo"
# Names that policies/default.toml uses.
ACCOUNT: Final = "trading"
COLD_ENTRY, DEPOSIT_ENTRY = "cold-1", "trading-deposit"
# Names that the scenario uses: the account that the treasury protects, and its twin.
PROTECTED, TWIN = "protected", "twin"
TREASURER: Final = "treasurer"
WALLETS: Final[tuple[Literal["cold", "staging"], ...]] = ("cold", "staging")
FUNDING_CONFIRMATIONS: Final = 6
# The treasury is set up so long before the first step; where a person takes longer, the story waits.
SETTING_UP: Final = timedelta(minutes=50)


@contextmanager
def own_keyring(folder: Path) -> Iterator[None]:
    """An encrypted keyring in the demo's folder, with a password that is never written anywhere."""
    import keyring

    from vault.cli.demo.keyring import FastFileKeyring

    ours = {
        CRYPTFILE_PASSWORD: secrets.token_urlsafe(24),
        "PYTHON_KEYRING_BACKEND": f"{FastFileKeyring.__module__}.{FastFileKeyring.__qualname__}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    before = {name: os.environ.get(name) for name in ours}
    previous = keyring.get_keyring()
    os.environ.update(ours)
    keyring.set_keyring(FastFileKeyring())
    try:
        yield
    finally:
        keyring.set_keyring(previous)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def comparing(world: WorldProcess) -> Keyboard:
    """An emulated person, for models that answer whether or not one agrees: compares with the last screen."""

    def shown(address: str) -> bool:
        last = [screens[-1] for device in world.devices if (screens := device.control.screens())]
        return any(
            screen.name == "show_address" and screen.answer == "confirmed" and address in screen.lines
            for screen in last
        )

    return Keyboard(confirm=shown)


def on_ethereum(world: WorldProcess) -> bool:
    """Whether the story has an Ethereum side."""
    return world.ethereum is not None


def make_treasury(world: WorldProcess, folder: Path, keyboard: Keyboard, clock: Clock) -> Treasury:
    """`vault init`, tables for venues, feeds and chain, keys in the keyring, devices and accounts added."""
    made = setup.init_treasury(folder, TREASURY_ID, clock, emulated=True, esplora=world.esplora_url)
    venues = [_venue(world, ACCOUNT, PROTECTED)]
    if on_ethereum(world):
        venues.append(_venue(world, ethereum_stage.ACCOUNT, ethereum_stage.ACCOUNT))
    parts = (made.config.read_text(encoding="utf-8"), *venues, feed_tables(world))
    text = "\n".join((*parts, ethereum_stage.chain_table(world)))
    write_private(made.config, text.encode())
    treasury = load_treasury(made.config)
    for wallet in WALLETS:
        treasury = _add(treasury, world, wallet, keyboard, wallet)
    if not on_ethereum(world):
        return treasury
    ethereum_stage.extend_policy(treasury)
    treasury = _add(treasury, world, ethereum_stage.THIRD, keyboard)
    treasury = ethereum_stage.add_keys(treasury, keyboard)
    with Desk(treasury, clock=clock) as desk:
        return ethereum_stage.add_safe(desk, world)


def _venue(world: WorldProcess, name: str, there: str) -> str:
    """The table of an account that the exchange knows as `there`; its keys go into the keyring."""
    account = world.account(there)
    for role, pair in (("read", account.read), ("withdraw", account.withdraw)):
        for secret, value in zip(venue_secret_names(name, role), (pair.key, pair.secret), strict=True):
            write_secret(TREASURY_ID, secret, Secret(value))
    values = [("name", name), ("exchange", "binance"), ("account_uid", str(account.uid))]
    return table("venue", [*values, ("url", world.venue_url)])


def _add(
    treasury: Treasury,
    world: WorldProcess,
    name: str,
    keyboard: Keyboard,
    wallet: Literal["cold", "staging"] | None = None,
) -> Treasury:
    """A device, with its wallet; the cold one's person also signs policy, address book and approvals."""
    device = world.device(name)
    attester = add_device.WantedAttester(TREASURER, ("policy", "address-book", "approve"))
    added = add_device.add_device(
        treasury,
        name,
        device.path,
        kind="onekey" if device.persona.startswith("onekey") else "trezor",
        wallets=(add_device.WantedWallet(name, wallet, "p2wpkh"),) if wallet else (),
        attester=attester if wallet == "cold" else None,
        passphrase="none",  # noqa: S106 -- where it is typed, not what it is
        compare=None,
        keyboard=keyboard,
        on_prompt=_silent,
    )
    return add_device.append(treasury, added)


def _silent(_prompt: Prompt) -> None:
    """The device's own screens are shown instead."""


def fund(desk: Desk, world: WorldProcess) -> None:
    """The coins that the wallets start with, confirmed."""
    amounts = world.scenario.funding_of_wallets
    for name, amount in zip(WALLETS, (amounts.cold, amounts.staging), strict=True):
        address = desk.descriptor(name).address(False, 0)
        units = Amount.from_decimal(amount, BTC).units
        world.chain.fund(address, units, confirmations=FUNDING_CONFIRMATIONS)
    if on_ethereum(world):
        ethereum_stage.fund(desk, world)


def sign_documents(desk: Desk, world: WorldProcess) -> None:
    """The book (our cold addresses, the venue's deposit addresses) and the policy, signed on the device."""
    documents.add_own_address(desk, COLD_ENTRY, "cold", 0)
    documents.add_venue_deposit(desk, DEPOSIT_ENTRY, ACCOUNT, BTC.symbol, "BTC")
    if on_ethereum(world):
        ethereum_stage.add_entries(desk)
    documents.sign_book(desk, TREASURER, lambda _statement: None)
    documents.sign_policy(desk, TREASURER, lambda _statement: None, untested=True)


def allow_home(desk: Desk, world: WorldProcess) -> None:
    """The exchange lets withdrawals go to our cold addresses alone, as their owner set it."""
    from emulator.scenario_accounts import allow_address

    home = desk.book().book.find(COLD_ENTRY).address
    allow_address(world.venue, PROTECTED, "binance", home, COLD_ENTRY)
    if on_ethereum(world):
        ethereum_stage.allow_home(desk, world)
