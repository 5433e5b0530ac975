"""How a venue's endpoints are declared: a table of paths, each with a handler and the right its key needs.

Handlers are plain functions from a Call to JSON; they never see sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from emulator.venues.accounts import Account, ApiKey
from emulator.venues.errors import missing_parameter
from emulator.venues.venue import Venue
from emulator.venues.wire import Json


class Security(StrEnum):
    """What a request must prove."""

    NONE = "none"
    READ = "read"
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request."""

    account: Account
    key: ApiKey


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: its parameters as sent, and the caller when it had to sign."""

    venue: Venue
    path: str
    params: Mapping[str, str]
    caller: Caller | None

    @property
    def account(self) -> Account:
        if self.caller is None:
            raise TypeError(f"{self.path} is declared without security but reads an account")
        return self.caller.account

    def need(self, name: str) -> str:
        """A parameter that must be there; raises VenueError -1102."""
        value = self.params.get(name, "")
        if value == "":
            raise missing_parameter(name)
        return value

    def limit(self, default: int, highest: int, name: str = "limit") -> int:
        """A count within bounds; raises VenueError -1102 when it is not an integer."""
        text = self.params.get(name, str(default))
        if not text.isdigit():
            raise missing_parameter(name)
        return max(1, min(int(text), highest))

    def window(self, start: str = "startTime", end: str = "endTime") -> tuple[int | None, int | None]:
        """The time window asked for, in milliseconds."""
        found: list[int | None] = []
        for name in (start, end):
            text = self.params.get(name)
            if text is not None and not text.isdigit():
                raise missing_parameter(name)
            found.append(None if text is None else int(text))
        return found[0], found[1]


Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    handler: Handler
    security: Security = Security.NONE


def within(moment: int, window: tuple[int | None, int | None]) -> bool:
    """True when `moment` lies in the closed window; an open end admits all."""
    start, end = window
    return (start is None or moment >= start) and (end is None or moment <= end)
