"""treasury.toml: who and what this treasury is; strict, with file, line and column in every error.

Refuses unknown keys, names used twice and references to what is not configured. Holds no secret: API
keys live in the OS keyring, seeds on devices.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from vault.errors import ConfigError
from vault.toml_strict import ExactDecimal, PlacedError, StrictModel, read_toml

CONFIG_NAME = "treasury.toml"
CONFIG_ENVIRONMENT = "VAULT_CONFIG"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_FINGERPRINT = re.compile(r"[0-9a-f]{8}")
_PUBLIC_KEY = re.compile(r"0[23][0-9a-f]{64}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("expected lower-case letters, digits and '-', at most 40")
    return value


def _fingerprint(value: str) -> str:
    if not _FINGERPRINT.fullmatch(value):
        raise ValueError("expected the 8 hex digits of the wallet's root fingerprint")
    return value


def _public_key(value: str) -> str:
    if not _PUBLIC_KEY.fullmatch(value):
        raise ValueError("expected a compressed public key of 66 hex digits")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?", value):
        raise ValueError("expected a URL such as http://127.0.0.1:3002")
    return value.rstrip("/")


Name = Annotated[str, AfterValidator(_name)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
Url = Annotated[str, AfterValidator(_url)]
Role = Literal["policy", "address-book", "approve"]
# Where the passphrase of a wallet is typed. It is never stored; "host" exposes it to this computer.
PassphraseSource = Literal["none", "device", "host"]


class BitcoinSettings(StrictModel):
    """Which Bitcoin network, and the backend that answers for it."""

    network: Literal["mainnet", "testnet4", "signet", "regtest"]
    esplora: Url
    confirmations: int = Field(default=3, ge=1, le=144)
    timeout_seconds: int = Field(default=10, ge=1, le=120)


class WalletSettings(StrictModel):
    """A watch-only wallet: its descriptor with key origin, and the device that signs for it."""

    name: Name
    role: Literal["cold", "staging"]
    descriptor: str = Field(max_length=1000)
    device: Name


class DeviceSettings(StrictModel):
    """A hardware wallet, recognised by the root fingerprint and never by its device id.

    `passphrase` says where the passphrase of this wallet is typed, if it has one.
    """

    name: Name
    kind: Literal["trezor", "onekey"]
    path: str = Field(max_length=200)
    root_fingerprint: Fingerprint
    passphrase: PassphraseSource = "none"  # noqa: S105 -- where it is typed, not what it is
    timeout_seconds: int = Field(default=120, ge=1, le=3600)


class AttesterSettings(StrictModel):
    """A person whose device signs statements; the key is pinned here, never taken from a document."""

    name: Name
    device: Name
    public_key: PublicKey
    roles: tuple[Role, ...] = Field(min_length=1, strict=False)


class VenueSettings(StrictModel):
    """A trading account at a venue. The keys are in the keyring under the account's name.

    A request may leave this machine for `submit_seconds` after its journal entry, and the venue accepts
    it for `recv_window_ms` after that; with `history_lag_seconds` they say when absence is proof.
    """

    name: Name
    exchange: Literal["binance"]
    account_uid: str = Field(min_length=1, max_length=64)
    url: Url | None = None
    contracts: tuple[str, ...] = Field(default=("BTCUSDT",), min_length=1, max_length=50, strict=False)
    timeout_seconds: int = Field(default=10, ge=1, le=120)
    submit_seconds: int = Field(default=15, ge=1, le=120)
    recv_window_ms: int = Field(default=5000, ge=100, le=60_000)
    history_lag_seconds: int = Field(default=60, ge=0, le=86_400)
    max_clock_skew_ms: int = Field(default=1000, ge=0, le=60_000)


class RiskSettings(StrictModel):
    """Stress parameters (see docs/risk-model.md)."""

    joint_shock: ExactDecimal = Field(default="0.10", validate_default=True)
    maintenance_multiple: ExactDecimal = Field(default="1", validate_default=True)


class TreasuryConfig(StrictModel):
    """The whole of treasury.toml."""

    schema_version: Literal[1] = Field(alias="schema")
    treasury_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    emulated: bool = False
    store: str = "sqlite:///state/vault.db"
    policy: str = "policy.toml"
    address_book: str = "address-book.json"
    plans: str = "plans"
    bitcoin: BitcoinSettings
    risk: RiskSettings = RiskSettings()
    wallet: tuple[WalletSettings, ...] = Field(default=(), strict=False)
    device: tuple[DeviceSettings, ...] = Field(default=(), strict=False)
    attester: tuple[AttesterSettings, ...] = Field(default=(), strict=False)
    venue: tuple[VenueSettings, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _references(self) -> Self:
        for table, names in (
            ("wallet", [wallet.name for wallet in self.wallet]),
            ("device", [device.name for device in self.device]),
            ("attester", [attester.name for attester in self.attester]),
            ("venue", [venue.name for venue in self.venue]),
        ):
            if (at := _second(names)) is not None:
                message = f"{table}: expected each name once, found twice: {names[at]}"
                raise PlacedError(message, table, at, "name")
        for table, what, places in (
            ("venue", "account_uid", [f"{venue.exchange} {venue.account_uid}" for venue in self.venue]),
            ("wallet", "descriptor", [wallet.descriptor.partition("#")[0] for wallet in self.wallet]),
        ):
            # Under two names its coins would count twice, and be swept twice.
            if (at := _second(places)) is not None:
                message = f"{what}: expected each once, found under two names: {places[at]}"
                raise PlacedError(message, table, at, what)
        devices = {device.name for device in self.device}
        users = [("wallet", at, each.name, each.device) for at, each in enumerate(self.wallet)]
        users += [("attester", at, each.name, each.device) for at, each in enumerate(self.attester)]
        for table, at, name, device in users:
            if device not in devices:
                raise PlacedError(f"{name}: no [[device]] is named {device!r}", table, at, "device")
        return self


def _second(values: list[str]) -> int | None:
    """The first place at which a value stands for the second time."""
    return next((at for at, value in enumerate(values) if value in values[:at]), None)


Setting = TypeVar("Setting", WalletSettings, DeviceSettings, AttesterSettings, VenueSettings)


@dataclass(frozen=True, slots=True)
class Treasury:
    """A loaded configuration with the folder it lives in; relative paths are relative to that folder."""

    config: TreasuryConfig
    path: Path

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def policy_path(self) -> Path:
        return self.folder / self.config.policy

    @property
    def book_path(self) -> Path:
        return self.folder / self.config.address_book

    @property
    def plans_path(self) -> Path:
        return self.folder / self.config.plans

    @property
    def store_url(self) -> str:
        prefix = "sqlite:///"
        if not self.config.store.startswith(prefix):
            return self.config.store
        return prefix + str((self.folder / self.config.store.removeprefix(prefix)).resolve())

    @property
    def wallets_path(self) -> Path:
        return self.folder / "state" / "wallets"

    def wallet(self, name: str) -> WalletSettings:
        return _only(self.config.wallet, name, "wallet")

    def device(self, name: str) -> DeviceSettings:
        return _only(self.config.device, name, "device")

    def attester(self, name: str) -> AttesterSettings:
        return _only(self.config.attester, name, "attester")

    def venue(self, name: str) -> VenueSettings:
        return _only(self.config.venue, name, "venue")


def _only(settings: tuple[Setting, ...], name: str, what: str) -> Setting:
    for setting in settings:
        if setting.name == name:
            return setting
    known = ", ".join(setting.name for setting in settings) or "none"
    raise ConfigError("unknown_name", f"expected a configured {what} ({known}), found {name!r}")


def find_config(given: str | None) -> Path:
    """``--config``, else $VAULT_CONFIG, else treasury.toml in this folder or one above it."""
    if given or os.environ.get(CONFIG_ENVIRONMENT):
        path = Path(given or os.environ[CONFIG_ENVIRONMENT])
        return path / CONFIG_NAME if path.is_dir() else path
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    raise ConfigError(
        "missing",
        f"no {CONFIG_NAME} in {here} or above it",
        hint="Run `vault init` here, or give --config FILE.",
    )


def load_treasury(path: Path) -> Treasury:
    """Read and validate treasury.toml. Raises `DocumentError` with file, line and column."""
    return Treasury(read_toml(path, TreasuryConfig), path.resolve())
