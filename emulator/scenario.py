"""Scenarios: market days as data. Values and the loader; playing one is the world's business.

A file is refused unless every key is known, present and of its type, and its steps go forward in time.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from emulator.device.personas import PERSONAS
from emulator.feeds.shelf import NAMES
from emulator.strict_toml import ScenarioError, Table, load_table
from emulator.venues.engine.networks import ON_ETHEREUM

SCENARIOS = Path(__file__).parent / "scenarios"
DEFAULT_SCENARIO = "2026-01-31"
# Whose stock on Ethereum a scenario tells: every exchange's, and that of the player's accounts by their role.
ETHEREUM_PLACES = ("venue", "cold", "staging", "gas")
PHASES = frozenset({"calm", "warning", "fragile", "breach", "fall", "flush", "low", "recovery"})


@dataclass(frozen=True, slots=True)
class Levels:
    """Stress excess in USD: below the floor top up to the target, above the ceiling sweep down to it."""

    floor: Decimal
    target: Decimal
    ceiling: Decimal


@dataclass(frozen=True, slots=True)
class WalletFunding:
    """BTC that each wallet starts with."""

    cold: Decimal
    staging: Decimal
    venue: Decimal


@dataclass(frozen=True, slots=True)
class EthereumPlan:
    """What is on Ethereum at the start, in whole units by asset: ETH, USDC, USDT.

    `venue` is the stock of every exchange; `accounts` are those of whoever plays the day, by role: cold,
    staging, gas.
    """

    venue: Mapping[str, Decimal]
    accounts: Mapping[str, Mapping[str, Decimal]]


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """A device; one that is `fixed` keeps its persona whatever the others play."""

    label: str
    persona: str
    mnemonic: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class PositionPlan:
    symbol: str
    quantity: Decimal  # negative: short
    entry_price: Decimal
    leverage: int


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """A trading account at the venue: futures balances by asset, and one position."""

    name: str
    futures: Mapping[str, Decimal]
    position: PositionPlan


@dataclass(frozen=True, slots=True)
class HistoryDay:
    """A day before the first step: mark and open interest at its end, volumes of its 24 hours, in BTC."""

    date: datetime.date
    mark: Decimal
    funding_rate: Decimal  # per 8 hours
    open_interest: Decimal
    spot_volume: Decimal
    perp_volume: Decimal
    depth: Decimal  # BTC bid within 1 % on average, as the desk itself wrote it down


DAY_COLUMNS = tuple(field.name for field in fields(HistoryDay))


@dataclass(frozen=True, slots=True)
class FeedDays:
    """What a source of `emulator.feeds` publishes for some days, in its own unit."""

    name: str
    values: Mapping[datetime.date, Decimal]


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of the day. Prices in USDT, rates per 8 hours, volumes and open interest in BTC."""

    time: datetime.datetime
    phase: str
    label: str
    narration: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    open_interest: Decimal
    spot_volume_24h: Decimal
    perp_volume_24h: Decimal
    depth_scale: Decimal
    liquidated_24h_usd: Decimal


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    symbol: str
    levels: Levels
    funding_of_wallets: WalletFunding
    devices: tuple[DevicePlan, ...]
    accounts: tuple[AccountPlan, ...]
    history: tuple[HistoryDay, ...]
    steps: tuple[Step, ...]
    feeds: tuple[FeedDays, ...] = ()
    ethereum: EthereumPlan | None = None
    based_on: str = ""

    @property
    def story(self) -> str:
        """What is made from a name is made from this: keys, and so addresses and transactions."""
        return self.based_on or self.name

    def account(self, name: str) -> AccountPlan:
        """Raises KeyError."""
        for account in self.accounts:
            if account.name == name:
                return account
        raise KeyError(name)

    def first(self, phase: str) -> Step:
        """The first step of a phase. Raises KeyError."""
        for step in self.steps:
            if step.phase == phase:
                return step
        raise KeyError(phase)

    def with_persona(self, persona: str) -> Scenario:
        """The same day with that persona for all devices but fixed ones. Raises ScenarioError."""
        if persona not in PERSONAS:
            raise ScenarioError(f"persona: {_one_of_the_personas(persona)}")
        devices = (plan if plan.fixed else replace(plan, persona=persona) for plan in self.devices)
        return replace(self, devices=tuple(devices))


def scenario_path(name_or_path: str) -> Path:
    """A file as given, or one of our own by name."""
    given = Path(name_or_path)
    if given.suffix == ".toml" or given.exists():
        return given
    return SCENARIOS / f"{name_or_path}.toml"


def load_scenario(name_or_path: str = DEFAULT_SCENARIO) -> Scenario:
    """Raises ScenarioError with the file and the key.

    A file that is `based_on` another is the same story with more in it: devices, accounts, and Ethereum.
    """
    path = scenario_path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in SCENARIOS.glob("*.toml")))
        raise ScenarioError(f"{path}: no such scenario; our own are {known}")
    top = load_table(path)
    scenario = _extended(top) if "based_on" in top else _whole(top)
    top.done()
    _check(scenario, top)
    return scenario


def _extended(top: Table) -> Scenario:
    based_on = top.text("based_on")
    table = load_table(scenario_path(based_on))
    if "based_on" in table:
        raise top.error("based_on", f"expected a scenario that stands by itself, found {based_on!r}")
    base = _whole(table)
    devices = tuple(_device(each) for each in top.tables("devices")) if "devices" in top else ()
    accounts = tuple(_account(each) for each in top.tables("accounts")) if "accounts" in top else ()
    return replace(
        base,
        name=top.text("name"),
        based_on=base.name,
        title=top.text("title"),
        devices=(*base.devices, *devices),
        accounts=(*base.accounts, *accounts),
        ethereum=_ethereum(top) if "ethereum" in top else base.ethereum,
    )


def _whole(top: Table) -> Scenario:
    return Scenario(
        name=top.text("name"),
        title=top.text("title"),
        symbol=top.text("symbol"),
        levels=_levels(top.table("levels")),
        funding_of_wallets=_wallets(top.table("funding_of_wallets")),
        devices=tuple(_device(table) for table in top.tables("devices")),
        accounts=tuple(_account(table) for table in top.tables("accounts")),
        history=_days(top) if "history" in top else (),
        steps=tuple(_step(table) for table in top.tables("steps")),
        feeds=tuple(_feed(table) for table in top.tables("feeds")) if "feeds" in top else (),
        ethereum=_ethereum(top) if "ethereum" in top else None,
    )


def _ethereum(top: Table) -> EthereumPlan:
    table = top.table("ethereum")
    found = {place: MappingProxyType(table.decimals(place)) for place in table.keys()}  # noqa: SIM118  a Table
    for place, amounts in found.items():
        if place not in ETHEREUM_PLACES:
            raise table.error(place, f"expected one of {', '.join(ETHEREUM_PLACES)}")
        for asset in amounts:
            if asset not in ON_ETHEREUM:
                raise table.error(place, f"expected amounts of {', '.join(ON_ETHEREUM)}, found {asset!r}")
    venue = found.pop("venue", MappingProxyType({}))
    return EthereumPlan(venue, MappingProxyType(found))


def _levels(table: Table) -> Levels:
    levels = Levels(table.decimal("floor"), table.decimal("target"), table.decimal("ceiling"))
    table.done()
    if not levels.floor < levels.target < levels.ceiling:
        raise table.error("floor", "expected floor < target < ceiling")
    return levels


def _wallets(table: Table) -> WalletFunding:
    wallets = WalletFunding(table.decimal("cold"), table.decimal("staging"), table.decimal("venue"))
    table.done()
    return wallets


def _device(table: Table) -> DevicePlan:
    fixed = table.boolean("fixed") if "fixed" in table else False
    device = DevicePlan(table.text("label"), table.text("persona"), table.text("mnemonic"), fixed)
    table.done()
    if device.persona not in PERSONAS:
        raise table.error("persona", _one_of_the_personas(device.persona))
    return device


def _one_of_the_personas(found: str) -> str:
    return f"expected one of {', '.join(sorted(PERSONAS))}, found {found!r}"


def _account(table: Table) -> AccountPlan:
    held = table.table("position")
    position = PositionPlan(
        symbol=held.text("symbol"),
        quantity=held.decimal("quantity", least=None),
        entry_price=held.decimal("entry_price"),
        leverage=held.integer("leverage", least=1),
    )
    held.done()
    account = AccountPlan(table.text("name"), MappingProxyType(table.decimals("futures")), position)
    table.done()
    return account


def _days(top: Table) -> tuple[HistoryDay, ...]:
    """A day a line, in columns under their names."""
    head, *lines = (line.split() for line in top.text("history").strip().splitlines())
    if tuple(head) != DAY_COLUMNS:
        raise top.error("history", f"expected the columns {' '.join(DAY_COLUMNS)}, found {' '.join(head)}")
    found: list[HistoryDay] = []
    for number, line in enumerate(lines):
        if len(line) != len(DAY_COLUMNS):
            raise top.error(f"history[{number}]", f"expected {len(DAY_COLUMNS)} columns, found {len(line)}")
        table = top.row(f"history[{number}]", dict(zip(DAY_COLUMNS, line, strict=True)))
        found.append(_day(table))
    if any(later.date - day.date != datetime.timedelta(days=1) for day, later in pairwise(found)):
        raise top.error("history", "expected each day right after the one before")
    return tuple(found)


def _day(table: Table) -> HistoryDay:
    try:
        date = datetime.date.fromisoformat(table.text("date"))
    except ValueError:
        raise table.error(
            "date", f"expected a date such as 2026-01-30, found {table.text('date')!r}"
        ) from None
    return HistoryDay(
        date=date,
        mark=table.decimal("mark"),
        funding_rate=table.decimal("funding_rate", least=None),
        open_interest=table.decimal("open_interest"),
        spot_volume=table.decimal("spot_volume"),
        perp_volume=table.decimal("perp_volume"),
        depth=table.decimal("depth"),
    )


def _feed(table: Table) -> FeedDays:
    name = table.text("name")
    if name not in NAMES:
        raise table.error("name", f"expected one of {', '.join(NAMES)}, found {name!r}")
    values: dict[datetime.date, Decimal] = {}
    for day, value in table.decimals("values", least=None).items():
        try:
            values[datetime.date.fromisoformat(day)] = value
        except ValueError:
            raise table.error("values", f"expected days such as 2026-01-30, found {day!r}") from None
    table.done()
    return FeedDays(name, MappingProxyType(values))


def _step(table: Table) -> Step:
    phase = table.text("phase")
    if phase not in PHASES:
        raise table.error("phase", f"expected one of {', '.join(sorted(PHASES))}, found {phase!r}")
    optional = table.decimal("liquidated_24h_usd") if "liquidated_24h_usd" in table else Decimal(0)
    step = Step(
        time=table.moment("time"),
        phase=phase,
        label=table.text("label"),
        narration=table.text("narration"),
        mark=table.decimal("mark"),
        index=table.decimal("index"),
        funding_rate=table.decimal("funding_rate", least=None),
        open_interest=table.decimal("open_interest"),
        spot_volume_24h=table.decimal("spot_volume_24h"),
        perp_volume_24h=table.decimal("perp_volume_24h"),
        depth_scale=table.decimal("depth_scale"),
        liquidated_24h_usd=optional,
    )
    table.done()
    if not (step.mark and step.index):
        raise table.error("mark", "expected mark and index above zero")
    return step


def _check(scenario: Scenario, top: Table) -> None:
    times = [step.time for step in scenario.steps]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise top.error("steps", "expected each step later than the one before")
    first = scenario.steps[0].time.date()
    if scenario.history and scenario.history[-1].date + datetime.timedelta(days=1) != first:
        raise top.error("history", f"expected it to end the day before {first}")
    for key, names in (
        ("accounts", [account.name for account in scenario.accounts]),
        ("devices", [device.label for device in scenario.devices]),
        ("feeds", [feed.name for feed in scenario.feeds]),
    ):
        if len(set(names)) != len(names):
            raise top.error(key, f"expected distinct names, found {', '.join(names)}")
    for account in scenario.accounts:
        if account.position.symbol != scenario.symbol:
            raise top.error(
                "accounts", f"expected positions in {scenario.symbol}, found {account.position.symbol}"
            )
