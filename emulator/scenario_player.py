"""Puts a scenario into a running venue: accounts, the days before, and each step. Works over the control API.

Nothing here trades for anybody; a step only moves the market that everybody sees.
"""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass, field
from decimal import Decimal

from emulator.scenario import AccountPlan, HistoryDay, Scenario, Step
from emulator.venues.control.client import VenueControl

FUNDING_HOURS = (0, 8, 16)
HOUR_MS = 3_600_000
SATOSHI = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class KeyPair:
    key: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """An account at the venue with a key that reads and another that also transfers and withdraws."""

    name: str
    uid: int
    read: KeyPair
    withdraw: KeyPair


def _new_key() -> KeyPair:
    return KeyPair(secrets.token_hex(32), secrets.token_hex(32))


def open_account(venue: VenueControl, plan: AccountPlan) -> OpenedAccount:
    """Create the account as the scenario finds it. Raises ControlError."""
    read, withdraw = _new_key(), _new_key()
    position = plan.position
    uid = venue.create_account(
        plan.name,
        keys=[
            {"key": read.key, "secret": read.secret, "transfer": False},
            {"key": withdraw.key, "secret": withdraw.secret, "transfer": True, "withdraw": True},
        ],
        wallets={"futures": {asset: str(amount) for asset, amount in plan.futures.items()}},
        positions=[
            {
                "symbol": position.symbol,
                "quantity": str(position.quantity),
                "entry_price": str(position.entry_price),
                "leverage": position.leverage,
            }
        ],
    )
    return OpenedAccount(plan.name, uid, read, withdraw)


def seed_history(venue: VenueControl, scenario: Scenario, now: datetime.datetime) -> None:
    """The days before the first step, moved so that the first step is `now`: their ages are the story's."""
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
    if scenario.history:
        venue.history(scenario.symbol, funding=funding, open_interest=interest, candles=candles)


def _hours(day: HistoryDay, midnight: datetime.datetime) -> list[list[object]]:
    """A day's spot volume spread evenly over 24 candles that open on the hour."""
    first = _milliseconds(midnight.replace(minute=0, second=0, microsecond=0))
    price, volume = str(day.mark), str((day.spot_volume / 24).quantize(SATOSHI))
    return [[first + hour * HOUR_MS, price, price, price, price, volume] for hour in range(24)]


def _milliseconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 1000


def apply_step(venue: VenueControl, scenario: Scenario, step: Step) -> None:
    """Move the market to a step; accounts whose margin fails are liquidated before this returns."""
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
