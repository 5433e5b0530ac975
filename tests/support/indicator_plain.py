"""The ten scores at one moment, worked out the plain way: a window is cut out and looked at, nothing else.

For whole, clean histories only; a second way to the same numbers, and what the benchmark compares with.
"""

from __future__ import annotations

import numpy as np

from vault.risk.cascade.ladder import JUDGED_MIX, long_liquidation_price
from vault.series import DAY, HOUR, Candles, FloatArray, Kind, MarketHistory, Series

ASSET = "BTC"


def plain_scores(history: MarketHistory, at: int) -> dict[str, float]:
    """The score of each indicator at a moment (Unix ms)."""
    return {
        "open_interest": max(
            _open_interest(interest, dict(_series(history, "spot_volume"))[venue], at)
            for venue, interest in _series(history, "open_interest")
        ),
        "funding": max(_funding(rates, at) for _, rates in _series(history, "funding")),
        "liquidation_clusters": max(_clusters(bars, at) for _, bars in history.candles("price", ASSET)),
        "realised_liquidations": max(
            _realised(sums, at) for _, sums in _series(history, "long_liquidations")
        ),
        "etf": max(_etf(flows, at) for _, flows in _series(history, "etf_flow")),
        "cross_asset": max(_market(closes, key.name == "VIX", at) for key, closes in history.series("close")),
        "depth": max(
            [_ramp(_ratio(one, at), 1, 0.3) for _, one in _series(history, "depth_1pct")]
            + [_ramp(_ratio(one, at), 0.67, 0.2) for _, one in _series(history, "depth_10bp")]
            + [_ramp(_ratio(one, at), 1.5, 1 / 0.3) for _, one in _series(history, "spread")]
        ),
        "stablecoins": max(
            [_supply(one, at) for _, one in history.series("supply")]
            + [_ramp(1 - _now(one, at), 0.002, 0.05) for _, one in history.series("peg")]
        ),
        "venue": max(
            [1 - _now(one, at) for _, one in history.series("venue_open")]
            + [_ramp(_now(one, at), 0.6, 1) for _, one in history.series("adl_rank")]
            + [_ramp(abs(_now(one, at)), 1_000, 5_000) for _, one in history.series("clock_skew")]
            + [_ramp(_ratio(one, at), 2, 10) for _, one in history.series("network_fee")]
            + [_transfer(one, at) for _, one in history.series("transfer_seconds")]
        ),
        "time_of_day": max(_hour(bars, at) for _, bars in history.candles("price", ASSET)),
    }


def _series(history: MarketHistory, kind: Kind) -> list[tuple[str, Series]]:
    return [(key.source, series) for key, series in history.series(kind, ASSET)]


def _ramp(value: float, calm: float, worst: float) -> float:
    return float(min(1.0, max(0.0, (value - calm) / (worst - calm))))


def _until(series: Series, at: int) -> FloatArray:
    return series.values[: int(np.searchsorted(series.times, at, side="right"))]


def _now(series: Series, at: int) -> float:
    return float(_until(series, at)[-1])


def _ratio(series: Series, at: int) -> float:
    midnight = at // DAY * DAY
    days = [
        series.between(midnight - (day + 1) * DAY, midnight - day * DAY).values.mean() for day in range(90)
    ]
    return float(_now(series, at) / np.median(days))


def _open_interest(interest: Series, volume: Series, at: int) -> float:
    def ratio(time: int) -> float:
        return _now(interest, time) / float(volume.between(time - DAY, time).values.sum())

    week = 7 * DAY
    multiple = ratio(at) / float(np.median([ratio(at - week * number) for number in range(1, 14)]))
    grown = _now(interest, at) / _now(interest, at - week) - 1
    traded = volume.between(at - week, at).values.mean()
    spot = traded / volume.between(at - 2 * week, at - week).values.mean() - 1
    return max(_ramp(multiple, 1, 2), _ramp(min(grown, grown - spot), 0.1, 0.4))


def _funding(rates: Series, at: int) -> float:
    factor = 365 * DAY / int(rates.times[1] - rates.times[0])
    midnight = at // DAY * DAY
    past = rates.between(midnight - 90 * DAY, midnight).values * factor
    annual = _now(rates, at) * factor
    z = (annual - past.mean()) / max(past.std(ddof=1), 0.05)
    return max(_ramp(annual, 0.12, 0.60), _ramp(float(z), 1, 4))


def _clusters(bars: Candles, at: int) -> float:
    midnight = at // DAY * DAY
    value = _within(bars, at)
    past = np.array([_within(bars, midnight - day * DAY) for day in range(90)])
    return _ramp(float(np.mean((past < value) + (past == value) / 2)), 0.75, 0.99)


def _within(bars: Candles, at: int) -> float:
    """Coins that a fall of 5 % closes, from the entries of seven tau."""
    last = int(np.searchsorted(bars.opens + bars.step, at, side="right"))
    part = slice(max(0, last - 7 * 168), last)
    close, low, volume = bars.close[part], bars.low[part], bars.volume[part]
    lowest = np.append(np.minimum.accumulate(low[:0:-1])[::-1], np.inf)
    weight = volume * np.exp(-np.arange(close.size)[::-1] / 168)
    total = 0.0
    for leverage, share in zip(JUDGED_MIX.leverages, JUDGED_MIX.shares, strict=True):
        level = long_liquidation_price(close, leverage, 0.005)
        total += share * float(weight[(level >= 0.95 * close[-1]) & (level < lowest)].sum())
    return total


def _realised(sums: Series, at: int) -> float:
    midnight = at // DAY * DAY
    peaks = [sums.between(midnight - (day + 1) * DAY, midnight - day * DAY).values.max() for day in range(90)]
    return _ramp(float(np.log10(_now(sums, at) / np.median(peaks))), 0, 1)


def _etf(flows: Series, at: int) -> float:
    values = _until(flows, at)[-80:]
    sums = np.convolve(values, np.ones(5), "valid")
    z = (sums[-1] - sums[-63:-1].mean()) / max(sums[-63:-1].std(ddof=1), np.abs(values[-62:]).mean())
    inflows = np.flatnonzero(values >= 0)
    streak = values.size - 1 - (int(inflows[-1]) if inflows.size else -1)
    return max(_ramp(float(-z), 1, 3), _ramp(streak, 3, 10))


def _market(closes: Series, level: bool, at: int) -> float:
    values = _until(closes, at)[-320:]
    returns = np.diff(np.log(values))
    what = values if level else np.sqrt(np.convolve(returns**2, np.ones(5) / 5, "valid") * 252)
    share = float(np.mean(what[-252:-1] < what[-1]))
    move = abs(returns[-1]) / np.sqrt(np.mean(returns[-61:-1] ** 2))
    return max(_ramp(share, 0.95, 1), _ramp(float(move), 3, 6))


def _supply(supply: Series, at: int) -> float:
    now = _now(supply, at)
    week, month = (1 - now / _now(supply, at - days * DAY) for days in (7, 30))
    return max(_ramp(week, 0.002, 0.02), _ramp(month, 0.005, 0.05))


def _transfer(seconds: Series, at: int) -> float:
    values = _until(seconds, at)[-65:]
    return _ramp(float(values[-1] / np.quantile(values[:-1], 0.95)), 1, 4)


def _hour(bars: Candles, at: int) -> float:
    monday = (at // DAY + 3) // 7 * 7 * DAY - 3 * DAY
    first, last = np.searchsorted(bars.opens, [monday - 91 * DAY, monday])
    part = slice(int(first), int(last))
    low = bars.low[part]
    illiquid = (bars.high[part] - low) / low / (bars.volume[part] * bars.close[part])
    opens = bars.opens[part]
    hour, weekend = opens // HOUR % 24, (opens // DAY + 3) % 7 >= 5
    usual = np.median([np.median(illiquid[(hour == one) & ~weekend]) for one in range(24)])
    same = (hour == at // HOUR % 24) & (weekend == ((at // DAY + 3) % 7 >= 5))
    return _ramp(float(np.median(illiquid[same]) / usual), 1, 2)
