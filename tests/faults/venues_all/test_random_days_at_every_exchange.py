"""A sample of the soak: random withdrawals and top-ups at every emulated exchange, under faults and SIGKILL.

Never two withdrawals for one intent; once the exchange is healthy nothing stays unknown, and every step's
state is what exchange and chain say themselves (`python -m tests.soak --only venues` runs thousands).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    # In front: a dependency installs a package called `tests` of its own.
    sys.path.insert(0, ROOT)

from tests.faults.treasury.stage import Market  # noqa: E402
from tests.soak.venues.days import EXCHANGES, Day, VenueFault  # noqa: E402
from tests.soak.venues.slot import Slot  # noqa: E402

SEED = 6
CASES = 30
PARTS = 3
PART = CASES // PARTS


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slot]:
    slot = Slot.open(tmp_path_factory.mktemp("slot"))
    try:
        yield slot
    finally:
        slot.close()


@pytest.fixture
def tell(
    capfd: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> Callable[[str], None]:
    """Say a count where it is seen: on the terminal (also from an xdist worker) and in the report."""

    def say(text: str) -> None:
        record_property("count", text)
        with capfd.disabled():
            os.write(2, f"\n{text}\n".encode())

    return say


@pytest.mark.timeout(200)
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_withdrawn_twice_and_nothing_stays_unknown(
    part: int, slot: Slot, tell: Callable[[str], None]
) -> None:
    counts: Counter[str] = Counter()
    for number in range(part * PART, (part + 1) * PART):
        counts += slot.play(Day.of(SEED, number))
    ended = {name: counts[f"ended {name}"] for name in ("done", "failed", "disputed")}
    tell(f"random days {part + 1} of {PARTS}: {PART} cases, {counts['killed']} killed, ended {ended}")
    assert sum(ended.values()) == PART
    assert ended["done"] > PART // 2


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("exchange", "mode", "path"),
    [
        ("binance", "added", "withdraw/apply"),
        ("okx", "netted", "asset/withdrawal"),
        ("deribit", "netted", "private/withdraw"),
        ("kraken", "added", "private/Withdraw$"),
    ],
)
def test_a_withdrawal_recorded_otherwise_is_disputed_and_not_left_unknown(
    exchange: str, mode: str, path: str, slot: Slot
) -> None:
    """The exchange takes its fee the other way round than it says, and its answer is lost."""
    lost = VenueFault("504_after_recording", path, 0)
    number = 1000 + EXCHANGES.index(exchange)
    day = Day(number, Market(exchange), "withdrawal", ("", ""), (lost,), (("fee_mode", mode),), "")
    counts = slot.play(day)
    assert (counts["ended disputed"], counts["withdrawals recorded"]) == (1, 1)
    assert not [what for what in counts if what.startswith("undecidable ")]


def test_the_sample_goes_to_every_exchange_and_breaks_most_of_what_can_break() -> None:
    days = [Day.of(SEED, number) for number in range(CASES)]
    assert {day.market.exchange for day in days} == set(EXCHANGES)
    assert {day.kind for day in days} == {"withdrawal", "top-up", "mixed", "evacuation"}
    assert {kill[:1] for day in days for kill in day.kills} == {"", "#", "~", "!"}
    assert len({fault.kind for day in days for fault in day.faults}) >= 10
    assert len({what for day in days for what, _ in day.weather}) >= 6
    assert sum(day.calm for day in days) <= CASES // 10


def test_a_number_of_a_seed_is_always_the_same_day() -> None:
    assert [Day.of(7, number) for number in range(20)] == [Day.of(7, number) for number in range(20)]
    assert Day.of(7, 1) != Day.of(8, 1)
