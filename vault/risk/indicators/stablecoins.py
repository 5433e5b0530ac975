"""Stablecoin plumbing: supply that shrinks, and collateral that is worth less than it is counted at.

A peg is looked at per source, because it can break at one venue only (USDe traded at 0.65 on one, after the
low of the price). Refuses to judge what is no dollar: that is compared between venues.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.risk.indicators.base import POST, About, Reading, Source, Track, faults_of, gather, ramp, said
from vault.risk.indicators.windows import DAILY_AGE, lacking, mean_within, oldest_allowed
from vault.series import DAY, FloatArray, IntArray, MarketHistory, Recorded, Series

# Supply grows in most weeks: two thousandths less is an ordinary redemption; 2 % a week is a run.
WEEK_CALM: Final = 0.002
WEEK_RUN: Final = 0.02
# Over a month the same, slower: half a per cent, and a twentieth of all there is.
MONTH_CALM: Final = 0.005
MONTH_RUN: Final = 0.05
# Below one dollar: issuers redeem at a fee of 0.1 %, and trading costs as much again; venues count
# stablecoins as collateral with 2 to 5 % taken off, so that 5 % below leaves less than was counted.
PEG_CALM: Final = 0.002
PEG_BROKEN: Final = 0.05
# What was within a tenth of a dollar over a year (or what is known of it) is meant to be one: a break of
# months does not become the peg.
PEGGED: Final = 0.1
PEG_DAYS: Final = 365
# Another venue must be this far away before a break is that of one venue only.
ALONE: Final = 0.02

ABOUT: Final = About(
    name="stablecoins",
    title="Stablecoins and collateral",
    definition="Change of supply over 7 and 30 days, and how far below a dollar each collateral asset "
    "trades at "
    "each venue.",
    formula="score = the greatest of ramp(-change 7 d, 0.2 % .. 2 %), ramp(-change 30 d, 0.5 % .. 5 %) and "
    "ramp(1 - price, 0.2 % .. 5 %); what is no dollar: 1 - price / median of the other venues",
    window="7 and 30 days; the thresholds are absolute; a year decides what is meant to be a dollar",
    calm="supply not shrinking and every price within 0.2 % of a dollar",
    worst="2 % less in a week, 5 % in a month, or 5 % below a dollar at any venue",
    source=f"{POST}, third constraint: stablecoin plumbing; rule on correlated collateral",
    pitfalls=(
        "a peg can break at one venue only, and after the low of the price: it says that collateral is hurt",
        "supply is daily and moves slowly; a burn between chains can look like a redemption for a day",
        "above a dollar nothing is scored: collateral is worth more",
    ),
    thresholds=(
        ("7 d, calm", f"{WEEK_CALM:g}", "an ordinary redemption"),
        ("7 d, worst", f"{WEEK_RUN:g}", "a run"),
        ("30 d, calm", f"{MONTH_CALM:g}", "half a per cent a month"),
        ("30 d, worst", f"{MONTH_RUN:g}", "a twentieth of all there is"),
        ("peg, calm", f"{PEG_CALM:g}", "redemption fee and trading costs"),
        ("peg, worst", f"{PEG_BROKEN:g}", "more than venues take off when they count it"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of stablecoins, whatever the asset: `value` and `statistic` a share lost."""
    sources = [_supply(item, item.data) for item in history.of("supply") if isinstance(item.data, Series)]
    pegs = [(item, item.data) for item in history.of("peg") if isinstance(item.data, Series)]
    for item, prices in pegs:
        others = [pair for pair in pegs if pair[0].key.name == item.key.name and pair[0] is not item]
        sources.append(_peg(item, prices, others))
    return gather(ABOUT, "share lost", "", at, sources)


def _supply(item: Recorded, supply: Series) -> Source:
    max_age = oldest_allowed(item.key, DAILY_AGE)

    def change(at: IntArray, now: FloatArray, days: int) -> FloatArray:
        before, _ = supply.as_of(at - days * DAY, max_age)
        return np.where((before > 0) & (now >= 0), now / before - 1, np.nan)

    def read(at: IntArray) -> Reading:
        now, age = supply.as_of(at, max_age)
        week, month = change(at, now, 7), change(at, now, 30)
        score = np.maximum(ramp(-week, WEEK_CALM, WEEK_RUN), ramp(-month, MONTH_CALM, MONTH_RUN))
        return Reading(
            value=-week,
            statistic=np.full(at.shape, np.nan),
            score=score,
            age=age,
            coverage=np.where(np.isfinite(score), 1.0, 0.0),
            detail=f"change of {item.key.name} supply: {said(week[-1] * 100, 2, ' %')} in 7 days, "
            f"{said(month[-1] * 100, 2, ' %')} in 30",
            why=lacking(supply, int(at[-1]), max_age) or "no supply 30 days before",
        )

    return Source(f"{item.key.name} supply ({item.key.source})", (supply,), read, faults_of(item))


def _peg(item: Recorded, prices: Series, others: list[tuple[Recorded, Series]]) -> Source:
    max_age = oldest_allowed(item.key)

    def elsewhere(at: IntArray) -> FloatArray:
        """Median price of the other venues; NaN where none has one."""
        if not others:
            return np.full(at.shape, np.nan)
        rows = np.sort(np.stack([one.as_of(at, oldest_allowed(key.key))[0] for key, one in others]), axis=0)
        count = np.sum(np.isfinite(rows), axis=0)
        low, high = np.maximum(count - 1, 0) // 2, count // 2
        pick = [
            np.take_along_axis(rows, np.minimum(at_, len(rows) - 1)[None], axis=0)[0] for at_ in (low, high)
        ]
        return np.where(count > 0, (pick[0] + pick[1]) / 2, np.nan)

    def read(at: IntArray) -> Reading:
        now, age = prices.as_of(at, max_age)
        midnights, row = np.unique(at // DAY * DAY, return_inverse=True)
        usual = mean_within(prices, midnights, PEG_DAYS * DAY)[0][row]
        pegged = np.isnan(usual) | (np.abs(usual - 1) <= PEGGED)
        other = elsewhere(at)
        lost = np.where(now >= 0, 1 - now / np.where(pegged, 1.0, other), np.nan)
        alone = bool(now[-1] < other[-1] - ALONE)
        return Reading(
            value=lost,
            statistic=np.full(at.shape, np.nan),
            score=ramp(lost, PEG_CALM, PEG_BROKEN),
            age=age,
            coverage=np.where(np.isfinite(lost), 1.0, 0.0),
            detail=f"{item.key.name} at {said(now[-1], 4, '', 'an unknown price')} on {item.key.source}"
            + (f", {said(other[-1], 4)} elsewhere: one venue only" if alone else ""),
            why=lacking(prices, int(at[-1]), max_age) or "no dollar, and no other venue to compare it with",
        )

    return Source(f"{item.key.name} ({item.key.source})", (prices,), read, faults_of(item))
