"""Which devices have shown an address of a wallet of ours, and which accounts on Ethereum were proven to be.

A group's keys came together on this computer: only its cosigners' own screens prove that it is theirs.
Refuses a group whose first address was not shown by every device cosigner, as destination and as source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.canonical import digest
from vault.errors import AddressError, DeniedError, StoreError
from vault.store import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.bitcoin.descriptor import Descriptor
    from vault.device.session import DeviceSession
    from vault.policy.book import Entry
    from vault.store.database import Store
    from vault.treasury.desk import Desk

_KIND = "address_shown"
_ACCOUNT = "account_proven"


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


def record_account(desk: Desk, entry: Entry) -> None:
    """Keep, and journal, that an account on Ethereum was proven: by its device, or as a Safe on chain."""
    with desk.store.write() as writer:
        records.save_document(writer, _ACCOUNT, _proof(desk, entry))


def require_proven(desk: Desk, entry: Entry) -> None:
    """The entry is the account that it names, as treasury.toml has it, and was proven as that.

    Raises `AddressError` (``address.not_ours``) and `DeniedError` (``denied.account_not_proven``).
    """
    settings = desk.treasury.account(str(entry.wallet))
    network = f"eip155:{desk.treasury.chain(settings.chain).id}"
    if (entry.address, entry.network) != (settings.address, network) or settings.kind == "watch":
        raise AddressError(
            "not_ours",
            f"{entry.id}: expected {settings.address} on {network} (account {settings.name}), "
            f"found {entry.address} on {entry.network}",
            hint="Somebody changed the address book or treasury.toml. Do not sign it.",
        )
    try:
        with desk.store.read() as connection:
            records.document(connection, digest(_proof(desk, entry)))
    except StoreError as error:
        if error.code != "store.no_document":
            raise
        raise DeniedError(
            "account_not_proven",
            f"{entry.id}: expected a proof that {entry.address} is ours, found none",
            hint="`vault book add-account` asks its device, or the chain who owns the Safe, when it adds it.",
        ) from None


def _proof(desk: Desk, entry: Entry) -> dict[str, object]:
    """What was proven: who signs at this address. Other owners, or another device, want another proof."""
    settings = desk.treasury.account(str(entry.wallet))
    safe = settings.safe
    owners = () if safe is None else tuple(desk.treasury.account(name).address for name in safe.owners)
    return {
        "account": settings.name,
        "network": entry.network,
        "address": settings.address,
        "device": settings.device or "",
        "path": settings.path or "",
        "owners": [] if safe is None else sorted((*owners, *safe.outside)),
        "threshold": 0 if safe is None else safe.threshold,
    }


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
