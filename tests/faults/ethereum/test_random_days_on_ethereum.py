"""A sample of the soak: random payments, Safes, replacements, sweeps and top-ups under faults and SIGKILL.

Never two payments for one plan; once the nodes are healthy nothing stays unknown, and what the treasury says
is what the chain holds, to the wei (`python -m tests.soak --only ethereum` runs as many as are asked for).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.ethereum.kinds import KINDS
from tests.soak.ethereum.crew import Crew
from tests.soak.ethereum.days import Day
from tests.soak.ethereum.slot import Slot

SEED = 35
CASES = 8


pytestmark = pytest.mark.xdist_group("killed on Ethereum")  # one crew for all


@pytest.fixture
def slot(ethereum_crew: Crew, tmp_path: Path) -> Iterator[Slot]:
    with ExitStack() as stack:
        yield Slot(tmp_path, ethereum_crew, stack)


@pytest.mark.timeout(200)
def test_nothing_is_paid_twice_and_nothing_stays_unknown(slot: Slot, tell: Callable[[str], None]) -> None:
    counts: Counter[str] = Counter()
    for number in range(CASES):
        counts += slot.play(Day.of(SEED, number))
    ended = {name: counts[name] for name in ("paid once", "paid nothing")}
    tell(f"random days on Ethereum: {CASES} cases, {counts['killed']} killed, {ended}")
    assert sum(ended.values()) == CASES


def test_the_sample_breaks_most_of_what_can_break() -> None:
    days = [Day.of(SEED, number) for number in range(CASES)]
    assert len({day.kind for day in days}) >= 4
    assert {kill[:1] for day in days for kill in day.kills} == {"", "#", "~", ">"}
    assert len({event.what for day in days for events in day.events for event in events}) >= 4
    assert {day.witnessed for day in days} == {True, False}


def test_a_longer_run_comes_to_everything() -> None:
    days = [Day.of(SEED, number) for number in range(300)]
    happened = {event.what for day in days for events in day.events for event in events}
    assert {day.kind for day in days} == set(KINDS)
    assert {day.asset for day in days} == {"ETH", "USDC", "USDT"}
    assert happened >= {
        "reorg", "forget", "spike", "lag", "hang", "garbage", "drop_after", "answer", "rate_limit",
        "no_method",
    }  # fmt: skip
    assert {
        event.values["depth"]
        for day in days
        for events in day.events
        for event in events
        if event.what == "reorg"
    } == {1, 2, 3, 4}


def test_a_number_of_a_seed_is_always_the_same_day() -> None:
    assert [Day.of(7, number) for number in range(20)] == [Day.of(7, number) for number in range(20)]
    assert Day.of(7, 1) != Day.of(8, 1)
