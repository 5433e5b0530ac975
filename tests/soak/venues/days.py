"""The random cases: where, what moves, what breaks, who is killed. Each number of a seed is one case."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.treasury.stage import Kind, Market

MARKETS: Final = (
    Market("binance"),
    Market("binance", "coinm"),
    Market("bybit"),
    Market("okx"),
    Market("deribit"),
    Market("kraken"),
)
EXCHANGES: Final = tuple(dict.fromkeys(market.exchange for market in MARKETS))
_KINDS: Final[tuple[Kind, ...]] = ("withdrawal",) * 6 + ("top-up",) * 3 + ("mixed", "evacuation")

# What moves coins at each exchange, and what tells of it; a path matches by containment (`$`: its end).
_SENDS: Final[dict[str, tuple[str, ...]]] = {
    "binance": ("withdraw/apply", "asset/transfer"),
    "bybit": ("withdraw/create", "inter-transfer"),
    "okx": ("asset/withdrawal", "asset/transfer"),
    "deribit": ("private/withdraw",),
    "kraken": ("private/Withdraw$", "private/Withdraw$", "v3/withdrawal", "v3/transfer"),
}
_TELLS: Final[dict[str, tuple[str, ...]]] = {
    "binance": ("withdraw/history", "asset/transfer", "deposit/hisrec"),
    "bybit": ("withdraw/query-record", "query-inter-transfer-list", "deposit/query-record"),
    "okx": ("asset/withdrawal-history", "asset/bills", "asset/deposit-history"),
    "deribit": ("private/get_withdrawals", "private/get_deposits"),
    "kraken": ("WithdrawStatus", "account-log", "private/Ledgers", "DepositStatus"),
}
_ALL: Final = "/"
_LOST: Final = (
    "504_after_recording",
    "504_before_recording",
    "drop_connection_before",
    "drop_connection_after",
    "broken_json",
    "http_500",
    "http_500_after_recording",
    "maintenance",
)
_DAMAGE: Final = ("partial_answer", "duplicate_entries", "changed_precision", "unknown_field")
_WEATHER: Final = (
    "history_lag_ms",
    "history_lag_ticks",
    "network_suspended",
    "all_suspended",
    "fee_changed",
    "fee_mode",
    "hold",
    "reject",
)
_STATUSES: Final = ("email_sent", "awaiting_approval", "processing")
# As long as the exchange's history may lag in the treasury's own settings, and less than that in truth.
HISTORY_LAG_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class VenueFault:
    """A fault on requests to the exchange, as its control takes it."""

    kind: str
    path: str
    skip: int
    count: int = 1
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """What happens in one case; it follows from seed and number alone.

    `weather` is what the exchange is like until it is healed. Of `kills` the first hits the first run, the
    second the recovery: ``#3`` at the third stop of the journal, ``~3`` when the third request has been given
    to the worker, ``!3`` the worker then.
    """

    number: int
    market: Market
    kind: Kind
    kills: tuple[str, str]
    faults: tuple[VenueFault, ...]
    weather: tuple[tuple[str, Any], ...]
    chain_fault: str

    @classmethod
    def of(cls, seed: int, number: int, markets: tuple[Market, ...] = MARKETS) -> Day:
        dice = random.Random(f"venues/{seed}/{number}")
        market = dice.choice(markets)
        kind = dice.choice(_KINDS)
        kills = (_kill(dice, 0.85, 18), _kill(dice, 0.5, 8))
        faults = tuple(venue_fault(dice, market.exchange) for _ in range(dice.choice((0, 1, 1, 2, 3))))
        weather = tuple(_weather(dice, market) for _ in range(dice.choice((0, 0, 1, 1, 2))))
        chain = dice.choice(("drop", "drop_after", "error", "garbage", "", "", "", ""))
        return cls(number, market, kind, kills, one_gap(faults), tuple(dict(weather).items()), chain)

    @property
    def calm(self) -> bool:
        """Whether nothing at all happens."""
        return not (any(self.kills) or self.faults or self.weather or self.chain_fault)


def _kill(dice: random.Random, chance: float, most: int) -> str:
    if dice.random() >= chance:
        return ""
    return f"{dice.choice('##~~!')}{dice.randint(1, most)}"


def venue_fault(dice: random.Random, exchange: str) -> VenueFault:
    where = dice.random()
    if where < 0.6:
        return VenueFault(dice.choice(_LOST), dice.choice(_SENDS[exchange]), dice.choice((0, 0, 0, 1, 2, 5)))
    kind = dice.choice((*_LOST, *_DAMAGE, *_DAMAGE))
    path = dice.choice((*_TELLS[exchange], *_TELLS[exchange], _ALL))
    return VenueFault(kind, path, dice.randint(0, 30 if path == _ALL else 3), digits=dice.choice((2, 4, 12)))


def one_gap(faults: tuple[VenueFault, ...]) -> tuple[VenueFault, ...]:
    """An exchange that hides an entry each time it is asked cannot be told from one that has none."""
    gaps = [fault for fault in faults if fault.kind == "partial_answer"]
    return tuple(fault for fault in faults if fault not in gaps[1:])


def _weather(dice: random.Random, market: Market) -> tuple[str, Any]:
    what = dice.choice(_WEATHER)
    values: dict[str, Any] = {
        "history_lag_ms": dice.randint(500, (HISTORY_LAG_SECONDS - 5) * 1000),
        "history_lag_ticks": dice.randint(1, 2),
        "fee_changed": dice.choice(("0.00001", "0.00005", "0.0002")),
        "fee_mode": dice.choice(("netted", "added")),
        "hold": dice.choice(_STATUSES),
    }
    return what, values.get(what, True)
