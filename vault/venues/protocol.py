"""What client and worker say to each other: one JSON object a line, typed at both ends.

Request {"id", "call", "treasury_id", "venue", "args"}; answer {"id", "ok"} or {"id", "error"}. Refuses
calls that are not in the table, and keys: no secret has a place in either direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

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

READY: Final = "ready"
MAX_LINE: Final = 64_000_000  # the largest answer we pass on, with JSON escapes


@dataclass(frozen=True, slots=True)
class NoArguments:
    """A call that needs nothing but the venue."""


@dataclass(frozen=True, slots=True)
class RoleArguments:
    role: Role


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
class Call:
    """One row of the table: types of arguments and result, and whether it changes anything.

    `requests` bounds how many HTTP requests the call makes, for the time the client waits.
    """

    arguments: type
    result: type
    sends: bool
    requests: int


CALLS: Final[dict[str, Call]] = {
    "read_account": Call(NoArguments, MarginAccount, sends=False, requests=24),
    "read_clock": Call(NoArguments, ClockReading, sends=False, requests=1),
    "permissions": Call(RoleArguments, KeyPermissions, sends=False, requests=4),
    "whitelist": Call(NoArguments, Whitelist, sends=False, requests=3),
    "holds": Call(NoArguments, HoldStatus, sends=False, requests=3),
    "spot_balance": Call(AssetArguments, SpotBalance, sends=False, requests=3),
    "network_info": Call(NetworkArguments, WithdrawNetwork, sends=False, requests=4),
    "deposit_address": Call(NetworkArguments, DepositAddress, sends=False, requests=4),
    "find_deposit": Call(DepositArguments, FoundDeposit, sends=False, requests=4),
    "public": Call(PublicArguments, RawAnswer, sends=False, requests=1),
    "transfer_internal": Call(TransferArguments, InternalTransferReceipt, sends=True, requests=4),
    "find_internal_transfer": Call(TransferSearchArguments, InternalTransferSearch, sends=False, requests=4),
    "withdraw": Call(WithdrawArguments, WithdrawReceipt, sends=True, requests=6),
    "search_withdrawal": Call(WithdrawalSearchArguments, WithdrawalSearch, sends=False, requests=4),
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
