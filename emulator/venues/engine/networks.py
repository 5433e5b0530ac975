"""What the exchanges' networks have in common: bitcoin's, and those that a chain on paper can stand behind.

An exchange says its code, fee and limits; how addresses look follows from the chain.
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.engine.coins import BITCOIN_ADDRESS, CoinNetwork
from emulator.venues.engine.paper_chain import ADDRESS, Family

USDT_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
USDT_EVM = "0xdac17f958d2ee523a2206206994597c13d831ec7"
USDC_EVM = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
# What lives on Ethereum itself: ether, and the tokens by their contracts there.
ON_ETHEREUM = {"ETH": "", "USDC": USDC_EVM, "USDT": USDT_EVM}
ETHEREUM = 1  # its chain id
TAG = r"[0-9]{1,10}"
LEAST = "0.00000001"
DIGITS = 8  # finer than that no exchange takes an amount


def bitcoin(network: str, fee: str, least: str, *, most: str = "500", dust: str = LEAST) -> CoinNetwork:
    """Bitcoin's own chain; `dust` is what a deposit needs to be credited."""
    return CoinNetwork(
        network=network,
        name="Bitcoin",
        address_pattern=BITCOIN_ADDRESS,
        withdraw_fee=Decimal(fee),
        withdraw_min=Decimal(least),
        withdraw_max=Decimal(most),
        deposit_dust=Decimal(dust),
        is_default=True,
    )


def on_paper(
    network: str,
    family: Family,
    fee: str,
    least: str,
    *,
    decimals: int,
    name: str = "",
    most: str = "10000000",
    dust: str = "0.01",
    default: bool = True,
    contract: str = "",
    confirmations: tuple[int, int] = (1, 2),
    connected: bool = True,
) -> CoinNetwork:
    """A network of another chain; on the XRP Ledger every account has its tag.

    `confirmations` until a deposit is credited, and until it can be withdrawn. One that is not `connected` is
    listed and switched off until a scenario puts a chain behind it.
    """
    tag = TAG if family is Family.XRP else ""
    return CoinNetwork(
        network=network,
        name=name or network,
        address_pattern=f"^{ADDRESS[family].pattern}$",
        withdraw_fee=Decimal(fee),
        withdraw_min=Decimal(least),
        withdraw_max=Decimal(most),
        withdraw_step=Decimal(1).scaleb(-min(decimals, DIGITS)),
        deposit_dust=Decimal(dust),
        min_confirm=confirmations[0],
        unlock_confirm=confirmations[1],
        is_default=default,
        withdraw_enabled=connected,
        deposit_enabled=connected,
        decimals=decimals,
        tag_pattern=tag,
        tag_required=bool(tag),
        family=family,
        contract=contract,
        chain_id=ETHEREUM if family is Family.EVM else 0,
    )
