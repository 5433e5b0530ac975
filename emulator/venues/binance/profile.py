"""Binance as the engine sees it: wallets and the transfers between them, coins, contracts, margin groups."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from emulator.venues.binance.brackets import BTCUSD_PERP, BTCUSDT, ETHUSDT
from emulator.venues.binance.margin import PORTFOLIO_CLOSES_AT, CoinMargin, UsdMargin
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.book import DepthModel
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.collateral import CollateralRule, with_haircut
from emulator.venues.engine.margin import MarginGroup
from emulator.venues.engine.market import Market, SymbolMarket
from emulator.venues.engine.networks import LEAST, USDC_EVM, USDT_EVM, bitcoin, on_paper
from emulator.venues.engine.paper_chain import Family
from emulator.venues.engine.profile import Profile, WalletRoute

SPOT, FUTURES, COIN_FUTURES = "spot", "futures", "coin_futures"
FUNDING, PORTFOLIO = "funding", "portfolio"
MULTI_ASSET, SINGLE_ASSET, PORTFOLIO_MARGIN = "multi_asset", "single_asset", "portfolio"
TO_FUTURES, TO_SPOT = "MAIN_UMFUTURE", "UMFUTURE_MAIN"
# The names of the wallets in the types of `POST /sapi/v1/asset/transfer`.
NAMES = {
    SPOT: "MAIN",
    FUTURES: "UMFUTURE",
    COIN_FUTURES: "CMFUTURE",
    FUNDING: "FUNDING",
    PORTFOLIO: "PORTFOLIO_MARGIN",
}
ROUTES = tuple(
    WalletRoute(f"{NAMES[source]}_{NAMES[target]}", source, target)
    for source in NAMES
    for target in NAMES
    if source != target and (PORTFOLIO not in (source, target) or SPOT in (source, target))
)


def collateral() -> dict[str, CollateralRule]:
    """Collateral value ratios of multi-asset mode: USDC 99.99 %, BTC and ETH 95 %."""
    haircuts = {"USDT": "0", "USDC": "0.0001", "BTC": "0.05", "ETH": "0.05"}
    return {asset: with_haircut(asset, Decimal(haircut)) for asset, haircut in haircuts.items()}


def wallet_of(contract: SymbolMarket) -> str:
    return COIN_FUTURES if contract.inverse else FUTURES


def margin_groups(
    account: Account, market: Market, rules: Mapping[str, CollateralRule]
) -> tuple[MarginGroup, ...]:
    """USDⓈ-M first and each coin of COIN-M by itself; with portfolio margin all of them together."""
    brackets = {name: contract.brackets for name, contract in market.symbols.items()}
    if account.mode == PORTFOLIO_MARGIN:
        model = UsdMargin(brackets, rules, liquidate_at=PORTFOLIO_CLOSES_AT)
        return (MarginGroup("portfolio", (PORTFOLIO, FUTURES, COIN_FUTURES), model),)
    usd = UsdMargin(brackets, rules, account.mode == MULTI_ASSET)
    held = {asset for asset, amount in account.wallet(COIN_FUTURES).items() if amount}
    coins = sorted(held | {contract.settle for contract in market.inverse()})
    return (
        MarginGroup("futures", (FUTURES,), usd),
        *(
            MarginGroup(
                f"coin_futures:{coin}", (COIN_FUTURES,), CoinMargin(coin, brackets), frozenset({coin})
            )
            for coin in coins
        ),
    )


def default_market() -> Market:
    """BTCUSDT and ETHUSDT as on a calm day, and BTC's coin-margined perpetual."""
    btc = SymbolMarket(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        mark=Decimal("80000"),
        brackets=BTCUSDT,
        depth=DepthModel(one_percent=Decimal("900")),
        tick=Decimal("0.10"),
        step=Decimal("0.001"),
        open_interest=Decimal("90000"),
        spot_volume=Decimal("30000"),
        perp_volume=Decimal("180000"),
    )
    eth = SymbolMarket(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        mark=Decimal("2800"),
        brackets=ETHUSDT,
        depth=DepthModel(one_percent=Decimal("12000")),
        tick=Decimal("0.01"),
        step=Decimal("0.001"),
        open_interest=Decimal("2000000"),
        spot_volume=Decimal("600000"),
        perp_volume=Decimal("5000000"),
    )
    coin = SymbolMarket(
        symbol="BTCUSD_PERP",
        base="BTC",
        quote="USD",
        mark=Decimal("80000"),
        brackets=BTCUSD_PERP,
        depth=DepthModel(one_percent=Decimal("400000")),
        tick=Decimal("0.1"),
        step=Decimal("1"),
        inverse=True,
        contract_size=Decimal("100"),
        spot=False,
        open_interest=Decimal("9000000"),
        perp_volume=Decimal("40000000"),
    )
    return Market({market.symbol: market for market in (btc, eth, coin)})


def default_coins() -> dict[str, Coin]:
    """BTC on its own chain; the others listed, their chain not connected and so switched off."""
    btc = bitcoin("BTC", "0.000015", "0.00012", most="2350", dust="0.00001")
    return {
        "BTC": Coin("BTC", "Bitcoin", [btc]),
        "USDT": Coin("USDT", "TetherUS", [_ethereum("1", "10", "310000000", 6, USDT_EVM)]),
        "ETH": Coin("ETH", "Ethereum", [_ethereum("0.0003", "0.001", "10000", 18)]),
        "USDC": Coin("USDC", "USD Coin", [_ethereum("0.6", "5", "235000000", 6, USDC_EVM)]),
    }


def _ethereum(fee: str, least: str, most: str, decimals: int, contract: str = "") -> CoinNetwork:
    found = on_paper(
        "ETH",
        Family.EVM,
        fee,
        least,
        decimals=decimals,
        name="Ethereum (ERC20)",
        most=most,
        dust=LEAST,
        confirmations=(6, 64),
        connected=False,
        contract=contract,
    )
    found.contract_url = "https://etherscan.io/address/" if contract else ""
    found.address_pattern = r"^(0x)[0-9A-Fa-f]{40}$"  # as the exchange writes it
    return found


PROFILE = Profile(
    name="binance",
    wallets=tuple(NAMES),
    withdraw_wallet=SPOT,
    deposit_wallet=SPOT,
    routes=ROUTES,
    market=default_market,
    coins=default_coins,
    collateral=collateral,
    margin_groups=margin_groups,
    wallet_of=wallet_of,
    modes=(MULTI_ASSET, SINGLE_ASSET, PORTFOLIO_MARGIN),
)
