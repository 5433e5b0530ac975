"""`python -m tests.recorded.venues`: every recorded balance and position through the venues' own readers.

One row an answer: the account, positions or part it gave, or the code it was refused with; how many numbers
equal the raw text of how many compared; what was derived, what is absent, what contradicts itself. Exit
status 1 when a number differs or became zero in silence, 2 without the recordings.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.recorded import binance, bybit, deribit, kraken, kucoin, okx, read_only
from tests.recorded.fixtures import Recording, fixtures_path
from tests.recorded.reading import BREAKS, Reader, Reading, faults
from vault.errors import VenueError

METHODS: Final = (
    "fetchBalance", "fetchAccounts", "fetchPositions", "fetchPosition", "fetchPositionsHistory",
    "fetchPositionHistory", "fetchPositionADLRank", "fetchADLRank", "fetchMarginMode", "fetchLeverage",
    "fetchMarketLeverageTiers",
)  # fmt: skip
READERS: Final[dict[str, Callable[[Recording], dict[tuple[str, int], Reader]]]] = {
    "binance": binance.readers,
    "bybit": bybit.readers,
    "okx": okx.readers,
    "deribit": deribit.readers,
    "kraken": kraken.readers,
    "krakenfutures": kraken.futures_readers,
    "bitget": read_only.bitget,
    "gate": read_only.gate,
    "kucoin": kucoin.readers,
    "kucoinfutures": kucoin.futures_readers,
    "hyperliquid": read_only.hyperliquid,
    "dydx": read_only.dydx_readers,
    "coinbase": read_only.coinbase_readers,
}
SHOWN: Final = 6


@dataclass(frozen=True)
class Row:
    """What became of one recorded answer."""

    exchange: str
    method: str
    number: int
    result: str
    reading: Reading
    equal: int = 0
    compared: int = 0
    faults: tuple[str, ...] = ()

    @property
    def fixture(self) -> str:
        return f"{self.method}[{self.number}]"


def rows(folder: Path) -> Iterator[Row]:
    for exchange, readers_of in READERS.items():
        recording = Recording(folder, exchange)
        readers = readers_of(recording)
        wanted = {place for place in recording.answers() if place[0] in METHODS}
        for method, number in sorted(wanted | set(readers)):
            yield row(recording, method, number, readers.get((method, number)))


def row(recording: Recording, method: str, number: int, read: Reader | None) -> Row:
    nothing = Reading("part", ())
    if read is None:
        unread = ("no reader is given this answer",)
        return Row(recording.exchange, method, number, "unread", nothing, faults=unread)
    raw = recording.answer(method, number)
    try:
        reading = read(raw)
    except VenueError as error:
        lacking = error.details.get("missing")
        reading = Reading("part", (), absent=(lacking,) if lacking else ())
        return Row(recording.exchange, method, number, f"refused {error.code}", reading)
    except BREAKS as error:
        broke = (f"the reader broke ({type(error).__name__})",)
        return Row(recording.exchange, method, number, "broken", nothing, faults=broke)
    told = [one for one in reading.numbers if one.theirs(raw)]
    return Row(
        recording.exchange,
        method,
        number,
        "no open position" if reading.kind == "positions" and not reading.numbers else reading.kind,
        reading,
        sum(one.equals(raw) for one in told),
        len(told),
        tuple(faults(read, raw)),
    )


def _kinds(names: Iterable[str]) -> str:
    """Names without what they are of, each once with how often it came: ``leverage x3``."""
    counted: dict[str, int] = {}
    for name in names:
        kind = name.split(":", maxsplit=1)[0].rsplit(" ", maxsplit=1)[-1]
        counted[kind] = counted.get(kind, 0) + 1
    shown = [kind if times == 1 else f"{kind} x{times}" for kind, times in counted.items()]
    return ", ".join(shown) or "-"


def _few(names: tuple[str, ...]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "-"


def lines(found: Iterable[Row]) -> Iterator[str]:
    """The table as Markdown."""
    yield "| exchange | fixture | result | equal / compared | read | derived | absent | flags |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in found:
        reading = one.reading
        numbers = f"{one.equal} / {one.compared}" if one.compared else "-"
        parts = (
            _kinds(number.name for number in reading.numbers),
            _few(reading.derived),
            _few(reading.absent),
            _few(tuple(flag.split(":", maxsplit=1)[0] for flag in reading.flags)),
        )
        yield f"| {' | '.join((one.exchange, one.fixture, one.result, numbers, *parts))} |"


def main() -> int:
    folder = fixtures_path()
    if not all(Recording(folder, exchange).exists for exchange in READERS):
        sys.stderr.write(f"no recorded answers at {folder}; VAULT_SHARED names the folder above fixtures/\n")
        return 2
    found = tuple(rows(folder))
    for line in lines(found):
        sys.stdout.write(f"{line}\n")
    broken = [f"{one.exchange} {one.fixture}: {fault}" for one in found for fault in one.faults]
    results = [one.result.split(" venue.", maxsplit=1)[0] for one in found]
    counts = ", ".join(f"{results.count(kind)} {kind}" for kind in dict.fromkeys(results))
    equal, compared = sum(one.equal for one in found), sum(one.compared for one in found)
    sys.stdout.write(f"\n{len(found)} answers: {counts}; {equal} of {compared} numbers equal\n")
    for fault in broken:
        sys.stdout.write(f"wrong: {fault}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
