"""Devices of a treasury, and those that are not in it yet: open, list, check, show, pair, read keys.

Refuses emulators unless the treasury is marked emulated, whatever they are reached through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.attestation import attestation_path
from vault.config import PassphraseSource, Treasury
from vault.errors import GuardError

if TYPE_CHECKING:
    from vault.address import Network
    from vault.device.connection.features import DeviceInfo, DeviceKind
    from vault.device.connection.keyboard import Keyboard
    from vault.device.connection.thp import PairingMethod
    from vault.device.discover import Discovery
    from vault.device.health.findings import HealthFinding
    from vault.device.prompt import OnPrompt
    from vault.device.session import DeviceSession
    from vault.treasury.desk import Desk

TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Target:
    """A device to open: one of the treasury, or one named by its path (`fingerprint` None: to be learnt)."""

    path: str
    kind: DeviceKind | None
    fingerprint: str | None
    passphrase: PassphraseSource = "none"  # noqa: S105 -- where it is typed, not what it is
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An account's extended public key, or at an address path a compressed one (66 hex digits)."""

    path: str
    key: str


@dataclass(frozen=True, slots=True)
class KeyList:
    """Public keys of one wallet as one machine read them, for another machine to compare."""

    root_fingerprint: str
    keys: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True)
class CheckedDevice:
    """What a device said, and the findings about it."""

    info: DeviceInfo
    root_fingerprint: str
    findings: tuple[HealthFinding, ...]


@dataclass(frozen=True, slots=True)
class PairedDevice:
    """`needed` is false for protocol v1; `already` when a stored pairing still holds."""

    info: DeviceInfo
    needed: bool
    already: bool


@dataclass(frozen=True, slots=True)
class ShownAddress:
    """An address that the device showed and the person confirmed."""

    wallet: str
    path: str
    address: str


def configured(treasury: Treasury, name: str) -> Target:
    """The device of that name. Raises `ConfigError`."""
    settings = treasury.device(name)
    return Target(
        settings.path, settings.kind, settings.root_fingerprint, settings.passphrase, settings.timeout_seconds
    )


@contextmanager
def open_target(
    treasury: Treasury | None, target: Target, keyboard: Keyboard, on_prompt: OnPrompt
) -> Iterator[DeviceSession]:
    """Open a device; None is no treasury, in which nothing is emulated and nothing is paired.

    Raises `DeviceError`, `WrongDeviceError`, `GuardError`.
    """
    from vault.device.connection.credentials import credentials_of, no_credentials
    from vault.device.session import open_device

    require_permitted_path(treasury, target.path)
    with open_device(
        target.path,
        kind=target.kind,
        expected_fingerprint=target.fingerprint,
        timeout_s=target.timeout_s,
        on_prompt=on_prompt,
        passphrase=target.passphrase,
        keyboard=keyboard,
        credentials=credentials_of(treasury.config.treasury_id) if treasury else no_credentials,
        permit=lambda info: require_permitted_device(treasury, target.path, info),
    ) as session:
        yield session


def require_permitted_path(treasury: Treasury | None, path: str) -> None:
    """No emulator's path in a treasury that is not emulated. Raises `GuardError`."""
    if path.startswith("udp:") and not (treasury and treasury.config.emulated):
        raise _emulated(path)


def require_permitted_device(treasury: Treasury | None, path: str, info: DeviceInfo) -> None:
    """The same for what a device says: a bridge can stand before an emulator. Raises `GuardError`."""
    if info.emulated and not (treasury and treasury.config.emulated):
        raise _emulated(path)


def _emulated(path: str) -> GuardError:
    return GuardError(
        "emulated_device",
        f"{path} is an emulator, and this treasury is not marked emulated",
        hint="Set `emulated = true` for a treasury that holds nothing of value.",
    )


def list_devices(treasury: Treasury | None) -> Discovery:
    """What is connected, and at the configured paths what is not."""
    from vault.device.connection.credentials import credentials_of
    from vault.device.discover import discover

    if treasury is None:
        return discover()
    config = treasury.config
    paths = [device.path for device in config.device]
    return discover(paths, emulated=config.emulated, credentials=credentials_of(config.treasury_id))


def names_of(treasury: Treasury | None, fingerprint: str | None) -> tuple[str, ...]:
    """The configured devices that hold this wallet."""
    devices = treasury.config.device if treasury else ()
    return tuple(device.name for device in devices if device.root_fingerprint == fingerprint)


def read_keys(session: DeviceSession, network: Network, paths: tuple[str, ...], account: int) -> KeyList:
    """Public keys at `paths`; without any, the account's of each script type and the attestation key.

    Raises `DeviceError`.
    """
    from vault.device.paths import PURPOSES, format_path, parse_path

    attestation = attestation_path(network.coin_type)
    if not paths:
        accounts = (f"m/{purpose}h/{network.coin_type}h/{account}h" for purpose in PURPOSES.values())
        paths = (*accounts, format_path(attestation))
    keys = []
    for path in paths:
        steps = parse_path(path)
        whole = len(steps) == len(attestation)
        key = session.public_key(steps, network) if whole else session.xpub(steps, network)
        keys.append(PublicKey(format_path(steps), key))
    return KeyList(session.fingerprint, tuple(keys))


def check(
    treasury: Treasury | None, target: Target, keyboard: Keyboard, on_prompt: OnPrompt, *, authenticity: bool
) -> CheckedDevice:
    """Look at everything about a device; with `authenticity` its secure element is asked too.

    Raises `DeviceError` for a device that cannot be asked.
    """
    from vault.device.health.findings import findings

    with open_target(treasury, target, keyboard, on_prompt) as session:
        report = session.authenticate() if authenticity else None
        found = findings(session.features, target.passphrase, report)
        return CheckedDevice(session.features, session.fingerprint, found)


def pair(
    treasury: Treasury, target: Target, method: PairingMethod, keyboard: Keyboard, on_prompt: OnPrompt
) -> PairedDevice:
    """Pair this computer with a device of protocol THP; the credential goes into the keyring.

    Raises `DeviceError`, `DeviceRefusedError`, `SecretError`, `GuardError`.
    """
    from vault.device.connection.connect import Surroundings, open_connection
    from vault.device.connection.credentials import credentials_of, save
    from vault.device.connection.thp import ThpConnection
    from vault.device.connection.thp import pair as work
    from vault.secrets import backend_name

    require_permitted_path(treasury, target.path)
    backend_name()  # a keyring that keeps nothing is refused before a person is asked for anything
    treasury_id = treasury.config.treasury_id
    around = Surroundings(target.timeout_s, on_prompt, keyboard, credentials_of(treasury_id))
    with open_connection(target.path, around) as connection:
        require_permitted_device(treasury, target.path, connection.info)
        if not isinstance(connection, ThpConnection):
            return PairedDevice(connection.info, needed=False, already=False)
        if connection.paired:
            return PairedDevice(connection.info, needed=True, already=True)
        credential = work(connection, method, keyboard)
        require_permitted_device(treasury, target.path, connection.info)
        save(treasury_id, credential)
        return PairedDevice(connection.info, needed=True, already=False)


def show_address(desk: Desk, wallet: str, index: int, *, change: bool) -> ShownAddress:
    """Have a wallet's device show one of its addresses, derived by us (p2wpkh: also by another library).

    Raises `AddressError`, `ConfigError`, `DeviceError`, `DeviceRefusedError`.
    """
    from vault.bitcoin.second_opinion import check_address, has_second_opinion
    from vault.device.paths import format_path

    settings = desk.treasury.wallet(wallet)
    descriptor = desk.descriptor(wallet)
    address, path = descriptor.address(change, index), descriptor.path(change, index)
    if has_second_opinion(descriptor):
        check_address(descriptor, change, index)
    with desk.device(settings.device) as session:
        session.show_address(desk.network, path, descriptor.kind, expected=address)
    return ShownAddress(wallet, format_path(path), address)
