"""One fee rate out of what several sources say: their median, between a floor and a ceiling. Pure.

Refuses a target for which too few sources answer, for which most of them are far apart, and an estimate
that has grown old. A later target never costs more than a sooner one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.bitcoin.fees.sources import TARGETS, FeeReading
from vault.errors import ChainError, VaultError
from vault.money import CONTEXT, plain

if TYPE_CHECKING:
    from vault.config import BitcoinSettings

# What nodes relay at the least without having been told otherwise (sat/vB).
LEAST_RATE: Final = Decimal(1)
# Blocks come ten minutes apart on average.
BLOCK_SECONDS: Final = 600
_DISAGREE: Final = "Nothing is built on this. `vault fees` shows who says what."


@dataclass(frozen=True, slots=True)
class FeeRules:
    """How sources are joined. `witness_factor`: how far apart two backends that watch each other may be.

    `ceiling` is the policy's cap in sat/vB, None where no policy is asked.
    """

    required: int
    spread: Decimal
    max_age_seconds: int
    witness_factor: Decimal | None = None
    ceiling: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TargetRate:
    """The rate for one target: what each source said, their median, and what is paid (`chosen`).

    `outliers` are sources further than the permitted factor from the median. `problem` says why there is
    no rate; then `chosen` is None.
    """

    target: int
    said: tuple[tuple[str, Decimal], ...]
    median: Decimal | None
    chosen: Decimal | None
    outliers: tuple[str, ...] = ()
    problem: VaultError | None = None


@dataclass(frozen=True, slots=True)
class FeeEstimate:
    """All targets, joined at one moment; `floor` and `ceiling` are what rates were held between."""

    at: datetime
    max_age_seconds: int
    readings: tuple[FeeReading, ...]
    floor: Decimal
    ceiling: Decimal | None
    rates: tuple[TargetRate, ...]

    def rate_for(self, target_blocks: int, now: datetime) -> Decimal:
        """The rate in sat/vB to be confirmed within `target_blocks`.

        That of the nearest target that is not later. Raises `ChainError`: ``chain.fee_sources`` (too few
        answered), ``chain.fee_spread`` (they are far apart), ``chain.witness_silent``,
        ``chain.witness_disagrees``, ``chain.fee_floor_above_cap``, ``chain.stale_estimate``.
        """
        age = int((now - self.at).total_seconds())
        if not 0 <= age <= self.max_age_seconds:
            raise ChainError(
                "stale_estimate",
                f"expected fee rates of the last {self.max_age_seconds} s, found some {age} s old",
                hint="Ask again.",
            )
        if target_blocks < 1:
            raise ChainError("bad_target", f"expected a target of 1 block or more, found {target_blocks}")
        found = [each for each in self.rates if each.target <= target_blocks][-1]
        if found.problem is not None or found.chosen is None:
            raise found.problem or ChainError("fee_sources", f"no rate for {found.target} blocks")
        return found.chosen


def blocks_until(deadline: datetime, now: datetime) -> int:
    """How many blocks may be expected until `deadline`. Raises `ChainError` when it has passed."""
    if deadline <= now:
        raise ChainError("bad_target", "expected a deadline in the future, found one that has passed")
    return max(1, (deadline - now) // timedelta(seconds=BLOCK_SECONDS))


def rules_of(settings: BitcoinSettings, ceiling: Decimal | None = None) -> FeeRules:
    """The rules of treasury.toml, under the policy's cap."""
    factor = settings.witness.fee_factor if settings.witness else None
    fees = settings.fees
    return FeeRules(fees.required, fees.spread, fees.max_age_seconds, factor, ceiling)


def combine(readings: Sequence[FeeReading], rules: FeeRules, at: datetime) -> FeeEstimate:
    """Join what was read; a target without a usable rate keeps the reason."""
    floors = [each.floor for each in readings if each.floor is not None]
    floor = max([LEAST_RATE, *floors])
    rates = [_target(target, readings, rules) for target in TARGETS]
    highest: Decimal | None = None
    held: list[TargetRate] = []
    # From the latest to the soonest: what a later target costs, a sooner one costs at least.
    for each in reversed(rates):
        if each.problem is None and each.median is not None:
            highest = each.median if highest is None else max(highest, each.median)
            each = _held(each, highest, floor, rules.ceiling)  # noqa: PLW2901
        held.append(each)
    return FeeEstimate(
        at, rules.max_age_seconds, tuple(readings), floor, rules.ceiling, tuple(reversed(held))
    )


def _held(rate: TargetRate, highest: Decimal, floor: Decimal, ceiling: Decimal | None) -> TargetRate:
    if ceiling is not None and floor > ceiling:
        problem = ChainError(
            "fee_floor_above_cap",
            f"no mempool takes less than {plain(floor)} sat/vB, and the policy pays {plain(ceiling)} at most",
            hint="Wait, or change the policy.",
        )
        return replace(rate, problem=problem)
    chosen = max(floor, highest)
    return replace(rate, chosen=chosen if ceiling is None else min(ceiling, chosen))


def _target(target: int, readings: Sequence[FeeReading], rules: FeeRules) -> TargetRate:
    said = tuple(
        (each.source, rate) for each in readings if not each.code and (rate := each.rate(target)) is not None
    )
    try:
        if rules.witness_factor is not None:
            _require_witness(target, readings, rules.witness_factor)
        if len(said) < rules.required or not said:
            raise ChainError(
                "fee_sources",
                f"fee rate for {target} blocks: expected {rules.required} sources to answer, "
                f"found {len(said)}{_silent(readings)}",
                hint=_DISAGREE,
            )
        median = sorted(rate for _, rate in said)[len(said) // 2]
        outliers = tuple(source for source, rate in said if _apart(rate, median) > rules.spread)
        if 2 * len(outliers) >= len(said):
            shown = ", ".join(f"{source} {plain(rate)}" for source, rate in said)
            raise ChainError(
                "fee_spread",
                f"fee rate for {target} blocks: expected most sources within a factor of "
                f"{plain(rules.spread)}, found {shown} sat/vB",
                hint=_DISAGREE,
            )
    except VaultError as error:
        return TargetRate(target, said, None, None, problem=error)
    return TargetRate(target, said, median, None, outliers)


def _require_witness(target: int, readings: Sequence[FeeReading], factor: Decimal) -> None:
    """Two backends that watch each other: both must have answered, and be within their own factor."""
    backends = [each for each in readings if each.kind == "backend"]
    for each in backends:
        if each.code and each.code != "chain.no_estimate":
            raise ChainError(
                "witness_silent",
                f"expected fee rates of both backends, found that {each.source} gives none: {each.message}",
                hint="Nothing is built on one backend's word alone. Ask again when both answer.",
            )
    rates = [rate for each in backends if (rate := each.rate(target)) is not None]
    if rates and _apart(max(rates), min(rates)) > factor:
        said = ", ".join(f"{each.source} {plain(each.rate(target) or Decimal(0))}" for each in backends)
        raise ChainError(
            "witness_disagrees", f"the fee rate for {target} blocks: {said} sat/vB", hint=_DISAGREE
        )


def _apart(one: Decimal, other: Decimal) -> Decimal:
    """By which factor two rates above zero differ, at least 1."""
    return CONTEXT.divide(max(one, other), min(one, other))


def _silent(readings: Sequence[FeeReading]) -> str:
    said = "; ".join(f"{each.source}: {each.code}" for each in readings if each.code)
    return f" ({said})" if said else ""
