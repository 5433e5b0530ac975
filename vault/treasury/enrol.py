"""Enrolment: what a hardware wallet says about itself becomes tables of treasury.toml.

The first receive address of every wallet is derived by us and shown on the device, which must show the
same. Refuses emulators in a treasury that is not marked emulated, and names that are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from vault.address import network_of
from vault.config import Role, Treasury, TreasuryConfig
from vault.errors import ConfigError
from vault.files import write_private
from vault.toml_strict import parse_toml
from vault.treasury import authority
from vault.treasury.templates import table

if TYPE_CHECKING:
    from vault.address import Network
    from vault.bitcoin.descriptor import Descriptor
    from vault.device.features import DeviceInfo
    from vault.device.prompt import OnPrompt
    from vault.device.session import DeviceSession

ScriptType = Literal["p2wpkh", "p2tr"]
_PURPOSES: Final[dict[ScriptType, int]] = {"p2wpkh": 84, "p2tr": 86}
_HARDENED: Final = 0x80000000
ENROL_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class WantedWallet:
    """A wallet to be enrolled with a device."""

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
class EnrolledWallet:
    name: str
    role: str
    descriptor: str
    first_address: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the device said, and the text that says so in treasury.toml."""

    name: str
    info: DeviceInfo
    root_fingerprint: str
    wallets: tuple[EnrolledWallet, ...]
    attester: str
    public_key: str
    text: str


def enrol(
    treasury: Treasury,
    name: str,
    path: str,
    kind: Literal["trezor", "onekey"],
    *,
    wallets: tuple[WantedWallet, ...],
    attester: WantedAttester | None,
    on_prompt: OnPrompt,
) -> Enrolment:
    """Ask the device and return its tables; treasury.toml is not touched (see `append`).

    Raises `DeviceError`, `DeviceRefusedError`, `ConfigError`, `GuardError`, `DocumentError`.
    """
    from vault.device.attest import attestation_public_key
    from vault.device.session import open_device

    network = network_of(treasury.config.bitcoin.network)
    _refuse_taken(treasury, name, wallets, attester)
    _check_candidate(treasury, table("device", _device_values(name, kind, path, "00000000")))
    with open_device(
        path, kind=kind, expected_fingerprint=None, timeout_s=ENROL_TIMEOUT_S, on_prompt=on_prompt
    ) as session:
        fingerprint, info = session.fingerprint, session.features
        enrolled = tuple(_wallet(session, network, wanted) for wanted in wallets)
        public_key = attestation_public_key(session, network) if attester else ""
    tables = [table("device", _device_values(name, kind, path, fingerprint))]
    for wallet in enrolled:
        values = [("name", wallet.name), ("role", wallet.role), ("descriptor", wallet.descriptor)]
        tables.append(table("wallet", [*values, ("device", name)]))
    if attester:
        pinned = [("name", attester.name), ("device", name), ("public_key", public_key)]
        tables.append(table("attester", [*pinned, ("roles", tuple(attester.roles))]))
    text = "\n".join(tables)
    _check_candidate(treasury, text)
    return Enrolment(name, info, fingerprint, enrolled, attester.name if attester else "", public_key, text)


def append(treasury: Treasury, enrolment: Enrolment) -> Treasury:
    """Append the tables to treasury.toml, whole or not at all; returns the treasury as it now is."""
    text, config = _check_candidate(treasury, enrolment.text)
    write_private(treasury.path, text.encode())
    return Treasury(config, treasury.path)


def _device_values(
    name: str, kind: str, path: str, fingerprint: str
) -> list[tuple[str, str | tuple[str, ...]]]:
    return [("name", name), ("kind", kind), ("path", path), ("root_fingerprint", fingerprint)]


def _check_candidate(treasury: Treasury, addition: str) -> tuple[str, TreasuryConfig]:
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


def _wallet(session: DeviceSession, network: Network, wanted: WantedWallet) -> EnrolledWallet:
    descriptor = _descriptor(session, network, wanted)
    address = descriptor.address(False, 0)
    session.show_address(network, descriptor.path(False, 0), wanted.script, expected=address)
    return EnrolledWallet(wanted.name, wanted.role, descriptor.text(), address)


def _descriptor(session: DeviceSession, network: Network, wanted: WantedWallet) -> Descriptor:
    from vault.bitcoin.descriptor import Descriptor

    purpose = _PURPOSES[wanted.script]
    path = tuple(step | _HARDENED for step in (purpose, network.coin_type, wanted.account))
    return Descriptor.build(wanted.script, network, session.fingerprint, path, session.xpub(path, network))
