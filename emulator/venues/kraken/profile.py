"""Kraken as the engine sees it: margin, futures cash and spot, and the ways between them; coins, contracts.

Withdrawals go to registered addresses only. Sources: Kraken "Get wallets", "Get instruments", "Get Withdrawal
Methods".
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.engine.book import DepthModel
from emulator.venues.engine.brackets import table
from emulator.venues.engine.coins import Coin
from emulator.venues.engine.collateral import CollateralRule, with_haircut
from emulator.venues.engine.exact import ONE
from emulator.venues.engine.market import Market, SymbolMarket
from emulator.venues.engine.networks import USDC_EVM, USDT_EVM, USDT_TRON, bitcoin, on_paper
from emulator.venues.engine.paper_chain import Family
from emulator.venues.engine.profile import Profile, WalletRoute
from emulator.venues.engine.withdrawals import ClientIds, FeeMode
from emulator.venues.kraken.margin import CASH, FLEX, SPOT_WALLET, margin_groups

INSIDE, ACROSS = "transfer", "cross-exchange transfer"  # the words of the account log
# Method of withdrawal (and deposit, where it is another) by asset and network.
METHODS = {
    ("BTC", "Bitcoin"): ("Bitcoin", "Bitcoin"),
    ("ETH", "Ethereum"): ("Ether", "Ether (Hex)"),
    ("USDT", "Tron"): ("Tether USD (TRC20)", "Tether USD (TRC20)"),
    ("USDT", "Ethereum"): ("Tether USD (ERC20)", "Tether USD (ERC20)"),
    ("USDC", "Ethereum"): ("USDC", "USDC"),
    ("XRP", "Ripple"): ("Ripple XRP", "Ripple XRP"),
}
LEVELS = (
    (50, "500000", "0.01"),
    (25, "2000000", "0.02"),
    (10, "5000000", "0.05"),
    (5, "10000000", "0.1"),
    (3, "30000000", "0.15"),
    (2, "1000000000", "0.25"),
)


def market() -> Market:
    """Two linear perpetuals with their spot pairs, and an inverse one."""
    found = (
        _linear("BTC", "PF_XBTUSD", "60000", "1"),
        _linear("ETH", "PF_ETHUSD", "3000", "0.1"),
        SymbolMarket(
            symbol="PI_XBTUSD",
            base="BTC",
            quote="USD",
            mark=Decimal(60_000),
            brackets=table("PI_XBTUSD", LEVELS),
            depth=DepthModel(Decimal(1000)),
            tick=Decimal("0.5"),
            step=Decimal(1),
            inverse=True,
            contract_size=ONE,
            spot=False,
        ),
    )
    indexes = {"USD": ONE, "USDT": ONE, "USDC": ONE, "EUR": Decimal("1.1"), "XRP": Decimal("0.5")}
    return Market({each.symbol: each for each in found}, indexes)


def _linear(base: str, symbol: str, mark: str, tick: str) -> SymbolMarket:
    return SymbolMarket(
        symbol=symbol,
        base=base,
        quote="USD",
        mark=Decimal(mark),
        brackets=table(symbol, LEVELS),
        depth=DepthModel(Decimal(1000)),
        tick=Decimal(tick),
        step=Decimal("0.0001"),
        funding_hours=1,
        open_interest=Decimal(20_000),
        perp_volume=Decimal(100_000),
        spot_volume=Decimal(20_000),
    )


def coins() -> dict[str, Coin]:
    found = (
        Coin("BTC", "Bitcoin", [bitcoin("Bitcoin", "0.00002", "0.00000001", dust="0.0001")]),
        Coin("ETH", "Ethereum", [on_paper("Ethereum", Family.EVM, "0.0004", "0.001", decimals=18)]),
        Coin(
            "USDT",
            "Tether",
            [
                on_paper("Tron", Family.TRON, "4", "10", decimals=6, contract=USDT_TRON),
                on_paper("Ethereum", Family.EVM, "2", "5", decimals=6, contract=USDT_EVM, default=False),
            ],
        ),
        Coin("USDC", "USD Coin", [on_paper("Ethereum", Family.EVM, "4", "5", decimals=6, contract=USDC_EVM)]),
        Coin("XRP", "Ripple", [on_paper("Ripple", Family.XRP, "0.02", "2", decimals=6)]),
        Coin("USD", "US Dollar"),
    )
    return {coin.coin: coin for coin in found}


def collateral() -> dict[str, CollateralRule]:
    haircuts = {"USD": "0", "USDT": "0.005", "USDC": "0.005", "EUR": "0.02", "BTC": "0.03", "ETH": "0.05"}
    return {asset: with_haircut(asset, Decimal(part)) for asset, part in haircuts.items()}


PROFILE = Profile(
    name="kraken",
    wallets=(FLEX, CASH, SPOT_WALLET),
    withdraw_wallet=SPOT_WALLET,
    deposit_wallet=SPOT_WALLET,
    routes=(
        WalletRoute(INSIDE, FLEX, CASH),
        WalletRoute(INSIDE, CASH, FLEX),
        WalletRoute(ACROSS, CASH, SPOT_WALLET),
        WalletRoute(ACROSS, SPOT_WALLET, CASH),
    ),
    market=market,
    coins=coins,
    collateral=collateral,
    margin_groups=margin_groups,
    wallet_of=lambda contract: FLEX,
    fee_mode=FeeMode.NETTED,
    client_ids=ClientIds.IGNORED,
    places=10,
    withdrawal_id=lambda serial: f"FT{serial:016d}",
)
