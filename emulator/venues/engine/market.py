"""Market data that a scenario moves: prices, funding, open interest, volumes, depth, candles, liquidations.

Holds only what it is told; all it derives is the drawdown from the highest mark seen, which thins the book.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from emulator.venues.engine import book
from emulator.venues.engine.brackets import BracketTable
from emulator.venues.engine.exact import ONE, ZERO, exact, nearest

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class FundingPoint:
    time_ms: int
    rate: Decimal
    mark_price: Decimal


@dataclass(frozen=True, slots=True)
class OpenInterestPoint:
    time_ms: int
    contracts: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Candle:
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class MarketLiquidation:
    """A forced order somewhere in the market, not necessarily of an account of ours."""

    time_ms: int
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal


@dataclass(slots=True)
class SymbolMarket:
    """One contract; `spot` is True when a spot market of the same name stands beside it.

    `contract_size` is base units a contract (linear) or quote units a contract (inverse, settled in base).
    """

    symbol: str
    base: str
    quote: str
    mark: Decimal
    brackets: BracketTable
    depth: book.DepthModel
    tick: Decimal
    step: Decimal
    settle: str = ""  # empty: the quote, or the base when inverse
    inverse: bool = False
    contract_size: Decimal = ONE
    spot: bool = True
    expiry_ms: int | None = None  # None: a perpetual
    last: Decimal = ZERO
    index: Decimal = ZERO
    funding_rate: Decimal = Decimal("0.0001")
    next_funding_ms: int = 0
    funding_hours: int = 8
    liquidation_fee: Decimal = Decimal("0.0125")
    open_interest: Decimal = ZERO
    spot_volume: Decimal = ZERO
    perp_volume: Decimal = ZERO
    peak: Decimal = ZERO
    open_24h: Decimal = ZERO
    high_24h: Decimal = ZERO
    low_24h: Decimal = ZERO
    update_id: int = 1
    funding_history: list[FundingPoint] = field(default_factory=list)
    open_interest_history: list[OpenInterestPoint] = field(default_factory=list)
    candles: list[Candle] = field(default_factory=list)  # of spot, and of a price that has none of its own
    perp_candles: list[Candle] = field(default_factory=list)
    mark_candles: list[Candle] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settle = self.settle or (self.base if self.inverse else self.quote)
        for name in ("last", "index", "peak", "open_24h", "high_24h", "low_24h"):
            if getattr(self, name) == ZERO:
                setattr(self, name, self.mark)

    def set_price(self, mark: Decimal, last: Decimal | None = None, index: Decimal | None = None) -> None:
        """Move the mark; last and index follow it unless given. Raises ValueError unless all are positive."""
        new_last, new_index = last or mark, index or mark
        if min(mark, new_last, new_index) <= ZERO:
            raise ValueError(f"expected positive prices for {self.symbol}, found {mark} {last} {index}")
        self.mark, self.last, self.index = mark, new_last, new_index
        self.peak = max(self.peak, mark)
        self.high_24h = max(self.high_24h, new_last)
        self.low_24h = min(self.low_24h, new_last)
        self.update_id += 1

    @exact
    def drawdown(self) -> Decimal:
        """Simple fall of the mark from the highest mark seen."""
        return ONE - self.mark / self.peak

    def order_book(self, levels: int, tick: Decimal | None = None) -> book.Book:
        return book.build(
            self.last, self.depth, self.drawdown(), tick=tick or self.tick, step=self.step, levels=levels
        )

    def set_depth(self, one_percent: Decimal | None, scale: Decimal | None) -> None:
        self.depth = replace(
            self.depth,
            one_percent=self.depth.one_percent if one_percent is None else one_percent,
            scale=self.depth.scale if scale is None else scale,
        )
        self.update_id += 1

    @exact
    def record_open_interest(self, time_ms: int, contracts: Decimal) -> None:
        """Append an open interest to its history; the value is in coins for an inverse contract."""
        size = contracts * self.contract_size
        value = nearest(size / self.mark) if self.inverse else size * self.mark
        self.open_interest_history.append(OpenInterestPoint(time_ms, contracts, value))


@dataclass(slots=True)
class Market:
    """All pairs of a venue, and the USD index of each margin asset."""

    symbols: dict[str, SymbolMarket]
    usd_index: dict[str, Decimal] = field(default_factory=lambda: {"USD": ONE, "USDT": ONE, "USDC": ONE})
    liquidations: list[MarketLiquidation] = field(default_factory=list)

    def linear(self) -> list[SymbolMarket]:
        return [market for market in self.symbols.values() if not market.inverse]

    def inverse(self) -> list[SymbolMarket]:
        return [market for market in self.symbols.values() if market.inverse]

    def spot(self) -> list[SymbolMarket]:
        return [market for market in self.symbols.values() if market.spot]

    def of_base(self, base: str) -> list[SymbolMarket]:
        return [market for market in self.symbols.values() if market.base == base]

    def marks(self) -> dict[str, Decimal]:
        return {name: market.mark for name, market in self.symbols.items()}

    @exact
    def indexes(self) -> dict[str, Decimal]:
        """USD per unit of each asset: the pair's index price times the quote's own index."""
        found = dict(self.usd_index)
        for market in self.symbols.values():
            found.setdefault(market.base, market.index * found[market.quote])
        return found
