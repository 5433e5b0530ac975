"""What all watched markets come to in one assessment: the most fragile asset's, as exact numbers.

Pure. Refuses to average over assets: a treasury is as exposed as its worst market.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.model import Indicator
from vault.risk.exact import ONE, ZERO, rounded

if TYPE_CHECKING:
    from vault.risk.indicators.base import Track
    from vault.risk.indicators.judge import Judgement

# Digits of scores and of the composite: more than any feed deserves.
DIGITS: Final = 6
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MarketFindings:
    """Fragility of `asset`, the worst of all watched ones; `fragility` None where nothing is configured.

    `least` takes what is missing as calm, `most` as worst; each of them, each indicator and `coverage` is of
    the asset for which it is worst, so that a feed that dies can raise no score by making another asset the
    worst. `steps` names the steps of a cascade that have evidence. `missing` names every configured indicator
    of every asset without a score, and why.
    """

    asset: str
    indicators: tuple[Indicator, ...]
    fragility: Decimal | None
    least: Decimal
    most: Decimal
    coverage: Decimal
    regime: str
    steps: tuple[str, ...]
    missing: tuple[str, ...]


NO_MARKETS: Final = MarketFindings("", (), None, ZERO, ONE, ZERO, "unknown", (), ())


def findings(judged: Sequence[Judgement]) -> MarketFindings:
    """The findings of judgements at one moment; `NO_MARKETS` without any."""
    if not judged:
        return NO_MARKETS
    worst = max(judged, key=lambda one: (_or(one.found.fragility[-1], -1.0), one.asset))
    by_name = zip(*(one.tracks for one in (worst, *judged)), strict=True)
    return MarketFindings(
        asset=worst.asset,
        indicators=tuple(_indicator(max(of_all, key=_score), int(worst.at[-1])) for of_all in by_name),
        fragility=_decimal(worst.found.fragility[-1]),
        least=max(_decimal(one.found.least[-1]) or ZERO for one in judged),
        most=max(_decimal(_or(one.found.most[-1], 1.0)) or ONE for one in judged),
        coverage=min(_decimal(_or(one.found.coverage[-1], 0.0)) or ZERO for one in judged),
        regime=_regime(judged),
        steps=tuple(step.name for step in worst.stage.steps if step.state[-1] == 1),
        missing=tuple(f"indicator.{why} ({one.asset})" for one in judged for why in one.found.absent),
    )


def _score(track: Track) -> float:
    return _or(track.score[-1], -1.0)


def _regime(judged: Sequence[Judgement]) -> str:
    """The worst of all assets; one of which too little is known hides no other's."""
    from vault.risk.indicators.regime import LEVELS, UNKNOWN

    known = [int(one.regime.level[-1]) for one in judged if bool(one.regime.known[-1])]
    return LEVELS[max(known)] if known else UNKNOWN


def _indicator(track: Track, at: int) -> Indicator:
    age, score = int(track.age[-1]), _decimal(track.score[-1])
    return Indicator(
        name=track.name,
        value=_decimal(track.value[-1]),
        unit=track.unit,
        score=score,
        observed_at=_EPOCH + timedelta(milliseconds=at - age) if age >= 0 else None,
        source=track.source,
        detail=track.detail if score is not None or not track.absent else "; ".join(track.absent),
    )


def _or(value: float, otherwise: float) -> float:
    return float(value) if value == value else otherwise  # noqa: PLR0124 -- NaN alone differs from itself


def _decimal(value: float) -> Decimal | None:
    """At `DIGITS` digits; None for what is not finite."""
    found = Decimal(float(value))
    return rounded(found, DIGITS) if found.is_finite() else None
