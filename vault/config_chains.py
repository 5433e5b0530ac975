"""Ethereum in treasury.toml: chains by id with the nodes that answer for them, and the accounts on them.

Refuses an account without anybody who signs for it, a Safe whose owners do not add up, and a chain whose
second witness is the first. Holds no secret: a node's key is in the keyring, ``{key}`` in its URL.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vault.config_values import Name
from vault.errors import AddressError
from vault.evm.address import address_bytes
from vault.toml_strict import PlacedError, StrictModel

MAX_OWNERS: Final = 30
AccountAsset = Literal["ETH", "USDC", "USDT"]
AccountRole = Literal["cold", "staging", "gas", "signer"]
"""cold: vault side; staging: trading side; gas: pays for Safes; signer: an owner that holds nothing."""

_NODE: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/{}-]*)?", re.ASCII)
_PATH: Final = re.compile(r"m/44[h']/(60|1)[h']/[0-9]{1,4}[h']/0/[0-9]{1,7}", re.ASCII)


def _address(value: str) -> str:
    try:
        address_bytes(value)
    except AddressError as error:
        raise ValueError(error.message) from None
    return value


def _node(value: str) -> str:
    if not _NODE.fullmatch(value) or value.count("{") != value.count("{key}") or value.count("{key}") > 1:
        raise ValueError("expected a URL such as http://127.0.0.1:8545, with {key} where its key belongs")
    return value.rstrip("/")


def _path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("expected a path such as m/44'/60'/0'/0/0")
    return value


EthereumAddress = Annotated[str, AfterValidator(_address)]
NodeUrl = Annotated[str, AfterValidator(_node)]
AccountPath = Annotated[str, AfterValidator(_path)]


class NodeSettings(StrictModel):
    """A node that answers JSON-RPC."""

    rpc: NodeUrl
    timeout_seconds: int = Field(default=10, ge=1, le=120)


class ChainSettings(NodeSettings):
    """An Ethereum chain by its id; with a `witness`, both nodes must say the same.

    `confirmations`: how many blocks deep a transaction is final to us; not said, as the chain's table says.
    """

    name: Name
    id: int = Field(ge=1, le=2**53)
    confirmations: int | None = Field(default=None, ge=1, le=10_000)
    witness: NodeSettings | None = None

    @model_validator(mode="after")
    def _two_witnesses(self) -> Self:
        if self.witness is not None and self.witness.rpc == self.rpc:
            raise PlacedError("expected another node than the first one", "witness", "rpc")
        return self

    @property
    def nodes(self) -> tuple[tuple[str, NodeSettings], ...]:
        """All nodes, each with the name of its table."""
        first = (f"chain {self.name}", self)
        return (first, (f"chain {self.name} witness", self.witness)) if self.witness else (first,)

    def secret_name(self, table: str) -> str:
        """Where the keyring holds what stands for ``{key}`` in the URL of a node's table."""
        return f"rpc/{table.replace(' ', '/')}/key"


class SafeSettings(StrictModel):
    """A Safe: owners that are accounts of ours, owners `outside` (who sign through files), and how many sign.

    `executor` is the account that sends its transactions and pays their gas.
    """

    owners: tuple[Name, ...] = Field(default=(), max_length=MAX_OWNERS, strict=False)
    outside: tuple[EthereumAddress, ...] = Field(default=(), max_length=MAX_OWNERS, strict=False)
    threshold: int = Field(ge=1, le=MAX_OWNERS)
    executor: Name

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if len(set(self.owners)) != len(self.owners) or len(set(self.outside)) != len(self.outside):
            raise PlacedError("expected each owner once", "owners")
        if self.threshold > len(self.owners) + len(self.outside):
            raise PlacedError("expected at most as many as there are owners", "threshold")
        return self


class AccountSettings(StrictModel):
    """An account on a chain: a key at `path` of a `device`, a Safe, or an address that is only watched."""

    name: Name
    role: AccountRole
    chain: Name
    address: EthereumAddress
    assets: tuple[AccountAsset, ...] = Field(default=("ETH", "USDC", "USDT"), min_length=1, strict=False)
    device: Name | None = None
    path: AccountPath | None = None
    safe: SafeSettings | None = None

    @property
    def kind(self) -> Literal["device", "safe", "watch"]:
        return "device" if self.device else "safe" if self.safe else "watch"

    @model_validator(mode="after")
    def _who_signs(self) -> Self:
        if (self.device is None) != (self.path is None):
            raise PlacedError("expected both `device` and `path`, or neither", "device")
        if self.safe is not None and self.device is not None:
            raise PlacedError("expected `safe` or `device`, found both", "safe")
        if self.role in {"gas", "signer"} and self.device is None:
            raise PlacedError(f"expected a `device` for a {self.role} account", "role")
        if len(set(self.assets)) != len(self.assets):
            raise PlacedError("expected each asset once", "assets")
        return self


class EthereumSettings(StrictModel):
    """`definitions` is a folder of networks and tokens that Trezor signed, relative to treasury.toml."""

    definitions: str | None = Field(default=None, min_length=1, max_length=1000)


def wrong_accounts(
    chains: tuple[ChainSettings, ...], accounts: tuple[AccountSettings, ...], devices: frozenset[str]
) -> tuple[int, str, str] | None:
    """The first account that does not fit the rest: its place, the key that is wrong, and why."""
    known = {chain.name for chain in chains}
    by_name = {account.name: account for account in accounts}
    for at, each in enumerate(accounts):
        if each.chain not in known:
            return at, "chain", f"{each.name}: no [[chain]] is named {each.chain!r}"
        if each.device is not None and each.device not in devices:
            return at, "device", f"{each.name}: no [[device]] is named {each.device!r}"
        if each.safe is not None and (found := _wrong_safe(each, each.safe, by_name)):
            return at, "safe", f"{each.name}: {found}"
    return None


def _wrong_safe(
    account: AccountSettings, safe: SafeSettings, by_name: dict[str, AccountSettings]
) -> str | None:
    signers = []
    for name in (*safe.owners, safe.executor):
        found = by_name.get(name)
        if found is None or found.kind != "device" or found.chain != account.chain:
            return f"expected a [[account]] of a device on {account.chain}, found {name!r}"
        signers.append(found.address)
    owners = [*signers[:-1], *safe.outside]
    if len(set(owners)) != len(owners) or account.address in owners:
        return "expected each owner once, and never the Safe itself"
    return None
