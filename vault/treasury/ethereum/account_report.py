"""An account on Ethereum for a person: what it holds, its nonces, its tokens' pins, its Safe, its allowances.

Asks the chain and changes nothing, save that a person pins a token anew. Refuses to guess: what a node does
not say is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vault.errors import ConfigError
from vault.money import ETH, Amount, asset_of
from vault.treasury.ethereum.accounts import (
    asset_names,
    assets_of,
    chain_of,
    network_of_account,
    show_account,
)
from vault.treasury.ethereum.pins import pin_of, pin_token

if TYPE_CHECKING:
    from vault.config_chains import AccountSettings, ChainSettings
    from vault.ethereum.allowances import Allowances
    from vault.ethereum.node.base import Block, EthereumNode
    from vault.ethereum.token_checks import TokenPin
    from vault.ethereum.tokens import Token
    from vault.treasury.desk import Desk
    from vault.treasury.ethereum.safes import SafeReport


@dataclass(frozen=True, slots=True)
class AccountLine:
    """What treasury.toml says of an account."""

    name: str
    role: str
    kind: str
    chain: str
    network: str
    address: str
    assets: tuple[str, ...]
    device: str
    path: str


@dataclass(frozen=True, slots=True)
class HeldAsset:
    """What an account holds of an asset; `pin` is that of its token, empty fields where there is none yet."""

    asset: str
    token: str
    confirmed: Amount
    pending: Amount
    pinned: TokenPin | None


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account as its chain has it at `block`; of a Safe what it is in, and what differs.

    A Safe has no nonce but that in `safe`.
    """

    account: AccountLine
    block: int
    block_hash: str
    held: tuple[HeldAsset, ...]
    nonce: int | None
    waiting: int | None
    safe: SafeReport | None


def account_line(desk: Desk, settings: AccountSettings) -> AccountLine:
    """The settings of an account, with the name of its network. Asks nobody."""
    return AccountLine(
        settings.name,
        settings.role,
        settings.kind,
        settings.chain,
        network_of_account(desk.treasury, settings.name),
        settings.address,
        asset_names(desk.treasury, settings),
        settings.device or "",
        settings.path or "",
    )


def account_state(desk: Desk, name: str) -> AccountState:
    """Ask the chain about an account. Raises `ConfigError`, `EthereumError`."""
    from vault.ethereum.balances import Holder, read_holdings
    from vault.ethereum.chains import chain_of as table_of

    settings, chain = desk.treasury.account(name), chain_of(desk.treasury, name)
    node = desk.ethereum(chain.name)
    with node.session():
        tokens = assets_of(chain, settings)
        holders = tuple(
            Holder(settings.address, None if token is None else token.address) for _, token in tokens
        )
        depth = chain.confirmations or table_of(chain.id).confirmations
        found = read_holdings(node, holders, depth)
        nonces = _nonces(node, settings, found.block)
    held = []
    for (symbol, token), holding in zip(tokens, found.holdings, strict=True):
        asset = asset_of(symbol)
        confirmed, pending = Amount(asset, holding.confirmed), Amount(asset, holding.pending)
        address = "" if token is None else token.address
        held.append(HeldAsset(symbol, address, confirmed, pending, _pinned(desk, token)))
    safe = _safe(desk, name) if settings.safe is not None else None
    line = account_line(desk, settings)
    return AccountState(line, found.block.number, found.block.hash, tuple(held), *nonces, safe)


def _nonces(node: EthereumNode, settings: AccountSettings, block: Block) -> tuple[int | None, int | None]:
    """The next nonce, and how many transactions wait. A contract's own nonce (EIP-161) says nothing here."""
    if settings.safe is not None:
        return None, None
    nonce = node.nonce(settings.address, block)
    return nonce, max(0, node.pending_nonce(settings.address) - nonce)


def _safe(desk: Desk, name: str) -> SafeReport:
    from vault.treasury.ethereum.safes import safe_report

    return safe_report(desk, name)


def _token(chain: ChainSettings, asset: str) -> Token | None:
    from vault.ethereum.tokens import token_of

    return None if asset == ETH.symbol else token_of(chain.id, asset_of(asset))


def _pinned(desk: Desk, token: Token | None) -> TokenPin | None:
    if token is None:
        return None
    with desk.store.read() as connection:
        return pin_of(connection, token)


@dataclass(frozen=True, slots=True)
class Verified:
    """An account whose address was proven: shown on its device, or its owners read from the chain."""

    account: AccountLine
    shown: str
    safe: SafeReport | None

    @property
    def holds(self) -> bool:
        return self.safe is None or not self.safe.differences


def verify_account(desk: Desk, name: str) -> Verified:
    """The address on the device's screen, or the Safe's owners on its chain, as treasury.toml has them.

    Raises `DeviceError` and its kin, `SafeError`, `ConfigError` for an account that is only watched.
    """
    settings = desk.treasury.account(name)
    line = account_line(desk, settings)
    if settings.safe is not None:
        return Verified(line, "", _safe(desk, name))
    if settings.device is None:
        raise ConfigError("no_signer", f"expected an account of a device or a Safe, {name} is only watched")
    return Verified(line, show_account(desk, name), None)


def allowances_of(desk: Desk, name: str, first: int) -> Allowances:
    """Who may take tokens of an account, by allowances given since block `first`. Raises `EthereumError`."""
    from vault.ethereum.allowances import list_allowances
    from vault.ethereum.tokens import TOKENS

    settings, chain = desk.treasury.account(name), chain_of(desk.treasury, name)
    tokens = [each.address for each in TOKENS if each.chain_id == chain.id]
    return list_allowances(desk.ethereum(chain.name), settings.address, tokens, first=first)


@dataclass(frozen=True, slots=True)
class Repinned:
    """A token's pin before and after a person looked at it."""

    token: str
    before: TokenPin | None
    after: TokenPin


def repin(desk: Desk, name: str, asset: str) -> Repinned:
    """Pin the code that an asset's token runs now, at a person's word. Raises `EthereumError`."""
    chain = chain_of(desk.treasury, name)
    token = _token(chain, asset)
    if token is None:
        raise ConfigError("no_token", f"expected a token, found {asset}, which has no code to be pinned")
    before = _pinned(desk, token)
    node: EthereumNode = desk.ethereum(chain.name)
    with node.session():
        after = pin_token(desk, node.view(node.tip()), token)
    return Repinned(token.address, before, after)


def as_document(value: object) -> Any:
    """The same as JSON."""
    from vault.codec import encode

    return encode(value)
