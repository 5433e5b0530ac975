"""What client and worker say to each other: one JSON object a line, typed at both ends.

Request {"id", "call", "treasury_id", "venue", "args"}; answer {"id", "ok"} or {"id", "error"}. Refuses
calls that are not in the table. Keys have no place here, save those of `try_keys`, which are in no keyring
yet: they go down the worker's own pipe and stay in its memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from vault import errors
from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.model import MarginAccount
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
    WithdrawNetwork,
    WithdrawReceipt,
    WithdrawRequest,
)
from vault.venues.feeds.reading import FeedReading

if TYPE_CHECKING:
    from vault.config import VenueSettings

Arguments = TypeVar("Arguments")
Result = TypeVar("Result")

READY: Final = "ready"
# However many requests a read makes, and however late each answer is: a venue may keep us so long.
READ_TIMEOUTS: Final = 4
MAX_LINE: Final = 64_000_000  # the largest answer we pass on, with JSON escapes


@dataclass(frozen=True, slots=True)
class NoArguments:
    """A call that needs nothing but the venue."""


@dataclass(frozen=True, slots=True)
class RoleArguments:
    role: Role


@dataclass(frozen=True, slots=True)
class TrialArguments:
    """The parts of a key by name, before it is kept."""

    role: Role
    keys: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssetArguments:
    asset: str


@dataclass(frozen=True, slots=True)
class NetworkArguments:
    asset: str
    network: str


@dataclass(frozen=True, slots=True)
class DepositArguments:
    asset: str
    network: str
    txid: str
    address: str
    since: datetime


@dataclass(frozen=True, slots=True)
class TransferArguments:
    transfer: InternalTransfer


@dataclass(frozen=True, slots=True)
class TransferSearchArguments:
    transfer: InternalTransfer
    since: datetime


@dataclass(frozen=True, slots=True)
class WithdrawArguments:
    request: WithdrawRequest


@dataclass(frozen=True, slots=True)
class WithdrawalSearchArguments:
    request: WithdrawRequest
    since: datetime


@dataclass(frozen=True, slots=True)
class PublicArguments:
    endpoint: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FoundDeposit:
    """A deposit, or None: JSON lines carry objects."""

    deposit: DepositStatus | None


@dataclass(frozen=True, slots=True)
class Whitelist:
    """A venue's list of addresses, None where it cannot say."""

    entries: tuple[WhitelistEntry, ...] | None


@dataclass(frozen=True, slots=True)
class KeysRead:
    """How many parts of a key the worker holds now."""

    parts: int


@dataclass(frozen=True, slots=True)
class Call(Generic[Arguments, Result]):
    """One thing a worker can be asked: the types of its arguments and result, and whether it sends.

    `requests` bounds how many HTTP requests a send makes; a read is bounded as a whole.
    """

    name: str
    arguments: type[Arguments]
    result: type[Result]
    requests: int = 0

    @property
    def sends(self) -> bool:
        return self.requests > 0

    def seconds(self, settings: VenueSettings) -> float:
        """How long the call may last at its venue."""
        if not self.sends:
            return READ_TIMEOUTS * settings.timeout_seconds
        return 2 * settings.timeout_seconds * self.requests  # connecting and reading have a timeout each


LOAD_KEYS: Final = Call("load_keys", RoleArguments, KeysRead)
READ_ACCOUNT: Final = Call("read_account", NoArguments, MarginAccount)
READ_CLOCK: Final = Call("read_clock", NoArguments, ClockReading)
PERMISSIONS: Final = Call("permissions", RoleArguments, KeyPermissions)
TRY_KEYS: Final = Call("try_keys", TrialArguments, KeyPermissions)
WHITELIST: Final = Call("whitelist", NoArguments, Whitelist)
HOLDS: Final = Call("holds", NoArguments, HoldStatus)
SPOT_BALANCE: Final = Call("spot_balance", AssetArguments, SpotBalance)
NETWORK_INFO: Final = Call("network_info", NetworkArguments, WithdrawNetwork)
DEPOSIT_ADDRESS: Final = Call("deposit_address", NetworkArguments, DepositAddress)
FIND_DEPOSIT: Final = Call("find_deposit", DepositArguments, FoundDeposit)
PUBLIC: Final = Call("public", PublicArguments, RawAnswer)
FIND_INTERNAL_TRANSFER: Final = Call(
    "find_internal_transfer", TransferSearchArguments, InternalTransferSearch
)
FOLLOW: Final = Call("follow", NoArguments, FeedReading)
SEARCH_WITHDRAWAL: Final = Call("search_withdrawal", WithdrawalSearchArguments, WithdrawalSearch)
TRANSFER_INTERNAL: Final = Call("transfer_internal", TransferArguments, InternalTransferReceipt, requests=4)
WITHDRAW: Final = Call("withdraw", WithdrawArguments, WithdrawReceipt, requests=6)

CALLS: Final[Mapping[str, Call[Any, Any]]] = {
    call.name: call
    for call in (
        LOAD_KEYS,
        READ_ACCOUNT,
        READ_CLOCK,
        PERMISSIONS,
        TRY_KEYS,
        WHITELIST,
        HOLDS,
        SPOT_BALANCE,
        NETWORK_INFO,
        DEPOSIT_ADDRESS,
        FIND_DEPOSIT,
        PUBLIC,
        FIND_INTERNAL_TRANSFER,
        SEARCH_WITHDRAWAL,
        FOLLOW,
        TRANSFER_INTERNAL,
        WITHDRAW,
    )
}

# Results that are no JSON object of their own are wrapped in one.
WRAPPED: Final = (FoundDeposit, Whitelist)


def error_object(error: VaultError) -> dict[str, Any]:
    """An error as it goes over the line; `sent` says whether something may have happened."""
    return {**error.as_json(), "sent": isinstance(error, OutcomeUnknownError)}


_FAMILIES: Final[dict[str, type[VaultError]]] = {
    kind.family: kind
    for kind in (
        errors.MoneyError,
        errors.DocumentError,
        errors.ConfigError,
        errors.SecretError,
        errors.AddressError,
        errors.GuardError,
        errors.VenueError,
        errors.OutcomeUnknownError,
    )
}


def error_of(value: Any) -> VaultError:
    """The error that `error_object` wrote; one that cannot be read is an unknown outcome."""
    try:
        family, reason = str(value["error"]).split(".", maxsplit=1)
        kind = OutcomeUnknownError if value["sent"] is True else _FAMILIES.get(family, VenueError)
        details = {str(key): str(item) for key, item in value["details"].items()}
        for taken in ("reason", "message", "hint"):
            details.pop(taken, None)
        return kind(reason, str(value["message"]), hint=str(value["hint"]), **details)
    except (KeyError, TypeError, ValueError, AttributeError):
        return OutcomeUnknownError(
            "bad_worker_answer", "expected an error object from the worker, found none"
        )
