"""What the risk commands show, as plain data: fragility, a cascade, the record. No rendering, no arrays.

Every number is an exact `Decimal`, `None` where it is not known (and then somewhere says why), never zero for
nothing. Refuses to hold what cannot be written as JSON: `vault.codec.encode` takes every view whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

Regime = Literal["calm", "elevated", "stressed", "cascade", "unknown"]
StepState = Literal["evidence", "no evidence", "no data"]
Verdict = Literal["pass", "fail", "unknown", "told"]
Side = Literal["long", "short"]
JudgedBy = Literal["low", "close"]


@dataclass(frozen=True, slots=True)
class SourceView:
    """A history that was used: its key, where it came from, how old its newest point is, what is wrong.

    `licence` is "" where it is not known; `problem` is "" where there is none.
    """

    key: str
    origin: str
    age_seconds: int | None
    licence: str
    points: int
    first: datetime | None
    last: datetime | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Trend:
    """Numbers at a steady `step_seconds` up to `end`, oldest first; None where nothing was known."""

    end: datetime
    step_seconds: int
    values: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class IndicatorView:
    """One indicator now. `score` 0..1; `counted` is what the headline takes for it, absent or not.

    `weight` is its share of the configured indicators, so that the `contribution`s sum to the headline.
    `statistic_kind` is "z", "percentile", "ratio" or "". `trend` is of `value`. `absent` says what is missing
    and why; `coverage` is the share of its own history's window that was seen.
    """

    name: str
    title: str
    configured: bool
    value: Decimal | None
    unit: str
    statistic: Decimal | None
    statistic_kind: str
    score: Decimal | None
    counted: Decimal | None
    weight: Decimal
    contribution: Decimal | None
    age_seconds: int | None
    coverage: Decimal | None
    source: str
    detail: str
    absent: tuple[str, ...]
    trend: Trend | None = None


@dataclass(frozen=True, slots=True)
class RegimeBound:
    """Where a regime begins: entered at `enters`, left once `most` was under `leaves` for a time.

    `needs` is what must be there besides ("" for nothing): such a regime is no band of numbers.
    """

    regime: Regime
    enters: Decimal
    leaves: Decimal
    needs: str = ""


@dataclass(frozen=True, slots=True)
class StepView:
    """One of the six steps of a cascade, and whether there is evidence of it now."""

    number: int
    name: str
    state: StepState
    evidence: str


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule held against an account; "told" where it is a number without a pass mark. `said` is in words."""

    rule: str
    verdict: Verdict
    value: Decimal | None
    unit: str
    said: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account: joint distance (share; negative: a fall), chance that a cascade reaches it, and the rules.

    `reached` is a share under the stated shock model; `problem` is "" where the account could be assessed.
    """

    name: str
    state: str
    joint_distance: Decimal | None
    reached: Decimal | None
    rules: tuple[RuleView, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RecordLine:
    """The record of the composite in one line; hits and misses are of one day before."""

    asset: str
    regime: Regime
    alarm_at: Decimal
    since: datetime
    until: datetime
    events: int
    hits: int
    misses: int
    false_alarm_days: int
    calm_days: int


@dataclass(frozen=True, slots=True)
class RiskView:
    """Fragility of one asset's market now, with what it rests on.

    `least` takes what is absent as calm, `most` as worst, `fragility` is the headline between them; None
    where nothing is configured. `coverage` is of the weight of what is configured, `coverage_of_all` of all.
    `trend` is of the headline. `not_covered` is what has no measure here; `missing` is what should be there.
    """

    asset: str
    at: datetime
    fragility: Decimal | None
    least: Decimal | None
    most: Decimal | None
    known: Decimal | None
    coverage: Decimal
    coverage_of_all: Decimal
    regime: Regime
    regime_since: datetime | None
    regime_why: str
    bounds: tuple[RegimeBound, ...]
    steps: tuple[StepView, ...]
    indicators: tuple[IndicatorView, ...]
    accounts: tuple[AccountView, ...]
    missing: tuple[str, ...]
    not_covered: tuple[str, ...]
    sources: tuple[SourceView, ...]
    record: RecordLine | None
    trend: Trend | None = None


@dataclass(frozen=True, slots=True)
class InputView:
    """A number that the cascade model was given. `problem` says why it is None, or what is doubtful in it."""

    name: str
    value: Decimal | None
    unit: str
    age_seconds: int | None
    source: str
    licence: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LevelView:
    """A level of the ladder: `move` is a share of the price (0 at the price, rising away from it).

    `triggered` and `absorbed` are USD from the price to here (both never fall); None where not known.
    """

    move: Decimal
    price: Decimal
    triggered: Decimal | None
    absorbed: Decimal | None


@dataclass(frozen=True, slots=True)
class PathPoint:
    """Where the price is after so many seconds (None: the time of a generation is not known)."""

    generation: int
    seconds: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class ShockView:
    """What one shock comes to. `shock` and `reached` are simple moves (shares of the price, above zero).

    `endless`: no end was found within the grid; `reached`, `amplification` and `floor_price` are then None.
    `branching` is what the first forced dollar forces, `peak_branching` the highest of that on the way.
    `forced_notional` is USD, `adl_share` a share of it. `path`: each generation of forced selling.
    `absent` says for each missing number what it lacked.
    """

    shock: Decimal
    reached: Decimal | None
    endless: bool
    amplification: Decimal | None
    branching: Decimal | None
    peak_branching: Decimal | None
    forced_notional: Decimal | None
    floor_price: Decimal | None
    seconds_to_exhaustion: Decimal | None
    adl_share: Decimal | None
    path: tuple[PathPoint, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhiView:
    """The unhedged share φ, from past windows of realised liquidations: how many, and how they scatter."""

    value: Decimal | None
    error: Decimal | None
    age_seconds: int | None
    windows: int
    reason: str


@dataclass(frozen=True, slots=True)
class CascadeView:
    """The cascade model of one asset and side. "long": what falls liquidate; "short": what rises do.

    `forced_per_percent` is the USD that a shock of 1 % forces. `assumptions` are numbers nobody measured, in
    words; `missing` what the model lacks.
    """

    asset: str
    side: Side
    at: datetime
    price: Decimal | None
    forced_per_percent: Decimal | None
    levels: tuple[LevelView, ...]
    shocks: tuple[ShockView, ...]
    phi: PhiView
    inputs: tuple[InputView, ...]
    assumptions: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignalView:
    """The record of one signal: the composite at the entry of a regime, or an indicator's score.

    `level` names the number that is asked ("composite", "funding"), so that signals can share one.
    `days` had input, `days_without` had none. Hits and misses count only events with input at that time.
    `calm_days` had input and no event on them or on the day after. Rates are None where they rest on nothing.
    """

    name: str
    level: str
    alarm_at: Decimal
    days: int
    days_without: int
    hits_day: int
    misses_day: int
    hits_hour: int
    misses_hour: int
    alarm_days: int
    false_alarm_days: int
    calm_days: int
    hit_rate: Decimal | None
    false_alarm_rate: Decimal | None
    skill: Decimal | None


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """A level (of `SignalView.level`) one day and one hour before a fall; None: it had no input then.

    `alarms_day` and `alarms_hour` are the names of the signals of this level that alarmed then, in the order
    of the record's signals: a regime that still holds alarms whatever the level is.
    """

    level: str
    day_before: Decimal | None
    hour_before: Decimal | None
    alarms_day: tuple[str, ...]
    alarms_hour: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventView:
    """A day that fell as far as was asked for. `fall` is a share (negative), `source` the history it is from.

    `onset` is when it had fallen that far; None where it is judged by closes.
    """

    day: datetime
    fall: Decimal
    judged_by: JudgedBy
    step_seconds: int
    source: str
    onset: datetime | None
    said: tuple[SaidBefore, ...]


@dataclass(frozen=True, slots=True)
class NamedDay:
    """A day everybody speaks of, and what it is known for."""

    day: date
    known_for: str


@dataclass(frozen=True, slots=True)
class NamedDayView:
    """A named day in this data: as an event, or why it is none. `fall` None: no price of that day at all."""

    day: datetime
    known_for: str
    event: bool
    fall: Decimal | None
    judged_by: JudgedBy | None
    why: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """How the signals did on past days, from `since` to `until`; `drop` is the share that makes an event.

    `days` have a price. `signals` has the composite at each regime first. `unused` names what could not be
    read, `notes` what the reader must know of the data.
    """

    asset: str
    drop: Decimal
    since: datetime | None
    until: datetime | None
    days: int
    signals: tuple[SignalView, ...]
    events: tuple[EventView, ...]
    named: tuple[NamedDayView, ...]
    sources: tuple[SourceView, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


NAMED_DAYS: Final[tuple[NamedDay, ...]] = (
    NamedDay(
        date(2025, 10, 10), "the largest liquidation day on record, days after a price above 125,000 USD"
    ),
    NamedDay(date(2026, 1, 31), "about 2.56 bn USD liquidated in 24 hours, below the mid 70,000s"),
    NamedDay(date(2026, 2, 5), "into the low 60,000s, with equities, gold and silver falling too"),
)
