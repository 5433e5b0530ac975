"""What the hooks of every exchange take and give: pure types beside those of `vault.venues.base`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar

from vault.venues.line.raw import Fields

T = TypeVar("T")

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReadingContext:
    """Whose account is read, and when the answers were asked for (the venue's clock).

    `received_at` is set again by the caller once every answer is there.
    """

    name: str
    uid: str
    server_time: datetime
    received_at: datetime
    clock_skew_ms: int


@dataclass(frozen=True, slots=True)
class History(Generic[T]):
    """Entries of a venue's history; not `complete` when the venue may have more than it listed."""

    found: tuple[T, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class DepositPlace:
    """A deposit address as the venue says it; `tag` is "" where the chain has none.

    `wallet` is named where the venue says which one is credited; else it is the one withdrawals leave from.
    """

    address: str
    tag: str = ""
    wallet: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One send, ready to leave: the endpoint, exactly what it is told, and how its receipt is read.

    `receipt` takes the parsed answer and returns the venue's id; whatever it raises makes the outcome
    unknown. `beside` names the ccxt class where that is not the account's first one.
    """

    method: str
    parameters: Mapping[str, object]
    receipt: Callable[[Fields], str]
    beside: str = ""


def milliseconds(span: timedelta) -> int:
    """Whole milliseconds of a span, rounded down."""
    return span // timedelta(milliseconds=1)


def unix_milliseconds(moment: datetime) -> int:
    """An instant as Unix milliseconds, rounded down."""
    return milliseconds(moment - EPOCH)
