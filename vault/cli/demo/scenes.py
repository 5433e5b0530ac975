"""What the demo tells: scenes with tables, and the result as exact values. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from vault.money import Amount

NOT_MEASURED: Final = "persona not measured against firmware"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title; the first column names, the others are right-aligned numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number from 0 to 1 that is drawn as a bar; None is said to be no data. `said` is cut to its line."""

    label: str
    score: Decimal | None
    said: str


@dataclass(frozen=True, slots=True)
class DeviceScreen:
    """A screen the device showed, and how it was answered."""

    device: str
    title: str
    lines: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One beat of the story. `mood` colours the heading: calm, warning, danger, good.

    `lines` are facts that must stay whole (addresses, txids); they are never put into a table. `notes` follow
    the measures.
    """

    when: str
    title: str
    narration: str
    mood: str = "calm"
    lines: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    screens: tuple[DeviceScreen, ...] = ()


@dataclass(frozen=True, slots=True)
class Payment:
    """A transaction of the story as it ended; `fee` went to network or venue, `gas` was paid in ETH."""

    plan_id: str
    action: str
    txid: str
    amount: Amount
    fee: Amount
    address: str
    confirmations: int
    network: str
    gas: Amount | None


@dataclass(frozen=True, slots=True)
class AssetBooks:
    """The books of one asset, place by place; what networks and venues kept is `fees`."""

    before: dict[str, Amount]
    after: dict[str, Amount]
    fees: Amount


@dataclass(slots=True)
class Outcome:
    """What the demo proves, filled while it plays.

    `before`, `after` and `fees` are the books of bitcoin; those of other assets are `others`, by symbol.
    `persona` is the device that was played, `measured_against` the genuine firmware it was compared with.
    """

    persona: str = ""
    measured_against: str | None = None
    payments: list[Payment] = field(default_factory=list)
    before: dict[str, Amount] = field(default_factory=dict)
    after: dict[str, Amount] = field(default_factory=dict)
    fees: Amount | None = None
    others: dict[str, AssetBooks] = field(default_factory=dict)
    balanced: bool = False
    account_liquidated: bool = False
    twin_liquidated: bool = False
    journal_rows: int = 0
    journal_head: str = ""

    @property
    def caution(self) -> str | None:
        """What whoever relies on the persona has to know."""
        return None if self.measured_against else NOT_MEASURED

    @property
    def beside(self) -> str:
        """What is to be said of the other assets before the last line; empty where there are none."""
        if not self.others or not self.balanced:
            return ""
        return f"{' and '.join(self.others)} balance to the base unit, gas counted as a fee."

    @property
    def closing(self) -> str:
        """The last line of the story."""
        account = "was liquidated" if self.account_liquidated else "survived"
        twin = "was liquidated" if self.twin_liquidated else "survived"
        books = "The books balance to the satoshi" if self.balanced else "The books do NOT balance"
        return f"{books}; the account {account}, its twin without vault {twin}."
