"""Devices of a treasury, and those that are not in it yet: open, list, check, show, pair, read keys.

Refuses emulators unless the treasury is marked emulated, whatever they are reached through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from vault.address import NETWORKS
from vault.attestation import attestation_path
from vault.config import PassphraseSource, Treasury
from vault.errors import ConfigError, GuardError

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

KeyUse = Literal["wallet", "multisig", "attestation"]


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
    """An account's extended public key, or at an address path a compressed one (66 hex digits).

    `script_type` and `use` (``wallet``, ``multisig``, ``attestation``) are those of its path.
    """

    path: str
    key: str
    script_type: str
    use: KeyUse


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
    treasury: Treasury | None,
    target: Target,
    keyboard: Keyboard,
    on_prompt: OnPrompt,
    permit: Callable[[DeviceInfo], None] | None = None,
) -> Iterator[DeviceSession]:
    """Open a device; None is no treasury, in which nothing is emulated and nothing is paired.

    `permit` is asked before the wallet is opened. Raises `DeviceError`, `WrongDeviceError`, `GuardError`,
    and what `permit` raises.
    """
    from vault.device.connection.credentials import credentials_of, no_credentials
    from vault.device.session import open_device

    def permitted(info: DeviceInfo) -> None:
        require_permitted_device(treasury, target.path, info)
        if permit is not None:
            permit(info)

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
        permit=permitted,
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
    """Public keys at `paths`; without any, the account's of each script type, alone and as a cosigner, and
    the attestation key.

    Raises `DeviceError`.
    """
    from vault.device.paths import account_paths, parse_path

    attestation = attestation_path(network.coin_type)
    wanted = [parse_path(path) for path in paths] or [*account_paths(network, account), attestation]
    keys = [
        labelled(steps, session.public_key(steps, network))
        if len(steps) == len(attestation)
        else account_key(session, network, steps)
        for steps in wanted
    ]
    return KeyList(session.fingerprint, tuple(keys))


def account_key(session: DeviceSession, network: Network, path: tuple[int, ...]) -> PublicKey:
    """The extended public key of an account. Raises `DeviceError`."""
    return labelled(path, session.xpub(path, network))


def labelled(path: tuple[int, ...], key: str) -> PublicKey:
    """A key with what its path says it is for."""
    from vault.device.paths import format_path, kind_of_group_path, kind_of_path

    if path in {attestation_path(network.coin_type) for network in NETWORKS.values()}:
        return PublicKey(format_path(path), key, "p2wpkh", "attestation")
    if group := kind_of_group_path(path):
        return PublicKey(format_path(path), key, group, "multisig")
    return PublicKey(format_path(path), key, kind_of_path(path), "wallet")


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


def show_address(
    desk: Desk, wallet: str, index: int, *, change: bool, device: str | None = None
) -> ShownAddress:
    """Have a wallet's device show one of its addresses; a group's each in turn, or only the one named.

    What a group's device showed is kept as soon as it did. Raises `AddressError`, `ConfigError`,
    `DeviceError`, `DeviceRefusedError`.
    """
    from vault.treasury.shown import record, show_place

    settings = desk.treasury.wallet(wallet)
    if device is not None and device not in settings.signers:
        raise ConfigError(
            "no_signer",
            f"expected a device of {wallet} ({', '.join(settings.signers)}), found {device!r}",
        )
    address, descriptor = derived_address(desk, wallet, index, change=change), desk.descriptor(wallet)
    for name in settings.signers if device is None else (device,):
        with desk.device(name) as session:
            show_place(session, descriptor, change, index)
            fingerprint = session.fingerprint
        if descriptor.group and not change:
            record(desk.store, descriptor, index, (fingerprint,))
    return ShownAddress(wallet, descriptor.place(change, index).where, address)


def derived_address(desk: Desk, wallet: str, index: int, *, change: bool = False) -> str:
    """An address of a wallet, derived by us and where it can be by another library, which must agree.

    Raises `AddressError`.
    """
    from vault.bitcoin.second_opinion import check_address, has_second_opinion

    descriptor = desk.descriptor(wallet)
    if has_second_opinion(descriptor):
        check_address(descriptor, change, index)
    return descriptor.address(change, index)
