"""The Ethereum side of the stage: accounts on the devices, a Safe of 2 of 3, and a trading account in USDC.

Made by the functions behind `vault account add`, `book add` and `policy sign`. Nothing of it exists where the
scenario has no Ethereum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.config import load_treasury
from vault.files import write_private
from vault.money import ETH, USDC, Amount
from vault.treasury import add_account, documents

if TYPE_CHECKING:
    from emulator.chains.ethereum.control import EthereumControl
    from emulator.world_client import WorldProcess
    from vault.config import Treasury
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import Prompt
    from vault.treasury.desk import Desk

CHAIN: Final = "ethereum"
# The account at the exchange, by its name there and here.
ACCOUNT: Final = "trading-usdc"
SAFE, GAS = "safe", "gas"
SAFE_ENTRY, DEPOSIT_ENTRY = "safe-usdc", "trading-usdc-deposit"
THRESHOLD: Final = 2
VENUE_NETWORK: Final = "ETH"
# The device that holds nothing but its keys: it shows data in full, and pays the gas.
THIRD: Final = "third"


@dataclass(frozen=True, slots=True)
class Key:
    """An account of a device: the first three own the Safe."""

    name: str
    role: str
    device: str
    path: str


OWNERS: Final = tuple(
    Key(f"owner-{device}", "signer", device, "m/44'/60'/0'/0/0") for device in ("cold", "staging", THIRD)
)
KEYS: Final = (*OWNERS, Key(GAS, "gas", THIRD, "m/44'/60'/0'/0/1"))

# What policies/ethereum.toml says of such a treasury, beside the default policy's bitcoin.
POLICY: Final = """
# --- Ethereum: margin in USDC goes to a Safe and comes back from there.

[[gas]]
chain = 1
max_cost = "0.05"
max_fee_per_gas = "200"
window_hours = 24
window_amount = "0.2"

[[band]]
account = "trading-usdc"
asset = "USDC"
venue_network = "ETH"
floor = "10000"
target = "250000"
ceiling = "350000"
min_change = "5000"
step = "0.01"
min_wait_minutes = 60
cold = "safe-usdc"
top_up_from = "safe"
top_up_to = "trading-usdc-deposit"

[[limit]]
id = "sweep-usdc"
action = "sweep"
asset = "USDC"
per_transfer = "600000"
window_hours = 24
window_amount = "1000000"

[[limit]]
id = "top-up-usdc-day"
action = "top_up"
asset = "USDC"
per_transfer = "400000"
window_hours = 24
window_amount = "500000"
"""


def chain(world: WorldProcess) -> EthereumControl:
    """The hand on the chain. Raises LookupError in a world without Ethereum."""
    if world.ethereum is None:
        raise LookupError("this world has no Ethereum")
    return world.ethereum


def chain_table(world: WorldProcess) -> str:
    """The chain in treasury.toml; empty in a world without Ethereum."""
    node = world.report.ethereum
    return "" if node is None else f'[[chain]]\nname = "{CHAIN}"\nid = {node.chain_id}\nrpc = "{node.url}"\n'


def extend_policy(treasury: Treasury) -> None:
    """Band, limits and caps of USDC under the policy that `vault init` wrote; nothing is signed yet."""
    path = treasury.policy_path
    write_private(path, (path.read_text(encoding="utf-8") + POLICY).encode())


def add_keys(treasury: Treasury, keyboard: Keyboard) -> Treasury:
    """Each owner and the account that pays the gas, its address shown by its device."""
    for key in KEYS:
        wanted = add_account.WantedAccount(key.name, key.role, CHAIN)
        new = add_account.add_device_account(treasury, wanted, key.device, key.path, keyboard, _silent)
        add_account.append_account(treasury, new)
        treasury = load_treasury(treasury.path)
    return treasury


def _silent(_prompt: Prompt) -> None:
    """The device's own screens are shown instead."""


def add_safe(desk: Desk, world: WorldProcess) -> Treasury:
    """A Safe of those owners on the chain, taken into treasury.toml as the chain says it is."""
    owners = [desk.treasury.account(key.name).address for key in OWNERS]
    address = chain(world).deploy_safe(owners, THRESHOLD)
    wanted = add_account.WantedAccount(SAFE, "cold", CHAIN)
    add_account.append_account(desk.treasury, add_account.add_safe_account(desk, wanted, address, GAS))
    return load_treasury(desk.treasury.path)


def fund(desk: Desk, world: WorldProcess) -> None:
    """What stands in the Safe, and ether for gas, as deep in the chain as is final here."""
    from emulator.chains.ethereum.deploy import USDC as TOKEN

    plan, node = world.scenario.ethereum, chain(world)
    if plan is None:
        return
    stock, ether = plan.accounts["cold"][USDC.symbol], plan.accounts["gas"][ETH.symbol]
    node.mint(TOKEN, desk.treasury.account(SAFE).address, Amount.from_decimal(stock, USDC).units)
    node.fund(desk.treasury.account(GAS).address, Amount.from_decimal(ether, ETH).units)
    node.mine(blocks_until_final(desk))


def blocks_until_final(desk: Desk) -> int:
    """As many blocks as make a transaction final to this treasury."""
    from vault.treasury.ethereum.following import depth_of

    return depth_of(desk, f"eip155:{desk.treasury.chain(CHAIN).id}")


def add_entries(desk: Desk) -> None:
    """The Safe, whose owners are read from the chain, and where the exchange takes USDC on Ethereum."""
    documents.add_account_address(desk, SAFE_ENTRY, SAFE, USDC.symbol)
    documents.add_venue_deposit(desk, DEPOSIT_ENTRY, ACCOUNT, USDC.symbol, VENUE_NETWORK)


def allow_home(desk: Desk, world: WorldProcess) -> None:
    """The exchange lets withdrawals of the account go to the Safe alone, as its owner set it."""
    from emulator.scenario_accounts import allow_on_ethereum

    home = desk.book().book.find(SAFE_ENTRY).address
    allow_on_ethereum(world.venue, ACCOUNT, "binance", {USDC.symbol: (home, SAFE_ENTRY)})
