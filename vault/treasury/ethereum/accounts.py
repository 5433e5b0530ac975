"""Accounts on Ethereum by their names: which there are, on which chain, and who signs for them.

Refuses a network that no [[chain]] of the configuration has, and to have a device sign for an account that
has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import ConfigError, EthereumError
from vault.money import ETH, asset_of

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.config_chains import AccountSettings, ChainSettings
    from vault.device.ethereum.request import EthereumAccount
    from vault.ethereum.tokens import Token
    from vault.treasury.desk import Desk


def find_account(treasury: Treasury, name: str) -> AccountSettings | None:
    """The account of that name; None for a wallet of Bitcoin, or no name of ours."""
    return next((each for each in treasury.config.account if each.name == name), None)


def is_account(treasury: Treasury, name: str) -> bool:
    """True for an account on Ethereum."""
    return find_account(treasury, name) is not None


def chain_of(treasury: Treasury, account: str) -> ChainSettings:
    """The chain of an account. Raises `ConfigError`."""
    return treasury.chain(treasury.account(account).chain)


def network_of_account(treasury: Treasury, account: str) -> str:
    """The CAIP-2 name of an account's chain: ``eip155:1``."""
    return f"eip155:{chain_of(treasury, account).id}"


def chain_named(treasury: Treasury, network: str) -> ChainSettings:
    """The chain of a CAIP-2 name. Raises `ConfigError` (``config.unknown_name``)."""
    for chain in treasury.config.chain:
        if network == f"eip155:{chain.id}":
            return chain
    known = ", ".join(f"eip155:{chain.id}" for chain in treasury.config.chain) or "none"
    raise ConfigError("unknown_name", f"expected a configured [[chain]] ({known}), found {network!r}")


def sender_of(treasury: Treasury, account: AccountSettings) -> AccountSettings:
    """The account that signs the outer transaction and pays its gas: itself, or a Safe's executor.

    Raises `ConfigError` (``config.no_signer``) for an account that is only watched.
    """
    if account.safe is not None:
        return treasury.account(account.safe.executor)
    if account.kind != "device":
        raise ConfigError(
            "no_signer",
            f"expected an account of a device or a Safe, found {account.name}, which is only watched",
            hint="Give it its device and path in treasury.toml.",
        )
    return account


def device_key(account: AccountSettings) -> EthereumAccount:
    """The key of an account as its device is asked for it."""
    from vault.device.ethereum.request import EthereumAccount
    from vault.device.paths import parse_path

    if account.path is None:
        raise ConfigError("no_signer", f"expected an account of a device, found {account.name}")
    return EthereumAccount(tuple(parse_path(account.path)), account.address)


def accounts_of(treasury: Treasury, *, observed: bool = True) -> tuple[AccountSettings, ...]:
    """Accounts in the order of treasury.toml; `observed`: without signers, which hold nothing."""
    return tuple(each for each in treasury.config.account if not observed or each.role != "signer")


def assets_of(chain: ChainSettings, account: AccountSettings) -> tuple[tuple[str, Token | None], ...]:
    """The assets of an account, each with its token; None for ether.

    Those of treasury.toml, else all that the registry has on its chain. Raises `EthereumError`
    (``ethereum.unknown_token``) for one that somebody wrote down and the chain has not.
    """
    from vault.ethereum.tokens import token_of

    by_hand = "assets" in account.model_fields_set
    found: list[tuple[str, Token | None]] = []
    for asset in account.assets:
        if asset == ETH.symbol:
            found.append((asset, None))
            continue
        try:
            found.append((asset, token_of(chain.id, asset_of(asset))))
        except EthereumError:
            if by_hand:
                raise
    return tuple(found)


def asset_names(treasury: Treasury, account: AccountSettings) -> tuple[str, ...]:
    """The same by name, as treasury.toml has them; never an error."""
    if "assets" in account.model_fields_set:
        return tuple(account.assets)
    return tuple(asset for asset, _ in assets_of(treasury.chain(account.chain), account))


def show_account(desk: Desk, name: str) -> str:
    """Have the account's device show its address; returns what the device said, in EIP-55.

    Raises `ConfigError`, and `DeviceError` with its kin.
    """
    from vault.device.ethereum.sign import show_ethereum_address

    settings = desk.treasury.account(name)
    key = device_key(settings)
    with desk.device(str(settings.device)) as session:
        return show_ethereum_address(session, key)
