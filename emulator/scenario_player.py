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
from emulator.scenario import AccountPlan, HistoryDay, Scenario, Step
from emulator.scenario_accounts import Holding, KeyPair, new_key
from emulator.venues.control.client import VenueControl

FUNDING_HOURS = (0, 8, 16)
HOUR_MS = 3_600_000
SATOSHI = Decimal("0.00000001")


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


def seed_history(
    venue: VenueControl, scenario: Scenario, now: datetime.datetime, exchange: str = "binance"
) -> None:
    """The days before the first step, moved so that the first step is `now`: their ages are the story's.

    The scenario's open interest is of one contract at one exchange; elsewhere there are candles and funding.
    """
    shift = now - scenario.steps[0].time
    funding: list[list[object]] = []
    interest: list[list[object]] = []
    candles: list[list[object]] = []
    for day in scenario.history:
        midnight = datetime.datetime.combine(day.date, datetime.time(), datetime.UTC) + shift
        for hours in FUNDING_HOURS:
            moment = _milliseconds(midnight + datetime.timedelta(hours=hours))
            funding.append([moment, str(day.funding_rate), str(day.mark)])
        value = day.open_interest * day.mark
        interest.append([_milliseconds(midnight), str(day.open_interest), str(value)])
        candles += _hours(day, midnight)
    if scenario.history and exchange == "binance":
        venue.history(scenario.symbol, funding=funding, open_interest=interest, candles=candles)
    elif scenario.history:
        symbol = scenario_accounts.contract(exchange).symbol
        venue.history(symbol, funding=funding, candles=candles)


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
    """Let the sources say what they say on the day of a step."""
    for name, days in feed_days(scenario, step, today).items():
        rows = laid_over(published(today)[name], days, form_of(name))
        feeds.rows(name, {day.isoformat(): str(value) for day, value in rows.items()}, replace=True)


def _hours(day: HistoryDay, midnight: datetime.datetime) -> list[list[object]]:
    """A day's spot volume spread evenly over 24 candles that open on the hour."""
    first = _milliseconds(midnight.replace(minute=0, second=0, microsecond=0))
    price, volume = str(day.mark), str((day.spot_volume / 24).quantize(SATOSHI))
    return [[first + hour * HOUR_MS, price, price, price, price, volume] for hour in range(24)]


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
