"""What can be withdrawn and deposited: coins, their networks, minimum, fee, step and confirmations.

The numbers are shaped on `GET /sapi/v1/capital/config/getall`. Whether an address belongs to
the right chain is the chain's to say when it pays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from emulator.venues.exact import SATOSHI

# Main, test and regression networks: which of them is real is decided by the chain behind the port.
BITCOIN_ADDRESS = r"^[13mn2][a-km-zA-HJ-NP-Z1-9]{25,34}$|^(bc|tb|bcrt)1[02-9ac-hj-np-z]{11,87}$"


@dataclass(slots=True)
class CoinNetwork:
    """One way in and out for a coin. The flags and the fee are a scenario's to change."""

    network: str
    name: str
    address_pattern: str
    withdraw_fee: Decimal
    withdraw_min: Decimal
    withdraw_max: Decimal
    withdraw_step: Decimal = SATOSHI
    deposit_dust: Decimal = SATOSHI
    min_confirm: int = 1
    unlock_confirm: int = 2
    is_default: bool = False
    withdraw_enabled: bool = True
    deposit_enabled: bool = True
    contract_url: str = ""
    contract: str = ""


@dataclass(slots=True)
class Coin:
    coin: str
    name: str
    networks: list[CoinNetwork] = field(default_factory=list)

    def network(self, code: str | None) -> CoinNetwork | None:
        """The network with this code, or the default one for None; None when there is none."""
        for candidate in self.networks:
            if candidate.network == code or (code is None and candidate.is_default):
                return candidate
        return None


def default_coins() -> dict[str, Coin]:
    """BTC on its own chain; USDT and ETH listed, their chain not connected and so switched off."""
    btc = CoinNetwork(
        network="BTC",
        name="Bitcoin",
        address_pattern=BITCOIN_ADDRESS,
        withdraw_fee=Decimal("0.000015"),
        withdraw_min=Decimal("0.00012"),
        withdraw_max=Decimal("2350"),
        deposit_dust=Decimal("0.00001"),
        is_default=True,
    )
    erc20 = CoinNetwork(
        network="ETH",
        name="Ethereum (ERC20)",
        address_pattern=r"^(0x)[0-9A-Fa-f]{40}$",
        withdraw_fee=Decimal("1"),
        withdraw_min=Decimal("10"),
        withdraw_max=Decimal("310000000"),
        withdraw_step=Decimal("0.000001"),
        min_confirm=6,
        unlock_confirm=64,
        is_default=True,
        withdraw_enabled=False,
        deposit_enabled=False,
        contract_url="https://etherscan.io/address/",
        contract="0xdac17f958d2ee523a2206206994597c13d831ec7",
    )
    ether = CoinNetwork(
        network="ETH",
        name="Ethereum (ERC20)",
        address_pattern=r"^(0x)[0-9A-Fa-f]{40}$",
        withdraw_fee=Decimal("0.0003"),
        withdraw_min=Decimal("0.001"),
        withdraw_max=Decimal("10000"),
        min_confirm=6,
        unlock_confirm=64,
        is_default=True,
        withdraw_enabled=False,
        deposit_enabled=False,
    )
    return {
        "BTC": Coin("BTC", "Bitcoin", [btc]),
        "USDT": Coin("USDT", "TetherUS", [erc20]),
        "ETH": Coin("ETH", "Ethereum", [ether]),
    }
