"""Made-up market history of every kind the indicators read: two venues, calm, drawn from a seed."""

from __future__ import annotations

import numpy as np

from vault.series import (
    DAY,
    HOUR,
    Candles,
    FloatArray,
    IntArray,
    Kind,
    MarketHistory,
    Provenance,
    Recorded,
    Series,
    SeriesKey,
)

# A Monday, 00:00 UTC.
START = 1_704_067_200_000
VENUES = ("north", "south")
MARKETS = (("XAU", 2_000.0), ("XAG", 25.0), ("SPX", 5_000.0), ("DXY", 104.0), ("VIX", 15.0))


def recorded(
    kind: Kind, name: str, source: str, step: int, data: Series | Candles | tuple[IntArray, FloatArray]
) -> Recorded:
    """A history with nothing wrong in it."""
    found = Series(*data) if isinstance(data, tuple) else data
    return Recorded(SeriesKey(kind, name, source, step), found, Provenance("made up"))


def history_of(*items: Recorded) -> MarketHistory:
    return MarketHistory({item.key: item for item in items})


def moments(days: int, start: int = START) -> IntArray:
    """Every whole hour of `days`, the first after `start`."""
    return start + HOUR * np.arange(1, days * 24 + 1, dtype=np.int64)


def candles(days: int, seed: int = 0, start: int = START) -> Candles:
    """Hourly candles: a random walk with a daily and weekly rhythm in volume."""
    draw = np.random.default_rng(seed)
    number = days * 24
    opens = start + HOUR * np.arange(number, dtype=np.int64)
    hour, weekend = opens // HOUR % 24, (opens // DAY + 3) % 7 >= 5
    close = 60_000 * np.exp(np.cumsum(draw.normal(0, 0.004, number)))
    opened = np.concatenate([[60_000.0], close[:-1]])
    high = np.maximum(opened, close) * (1 + np.abs(draw.normal(0, 0.002, number)))
    low = np.minimum(opened, close) * (1 - np.abs(draw.normal(0, 0.002, number)))
    rhythm = 1 + 0.4 * np.cos((hour - 14) / 24 * 2 * np.pi)
    volume = 1_000 * rhythm * np.where(weekend, 0.5, 1.0) * np.exp(draw.normal(0, 0.3, number))
    return Candles(opens, HOUR, opened, high, low, close, volume)


def around(times: IntArray, level: float, noise: float, seed: int) -> tuple[IntArray, FloatArray]:
    """Values about a level, with so much noise (share)."""
    draw = np.random.default_rng(seed)
    return times, level * np.exp(draw.normal(0, noise, times.size))


def weekdays(days: int, hour: int, start: int = START) -> IntArray:
    """Mondays to Fridays at an hour."""
    times = start + DAY * np.arange(days, dtype=np.int64) + hour * HOUR
    return times[(times // DAY + 3) % 7 < 5]


def full_history(days: int, seed: int = 0, start: int = START) -> MarketHistory:
    """All kinds, hourly where venues say them, daily where funds, markets and issuers do."""
    draw = np.random.default_rng(seed)
    hours, each_day = moments(days, start), start + DAY * np.arange(1, days + 1, dtype=np.int64)
    found: list[Recorded] = []
    for number, venue in enumerate(VENUES):
        bars = candles(days, seed + number, start)
        settled = start + (8 - 4 * number) * HOUR * np.arange(1, days * (3 + 3 * number) + 1, dtype=np.int64)
        longs = np.exp(draw.normal(11, 1.5, hours.size))
        found += [
            recorded("price", "BTC", venue, HOUR, bars),
            recorded("spot_volume", "BTC", venue, HOUR, bars.volumes()),
            recorded("open_interest", "BTC", venue, HOUR, around(hours, 80_000.0, 0.02, seed + 10 + number)),
            recorded("funding", "BTC", venue, 0, (settled, draw.normal(5e-5, 3e-5, settled.size))),
            recorded("depth_1pct", "BTC", venue, HOUR, around(hours, 500.0, 0.1, seed + 20 + number)),
            recorded("depth_10bp", "BTC", venue, HOUR, around(hours, 80.0, 0.1, seed + 30 + number)),
            recorded("spread", "BTC", venue, HOUR, around(hours, 1e-5, 0.1, seed + 40 + number)),
            recorded("long_liquidations", "BTC", venue, HOUR, (hours, longs)),
            recorded("short_liquidations", "BTC", venue, HOUR, (hours, longs[::-1].copy())),
            recorded("venue_open", "BTC", venue, HOUR, (hours, np.ones(hours.size))),
            recorded("clock_skew", "", venue, HOUR, around(hours, 50.0, 0.3, seed + 50 + number)),
            recorded("adl_rank", "BTC", venue, HOUR, (hours, np.full(hours.size, 0.2))),
            recorded("peg", "USDT", venue, HOUR, around(hours, 1.0, 0.0002, seed + 60 + number)),
        ]
    found += [
        recorded("etf_flow", "BTC", "funds", DAY, (
            weekdays(days, 29, start), draw.normal(1e8, 2e8, weekdays(days, 29, start).size))),
        recorded("supply", "USDT", "issuer", DAY, (each_day, 1e11 * np.exp(0.0005 * np.arange(days)))),
        recorded("network_fee", "BTC", "node", HOUR, around(hours, 10.0, 0.3, seed + 70)),
        recorded("transfer_seconds", "BTC", "north", 0, around(hours[::50].copy(), 1_200.0, 0.2, seed + 71)),
    ]  # fmt: skip
    for number, (name, level) in enumerate(MARKETS):
        times = weekdays(days, 21, start)
        walk = level * np.exp(np.cumsum(draw.normal(0, 0.01, times.size)) * (0.2 if name == "VIX" else 1))
        found.append(recorded("close", name, f"file {number}", DAY, (times, walk)))
    return history_of(*found)
