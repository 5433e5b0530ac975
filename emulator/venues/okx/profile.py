"""What OKX is to the engine: two wallets, contracts in parts of a coin, tiers by contracts, discount tiers.

A tier's rate holds for the whole position (no `cum`), bands are counted in contracts. Portfolio margin is not
here. Sources: OKX "Get instruments", "Get position tiers", "Get discount rate and interest-free quota", "Get
currencies".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from emulator.venues.engine.book import DepthModel
from emulator.venues.engine.brackets import Bracket, BracketTable
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.collateral import CollateralRule, tiered
from emulator.venues.engine.exact import ONE, ZERO
from emulator.venues.engine.market import Market, SymbolMarket
from emulator.venues.engine.networks import USDC_EVM, USDT_EVM, USDT_TRON, bitcoin, on_paper
from emulator.venues.engine.paper_chain import Family
from emulator.venues.engine.profile import Profile, WalletRoute
from emulator.venues.engine.withdrawals import ClientIds, FeeMode
from emulator.venues.okx.margin import FUTURES, MULTI_CURRENCY, SPOT, TRADING, margin_groups

FUNDING = "funding"


def tiers(symbol: str, rows: tuple[tuple[int, str, str], ...]) -> BracketTable:
    """Bands in contracts from (highest leverage, most contracts, maintenance rate)."""
    found: list[Bracket] = []
    floor = ZERO
    for level, (leverage, most, rate) in enumerate(rows, start=1):
        found.append(Bracket(level, leverage, floor, Decimal(most), Decimal(rate), ZERO))
        floor = Decimal(most)
    return BracketTable(symbol, tuple(found))


def market() -> Market:
    """Two linear perpetuals with their spot pairs, and an inverse one."""
    found = (
        _swap("BTC", "60000", "0.01", step="0.1", tick="0.1"),
        _swap("ETH", "3000", "0.1", step="0.1", tick="0.01"),
        SymbolMarket(
            symbol="BTC-USD-SWAP",
            base="BTC",
            quote="USD",
            mark=Decimal(60_000),
            brackets=tiers(
                "BTC-USD", ((100, "50000", "0.004"), (50, "150000", "0.005"), (20, "1000000", "0.02"))
            ),
            depth=DepthModel(Decimal(100_000)),
            tick=Decimal("0.1"),
            step=Decimal(1),
            inverse=True,
            contract_size=Decimal(100),
            spot=False,
        ),
    )
    indexes = {"USD": ONE, "USDT": ONE, "USDC": ONE, "XRP": Decimal("0.5")}
    return Market({each.symbol: each for each in found}, indexes)


def _swap(base: str, mark: str, size: str, *, step: str, tick: str) -> SymbolMarket:
    return SymbolMarket(
        symbol=f"{base}-USDT-SWAP",
        base=base,
        quote="USDT",
        mark=Decimal(mark),
        brackets=tiers(
            f"{base}-USDT",
            ((100, "1000", "0.004"), (50, "5000", "0.01"), (20, "20000", "0.025"), (5, "100000", "0.1")),
        ),
        depth=DepthModel(Decimal(200_000)),
        tick=Decimal(tick),
        step=Decimal(step),
        contract_size=Decimal(size),
        open_interest=Decimal(2_000_000),
        perp_volume=Decimal(10_000_000),
        spot_volume=Decimal(20_000),
    )


def _network(network: str, family: Family, fee: str, least: str, **more: Any) -> CoinNetwork:
    return on_paper(network, family, fee, least, name=network.partition("-")[2], **more)


def coins() -> dict[str, Coin]:
    found = (
        Coin("BTC", "Bitcoin", [bitcoin("BTC-Bitcoin", "0.00002", "0.00000001")]),
        Coin("ETH", "Ethereum", [_network("ETH-ERC20", Family.EVM, "0.0004", "0.001", decimals=18)]),
        Coin(
            "USDT",
            "Tether",
            [
                _network("USDT-TRC20", Family.TRON, "1.5", "2", decimals=6, contract=USDT_TRON),
                _network("USDT-ERC20", Family.EVM, "0.8", "2", decimals=6, contract=USDT_EVM, default=False),
            ],
        ),
        Coin(
            "USDC",
            "USD Coin",
            [_network("USDC-ERC20", Family.EVM, "0.44", "1", decimals=6, contract=USDC_EVM)],
        ),
        Coin("XRP", "Ripple", [_network("XRP-Ripple", Family.XRP, "0.1", "1", decimals=6)]),
    )
    return {coin.coin: coin for coin in found}


def collateral() -> dict[str, CollateralRule]:
    rules = (
        tiered("USDT", ("5000000", "1"), ("10000000", "0.9"), (None, "0.8")),
        tiered("USDC", ("5000000", "1"), (None, "0.9")),
        tiered("USD", (None, "1")),
        tiered("BTC", ("20", "0.98"), ("25", "0.9775"), ("100", "0.95"), (None, "0.5")),
        tiered("ETH", ("300", "0.98"), ("1000", "0.95"), (None, "0.5")),
        tiered("XRP", ("1000000", "0.85"), (None, "0")),
    )
    return {rule.asset: rule for rule in rules}


PROFILE = Profile(
    name="okx",
    wallets=(TRADING, FUNDING),
    withdraw_wallet=FUNDING,
    deposit_wallet=FUNDING,
    routes=(WalletRoute("130", TRADING, FUNDING), WalletRoute("131", FUNDING, TRADING)),
    market=market,
    coins=coins,
    collateral=collateral,
    margin_groups=margin_groups,
    wallet_of=lambda contract: TRADING,
    modes=(MULTI_CURRENCY, FUTURES, SPOT),
    fee_mode=FeeMode.ADDED,
    # What a second use of a client id means is nowhere documented: here it is a second withdrawal.
    client_ids=ClientIds.IGNORED,
    client_id_pattern=re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII),
    first_uid=446_556_270_000_000_001,
    withdrawal_id=str,
)
