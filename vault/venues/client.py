"""The way to a venue from every other process: starts the worker, keeps it, asks it, typed.

Refuses to ask anything twice. A worker that dies or stays silent is an error for a read, and an
unknown outcome for a withdrawal or transfer that had been handed to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self

import vault
from vault.codec import decode, encode
from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.venues import protocol
from vault.venues.line.nesting import too_deep
from vault.venues.protocol import READY, Arguments, Call, Result, error_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault.config import VenueSettings
    from vault.model import MarginAccount
    from vault.secrets import Secret
    from vault.venues.base import (
        ClockReading,
        DepositAddress,
        DepositStatus,
        HoldStatus,
        InternalTransfer,
        InternalTransferReceipt,
        InternalTransferSearch,
        KeyPermissions,
        RawAnswer,
        Role,
        SpotBalance,
        WhitelistEntry,
        WithdrawalSearch,
        WithdrawalStatus,
        WithdrawNetwork,
        WithdrawReceipt,
        WithdrawRequest,
    )
    from vault.venues.feeds.reading import FeedReading

WORKER: Final = "vault.venues.worker"
START_SECONDS: Final = 60.0  # loading ccxt takes some seconds on a cold disk
# Beyond its time at the venue a call may wait for an earlier one and for the rate limit.
SLACK_SECONDS: Final = 10.0
KEYRING_SECONDS: Final = 120.0  # a person may have to unlock it
STOP_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Process:
    """One running worker with the answers that are still awaited from it."""

    popen: subprocess.Popen[bytes]
    stderr: IO[bytes]
    ready: Future[None]
    pending: dict[int, Future[dict[str, Any]]]
    reader: threading.Thread | None = None
    keyed: set[tuple[str, str]] = field(default_factory=set)  # account and role whose key was read
    keyring: threading.Lock = field(default_factory=threading.Lock)


class VenueClient:
    """All venue accounts of one treasury, through one worker process. Thread safe.

    Use as a context manager; the worker is started at the first call and ended at the exit.
    """

    def __init__(self, treasury_id: str, *settings: VenueSettings, worker: str = WORKER) -> None:
        self._treasury_id = treasury_id
        self._worker = worker
        self._settings = {item.name: item for item in settings}
        self._lock = threading.Lock()
        self._number = 0
        self._process: _Process | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        process = self._process
        return None if process is None else process.popen.pid

    def close(self) -> None:
        """End the worker; what is still awaited fails as if it had died."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            _end(process)

    # Reads

    def read_account(self, venue: str) -> MarginAccount:
        """The margin account of a configured venue account. Raises `VenueError`."""
        return self._call(venue, protocol.READ_ACCOUNT, protocol.NoArguments())

    def read_accounts(self, venues: tuple[str, ...]) -> dict[str, MarginAccount | VaultError]:
        """All these accounts at once; each has its account or its own error, within its own limit."""
        results: dict[str, MarginAccount | VaultError] = {}

        def read(name: str) -> None:
            try:
                results[name] = self.read_account(name)
            except VaultError as error:
                results[name] = error
            except Exception as error:  # noqa: BLE001  one account's fault must not hide the others
                results[name] = VenueError("unexpected", f"{name}: {type(error).__name__}")

        # A thread each and no pool: one that waits takes no place that another needs.
        readers = [threading.Thread(target=read, args=(name,), daemon=True) for name in venues]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return {name: results[name] for name in venues}

    def follow(self, venue: str) -> FeedReading:
        """What the venue's feed of an account says now; the first call opens it, and asks once by REST.

        Each later `read_account` is compared with it. Raises ``venue.not_offered`` where there is none.
        """
        return self._call(venue, protocol.FOLLOW, protocol.NoArguments())

    def read_clock(self, venue: str) -> ClockReading:
        """The venue's clock against ours; raises ``venue.clock_skew`` beyond the bound."""
        return self._call(venue, protocol.READ_CLOCK, protocol.NoArguments())

    def permissions(self, venue: str, role: Role) -> KeyPermissions:
        """What the key of that role may do."""
        return self._call(venue, protocol.PERMISSIONS, protocol.RoleArguments(role))

    def try_keys(self, venue: str, role: Role, keys: Mapping[str, Secret]) -> KeyPermissions:
        """What a key that is not in the keyring may do; its account is compared with the configured one.

        ``venue.not_offered``: the account is the configured one, and the venue tells no rights.
        """
        parts = tuple((name, secret.reveal()) for name, secret in keys.items())
        return self._call(venue, protocol.TRY_KEYS, protocol.TrialArguments(role, parts))

    def whitelist(self, venue: str) -> tuple[WhitelistEntry, ...] | None:
        """The venue's own list of addresses for withdrawals; None: it cannot say."""
        return self._call(venue, protocol.WHITELIST, protocol.NoArguments()).entries

    def holds(self, venue: str) -> HoldStatus:
        """Whether withdrawals are held back after a security change."""
        return self._call(venue, protocol.HOLDS, protocol.NoArguments())

    def spot_balance(self, venue: str, asset: str) -> SpotBalance:
        """What the wallet that withdrawals leave from holds."""
        return self._call(venue, protocol.SPOT_BALANCE, protocol.AssetArguments(asset))

    def network_info(self, venue: str, asset: str, network: str) -> WithdrawNetwork:
        """Flags, fee, minimum and step of a network, live."""
        arguments = protocol.NetworkArguments(asset, network)
        return self._call(venue, protocol.NETWORK_INFO, arguments)

    def deposit_address(self, venue: str, asset: str, network: str) -> DepositAddress:
        """The venue's present deposit address."""
        arguments = protocol.NetworkArguments(asset, network)
        return self._call(venue, protocol.DEPOSIT_ADDRESS, arguments)

    def find_deposit(  # noqa: PLR0917  a deposit is known by all of these
        self, venue: str, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> DepositStatus | None:
        """The venue's record of a deposit, None while it has none."""
        arguments = protocol.DepositArguments(asset, network, txid, address, since)
        return self._call(venue, protocol.FIND_DEPOSIT, arguments).deposit

    def search_withdrawal(self, venue: str, request: WithdrawRequest, since: datetime) -> WithdrawalSearch:
        """The history for one request, with what it proves (`WithdrawalSearch.proves_absence`)."""
        arguments = protocol.WithdrawalSearchArguments(request, since)
        return self._call(venue, protocol.SEARCH_WITHDRAWAL, arguments)

    def find_withdrawal(
        self, venue: str, request: WithdrawRequest, since: datetime
    ) -> WithdrawalStatus | None:
        """What was recorded of that request; None says only that the history does not show it yet."""
        return self.search_withdrawal(venue, request, since).found

    def find_internal_transfer(
        self, venue: str, transfer: InternalTransfer, since: datetime
    ) -> InternalTransferSearch:
        """Recorded transfers of that direction, asset and exact amount."""
        arguments = protocol.TransferSearchArguments(transfer, since)
        return self._call(venue, protocol.FIND_INTERNAL_TRANSFER, arguments)

    def public(self, venue: str, endpoint: str, parameters: tuple[tuple[str, str], ...] = ()) -> RawAnswer:
        """The raw text of an allow-listed public endpoint, asked without keys."""
        return self._call(venue, protocol.PUBLIC, protocol.PublicArguments(endpoint, parameters))

    # Sends, each at most once

    def transfer_internal(self, venue: str, transfer: InternalTransfer) -> InternalTransferReceipt:
        """Move between wallets. `VenueError`: nothing happened; `OutcomeUnknownError`: it may have."""
        arguments = protocol.TransferArguments(transfer)
        return self._call(venue, protocol.TRANSFER_INTERNAL, arguments)

    def withdraw(self, venue: str, request: WithdrawRequest) -> WithdrawReceipt:
        """Withdraw. `VenueError` and other errors: nothing happened; `OutcomeUnknownError`: it may have."""
        return self._call(venue, protocol.WITHDRAW, protocol.WithdrawArguments(request))

    # The worker

    def _call(self, venue: str, call: Call[Arguments, Result], arguments: Arguments) -> Result:
        settings = self._settings.get(venue)
        if settings is None:
            known = ", ".join(self._settings) or "none"
            raise VenueError(
                "unknown_account", f"expected a configured venue account ({known}), found {venue!r}"
            )
        process = self._running()
        if (role := _role_of(call, arguments)) is not None:
            self._load_keys(process, settings, role)
        return self._ask(process, settings, call, arguments, call.seconds(settings) + SLACK_SECONDS)

    def _load_keys(self, process: _Process, settings: VenueSettings, role: Role) -> None:
        """Have the worker read a key before any time runs: an encrypted keyring takes seconds a secret."""
        with process.keyring:
            if (settings.name, role) not in process.keyed:
                self._ask(
                    process, settings, protocol.LOAD_KEYS, protocol.RoleArguments(role), KEYRING_SECONDS
                )
                process.keyed.add((settings.name, role))

    def _ask(
        self,
        process: _Process,
        settings: VenueSettings,
        call: Call[Arguments, Result],
        arguments: Arguments,
        seconds: float,
    ) -> Result:
        what = f"{settings.name}: {call.name}"
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            self._number += 1
            number = self._number
            process.pending[number] = future
        request = {
            "id": number,
            "call": call.name,
            "treasury_id": self._treasury_id,
            "venue": settings.model_dump(mode="json"),
            "args": encode(arguments),
        }
        try:
            self._write(process, json.dumps(request, separators=(",", ":")).encode() + b"\n")
            answer = future.result(seconds)
        except FutureTimeoutError:
            raise _lost(call, what, "the worker did not answer in time") from None
        except (OSError, ValueError):  # ValueError: its input was closed by `close`
            raise _lost(call, what, "the worker has ended") from None
        finally:
            process.pending.pop(number, None)
        return _result(answer, call, what)

    def _write(self, process: _Process, line: bytes) -> None:
        with self._lock:
            assert process.popen.stdin is not None  # noqa: S101  opened with a pipe
            process.popen.stdin.write(line)
            process.popen.stdin.flush()

    def _running(self) -> _Process:
        """The worker, started when there is none; nothing has been sent when this raises."""
        with self._lock:
            if self._closed:
                raise VenueError("closed", "expected an open client, this one was closed")
            if self._process is not None and not _alive(self._process):
                _end(self._process)
                self._process = None
            self._process = self._process or _start(self._worker)
            process = self._process
        try:
            process.ready.result(START_SECONDS)
        except (FutureTimeoutError, OSError):
            said = _last_words(process)
            _end(process)
            raise VenueError(
                "worker_start", f"the venue worker did not start: {said}", hint="Run `vault doctor`."
            ) from None
        return process


def _start(worker: str) -> _Process:
    environment = dict(os.environ)
    root = str(Path(vault.__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
    stderr = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the worker
    # -P: modules are never taken from the folder the program happens to be run in.
    popen = subprocess.Popen(
        [sys.executable, "-P", "-m", worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
    )
    process = _Process(popen, stderr, Future(), {})
    process.reader = threading.Thread(target=_read, args=(process,), daemon=True)
    process.reader.start()
    return process


def _alive(process: _Process) -> bool:
    """False once it has exited, or closed its output as one that is about to."""
    return process.popen.poll() is None and process.reader is not None and process.reader.is_alive()


def _read(process: _Process) -> None:
    """Hand out answers until the worker's output ends, then fail whatever is still awaited."""
    assert process.popen.stdout is not None  # noqa: S101  opened with a pipe
    while line := process.popen.stdout.readline(protocol.MAX_LINE):
        if not line.endswith(b"\n"):
            break  # longer than any answer, or cut off: what follows is no answer either
        try:
            text = line.decode()
            answer = None if too_deep(text) else json.loads(text)
        except (ValueError, RecursionError):
            continue
        if not isinstance(answer, dict):
            continue
        if READY in answer and not process.ready.done():
            process.ready.set_result(None)
            continue
        number = answer.get("id")
        future = process.pending.get(number) if type(number) is int else None
        if future is not None and not future.done():
            future.set_result(answer)
    process.popen.stdout.close()
    ended = OSError("the worker has ended")
    if not process.ready.done():
        process.ready.set_exception(ended)
    for future in list(process.pending.values()):
        if not future.done():
            future.set_exception(ended)


def _end(process: _Process) -> None:
    """Close the worker's input and wait for its end; kill one that does not end."""
    assert process.popen.stdin is not None  # noqa: S101  opened with a pipe
    with contextlib.suppress(OSError):  # it may have gone already
        process.popen.stdin.close()
    try:
        process.popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.popen.kill()
        process.popen.wait()
    if process.reader is not None:
        process.reader.join(STOP_SECONDS)
    process.stderr.close()


def _last_words(process: _Process) -> str:
    """The last line a worker wrote before it was ready; until then it has read no key."""
    process.stderr.seek(0)
    lines = process.stderr.read(65_536).decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no message"


def _role_of(call: Call[Any, Any], arguments: object) -> Role | None:
    """Whose key a call needs first, None for those that need none of the keyring's."""
    if call in {protocol.PUBLIC, protocol.READ_CLOCK, protocol.TRY_KEYS}:
        return None
    if isinstance(arguments, protocol.RoleArguments):
        return arguments.role
    return "withdraw" if call.sends else "read"


def _lost(call: Call[Any, Any], what: str, why: str) -> VaultError:
    if call.sends:
        return OutcomeUnknownError(
            "no_answer", f"{what}: {why}; it may have happened", hint="Run `vault reconcile`."
        )
    return VenueError("worker_lost", f"{what}: {why}", hint="Try again.")


def _result(answer: dict[str, Any], call: Call[Any, Result], what: str) -> Result:
    if "error" in answer:
        error = error_of(answer["error"])
        if isinstance(error, OutcomeUnknownError) and not call.sends:
            raise VenueError(error.code.split(".", maxsplit=1)[1], error.message, hint=error.hint)
        raise error
    try:
        return decode(answer["ok"], call.result)
    except (VaultError, KeyError):
        raise _lost(call, what, "the worker's answer cannot be read") from None
