"""Public questions as data: the endpoint, its parameters, and how rows of history are read from the answer.

One `Market` describes one kind of contract of one exchange; what it does not publish stands in `absent`, with
the reason. Pure but for the injected `Fetch` behind an `Asker`, which asks nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from vault.errors import VaultError
from vault.markets.feeds.answers import parse_answer
from vault.markets.feeds.base import Fetch, Parameters
from vault.markets.feeds.book import Depth
from vault.money import CONTEXT
from vault.series import HOUR, Kind

Presence = Literal[
    "mark_price",
    "index_price",
    "funding_rate",
    "funding_interval_hours",
    "open_interest",
    "spot_volume_24h",
    "perp_volume_24h",
]
Row = tuple[int, tuple[Decimal | None, ...]]
"""A moment and what was at it."""

DOLLARS: Final = ("USDT", "USDC", "USD")


@dataclass(frozen=True, slots=True)
class Contract:
    """A perpetual. `size` is what one unit of a quantity as sent means: base units, or USD if inverse.

    `main`: the exchange's largest of the asset, whose histories bear the exchange's name alone.

    `spot` is the name of the exchange's main spot pair of the asset, "" where there is none to compare with.
    """

    exchange: str
    symbol: str
    asset: str
    quote: str
    inverse: bool = False
    size: Decimal = Decimal(1)
    spot: str = ""
    main: bool = False

    @property
    def source(self) -> str:
        """What its histories are filed under."""
        return self.exchange if self.main else f"{self.exchange}/{self.symbol}"

    def in_base(self, sent: Decimal, price: Decimal) -> Decimal:
        """A quantity as sent, at that price, in base units."""
        amount = CONTEXT.multiply(sent, self.size)
        return CONTEXT.divide(amount, price) if self.inverse else amount

    def in_usd(self, sent: Decimal, price: Decimal) -> Decimal:
        """The same in USD; a dollar coin counts as a dollar."""
        amount = CONTEXT.multiply(sent, self.size)
        return amount if self.inverse else CONTEXT.multiply(amount, price)


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked for: start <= time <= end, Unix ms."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """History of a contract. Each value of a row belongs to the kind at its place in `yields`.

    ``candles``: rows of open, high, low, close, volume by opening time; a kind beside ``price`` or ``mark``
    is made of the volumes. ``events``: summed per whole hour. `page` is the number of rows of a full answer.
    ``forward`` answers hold the oldest rows of a window, ``backward`` the newest. `keeps`: how long the venue
    keeps it, 0 where it does not say. `step` 0: the funding interval.
    """

    endpoint: str
    parameters: Callable[[Contract, Window], Parameters]
    read: Callable[[Any, Contract], list[Row]]
    yields: tuple[Kind, ...]
    page: int
    form: Literal["series", "candles", "events"] = "series"
    direction: Literal["forward", "backward"] = "forward"
    step: int = HOUR
    keeps: int = 0
    needs_spot: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """One number of now. `at` reads the moment that the venue gives it, where it gives one."""

    endpoint: str
    parameters: Callable[[Contract], Parameters]
    read: Callable[[Any, Contract], Decimal]
    at: Callable[[Any], int] | None = None
    needs_spot: bool = False


@dataclass(frozen=True, slots=True)
class Book:
    """The order book of now."""

    endpoint: str
    parameters: Callable[[Contract], Parameters]
    read: Callable[[Any, Contract], Depth]


@dataclass(frozen=True, slots=True)
class Listing:
    """What holds for the whole venue, by asset: the assets that `read` finds, as they are now."""

    kind: Kind
    endpoint: str
    parameters: Parameters
    read: Callable[[Any], dict[str, Decimal]]


@dataclass(frozen=True, slots=True)
class Market:
    """All that is asked of one kind of contract at one exchange."""

    exchange: str
    contract: Callable[[Asker, str], Contract]
    present: Mapping[Presence, Value]
    book: Book
    history: tuple[Question, ...]
    absent: Mapping[Kind, str]
    listings: tuple[Listing, ...] = ()


@dataclass(slots=True)
class Asker:
    """Asks and parses; the answer, or the failure, of a question that was asked before is used again."""

    fetch: Fetch
    _answers: dict[tuple[str, Parameters], Any] = field(default_factory=dict)
    _failures: dict[tuple[str, Parameters], VaultError] = field(default_factory=dict)

    def __call__(self, endpoint: str, parameters: Parameters = ()) -> Any:
        """The parsed answer. Raises `VaultError`."""
        asked = (endpoint, parameters)
        if asked in self._failures:
            raise self._failures[asked]
        if asked not in self._answers:
            try:
                self._answers[asked] = parse_answer(self.fetch(endpoint, parameters).text, endpoint)
            except VaultError as error:
                self._failures[asked] = error
                raise
        return self._answers[asked]
