"""`vault cascade` from the store alone: the cascade model of one asset and side, as numbers to show.

Refuses a number where an input is missing: it is absent and the input named.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from vault.clock import to_milliseconds
from vault.treasury.figures import figure, seconds_of, share, significant
from vault.treasury.market_watch import recent_history
from vault.treasury.views import CascadeView, InputView, LevelView, PathPoint, PhiView, ShockView, Side

if TYPE_CHECKING:
    from vault.risk.cascade.fixed_point import CascadeCurve
    from vault.risk.cascade.live import Input, LiveModel, LiveSide
    from vault.store.database import Store

# A cascade is drawn to here at most; it has ended long before.
GENERATIONS: Final = 40


def cascade_view(
    store: Store, now: datetime, asset: str, side: Side, shocks: tuple[Decimal, ...]
) -> CascadeView:
    """The cascade model of one asset and side. Raises `StoreError`, `MarketDataError`."""
    from vault.risk.cascade.amplification import forced_per_percent
    from vault.risk.cascade.live import live_model

    model = live_model(recent_history(store, now), to_milliseconds(now), asset)
    part = model.of(side)
    curve = part.curve
    return CascadeView(
        asset=asset,
        side=side,
        at=now,
        price=significant(model.price) if model.price is not None else None,
        forced_per_percent=figure(forced_per_percent(curve), 0) if curve is not None else None,
        levels=_levels(curve, model),
        shocks=tuple(_shock(curve, model, side, shock) for shock in shocks),
        phi=_phi(part),
        inputs=tuple(_input(item) for item in model.inputs),
        assumptions=model.assumptions,
        missing=model.missing,
    )


def _input(item: Input) -> InputView:
    return InputView(
        name=item.name,
        value=significant(item.value) if item.value is not None else None,
        unit=item.unit,
        age_seconds=seconds_of(item.age) if item.age is not None else None,
        source=item.source,
        problem=item.problem,
    )


def _phi(part: LiveSide) -> PhiView:
    phi, calibration = part.phi, part.calibration
    reason = phi.reason
    if calibration is not None and calibration.median_factor is not None:
        factor = f"{calibration.median_factor:.2g}"
        reason += f"; what it expected of {calibration.judged} days was off by a factor of {factor}"
    return PhiView(
        value=share(phi.value) if phi.value is not None else None,
        error=share(phi.error) if phi.error is not None else None,
        age_seconds=int(phi.age_hours * 3600) if phi.age_hours is not None else None,
        windows=phi.windows,
        reason=reason,
    )


def _levels(curve: CascadeCurve | None, model: LiveModel) -> tuple[LevelView, ...]:
    if curve is None or model.price is None:
        return ()
    moves = curve.ladder.grid.moves
    triggered, absorbed = curve.ladder.at(moves), curve.depth.capacity(moves)
    away = -1.0 if curve.ladder.side == "long" else 1.0
    return tuple(
        LevelView(
            move=share(abs(np.expm1(away * move))) or Decimal(0),
            price=significant(model.price * np.exp(away * move)) or Decimal(0),
            triggered=figure(forced, 0),
            absorbed=figure(taken, 0),
        )
        for move, forced, taken in zip(moves.tolist(), triggered.tolist(), absorbed.tolist(), strict=True)
    )


def _shock(curve: CascadeCurve | None, model: LiveModel, side: Side, shock: Decimal) -> ShockView:
    from vault.risk.cascade.adl import shortfall
    from vault.risk.cascade.amplification import outcome
    from vault.risk.cascade.depth import log_drop, log_rise
    from vault.risk.cascade.live import GENERATION_SECONDS, MAINTENANCE

    if curve is None or model.price is None:
        return ShockView(
            shock, None, endless=False, amplification=None, branching=None, peak_branching=None,
            forced_notional=None, floor_price=None, seconds_to_exhaustion=None, adl_share=None,
            absent=model.missing or ("the ladder: too few hours of candles",),
        )  # fmt: skip
    log_shock = float(log_drop(float(shock)) if side == "long" else log_rise(float(shock)))
    found = outcome(curve, log_shock, price=model.price, generation_seconds=GENERATION_SECONDS)
    short = shortfall(curve, log_shock, MAINTENANCE)
    away = -1.0 if side == "long" else 1.0
    return ShockView(
        shock=shock,
        reached=share(abs(np.expm1(away * found.reach))) if found.ends else None,
        endless=not found.ends,
        amplification=figure(found.amplification, 3) if found.ends else None,
        branching=figure(found.branching, 3),
        peak_branching=figure(found.peak_branching, 3),
        forced_notional=figure(found.forced, 0),
        floor_price=significant(found.price) if found.ends else None,
        seconds_to_exhaustion=figure(found.seconds, 0),
        adl_share=share(float(short.notional.sum()) / found.forced) if found.forced > 0 else Decimal(0),
        path=_path(curve, log_shock, model.price, away),
        absent=() if found.ends else ("end: the grid of moves holds none, the book never takes it all",),
    )


def _path(curve: CascadeCurve, shock: float, price: float, away: float) -> tuple[PathPoint, ...]:
    """Each generation up to the end, or to where the book takes no more."""
    from vault.risk.cascade.amplification import price_path
    from vault.risk.cascade.live import GENERATION_SECONDS

    points: list[PathPoint] = []
    for number, move in enumerate(price_path(curve, shock, GENERATIONS).tolist()):
        reached = significant(price * math.exp(away * move)) if math.isfinite(move) else None
        if reached is None or (points and reached == points[-1].price):
            break
        points.append(PathPoint(number, figure(number * GENERATION_SECONDS, 0), reached))
    return tuple(points)
