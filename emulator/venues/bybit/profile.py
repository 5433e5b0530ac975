"""Bybit as the engine sees it: two wallets and the way between them, coins, contracts, tiers, margin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from emulator.venues.bybit.margin import ISOLATED, PORTFOLIO, REGULAR, UnifiedMargin
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.book import DepthModel
from emulator.venues.engine.brackets import table
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.collateral import CollateralRule, tiered
from emulator.venues.engine.margin import MarginGroup
from emulator.venues.engine.market import Market, SymbolMarket
from emulator.venues.engine.networks import LEAST, USDC_EVM, USDT_EVM, bitcoin, on_paper
from emulator.venues.engine.paper_chain import Family
from emulator.venues.engine.profile import Profile, WalletRoute
from emulator.venues.engine.withdrawals import ClientIds, FeeMode

UNIFIED, FUNDING = "unified", "funding"
WITHDRAW_SPACING_MS = 10_000  # one withdrawal in ten seconds of a coin on a chain

BTC_LIMITS = (
    (100, "2000000", "0.005"),
    (50, "4000000", "0.01"),
    (25, "10000000", "0.02"),
    (10, "40000000", "0.05"),
    (5, "100000000", "0.1"),
)
COIN_LIMITS = (
    (100, "150", "0.005"),
    (50, "300", "0.01"),
    (25, "600", "0.02"),
    (10, "1500", "0.05"),
)


def collateral() -> dict[str, CollateralRule]:
    """Collateral ratios fall with the amount; a debt counts in full."""
    rules = (
        tiered("BTC", ("100", "0.95"), ("500", "0.9"), (None, "0.7")),
        tiered("ETH", ("1000", "0.9"), (None, "0.8")),
        tiered("XRP", ("1000000", "0.85"), (None, "0")),
        tiered("USDT", (None, "1")),
        tiered("USDC", (None, "1")),
    )
    return {rule.asset: rule for rule in rules}


def margin_groups(
    account: Account, market: Market, rules: Mapping[str, CollateralRule]
) -> tuple[MarginGroup, ...]:
    brackets = {name: contract.brackets for name, contract in market.symbols.items()}
    return (MarginGroup(UNIFIED, (UNIFIED,), UnifiedMargin(account.mode, brackets, rules)),)


def wallet_of(contract: SymbolMarket) -> str:
    return UNIFIED


def default_market() -> Market:
    """Perpetuals of BTC in USDT, USDC and in its own coin, and of ETH in USDT."""
    btc, eth = Decimal("80000"), Decimal("2800")
    deep = DepthModel(one_percent=Decimal("900"))
    contracts = (
        SymbolMarket(
            symbol="BTCUSDT",
            base="BTC",
            quote="USDT",
            mark=btc,
            brackets=table("BTCUSDT", BTC_LIMITS),
            depth=deep,
            tick=Decimal("0.10"),
            step=Decimal("0.001"),
            open_interest=Decimal("60000"),
            spot_volume=Decimal("20000"),
            perp_volume=Decimal("110000"),
        ),
        SymbolMarket(
            symbol="ETHUSDT",
            base="ETH",
            quote="USDT",
            mark=eth,
            brackets=table("ETHUSDT", BTC_LIMITS),
            depth=DepthModel(one_percent=Decimal("12000")),
            tick=Decimal("0.01"),
            step=Decimal("0.01"),
            open_interest=Decimal("900000"),
            spot_volume=Decimal("400000"),
            perp_volume=Decimal("3000000"),
        ),
        SymbolMarket(
            symbol="BTCPERP",
            base="BTC",
            quote="USDC",
            mark=btc,
            brackets=table("BTCPERP", BTC_LIMITS),
            depth=DepthModel(one_percent=Decimal("60")),
            tick=Decimal("0.10"),
            step=Decimal("0.001"),
            spot=False,
        ),
        SymbolMarket(
            symbol="BTCUSD",
            base="BTC",
            quote="USD",
            mark=btc,
            brackets=table("BTCUSD", COIN_LIMITS),
            depth=DepthModel(one_percent=Decimal("4000000")),
            tick=Decimal("0.10"),
            step=Decimal("1"),
            inverse=True,
            spot=False,
        ),
    )
    return Market({contract.symbol: contract for contract in contracts})


def default_coins() -> dict[str, Coin]:
    """BTC on its own chain; the others listed, their chains switched off until one is connected."""
    ripple = on_paper(
        "XRP",
        Family.XRP,
        "0.2",
        "2",
        decimals=6,
        name="XRP Ledger",
        most="1000000",
        dust=LEAST,
        connected=False,
    )
    found = {
        "BTC": bitcoin("BTC", "0.000139", "0.00027", dust="0.00001"),
        "USDT": _evm("1", "10", 6, USDT_EVM),
        "USDC": _evm("1", "10", 6, USDC_EVM),
        "ETH": _evm("0.0003", "0.0015", 18),
        "XRP": ripple,
    }
    return {name: Coin(name, name, [network]) for name, network in found.items()}


def _evm(fee: str, least: str, decimals: int, contract: str = "") -> CoinNetwork:
    return on_paper(
        "ETH",
        Family.EVM,
        fee,
        least,
        decimals=decimals,
        name="Ethereum",
        dust=LEAST,
        contract=contract,
        confirmations=(6, 64),
        connected=False,
    )


PROFILE = Profile(
    name="bybit",
    wallets=(UNIFIED, FUNDING),
    withdraw_wallet=FUNDING,
    deposit_wallet=FUNDING,
    routes=(
        WalletRoute("UNIFIED_FUND", UNIFIED, FUNDING),
        WalletRoute("FUND_UNIFIED", FUNDING, UNIFIED),
    ),
    market=default_market,
    coins=default_coins,
    collateral=collateral,
    margin_groups=margin_groups,
    wallet_of=wallet_of,
    modes=(REGULAR, ISOLATED, PORTFOLIO),
    fee_mode=FeeMode.ADDED,
    client_ids=ClientIds.IDEMPOTENT,
    client_id_pattern=re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII),
    withdraw_spacing_ms=WITHDRAW_SPACING_MS,
    withdrawal_id=str,
)
