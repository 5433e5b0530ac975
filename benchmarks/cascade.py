"""The cascade model beside a plain numpy loop, and its calibration error: `python -m benchmarks.cascade`.

Both find the end of the cascade for 100,000 shocks on 400 levels, in turns in one run on one core. The error
of what was expected to be liquidated stands beside the speed, because it matters more: first in a made-up
market whose every position is known, then on past days.
"""

from __future__ import annotations

import argparse
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.measure import Bound, in_turns, report
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import EntryHistory, Grid, Ladder, LeverageMix, build_ladder
from vault.risk.cascade.monte_carlo import AssetModel, ShockModel, Simulation, Threshold, simulate
from vault.risk.cascade.phi import Calibration, calibrate
from vault.series import FloatArray

SCENARIOS: Final = 100_000
LEVELS: Final = 400
END: Final = 0.8
SEED: Final = 7
MOST_OF_PLAIN, MOST_GROWTH, MOST_PEAK_GROWTH = 1.0, 2.4, 1.2
# Of a made-up market whose phi jumps once and whose leverage is not the assumed one.
MOST_MEDIAN_FACTOR: Final = 2.0

# Expected over realised BTC liquidations given the drop, with phi of the event before. Worked out once on
# aggregated liquidation totals and hourly prices, which do not travel with the project; recorded, not
# measured here.
PAST_DAYS: Final = (
    ("31 January 2026", "1.03 to 1.08"),
    ("5 to 6 February 2026", "0.97 to 1.20"),
    ("29 to 30 January 2026", "3.7 off: phi had fallen from 0.68 to 0.17 after the reset of October"),
)


def market(levels: int, side: str = "long") -> tuple[Ladder, Depth]:
    """A ladder of three clusters on a slope against a book whose makers step back."""
    grid = Grid(END / levels, levels)
    x = grid.moves
    held = 8e9 * x + sum(9e8 / (1.0 + np.exp((at - x) / 0.004)) for at in (0.05, 0.09, 0.2))
    held = held - held[0]
    ladder = Ladder(grid, held, float(held[-1]) * 1.1, "long" if side == "long" else "short")
    return ladder, Depth(delta=3e10, xi=0.06, w_min=0.2, deep_bids=2e10)


def plain(ladder: Ladder, depth: Depth, shocks: FloatArray) -> FloatArray:
    """The definition, level after level: the first with x >= s and D(x - s) >= G(x)."""
    found = np.full(shocks.size, np.inf)
    for x, triggered in zip(ladder.grid.moves, ladder.triggered, strict=True):
        u = np.maximum(x - shocks, 0.0)
        leaving = (1.0 - depth.w_min) * depth.xi * (1.0 - np.exp(-u / depth.xi))
        taken = depth.delta * (depth.w_min * u + leaving) + depth.deep_bids * u * u
        found = np.where((found == np.inf) & (x >= shocks) & (taken >= triggered), x, found)
    return found


def shocks_of(count: int) -> FloatArray:
    found: FloatArray = np.abs(np.random.default_rng(SEED).standard_t(4.0, count)) * 0.03
    return found


def speed(runs: int) -> Bound:
    """Ours, preparation included, against the plain loop; the answers must agree to one step."""
    ladder, depth = market(LEVELS)
    shocks = shocks_of(SCENARIOS)
    found, reference = CascadeCurve.of(ladder, depth).reach(shocks), plain(ladder, depth, shocks)
    if not (np.isinf(found) == np.isinf(reference)).all():
        raise RuntimeError("the two do not end the same cascades")
    ended = np.isfinite(found)
    off = np.abs(found[ended] - reference[ended]).max()
    if off > ladder.grid.step * (1 + 1e-9):
        raise RuntimeError(f"the two differ by {off / ladder.grid.step:.2f} steps")
    ours, loop = in_turns(
        runs, lambda: CascadeCurve.of(ladder, depth).reach(shocks), lambda: plain(ladder, depth, shocks)
    )
    cells = SCENARIOS * LEVELS / 1e6
    told = f"{ours * 1e3:.1f} ms ({cells / ours:.0f} M level·scenarios/s) against {loop * 1e3:.0f} ms "
    told += f"({cells / loop:.0f} M/s); they differ by at most {off / ladder.grid.step:.2f} steps"
    name = f"{SCENARIOS} shocks x {LEVELS} levels"
    return Bound(name, ours / loop, MOST_OF_PLAIN, "times the plain loop", told)


def run_of(scenarios: int, levels: int) -> Callable[[], Simulation]:
    """A Monte Carlo of two assets and four accounts, the strain being uncertain."""
    falls, rises = (CascadeCurve.of(*market(levels, side)) for side in ("long", "short"))
    assets = tuple(AssetModel(name, falls, rises, 0.3) for name in ("BTC", "ETH"))
    drawn = ShockModel(np.array([0.03, 0.04]), np.array([[1.0, 0.8], [0.8, 1.0]]), 4.0)
    accounts = tuple(Threshold(asset, side, 0.12) for asset in (0, 1) for side in ("long", "short"))
    return lambda: simulate(assets, drawn, accounts=accounts, scenarios=scenarios, seed=SEED)


def _peak(work: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def cost(runs: int) -> list[Bound]:
    """How time grows with scenarios and levels, and memory with scenarios."""
    one, more, finer = run_of(SCENARIOS, LEVELS), run_of(2 * SCENARIOS, LEVELS), run_of(SCENARIOS, 2 * LEVELS)
    base, doubled, fine = in_turns(runs, one, more, finer)
    told = f"Monte Carlo, 2 assets, both sides, 4 accounts: {base * 1e3:.0f} ms for {SCENARIOS} scenarios"
    small, large = _peak(one), _peak(run_of(4 * SCENARIOS, LEVELS))
    kept = f"peak {small:.1f} MiB for {SCENARIOS} scenarios, {large:.1f} MiB for {4 * SCENARIOS}"
    return [
        Bound("twice the scenarios cost", doubled / base, MOST_GROWTH, "times the time", told),
        Bound("twice the levels cost", fine / base, MOST_GROWTH, "times the time", f"{fine * 1e3:.0f} ms"),
        Bound("four times the scenarios take", large / small, MOST_PEAK_GROWTH, "times the memory", kept),
    ]


@dataclass(frozen=True)
class MadeUp:
    """A market whose every position is known: hourly prices, and what was liquidated in each day."""

    closes: FloatArray
    lows: FloatArray
    highs: FloatArray
    volumes: FloatArray
    liquidated: FloatArray


HOURS, DAY = 24 * 500, 24
TRUE_MIX: Final = LeverageMix((4.0, 8.0, 15.0, 40.0), (0.3, 0.3, 0.3, 0.1))
ASSUMED_MIX: Final = LeverageMix((3.0, 5.0, 10.0, 20.0, 50.0), (0.2, 0.25, 0.3, 0.15, 0.1))
MAINTENANCE: Final = 0.005
TRUE_LIFE, ASSUMED_LIFE = 150.0, 200.0
INTEREST: Final = 1e10


def made_up() -> MadeUp:
    """Longs opened every hour, closed in time or liquidated by a low; phi falls from 0.6 to 0.25 halfway."""
    rng = np.random.default_rng(SEED)
    steps = rng.standard_t(4.0, HOURS) * 0.004
    closes = 50_000 * np.exp(np.cumsum(steps - steps.mean()))
    wicks = rng.exponential(0.002, (2, HOURS))
    opens = np.append(50_000, closes[:-1])
    lows = np.minimum(opens, closes) * np.exp(-wicks[0])
    highs = np.maximum(opens, closes) * np.exp(wicks[1])
    volumes = INTEREST / TRUE_LIFE * rng.lognormal(0.0, 0.5, HOURS)
    size = np.zeros((HOURS, len(TRUE_MIX.leverages)))
    limits = closes[:, None] * (1.0 - 1.0 / np.asarray(TRUE_MIX.leverages)) / (1.0 - MAINTENANCE)
    liquidated = np.zeros(HOURS)
    for hour in range(HOURS):
        hit = limits[:hour] >= lows[hour]
        liquidated[hour] = size[:hour][hit].sum()
        size[:hour][hit] = 0.0
        size[:hour] *= np.exp(-1.0 / TRUE_LIFE)
        size[hour] = volumes[hour] * np.asarray(TRUE_MIX.shares)
    unhedged = np.where(np.arange(HOURS) < HOURS // 2, 0.6, 0.25) * rng.lognormal(0.0, 0.15, HOURS)
    return MadeUp(closes, lows, highs, volumes, liquidated * unhedged)


def calibration() -> Calibration:
    """Each day whose low was 4 % or more down: expected with the phi of the days before, and realised."""
    world = made_up()
    realised, laddered, hours = [], [], []
    for start in range(60 * DAY, HOURS, DAY):
        price, low = world.closes[start - 1], world.lows[start : start + DAY].min()
        if low > price * 0.96:
            continue
        past = slice(max(0, start - 60 * DAY), start)
        rows = (world.closes[past], world.lows[past], world.highs[past], world.volumes[past])
        ages = np.arange(start - past.start, dtype=np.float64)[::-1]
        ladder = build_ladder(
            EntryHistory(*rows, ages),
            ASSUMED_MIX,
            side="long",
            price=float(price),
            open_interest=INTEREST,
            maintenance=MAINTENANCE,
            tau_hours=ASSUMED_LIFE,
        )
        realised.append(world.liquidated[start : start + DAY].sum())
        laddered.append(float(ladder.at(np.log(price / low))[0]))
        hours.append(float(start + DAY))
    return calibrate(realised, laddered, hours, half_life_hours=14.0 * DAY)


def error() -> Bound:
    """The calibration error of the made-up market, with that of past days beside it."""
    found = calibration()
    median, worst = found.median_factor, found.worst_factor
    if median is None or worst is None:
        raise RuntimeError("no day could be judged")
    told = f"{found.judged} days of a made-up market, the worst {worst:.1f}; past days (recorded): "
    told += "; ".join(f"{day} {factor}" for day, factor in PAST_DAYS)
    return Bound("expected against realised liquidations", median, MOST_MEDIAN_FACTOR, "times (median)", told)


def measure(runs: int) -> list[Bound]:
    """Speed, growth, memory, and the error."""
    return [speed(runs), error(), *cost(runs)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="counted runs (default 10)")
    return report(measure(parser.parse_args().runs))


if __name__ == "__main__":
    sys.exit(main())
