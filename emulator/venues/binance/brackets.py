"""Binance's maintenance margin brackets, as the venue answered or announced them."""

from __future__ import annotations

from emulator.venues.engine.brackets import table

# `GET /fapi/v1/leverageBracket`, BTCUSDT, as answered by the venue in 2023.
BTCUSDT = table(
    "BTCUSDT",
    [
        (125, "50000", "0.004"),
        (100, "250000", "0.005"),
        (50, "3000000", "0.01"),
        (20, "20000000", "0.025"),
        (10, "40000000", "0.05"),
        (5, "100000000", "0.1"),
        (4, "120000000", "0.125"),
        (3, "200000000", "0.15"),
        (2, "300000000", "0.25"),
        (1, "500000000", "0.5"),
    ],
)

# Announcement "Updates to Leverage and Margin Tiers of Binance Futures Contracts (2021-03-18)".
BTCUSDT_2021 = table(
    "BTCUSDT",
    [
        (125, "50000", "0.004"),
        (100, "250000", "0.005"),
        (50, "1000000", "0.01"),
        (20, "10000000", "0.025"),
        (10, "20000000", "0.05"),
        (5, "50000000", "0.1"),
        (4, "100000000", "0.125"),
        (3, "200000000", "0.15"),
        (2, "300000000", "0.25"),
        (1, "500000000", "0.5"),
    ],
)

# The 2021 table whose 10 % band carries the cum of 135,365 in Binance's worked liquidation example.
ETHUSDT = table(
    "ETHUSDT",
    [
        (100, "10000", "0.005"),
        (75, "100000", "0.0065"),
        (50, "500000", "0.01"),
        (25, "1000000", "0.02"),
        (10, "2000000", "0.05"),
        (5, "5000000", "0.1"),
        (4, "10000000", "0.125"),
        (3, "20000000", "0.15"),
        (2, "40000000", "0.25"),
        (1, "80000000", "0.5"),
    ],
)

# `GET /dapi/v2/leverageBracket`, BTCUSD_PERP: caps in BTC, as answered by the venue in 2023.
BTCUSD_PERP = table(
    "BTCUSD_PERP",
    [
        (125, "5", "0.004"),
        (100, "10", "0.005"),
        (50, "20", "0.01"),
        (20, "50", "0.025"),
        (10, "100", "0.05"),
        (5, "200", "0.1"),
        (4, "400", "0.125"),
        (3, "1000", "0.15"),
        (2, "1500", "0.25"),
        (1, "999999999", "0.5"),
    ],
)
