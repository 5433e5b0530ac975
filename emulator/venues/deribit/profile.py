"""What Deribit is to the engine: one wallet, inverse and linear perpetuals, one chain for each currency.

The fee is added to what is asked for, a repeated ``nonce`` answers the first withdrawal again. Daily
settlement is not here: profits stay unrealised. Sources: Deribit "public/get_currencies",
"public/get_instruments", "private/withdraw".
"""

from __future__ import annotations

import re
from decimal import Decimal

from emulator.venues.deribit.margin import CROSS, RATES, SEGREGATED, WALLET, margin_groups
from emulator.venues.engine.book import DepthModel
from emulator.venues.engine.brackets import Bracket, BracketTable
from emulator.venues.engine.coins import BITCOIN_ADDRESS, Coin, CoinNetwork
from emulator.venues.engine.collateral import CollateralRule, with_haircut
from emulator.venues.engine.exact import ONE, ZERO
from emulator.venues.engine.market import Market, SymbolMarket
from emulator.venues.engine.networks import ETHEREUM, ON_ETHEREUM
from emulator.venues.engine.profile import Profile
from emulator.venues.engine.withdrawals import ClientIds, FeeMode

EVM_ADDRESS = r"^0x[0-9a-fA-F]{40}$"
SOLANA_ADDRESS = r"^[1-9A-HJ-NP-Za-km-z]{32,44}$"
RIPPLE_ADDRESS = r"^r[1-9A-HJ-NP-Za-km-z]{24,34}$"


def market() -> Market:
    """Quantities of inverse contracts are USD, those of linear ones base units."""
    found = (
        _perpetual("BTC-PERPETUAL", "BTC", "USD", "100000", tick="0.5", step="10"),
        _perpetual("ETH-PERPETUAL", "ETH", "USD", "4000", tick="0.05", step="1"),
        _perpetual("BTC_USDC-PERPETUAL", "BTC", "USDC", "100000", tick="1", step="0.0001"),
        _perpetual("SOL_USDC-PERPETUAL", "SOL", "USDC", "200", tick="0.001", step="0.1"),
    )
    indexes = {"USD": ONE, "USDT": ONE, "USDC": ONE, "XRP": Decimal("0.5")}
    return Market({each.symbol: each for each in found}, indexes)


def _perpetual(symbol: str, base: str, quote: str, mark: str, *, tick: str, step: str) -> SymbolMarket:
    rates = RATES[symbol]
    leverage = int(1 / rates.initial)
    band = Bracket(1, leverage, ZERO, Decimal(10) ** 15, rates.maintenance, ZERO)
    return SymbolMarket(
        symbol=symbol,
        base=base,
        quote=quote,
        mark=Decimal(mark),
        brackets=BracketTable(symbol, (band,)),
        depth=DepthModel(Decimal(2_000_000) if quote == "USD" else Decimal(200)),
        tick=Decimal(tick),
        step=Decimal(step),
        inverse=quote == "USD",
        spot=False,
        liquidation_fee=Decimal("0.0075"),
        open_interest=Decimal(900_000_000) if quote == "USD" else Decimal(3000),
        perp_volume=Decimal(7000),
    )


def coins() -> dict[str, Coin]:
    found = (
        _coin("BTC", "Bitcoin", "BTC", BITCOIN_ADDRESS, "0.00001229", decimals=8),
        _coin("ETH", "Ethereum", "ETH", EVM_ADDRESS, "0.001", decimals=18, family="evm"),
        _coin("USDC", "USD Coin", "ETH", EVM_ADDRESS, "5", decimals=6, family="evm"),
        _coin("USDT", "Tether", "ETH", EVM_ADDRESS, "2", decimals=6, family="evm"),
        _coin("SOL", "Solana", "SOL", SOLANA_ADDRESS, "0.00075829", decimals=9),
        _coin("XRP", "XRP", "XRP", RIPPLE_ADDRESS, "0.0001", decimals=6, family="xrp", tag=r"[0-9]{1,10}"),
    )
    return {coin.coin: coin for coin in found}


def _coin(
    coin: str,
    name: str,
    chain: str,
    pattern: str,
    fee: str,
    *,
    decimals: int,
    family: str = "",
    tag: str = "",
) -> Coin:
    """The network has the currency's own name; its `name` is the coin that the chain's fees are paid in."""
    step = Decimal(1).scaleb(-min(decimals, 8))
    network = CoinNetwork(
        network=coin,
        name=chain,
        address_pattern=pattern,
        withdraw_fee=Decimal(fee),
        withdraw_min=step,
        withdraw_max=Decimal(10_000_000),
        withdraw_step=step,
        is_default=True,
        decimals=decimals,
        family=family,
        chain_id=ETHEREUM if family == "evm" else 0,
        contract=ON_ETHEREUM.get(coin, ""),
        tag_pattern=tag,
        tag_required=bool(tag),
    )
    return Coin(coin, name, [network])


def collateral() -> dict[str, CollateralRule]:
    """No haircut counts for the maintenance margin."""
    return {name: with_haircut(name, ZERO) for name in ("BTC", "ETH", "USDC", "USDT", "SOL", "XRP")}


PROFILE = Profile(
    name="deribit",
    wallets=(WALLET,),
    withdraw_wallet=WALLET,
    deposit_wallet=WALLET,
    routes=(),
    market=market,
    coins=coins,
    collateral=collateral,
    margin_groups=margin_groups,
    wallet_of=lambda contract: WALLET,
    modes=(SEGREGATED, CROSS),
    fee_mode=FeeMode.ADDED,
    client_ids=ClientIds.IDEMPOTENT,
    client_id_pattern=re.compile(r"\S{8,128}", re.ASCII),
    first_uid=57_101,
    first_id=301,
    withdrawal_id=str,
)
