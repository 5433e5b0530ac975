"""What kinds of market history there are; apart from the arrays, so that a configuration needs none."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "price",  # candles of the last price; volume in base units
    "mark",  # candles of the mark price, no volume
    "funding",  # rate of one interval, a share
    "open_interest",  # base units
    "spot_volume",  # base units a step
    "perp_volume",  # base units a step
    "depth_10bp",  # base units bid within 10 basis points below the mid
    "depth_1pct",  # base units bid within 1 % below the mid
    "spread",  # share of the mid
    "long_liquidations",  # USD a step
    "short_liquidations",  # USD a step
    "etf_flow",  # USD a day, outflows negative
    "supply",  # stablecoin supply, USD
    "peg",  # price of a stablecoin or collateral asset at one source, USD
    "close",  # daily close of something else: gold, silver, equities, VIX, dollar index
    "venue_open",  # 1: withdrawals and deposits of the asset are open, 0: not
    "transfer_seconds",  # how long a withdrawal or deposit took
    "adl_rank",  # 0..1: place in the queue of automatic deleveraging
    "clock_skew",  # milliseconds
    "network_fee",  # what the next block costs: sat/vB or gwei
]
