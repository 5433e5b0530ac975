"""Everything public that one exchange tells of some contracts, as histories since the last known point.

Never raises for what a venue does not answer: each missing thing is named by its key. A venue that
is silent again and again is not asked further.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from vault.clock import Clock, to_milliseconds
from vault.errors import VaultError, VenueError
from vault.markets.feeds.base import Answer, Failed, Parameters, Reason, VenueSource
from vault.markets.feeds.venue.events import hourly
from vault.markets.feeds.venue.markets import market_of
from vault.markets.feeds.venue.paging import Pages, read_pages
from vault.markets.feeds.venue.pieces import CANDLES, Piece, recorded
from vault.markets.feeds.venue.present import book_now, interest_now, now_of
from vault.markets.feeds.venue.questions import Asker, Contract, Listing, Market, Question, Row, Window
from vault.money import CONTEXT
from vault.series import DAY, HOUR, MINUTE, SECOND, Kind, Recorded, SeriesKey

# Questions at a venue at once; the worker lets in as many as the venue takes.
AT_ONCE: Final = 3
# So many questions in a row without an answer, and the venue is not asked further.
GIVEN_UP: Final = 4
NO_ANSWER: Final = frozenset(
    f"venue.{reason}"
    for reason in (
        "timeout",
        "dropped",
        "unreachable",
        "not_sent",
        "busy",
        "rate_limited",
        "too_late",
        "worker_lost",
    )
)
# A "present" number older than this is none.
MAX_PRESENT_AGE: Final = 5 * MINUTE
# A candle counts as closed so long after its end: the venue may still be adding it up.
SETTLED: Final = 5 * SECOND
# Steps that are asked again: what was published late is not lost. Funding is at most daily.
OVERLAP: Final = 2
FUNDING_OVERLAP: Final = DAY
EVERYTHING: Final = "ALL"
# Collateral whose flags are kept beside the contracts' own assets.
DOLLARS: Final = frozenset({"USDT", "USDC"})


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one exchange told."""

    recorded: tuple[Recorded, ...]
    failures: tuple[Failed, ...]


@dataclass(slots=True)
class _Line:
    """The way to the venue, closed when it is silent."""

    source: VenueSource
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _silent: int = 0

    def fetch(self, endpoint: str, parameters: Parameters) -> Answer:
        with self._lock:
            if self._silent >= GIVEN_UP:
                raise VenueError(
                    "silent",
                    f"{self.source.exchange} left {GIVEN_UP} questions without an answer: no more are asked",
                )
        try:
            answer = self.source.fetch(endpoint, parameters)
        except VaultError as error:
            with self._lock:
                self._silent = self._silent + 1 if error.code in NO_ANSWER else 0
            raise
        with self._lock:
            self._silent = 0
        return answer


@dataclass(slots=True)
class _Notes:
    """What was had and what was not; threads write to it."""

    pieces: list[Piece] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)

    def fail(self, kinds: Iterable[Kind], asset: str, source: str, error: VaultError, *, part: bool) -> None:
        reason: Reason = "incomplete" if part else _reason(error)
        for kind in kinds:
            key = str(SeriesKey(kind, asset, source))
            self.failures.append(Failed(key, error.code, error.message[:500], reason))


def gather(
    source: VenueSource,
    known: Mapping[SeriesKey, int],
    clock: Clock,
    days: int,
    progress: Callable[[str], None],
) -> Gathered:
    """Ask an exchange everything, a few questions at once. `known`: the newest time of each key."""
    progress(f"asking {source.exchange}")
    run = _Run(source, known, to_milliseconds(clock.now()), days)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [(label, pool.submit(job)) for label, job in run.jobs()]
        for label, job in jobs:
            try:
                job.result()
            except VaultError as error:
                run.notes.failures.append(Failed(label, error.code, error.message[:500]))
            except Exception as error:  # noqa: BLE001  one question's fault must not hide the others
                run.notes.failures.append(Failed(label, "internal.unexpected", type(error).__name__))
    return Gathered(recorded(run.notes.pieces, run.now), tuple(run.notes.failures))


class _Run:
    def __init__(self, source: VenueSource, known: Mapping[SeriesKey, int], now: int, days: int) -> None:
        self.source, self.now, self.notes = source, now, _Notes()
        self._days = days
        self._ask = Asker(_Line(source).fetch)
        self._known: dict[tuple[Kind, str, str], int] = {}
        for key, moment in known.items():
            place = (key.kind, key.name, key.source)
            self._known[place] = max(moment, self._known.get(place, 0))

    def jobs(self) -> list[tuple[str, Callable[[], None]]]:
        """Every question that can be asked, with the name it fails under."""
        found: list[tuple[str, Callable[[], None]]] = []
        assets: set[str] = set()
        listings: dict[tuple[str, Parameters], Listing] = {}
        spots: set[str] = set()
        for symbol in dict.fromkeys(self.source.contracts):
            label = f"{self.source.exchange}/{symbol}"
            try:
                market = market_of(self.source.exchange, symbol)
                contract = market.contract(self._ask, symbol)
            except VaultError as error:
                self.notes.failures.append(Failed(label, error.code, error.message[:500], _reason(error)))
                continue
            assets.add(contract.asset)
            listings |= {(each.endpoint, each.parameters): each for each in market.listings}
            found += self._of_contract(market, contract, spots)
        wanted = frozenset({EVERYTHING, *assets, *DOLLARS})
        for listing in listings.values():
            label = f"{listing.kind}:{self.source.exchange}"
            found.append((label, lambda each=listing: self._listing(each, wanted)))  # type: ignore[misc]
        for asset, network in self.source.networks:
            label = f"venue_open:{asset}:{self.source.exchange}/{network}"
            found.append((label, lambda a=asset, n=network: self._flags(a, n)))  # type: ignore[misc]
        return found

    def _of_contract(
        self, market: Market, contract: Contract, spots: set[str]
    ) -> list[tuple[str, Callable[[], None]]]:
        source = contract.source
        found: list[tuple[str, Callable[[], None]]] = [
            (f"open_interest:{contract.asset}:{source}", lambda: self._interest(market, contract, source)),
            (f"depth:{contract.asset}:{source}", lambda: self._book(market, contract, source)),
        ]
        for question in market.history:
            if question.needs_spot:
                if not contract.spot or contract.spot in spots:
                    continue
                spots.add(contract.spot)
            where = self.source.exchange if question.needs_spot else source
            label = f"{question.yields[0]}:{contract.asset}:{where}"
            found.append(
                (label, lambda q=question, w=where: self._history(market, q, contract, w))  # type: ignore[misc]
            )
        for kind, why in market.absent.items():
            where = self.source.exchange if kind == "spot_volume" else source
            self.notes.failures.append(
                Failed(str(SeriesKey(kind, contract.asset, where)), "venue.not_offered", why, "not_offered")
            )
        return found

    def _now(self, key: SeriesKey, value: Decimal, endpoint: str) -> None:
        self.notes.pieces.append(Piece(key, ((self.now, (value,)),), self._origin(endpoint)))

    def _interest(self, market: Market, contract: Contract, source: str) -> None:
        try:
            mark = now_of(self._ask, market, contract, "mark_price")[0] if contract.inverse else None
            coins, moment = interest_now(self._ask, market, contract, mark)
            if moment is not None and self.now - moment > MAX_PRESENT_AGE:
                raise VenueError(
                    "stale", f"expected open interest of now, found one {(self.now - moment) // 1000} s old"
                )
            key = SeriesKey("open_interest", contract.asset, source, HOUR)
            self._now(key, coins, market.present["open_interest"].endpoint)
        except VaultError as error:
            self.notes.fail(("open_interest",), contract.asset, source, error, part=False)

    def _book(self, market: Market, contract: Contract, source: str) -> None:
        asset, endpoint = contract.asset, market.book.endpoint
        try:
            depth = book_now(self._ask, market, contract)
        except VaultError as error:
            self.notes.fail(("depth_10bp", "depth_1pct", "spread"), asset, source, error, part=False)
            return
        self._now(SeriesKey("spread", asset, source), CONTEXT.divide(depth.spread, depth.mid), endpoint)
        seen: tuple[tuple[Kind, Decimal | None], ...] = (
            ("depth_10bp", depth.bid_10bp),
            ("depth_1pct", depth.bid_1pct),
        )
        for kind, quantity in seen:
            if quantity is not None:
                self._now(SeriesKey(kind, asset, source), quantity, endpoint)
            else:
                ends = VenueError("book_ends", "the venue's book answer ends above it")
                self.notes.fail((kind,), asset, source, ends, part=False)

    def _history(self, market: Market, question: Question, contract: Contract, source: str) -> None:
        asset, kinds = contract.asset, question.yields
        try:
            step = question.step or self._interval(market, contract)
        except VaultError as error:
            self.notes.fail(kinds, asset, source, error, part=False)
            return
        window = self._window(question, asset, source, step)
        pages = read_pages(self._ask, question, contract, window)
        if pages.failure is not None:
            self.notes.fail(kinds, asset, source, pages.failure, part=bool(pages.rows))
        if pages.failure is not None and not pages.rows:
            return
        origin = self._origin(question.endpoint)
        for kind, rows in self._kinds(question, pages):
            if not rows and question.form == "events":
                continue  # no whole hour more has been covered: that nothing happened is no failure
            if not rows:
                days = (window.end - window.start) / DAY
                nothing = VenueError("nothing_told", f"expected a history of {days:.2g} days, found nothing")
                self.notes.fail((kind,), asset, source, nothing, part=False)
                continue
            where = _filed(kind, source, spot=question.needs_spot)
            self.notes.pieces.append(Piece(SeriesKey(kind, asset, where, step), rows, origin))

    def _kinds(self, question: Question, pages: Pages) -> list[tuple[Kind, tuple[Row, ...]]]:
        if question.form == "events":
            rows = hourly(pages.rows, pages.covered, len(question.yields))
            return [
                (kind, tuple((at, (values[place],)) for at, values in rows))
                for place, kind in enumerate(question.yields)
            ]
        if question.form == "series":
            return [(question.yields[0], pages.rows)]
        # One that is still open is no candle yet; one that opens in the future stays and is named.
        closed = tuple(row for row in pages.rows if not row[0] <= self.now < row[0] + question.step + SETTLED)
        return [
            (kind, closed if kind in CANDLES else tuple((at + HOUR, (row[4],)) for at, row in closed))
            for kind in question.yields
        ]

    def _window(self, question: Question, asset: str, source: str, step: int) -> Window:
        newest = [
            self._known.get((kind, asset, _filed(kind, source, spot=question.needs_spot)))
            for kind in question.yields
        ]
        past = [moment for moment in newest if moment is not None]
        overlap = {"candles": OVERLAP * step, "events": 0}.get(
            question.form, FUNDING_OVERLAP if question.yields == ("funding",) else OVERLAP * step
        )
        start = self.now - self._days * DAY
        if len(past) == len(newest):
            start = max(start, min(past) - overlap)
        if question.keeps:
            start = max(start, self.now - question.keeps)
        if question.form == "events" and start % HOUR:
            start += HOUR - start % HOUR
        return Window(min(start, self.now), self.now)

    def _interval(self, market: Market, contract: Contract) -> int:
        hours = now_of(self._ask, market, contract, "funding_interval_hours")[0]
        step = int(hours * HOUR)
        if not 0 < step <= DAY:
            raise VenueError("bad_answer", f"expected a funding interval of hours, found {hours:f}")
        return step

    def _listing(self, listing: Listing, wanted: frozenset[str]) -> None:
        try:
            found = listing.read(self._ask(listing.endpoint, listing.parameters))
        except VaultError as error:
            self.notes.fail((listing.kind,), _asked(listing), self.source.exchange, error, part=False)
            return
        for asset, value in found.items():
            if listing.kind == "peg" or asset in wanted:
                self._now(SeriesKey(listing.kind, asset, self.source.exchange), value, listing.endpoint)

    def _flags(self, asset: str, network: str) -> None:
        where = f"{self.source.exchange}/{network}"
        if self.source.flags is None:
            silent = VenueError("not_offered", "told to a key only, and none is given")
            self.notes.fail(("venue_open",), asset, where, silent, part=False)
            return
        try:
            flags = self.source.flags(asset, network)
        except VaultError as failure:
            self.notes.fail(("venue_open",), asset, where, failure, part=False)
            return
        is_open = Decimal(int(flags.enabled and flags.deposit_enabled))
        self._now(SeriesKey("venue_open", asset, where), is_open, "network flags")

    def _origin(self, endpoint: str) -> str:
        return f"{self.source.exchange}: {endpoint.rpartition('.')[2]}"


def _filed(kind: Kind, source: str, *, spot: bool) -> str:
    """The prices of an exchange's main contract stand beside those of its spot market."""
    return f"{source}-perp" if kind == "price" and not spot and "/" not in source else source


def _reason(error: VaultError) -> Reason:
    return "not_offered" if error.code == "venue.not_offered" else "failed"


def _asked(listing: Listing) -> str:
    """What a listing that failed would have been about."""
    return (
        EVERYTHING
        if listing.kind == "venue_open"
        else ", ".join(value for _, value in listing.parameters) or "collateral"
    )
