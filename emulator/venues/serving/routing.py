"""How an exchange's endpoints are declared: paths, each with a handler and the right its key needs.

Handlers are plain functions from a Call to JSON; they never see sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.exact import InexactNumberError, number
from emulator.venues.engine.keys import ApiKey, Right
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.wire import Json


class Security(StrEnum):
    """What a request must prove: nothing, or that its key has this right."""

    NONE = "none"
    KEY = "key"  # a known key is named; nothing is signed
    READ = "read"
    ADDRESSES = "addresses"
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"
    TRADE = "trade"

    @property
    def right(self) -> Right | None:
        return None if self in (Security.NONE, Security.KEY) else Right(self.value)


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
    incoming: Incoming

    @property
    def account(self) -> Account:
        return self._caller.account

    @property
    def key(self) -> ApiKey:
        return self._caller.key

    @property
    def _caller(self) -> Caller:
        if self.caller is None:
            raise TypeError(f"{self.path} is declared without security but reads an account")
        return self.caller

    def need(self, name: str) -> str:
        """A parameter that must be there; raises Refusal MISSING_PARAMETER."""
        value = self.params.get(name, "")
        if value == "":
            raise Refusal(Reason.MISSING_PARAMETER, name=name)
        return value

    def amount(self, name: str = "amount") -> Decimal:
        """Plain digits with at most one point, no sign and no exponent; raises Refusal BAD_PARAMETER."""
        text = self.need(name)
        if not text.replace(".", "", 1).isdigit() or not text.isascii():
            raise Refusal(Reason.BAD_PARAMETER, name=name)
        try:
            return number(text)
        except InexactNumberError:
            raise Refusal(Reason.BAD_PARAMETER, name=name) from None

    def limit(self, default: int, highest: int, name: str = "limit") -> int:
        """A count within bounds; raises Refusal MISSING_PARAMETER when it is not an integer."""
        text = self.params.get(name, str(default))
        if not (text.isascii() and text.isdigit()):
            raise Refusal(Reason.MISSING_PARAMETER, name=name)
        return max(1, min(int(text), highest))

    def window(self, start: str = "startTime", end: str = "endTime") -> tuple[int | None, int | None]:
        """The time window asked for, in milliseconds."""
        found: list[int | None] = []
        for name in (start, end):
            text = self.params.get(name)
            if text is not None and not (text.isascii() and text.isdigit()):
                raise Refusal(Reason.MISSING_PARAMETER, name=name)
            found.append(None if text is None else int(text))
        return found[0], found[1]

    def contract(self, name: str = "symbol") -> SymbolMarket:
        """The contract a parameter names; raises Refusal MISSING_PARAMETER or UNKNOWN_SYMBOL."""
        symbol = self.need(name)
        found = self.venue.market.symbols.get(symbol)
        if found is None:
            raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=symbol)
        return found


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
