"""Puts a scenario into a running venue: accounts, the days before, and each step. Works over the control API.

Nothing here trades for anybody; a step only moves the market that everybody sees.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal

from emulator import scenario_accounts
from emulator.feeds.control import FeedControl
from emulator.feeds.shelf import form_of, laid_over, published
from emulator.scenario import AccountPlan, Scenario, Step
from emulator.scenario_accounts import Holding, KeyPair, new_key
from emulator.scenario_hours import hours, settlements
from emulator.venues.control.client import VenueControl

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """An account at an exchange with a key that reads and another that also transfers and withdraws.

    `uid` is the account as whoever reads it names it.
    """

    name: str
    uid: str
    read: KeyPair
    withdraw: KeyPair
    exchange: str = "binance"


def open_account(venue: VenueControl, plan: AccountPlan, exchange: str = "binance") -> OpenedAccount:
    """Create the account as the scenario finds it. Raises ControlError."""
    read, withdraw = new_key(exchange), new_key(exchange)
    held = plan.position
    uid = scenario_accounts.open_account(
        venue,
        exchange,
        plan.name,
        read=read,
        withdraw=withdraw,
        margin={asset: str(amount) for asset, amount in plan.futures.items()},
        holdings=[Holding("BTC", held.quantity, held.entry_price, held.leverage)],
    )
    named = scenario_accounts.account_uid(exchange, uid)
    return OpenedAccount(plan.name, named, read, withdraw, exchange)


def publish_hours(
    venue: VenueControl,
    scenario: Scenario,
    exchange: str,
    *,
    shift: datetime.timedelta,
    after: datetime.datetime | None,
    until: datetime.datetime,
) -> None:
    """The hours of the scenario's time after one moment up to another, each moved by `shift`, as past rows.

    The scenario's open interest is of one contract at one exchange; elsewhere there are candles and funding.
    """
    if not scenario.history:
        return
    found = hours(scenario, after, until)
    starts = [_milliseconds(each.start + shift) for each in found]
    funding = [
        [_milliseconds(each.time + shift), str(each.rate), str(each.mark)]
        for each in settlements(scenario, after, until)
    ]
    rows: dict[str, list[list[object]]] = {
        "candles": _candles(starts, [(*each.spot, each.spot_volume) for each in found]),
        "perp_candles": _candles(starts, [(*each.perp, each.perp_volume) for each in found]),
    }
    if exchange != "binance":
        symbol = scenario_accounts.contract(exchange).symbol
        venue.history(symbol, funding=funding, candles=rows["candles"])
        return
    interest = [
        [start + HOUR_MS, str(each.open_interest), str(each.open_interest * each.perp[3])]
        for start, each in zip(starts, found, strict=True)
    ]
    venue.history(scenario.symbol, funding=funding, open_interest=interest, **rows)


def _candles(starts: list[int], numbers: list[tuple[Decimal, ...]]) -> list[list[object]]:
    return [[start, *(str(number) for number in each)] for start, each in zip(starts, numbers, strict=True)]


def feed_days(
    scenario: Scenario, step: Step, today: datetime.date
) -> dict[str, dict[datetime.date, Decimal]]:
    """What the scenario's sources have published by a step, moved so that the step's day is `today`.

    A day's value is published on the next.
    """
    at = step.time.date()
    return {
        feed.name: {day + (today - at): value for day, value in feed.values.items() if day < at}
        for feed in scenario.feeds
    }


def publish_feeds(feeds: FeedControl, scenario: Scenario, step: Step, today: datetime.date) -> None:
    """Let the sources say what they say on the day of a step; what they said before stays as it was."""
    usual = published(today - (step.time.date() - scenario.steps[0].time.date()))
    for name, days in feed_days(scenario, step, today).items():
        rows = laid_over(usual[name], days, form_of(name))
        feeds.rows(name, {day.isoformat(): str(value) for day, value in rows.items()}, replace=True)


def _milliseconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 1000


def apply_step(venue: VenueControl, scenario: Scenario, step: Step, exchange: str = "binance") -> None:
    """Move the market to a step; accounts whose margin fails are liquidated before this returns.

    The scenario tells of one contract at one exchange; elsewhere all of bitcoin's follow its price.
    """
    if exchange != "binance":
        venue.mark_all("BTC", str(step.mark))
        return
    venue.market(
        scenario.symbol,
        open_interest=str(step.open_interest),
        spot_volume=str(step.spot_volume_24h),
        perp_volume=str(step.perp_volume_24h),
        funding_rate=str(step.funding_rate),
        depth_scale=str(step.depth_scale),
    )
    venue.mark(scenario.symbol, str(step.mark), index=str(step.index))
    first = step is scenario.steps[0]
    venue.market(scenario.symbol, record_open_interest=True, reset_day=True if first else None)
