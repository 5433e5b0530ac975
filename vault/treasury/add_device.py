"""Adding a device: what a hardware wallet says about itself becomes tables of treasury.toml.

The first receive address of every wallet is derived by us and shown on the device, which must show the
same; public keys are read twice, and compared with another machine's reading where one is given. Refuses
emulators in a treasury that is not marked emulated, and names that are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vault.address import network_of
from vault.attestation import attestation_path
from vault.bip32 import HARDENED, SINGLE_PURPOSES
from vault.config import PassphraseSource, Role, Treasury, TreasuryConfig
from vault.errors import ConfigError, DeviceError
from vault.files import write_document
from vault.toml_strict import parse_toml
from vault.treasury import authority
from vault.treasury.devices import KeyList, Target, account_key, labelled, open_target
from vault.treasury.shown import show_place
from vault.treasury.templates import table

if TYPE_CHECKING:
    from vault.address import Network
    from vault.device.connection.features import DeviceInfo, DeviceKind
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import OnPrompt
    from vault.device.session import DeviceSession
    from vault.treasury.add_wallet import NewWallet

ScriptType = Literal["p2wpkh", "p2tr"]


@dataclass(frozen=True, slots=True)
class WantedWallet:
    """A wallet to be added with a device."""

    name: str
    role: Literal["cold", "staging"]
    script: ScriptType
    account: int = 0


@dataclass(frozen=True, slots=True)
class WantedAttester:
    """A person whose statements the device signs."""

    name: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class AddedWallet:
    name: str
    role: str
    descriptor: str
    first_address: str


@dataclass(frozen=True, slots=True)
class AddedDevice:
    """What the device said, and the text that says so in treasury.toml.

    `compared`: another machine read the same public keys.
    """

    name: str
    info: DeviceInfo
    root_fingerprint: str
    wallets: tuple[AddedWallet, ...]
    attester: str
    public_key: str
    compared: bool
    text: str


def add_device(
    treasury: Treasury,
    name: str,
    path: str,
    *,
    kind: DeviceKind | None,
    wallets: tuple[WantedWallet, ...],
    attester: WantedAttester | None,
    passphrase: PassphraseSource,
    compare: KeyList | None,
    keyboard: Keyboard,
    on_prompt: OnPrompt,
) -> AddedDevice:
    """Ask the device and return its tables; treasury.toml is not touched (see `append`).

    `kind` None takes what the device is recognised as. Raises `DeviceError`, `DeviceRefusedError`,
    `ConfigError`, `GuardError`, `DocumentError`.
    """
    network = network_of(treasury.config.bitcoin.network)
    _refuse_taken(treasury, name, wallets, attester)
    check_candidate(treasury, table("device", _device_values(name, kind or "trezor", path, "00000000")))
    target = Target(path, kind, None, passphrase)
    with open_target(treasury, target, keyboard, on_prompt) as session:
        fingerprint, info = session.fingerprint, session.features
        keys = _read_keys(session, network, wallets, attester)
        # The keys that are compared below are the ones that the descriptors are built from.
        by_path = {key.path: key.key for key in keys.keys}
        added = tuple(_wallet(session, network, wanted, by_path) for wanted in wallets)
    with open_target(
        treasury, Target(path, info.kind, fingerprint, passphrase), keyboard, on_prompt
    ) as again:
        require_same(keys, _read_keys(again, network, wallets, attester), "the second reading")
    if compare is not None:
        require_same(keys, compare, "the other machine's reading")
    public_key = keys.keys[-1].key if attester else ""
    tables = [table("device", _device_values(name, info.kind, path, fingerprint, passphrase))]
    for wallet in added:
        facts = [("name", wallet.name), ("role", wallet.role), ("descriptor", wallet.descriptor)]
        tables.append(table("wallet", [*facts, ("device", name)]))
    if attester:
        pinned = [("name", attester.name), ("device", name), ("public_key", public_key)]
        tables.append(table("attester", [*pinned, ("roles", tuple(attester.roles))]))
    text = "\n".join(tables)
    check_candidate(treasury, text)
    who = attester.name if attester else ""
    return AddedDevice(name, info, fingerprint, added, who, public_key, compare is not None, text)


def _read_keys(
    session: DeviceSession,
    network: Network,
    wallets: tuple[WantedWallet, ...],
    attester: WantedAttester | None,
) -> KeyList:
    """Everything of the device that is pinned: account keys, and last the attestation key."""
    from vault.device.attest import attestation_public_key

    keys = [
        account_key(session, network, path)
        for path in dict.fromkeys(_account_path(network, wanted) for wanted in wallets)
    ]
    if attester:
        path = attestation_path(network.coin_type)
        keys.append(labelled(path, attestation_public_key(session, network)))
    return KeyList(session.fingerprint, tuple(keys))


def require_same(first: KeyList, other: KeyList, what: str) -> None:
    """Two readings of one device's keys. Raises `DeviceError` (``keys_differ``, ``not_compared``)."""
    known = {key.path: key.key for key in other.keys}
    if first.root_fingerprint != other.root_fingerprint:
        raise _differ(what, f"wallet {other.root_fingerprint} instead of {first.root_fingerprint}")
    for key in first.keys:
        if key.path not in known:
            raise DeviceError(
                "not_compared",
                f"{what} has no key for {key.path}",
                hint=f"Read it there with `vault device xpub --key {key.path} --json`.",
            )
        if known[key.path] != key.key:
            raise _differ(what, f"another key for {key.path}")


def _differ(what: str, how: str) -> DeviceError:
    return DeviceError(
        "keys_differ",
        f"{what} of the public keys is another one: {how}",
        hint="One of the readings was altered on its way. Use neither, and find out which machine lies.",
    )


def append(treasury: Treasury, added: AddedDevice | NewWallet) -> Treasury:
    """Append the tables to treasury.toml, whole or not at all; returns the treasury as it now is."""
    text, config = check_candidate(treasury, added.text)
    write_document(treasury.path, text.encode())
    return Treasury(config, treasury.path)


def _device_values(
    name: str,
    kind: str,
    path: str,
    fingerprint: str,
    passphrase: PassphraseSource = "none",  # noqa: S107
) -> list[tuple[str, str | tuple[str, ...]]]:
    values = (("kind", kind), ("path", path), ("root_fingerprint", fingerprint), ("passphrase", passphrase))
    return [("name", name), *(pair for pair in values if pair != ("passphrase", "none"))]


def check_candidate(treasury: Treasury, addition: str) -> tuple[str, TreasuryConfig]:
    """treasury.toml as it would be with `addition`; refused unless it is valid and permitted."""
    try:
        before = treasury.path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("unreadable", f"{treasury.path}: {error}") from None
    text = f"{before.rstrip()}\n\n{addition}"
    config = parse_toml(text, TreasuryConfig, name=str(treasury.path))
    authority.require_permitted_world(config)
    return text, config


def _refuse_taken(
    treasury: Treasury, name: str, wallets: tuple[WantedWallet, ...], attester: WantedAttester | None
) -> None:
    config = treasury.config
    taken = [("device", name)] if name in {device.name for device in config.device} else []
    taken += [("wallet", w.name) for w in wallets if w.name in {known.name for known in config.wallet}]
    if attester and attester.name in {known.name for known in config.attester}:
        taken.append(("attester", attester.name))
    if taken:
        raise ConfigError(
            "name_taken",
            f"{treasury.path} already has a {taken[0][0]} named {taken[0][1]!r}",
            hint="Choose another name, or remove the old table yourself.",
        )


def _wallet(
    session: DeviceSession, network: Network, wanted: WantedWallet, keys: dict[str, str]
) -> AddedWallet:
    from vault.bitcoin.descriptor import Descriptor
    from vault.device.connection.features import require_backed_up
    from vault.device.paths import format_path

    require_backed_up(session.features)
    path = _account_path(network, wanted)
    xpub = keys[format_path(path)]
    descriptor = Descriptor.build(wanted.script, network, session.fingerprint, path, xpub)
    address = show_place(session, descriptor, False, 0)
    return AddedWallet(wanted.name, wanted.role, descriptor.text(), address)


def _account_path(network: Network, wanted: WantedWallet) -> tuple[int, ...]:
    return tuple(
        step | HARDENED for step in (SINGLE_PURPOSES[wanted.script], network.coin_type, wanted.account)
    )
