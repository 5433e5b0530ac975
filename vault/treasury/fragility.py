"""`vault risk` from the store alone: fragility, its indicators and their inputs, own accounts.

Refuses to ask anything outside; what the store does not hold is named, never zero.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from vault.clock import to_milliseconds
from vault.errors import VaultError
from vault.treasury.figures import (
    Z_DIGITS,
    figure,
    instant,
    seconds_of,
    share,
    significant,
    source_view,
)
from vault.treasury.market_watch import aged, configured, recent_history
from vault.treasury.record import last_record
from vault.treasury.views import (
    AccountView,
    IndicatorView,
    Regime,
    RegimeBound,
    RiskView,
    RuleView,
    StepState,
    StepView,
    Trend,
)

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.risk.cascade.phi import PhiEstimate
    from vault.risk.indicators.base import Track
    from vault.risk.indicators.judge import Judgement
    from vault.series import FloatArray, MarketHistory
    from vault.store.database import Store
    from vault.treasury.stress import AccountStress, Cascade, StressReport

# Points of a trend: ten days of hours at four hours each.
TREND_EVERY: Final = 4
_STATES: Final[dict[int, StepState]] = {1: "evidence", 0: "no evidence", -1: "no data"}
# Shocks of the reach: Student t with three degrees of freedom, because crypto returns have tails like that
# (Gopikrishnan et al. 1999, Phys. Rev. E 60, 5305: the inverse cubic law).
DEGREES_OF_FREEDOM: Final = 3.0
SCENARIOS: Final = 20_000
SEED: Final = 1
# Days that the size of shocks is taken from: as many as there are.
VOLATILITY_DAYS: Final = (90, 60, 30)


def look(treasury: Treasury, store: Store, now: datetime, asset: str) -> RiskView:
    """Everything `vault risk` says of one asset. Raises `StoreError`, `MarketDataError`."""
    from vault.risk.indicators.judge import judge

    history = aged(treasury.config, recent_history(store, now), now)
    found = judge(history, to_milliseconds(now), asset, configured(treasury.config))
    accounts, missing = _accounts(treasury, store, now, history, asset)
    return replace(
        _risk_view(found, history, now),
        accounts=accounts,
        missing=(*found.found.absent, *missing),
        record=last_record(store, asset),
    )


def _risk_view(found: Judgement, history: MarketHistory, now: datetime) -> RiskView:
    whole, at = found.found, to_milliseconds(now)
    name = _regime(found)
    return RiskView(
        asset=found.asset,
        at=now,
        fragility=share(whole.fragility[-1]),
        least=share(whole.least[-1]),
        most=share(whole.most[-1]),
        known=share(whole.known[-1]),
        coverage=share(whole.coverage[-1]) or Decimal(0),
        coverage_of_all=share(whole.coverage_of_all[-1]) or Decimal(0),
        regime=name,
        regime_since=instant(found.regime.since[-1]) if name != "unknown" else None,
        regime_why=_why(found),
        bounds=_bounds(),
        steps=tuple(
            StepView(
                number + 1,
                step.name,
                _STATES[int(step.state[-1])],
                "; ".join(step.evidence or step.missing),
            )
            for number, step in enumerate(found.stage.steps)
        ),
        indicators=tuple(_indicator(track, found) for track in found.tracks),
        accounts=(),
        missing=whole.absent,
        not_covered=_not_covered(),
        sources=tuple(source_view(item, at) for item in history.recorded.values()),
        record=None,
        trend=_trend(whole.fragility, now),
    )


def _regime(found: Judgement) -> Regime:
    names: dict[str, Regime] = {
        "calm": "calm", "elevated": "elevated", "stressed": "stressed", "cascade": "cascade",
    }  # fmt: skip
    return names.get(found.regime.name(), "unknown")


def _why(found: Judgement) -> str:
    from vault.risk.indicators.registry import LEAST_COVERAGE, LEAST_PRESENT

    whole = found.found
    if found.regime.name() == "unknown":
        return (
            f"too little has input: {float(whole.coverage[-1]):.0%} of the configured weight "
            f"(more than {LEAST_COVERAGE:.0%} needed), {int(whole.present[-1])} indicators "
            f"({LEAST_PRESENT} needed); it was {found.regime.last_known()} when more was known"
        )
    parts = {name: float(part[-1]) for name, part in found.found.contributions.items()}
    ranked = sorted((name for name, part in parts.items() if part > 0), key=lambda name: -parts[name])
    return "most of it from " + ", ".join(name.replace("_", " ") for name in ranked[:3]) if ranked else ""


def _bounds() -> tuple[RegimeBound, ...]:
    from vault.risk.indicators.registry import ENTRY, EXIT

    names: tuple[Regime, ...] = ("elevated", "stressed", "cascade")
    return tuple(
        RegimeBound(
            name,
            Decimal(repr(ENTRY[name])),
            Decimal(repr(EXIT[name])),
            "evidence of one of the steps 3 to 6" if name == "cascade" else "",
        )
        for name in names
    )


def _not_covered() -> tuple[str, ...]:
    from vault.risk.indicators.registry import NOT_COVERED

    return tuple(f"{name}: {why}" for name, why in NOT_COVERED)


def _indicator(track: Track, found: Judgement) -> IndicatorView:
    from vault.risk.indicators.registry import ABOUT

    whole, on = found.found, track.name not in found.found.not_configured
    digits = Z_DIGITS if track.statistic_kind == "z" else 4
    return IndicatorView(
        name=track.name,
        title=ABOUT[track.name].title,
        configured=on,
        value=significant(track.value[-1]),
        unit=track.unit,
        statistic=figure(track.statistic[-1], digits),
        statistic_kind=track.statistic_kind,
        score=share(track.score[-1]),
        counted=share(track.held[-1]) if track.configured else share(_doubt()) if on else None,
        weight=share(whole.weights[track.name][-1]) or Decimal(0),
        contribution=share(whole.contributions[track.name][-1]) if on else None,
        age_seconds=seconds_of(track.age[-1]),
        coverage=share(track.coverage[-1]),
        source=track.source,
        detail=track.detail,
        absent=(*track.absent, *track.faults),
        trend=_trend(track.value, instant(found.at[-1])),
    )


def _doubt() -> float:
    from vault.risk.indicators.base import DOUBT

    return DOUBT


def _trend(values: FloatArray, end: datetime) -> Trend:
    taken = values[::-1][::TREND_EVERY][::-1]
    return Trend(end, TREND_EVERY * 3600, tuple(significant(value) for value in taken.tolist()))


def _accounts(
    treasury: Treasury, store: Store, now: datetime, history: MarketHistory, asset: str
) -> tuple[tuple[AccountView, ...], tuple[str, ...]]:
    """The rules and the reach of each account by the last observation; none before there was one."""
    from vault.treasury.overview import overview
    from vault.treasury.stress import report

    try:
        found = report(treasury, store, now, cascade=reach_model(history, now, asset))
    except VaultError as error:
        return (), (f"accounts: {error.code}: {error.message}",)
    states = {view.risk.account: view.state for view in overview(store, now).accounts}
    return tuple(_account(found, one, states.get(one.name, "")) for one in found.accounts), found.missing


def _account(found: StressReport, one: AccountStress, state: str) -> AccountView:
    name = one.name
    reached = next((each for each in found.reach if each.account == name), None)
    distance = one.distances.correlated if one.distances is not None else None
    return AccountView(
        name=name,
        state=state or "not assessed",
        joint_distance=distance,
        reached=reached.probability if reached is not None else None,
        rules=tuple(
            RuleView(rule.rule, rule.verdict, rule.number, rule.unit, rule.reason) for rule in one.rules
        ),
        problem="" if one.distances is not None else "; ".join(one.doubts) or "its numbers cannot be used",
    )


def reach_model(history: MarketHistory, now: datetime, asset: str) -> Cascade | None:
    """What the reach of a cascade is drawn from; None where the model lacks an input."""
    from vault.risk.cascade.live import live_model
    from vault.risk.cascade.monte_carlo import AssetModel, ShockModel
    from vault.treasury.stress import Cascade

    model = live_model(history, to_milliseconds(now), asset)
    found = _daily_volatility(history, to_milliseconds(now), asset)
    if model.long.curve is None or model.short.curve is None or found is None:
        return None
    daily, days = found
    scale = daily * np.sqrt((DEGREES_OF_FREEDOM - 2) / DEGREES_OF_FREEDOM)
    shocks = ShockModel(np.array([scale]), np.eye(1), DEGREES_OF_FREEDOM)
    error = _log_error(model.long.phi)
    return Cascade(
        assets=(AssetModel(asset, model.long.curve, model.short.curve, strain_error=error),),
        shocks=shocks,
        scenarios=SCENARIOS,
        seed=SEED,
        said=(
            f"shocks of a day: Student t, {DEGREES_OF_FREEDOM:g} degrees of freedom, standard deviation "
            f"{daily:.2%} ({asset} over {days} days); {SCENARIOS} scenarios, seed {SEED}",
            *model.assumptions,
        ),
    )


def _log_error(phi: PhiEstimate) -> float:
    """The error of phi as a standard deviation of its logarithm; a factor of two where it is not known."""
    if phi.value is None or phi.error is None or phi.value <= 0:
        return float(np.log(2.0))
    return float(np.log1p(phi.error / phi.value))


def _daily_volatility(history: MarketHistory, at: int, asset: str) -> tuple[float, int] | None:
    """Of the price over whole days, and over how many of them; None where even the fewest are not there."""
    from vault.risk.cascade.live import daily_variance
    from vault.risk.indicators.hours import hourly

    found, _ = hourly(history, "price", asset)
    for days in VOLATILITY_DAYS:
        for source in found:
            variance = daily_variance(source, at, days)
            if variance is not None and variance > 0:
                return float(np.sqrt(variance)), days
    return None
