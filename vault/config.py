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
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from vault.config_chains import AccountSettings, ChainSettings, EthereumSettings, wrong_accounts
from vault.config_feeds import MAX_FEEDS, FeedSettings, second_feed
from vault.config_fees import FeeSettings, FeeSourceSettings
from vault.config_risk import PriceSettings, RiskSettings
from vault.config_values import (
    CONTRACTS,
    Certificate,
    ElectrumUrl,
    Exchange,
    Fingerprint,
    Name,
    Proxy,
    PublicKey,
    Url,
)
from vault.errors import ConfigError
from vault.toml_strict import ExactDecimal, PlacedError, StrictModel, read_toml

CONFIG_NAME = "treasury.toml"
CONFIG_ENVIRONMENT = "VAULT_CONFIG"

_ORIGIN = re.compile(r"\[([0-9a-f]{8})/")
MAX_COSIGNERS = 15  # devices take no more

BackendKind = Literal["esplora", "electrum", "bitcoind"]
Role = Literal["policy", "address-book", "approve"]
# Where the passphrase of a wallet is typed. It is never stored; "host" exposes it to this computer.
PassphraseSource = Literal["none", "device", "host"]


class BackendSettings(StrictModel):
    """A chain backend: exactly one of `esplora`, `electrum` and `bitcoind` is its address.

    `certificate` pins the server's TLS certificate, `proxy` is a SOCKS5 proxy (Tor). A bitcoind is asked
    with its `cookie` file or as `user`, whose password is in the keyring; its blocks are read from height
    `birthday` on.
    """

    esplora: Url | None = None
    electrum: ElectrumUrl | None = None
    bitcoind: Url | None = None
    certificate: Certificate | None = None
    proxy: Proxy | None = None
    cookie: str | None = Field(default=None, min_length=1, max_length=1000)
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    birthday: int = Field(default=0, ge=0, le=100_000_000)
    timeout_seconds: int = Field(default=10, ge=1, le=120)

    @property
    def kind(self) -> BackendKind:
        return "esplora" if self.esplora else "electrum" if self.electrum else "bitcoind"

    @property
    def address(self) -> str:
        return self.esplora or self.electrum or self.bitcoind or ""

    @property
    def secret_name(self) -> str:
        """Where the keyring holds the password of a bitcoind's `user`."""
        return f"bitcoind/{self.user}@{urlsplit(self.address).netloc}/password"

    @model_validator(mode="after")
    def _one_backend(self) -> Self:
        given = [each for each in (self.esplora, self.electrum, self.bitcoind) if each]
        if len(given) != 1:
            found = "none" if not given else ", ".join(given)
            raise PlacedError(f"expected one of esplora, electrum and bitcoind, found {found}")
        if self.bitcoind is not None:
            if (self.cookie is None) == (self.user is None):
                raise PlacedError("expected `cookie` or `user` for a bitcoind, one of them", "bitcoind")
            if self.bitcoind.startswith("http:") and not _is_private(self.bitcoind):
                raise PlacedError(
                    "expected https for a bitcoind on another machine: it is told a password", "bitcoind"
                )
        else:
            for key in ("cookie", "user", "birthday"):
                if key in self.model_fields_set:
                    raise PlacedError("expected only with a bitcoind", key)
        if self.certificate and not self.address.startswith(("https:", "ssl:")):
            raise PlacedError("expected only with https:// or ssl://", "certificate")
        return self


class WitnessSettings(BackendSettings):
    """A second backend that must agree; how far apart tips (blocks) and fee rates (factor) may be."""

    tip_blocks: int = Field(default=2, ge=0, le=10)
    fee_factor: ExactDecimal = Field(default="3", validate_default=True)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if not 1 <= self.fee_factor <= 10:
            raise PlacedError("expected a factor from 1 to 10", "fee_factor")
        return self


class BitcoinSettings(BackendSettings):
    """Which Bitcoin network, and the backends that answer for it."""

    network: Literal["mainnet", "testnet4", "signet", "regtest"]
    confirmations: int = Field(default=3, ge=1, le=144)
    # What was final within so many blocks is looked at again: a deeper reorganisation must not go unseen.
    reorganisation_blocks: int = Field(default=100, ge=1, le=2016)
    witness: WitnessSettings | None = None
    fees: FeeSettings = FeeSettings()
    fee_source: tuple[FeeSourceSettings, ...] = Field(default=(), max_length=14, strict=False)

    @model_validator(mode="after")
    def _two_witnesses(self) -> Self:
        if self.witness is not None and self.witness.address == self.address:
            raise PlacedError("expected another backend than the first one", "witness", self.witness.kind)
        names = ["backend", "witness", *(source.name for source in self.fee_source)]
        if (at := _second(names)) is not None:
            raise PlacedError(
                f"expected each name once, found {names[at]!r} twice", "fee_source", at - 2, "name"
            )
        if self.fees.required > len(self.backends) + len(self.fee_source):
            raise PlacedError(
                f"expected at most {len(self.backends) + len(self.fee_source)} (all there are)",
                "fees",
                "required",
            )
        return self

    @property
    def backends(self) -> tuple[tuple[str, BackendSettings], ...]:
        """All backends, each with the name of its table."""
        return (("bitcoin", self), *((("bitcoin.witness", self.witness),) if self.witness else ()))


def _is_private(url: str) -> bool:
    """Nobody on the way can read along: this machine, or an onion service, which is its own encryption."""
    host = urlsplit(url).hostname or ""
    return host in {"127.0.0.1", "::1", "localhost"} or host.endswith(".onion")


class WalletSettings(StrictModel):
    """A watch-only wallet: its descriptor with key origins, and what holds the keys.

    A wallet of one key has its `device`. A group has `devices`, and in `outside` the root fingerprints of
    cosigners without a device here, who sign through files.
    """

    name: Name
    role: Literal["cold", "staging"]
    descriptor: str = Field(max_length=4000)
    device: Name | None = None
    devices: tuple[Name, ...] = Field(default=(), max_length=MAX_COSIGNERS, strict=False)
    outside: tuple[Fingerprint, ...] = Field(default=(), max_length=MAX_COSIGNERS, strict=False)

    @property
    def group(self) -> bool:
        """Whether several cosigners hold the keys, by the descriptor's form."""
        return "sortedmulti(" in self.descriptor

    @property
    def signers(self) -> tuple[str, ...]:
        """The devices that sign for it."""
        return self.devices if self.device is None else (self.device,)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Whose keys the descriptor names, one for each key."""
        return tuple(_ORIGIN.findall(self.descriptor))

    @model_validator(mode="after")
    def _keys(self) -> Self:
        given = [name for name in ("device", "devices", "outside") if getattr(self, name)]
        if not self.group and given != ["device"]:
            found = ", ".join(given) or "none"
            raise PlacedError(f"expected `device` for a wallet of one key, found {found}", *given[-1:])
        if self.group and self.device is not None:
            raise PlacedError("expected `devices` for a group of cosigners, found `device`", "device")
        if self.group and not self.devices:
            raise PlacedError("expected at least one of a group's cosigners in `devices`", "descriptor")
        for where in ("devices", "outside"):
            if (at := _second(list(getattr(self, where)))) is not None:
                raise PlacedError(f"expected each once, found {getattr(self, where)[at]!r} twice", where)
        return self


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
    `product` is what is traded at Binance. `margin_currency` is the margin account at Deribit, where each
    currency is one of its own; "" is the whole with cross collateral. ``off_exchange``: the coins are with
    `custodian`, the venue holds their mirror and can send nothing. `contracts` are those whose market is
    read. `paced`: whether the pauses between requests are kept; not said, they are, save on this machine.
    """

    name: Name
    exchange: Exchange
    account_uid: str = Field(min_length=1, max_length=64)
    url: Url | None = None
    product: Literal["usdm", "coinm", "portfolio"] = "usdm"
    margin_currency: str = Field(default="", pattern=r"^([A-Z0-9]{2,10})?$")
    custody: Literal["venue", "off_exchange"] = "venue"
    custodian: str = Field(default="", max_length=64)
    contracts: tuple[str, ...] = Field(min_length=1, max_length=50, strict=False)
    paced: bool | None = None
    timeout_seconds: int = Field(default=10, ge=1, le=120)
    submit_seconds: int = Field(default=15, ge=1, le=120)
    recv_window_ms: int = Field(default=5000, ge=100, le=60_000)
    history_lag_seconds: int = Field(default=60, ge=0, le=86_400)
    max_clock_skew_ms: int = Field(default=1000, ge=0, le=60_000)

    @model_validator(mode="before")
    @classmethod
    def _usual_contract(cls, data: object) -> object:
        """The contract of the exchange's largest market in bitcoin, where none is named."""
        if not isinstance(data, dict) or "contracts" in data:
            return data
        exchange, product = data.get("exchange"), data.get("product")
        usual = "BTCUSD_PERP" if (exchange, product) == ("binance", "coinm") else CONTRACTS.get(str(exchange))
        return data if usual is None else {**data, "contracts": (usual,)}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.product != "usdm" and self.exchange != "binance":
            raise ValueError(f"product: expected none (only Binance has products), found {self.product!r}")
        if self.margin_currency and self.exchange != "deribit":
            raise ValueError("margin_currency: expected none, only Deribit has separate margin accounts")
        if (self.custody == "off_exchange") != bool(self.custodian):
            raise ValueError('custodian: expected a name with custody = "off_exchange", and only with it')
        return self


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
    price: tuple[PriceSettings, ...] = Field(default=(), max_length=20, strict=False)
    feed: tuple[FeedSettings, ...] = Field(default=(), max_length=MAX_FEEDS, strict=False)
    ethereum: EthereumSettings = EthereumSettings()
    chain: tuple[ChainSettings, ...] = Field(default=(), max_length=20, strict=False)
    account: tuple[AccountSettings, ...] = Field(default=(), max_length=200, strict=False)

    @property
    def price_lines(self) -> tuple[VenueSettings, ...]:
        """How the sources of prices are reached: public endpoints of an exchange, without an account."""
        return tuple(
            VenueSettings(
                name=each.name,
                exchange=each.exchange,
                account_uid="none",
                url=each.url,
                contracts=(each.symbol,),
                timeout_seconds=each.timeout_seconds,
            )
            for each in self.price
        )

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
        both = [*(venue.name for venue in self.venue), *(price.name for price in self.price)]
        if (at := _second(both)) is not None:
            message = f"price: expected a name of its own, found twice: {both[at]}"
            raise PlacedError(message, "price", at - len(self.venue), "name")
        if (twice := second_feed(self.feed)) is not None:
            raise PlacedError(twice[1], "feed", twice[0], "name")
        for table, what, places in (
            ("venue", "account_uid", [f"{venue.exchange} {venue.account_uid}" for venue in self.venue]),
            ("wallet", "descriptor", [wallet.descriptor.partition("#")[0] for wallet in self.wallet]),
        ):
            # Under two names its coins would count twice, and be swept twice.
            if (at := _second(places)) is not None:
                message = f"{what}: expected each once, found under two names: {places[at]}"
                raise PlacedError(message, table, at, what)
        devices = {device.name for device in self.device}
        users = [
            ("wallet", at, each.name, signer, "device" if each.device else "devices")
            for at, each in enumerate(self.wallet)
            for signer in each.signers
        ]
        users += [("attester", at, each.name, each.device, "device") for at, each in enumerate(self.attester)]
        for table, at, name, device, key in users:
            if device not in devices:
                raise PlacedError(f"{name}: no [[device]] is named {device!r}", table, at, key)
        for at, wallet in enumerate(self.wallet):
            if wallet.group:
                self._cosigners(at, wallet)
        self._on_ethereum(frozenset(devices))
        return self

    def _on_ethereum(self, devices: frozenset[str]) -> None:
        """Chains and accounts fit each other; an account and a wallet never share a name."""
        for table, what, values in (
            ("chain", "name", [each.name for each in self.chain]),
            ("chain", "id", [str(each.id) for each in self.chain]),
            ("account", "address", [f"{each.chain} {each.address}" for each in self.account]),
        ):
            if (at := _second(values)) is not None:
                raise PlacedError(f"{what}: expected each once, found twice: {values[at]}", table, at, what)
        names = [*(wallet.name for wallet in self.wallet), *(each.name for each in self.account)]
        if (at := _second(names)) is not None:
            message = f"account: expected a name of its own, found twice: {names[at]}"
            raise PlacedError(message, "account", at - len(self.wallet), "name")
        if (wrong := wrong_accounts(self.chain, self.account, devices)) is not None:
            raise PlacedError(wrong[2], "account", wrong[0], wrong[1])

    def _cosigners(self, at: int, wallet: WalletSettings) -> None:
        """Every cosigner's key is that of a named device or of somebody outside, and nobody is named idly."""
        held = {each.root_fingerprint: each.name for each in self.device if each.name in wallet.devices}
        if len(held) < len(wallet.devices):
            raise PlacedError(
                "expected devices with a wallet each, found one wallet twice", "wallet", at, "devices"
            )
        for fingerprint in wallet.fingerprints:
            if fingerprint not in held and fingerprint not in wallet.outside:
                message = f"cosigner {fingerprint} is in no [[device]] of `devices`, and not in `outside`"
                raise PlacedError(f"{wallet.name}: {message}", "wallet", at, "descriptor")
        for fingerprint, name in held.items():
            if fingerprint not in wallet.fingerprints:
                message = f"{wallet.name}: {name} ({fingerprint}) holds no key of this descriptor"
                raise PlacedError(message, "wallet", at, "devices")
        for fingerprint in wallet.outside:
            if fingerprint in held or fingerprint not in wallet.fingerprints:
                why = (
                    f"is {held[fingerprint]}'s" if fingerprint in held else "holds no key of this descriptor"
                )
                raise PlacedError(f"{wallet.name}: {fingerprint} {why}", "wallet", at, "outside")


def _second(values: list[str]) -> int | None:
    """The first place at which a value stands for the second time."""
    return next((at for at, value in enumerate(values) if value in values[:at]), None)


Setting = TypeVar(
    "Setting",
    WalletSettings,
    DeviceSettings,
    AttesterSettings,
    VenueSettings,
    ChainSettings,
    AccountSettings,
)


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

    @property
    def definitions_path(self) -> Path | None:
        given = self.config.ethereum.definitions
        return None if given is None else self.folder / given

    def wallet(self, name: str) -> WalletSettings:
        return _only(self.config.wallet, name, "wallet")

    def device(self, name: str) -> DeviceSettings:
        return _only(self.config.device, name, "device")

    def attester(self, name: str) -> AttesterSettings:
        return _only(self.config.attester, name, "attester")

    def venue(self, name: str) -> VenueSettings:
        return _only(self.config.venue, name, "venue")

    def chain(self, name: str) -> ChainSettings:
        return _only(self.config.chain, name, "chain")

    def account(self, name: str) -> AccountSettings:
        return _only(self.config.account, name, "account")


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
