"""What live sources take and give: how a venue is asked, and what could not be had, by name. Pure types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol


class Answer(Protocol):
    """Whatever carries the raw text of an answer."""

    @property
    def text(self) -> str: ...


Parameters = tuple[tuple[str, str], ...]
Fetch = Callable[[str, Parameters], Answer]
"""(endpoint, parameters) -> the answer; raises `VaultError`."""


class Flags(Protocol):
    """What a venue says of one network of an asset: `enabled` for withdrawals."""

    @property
    def enabled(self) -> bool: ...

    @property
    def deposit_enabled(self) -> bool: ...


NetworkFlags = Callable[[str, str], Flags]
"""(asset, network) -> its flags, asked with a key; raises `VaultError`."""


@dataclass(frozen=True, slots=True)
class VenueSource:
    """One exchange: which contracts are asked about, by its own names, and how.

    `networks` are (asset, network) pairs whose flags only a key may ask for, through `flags`.
    """

    exchange: str
    contracts: tuple[str, ...]
    fetch: Fetch
    networks: tuple[tuple[str, str], ...] = ()
    flags: NetworkFlags | None = None


Reason = Literal["failed", "incomplete", "not_offered"]


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that is missing: its key (a feed's name for other sources), the error's code and words.

    ``failed``: this time; ``incomplete``: a part of it was had; ``not_offered``: the exchange has no public
    source of it.
    """

    key: str
    code: str
    message: str
    reason: Reason = "failed"


@dataclass(frozen=True, slots=True)
class FeedState:
    """What an HTTP source said last: when it was asked (Unix ms), and how it names that answer."""

    asked_at: int
    etag: str = ""
    modified: str = ""
