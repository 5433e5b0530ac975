"""Emulated exchanges with a past: candles, open interest and funding in the unit that each of them uses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal

from emulator.scenario_accounts import contract
from emulator.venues.control.client import VenueControl

HOUR_MS = 3_600_000
EXCHANGES = ("binance", "bybit", "okx", "deribit", "kraken")
HOURS = 48
PRICE = 60_000
COINS = Decimal(9000)  # open interest
FUNDING_HOURS = {"deribit": 1, "kraken": 1}


@dataclass(frozen=True, slots=True)
class Past:
    """What was loaded: `now` is a whole hour, the last candle closed at it."""

    now: int
    symbol: str
    size: Decimal  # base units a contract, or USD of an inverse one
    inverse: bool

    def contracts(self, coins: Decimal) -> Decimal:
        return coins * PRICE / self.size if self.inverse else coins / self.size


def load_past(venue: VenueControl, exchange: str, *, inverse: bool = False) -> Past:
    """Two days: 100 coins an hour of spot at 60,000, 200 of the perpetual, marks 1 above, OI 9,000 coins."""
    market = contract(exchange, inverse=inverse)
    now = int(time.time() * 1000) // HOUR_MS * HOUR_MS
    past = Past(now, market.symbol, market.contract_size, market.inverse)
    hours = [now - HOUR_MS * back for back in range(HOURS, 0, -1)]
    spot, perpetual, marks, interest = [], [], [], []
    # Deribit's candles count coins whatever the contract is.
    volume = Decimal(200) if exchange == "deribit" else past.contracts(Decimal(200))
    contracts = past.contracts(COINS)
    value = COINS if past.inverse else COINS * PRICE
    for at in hours:
        flat = [str(PRICE)] * 4
        spot.append([at, *flat, "100"])
        perpetual.append([at, str(PRICE), str(PRICE + 500), str(PRICE - 500), str(PRICE), str(volume)])
        marks.append([at, *[str(PRICE + 1)] * 4, "0"])
        interest.append([at + HOUR_MS, str(contracts), str(value)])
    every = FUNDING_HOURS.get(exchange, 8)
    rate = "0.0008" if exchange == "deribit" else "0.0001"  # there of eight hours, whatever the interval
    funding = [[at, rate, str(PRICE)] for at in hours if at // HOUR_MS % every == 0]
    venue.mark_all("BTC", str(PRICE))
    venue.market(past.symbol, open_interest=str(contracts), next_funding_ms=now + 8 * HOUR_MS)
    venue.history(
        past.symbol,
        candles=spot,
        perp_candles=perpetual,
        mark_candles=marks,
        open_interest=interest,
        funding=funding,
        liquidations=[
            [now - 2 * HOUR_MS + 1000, "SELL", str(PRICE), str(past.contracts(Decimal(2)))],
            [now - 2 * HOUR_MS + 2000, "BUY", str(PRICE), str(past.contracts(Decimal(1)))],
        ],
    )
    return past
