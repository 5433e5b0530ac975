"""What Hyperliquid is to the engine: perpetuals and spot of one address, and a bridge to Arbitrum for USDC.

Whoever pays the bridge is credited: the account whose key is the sender's address. A withdrawal leaves the
perpetuals and costs 1 USDC of its amount. Sources: Hyperliquid "Bridge2", "Exchange endpoint".
"""

from __future__ import annotations

import re
from decimal import Decimal

from emulator.venues.engine.book import DepthModel
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.collateral import CollateralRule, with_haircut
from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.market import Market, SymbolMarket
from emulator.venues.engine.paper_chain import Family
from emulator.venues.engine.profile import Profile, WalletRoute
from emulator.venues.engine.withdrawals import ClientIds, FeeMode
from emulator.venues.hyperliquid.margin import COIN, PERP, SPOT, brackets, margin_groups

NETWORK = "Arbitrum"
BRIDGE = "0x2df1c51e09aecf9cacb7bc98cb1742757f163df7"
USDC_ARBITRUM = "0xaf88d065e77c8cc2239327c5edb3a432268e5831"
# A payment names whom and which action it is for: the bridge's own record of it does.
PAID_FOR = r"0x[0-9a-f]{40}:[0-9]{13}"
SIZE_DECIMALS = {"BTC": 5, "ETH": 4, "SOL": 2, "HYPE": 2}


def market() -> Market:
    """Quantities are coins."""
    found = (
        _perpetual("BTC", "100000", depth="200"),
        _perpetual("ETH", "4000", depth="4000"),
        _perpetual("SOL", "200", depth="60000"),
        _perpetual("HYPE", "40", depth="200000"),
    )
    return Market({each.symbol: each for each in found})


def _perpetual(coin: str, mark: str, *, depth: str) -> SymbolMarket:
    return SymbolMarket(
        symbol=coin,
        base=coin,
        quote=COIN,
        mark=Decimal(mark),
        brackets=brackets(coin),
        depth=DepthModel(Decimal(depth)),
        tick=Decimal(1).scaleb(len(mark) - 6),
        step=Decimal(1).scaleb(-SIZE_DECIMALS[coin]),
        spot=False,
        funding_hours=1,
        funding_rate=Decimal("0.0000125"),
        liquidation_fee=ZERO,
        open_interest=Decimal(30_000),
        perp_volume=Decimal(40_000),
    )


def coins() -> dict[str, Coin]:
    network = CoinNetwork(
        network=NETWORK,
        name="Arbitrum One",
        address_pattern=r"^0x[0-9a-fA-F]{40}$",
        withdraw_fee=Decimal(1),
        withdraw_min=Decimal("0.000001"),
        withdraw_max=Decimal(1_000_000_000),
        withdraw_step=Decimal("0.000001"),
        deposit_dust=Decimal(5),
        min_confirm=1,
        unlock_confirm=1,
        is_default=True,
        contract=USDC_ARBITRUM,
        decimals=6,
        tag_pattern=PAID_FOR,
        tag_required=True,
        family=Family.EVM,
    )
    return {COIN: Coin(COIN, "USD Coin", [network])}


def collateral() -> dict[str, CollateralRule]:
    return {COIN: with_haircut(COIN, ZERO)}


PROFILE = Profile(
    name="hyperliquid",
    wallets=(PERP, SPOT),
    withdraw_wallet=PERP,
    deposit_wallet=PERP,
    routes=(WalletRoute("toSpot", PERP, SPOT), WalletRoute("toPerp", SPOT, PERP)),
    market=market,
    coins=coins,
    collateral=collateral,
    margin_groups=margin_groups,
    wallet_of=lambda contract: PERP,
    modes=("default",),
    fee_mode=FeeMode.NETTED,
    client_ids=ClientIds.REFUSED,
    client_id_pattern=re.compile(r"[0-9]{13}", re.ASCII),
    first_uid=1,
    credits_sender=True,
)
