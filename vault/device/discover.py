"""Every device that is connected, over every transport at once, each told apart by its root fingerprint.

Asks nothing of a person: what is locked, unpaired or busy is listed with that as its state. A transport
that does not work is reported as such; nothing is swallowed, and nothing waits longer than its limit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from vault.device import failures
from vault.device.connection import transports
from vault.device.connection.connect import Connection, Surroundings, open_connection
from vault.device.connection.credentials import PairingCredential, no_credentials
from vault.device.connection.features import DeviceInfo, require_kind, require_usable
from vault.device.connection.transports import TransportName
from vault.device.session import open_wallet
from vault.errors import VaultError

LOOK_LIMIT_S: Final = 5.0
_LISTED: Final[tuple[TransportName, ...]] = ("webusb", "bridge")  # those that can say what is there

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something could not be asked: an error's code, message and hint."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device at a path. `root_fingerprint` is that of its wallet without a passphrase.

    With `trouble` the rest is what was learnt before it.
    """

    path: str
    info: DeviceInfo | None
    root_fingerprint: str | None
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class TransportReport:
    """Whether a transport could be asked, and how many devices it showed."""

    name: TransportName
    devices: int
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is connected now, in the order of the transports and their paths."""

    devices: tuple[FoundDevice, ...]
    transports: tuple[TransportReport, ...]


def discover(
    configured: Iterable[str] = (),
    *,
    emulated: bool = False,
    credentials: Callable[[], Sequence[PairingCredential]] = no_credentials,
    limit_s: float = LOOK_LIMIT_S,
) -> Discovery:
    """Look over USB, the bridge, and at the configured paths; in an `emulated` treasury also over UDP.

    A configured path where nothing answers is listed with ``device.not_found``; an emulator's usual port
    is not. Never raises for a device or a transport.
    """
    configured = [transports.canonical(path) for path in configured]
    shown = _in_parallel([_lister(name, limit_s) for name in _LISTED], limit_s)
    reports = [
        TransportReport(name, len(paths) if isinstance(paths, tuple) else 0, _trouble_of(paths))
        for name, paths in zip(_LISTED, shown, strict=True)
    ]
    paths = [path for found in shown if isinstance(found, tuple) for path in found]
    paths += [path for path in configured if emulated or not path.startswith("udp:")]
    probes = [path for path in transports.USUAL_EMULATOR_PATHS if emulated and path not in paths]
    wanted = list(dict.fromkeys([*paths, *probes]))
    around = Surroundings(limit_s, credentials=credentials)
    # Twice the limit: one for connecting, one for the questions after it.
    looks = _in_parallel([_looker(path, around) for path in wanted], 2 * limit_s)
    devices = [
        look if isinstance(look, FoundDevice) else FoundDevice(path, None, None, _trouble_of(look))
        for path, look in zip(wanted, looks, strict=True)
    ]
    devices = [device for device in devices if not (device.path in probes and _absent(device))]
    if emulated:
        answering = sum(device.path.startswith("udp:") and not _absent(device) for device in devices)
        reports.append(TransportReport("udp", answering, None))
    return Discovery(tuple(devices), tuple(reports))


def _lister(name: TransportName, limit_s: float) -> Callable[[], tuple[str, ...]]:
    return lambda: transports.present(name, limit_s)


def _looker(path: str, around: Surroundings) -> Callable[[], FoundDevice]:
    return lambda: look_at(path, around)


def look_at(path: str, around: Surroundings) -> FoundDevice:
    """What the device at `path` says, and the fingerprint of its wallet without a passphrase."""
    found = FoundDevice(path, None, None, None)
    try:
        with open_connection(path, around) as connection:
            found = replace(found, info=connection.info)
            found = replace(found, root_fingerprint=_fingerprint(connection))
    except Exception as error:  # noqa: BLE001 -- one device's fault must not hide the others
        return replace(found, trouble=_trouble(failures.from_exception(error)))
    return found


def _fingerprint(connection: Connection) -> str:
    connection.require_ready()
    require_kind(connection.info, None)
    require_usable(connection.info)
    session = open_wallet(connection, "none", None)
    session.end()
    return session.fingerprint


def _absent(device: FoundDevice) -> bool:
    return device.trouble is not None and device.trouble.code == "device.not_found"


def _trouble(error: VaultError) -> Trouble:
    return Trouble(error.code, error.message, error.hint)


def _trouble_of(result: object) -> Trouble | None:
    return _trouble(result) if isinstance(result, VaultError) else None


def _in_parallel(jobs: Sequence[Callable[[], T]], limit_s: float) -> list[T | VaultError]:
    """Run jobs side by side; an error, or ``device.timeout`` for one that is not done in time, is its result.

    Threads are daemons: one that hangs in a driver holds up neither the others nor the program's end.
    """
    results: list[T | VaultError] = [failures.timeout(limit_s) for _ in jobs]
    done: queue.SimpleQueue[tuple[int, T | VaultError]] = queue.SimpleQueue()

    def run(number: int) -> None:
        try:
            done.put((number, jobs[number]()))
        except Exception as error:  # noqa: BLE001 -- it becomes that job's result
            done.put((number, failures.from_line(error)))

    for number in range(len(jobs)):
        threading.Thread(target=run, args=(number,), daemon=True, name=f"device-look-{number}").start()
    deadline = time.monotonic() + limit_s
    for _ in jobs:
        try:
            number, result = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        results[number] = result
    return results
