"""Adding a wallet: the account keys of devices that are in the treasury become a [[wallet]].

Each key is read twice, and compared with another machine's reading where one is given; every device at
hand shows the first address. Refuses names that are taken, keys that differ, a device without backup, and
a key file of a device that is none of the wallet's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vault.address import network_of
from vault.bip32 import GROUP_PURPOSE, GROUP_STEPS, HARDENED, SINGLE_PURPOSES, ExtendedKey
from vault.bitcoin.descriptor import Descriptor, KeyExpression
from vault.bitcoin.scripts import GROUP_KINDS
from vault.config import MAX_COSIGNERS
from vault.errors import ConfigError, DeviceError
from vault.treasury.add_device import append, check_candidate, require_same
from vault.treasury.devices import KeyList, account_key, configured, open_target
from vault.treasury.shown import record, show_place
from vault.treasury.templates import table

if TYPE_CHECKING:
    from vault.bitcoin.descriptor import Kind
    from vault.config import Treasury
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import OnPrompt
    from vault.store.database import Store


@dataclass(frozen=True, slots=True)
class Signer:
    """A device of the treasury, by its name, and the account of it that the wallet takes."""

    device: str
    account: int = 0


@dataclass(frozen=True, slots=True)
class NewWallet:
    """A wallet, and the text that says so in treasury.toml.

    `shown` are the devices that showed its first address, `waiting` those that were not at hand; `compared`
    those whose keys another machine read, too.
    """

    name: str
    role: str
    kind: str
    threshold: int
    keys: int
    descriptor: str
    first_address: str
    shown: tuple[str, ...]
    waiting: tuple[str, ...]
    outside: tuple[str, ...]
    compared: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class WalletRequest:
    """A wallet that is wanted, who holds its keys, and what other machines say they are.

    `absent` are readings that stand in for devices that are not at hand; `compare` those that a device's own
    must equal; `outside` are cosigners without a device here.
    """

    name: str
    role: Literal["cold", "staging"]
    kind: Kind
    threshold: int
    signers: tuple[Signer, ...]
    outside: tuple[KeyExpression, ...] = ()
    absent: tuple[KeyList, ...] = ()
    compare: tuple[KeyList, ...] = ()


def add_wallet(
    treasury: Treasury, wanted: WalletRequest, keyboard: Keyboard, on_prompt: OnPrompt
) -> NewWallet:
    """Ask the devices and return the wallet; treasury.toml is not touched (see `add_device.append`).

    Raises `ConfigError`, `DeviceError`, `DeviceRefusedError`, `DocumentError`, `GuardError`.
    """
    reader = _Reader(treasury, wanted, keyboard, on_prompt)
    reader.require_sense()
    keys = tuple(key for device in reader.devices for key in reader.keys_of(device))
    network = network_of(treasury.config.bitcoin.network)
    descriptor = Descriptor.of_keys(wanted.kind, network, wanted.threshold, (*keys, *wanted.outside))
    text = _table(wanted, descriptor, reader.devices, reader.outside)
    check_candidate(treasury, text)
    shown = tuple(device for device in reader.devices if reader.show(device, descriptor))
    return NewWallet(
        wanted.name,
        wanted.role,
        wanted.kind,
        wanted.threshold,
        len(descriptor.keys),
        descriptor.text(),
        descriptor.address(False, 0),
        shown,
        tuple(device for device in reader.devices if device not in shown),
        reader.outside,
        reader.compared,
        text,
    )


class _Reader:
    """Reads the keys of a wallet to be, device by device."""

    def __init__(
        self, treasury: Treasury, wanted: WalletRequest, keyboard: Keyboard, on_prompt: OnPrompt
    ) -> None:
        self._treasury, self._wanted = treasury, wanted
        self._people = keyboard, on_prompt
        self._network = network_of(treasury.config.bitcoin.network)
        self.devices = tuple(dict.fromkeys(each.device for each in wanted.signers))
        self._fingerprints = {name: treasury.device(name).root_fingerprint for name in self.devices}
        ours = set(self._fingerprints.values())
        self.outside = tuple(
            dict.fromkeys(key.fingerprint for key in wanted.outside if key.fingerprint not in ours)
        )

    @property
    def compared(self) -> tuple[str, ...]:
        known = {each.root_fingerprint for each in self._wanted.compare}
        return tuple(name for name, fingerprint in self._fingerprints.items() if fingerprint in known)

    def require_sense(self) -> None:
        """What can be refused before a device is asked."""
        name, kind, threshold = self._wanted.name, self._wanted.kind, self._wanted.threshold
        if name in {each.name for each in self._treasury.config.wallet}:
            raise ConfigError(
                "name_taken",
                f"{self._treasury.path} already has a wallet named {name!r}",
                hint="Choose another name, or remove the old table yourself.",
            )
        total = len(self._wanted.signers) + len(self._wanted.outside)
        least, most = (2, MAX_COSIGNERS) if kind in GROUP_KINDS else (1, 1)
        if not least <= total <= most or not 1 <= threshold <= total:
            raise ConfigError(
                "bad_group",
                f"expected {least} to {most} keys and a threshold within them for {kind}, "
                f"found {threshold} of {total}",
            )
        if len(set(self._wanted.signers)) != len(self._wanted.signers):
            raise ConfigError("cosigner_twice", "expected each account of a device once")
        for given in (*self._wanted.absent, *self._wanted.compare):
            if given.root_fingerprint not in self._fingerprints.values():
                raise DeviceError(
                    "keys_differ",
                    f"expected key files of {', '.join(self.devices)}, found one of wallet "
                    f"{given.root_fingerprint}",
                    hint="The file is of another device, or somebody exchanged it.",
                )

    def keys_of(self, device: str) -> tuple[KeyExpression, ...]:
        """The device's keys: read twice, or out of the file that stands in for it."""
        from vault.device.paths import parse_path

        fingerprint = self._fingerprints[device]
        found = self._absent(device) or self._read(device)
        for other in self._wanted.compare:
            if other.root_fingerprint == fingerprint:
                require_same(found, other, f"the other machine's reading of {device}")
        return tuple(
            KeyExpression(fingerprint, parse_path(key.path), ExtendedKey.parse(key.key, self._network))
            for key in found.keys
        )

    def show(self, device: str, descriptor: Descriptor) -> bool:
        """Whether the device is at hand, and showed the first address."""
        if self._absent(device) is not None:
            return False
        with open_target(self._treasury, configured(self._treasury, device), *self._people) as session:
            show_place(session, descriptor, False, 0)
        return True

    def _paths(self, device: str) -> tuple[tuple[int, ...], ...]:
        kind, coin = self._wanted.kind, self._network.coin_type
        purpose = SINGLE_PURPOSES.get(kind, GROUP_PURPOSE)
        last = (GROUP_STEPS[kind],) if kind in GROUP_KINDS else ()
        accounts = (each.account for each in self._wanted.signers if each.device == device)
        return tuple(
            tuple(step | HARDENED for step in (purpose, coin, account, *last)) for account in accounts
        )

    def _read(self, device: str) -> KeyList:
        from vault.device.connection.features import require_backed_up

        readings = []
        for _ in range(2):
            target = configured(self._treasury, device)
            with open_target(self._treasury, target, *self._people) as session:
                require_backed_up(session.features)
                keys = tuple(account_key(session, self._network, path) for path in self._paths(device))
                readings.append(KeyList(session.fingerprint, keys))
        require_same(readings[0], readings[1], f"the second reading of {device}")
        return readings[0]

    def _absent(self, device: str) -> KeyList | None:
        """The keys that the wallet takes, out of a file of that device; None where there is no such file."""
        from vault.device.paths import format_path

        fingerprint = self._fingerprints[device]
        files = [each for each in self._wanted.absent if each.root_fingerprint == fingerprint]
        if not files:
            return None
        known = {key.path: key for key in files[0].keys}
        wanted = [format_path(path) for path in self._paths(device)]
        for path in wanted:
            if path not in known:
                raise DeviceError(
                    "no_key",
                    f"the key file of {device} has no key for {path}",
                    hint=f"Read it there with `vault device xpub --key {path} --json`.",
                )
        return KeyList(fingerprint, tuple(known[path] for path in wanted))


def _table(
    wanted: WalletRequest, descriptor: Descriptor, devices: tuple[str, ...], outside: tuple[str, ...]
) -> str:
    facts: list[tuple[str, str | tuple[str, ...]]] = [
        ("name", wanted.name),
        ("role", wanted.role),
        ("descriptor", descriptor.text()),
    ]
    if descriptor.group:
        facts.append(("devices", devices))
        facts += [("outside", outside)] if outside else []
    else:
        facts.append(("device", devices[0]))
    return table("wallet", facts)


def enrol(treasury: Treasury, store: Store, new: NewWallet) -> Treasury:
    """Append a wallet to treasury.toml, whole or not at all; who has shown it is kept before that."""
    descriptor = Descriptor.parse(new.descriptor, network_of(treasury.config.bitcoin.network))
    if descriptor.group:
        fingerprints = (treasury.device(name).root_fingerprint for name in new.shown)
        record(store, descriptor, 0, fingerprints)
    return append(treasury, new)


def parse_cosigner(treasury: Treasury, text: str) -> KeyExpression:
    """A cosigner's key as ``[fingerprint/48h/…]xpub``, as other programs export it.

    Raises `ConfigError`; a private key is never echoed.
    """
    from vault.device.paths import parse_path

    match = re.fullmatch(
        r"\[([0-9a-fA-F]{8})/([0-9h'H/]{1,60})\]([1-9A-HJ-NP-Za-km-z]{100,120})(?:/<0;1>/\*)?", text.strip()
    )
    if match is None:
        raise ConfigError(
            "bad_cosigner",
            "expected a cosigner's key as [fingerprint/48h/0h/0h/2h]xpub..., found another form",
            hint="Export the BIP48 key of the signer with its origin.",
        )
    fingerprint, path, key = match.groups()
    network = network_of(treasury.config.bitcoin.network)
    return KeyExpression(fingerprint.lower(), parse_path(path), ExtendedKey.parse(key, network))
