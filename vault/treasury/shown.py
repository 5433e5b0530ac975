"""Which devices have shown an address of a wallet of ours; a group is used once all of its devices have.

A group's keys came together on this computer: only its cosigners' own screens prove that it is theirs.
Refuses a group whose first address was not shown by every device cosigner, as destination and as source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.canonical import digest
from vault.errors import DeniedError, StoreError
from vault.store import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.bitcoin.descriptor import Descriptor
    from vault.device.session import DeviceSession
    from vault.store.database import Store
    from vault.treasury.desk import Desk

_KIND = "address_shown"


def show_place(session: DeviceSession, descriptor: Descriptor, change: bool, index: int) -> str:
    """Have a device show the address at a place of a wallet, alone or as a cosigner; returns it.

    Raises `DeviceError` and its kin.
    """
    from vault.device.bitcoin.multisig import show_group_address
    from vault.device.bitcoin.request import KeyOrigin
    from vault.treasury.spending import origin_of

    address, network = descriptor.address(change, index), descriptor.network
    origin = origin_of(descriptor, descriptor.place(change, index))
    if isinstance(origin, KeyOrigin):
        return session.show_address(network, origin.path, descriptor.kind, expected=address)
    return show_group_address(session, network, descriptor.kind, origin, expected=address)


def record(store: Store, descriptor: Descriptor, index: int, fingerprints: Iterable[str]) -> None:
    """Keep, and journal, that these wallets' devices showed the receive address at `index`."""
    with store.write() as writer:
        for fingerprint in fingerprints:
            records.save_document(writer, _KIND, _fact(descriptor, index, fingerprint))


def not_shown(desk: Desk, wallet: str, index: int = 0) -> tuple[str, ...]:
    """The group's devices that have not shown the receive address at `index`; none for one key."""
    settings = desk.treasury.wallet(wallet)
    if not settings.group:
        return ()
    descriptor, missing = desk.descriptor(wallet), []
    with desk.store.read() as connection:
        for name in settings.signers:
            fact = _fact(descriptor, index, desk.treasury.device(name).root_fingerprint)
            try:
                records.document(connection, digest(fact))
            except StoreError as error:
                if error.code != "store.no_document":
                    raise
                missing.append(name)
    return tuple(missing)


def require_shown(desk: Desk, wallet: str) -> None:
    """Raises `DeniedError` (``denied.wallet_not_confirmed``)."""
    if missing := not_shown(desk, wallet):
        raise DeniedError(
            "wallet_not_confirmed",
            f"{wallet}: expected its first address to be shown by every device of the group, "
            f"not yet by {', '.join(missing)}",
            hint=f"Run `vault wallet confirm {wallet} --device {missing[0]}` with it at hand.",
        )


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Whose key it is: root fingerprint, account path, extended key, the device here (empty: outside)."""

    fingerprint: str
    path: str
    key: str
    device: str


@dataclass(frozen=True, slots=True)
class WalletDescription:
    """What is known of a wallet without asking anybody; `waiting` are devices that have not shown it."""

    name: str
    role: str
    kind: str
    threshold: int
    cosigners: tuple[Cosigner, ...]
    descriptor: str
    first_address: str
    waiting: tuple[str, ...]


def describe_wallet(desk: Desk, wallet: str) -> WalletDescription:
    """A configured wallet. Raises `ConfigError`."""
    from vault.bitcoin.descriptor import path_text

    settings, descriptor = desk.treasury.wallet(wallet), desk.descriptor(wallet)
    held = {desk.treasury.device(name).root_fingerprint: name for name in settings.signers}
    return WalletDescription(
        wallet,
        settings.role,
        descriptor.kind,
        descriptor.threshold,
        tuple(
            Cosigner(
                key.fingerprint,
                path_text(key.path),
                key.account.text(descriptor.network),
                held.get(key.fingerprint, ""),
            )
            for key in descriptor.keys
        ),
        descriptor.text(),
        descriptor.address(False, 0),
        not_shown(desk, wallet),
    )


def _fact(descriptor: Descriptor, index: int, fingerprint: str) -> dict[str, object]:
    return {
        "descriptor": descriptor.text(),
        "index": index,
        "address": descriptor.address(False, index),
        "root_fingerprint": fingerprint,
    }
