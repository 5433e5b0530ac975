"""The usual scenarios, each with the reason why it is there, and the days that happened.

Data only. A treasury's own table may replace them; the days are facts and keep their numbers, scaled or not.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from vault.risk.exposure.scenario import AssetMove, ScenarioSpec

# Bitcoin's low against the open of the UTC day, from hourly dollar prices: the three days of -10 % or worse
# between July 2025 and February 2026. Other coins fell further; where no number is published they are moved
# like bitcoin, so that a day is a least case for them.
FALL_10_OCTOBER_2025: Final = Decimal("-0.162")
FALL_31_JANUARY_2026: Final = Decimal("-0.101")
FALL_5_FEBRUARY_2026: Final = Decimal("-0.148")
# On 10 October 2025 USDe traded at 0.65 dollars at Binance alone, after the low of the coins; elsewhere it
# stayed above 0.90 (Ethena's founder). ...
USDE_AT_BINANCE: Final = Decimal("-0.35")
# ... and wBETH at about 430 dollars there, 88 % below an ether of more than 3,800 (CoinDesk, 12 October
# 2025). BNSOL fell too and is left out because no usable price was found: the 34.90 dollars of that article
# stand alone.
WBETH_AT_BINANCE: Final = Decimal("-0.88")
# Gold on 30 January 2026, the day before bitcoin's fall. Silver lost 33.6 %; no venue takes it as collateral.
GOLD_30_JANUARY_2026: Final = Decimal("-0.108")
GOLD_TOKENS: Final = ("PAXG", "XAUT")
# USDC at about 0.87 dollars on 11 March 2023, while its issuer's bank was shut (price trackers as the press
# quoted them; single venues showed 0.82 to 0.94). USDT at about 0.95 on 12 May 2022, briefly (press).
USDC_IN_MARCH_2023: Final = Decimal("-0.13")
USDT_IN_MAY_2022: Final = Decimal("-0.05")

HISTORICAL: Final[tuple[ScenarioSpec, ...]] = (
    ScenarioSpec(
        "day-2025-10-10",
        "day",
        "The largest liquidation day on record: -16.2 %, and collateral off its peg at one venue.",
        market=FALL_10_OCTOBER_2025,
        prices=(
            AssetMove("USDE", USDE_AT_BINANCE, "binance"),
            # 88 % below an ether that has itself fallen.
            AssetMove("WBETH", (1 + FALL_10_OCTOBER_2025) * (1 + WBETH_AT_BINANCE) - 1, "binance"),
        ),
    ),
    ScenarioSpec(
        "day-2026-01-31",
        "day",
        "About 2.56 billion USD liquidated in 24 h, a day after gold and silver broke.",
        market=FALL_31_JANUARY_2026,
        prices=tuple(AssetMove(asset, GOLD_30_JANUARY_2026) for asset in GOLD_TOKENS),
    ),
    ScenarioSpec(
        "day-2026-02-05",
        "day",
        "Bitcoin into the low 60,000s with equities, gold and silver falling too: no asset stood apart.",
        market=FALL_5_FEBRUARY_2026,
    ),
)

DEFAULT_SCENARIOS: Final[tuple[ScenarioSpec, ...]] = (
    ScenarioSpec(
        "joint",
        "move",
        "What bands are decided on: all prices 10 % down or up together, with time to top up.",
        market=Decimal("-0.1"),
        both_ways=True,
    ),
    ScenarioSpec(
        "wick",
        "wick",
        "Who cannot hold through a 10 % intraday wick rents the position; it is over before money arrives.",
        market=Decimal("-0.1"),
        both_ways=True,
    ),
    ScenarioSpec(
        "gap",
        "gap",
        "Plan for gaps, not smooth ladders: twice the wick at once, and nothing can be added.",
        market=Decimal("-0.2"),
        both_ways=True,
    ),
    ScenarioSpec(
        "depeg",
        "depeg",
        "Each pegged collateral on its own, at the worst price known of it or of its kind.",
        drop=USDE_AT_BINANCE,
        wrapped_drop=WBETH_AT_BINANCE,
        prices=(AssetMove("USDC", USDC_IN_MARCH_2023), AssetMove("USDT", USDT_IN_MAY_2022)),
    ),
    ScenarioSpec(
        "haircut",
        "haircut",
        "A judgement: at short notice a venue takes a fifth off what coins count at.",
        ratio_cut=Decimal("0.2"),
    ),
    ScenarioSpec(
        "frozen",
        "frozen",
        "A judgement: nothing leaves or arrives for four hours while prices move against the account.",
        hours=Decimal(4),
        both_ways=True,
    ),
    *HISTORICAL,
)


def named(specs: tuple[ScenarioSpec, ...], name: str) -> ScenarioSpec | None:
    """The scenario of that name."""
    return next((spec for spec in specs if spec.name == name), None)
