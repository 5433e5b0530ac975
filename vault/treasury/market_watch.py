"""The markets that a treasury watches: gathered into the store, and how they stand by what is there.

Refuses to leave out an indicator because its feed never spoke: what somebody set up and
what says nothing counts as missing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vault.clock import to_milliseconds
from vault.errors import MarketDataError
from vault.model import SourceFailure

if TYPE_CHECKING:
    from vault.config import TreasuryConfig
    from vault.kinds import Kind
    from vault.markets.feeds.base import Answer, Failed, Parameters
    from vault.risk.indicators.judge import Judgement
    from vault.risk.markets import MarketFindings
    from vault.series import MarketHistory
    from vault.store.database import Store
    from vault.treasury.desk import Desk

# What reading a contract at an exchange gives input to.
OF_A_CONTRACT: Final = frozenset({
    "open_interest", "funding", "liquidation_clusters", "depth", "venue", "time_of_day",
})  # fmt: skip
# Others tell their liquidations by streams alone, which a look does not hear.
TELL_LIQUIDATIONS: Final = frozenset({"okx", "deribit", "kraken"})
OF_A_FEED: Final[dict[Kind, str]] = {
    "etf_flow": "etf",
    "close": "cross_asset",
    "supply": "stablecoins",
    "peg": "stablecoins",
    "long_liquidations": "realised_liquidations",
    "short_liquidations": "realised_liquidations",
    "open_interest": "open_interest",
    "funding": "funding",
    "depth_1pct": "depth",
}


def assets_of(config: TreasuryConfig, history: MarketHistory) -> tuple[str, ...]:
    """The assets of configured contracts and feeds; bitcoin where nothing of them was collected yet.

    What else the store holds (somebody's import) is not watched: it must not be able to move anything.
    """
    from vault.risk.indicators.base import witness_of

    contracts = [(venue.exchange, contract) for venue in config.venue for contract in venue.contracts]
    feeds = {feed.asset for feed in config.feed if feed.kind in _OF_CONTRACTS}
    found = {
        item.key.name
        for kind in _OF_CONTRACTS
        for item in history.of(kind)
        if item.key.name in feeds
        or any(
            witness_of(item.key.source) == exchange and _is_of(item.key.name, contract)
            for exchange, contract in contracts
        )
    }
    return tuple(sorted(found)) or ("BTC",)


def _is_of(asset: str, contract: str) -> bool:
    """Whether a contract's own name begins with the asset: BTCUSDT, BTC-PERPETUAL, PF_XBTUSD."""
    parts = re.split(r"[-_:/]", contract.upper().replace("XBT", "BTC"))
    return any(part.startswith(asset) for part in parts)


_OF_CONTRACTS: Final[tuple[Kind, ...]] = ("open_interest", "funding", "depth_1pct")


def configured(config: TreasuryConfig) -> frozenset[str]:
    """The indicators that treasury.toml has a source of."""
    found = {OF_A_FEED[feed.kind] for feed in config.feed if feed.kind in OF_A_FEED}
    if any(venue.contracts for venue in config.venue):
        found |= OF_A_CONTRACT
    if any(venue.contracts and venue.exchange in TELL_LIQUIDATIONS for venue in config.venue):
        found.add("realised_liquidations")
    return frozenset(found)


def recent_history(store: Store, now: datetime) -> MarketHistory:
    """What the store knows of the time that the longest window needs."""
    from vault.risk.indicators.judge import HISTORY
    from vault.store import history

    at = to_milliseconds(now)
    with store.read() as connection:
        return history.load(connection, start=at - HISTORY, end=at)


def aged(config: TreasuryConfig, history: MarketHistory, now: datetime) -> MarketHistory:
    """The history with feeds that are older than their `max_age_seconds` made missing from then on.

    What a feed said last is unusable from the moment it is too old: it hides itself and is never calm.
    """
    import numpy as np

    from vault.series import Series

    at = to_milliseconds(now)
    older = []
    for feed in config.feed:
        if feed.max_age_seconds is None:
            continue
        for item in history.of(feed.kind, feed.asset):
            if item.key.source != feed.said_by or not isinstance(item.data, Series):
                continue
            told = item.data.between(-(2**62), at)
            if not len(told) or (ends := int(told.times[-1]) + feed.max_age_seconds * 1000) >= at:
                continue
            silent = Series(np.append(told.times, np.int64(ends)), np.append(told.values, np.nan))
            older.append(replace(item, data=silent))
    return history.with_recorded(older)


def judge_all(config: TreasuryConfig, history: MarketHistory, now: datetime) -> tuple[Judgement, ...]:
    """Every watched asset now, in order."""
    from vault.risk.indicators.judge import judge

    if not (named := configured(config)):
        return ()
    known = aged(config, history, now)
    return tuple(judge(known, to_milliseconds(now), asset, named) for asset in assets_of(config, history))


class AskedOnce:
    """The public questions of one observation: each is asked once, whoever wants its answer or failure."""

    def __init__(self, public: Callable[[str, str, Parameters], Answer]) -> None:
        self._public = public
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str, Parameters], Future[Answer]] = {}

    def __call__(self, venue: str, endpoint: str, parameters: Parameters = ()) -> Answer:
        """The answer, waited for where another thread is asking. Raises `VaultError`."""
        question = (venue, endpoint, parameters)
        with self._lock:
            future = self._asked.get(question)
            if first := future is None:
                future = self._asked[question] = Future()
        if first:
            try:
                future.set_result(self._public(*question))
            except BaseException as error:  # noqa: BLE001  whoever waits must hear of it
                future.set_exception(error)
        return future.result()


def gather(desk: Desk, public: AskedOnce | None = None) -> tuple[SourceFailure, ...]:
    """Collect every venue's public data and every feed that is due, and keep it; what failed, named.

    One failure a source: a venue that is down fails in a dozen questions at once. What was asked through
    `public` already is not asked again.
    """
    from vault.treasury import market_history
    from vault.treasury.market_feeds import collect

    config = desk.treasury.config
    if not config.feed and not any(venue.contracts for venue in config.venue):
        return ()
    desk.progress("reading market data")
    recorded, failed = collect(desk, None, public)
    if recorded:
        market_history.keep(desk.store, recorded, "check", live=True)
    return _by_source(failed)


def findings_now(desk: Desk) -> MarketFindings:
    """What the watched markets come to now; a history that cannot be used leaves no finding, and is named."""
    from vault.risk.markets import NO_MARKETS, findings

    now = desk.clock.now()
    try:
        judged = judge_all(desk.treasury.config, recent_history(desk.store, now), now)
    except MarketDataError as error:
        return replace(NO_MARKETS, missing=(f"indicator.all: {error.code}: {error.message}",))
    return findings(judged)


def _by_source(failed: Iterable[Failed]) -> tuple[SourceFailure, ...]:
    """What failed this time, joined by source; what an exchange does not offer is no failure."""
    found: dict[str, list[Failed]] = {}
    for each in failed:
        if each.reason == "failed":
            found.setdefault(each.key.rpartition(":")[2].partition("/")[0], []).append(each)
    return tuple(
        SourceFailure(
            f"market data:{source}",
            these[0].code,
            f"{len(these)} of its data, first {these[0].key}: {these[0].message}"[:500],
        )
        for source, these in found.items()
    )
