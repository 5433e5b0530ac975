"""Margin accounts for tests of risk: published worked examples, and accounts drawn at random."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from vault.model import Bracket, Collateral, CollateralTier, MarginAccount, Position

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)
BRACKETS = (
    Bracket(D(0), D(50_000), D("0.004"), D(0)),
    Bracket(D(50_000), D(250_000), D("0.005"), D(50)),
    Bracket(D(250_000), D(3_000_000), D("0.01"), D(1_300)),
    Bracket(D(3_000_000), D(20_000_000), D("0.025"), D(46_300)),
    Bracket(D(20_000_000), None, D("0.05"), D(546_300)),
)


def account(positions: tuple[Position, ...], collateral: tuple[Collateral, ...]) -> MarginAccount:
    return MarginAccount(
        "a", "binance", "1", D(0), D(0), D(0), None, collateral, positions, AT, AT, 0, (), ()
    )


def worked_example() -> MarginAccount:
    """Binance, "How to Calculate Liquidation Price of USD-M Futures Contracts", cross, two positions."""
    eth = (Bracket(D(0), None, D("0.1"), D(135_365)),)
    btc = (Bracket(D(0), None, D("0.025"), D(16_300)),)
    return account(
        (
            Position(
                "ETHUSDT",
                "ETH",
                "long",
                D("3683.979"),
                D("1456.84"),
                D("1335.18"),
                False,
                eth,
                None,
                None,
                settle="USDT",
            ),
            Position(
                "BTCUSDT",
                "BTC",
                "long",
                D("109.488"),
                D("32481.98"),
                D("31967.27"),
                False,
                btc,
                None,
                None,
                settle="USDT",
            ),
        ),
        (Collateral("USDT", D("1535443.01"), D(1), D(1), None),),
    )


def eve_of_the_fall(coins: str, mark: str, index: str) -> MarginAccount:
    """Long 50 BTC from 88,000 with `coins` BTC and 78,167 USDT, BTC counted at 95 %."""
    held = (
        Collateral("BTC", D(coins), D(index), D("0.95"), None),
        Collateral("USDT", D(78_167), D(1), D(1), None),
    )
    long = Position(
        "BTCUSDT", "BTC", "long", D(50), D(88_000), D(mark), False, BRACKETS, None, None, settle="USDT"
    )
    return account((long,), held)


linear = st.builds(
    lambda symbol, side, size, entry, mark: Position(
        f"{symbol}USDT", symbol, side, size, entry, mark, False, BRACKETS, None, None, settle="USDT"
    ),
    st.sampled_from(["BTC", "ETH"]),
    st.sampled_from(["long", "short"]),
    st.decimals("5", "200", places=3),
    st.decimals("10000", "120000", places=1),
    st.decimals("10000", "120000", places=1),
)
COIN_BRACKETS = (
    Bracket(D(0), D(5), D("0.004"), D(0)),
    Bracket(D(5), D(20), D("0.01"), D("0.03")),
    Bracket(D(20), None, D("0.05"), D("0.83")),
)
inverse = st.builds(
    lambda side, size, entry, mark, slope: Position(
        "BTCUSD_PERP",
        "BTC",
        side,
        size,
        entry,
        mark,
        False,
        (Bracket(D(0), None, D("0.01"), D(0)),) if slope else COIN_BRACKETS,
        None,
        None,
        settle="BTC",
        inverse=True,
        rate_per_unit=slope,
    ),
    st.sampled_from(["long", "short"]),
    st.decimals("1000", "3000000", places=0),
    st.decimals("10000", "120000", places=1),
    st.decimals("10000", "120000", places=1),
    st.sampled_from([D(0), D("0.00005")]),
)
positions = st.one_of(linear, inverse)
USDT_TIERS = (CollateralTier(D(0), D(500_000), D(1)), CollateralTier(D(500_000), D(1_000_000), D("0.9")))
BTC_TIERS = (CollateralTier(D(0), D(10), D("0.95")), CollateralTier(D(10), None, D("0.7")))
books = st.builds(
    lambda ps, usdt, ratio, coins, price, haircut, tiered, debt, soft: account(
        tuple(ps),
        (
            Collateral("USDT", usdt, D(1), ratio, None, tiers=USDT_TIERS if tiered else (), debt_ratio=debt),
            Collateral("BTC", coins, price, haircut, None, tiers=BTC_TIERS if tiered else ()),
            Collateral("PYUSD", soft, D(1), D("0.9"), None),
        ),
    ),
    st.lists(positions, min_size=1, max_size=3),
    st.decimals("-100000", "3000000", places=2),
    st.decimals("0.9", "1", places=2),
    st.decimals("0", "50", places=8),
    st.decimals("10000", "120000", places=2),
    st.decimals("0.5", "1", places=2),
    st.booleans(),
    st.sampled_from([None, D(1)]),
    st.sampled_from([D(0), D(250_000)]),
)
